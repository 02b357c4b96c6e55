/* SPDX-License-Identifier: MIT */
/*
 * read_span.h - what the accessors use of a span that is read from its bytes
 */
#ifndef TOTE_SDK_READ_SPAN_H
#define TOTE_SDK_READ_SPAN_H

#include "tote/internal/record.h"

extern const struct tote__span_ops tote__read_span_ops;

/* The same span, with its fields read. */
struct tote__read_span *tote__read_span_fields(struct tote__read_span *span);

/* NULL if out of memory. */
const struct span_view *tote__read_span_view(struct tote__read_span *span);

/* One more reference to a copy; of a span that borrows its bytes, a copy. NULL if out of memory. */
tote_span *tote__read_span_ref(struct tote__read_span *span);

/* Resources and scopes that were read from a request live as long as one of its spans. */
void tote__request_spans_ref(struct tote__request_spans *spans);
void tote__request_spans_unref(struct tote__request_spans *spans);

/* NULL for a recording span. */
static inline struct tote__read_span *tote__as_read_span(const tote_span_data *data) {
    struct tote__read_span *span = (struct tote__read_span *)data;

    return span && span->base.ops == &tote__read_span_ops ? span : NULL;
}

#endif
