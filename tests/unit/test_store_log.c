/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "store/store_node.h"
#include "store_fixture.h"
#include "tote/internal/text.h"

/*
 * Keys of one length whose hashes are equal in the 32 bits that a record keeps. The keys of the
 * first pair differ only after a whole word, those of the second one before it.
 */
static char twins[2][2][32];

struct hashed {
    uint32_t hash;
    unsigned number;
};

static int by_hash(const void *a, const void *b) {
    const struct hashed *one = a;
    const struct hashed *other = b;

    return (one->hash > other->hash) - (one->hash < other->hash);
}

static void write_key(char *key, size_t pair, unsigned number) {
    snprintf(key, sizeof twins[0][0], pair ? "%06u.user-name" : "request.header-%06u", number);
}

/* Which keys these are depends on the byte order. Of so many keys, about ten pairs have equal
 * hashes. */
static void find_twins(size_t pair) {
    enum { KEYS = 300000 };
    struct hashed *keys = calloc(KEYS, sizeof *keys);
    char key[sizeof twins[0][0]];
    unsigned i = 1;

    assert_non_null(keys);
    for (unsigned number = 0; number < KEYS; number++) {
        write_key(key, pair, number);
        keys[number] = (struct hashed){(uint32_t)tote__hash(key, strlen(key)), number};
    }
    qsort(keys, KEYS, sizeof *keys, by_hash);
    while (i < KEYS && keys[i].hash != keys[i - 1].hash) {
        i++;
    }
    assert_true(i < KEYS);
    write_key(twins[pair][0], pair, keys[i - 1].number);
    write_key(twins[pair][1], pair, keys[i].number);
    free(keys);
}

static int find_all_twins(void **state) {
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(twins) && !*twins[i][0]; i++) {
        find_twins(i);
    }
    return 0;
}

/* A text of this many letters; the caller frees it. */
static char *letters(size_t length, char letter) {
    char *text = malloc(length + 1);

    assert_non_null(text);
    memset(text, letter, length);
    text[length] = '\0';
    return text;
}

/* Hashes are compared first; equal hashes are followed by a comparison of the keys. */
static void keys_with_the_same_hash_are_distinct(void **state) {
    (void)state;

    for (size_t i = 0; i < TOTE_COUNT_OF(twins); i++) {
        const char *one = twins[i][0];
        const char *other = twins[i][1];
        tote_store *parent = tote_store_new(NULL);
        tote_store *child = tote_store_new(parent);
        assert_int_equal((uint32_t)tote__hash(one, strlen(one)),
                         (uint32_t)tote__hash(other, strlen(other)));

        tote_store_add(parent, one, tote_string("1"));
        assert_true(has_value(child, other, NULL));
        tote_store_add(child, other, tote_string("2"));
        assert_true(has_value(child, one, "1"));
        tote_entries *entries = tote_store_get_all(child);
        assert_int_equal(tote_entries_get_count(entries), 2);
        assert_true(lists(entries, one, "1"));
        assert_true(lists(entries, other, "2"));
        tote_entries_free(entries);
        assert_true(tote_store_delete(child, one));
        assert_true(has_value(child, one, NULL));
        assert_true(has_value(child, other, "2"));
        tote_store_unref(child);
        tote_store_unref(parent);
    }
}

/* The same while the log is rewritten. */
static void keys_with_the_same_hash_survive_a_rewrite_of_the_log(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    char text[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        assert_true(tote_store_add(store, twins[0][i % 2], tote_string(text)));
        assert_true(has_value(store, twins[0][i % 2], text));
        snprintf(text, sizeof text, "%d", i - 1);
        assert_true(i == 0 || has_value(store, twins[0][!(i % 2)], text));
    }
    tote_store_unref(store);
}

/* Every fill level of the first log, up to the last word and one beyond. */
static void a_record_can_fill_the_rest_of_a_log_to_the_last_word(void **state) {
    (void)state;

    for (size_t length = 0; length <= 2 * STORE_FIRST_WORDS * sizeof(uint64_t); length++) {
        tote_store *store = tote_store_new(NULL);
        char *text = letters(length, 'x');
        assert_true(tote_store_add(store, "first", tote_string("1")));
        assert_true(tote_store_add(store, "filling", tote_string(text)));
        assert_true(tote_store_add(store, "last", tote_string("3")));
        assert_true(has_value(store, "first", "1"));
        assert_int_equal(tote_store_get(store, "filling", NULL, 0), length);
        assert_true(has_value(store, "last", "3"));
        free(text);
        tote_store_unref(store);
    }
}

