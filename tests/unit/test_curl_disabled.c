/* SPDX-License-Identifier: MIT */
/*
 * test_curl_disabled.c - requests with TOTE_DISABLED: libcurl gets the options of the program
 */
#define TOTE_DISABLED 1
#include "support.h"

#include "receiver.h"
#include "tote/instrumentation/curl.h"

static size_t ignore_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes, (void)arg;
    return size * count;
}

static int count_call(void *count, char *peer, char *local, int peer_port, int local_port) {
    (void)peer, (void)local, (void)peer_port, (void)local_port;
    ++*(unsigned *)count;
    return CURL_PREREQFUNC_OK;
}

/* The contract of tote_curl_options and of TOTE_DISABLED in tote/common.h */
static void a_disabled_request_is_sent_with_the_programs_options(void **state) {
    struct receiver *receiver = receiver_start();
    CURL *easy = curl_easy_init();
    tote_curl_options options = TOTE_CURL_OPTIONS_INIT;
    unsigned calls = 0;

    (void)state;
    assert_non_null(receiver);
    curl_easy_setopt(easy, CURLOPT_URL, receiver_url(receiver));
    curl_easy_setopt(easy, CURLOPT_PROXY, "");
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    options.headers = curl_slist_append(NULL, "X-Own: 1");
    options.prereq_function = count_call;
    options.prereq_data = &calls;
    assert_int_equal(tote_curl_perform(easy, &options), CURLE_OK);
    tote_curl_request *request = tote_curl_begin(easy, &options);
    assert_null(request);
    assert_int_equal(curl_easy_perform(easy), CURLE_OK);
    tote_curl_end(&request, CURLE_OK);
    assert_int_equal(tote_curl_perform(easy, NULL), CURLE_OK);

    assert_int_equal(calls, 2);
    assert_string_equal(receiver_header(receiver, 0, "X-Own"), "1");
    assert_string_equal(receiver_header(receiver, 1, "X-Own"), "1");
    assert_null(receiver_header(receiver, 2, "X-Own"));
    curl_easy_cleanup(easy);
    curl_slist_free_all(options.headers);
    receiver_stop(receiver);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_disabled_request_is_sent_with_the_programs_options),
    };
    return RUN_TESTS(tests, argc, argv);
}
