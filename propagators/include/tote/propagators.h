/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagators.h
 * The built-in propagators, and how to combine and limit them.
 * Spec: context/api-propagators.md#propagators-distribution, w3c/trace-context, w3c/baggage
 *
 * tote_sdk_start() sets the global propagator from OTEL_PROPAGATORS. Use this header to choose
 * another one: see `propagator` of tote_sdk_options, and tote_propagator_set_global().
 *
 * Threads:  thread-safe.
 * Lifetime: reference counted. The caller owns the reference that a constructor returns.
 * Errors:   if out of memory, a constructor returns a propagator that does nothing, with a
 *           diagnostic, never NULL. It takes ownership of its arguments also then.
 */
#ifndef TOTE_PROPAGATORS_H
#define TOTE_PROPAGATORS_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** Create a propagator of `traceparent` and `tracestate`. Spec: w3c/trace-context (Level 2) */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_tracecontext_new(void);

/**
 * Which baggage is sent, and whether remote baggage is read. Every receiver and every proxy on the
 * way can read the baggage of a message. To limit the hosts that receive it, see
 * tote_propagator_allowed_hosts_new().
 */
typedef struct tote_baggage_propagator_options {
    size_t struct_size;
    const char *const *allowed_names; /**< only entries with these names are sent; NULL: all */
    size_t allowed_name_count;        /**< 0 with a list: no entry is sent */
    bool ignore_incoming;             /**< do not read remote baggage */
    size_t max_members;               /**< in one message; 0: 180 of baggage, else 64 */
    size_t max_bytes;                 /**< in one message; 0: 8192; at most 15360 */
} tote_baggage_propagator_options;

#define TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT                                                       \
    { sizeof(tote_baggage_propagator_options), NULL, 0, false, 0, 0 }

/**
 * Create a propagator of `baggage`. An entry that exceeds a limit is left out, with a diagnostic.
 * The options are copied. Spec: w3c/baggage
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_baggage_new(const tote_baggage_propagator_options *options);

/**
 * Create a propagator of Zipkin's B3: `b3`, or with b3_multi `x-b3-traceid`, `x-b3-spanid`,
 * `x-b3-sampled` and `x-b3-flags`. Both read both forms, the single header first.
 *
 * The spans of a trace inherit its debug flag. Ids without a sampling decision leave the decision
 * to the receiver: see remote_parent_undecided in tote/sdk/sampler.h. A decision without ids
 * applies to the next root span. Spec: context/api-propagators.md#b3-requirements
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_b3_new(void);
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_b3_multi_new(void);

/**
 * Create a propagator of Jaeger's `uber-trace-id`, with a header `uberctx-NAME` for each baggage
 * entry. It also reads `jaeger-baggage`. Inject does not remove headers of entries that no longer
 * exist. The options are copied. The specification has deprecated this format.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_jaeger_new(const tote_baggage_propagator_options *options);

/**
 * Create a propagator of OT trace: `ot-tracer-traceid`, `ot-tracer-spanid`, `ot-tracer-sampled`,
 * and a header `ot-baggage-NAME` for each baggage entry. An entry whose value is not a valid header
 * value is left out, with a diagnostic. Baggage is sent and read only with a valid span. The trace
 * id is sent with 16 digits, so half of it is lost. Inject does not remove headers of entries that
 * no longer exist. The options are copied.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_ot_trace_new(const tote_baggage_propagator_options *options);

/**
 * Create a propagator of OpenCensus's `grpc-trace-bin`, which has 29 bytes. They are written in
 * base64, as on the wire, or as bytes if `raw` is true, for gRPC libraries that encode them
 * themselves. Both are read.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_opencensus_new(bool raw);

/**
 * Combine propagators. They inject and extract in order; if several extract a value, the last one
 * wins. Takes ownership of the references; copies the array. A NULL in it is ignored.
 * Spec: context/api-propagators.md#composite-propagator
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_composite_new(tote_propagator *const *propagators, size_t count);

/**
 * Limit a propagator: its headers are sent only to these hosts. Extract is not limited. Wrap a
 * composite to send other hosts no header at all, or wrap one propagator of a composite. Takes
 * ownership of the reference to `inner`; copies the hosts.
 *
 * The host of a message is that of tote_context_with_destination(), which libtote-curl sets for
 * each attempt. An unknown host is not allowed.
 *
 * "api.example.com" allows that host, ignoring case. ".example.com" allows all hosts below that
 * domain, but not the domain itself. "[::1]" has the brackets of a URL. An empty list (also NULL)
 * allows no host. An entry that no URL can have as its host is reported as a diagnostic.
 *
 * For a host that is not allowed, inject removes the headers of tote_propagator_get_field() from
 * the carrier, also those that the program wrote itself.
 *
 * OTEL_C_PROPAGATION_ALLOWED_HOSTS limits the propagator of tote_sdk_start() in the same way.
 */
TOTE_API TOTE_MUST_USE tote_propagator *
tote_propagator_allowed_hosts_new(tote_propagator *inner, const char *const *hosts, size_t count);

/**
 * Create the propagators of a list in the syntax of OTEL_PROPAGATORS, for example
 * "tracecontext,baggage". Case is ignored. Names: tracecontext, baggage, b3, b3multi, jaeger,
 * ottrace, opencensus, none, and those of tote_propagator_register(), for example xray. An unknown
 * name is left out, with a diagnostic. At most 16 different names are used. NULL, an empty list
 * and "none" create a propagator that does nothing.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_from_names(const char *names);

TOTE_END_DECLS

#define TOTE__OFF_PROPAGATORS
#include "tote/disabled.h"

#endif
