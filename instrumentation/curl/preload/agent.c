/* SPDX-License-Identifier: MIT */
/*
 * agent.c - the SDK for programs that are not changed
 *
 * It starts at the first transfer, unless the program has an SDK, and is configured by the OTEL_*
 * variables. It continues the trace of the environment, and is closed when the program exits.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "tote/diagnostics.h"
#include "tote/environment.h"
#include "tote/tote.h"

enum { CLOSE_TIMEOUT_MS = 2000, VERSION_7_88 = 0x075800 };

const struct preload_library *agent_exporters_library;

static struct {
    pthread_once_t once;
    struct preload_library *(*load)(const char *name);
    _Atomic(const struct preload_library *) first; /* the libcurl of the first transfer */
    tote_sdk *sdk;
    tote_context *remote; /* extracted from the environment */
} state = {.once = PTHREAD_ONCE_INIT};

/* Whether the exporter can use this libcurl on its own thread; it needs TLS. */
static bool is_fit(const struct preload_library *library) {
    if (!library || library->is_customized) {
        return false;
    }
    const curl_version_info_data *info = library->version_info(CURLVERSION_NOW);
    for (const char *const *name = info->protocols; *name; name++) {
        if (strcmp(*name, "https") == 0) {
            return info->version_num >= VERSION_7_88;
        }
    }
    return false;
}

/* Prefer the program's libcurl: loading another one could bind a plug-in to the wrong libcurl. */
static const struct preload_library *choose_library(void) {
    const struct preload_library *first = atomic_load(&state.first);

    if (is_fit(first)) {
        return first;
    }
    const struct preload_library *other = state.load("libcurl.so.4");
    return is_fit(other) ? other : NULL;
}

static void close_sdk(void) {
    tote_sdk_close(&state.sdk, CLOSE_TIMEOUT_MS);
}

static void start_sdk(void) {
    tote_tracer_provider *provider = tote_tracer_provider_ref_global();

    if (provider) { /* the program has an SDK */
        tote_tracer_provider_unref(provider);
    } else if ((agent_exporters_library = choose_library())) {
        state.sdk = tote_sdk_start(NULL);
        atexit(close_sdk); /* runs before the handlers of libcurl and TLS, registered earlier */
    } else {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "preload",
            "transfers are not traced: the exporter needs a libcurl with TLS, 7.88 or newer");
    }
    /* With the propagators that the start has set. */
    state.remote = tote_extract_environment(tote_context_root(), NULL);
}

/* The parent is the current context, or that of the environment if none is attached. */
static bool begin(tote_curl_request **request, const struct preload_library *library,
                  const struct tote__transfer *transfer, enum tote__scheme scheme,
                  const CURLU *parts) {
    const struct preload_library *none = NULL;

    atomic_compare_exchange_strong(&state.first, &none, library);
    pthread_once(&state.once, start_sdk);
    if (!*request && !(*request = tote__curl_attach(transfer))) {
        return false;
    }
    const tote_context *current = tote_context_current();
    tote__curl_start(*request, current == tote_context_root() ? state.remote : current, scheme,
                     parts);
    return true;
}

const struct preload_agent *tote__preload_agent(struct preload_library *(*load)(const char *)) {
    static const struct preload_agent agent = {
        .begin = begin,
        .end = tote__curl_stop,
        .detach = tote__curl_detach,
        .set_headers = tote__curl_set_headers,
        .set_prereq = tote__curl_set_prereq,
    };

    state.load = load;
    return &agent;
}
