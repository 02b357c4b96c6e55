/* SPDX-License-Identifier: MIT */
/*
 * agent.c - requests of the preload object, and the SDK that exports by the program's libcurl
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include <string.h>

#include "agent.h"
#include "tote/diagnostics.h"

enum { VERSION_7_88 = 0x075800 };

const struct preload_library *agent_exporters_library;

static struct {
    struct preload_library *(*load)(const char *name);
    _Atomic(const struct preload_library *) first; /* the libcurl of the first transfer */
} state;

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

bool tote__preload_find_sdk(struct tote__preload_sdk *sdk) {
    if (!(agent_exporters_library = choose_library())) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "preload",
            "transfers are not traced: the exporter needs a libcurl with TLS, 7.88 or newer");
        return false;
    }
    *sdk = (struct tote__preload_sdk){.start = tote_sdk_start, .close = tote_sdk_close};
    return true;
}

static bool begin(tote_curl_request **request, const struct preload_library *library,
                  const struct tote__transfer *transfer, enum tote__scheme scheme,
                  const CURLU *parts) {
    const struct preload_library *none = NULL;

    atomic_compare_exchange_strong(&state.first, &none, library);
    const tote_context *parent = tote__preload_parent();
    if (!*request && !(*request = tote__curl_attach(transfer))) {
        return false;
    }
    tote__curl_start(*request, parent, scheme, parts);
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
