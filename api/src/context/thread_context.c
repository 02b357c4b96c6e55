/* SPDX-License-Identifier: MIT */
/*
 * thread_context.c - the variable by which profilers find the span of a thread
 *
 * Tote itself uses only the alias. Otherwise the linker would use its access model for both names,
 * and the shared library would have no TLS descriptor.
 */
#include "tote/internal/thread_context.h"

#if defined(__has_attribute)
#if __has_attribute(retain)
#define RETAIN __attribute__((used, retain))
#endif
#endif
#ifndef RETAIN
#define RETAIN __attribute__((used))
#endif

RETAIN _Thread_local const tote_span_context *otel_thread_ctx_v1;

extern _Thread_local const tote_span_context *tote__thread_record
    __attribute__((alias("otel_thread_ctx_v1")));
