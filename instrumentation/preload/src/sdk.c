/* SPDX-License-Identifier: MIT */
/*
 * sdk.c - the SDK for programs that are not changed
 *
 * It starts at the first traced call, unless the program or another preload object has started one,
 * and is configured by the OTEL_* variables. It continues the trace of the environment, and is
 * closed when the program exits. If two preload objects start at the same moment, each has an SDK:
 * spans go to the last one, and both are closed.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "tote/environment.h"
#include "tote/internal/preload.h"
#include "tote/tracer.h"

enum { CLOSE_TIMEOUT_MS = 2000 };

typedef void exit_handler(void);

static pthread_once_t once = PTHREAD_ONCE_INIT;

static struct {
    struct tote__preload_sdk functions;
    tote_sdk *sdk;
    tote_context *remote;              /* extracted from the environment */
    _Atomic(exit_handler *) end_spans; /* NULL: none */
} state;

static void close_sdk(void) {
    state.functions.close(&state.sdk, CLOSE_TIMEOUT_MS);
}

static void start_sdk(void) {
    tote_tracer_provider *provider = tote_tracer_provider_ref_global();
    exit_handler *end_spans = atomic_load(&state.end_spans);

    if (provider) {
        tote_tracer_provider_unref(provider);
    } else if (tote__preload_find_sdk(&state.functions)) {
        state.sdk = state.functions.start(NULL);
        atexit(close_sdk); /* runs before the handlers of libcurl and TLS, registered earlier */
    }
    if (end_spans) {
        atexit(end_spans); /* registered after close_sdk(), so it runs before */
    }
    /* With the propagators that the start has set. */
    state.remote = tote_extract_environment(tote_context_root(), NULL);
}

void tote__preload_at_exit(void (*end_spans)(void)) {
    atomic_store(&state.end_spans, end_spans);
}

const tote_context *tote__preload_parent(void) {
    int error = errno;

    pthread_once(&once, start_sdk);
    errno = error;
    const tote_context *current = tote_context_current();
    return current == tote_context_root() && state.remote ? state.remote : current;
}
