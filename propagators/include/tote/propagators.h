/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagators.h
 * The propagators that come with Tote, and how to combine them.
 * Spec: context/api-propagators.md#propagators-distribution, w3c/trace-context, w3c/baggage
 *
 * An SDK that starts sets the global one by OTEL_PROPAGATORS; this is for programs that
 * want it otherwise.
 *
 * Threads:  any.
 * Lifetime: as tote_propagator: counted.
 * On failure: a constructor gives a propagator that does nothing, never NULL.
 */
#ifndef TOTE_PROPAGATORS_H
#define TOTE_PROPAGATORS_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** `traceparent` and `tracestate`. Spec: w3c/trace-context (Level 2) */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_tracecontext(void);

/** What baggage may leave, and whether it may come in. */
typedef struct tote_baggage_propagator_options {
    size_t struct_size;
    const char *const *allowed_names; /**< the only names that leave; NULL: all do */
    size_t allowed_name_count;
    bool ignore_incoming;
    size_t max_members; /**< 0: 180 */
    size_t max_bytes;   /**< 0: 8192; at most 15360 */
} tote_baggage_propagator_options;

#define TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT \
    { sizeof(tote_baggage_propagator_options), NULL, 0, false, 0, 0 }

/** `baggage`. Members over a limit are left out whole. Options are copied. Spec: w3c/baggage */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_new_baggage(const tote_baggage_propagator_options *options);

/** One after the other; what a later one extracts wins. Takes the references in the array, always. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_composite(tote_propagator *const *propagators,
                                                        size_t count);

/**
 * By the names of OTEL_PROPAGATORS, as "tracecontext,baggage", whatever the case; "none" adds nothing.
 * A name given twice counts once; one that is not known is left out, with a diagnostic.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_from_names(const char *names);

TOTE_END_DECLS

#ifdef TOTE_DISABLED /* see tote/common.h */
#define tote_propagator_new_tracecontext(...)                                                     \
    (TOTE__OFF((tote_propagator_new_tracecontext)(__VA_ARGS__)),                                  \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_baggage(...)                                                          \
    (TOTE__OFF((tote_propagator_new_baggage)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_composite(...)                                                        \
    (TOTE__OFF((tote_propagator_new_composite)(__VA_ARGS__)),                                     \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_from_names(...)                                                           \
    (TOTE__OFF((tote_propagator_from_names)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#endif

#endif
