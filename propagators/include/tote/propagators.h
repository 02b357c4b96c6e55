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

/**
 * What baggage may leave and where to, and whether it may come in. Whoever gets a message reads its baggage, and
 * so does everybody on the way: user ids and the like are not for a payment service, or a webhook that a customer
 * named; and what strangers send is not for the inside of your house.
 */
typedef struct tote_baggage_propagator_options {
    size_t struct_size;
    const char *const *allowed_names; /**< the only names that leave; NULL: all do */
    size_t allowed_name_count;
    bool ignore_incoming; /**< for servers that strangers can reach */
    size_t max_members;   /**< 0: 180 of baggage, 64 of Jaeger and OT trace */
    size_t max_bytes;     /**< 0: 8192; at most 15360 */

    /**
     * The only hosts it goes to, as tote_context_with_destination() tells them: a name, or ".example.com" for all below that,
     * ignoring case. NULL: any. A message whose destination is not known carries none then.
     */
    const char *const *allowed_hosts;
    size_t allowed_host_count;
} tote_baggage_propagator_options;

#define TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT \
    { sizeof(tote_baggage_propagator_options), NULL, 0, false, 0, 0, NULL, 0 }

/** `baggage`. Members over a limit are left out whole. Options are copied. Spec: w3c/baggage */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_new_baggage(const tote_baggage_propagator_options *options);

/**
 * B3 of Zipkin: one header `b3`, or the four of b3multi, `x-b3-traceid` and so on. Both read either, the single one first.
 * A debug flag goes on to the spans of the trace; a caller's undecided sampling is passed on undecided only where no
 * span of your own is between. Spec: context/api-propagators.md#b3-requirements
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_b3(void);
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_b3_multi(void);

/**
 * Jaeger's `uber-trace-id`, with baggage as a header `uberctx-NAME` for each entry; `jaeger-baggage` is read too.
 * Headers of names the store does not have any more are not removed from a carrier that is used again. Options are copied.
 * Deprecated by its makers: for meshes that speak nothing else.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_new_jaeger(const tote_baggage_propagator_options *options);

/**
 * OT trace: `ot-tracer-traceid`, whose ids have 16 digits, so that half of a trace's id is lost; `ot-tracer-spanid`,
 * `ot-tracer-sampled`, and baggage as `ot-baggage-NAME`, only values that a header can have as they are. Otherwise as Jaeger's.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_new_ot_trace(const tote_baggage_propagator_options *options);

/**
 * OpenCensus's `grpc-trace-bin`, 29 bytes: in base64, as they are on the wire; `raw` for a library of gRPC that takes the
 * bytes and does that itself. Either is read.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_opencensus(bool raw);

/** One after the other; what a later one extracts wins. Takes the references in the array, always. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_composite(tote_propagator *const *propagators,
                                                        size_t count);

/**
 * By the names of OTEL_PROPAGATORS, as "tracecontext,baggage", whatever the case: tracecontext, baggage, b3, b3multi, jaeger,
 * ottrace, opencensus, and those that tote_propagator_register() was told, as xray; "none" adds nothing.
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
#define tote_propagator_new_b3(...)                                                               \
    (TOTE__OFF((tote_propagator_new_b3)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_b3_multi(...)                                                         \
    (TOTE__OFF((tote_propagator_new_b3_multi)(__VA_ARGS__)),                                      \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_jaeger(...)                                                           \
    (TOTE__OFF((tote_propagator_new_jaeger)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_ot_trace(...)                                                         \
    (TOTE__OFF((tote_propagator_new_ot_trace)(__VA_ARGS__)),                                      \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_opencensus(...)                                                       \
    (TOTE__OFF((tote_propagator_new_opencensus)(__VA_ARGS__)),                                    \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_new_composite(...)                                                        \
    (TOTE__OFF((tote_propagator_new_composite)(__VA_ARGS__)),                                     \
     (tote_propagator *)tote__off_pointer())
#define tote_propagator_from_names(...)                                                           \
    (TOTE__OFF((tote_propagator_from_names)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#endif

#endif
