/* SPDX-License-Identifier: MIT */
/*
 * interpose.c - client spans for programs that use libpq and are not changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-pq.so psql
 *
 * Each function finds the libpq that its caller is bound to, and calls the function there by the
 * rules of calls.c. Calls of libpq itself, and of libtote-pq, are passed on.
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include "pq_parts.h"
#include "tote/internal/preload.h"

struct library {
    struct tote__preload_library base;
    struct tote__pq pq;
};

/* The libpq that is called on this thread. */
static _Thread_local const struct library *entered __attribute__((tls_model("initial-exec")));

#define CALLED(type, pq_name, name, parameters, arguments)                                         \
    {#pq_name, offsetof(struct library, pq.name), TOTE__PRELOAD_OPTIONAL},
#define USED(pq_name, name) {#pq_name, offsetof(struct library, pq.name), TOTE__PRELOAD_OPTIONAL},

/* libpq before version 14 has no pipelines. Its calls are passed on. */
static const struct tote__preload_function functions[] = {TOTE__PQ_CALLS(CALLED)
                                                              TOTE__PQ_REQUIRED(USED)};

/*
 * The spans that are not ended, by operation. A program can exit before it has taken all results,
 * while other threads go on: the thread that takes the span out of the struct ends it.
 */
struct begun {
    struct tote__preload_handle base;
    _Atomic(tote_span *) span;
};

static struct tote__preload_table table = {.size = sizeof(struct begun)};

static void begin(const struct tote__pq_operation *operation) {
    struct begun *added = (struct begun *)tote__preload_handle_add(&table, operation);

    if (added) {
        atomic_store(&added->span, tote_span_ref(operation->span));
    }
}

static void end(const struct tote__pq_operation *operation) {
    struct begun *found = (struct begun *)tote__preload_handle_find(&table, operation);

    if (found) {
        tote_span_unref(atomic_exchange(&found->span, NULL));
        tote__preload_handle_remove(&table, operation);
    }
}

static void end_all(void) {
    for (size_t i = 0; i < TOTE__PRELOAD_BUCKETS; i++) {
        for (struct tote__preload_handle *at = atomic_load(&table.buckets[i]); at; at = at->next) {
            tote_span *span = atomic_exchange(&((struct begun *)at)->span, NULL);
            if (span) {
                tote_database_set_error(span, NULL, "exit", NULL);
                tote_span_close(&span);
            }
        }
    }
}

static void set_up(struct tote__preload_library *library) {
    struct tote__pq *pq = &((struct library *)library)->pq;

    tote__preload_at_exit(end_all);
    pq->parent = tote__preload_parent;
    pq->begun = begin;
    pq->ended = end;
}

static struct tote__preload_kind kind = {
    .file = "libpq",
    .size = sizeof(struct library),
    .functions = functions,
    .function_count = TOTE_COUNT_OF(functions),
    .set_up = set_up,
};

/* A library with what a call needs of it. */
struct target {
    struct library *library; /* NULL: there is none */
    bool is_traced;
};

static struct target find(void *caller) {
    uintptr_t address = (uintptr_t)caller;
    struct target target = {NULL, false};

    if (entered && address >= entered->base.start && address < entered->base.end) {
        target.library = (struct library *)entered; /* calls itself */
        return target;
    }
    target.library = (struct library *)tote__preload_library_of(&kind, caller);
    target.is_traced = target.library && target.library->base.is_complete &&
                       !tote__preload_is_internal(&kind, caller);
    return target;
}

#define INTERPOSED(type, pq_name, name, parameters, arguments)                                     \
    TOTE_API type pq_name(TOTE__PQ_UNPACK parameters) {                                            \
        struct target target = find(TOTE__PRELOAD_CALLER);                                         \
        const struct library *outer = entered;                                                     \
        type result = (type)0;                                                                     \
                                                                                                   \
        if (!target.library || !target.library->pq.name) {                                         \
            return result;                                                                         \
        }                                                                                          \
        if (!target.is_traced) {                                                                   \
            return target.library->pq.name arguments;                                              \
        }                                                                                          \
        entered = target.library;                                                                  \
        result = tote__pq_##name(&target.library->pq, TOTE__PQ_UNPACK arguments);                  \
        entered = outer;                                                                           \
        return result;                                                                             \
    }

TOTE__PQ_CALLS(INTERPOSED)
