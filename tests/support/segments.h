/* SPDX-License-Identifier: MIT */
/*
 * segments.h - tests of shared memory
 */
#ifndef TOTE_TESTS_SEGMENTS_H
#define TOTE_TESTS_SEGMENTS_H

#include "support.h"
#include "tote/internal/os.h"

/* Skip the test on a system without shared memory segments. */
static inline void need_segments(void **state) {
    (void)state;
    if (!tote__os_has_segments()) {
        skip();
    }
}

#endif
