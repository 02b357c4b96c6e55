/* SPDX-License-Identifier: MIT */
/*
 * test_carriers.c - the carriers that Tote provides: arrays of headers, environments, lists of
 * libcurl, requests and responses of libmicrohttpd
 */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reports.h"
#include "tote/allocator.h"
#include "tote/instrumentation/curl.h"
#include "tote/instrumentation/microhttpd.h"
#include "tote/internal/pool.h"
#include "tote/propagator_ops.h"
#include "tote/propagators.h"
#include "tote/tote.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

static _Thread_local size_t allocations;

static void *count_allocation(void *self, size_t size) {
    (void)self;
    allocations++;
    return malloc(size);
}

static void *count_reallocation(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    allocations++;
    return realloc(memory, size);
}

static void release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

/* A context with a span and a store entry. */
static tote_context *make_context(void) {
    const tote_header headers[] = {{"traceparent", 11, PARENT, 55}, {"baggage", 7, "k=v", 3}};

    return tote_extract_headers(tote_context_root(), headers, TOTE_COUNT_OF(headers));
}

static int set_up(void **state) {
    tote_propagator *propagator = tote_propagator_from_names("tracecontext,baggage");

    reports_reset(TOTE_LEVEL_WARN);
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    *state = make_context();
    tote_inject_headers(*state, NULL, 0, NULL,
                        0); /* so that the memory that a thread keeps is allocated */
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

static int tear_down(void **state) {
    tote_context_unref(*state);
    tote_propagator_set_global(NULL);
    return 0;
}

/* All values that the carrier returns for each header, as "a|b|". */
struct values {
    char text[256];
};

static bool add_value(void *arg, const char *name, size_t name_length, const char *value,
                      size_t value_length) {
    struct values *values = arg;
    size_t used = strlen(values->text);

    (void)name, (void)name_length;
    while (value_length && *value == ' ') {
        value++;
        value_length--;
    }
    snprintf(values->text + used, sizeof values->text - used, "%.*s|", (int)value_length, value);
    return true;
}

static void assert_values(const tote_text_map_getter *getter, const void *carrier, const char *key,
                          const char *expected) {
    struct values values = {""};

    tote_text_map_getter_get_all(getter, carrier, key, add_value, &values);
    assert_string_equal(values.text, expected);
}

/*
 * Several headers of one name are several values, in order; a value that is set is the only one.
 * Spec: context/api-propagators.md#getall
 */
static void an_array_of_headers_is_read_and_replaced_case_insensitively(void **state) {
    tote_header headers[8] = {{"Host", 4, "a", 1},
                              {"TraceParent", 11, "old", 3},
                              {"baggage", 7, "x=1", 3},
                              {"BAGGAGE", 7, "y=2", 3},
                              {"tracestate", 10, "old=1", 5}};
    char buffer[256];
    tote_header_array array = {headers, 5, TOTE_COUNT_OF(headers), buffer, sizeof buffer};

    assert_values(tote_header_array_getter(), &array, "Baggage", "x=1|y=2|");
    assert_values(tote_header_array_getter(), &array, NULL, "a|old|x=1|y=2|old=1|");
    allocations = 0;
    tote_inject(*state, &array, tote_header_array_setter());
    assert_int_equal(allocations, 0);
    assert_int_equal(array.count, 3);
    assert_values(tote_header_array_getter(), &array, NULL, "a|" PARENT "|k=v|");
    assert_int_equal(reports.count, 0);
}

/* Headers that were there before are kept. */
static void a_header_that_does_not_fit_into_the_array_is_left_out_whole(void **state) {
    tote_header headers[2] = {{"Host", 4, "a", 1}};
    char buffer[256];
    tote_header_array array = {headers, 1, TOTE_COUNT_OF(headers), buffer, sizeof buffer};

    tote_inject(*state, &array, tote_header_array_setter());
    assert_values(tote_header_array_getter(), &array, NULL, "a|" PARENT "|");
    assert_int_equal(reports.count, 1);
}

static char *const base[] = {"PATH=/bin",
                             "TRACEPARENT=old",
                             "traceparent=kept",
                             "TRACESTATE=old=1",
                             "BAGGAGEX=kept",
                             "BAGGAGE=old",
                             NULL};

/*
 * One copy for the child, without older variables; the process's environment is unchanged and
 * nothing is allocated. Spec: context/env-carriers.md
 */
static void an_environment_for_a_child_has_each_variable_once(void **state) {
    char *variables[16], buffer[256];

    allocations = 0;
    size_t count = tote_inject_environment(*state, base, variables, TOTE_COUNT_OF(variables),
                                           buffer, sizeof buffer);
    assert_int_equal(allocations, 0);
    assert_int_equal(count, 5);
    assert_ptr_equal(variables[0], base[0]);
    assert_ptr_equal(variables[1], base[2]);
    assert_ptr_equal(variables[2], base[4]);
    assert_string_equal(variables[3], "TRACEPARENT=" PARENT);
    assert_string_equal(variables[4], "BAGGAGE=k=v");
    assert_null(variables[5]);
    assert_string_equal(base[1], "TRACEPARENT=old");
    assert_int_equal(reports.count, 0);
}

/* The child gets all variables of `base`, or the call fails. */
static void an_environment_that_does_not_fit_is_an_error(void **state) {
    char *variables[8], buffer[256];

    for (size_t room = 0; room <= 6; room++) {
        assert_int_equal(tote_inject_environment(*state, base, variables, room, buffer, 256), 0);
        assert_true(!room || !variables[0]);
    }
    assert_int_equal(reports.count, 0);
    assert_int_equal(tote_inject_environment(*state, base, variables, 7, buffer, 256), 5);
    assert_int_equal(tote_inject_environment(*state, base, variables, 7, buffer, 20), 4);
    assert_string_equal(variables[3], "BAGGAGE=k=v");
    assert_null(variables[4]);
    assert_int_equal(reports.count, 1);
}

/* Of two variables with one name the first is read. Compliance: CP-18 */
static void only_variables_with_normalized_names_are_read(void **state) {
    char *lower[] = {"traceparent=" PARENT, "Baggage=k=v", NULL};
    char good[] = "TRACEPARENT=" PARENT;
    char *upper[] = {"=x", "X", good, "TRACEPARENT=00", "1A=2", "A.B=1", "_=z", NULL};
    const tote_environment carrier = {.variables = upper};

    (void)state;
    tote_context *context = tote_extract_environment(tote_context_root(), lower);
    assert_ptr_equal(context, tote_context_root());
    assert_values(tote_environment_getter(), &carrier, "traceparent", PARENT "|");
    assert_values(tote_environment_getter(), &carrier, NULL, PARENT "|00|z|");
    context = tote_extract_environment(tote_context_root(), upper);
    assert_true(tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(context))));
    tote_context_unref(context);
}

