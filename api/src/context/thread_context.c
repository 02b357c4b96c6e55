/* SPDX-License-Identifier: MIT */
/*
 * thread_context.c - the pointer by which profilers find the span of a thread
 *
 * Compiled with TLS descriptors if the compiler supports them. The alias keeps the two access
 * models apart: the linker would use the cheaper one for both, without the relocation.
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

const tote_span_context **tote__thread_context_pointer(void) {
    return &otel_thread_ctx_v1;
}
