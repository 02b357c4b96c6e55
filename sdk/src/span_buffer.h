/* SPDX-License-Identifier: MIT */
/*
 * span_buffer.h - memory of a span's regions
 *
 * The name is at the start of the inline buffer, the attributes behind it. Other regions are
 * allocated from its end, so that a usual span needs no overflow.
 */
#ifndef TOTE_SDK_SPAN_BUFFER_H
#define TOTE_SDK_SPAN_BUFFER_H

#include "span.h"

/* Initialize the buffer of a block with the name, or with an empty one if out of memory. */
void tote__span_begin_buffer(struct span *span, const char *name);

/*
 * Release an overflow that is too large to keep. This happens when the block is freed, so that the
 * pool does not keep many large ones.
 */
static inline void tote__span_trim_buffer(struct span *span) {
    enum { KEPT_OVERFLOW = 16384 }; /* kept for the next use of the block */

    if (tote__unlikely(span->overflow_size > KEPT_OVERFLOW)) {
        tote__span_clear_buffer(span);
    }
}

/* Reserve `more` bytes behind those of the region. Returns false if out of memory. */
bool tote__span_reserve(struct span *span, struct region *region, size_t more);

/*
 * Store `text` in the region, repaired and ended with NUL. On failure returns false and keeps the
 * old text.
 */
bool tote__span_set_text(struct span *span, struct region *region, const char *text);

#endif
