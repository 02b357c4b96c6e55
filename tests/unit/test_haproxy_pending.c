/* SPDX-License-Identifier: MIT */
/*
 * test_haproxy_pending.c - the table of requests, compared with a list
 */
#include "support.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pending.h"

enum { CAPACITY = 13, STEPS = 20000, STREAMS = 20, PORTS = 2 };

/* Requests in the order of their beginning. */
struct model {
    struct pending_key keys[CAPACITY];
    tote_span *clients[CAPACITY];
    uint64_t since[CAPACITY];
    size_t count;
};

static size_t find(const struct model *model, struct pending_key key) {
    size_t i = 0;

    while (i < model->count &&
           (model->keys[i].stream != key.stream || model->keys[i].port != key.port)) {
        i++;
    }
    return i;
}

static void remove_at(struct model *model, size_t at) {
    size_t left = --model->count - at;

    memmove(model->keys + at, model->keys + at + 1, left * sizeof *model->keys);
    memmove(model->clients + at, model->clients + at + 1, left * sizeof *model->clients);
    memmove(model->since + at, model->since + at + 1, left * sizeof *model->since);
}

static void check_oldest(const struct pending *table, const struct model *model) {
    struct pending_key key;
    uint64_t since;

    assert_int_equal(pending_count(table), model->count);
    assert_true(pending_oldest(table, &key, &since) == (model->count > 0));
    if (model->count) {
        assert_true(find(model, key) == 0 && since == model->since[0]);
    }
}

static void the_table_behaves_like_a_list_of_the_same_requests(void **state) {
    struct pending *table = pending_new(CAPACITY);
    struct model model = {.count = 0};
    uint32_t random = 1;

    (void)state;
    assert_non_null(table);
    for (uintptr_t step = 1; step <= STEPS; step++) {
        random = random * 1664525 + 1013904223;
        struct pending_key key = {(random >> 16) % STREAMS, (random >> 24) % PORTS};
        struct pending_spans spans = {.client = (tote_span *)step};
        size_t at = find(&model, key);
        assert_true(pending_take(table, key, &spans) == (at < model.count));
        if (at < model.count) {
            assert_ptr_equal(spans.client, model.clients[at]);
            remove_at(&model, at);
        } else if (model.count < CAPACITY) {
            pending_add(table, key, spans, step);
            model.keys[model.count] = key;
            model.clients[model.count] = spans.client;
            model.since[model.count++] = step;
        }
        check_oldest(table, &model);
    }
    pending_free(table);
    pending_free(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_table_behaves_like_a_list_of_the_same_requests),
    };

    return RUN_TESTS(tests, argc, argv);
}
