/* SPDX-License-Identifier: MIT */
/*
 * span_buffer.h - where the bytes of a span go
 *
 * The name stands first in the block's room, the attributes behind it up to the end. Whatever else
 * comes takes its place from that end, so that a usual span needs no overflow.
 */
#ifndef TOTE_SDK_SPAN_BUFFER_H
#define TOTE_SDK_SPAN_BUFFER_H

#include "span.h"

/*
 * Begin anew in a block that was just taken, of which nothing else is in use: keep the name, or if
 * that cannot be, an empty one.
 */
void tote__span_begin_buffer(struct span *span, const char *name);

/*
 * A block that is not used for now: release what is too large to lie about. Here, not when it is
 * taken again: many large ones would lie in the pool, perhaps for ever.
 */
static inline void tote__span_trim_buffer(struct span *span) {
    enum { KEPT_OVERFLOW = 16384 }; /* what a block may keep for its next use */

    if (tote__unlikely(span->overflow_size > KEPT_OVERFLOW)) {
        tote__span_clear_buffer(span);
    }
}

/*
 * Make sure that `more` bytes can follow those of the region. Returns: false when they cannot be
 * had.
 */
bool tote__span_reserve(struct span *span, struct region *region, size_t more);

/*
 * Keep `text` as the region's, repaired and ended with NUL. Returns: false, and the old one stays,
 * on failure.
 */
bool tote__span_set_text(struct span *span, struct region *region, const char *text);

#endif
