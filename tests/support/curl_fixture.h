/* SPDX-License-Identifier: MIT */
/*
 * curl_fixture.h - a receiver, a handle that sends requests to it, and an SDK with spans in memory
 */
#ifndef TOTE_TESTS_CURL_FIXTURE_H
#define TOTE_TESTS_CURL_FIXTURE_H

#include "support.h"

#include "receiver.h"
#include "span_text.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/curl.h"
#include "tote/tote.h"

struct curl_fixture {
    struct receiver *receiver;
    CURL *easy;
    char url[128];
    tote_in_memory_spans *memory;
    tote_sdk *sdk;
};

/* `*state` is a struct curl_fixture. */
int curl_fixture_set_up(void **state);
int curl_fixture_set_up_without_sdk(void **state);
int curl_fixture_tear_down(void **state);

/* Set the URL to that of the receiver and `rest`. */
void curl_fixture_set_url(struct curl_fixture *fixture, const char *rest);

/* Call the function with these headers of the program and default options. */
CURLcode perform_with_headers(CURL *easy, struct curl_slist *headers);
tote_curl_request *begin_with_headers(CURL *easy, struct curl_slist *headers);

/* Send headers only to these hosts, until the next SDK starts. */
void allow_hosts(const char *const *hosts, size_t count);

/* Return the only span; the test fails if there is not exactly one. */
const tote_span_data *curl_fixture_only_span(struct curl_fixture *fixture);

/* Write the traceparent without its flags: "00-", trace id, "-", span id, "-". */
void make_traceparent(const tote_span_context *context, char text[54]);

/* In the table of tests. */
#define CURL_TEST(test)                                                                            \
    cmocka_unit_test_setup_teardown(test, curl_fixture_set_up, curl_fixture_tear_down)

#endif
