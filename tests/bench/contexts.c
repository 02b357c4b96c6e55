/* SPDX-License-Identifier: MIT */
/* contexts.c - the rows about the current context and the store: W8 */
#include <stdio.h>

#include "bench.h"

enum { ENTRIES = 10, MILLION = 1000000 };

static tote_store *store;
static tote_context *context;

static void make_store(void) {
    char key[16];

    store = tote_store_new(tote_store_root());
    for (int i = 0; i < ENTRIES; i++) {
        snprintf(key, sizeof key, "key.%d", i);
        tote_store_add(store, key, tote_string("value-0123456789"));
    }
    context = tote_context_with_store(tote_context_root(), store);
}

static void drop_store(void) {
    tote_context_unref(context);
    tote_store_unref(store);
}

static void attach_and_detach(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_context_detach(tote_context_attach(context));
    }
}

static int do_nothing(void *arg) {
    bench_sink = (uint64_t)(uintptr_t)arg;
    return 0;
}

static void run(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_context_run(context, do_nothing, NULL);
    }
}

static void get(size_t count) {
    char value[64];

    for (size_t i = 0; i < count; i++) {
        bench_sink = (uint64_t)tote_store_get(store, "key.5", value, sizeof value);
    }
}

/* A slot is set and restored. */
static void slot_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        floor_call();
        floor_block();
    }
}

/* A hash, ten comparisons of it, and the copy. */
static void get_floor(size_t count) {
    static const uint32_t hashes[ENTRIES] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10};

    for (size_t i = 0; i < count; i++) {
        uint32_t wanted = (uint32_t)floor_draw() | 1U << 31;
        for (size_t entry = 0; entry < ENTRIES; entry++) {
            bench_sink = hashes[entry] == wanted;
        }
        floor_copy(16);
    }
}

static const struct bench_row rows[] = {
    {.id = "W8",
     .name = "attach and detach a ready context",
     .count = 5 * MILLION,
     .set_up = make_store,
     .work = attach_and_detach,
     .tear_down = drop_store,
     .floor = slot_floor},
    {.id = "W8r",
     .name = "tote_context_run of an empty function",
     .count = 5 * MILLION,
     .set_up = make_store,
     .work = run,
     .tear_down = drop_store,
     .floor = slot_floor},
    {.id = "W8g",
     .name = "get 1 of 10 from the store, copied out",
     .count = 2 * MILLION,
     .set_up = make_store,
     .work = get,
     .tear_down = drop_store,
     .floor = get_floor},
};
const struct bench_table bench_contexts = BENCH_TABLE(rows);
