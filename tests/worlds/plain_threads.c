/* SPDX-License-Identifier: MIT */
/*
 * plain_threads.c - a program of plain pthread_create(): how many of its threads see the store of
 * their creator
 *
 *   plain_threads EXPECTED: none as it is, all with tote-preload-threads.so
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

enum { THREADS = 64 };

static tote_tracer *tracer;

static int work(void *arg) {
    return tote_store_get(tote_store_current(), "user", arg, 16) >= 0;
}

/* Alternately by returning and by pthread_exit(). */
static void *run(void *arg) {
    char user[16] = "";
    bool is_known = tote_run_scoped(tracer, "thread", NULL, work, user) && strcmp(user, "u_1") == 0;
    uintptr_t number = (uintptr_t)arg;

    if (number % 2) {
        pthread_exit((void *)(uintptr_t)is_known);
    }
    return (void *)(uintptr_t)is_known;
}

static size_t count_children(const tote_in_memory_spans *memory, const tote_span_context *parent) {
    size_t count = 0;

    for (size_t i = 0; i < tote_in_memory_spans_get_count(memory); i++) {
        const tote_span_context *own =
            tote_span_data_get_parent(tote_in_memory_spans_get_at(memory, i));
        count += memcmp(tote_span_context_get_span_id(own), tote_span_context_get_span_id(parent),
                        sizeof(tote_span_id)) == 0;
    }
    return count;
}

int main(int argc, char **argv) {
    size_t expected = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    pthread_t threads[THREADS];
    size_t known = 0;

    tracer = tote_get_tracer("plain", NULL);
    tote_scope *scope = tote_scope_open(tracer, "around", NULL);
    tote_store_add(tote_store_current(), "user", tote_string("u_1"));
    for (uintptr_t i = 0; i < THREADS; i++) {
        if (pthread_create(&threads[i], NULL, run, (void *)i) != 0) {
            return 1;
        }
    }
    for (size_t i = 0; i < THREADS; i++) {
        void *is_known;
        pthread_join(threads[i], &is_known);
        known += (uintptr_t)is_known;
    }
    size_t children = count_children(memory, tote_span_get_context(tote_scope_get_span(scope)));
    tote_scope_close(&scope);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    printf("%zu of %d threads know their creator's store, %zu are its children; %zu expected\n",
           known, THREADS, children, expected);
    return known != expected || children != expected;
}
