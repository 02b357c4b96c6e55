/* SPDX-License-Identifier: MIT */
/*
 * format.h - what the formats of propagators share
 */
#ifndef TOTE_PROPAGATORS_FORMAT_H
#define TOTE_PROPAGATORS_FORMAT_H

#include "tote/internal/hex.h"
#include "tote/internal/propagator.h"
#include "tote/internal/text.h"
#include "tote/propagators.h"

enum { TRACE_DIGITS = 32, SPAN_DIGITS = 16 };

/* The `self` of a propagator: a format without options, or the first member of one with options. */
struct format {
    const char *fields[5]; /* the headers that it writes; NULL ends them */
    void (*inject)(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter);
    tote_context *(*extract)(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter);
};

/* `destroy` may be NULL. */
tote_propagator *tote__format_new(const struct format *format, void (*destroy)(void *self));

/*
 * Read the first header of each name into `size` bytes of `buffer` each. Returns false if one is
 * longer.
 */
bool tote__read_headers(const tote_text_map_getter *getter, const void *carrier,
                        const char *const *names, size_t count, size_t size, char *buffer,
                        struct tote__part *values);

/* Read a trace id of 16 or 32 digits and a span id of 16 digits. */
bool tote__read_ids(tote_span_context *remote, struct tote__part trace_id,
                    struct tote__part span_id);

/* Read "1", "0", or "true", "false" of old tracers. An empty text leaves the decision open. */
bool tote__read_sampled(tote_span_context *remote, struct tote__part sampled);

/* Write both ids in hexadecimal digits. Returns their end. */
static inline char *tote__write_ids(char *out, const tote_span_context *span, char separator) {
    tote__hex_encode(out, span->trace_id.bytes, sizeof span->trace_id);
    out[TRACE_DIGITS] = separator;
    tote__hex_encode(out + TRACE_DIGITS + 1, span->span_id.bytes, sizeof span->span_id);
    return out + TRACE_DIGITS + 1 + SPAN_DIGITS;
}

#endif
