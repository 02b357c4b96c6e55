/* SPDX-License-Identifier: MIT */
/*
 * propagator.h - the propagators that other libraries have registered, and what propagators share
 */
#ifndef TOTE_INTERNAL_PROPAGATOR_H
#define TOTE_INTERNAL_PROPAGATOR_H

#include "tote/internal/context.h"
#include "tote/internal/span.h"
#include "tote/propagator_ops.h"

/* What makes the propagator of this name, ignoring case; NULL when it was not registered. */
TOTE_SHARED tote_propagator_constructor tote__propagator_find(const char *name, size_t length);

/*
 * The first header of this name, without blanks at its ends: its first `size` bytes to `room`,
 * which may be fewer than there are. Returns: its length, 0 when there is none.
 */
TOTE_SHARED size_t tote__text_map_getter_get_first(const tote_text_map_getter *getter,
                                                   const void *carrier, const char *key, char *room,
                                                   size_t size);

/* That of the context's span; the invalid one if there is none. */
static inline const tote_span_context *tote__span_context_of(const tote_context *context) {
    return context->span ? &context->span->context : &tote__invalid_span_context;
}

/* One that does nothing, static: what stands for one that could not be made. */
TOTE_SHARED tote_propagator *tote__propagator_of_nothing(void);

#endif
