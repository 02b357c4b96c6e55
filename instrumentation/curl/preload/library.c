/* SPDX-License-Identifier: MIT */
/*
 * library.c - the functions of a libcurl that the preload object and its agent call
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#include "preload.h"

#define REQUIRED(name)                                                                             \
    {"curl_" #name, offsetof(struct preload_library, name), TOTE__PRELOAD_REQUIRED},
#define OPTIONAL(name)                                                                             \
    {"curl_" #name, offsetof(struct preload_library, name), TOTE__PRELOAD_OPTIONAL},

static const struct tote__preload_function functions[] = {PRELOAD_REQUIRED(REQUIRED)
                                                              PRELOAD_TRACING(OPTIONAL)};

static void set_up(struct tote__preload_library *base) {
    struct preload_library *library = (struct preload_library *)base;

    library->curl = (struct tote__curl){
        .easy_setopt = library->easy_setopt,
        .easy_getinfo = library->easy_getinfo,
        .easy_nextheader = library->easy_nextheader,
        .easy_strerror = library->easy_strerror,
        .url = library->url,
        .url_cleanup = library->url_cleanup,
        .url_get = library->url_get,
        .url_set = library->url_set,
        .free = library->free,
        .sees_calls = true,
    };
    library->reports_old_urls = tote__curl_reports_old_urls(library->version_info(CURLVERSION_NOW));
}

struct tote__preload_kind preload_kind = {
    .file = "libcurl",
    .size = sizeof(struct preload_library),
    .functions = functions,
    .function_count = TOTE_COUNT_OF(functions),
    .set_up = set_up,
};

struct preload_library *preload_load(const char *name) {
    return (struct preload_library *)tote__preload_load(&preload_kind, name);
}