/* A trace continues in a child process. Spec: context/env-carriers.md. Compliance: CP-19 */
static void a_child_process_extracts_the_context_that_its_parent_injected(void **state) {
    char *const arguments[] = {"sh", "-c", "echo \"$TRACEPARENT $BAGGAGE $HOME\"", NULL};
    char *variables[256], buffer[TOTE_INJECT_BUFFER_BYTES], line[256] = "", expected[256];
    int ends[2];

    assert_true(tote_inject_environment(*state, NULL, variables, TOTE_COUNT_OF(variables), buffer,
                                        sizeof buffer) > 0);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execve("/bin/sh", arguments, variables);
        _exit(127);
    }
    close(ends[1]);
    FILE *out = fdopen(ends[0], "r");
    assert_non_null(fgets(line, sizeof line, out));
    fclose(out);
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    snprintf(expected, sizeof expected, PARENT " k=v %s\n", getenv("HOME") ? getenv("HOME") : "");
    assert_string_equal(line, expected);
    assert_null(getenv("TRACEPARENT")); /* the process's own environment is unchanged */
}

/*
 * Names are case-insensitive, in both forms that curl has for a header. Spec:
 * context/api-propagators.md#get
 */
static void a_list_of_libcurl_is_read_and_replaced(void **state) {
    static const char *const lines[] = {"TRACEPARENT: old", "X-Own: 1", "baggage:x=1",
                                        "Baggage: y=2",     "Empty;",   "TraceState;"};
    struct curl_slist *list = NULL;

    for (size_t i = 0; i < TOTE_COUNT_OF(lines); i++) {
        list = curl_slist_append(list, lines[i]);
    }
    assert_values(tote_curl_list_getter(), &list, "baggage", "x=1|y=2|");
    allocations = 0;
    tote_inject(*state, &list, tote_curl_list_setter());
    assert_int_equal(allocations, 0);
    assert_values(tote_curl_list_getter(), &list, NULL, "1|" PARENT "|k=v|");
    assert_string_equal(list->next->data, "Empty;");
    assert_string_equal(list->next->next->data, "traceparent: " PARENT); /* no other tracestate */
    tote_curl_list_setter()->set(&list, "empty", "", 0);
    assert_string_equal(list->next->next->next->data, "empty;");
    assert_null(list->next->next->next->next);
    tote_curl_list_setter()->set(&list, "EMPTY", NULL, 0);
    assert_null(list->next->next->next);
    curl_slist_free_all(list);
}

