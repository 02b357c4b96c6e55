/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/xray.h
 * The trace header of AWS X-Ray, `x-amzn-trace-id`: Root=1-8HEX-24HEX;Parent=16HEX;Sampled=0|1.
 *
 * Load balancers send Root without Parent: the next root span has its trace id. If a header has no
 * `Sampled`, or `Sampled=?`, the sampler of the receiver decides. A custom runtime of Lambda reads
 * the header Lambda-Runtime-Trace-Id of the runtime API, and passes its value under this name.
 *
 * `Lineage`, up to 256 bytes, is passed on with the context, for the loop detection of Lambda.
 * Other fields, such as `Self` of a load balancer, are not passed on.
 *
 * A header that is malformed, or longer than 1,024 bytes, is ignored.
 *
 * Threads:  thread-safe. No function blocks.
 * Lifetime: reference counted, like every tote_propagator.
 */
#ifndef TOTE_INSTRUMENTATION_XRAY_H
#define TOTE_INSTRUMENTATION_XRAY_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** Return a propagator. If out of memory, it does nothing. Never NULL. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_xray_new(void);

/**
 * Register the name `xray` for OTEL_PROPAGATORS and tote_propagator_from_names(). Call it before
 * tote_sdk_start(), which reads the names. Further calls change nothing. Returns false if out of
 * memory, with a diagnostic.
 */
TOTE_API bool tote_propagator_xray_register(void);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_XRAY
#include "tote/disabled.h"

#endif
