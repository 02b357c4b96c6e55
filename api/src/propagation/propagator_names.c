/* SPDX-License-Identifier: MIT */
/*
 * propagator_names.c - propagators of other libraries, by name
 *
 * A list that only grows, at its head, so it is read without a lock. It lies in this library,
 * because one that registers may know no other.
 *
 * Tests: tests/unit/test_composite.c
 */
#include "tote/internal/propagator.h"

#include <errno.h>
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
            "\"%.64s\" was not registered: it needs a name of header characters and a "
            "constructor",
            name ? name : "");
        return false;
    }
    if (tote__propagator_find(name, length) == make) {
        return true;
    }
    int error = errno;
    struct registration *made = tote__allocate(sizeof *made + length);
    if (!made) {
        errno = error;
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "propagator",
                                "out of memory: %.64s was not registered", name);
        return false;
    }
    *made = (struct registration){.make = make, .name_length = length};
    memcpy(made->name, name, length);
    made->next = atomic_load(&registrations);
    while (!atomic_compare_exchange_weak(&registrations, &made->next, made)) {
    }
    return true;
}
