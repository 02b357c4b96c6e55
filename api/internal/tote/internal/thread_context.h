/* SPDX-License-Identifier: MIT */
/*
 * thread_context.h - the pointer by which profilers find the span of a thread
 */
#ifndef TOTE_INTERNAL_THREAD_CONTEXT_H
#define TOTE_INTERNAL_THREAD_CONTEXT_H

#include "tote/internal/shared.h"
#include "tote/span_context.h"

/*
 * The record of the thread's current span, or NULL. The record is the span context in the span; the
 * current context owns the span. Only the thread itself sets the pointer. Spec:
 * oteps/profiles/4947-thread-ctx.md#thread-local-variable
 */
extern TOTE_SHARED _Thread_local const tote_span_context *otel_thread_ctx_v1
    __attribute__((tls_model("global-dynamic")));

/* The same variable for libtote-api, which accesses it without a call. */
extern _Thread_local const tote_span_context *tote__thread_record
    __attribute__((visibility("hidden"), tls_model("initial-exec")));

/*
 * Return the address of the calling thread's pointer. It is the one access through a TLS
 * descriptor: readers find the variable of a shared library by that relocation.
 */
TOTE_SHARED const tote_span_context **tote__thread_context_pointer(void);

#endif
