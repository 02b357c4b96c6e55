/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/xray.h
 * AWS X-Ray's trace header, `x-amzn-trace-id`: Root=1-8HEX-24HEX;Parent=16HEX;Sampled=0|1.
 *
 * Load balancers send Root alone: the next root span has its trace id. A header without `Sampled`,
 * or with `Sampled=?`, leaves the decision to the receiver. A custom runtime of Lambda passes the
 * header Lambda-Runtime-Trace-Id of the runtime API under this name.
 *
 * `Lineage`, up to 256 bytes, is passed on with the context, for the loop detection of Lambda.
 * Other fields, such as `Self` of a load balancer, are not.
 *
 * Threads:  thread-safe.
 * Lifetime: reference counted, as every tote_propagator.
 */
#ifndef TOTE_INSTRUMENTATION_XRAY_H
#define TOTE_INSTRUMENTATION_XRAY_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** Returns a propagator that does nothing if out of memory, never NULL. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_xray_new(void);

/**
 * Register the name `xray` for OTEL_PROPAGATORS and tote_propagator_from_names(). Call it before
 * tote_sdk_start(). Returns false if out of memory.
 */
TOTE_API bool tote_propagator_xray_register(void);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_XRAY
#include "tote/disabled.h"

#endif
