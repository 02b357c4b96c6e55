/* SPDX-License-Identifier: MIT */
/*
 * linked.c - requests with the libcurl that the program is linked with
 *
 * Tests: tests/unit/test_curl.c
 */
#define CURL_DISABLE_TYPECHECK
#include <stdatomic.h>

#include "curl_parts.h"

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

/* The program's own, or NULL. */
static _Atomic(curl_prereq_callback) users_prereq;

void tote_curl_set_prereq_function(curl_prereq_callback function) {
    atomic_store(&users_prereq, function);
}

/* curl_version_info() puts texts together: ask once. */
static bool reports_old_urls(void) {
    enum { UNKNOWN, NO, YES };
    static atomic_int known = UNKNOWN;
    int answer = atomic_load_explicit(&known, memory_order_relaxed);

    if (answer == UNKNOWN) {
        answer = tote__curl_reports_old_urls(curl_version_info(CURLVERSION_NOW)) ? YES : NO;
        atomic_store_explicit(&known, answer, memory_order_relaxed);
    }
    return answer == YES;
}

tote_curl_request *tote_curl_begin(CURL *easy, struct curl_slist *headers) {
    enum tote__scheme scheme = easy ? tote__curl_scheme(&linked, easy) : TOTE__SCHEME_OTHER;

    if (scheme == TOTE__SCHEME_OTHER) {
        return NULL;
    }
    struct tote__transfer transfer = {
        &linked, easy, headers, atomic_load(&users_prereq), easy, reports_old_urls()};
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    tote_curl_request *request = tote__curl_attach(&transfer);
    if (request) {
        tote__curl_start(request, NULL, scheme, NULL);
    }
    return request;
}

CURLcode tote_curl_perform(CURL *easy, struct curl_slist *headers) {
    tote_curl_request *request = tote_curl_begin(easy, headers);
    CURLcode result = curl_easy_perform(easy);

    tote_curl_end(&request, result);
    return result;
}
