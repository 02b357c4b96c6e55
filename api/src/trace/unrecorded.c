/* SPDX-License-Identifier: MIT */
/*
 * unrecorded.c - spans that are started while no SDK is running
 *
 * Each thread has its own counter. Another thread may adopt the counter after its thread ended. In
 * a program without an SDK, a span costs one store and touches no shared cache line.
 *
 * Tests: tests/unit/test_open_spans.c
 */
#include "tote/internal/unrecorded.h"

#include <stdio.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/owned.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

struct tote__tally {
    struct tote__owned owned;
    _Atomic(uint64_t) count; /* written only by the owner */
};

static struct tote__owned_list all_tallies;

/* The data that an SDK takes when it starts. */
static struct {
    struct tote__lock lock;
    uint32_t generation; /* of the process that this belongs to */
    uint64_t taken;
    struct tote__few_names names;
} early;

static _Atomic(uint32_t) names_kept;   /* copy of early.names.count, read without the lock */
static _Atomic(bool) is_late_expected; /* for the global provider */

bool tote__few_names_add(struct tote__few_names *few, const char *name, size_t length) {
    if (few->count == TOTE__FEW_NAMES) {
        return false;
    }
    tote__utf8_copy(few->names[few->count++], TOTE__FEW_NAMES_BYTES, name, length);
    return true;
}

const char *tote__few_names_text(const struct tote__few_names *few, uint64_t all,
                                 char text[TOTE__FEW_NAMES_TEXT]) {
    size_t length = 0;

    text[0] = '\0';
    for (uint32_t i = 0; i < few->count; i++) {
        length += (size_t)snprintf(text + length, TOTE__FEW_NAMES_TEXT - length, "%s\"%s\"",
                                   i ? ", " : "", few->names[i]);
    }
    if (all > few->count && few->count) {
        snprintf(text + length, TOTE__FEW_NAMES_TEXT - length, " and %llu more",
                 (unsigned long long)(all - few->count));
    }
    return text;
}

/* Return the counter of the calling thread; NULL if out of memory. */
static struct tote__tally *own_tally(void) {
    struct tote__tally *tally = tote__thread.tally;

    if (tote__unlikely(!tally || tally->owned.generation != tote__generation())) {
        tally = tote__owned_claim(&all_tallies, sizeof *tally);
        tote__thread.tally = tally;
        if (tally) {
            tote__thread_watch_end();
        }
    }
    return tally;
}

/* Increment the counter. Only its owner may call this. */
static inline void add_one(struct tote__tally *tally) {
    uint64_t count = atomic_load_explicit(&tally->count, memory_order_relaxed);

    atomic_store_explicit(&tally->count, count + 1, memory_order_relaxed);
}

/* Reset the data in a forked child. The lock must be held. */
static void forget_inherited_names(void) {
    if (early.generation != tote__generation()) {
        early.generation = tote__generation();
        early.taken = 0;
        early.names.count = 0;
    }
}

static void keep_name(const char *name) {
    tote__lock_take(&early.lock);
    forget_inherited_names();
    tote__few_names_add(&early.names, name, strlen(name));
    atomic_store_explicit(&names_kept, early.names.count, memory_order_relaxed);
    tote__lock_drop(&early.lock);
}

static __attribute__((noinline)) void add_and_report(const char *name) {
    struct tote__tally *tally = own_tally();

    if (tally) {
        add_one(tally);
    }
    if (atomic_load_explicit(&names_kept, memory_order_relaxed) < TOTE__FEW_NAMES) {
        keep_name(name);
    }
    tote__unrecorded_report_late(NULL, name);
}

void tote__unrecorded_add(const char *name) {
    struct tote__tally *tally = tote__thread.tally;
    bool is_plain = tally && tally->owned.generation == tote__generation() &&
                    atomic_load_explicit(&names_kept, memory_order_relaxed) == TOTE__FEW_NAMES &&
                    !atomic_load_explicit(&is_late_expected, memory_order_relaxed);

    if (tote__unlikely(!is_plain)) {
        add_and_report(name);
        return;
    }
    add_one(tally);
}

uint64_t tote__unrecorded_count(void) {
    uint64_t count = 0;

    for (struct tote__owned *at = tote__owned_first(&all_tallies); at; at = at->next) {
        struct tote__tally *tally = (struct tote__tally *)at;
        count += atomic_load_explicit(&tally->count, memory_order_relaxed);
    }
    return count;
}

uint64_t tote__unrecorded_take(struct tote__few_names *names) {
    uint64_t count = tote__unrecorded_count();

    tote__lock_take(&early.lock);
    forget_inherited_names();
    uint64_t taken = count - early.taken;
    early.taken = count;
    *names = early.names;
    early.names.count = 0;
    atomic_store_explicit(&is_late_expected, false, memory_order_relaxed);
    atomic_store_explicit(&names_kept, 0, memory_order_relaxed);
    tote__lock_drop(&early.lock);
    return taken;
}

static _Atomic(bool) *expectation(tote_tracer_provider *provider) {
    return provider ? &provider->expects_late : &is_late_expected;
}

void tote__unrecorded_expect_late(tote_tracer_provider *provider) {
    atomic_store_explicit(expectation(provider), true, memory_order_relaxed);
}

void tote__unrecorded_report_late(tote_tracer_provider *provider, const char *name) {
    _Atomic(bool) *is_expected = expectation(provider);

    if (!atomic_load_explicit(is_expected, memory_order_relaxed) ||
        !atomic_exchange_explicit(is_expected, false, memory_order_relaxed)) {
        return;
    }
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, "sdk",
        "span \"%s\" was started after the SDK was shut down: it is not recorded, and no "
        "later one is; call tote_sdk_close() after the last span",
        name);
}
