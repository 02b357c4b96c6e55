/* SPDX-License-Identifier: MIT */
/*
 * propagator.h - registered propagators, and functions shared by propagators
 */
#ifndef TOTE_INTERNAL_PROPAGATOR_H
#define TOTE_INTERNAL_PROPAGATOR_H

#include "tote/internal/context.h"
#include "tote/internal/span.h"
#include "tote/propagator_ops.h"

/* Return the constructor registered with this name, ignoring case, or NULL. */
TOTE_SHARED tote_propagator_constructor tote__propagator_find(const char *name, size_t length);

/*
 * Copy the first header with this name, without blanks at its ends, cut to `size` bytes, to
 * `buffer`. Returns its full length, or 0 if there is none.
 */
TOTE_SHARED size_t tote__text_map_getter_get_first(const tote_text_map_getter *getter,
                                                   const void *carrier, const char *key,
                                                   char *buffer, size_t size);

/* Return the span context of the context's span, or the invalid one if there is none. */
static inline const tote_span_context *tote__span_context_of(const tote_context *context) {
    return context->span ? &context->span->context : &tote__invalid_span_context;
}

/* Return a static propagator that does nothing, for a constructor that failed. */
TOTE_SHARED tote_propagator *tote__propagator_of_nothing(void);

#endif