/* The largest value that `key` may have. Adds and deletes. */
static size_t largest_value(tote_store *store, const char *key) {
    char *text = letters(TOTE_STORE_MAX_BYTES, 'x');
    size_t fits = 0;

    for (size_t step = TOTE_STORE_MAX_BYTES; step > 0; step /= 2) {
        size_t length = fits + step;
        if (length <= TOTE_STORE_MAX_BYTES &&
            tote_store_add(store, key, tote_string_of(text, length))) {
            fits = length;
        }
    }
    tote_store_delete(store, key);
    free(text);
    return fits;
}

static void the_limit_is_the_same_for_every_fill_level_of_a_store(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    size_t fits = largest_value(store, "key");
    char *text = letters(fits + 8, 'x');

    assert_in_range(fits, TOTE_STORE_MAX_BYTES - 64, TOTE_STORE_MAX_BYTES);
    for (int i = 0; i < 20; i++) {
        assert_true(tote_store_add(store, "key", tote_string_of(text, fits)));
        assert_false(tote_store_add(store, "key", tote_string_of(text, fits + 8)));
        assert_false(tote_store_add(store, "k", tote_int(1)));
        assert_int_equal(tote_store_get(store, "key", NULL, 0), fits);
        assert_true(i % 2 || tote_store_delete(store, "key"));
    }
    free(text);
    tote_store_unref(store);
}

/* Keys that fit into a record, and keys that do not. */
static void long_keys_are_kept_or_refused_whole(void **state) {
    (void)state;
    static const struct {
        size_t length;
        bool is_kept;
    } rows[] = {{255, true},    {32000, true},  {32768, false},
                {65535, false}, {65536, false}, {1 << 20, false}};

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_store *store = tote_store_new(NULL);
        char *key = letters(rows[i].length, 'k');
        assert_int_equal(tote_store_add(store, key, tote_string("1")), rows[i].is_kept);
        assert_true(has_value(store, key, rows[i].is_kept ? "1" : NULL));
        key[rows[i].length - 1] = 'l'; /* of the same length, and different */
        assert_true(has_value(store, key, NULL));
        assert_false(tote_store_delete(store, key));
        key[rows[i].length - 1] = 'k';
        assert_int_equal(tote_store_delete(store, key), rows[i].is_kept);
        assert_true(has_value(store, key, NULL));
        free(key);
        tote_store_unref(store);
    }
}

/* A tombstone needs only a key. */
static void the_longest_key_can_be_deleted_in_a_child_store_that_inherits_it(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *child = tote_store_new(parent);
    char *key = letters(RECORD_LONGEST_TEXT, 'k');

    assert_false(tote_store_delete(child, key));
    assert_true(has_value(child, key, NULL));
    assert_false(tote_store_add(parent, key, tote_int(1)));
    free(key);
    tote_store_unref(child);
    tote_store_unref(parent);
}

/* The limit counts the words that a store keeps. */
static void a_store_can_be_filled_to_the_last_byte_of_its_limit(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    size_t fits = largest_value(store, "key");
    char *text = letters(fits, 'x');
    tote_store_unref(store);
    store = tote_store_new(NULL);

    assert_true(tote_store_add(store, "key", tote_string(text)));
    const struct store_log *log = atomic_load(&store->current);
    assert_int_equal(tote__log_extent(log).length * sizeof(uint64_t), TOTE_STORE_MAX_BYTES);
    free(text);
    tote_store_unref(store);
}

/* Metadata of the longest permitted length, and longer. */
static void long_metadata_is_kept_or_refused_whole(void **state) {
    (void)state;
    static const struct {
        size_t length;
        bool is_kept;
    } rows[] = {{0, true},      {1, true},      {65000, true},
                {65535, false}, {65536, false}, {1 << 20, false}};

    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_store *store = tote_store_new(NULL);
        char *metadata = letters(rows[i].length, 'm');
        assert_int_equal(
            tote_store_add_as(store, "k", tote_string("1"), TOTE_VISIBILITY_BAGGAGE, metadata),
            rows[i].is_kept);
        tote_entries *entries = tote_store_get_all(store);
        const tote_entry *entry = tote_entries_find(entries, "k");
        assert_int_equal(entry != NULL, rows[i].is_kept);
        assert_true(!entry || strcmp(entry->metadata, metadata) == 0);
        tote_entries_free(entries);
        free(metadata);
        tote_store_unref(store);
    }
}

/* The state that a child sees that was forked between the two steps of replacing an entry. */
static tote_store *half_replaced(tote_store *parent) {
    tote_store *store = tote_store_new(parent);
    tote_store *other = tote_store_new(NULL);
    const char key[] = "token";
    uint64_t words[64];

    tote_store_add(store, key, tote_string("old"));
    tote_store_add(other, key, tote_string("new"));
    struct store_log *log = atomic_load(&other->current);
    tote__log_read(log, 0, tote__log_extent(log).length, words);
    struct store_record record = tote__record_parse(words);
    assert_true(tote__store_append(store, &record)); /* and the old one is not marked */
    assert_true(has_value(store, key, "new"));
    tote_store_unref(other);
    return store;
}

