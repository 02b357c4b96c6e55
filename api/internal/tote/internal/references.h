/* SPDX-License-Identifier: MIT */
/*
 * references.h - reference counts; 0 is that of a static object, which is never counted
 */
#ifndef TOTE_INTERNAL_REFERENCES_H
#define TOTE_INTERNAL_REFERENCES_H

#include <stdatomic.h>

#include "tote/internal/shared.h"

static inline void tote__references_add(_Atomic(uint32_t) *references) {
    if (atomic_load_explicit(references, memory_order_relaxed)) {
        atomic_fetch_add_explicit(references, 1, memory_order_relaxed);
    }
}

/* One reference less. Returns whether it was the last; what others did with it is visible then. */
static inline bool tote__references_drop(_Atomic(uint32_t) *references) {
    uint32_t count = atomic_load_explicit(references, memory_order_acquire);

    return count &&
           (count == 1 || atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1);
}

#endif
