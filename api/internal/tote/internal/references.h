/* SPDX-License-Identifier: MIT */
/*
 * references.h - reference counts. The count of a static object is 0 and never changes.
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

/*
 * Drop a reference. Returns whether it was the last; all writes to the object by other threads are
 * then visible.
 */
static inline bool tote__references_drop(_Atomic(uint32_t) *references) {
    uint32_t count = atomic_load_explicit(references, memory_order_acquire);

    return count &&
           (count == 1 || atomic_fetch_sub_explicit(references, 1, memory_order_acq_rel) == 1);
}

#endif
