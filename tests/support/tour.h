/* SPDX-License-Identifier: MIT */
/*
 * tour.h - a tour of the public API, as a program uses it, for tests of properties that hold
 * throughout
 *
 * Every step works on its own and leaves nothing behind. It never fails a test: it records in the
 * tour each result that differs from the usual one.
 */
#ifndef TOTE_TESTS_TOUR_H
#define TOTE_TESTS_TOUR_H

#include <stdbool.h>
#include <stddef.h>

struct tour {
    bool has_sdk;           /* spans are to record */
    const char *surprise;   /* the first expectation that was not met; NULL: none */
    const char *errno_call; /* the first call that changed errno; NULL: none */
};

struct tour_stop {
    const char *name;
    void (*visit)(struct tour *tour);
};

extern const struct tour_stop tour_stops[];
extern const size_t tour_stop_count;

/* All steps, one after the other. */
void tour_all(struct tour *tour);

#endif
