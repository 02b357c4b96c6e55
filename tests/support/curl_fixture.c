/* SPDX-License-Identifier: MIT */
/*
 * curl_fixture.c - a receiver, a handle that sends requests to it, and an SDK with spans in memory
 */
#include "curl_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/propagators.h"

static size_t ignore_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes, (void)arg;
    return size * count;
}

void curl_fixture_set_url(struct curl_fixture *fixture, const char *rest) {
    snprintf(fixture->url, sizeof fixture->url, "%s%s", receiver_url(fixture->receiver), rest);
    curl_easy_setopt(fixture->easy, CURLOPT_URL, fixture->url);
}

int curl_fixture_set_up_without_sdk(void **state) {
    struct curl_fixture *fixture = calloc(1, sizeof *fixture);

    *state = fixture;
    if (!fixture) {
        return -1;
    }
    fixture->receiver = receiver_start();
    fixture->easy = curl_easy_init();
    curl_easy_setopt(fixture->easy, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(fixture->easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(fixture->easy, CURLOPT_PROXY, "");
    curl_easy_setopt(fixture->easy, CURLOPT_TIMEOUT_MS, 60000L);
    curl_fixture_set_url(fixture, "/");
    return fixture->receiver && fixture->easy ? 0 : -1;
}

int curl_fixture_set_up(void **state) {
    int result = curl_fixture_set_up_without_sdk(state);
    struct curl_fixture *fixture = *state;

    fixture->memory = tote_in_memory_spans_new();
    fixture->sdk = tote_in_memory_sdk_start(fixture->memory);
    return fixture->sdk ? result : -1;
}

int curl_fixture_tear_down(void **state) {
    struct curl_fixture *fixture = *state;

    tote_propagator_set_global(NULL);
    curl_easy_cleanup(fixture->easy);
    receiver_stop(fixture->receiver);
    tote_sdk_close(&fixture->sdk, 1000);
    tote_in_memory_spans_unref(fixture->memory);
    free(fixture);
    return 0;
}

CURLcode perform_with_headers(CURL *easy, struct curl_slist *headers) {
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.headers = headers;
    return tote_curl_perform(easy, &options);
}

tote_curl_request *begin_with_headers(CURL *easy, struct curl_slist *headers) {
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;

    options.headers = headers;
    return tote_curl_begin(easy, &options);
}

void allow_hosts(const char *const *hosts, size_t count) {
    tote_propagator *propagator = tote_propagator_allowed_hosts_new(
        tote_propagator_from_names("tracecontext,baggage"), hosts, count);

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

const tote_span_data *curl_fixture_only_span(struct curl_fixture *f) {
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 1);
    return tote_in_memory_spans_get_at(f->memory, 0);
}

void make_traceparent(const tote_span_context *context, char text[54]) {
    strcpy(text, "00-");
    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), text + 3);
    text[35] = '-';
    tote_span_id_to_hex(tote_span_context_get_span_id(context), text + 36);
    strcpy(text + 52, "-");
}
