/* SPDX-License-Identifier: MIT */
/*
 * read_span.h - access to a span that is decoded from a record
 */
#ifndef TOTE_SDK_READ_SPAN_H
#define TOTE_SDK_READ_SPAN_H

#include "tote/internal/record.h"

extern const struct tote__span_ops tote__read_span_ops;

/* Decode the fields of the span. Returns the span. */
struct tote__read_span *tote__read_span_fields(struct tote__read_span *span);

/* Return the decoded view. Returns NULL if out of memory. */
const struct span_view *tote__read_span_view(struct tote__read_span *span);

/* Add a reference to a copy; copy a span that borrows its bytes. Returns NULL if out of memory. */
tote_span *tote__read_span_ref(struct tote__read_span *span);

/* Resources and scopes that were decoded from a request live as long as one of its spans. */
void tote__request_spans_ref(struct tote__request_spans *spans);
void tote__request_spans_unref(struct tote__request_spans *spans);

/* Return the decoded span. Returns NULL for a recording span. */
static inline struct tote__read_span *tote__as_read_span(const tote_span_data *data) {
    struct tote__read_span *span = (struct tote__read_span *)data;

    return span && span->base.ops == &tote__read_span_ops ? span : NULL;
}

#endif
