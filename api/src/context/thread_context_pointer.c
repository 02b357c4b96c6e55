/* SPDX-License-Identifier: MIT */
/*
 * thread_context_pointer.c - the TLS descriptor of the variable for profilers
 *
 * Compiled with TLS descriptors if the compiler supports them. A separate file, because a program
 * that is linked with -static-pie must not contain this access: its relocation crashes at start.
 *
 * Tests: tests/unit/test_thread_context.c
 */
#include "tote/internal/thread_context.h"

const tote_span_context **tote__thread_context_pointer(void) {
    return &otel_thread_ctx_v1;
}
