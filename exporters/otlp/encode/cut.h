/* SPDX-License-Identifier: MIT */
/*
 * cut.h - some of the spans of an encoded request, as a request of their own
 */
#ifndef TOTE_OTLP_CUT_H
#define TOTE_OTLP_CUT_H

#include "tote/internal/buffer.h"

/* The spans with these indexes, in the order of the request. */
struct tote__range {
    size_t from;
    size_t to;
};

/*
 * Append a request with the spans of the range, each with its resource and its scope. The request
 * is one of our own encoder. Returns: false, and the buffer's size does not change, if out of
 * memory or if the request is damaged.
 */
bool tote__otlp_cut(struct tote__slice request, struct tote__range range, struct tote__buffer *out);

#endif