/* Until the log has been rewritten. */
static void rewrite(tote_store *store) {
    for (int i = 0; i < 100; i++) {
        tote_store_add(store, "filling", tote_int(i));
    }
}

/* The old value is never visible, whenever the process forked. */
static void a_half_replaced_entry_is_deleted_permanently(void **state) {
    (void)state;
    tote_store *parents[] = {NULL, tote_store_new(NULL)};

    for (size_t i = 0; i < TOTE_COUNT_OF(parents); i++) {
        tote_store *store = half_replaced(parents[i]);
        assert_true(tote_store_delete(store, "token"));
        assert_true(has_value(store, "token", NULL));
        rewrite(store);
        assert_true(has_value(store, "token", NULL));
        assert_false(tote_store_delete(store, "token"));
        tote_store_unref(store);
    }
    tote_store_unref(parents[1]);
}

static void a_half_replaced_entry_has_the_new_value(void **state) {
    (void)state;
    tote_store *store = half_replaced(NULL);

    rewrite(store);
    assert_true(has_value(store, "token", "new"));
    tote_entries *entries = tote_store_get_all(store);
    assert_int_equal(tote_entries_get_count(entries), 2);
    tote_entries_free(entries);
    tote_store_unref(store);
}

static void a_half_replaced_entry_can_be_deleted_out_of_memory(void **state) {
    (void)state;
    tote_store *store = half_replaced(NULL);
    atomic_store(&memory.is_out, true);
    while (tote_store_add(store, "filling", tote_int(1))) {
        continue;
    }

    assert_true(tote_store_delete(store, "token"));
    atomic_store(&memory.is_out, false);

    rewrite(store);
    assert_true(has_value(store, "token", NULL));
    tote_store_unref(store);
}

/* A value without memory is absent, not empty. */
static void a_value_without_memory_is_absent_and_not_empty(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    tote_value items[200];
    for (size_t i = 0; i < TOTE_COUNT_OF(items); i++) {
        items[i] = tote_int((int64_t)i);
    }
    tote_store_add(store, "list", tote_array(items, TOTE_COUNT_OF(items)));
    ptrdiff_t length = tote_store_get(store, "list", NULL, 0);
    count_diagnostics();

    atomic_store(&memory.is_out, true);
    ptrdiff_t without_memory = tote_store_get(store, "list", NULL, 0);
    atomic_store(&memory.is_out, false);

    assert_int_equal(without_memory, -1);
    assert_int_equal(diagnostics, 1);
    assert_int_equal(tote_store_get(store, "list", NULL, 0), length);
    tote_store_unref(store);
}

static void a_thousand_keys_are_replaced_and_deleted_one_by_one(void **state) {
    (void)state;
    tote_store *parent = tote_store_new(NULL);
    tote_store *store = tote_store_new(parent);
    char key[24];
    char text[24];

    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < 1000; i++) {
            snprintf(key, sizeof key, "k%d", i);
            assert_true(tote_store_add_as(store, key, tote_int(round * 1000 + i), 0, NULL));
        }
    }
    for (int i = 0; i < 1000; i += 2) {
        snprintf(key, sizeof key, "k%d", i);
        assert_true(tote_store_delete(store, key));
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "k%d", i);
        snprintf(text, sizeof text, "%d", 1000 + i);
        assert_true(has_value(store, key, i % 2 ? text : NULL));
    }
    tote_store_unref(store);
    tote_store_unref(parent);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(keys_with_the_same_hash_are_distinct, find_all_twins),
        cmocka_unit_test_setup(keys_with_the_same_hash_survive_a_rewrite_of_the_log,
                               find_all_twins),
        TEST(a_record_can_fill_the_rest_of_a_log_to_the_last_word),
        TEST(the_limit_is_the_same_for_every_fill_level_of_a_store),
        TEST(a_store_can_be_filled_to_the_last_byte_of_its_limit),
        TEST(long_keys_are_kept_or_refused_whole),
        TEST(the_longest_key_can_be_deleted_in_a_child_store_that_inherits_it),
        TEST(long_metadata_is_kept_or_refused_whole),
        TEST(a_half_replaced_entry_is_deleted_permanently),
        TEST(a_half_replaced_entry_has_the_new_value),
        TEST(a_half_replaced_entry_can_be_deleted_out_of_memory),
        TEST(a_value_without_memory_is_absent_and_not_empty),
        TEST(a_thousand_keys_are_replaced_and_deleted_one_by_one),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
