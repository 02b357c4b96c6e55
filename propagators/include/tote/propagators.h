/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagators.h
 * The built-in propagators, and how to combine them.
 * Spec: context/api-propagators.md#propagators-distribution, w3c/trace-context, w3c/baggage
 *
 * tote_sdk_start() sets the global propagator from OTEL_PROPAGATORS. Use this header to choose
 * another.
 *
 * Threads:  thread-safe.
 * Lifetime: reference counted, as every tote_propagator.
 * On failure: a constructor returns a propagator that does nothing, never NULL.
 */
#ifndef TOTE_PROPAGATORS_H
#define TOTE_PROPAGATORS_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** `traceparent` and `tracestate`. Spec: w3c/trace-context (Level 2) */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_tracecontext_new(void);

/**
 * Which baggage is sent, and whether incoming baggage is read. Every receiver and every proxy on
 * the way can read the baggage of a message. tote_propagator_allowed_hosts_new() limits the hosts.
 */
typedef struct tote_baggage_propagator_options {
    size_t struct_size;
    const char *const *allowed_names; /**< only these names are sent; NULL: all */
    size_t allowed_name_count;
    bool ignore_incoming; /**< for servers that untrusted clients can reach */
    size_t max_members;   /**< 0: 180 of baggage, 64 of Jaeger and OT trace */
    size_t max_bytes;     /**< 0: 8192; at most 15360 */
} tote_baggage_propagator_options;

#define TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT                                                       \
    { sizeof(tote_baggage_propagator_options), NULL, 0, false, 0, 0 }

/** `baggage`. A member that exceeds a limit is left out. Options are copied. Spec: w3c/baggage */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_baggage_new(const tote_baggage_propagator_options *options);

/**
 * B3 of Zipkin: the header `b3`, or with b3multi `x-b3-traceid` and three more. Both read either
 * form, the single header first. The spans of a trace inherit its debug flag. Ids without a
 * sampling decision leave the decision to the receiver: see remote_parent_undecided in
 * tote/sdk/sampler.h. A decision without ids applies to the next root span.
 * Spec: context/api-propagators.md#b3-requirements
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_b3_new(void);
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_b3_multi_new(void);

/**
 * Jaeger's `uber-trace-id`, with one header `uberctx-NAME` for each baggage entry. `jaeger-baggage`
 * is read too. Inject does not remove headers of entries that no longer exist. Options are copied.
 * Deprecated by the specification.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_jaeger_new(const tote_baggage_propagator_options *options);

/**
 * OT trace: `ot-tracer-traceid`, `ot-tracer-spanid`, `ot-tracer-sampled`, and one header
 * `ot-baggage-NAME` for each baggage entry whose value is a legal header value. Ids are sent with
 * 16 digits, so half of the trace id is lost. Otherwise as Jaeger's.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_ot_trace_new(const tote_baggage_propagator_options *options);

/**
 * OpenCensus's `grpc-trace-bin`, 29 bytes: base64, as on the wire, or with `raw` the bytes, for
 * gRPC libraries that encode them. Both are read.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_opencensus_new(bool raw);

/** Run propagators in order; on extract the last one wins. Takes ownership of the references. */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_composite_new(tote_propagator *const *propagators, size_t count);

/**
 * Wrap a propagator, so that its headers are sent only to these hosts. Takes ownership of the
 * reference to `inner`, also on failure; copies the hosts. Wrap a composite to send no header at
 * all to other hosts, or one propagator of a composite to limit that one. Extract is not limited.
 *
 * The host of a message is that of tote_context_with_destination(), which libtote-curl sets. A
 * message without one is not sent to an allowed host. "api.example.com" matches that host, ignoring
 * case; ".example.com" matches all hosts below that domain, but not the domain itself; "[::1]" has
 * the brackets of a URL. An empty list (also NULL) allows no host.
 *
 * For other hosts inject removes the headers of tote_propagator_get_field() from the carrier, also
 * those that the program wrote itself.
 *
 * The variable OTEL_C_PROPAGATION_ALLOWED_HOSTS does the same for the propagator of
 * tote_sdk_start().
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_allowed_hosts_new(tote_propagator *inner, const char *const *hosts, size_t count);

/**
 * Return the propagators of a list of names in the syntax of OTEL_PROPAGATORS, for example
 * "tracecontext,baggage". Case is ignored. Names: tracecontext, baggage, b3, b3multi, jaeger,
 * ottrace, opencensus, none, and those registered with tote_propagator_register(), for example
 * xray. An unknown name is left out, with a diagnostic.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_from_names(const char *names);

TOTE_END_DECLS

#define TOTE__OFF_PROPAGATORS
#include "tote/disabled.h"

#endif
