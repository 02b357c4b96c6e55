/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/xray.h
 * AWS X-Ray's trace header, `x-amzn-trace-id`: Root=1-8HEX-24HEX;Parent=16HEX;Sampled=0|1.
 *
 * A load balancer that starts a trace sends Root alone: there is no span to be a child of, so the context stays as it
 * was. A custom runtime of Lambda passes what the runtime API calls Lambda-Runtime-Trace-Id as this header.
 *
 * Threads:  any.
 * Lifetime: as tote_propagator: counted.
 */
#ifndef TOTE_INSTRUMENTATION_XRAY_H
#define TOTE_INSTRUMENTATION_XRAY_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** On failure: one that does nothing, never NULL. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new_xray(void);

/**
 * Have OTEL_PROPAGATORS and tote_propagator_from_names() know the name `xray`: call it before tote_sdk_start(). Returns: false when
 * memory is out.
 */
TOTE_API bool tote_xray_register(void);

TOTE_END_DECLS

#ifdef TOTE_DISABLED /* see tote/common.h */
#define tote_propagator_new_xray(...)                                                             \
    (TOTE__OFF((tote_propagator_new_xray)(__VA_ARGS__)), (tote_propagator *)tote__off_pointer())
#define tote_xray_register(...)                                                                   \
    (TOTE__OFF((tote_xray_register)(__VA_ARGS__)), tote__off_bool(false))
#endif

#endif
