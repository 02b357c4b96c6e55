/* SPDX-License-Identifier: MIT */
/*
 * linked.c - requests with the libcurl that the program is linked with
 *
 * Tests: tests/unit/test_curl.c, tests/unit/test_curl_attempts.c
 */
#define CURL_DISABLE_TYPECHECK
#include <stdatomic.h>

#include "curl_parts.h"
#include "tote/internal/tracer.h"

static const struct tote__curl linked = {
    .easy_setopt = curl_easy_setopt,
    .easy_getinfo = curl_easy_getinfo,
    .easy_nextheader = curl_easy_nextheader,
    .easy_strerror = curl_easy_strerror,
    .url = curl_url,
    .url_cleanup = curl_url_cleanup,
    .url_get = curl_url_get,
    .url_set = curl_url_set,
    .free = curl_free,
};

/* curl_version_info() formats texts, so call it once. */
static bool reports_old_urls(void) {
    enum { UNKNOWN, NO, YES };
    static atomic_int known = UNKNOWN;
    int value = atomic_load_explicit(&known, memory_order_relaxed);

    if (value == UNKNOWN) {
        value = tote__curl_reports_old_urls(curl_version_info(CURLVERSION_NOW)) ? YES : NO;
        atomic_store_explicit(&known, value, memory_order_relaxed);
    }
    return value == YES;
}

tote_curl_request *tote_curl_begin(CURL *easy, const tote_curl_options *given) {
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;
    enum tote__scheme scheme = easy ? tote__curl_scheme(&linked, easy) : TOTE__SCHEME_OTHER;

    TOTE__COPY_OPTIONS(tote_curl_options, &options, given);
    const struct tote__transfer transfer = {
        .curl = &linked,
        .easy = easy,
        .headers = options.headers,
        .prereq = options.prereq_function,
        .prereq_data = options.prereq_data,
        .tracer = options.tracer,
        .url_template = options.url_template,
        .reports_old_urls = reports_old_urls(),
    };
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, options.headers);
    tote_curl_request *request = scheme == TOTE__SCHEME_OTHER ? NULL : tote__curl_attach(&transfer);
    if (request) {
        tote__curl_start(request, tote_context_current(), scheme, NULL);
    } else {
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, options.prereq_function);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, options.prereq_data);
    }
    return request;
}

CURLcode tote_curl_perform(CURL *easy, const tote_curl_options *options) {
    tote_curl_request *request = tote_curl_begin(easy, options);
    CURLcode result = curl_easy_perform(easy);

    tote_curl_end(&request, result);
    return result;
}
