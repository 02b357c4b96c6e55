/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "store_fixture.h"
#include "tote/baggage.h"
#include "tote/internal/store.h"

/*
 * A tree of stores and overlays is changed at random, and compared with a simple model: a table of
 * the entry of each key in each store.
 */
enum { NODES = 12, KEYS = 10, LONGEST_VALUE = 600, STEPS = 60000 };

/* Two pairs have the same hash in a record; two keys are long and differ in their last letter. */
static const char *const keys[KEYS] = {
    "a",
    "b",
    "key115330",
    "key154451",
    "key056585",
    "key173390",
    "a.key.of.twenty.four.xxx",
    "",
    "long.long.long.long.long.long.long.long.long.long.long.long.long.long.long.long.q",
    "long.long.long.long.long.long.long.long.long.long.long.long.long.long.long.long.r",
};

enum says { NOTHING, A_VALUE, THAT_IT_IS_DELETED };

struct said {
    enum says says;
    char value[LONGEST_VALUE];
    uint32_t visibility;
};

struct node {
    tote_store *store; /* NULL: not in use */
    struct node *parent;
    bool is_overlay;
    struct said said[KEYS];
};

struct model {
    struct node nodes[NODES];
    uint64_t random;
};

/* A number below `limit`, the same in each run. */
static uint32_t pick(struct model *model, uint32_t limit) {
    model->random ^= model->random << 13;
    model->random ^= model->random >> 7;
    model->random ^= model->random << 17;
    return (uint32_t)(model->random >> 20) % limit;
}

static struct node *pick_node(struct model *model) {
    struct node *node;

    do {
        node = &model->nodes[pick(model, NODES)];
    } while (!node->store);
    return node;
}

/* What is visible of the key; NULL: nothing. */
static const struct said *resolve(const struct node *node, uint32_t key) {
    bool hides_propagating = false;

    for (; node; node = node->parent) {
        const struct said *said = &node->said[key];
        bool is_hidden = hides_propagating && said->visibility & TOTE_VISIBILITY_BAGGAGE;
        if (said->says != NOTHING) {
            return said->says == A_VALUE && !is_hidden ? said : NULL;
        }
        hides_propagating |= node->is_overlay;
    }
    return NULL;
}

/* The empty key is invalid, an overlay is sealed. */
static bool takes(const struct node *node, uint32_t key) {
    return !node->is_overlay && keys[key][0];
}

static void add(struct model *model, struct node *node, uint32_t key) {
    struct said said = {.says = A_VALUE, .visibility = pick(model, 4)};
    size_t length = 1 + pick(model, pick(model, 20) ? 20 : LONGEST_VALUE - 1);

    memset(said.value, (char)('a' + pick(model, 26)), length);
    bool is_added = tote_store_add_as(node->store, keys[key], tote_string(said.value),
                                      said.visibility, said.value);
    assert_int_equal(is_added, takes(node, key));
    if (is_added) {
        node->said[key] = said;
    }
}

static void remove_key(struct node *node, uint32_t key) {
    bool was_visible = takes(node, key) && resolve(node, key);

    assert_int_equal(tote_store_delete(node->store, keys[key]), was_visible);
    if (takes(node, key)) {
        node->said[key].says = node->parent ? THAT_IT_IS_DELETED : NOTHING;
    }
}

static void check_get(const struct node *node, uint32_t key) {
    const struct said *said = resolve(node, key);
    char text[LONGEST_VALUE];
    ptrdiff_t length = tote_store_get(node->store, keys[key], text, sizeof text);

    assert_int_equal(length, said ? (ptrdiff_t)strlen(said->value) : -1);
    assert_string_equal(text, said ? said->value : "");
}

static void check_get_all(const struct node *node) {
    tote_entries *entries = tote_store_get_all(node->store);
    size_t count = 0;

    for (uint32_t key = 0; key < KEYS; key++) {
        const struct said *said = resolve(node, key);
        const tote_entry *entry = tote_entries_find(entries, keys[key]);
        assert_int_equal(entry != NULL, said != NULL);
        if (said) {
            assert_string_equal(entry->value.as.string, said->value);
            assert_string_equal(entry->metadata, said->value);
            assert_int_equal(entry->visibility, said->visibility);
            count++;
        }
    }
    assert_int_equal(tote_entries_get_count(entries), count);
    tote_entries_free(entries);
}

/* An overlay without one key, or an empty one. */
static tote_store *overlay_of(tote_store *parent, const char *without) {
    tote_context *context = tote_context_with_store(tote_context_root(), parent);
    tote_context *changed = without ? tote_context_without_baggage(context, without)
                                    : tote_context_with_empty_baggage(context);
    tote_store *store = tote_store_ref(tote_context_get_store(changed));

    tote_context_unref(changed);
    tote_context_unref(context);
    return store;
}

static void grow(struct model *model, struct node *node, struct node *parent) {
    uint32_t without = pick(model, 7); /* whose keys are not empty */
    uint32_t kind = pick(model, 8);

    memset(node->said, 0, sizeof node->said);
    node->parent = parent;
    node->is_overlay = kind < 2;
    if (!node->is_overlay) {
        node->store = tote_store_new(parent->store);
        return;
    }
    for (uint32_t key = 0; kind == 0 && key < KEYS; key++) {
        const struct said *said = resolve(parent, key);
        if (said && said->visibility & TOTE_VISIBILITY_BAGGAGE && key != without) {
            node->said[key] = *said;
        }
    }
    node->store = overlay_of(parent->store, kind == 0 ? keys[without] : NULL);
}

/* Its children keep it alive, but the model would look for it here. */
static void drop(struct model *model, struct node *node) {
    for (size_t i = 0; i < NODES; i++) {
        if (model->nodes[i].store && model->nodes[i].parent == node) {
            return;
        }
    }
    tote_store_unref(node->store);
    node->store = NULL;
    node->parent = NULL;
}

static void grow_or_drop(struct model *model, struct node *parent) {
    struct node *node = &model->nodes[1 + pick(model, NODES - 1)];

    if (node->store) {
        drop(model, node);
    } else {
        grow(model, node, parent);
    }
}

static void take_a_step(struct model *model) {
    struct node *node = pick_node(model);
    uint32_t key = pick(model, KEYS);
    uint32_t step = pick(model, 20);

    if (step < 7) {
        add(model, node, key);
    } else if (step < 11) {
        remove_key(node, key);
    } else if (step < 15) {
        check_get(node, key);
    } else if (step < 17) {
        check_get_all(node);
    } else {
        grow_or_drop(model, node);
    }
}

/* Any changes, in any order. */
static void a_randomly_changed_tree_equals_a_simple_model(void **state) {
    (void)state;
    long before = atomic_load(&memory.live_bytes);
    static struct model model = {.random = 88172645463325252U};
    count_diagnostics(); /* overlays refuse writes, which is reported */
    model.nodes[0].store = tote_store_new(NULL);

    for (int i = 0; i < STEPS; i++) {
        take_a_step(&model);
    }
    for (size_t i = 0; i < NODES; i++) {
        tote_store_unref(model.nodes[i].store);
    }
    assert_int_equal(atomic_load(&memory.live_bytes), before);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_randomly_changed_tree_equals_a_simple_model),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
