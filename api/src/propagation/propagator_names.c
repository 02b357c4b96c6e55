/* SPDX-License-Identifier: MIT */
/*
 * propagator_names.c - the names of tote_propagator_register()
 *
 * Entries are added at the head of a list and never removed, so it is read without a lock. The list
 * is in libtote-api, because a library that registers a name may be linked with no other one.
 *
 * Tests: tests/unit/test_composite.c
 */
#include "tote/internal/propagator.h"

#include <stdatomic.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

struct registration {
    struct registration *next;
    tote_propagator_constructor make;
    size_t name_length;
    char name[];
};

static _Atomic(struct registration *) registrations;

tote_propagator_constructor tote__propagator_find(const char *name, size_t length) {
    struct registration *at = atomic_load_explicit(&registrations, memory_order_acquire);

    while (at && !tote__equals_ignoring_case(at->name, at->name_length, name, length)) {
        at = at->next;
    }
    return at ? at->make : NULL;
}

bool tote_propagator_register(const char *name, tote_propagator_constructor make) {
    size_t length = name ? strlen(name) : 0;

    if (!name || !make || !tote__is_token(name, length)) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "propagator",
            "propagator '%.64s' not registered: its name must be a token of HTTP, and its "
            "constructor must not be NULL",
            name ? name : "");
        return false;
    }
    if (tote__propagator_find(name, length) == make) {
        return true;
    }
    struct registration *made = tote__allocate(sizeof *made + length);
    if (!made) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "propagator",
                                "propagator '%.64s' not registered: out of memory", name);
        return false;
    }
    *made = (struct registration){.make = make, .name_length = length};
    memcpy(made->name, name, length);
    made->next = atomic_load(&registrations);
    while (!atomic_compare_exchange_weak(&registrations, &made->next, made)) {
    }
    return true;
}