/* What the server saw of a request, and its response. */
struct exchange {
    bool is_valid;
    struct values baggage;
    char response[4096];
};

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **request_state) {
    static char empty[1];
    struct exchange *exchange = cls;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, empty, MHD_RESPMEM_PERSISTENT);

    (void)url, (void)method, (void)version, (void)body, (void)body_size, (void)request_state;
    tote_context *remote = tote_extract(tote_context_root(), connection, tote_microhttpd_getter());
    exchange->is_valid =
        tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(remote)));
    tote_text_map_getter_get_all(tote_microhttpd_getter(), connection, "baggage", add_value,
                                 &exchange->baggage);
    MHD_add_response_header(response, "TraceParent", "old");
    MHD_add_response_header(response, "traceparent", "older");
    MHD_add_response_header(response, "TRACESTATE", "old=1");
    MHD_add_response_header(response, "X-Own", "1");
    tote_inject(remote, response, tote_microhttpd_setter());
    enum MHD_Result result = MHD_queue_response(connection, 200, response);
    MHD_destroy_response(response);
    tote_context_unref(remote);
    return result;
}

/* Send bytes to a server of this process, and keep the response. */
static void exchange_with(const char *request, struct exchange *exchange) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_Daemon *daemon =
        MHD_start_daemon(MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO, 0, NULL, NULL, on_request,
                         exchange, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);
    size_t length = 0;
    ssize_t got;

    assert_non_null(daemon);
    address.sin_port = htons(MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(send(descriptor, request, strlen(request), 0), (ssize_t)strlen(request));
    while ((got = recv(descriptor, exchange->response + length,
                       sizeof exchange->response - 1 - length, 0)) > 0) {
        length += (size_t)got;
    }
    close(descriptor);
    MHD_stop_daemon(daemon);
}

/*
 * Several headers of one name are several values; a response has each name once. Spec:
 * context/api-propagators.md#getall
 */
static void a_request_of_libmicrohttpd_is_read_and_its_response_written(void **state) {
    struct exchange exchange = {.response = ""};

    (void)state;
    exchange_with("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nTRACEPARENT: " PARENT
                  "\r\nbaggage: a=1\r\nBaggage: b=2\r\n\r\n",
                  &exchange);
    assert_true(exchange.is_valid);
    assert_string_equal(exchange.baggage.text, "a=1|b=2|");
    assert_non_null(strstr(exchange.response, "traceparent: " PARENT "\r\n"));
    assert_non_null(strstr(exchange.response, "X-Own: 1\r\n"));
    assert_null(strstr(exchange.response, "old"));
    assert_null(strstr(exchange.response, "TRACESTATE"));
}

#define CARRIER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const tote_allocator allocator = {sizeof allocator, count_allocation, count_reallocation,
                                      release, NULL};
    const struct CMUnitTest tests[] = {
        CARRIER_TEST(an_array_of_headers_is_read_and_replaced_case_insensitively),
        CARRIER_TEST(a_header_that_does_not_fit_into_the_array_is_left_out_whole),
        CARRIER_TEST(an_environment_for_a_child_has_each_variable_once),
        CARRIER_TEST(an_environment_that_does_not_fit_is_an_error),
        CARRIER_TEST(only_variables_with_normalized_names_are_read),
        CARRIER_TEST(a_child_process_extracts_the_context_that_its_parent_injected),
        CARRIER_TEST(a_list_of_libcurl_is_read_and_replaced),
        CARRIER_TEST(a_request_of_libmicrohttpd_is_read_and_its_response_written),
    };

    if (!tote_allocator_set(&allocator)) {
        return 1;
    }
    tote__pools_keep = true; /* allocations are counted, also under a sanitizer */
    return RUN_TESTS(tests, argc, argv);
}
