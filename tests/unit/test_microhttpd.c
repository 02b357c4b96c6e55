/* SPDX-License-Identifier: MIT */
/*
 * test_microhttpd.c - server spans around requests of libmicrohttpd
 */
#include "support.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "span_text.h"
#include "tote/allocator.h"
#include "tote/diagnostics.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/microhttpd.h"
#include "tote/tote.h"

#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

/* Allocations that succeed before all fail; negative: none fails. */
static atomic_long allocations_left = -1;

static bool is_to_fail(void) {
    long left = atomic_load(&allocations_left);

    while (left > 0 && !atomic_compare_exchange_weak(&allocations_left, &left, left - 1)) {
    }
    return left == 0;
}

static void *test_allocate(void *self, size_t size) {
    (void)self;
    return is_to_fail() ? NULL : malloc(size);
}

static void *test_reallocate(void *self, void *old, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return is_to_fail() ? NULL : realloc(old, size);
}

static void test_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

/* A daemon, and an SDK that keeps ended spans in memory. */
struct fixture {
    tote_microhttpd_server server;
    struct MHD_Daemon *daemon;
    uint16_t port;
    tote_in_memory_spans *memory;
    tote_sdk *sdk;
    unsigned completed; /* calls of completed() in the scope of the request */
    atomic_uint calls;
    void *expected_state;
    atomic_uint checked;
    pthread_t worker;
    bool has_worker;
};

static enum MHD_Result response(struct MHD_Connection *connection, unsigned status) {
    static char body[] = "done\n";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return result;
}

/* The work of another thread for a suspended connection. */
struct work {
    struct fixture *fixture;
    struct MHD_Connection *connection;
    tote_context *context;
};

static int add_from_worker(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "worked", tote_bool(true));
    tote_span_add_event(tote_span_current(), "worked", NULL, 0, 0);
    return 0;
}

static void *do_work(void *arg) {
    struct work *work = arg;

    tote_context_run(work->context, add_from_worker, NULL);
    tote_context_unref(work->context);
    MHD_resume_connection(work->connection);
    free(work);
    return NULL;
}

static enum MHD_Result suspend(struct fixture *fixture, struct MHD_Connection *connection) {
    struct work *work = malloc(sizeof *work);

    *work = (struct work){fixture, connection, tote_context_ref(tote_context_current())};
    MHD_suspend_connection(connection);
    fixture->has_worker = pthread_create(&fixture->worker, NULL, do_work, work) == 0;
    return MHD_YES;
}

/* Count the calls in the state and in the store. */
static enum MHD_Result handle(void *cls, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *body,
                              size_t *body_size, void **state) {
    struct fixture *fixture = cls;
    uintptr_t calls = (uintptr_t)*state;
    char before[16] = "0";

    (void)method, (void)version, (void)body;
    tote_store_get(tote_store_current(), "calls", before, sizeof before);
    assert_int_equal(strtoul(before, NULL, 10), calls);
    *state = (void *)++calls;
    tote_store_add(tote_store_current(), "calls", tote_int((int64_t)calls));
    if (strcmp(url, "/impatient") == 0) {
        MHD_set_connection_option(connection, MHD_CONNECTION_OPTION_TIMEOUT, 1U);
    }
    atomic_fetch_add(&fixture->calls, 1);
    if (calls == 1) {
        return MHD_YES;
    }
    if (*body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    if (strcmp(url, "/suspended") == 0 && !fixture->has_worker) {
        return suspend(fixture, connection);
    }
    if (strcmp(url, "/refused") == 0) {
        return MHD_NO;
    }
    if (strcmp(url, "/late-route") == 0) {
        tote_http_server_set_route(tote_span_current(), method, "/late/{x}");
    }
    return response(connection, strcmp(url, "/error") == 0     ? 503
                                : strcmp(url, "/missing") == 0 ? 404
                                                               : 200);
}

static void completed(void *cls, struct MHD_Connection *connection, void **state,
                      enum MHD_RequestTerminationCode how) {
    struct fixture *fixture = cls;

    (void)connection, (void)how;
    fixture->completed += tote_store_get(tote_store_current(), "calls", NULL, 0) >= 0;
    *state = NULL;
}

static const char *get_route(void *cls, const char *method, const char *path) {
    (void)cls, (void)method;
    return strncmp(path, "/orders/", 8) == 0 ? "/orders/{id}" : NULL;
}

static int set_up(void **state) {
    struct fixture *f = calloc(1, sizeof *f);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};

    *state = f;
    f->memory = tote_in_memory_spans_new();
    f->sdk = tote_in_memory_sdk_start(f->memory);
    f->server = (tote_microhttpd_server)TOTE_MICROHTTPD_SERVER_INIT;
    f->server.tracer = tote_get_tracer("test", NULL);
    f->server.handle = handle;
    f->server.handle_cls = f->server.completed_cls = f;
    f->server.completed = completed;
    f->server.get_route = get_route;
    f->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_AUTO | MHD_ALLOW_SUSPEND_RESUME, 0, NULL, NULL,
        tote_microhttpd_handle, &f->server, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed, &f->server, MHD_OPTION_END);
    f->port = f->daemon ? MHD_get_daemon_info(f->daemon, MHD_DAEMON_INFO_BIND_PORT)->port : 0;
    return f->port ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *f = *state;

    if (f->has_worker) { /* may still be in a call for the daemon */
        pthread_join(f->worker, NULL);
    }
    MHD_stop_daemon(f->daemon);
    tote_sdk_close(&f->sdk, 1000);
    tote_in_memory_spans_unref(f->memory);
    free(f);
    return 0;
}

static int connect_to(const struct fixture *f) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                                  .sin_port = htons(f->port)};
    int descriptor = socket(AF_INET, SOCK_STREAM, 0);

    assert_int_equal(connect(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    return descriptor;
}

static void send_text(int descriptor, const char *text) {
    assert_int_equal(send(descriptor, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

/* Wait until this number of spans has ended. */
static void await_spans(const struct fixture *f, size_t count) {
    for (int i = 0; i < 60000 && tote_in_memory_spans_get_count(f->memory) < count; i++) {
        usleep(1000);
    }
    assert_int_equal(tote_in_memory_spans_get_count(f->memory), count);
}

/* Send a request, read until the server closes the connection, and return the span. */
static const tote_span_data *send_request(struct fixture *f, const char *request) {
    char response_text[1024];
    int descriptor = connect_to(f);

    send_text(descriptor, request);
    while (recv(descriptor, response_text, sizeof response_text, 0) > 0) {
    }
    close(descriptor);
    await_spans(f, 1);
    return tote_in_memory_spans_get_at(f->memory, 0);
}

#define GET(path, headers) "GET " path " HTTP/1.1\r\nConnection: close\r\n" headers "\r\n"

/* Spec: http-spans.md#http-server */
static void a_request_has_a_server_span_in_the_trace_of_its_headers(void **state) {
    const tote_span_data *span = send_request(
        *state, GET("/orders/7?a=b%20c&sig=s3cr3t&d",
                    "Host: shop.test:8080\r\nUser-Agent: probe/1.0\r\ntraceparent: " PARENT
                    "\r\nbaggage: user.id=u_1\r\n"));
    char id[TOTE_SPAN_ID_HEX_SIZE];

    assert_string_equal(tote_span_data_get_name(span), "GET /orders/{id}");
    assert_int_equal(tote_span_data_get_kind(span), TOTE_SPAN_KIND_SERVER);
    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_data_get_parent(span)), id);
    assert_string_equal(id, "b7ad6b7169203331");
    assert_span_text(span, "http.request.method", "GET");
    assert_span_text(span, "http.route", "/orders/{id}");
    assert_span_text(span, "url.path", "/orders/7");
    assert_span_text(span, "url.query", "a=b%20c&sig=REDACTED&d");
    assert_span_text(span, "url.scheme", "http");
    assert_span_text(span, "server.address", "shop.test");
    assert_span_text(span, "server.port", "8080");
    assert_span_text(span, "client.address", "127.0.0.1");
    assert_span_text(span, "network.peer.address", "127.0.0.1");
    assert_span_text(span, "network.protocol.version", "1.1");
    assert_span_text(span, "user_agent.original", "probe/1.0");
    assert_span_text(span, "http.response.status_code", "200");
    assert_span_text(span, "error.type", NULL);
    assert_span_text(span, "user.id", "u_1");
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
}

/* The contract of tote_http_request.path: libmicrohttpd has decoded it */
static void an_encoded_question_mark_in_a_path_begins_no_query(void **state) {
    const tote_span_data *span = send_request(*state, GET("/a%3Fb%23c?d=e", "Host: a\r\n"));

    assert_span_text(span, "url.path", "/a?b#c");
    assert_span_text(span, "url.query", "d=e");
}

/* The contract of tote_microhttpd_server.captured_headers. Spec: http-spans.md#http-server */
static void headers_that_the_server_names_are_recorded(void **state) {
    static const char *const names[] = {"X-Request-Id"};
    struct fixture *f = *state;

    f->server.captured_headers = names;
    f->server.captured_header_count = 1;
    const tote_span_data *span =
        send_request(f, GET("/orders/7", "Host: a\r\nx-request-id: r1\r\nx-other: 2\r\n"));
    assert_span_text(span, "http.request.header.x-request-id", "[\"r1\"]");
    assert_span_text(span, "http.request.header.x-other", NULL);
}

static size_t link_count_of(const tote_span_data *span) {
    size_t count;

    tote_span_data_get_links(span, &count);
    return count;
}

/* The contract of tote_microhttpd_server.public_endpoint */
static void a_public_endpoint_links_its_trace_to_that_of_the_headers(void **state) {
    struct fixture *f = *state;
    char trace_id[TOTE_TRACE_ID_HEX_SIZE], span_id[TOTE_SPAN_ID_HEX_SIZE];
    size_t count;

    f->server.public_endpoint = true;
    const tote_span_data *span =
        send_request(f, GET("/orders/7", "Host: a\r\ntraceparent: " PARENT
                                         "\r\ntracestate: a=b\r\nbaggage: user.id=u_1\r\n"));
    const tote_span_context *context = tote_span_data_get_context(span);
    const tote_link *links = tote_span_data_get_links(span, &count);

    assert_int_equal(count, 1);
    tote_trace_id_to_hex(tote_span_context_get_trace_id(links->context), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(links->context), span_id);
    assert_string_equal(trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_string_equal(span_id, "b7ad6b7169203331");
    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), trace_id);
    assert_string_not_equal(trace_id, "0af7651916cd43dd8448eb211c80319c");
    assert_int_equal(
        tote_trace_state_to_header(tote_span_context_get_trace_state(context), NULL, 0), 0);
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(span)));
    assert_span_text(span, "user.id", NULL);
    assert_span_text(span, "calls", "2"); /* entries of the handler are kept */
}

/* The contract of tote_microhttpd_server.public_endpoint: there is no incoming span to link to */
static void a_public_endpoint_without_a_trace_in_the_headers_has_no_link(void **state) {
    struct fixture *f = *state;

    f->server.public_endpoint = true;
    const tote_span_data *span =
        send_request(f, GET("/a", "Host: a\r\ntraceparent: 00-0-0-01\r\nbaggage: user.id=u_1\r\n"));
    assert_int_equal(link_count_of(span), 0);
    assert_false(tote_span_context_is_valid(tote_span_data_get_parent(span)));
    assert_span_text(span, "user.id", NULL);
}

/* Spec: http-spans.md#http-server: a target in absolute form, whose credentials are not recorded */
static void the_password_in_a_target_is_not_recorded(void **state) {
    const tote_span_data *span = send_request(
        *state,
        "GET http://u:s3cr3t@b.test:81/p?q=1 HTTP/1.1\r\nConnection: close\r\nHost: a\r\n\r\n");

    assert_span_text(span, "url.path", "/p");
    assert_span_text(span, "url.query", "q=1");
    assert_span_text(span, "server.address", "b.test");
    assert_span_text(span, "server.port", "81");
}

/* Spec: http-spans.md#status */
static void a_response_with_status_500_or_above_is_an_error(void **state) {
    const tote_span_data *span = send_request(*state, GET("/error", "Host: a\r\n"));

    assert_string_equal(tote_span_data_get_name(span), "GET");
    assert_span_text(span, "http.response.status_code", "503");
    assert_span_text(span, "error.type", "503");
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_ERROR);
}

/* Spec: http-spans.md#status */
static void a_response_with_status_404_is_not_an_error(void **state) {
    const tote_span_data *span = send_request(*state, GET("/missing", "Host: a\r\n"));

    assert_span_text(span, "http.response.status_code", "404");
    assert_span_text(span, "error.type", NULL);
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
}

/* Wait until the handler has been called this number of times. */
static void await_calls(const struct fixture *f, unsigned count) {
    for (int i = 0; i < 60000 && atomic_load(&f->calls) < count; i++) {
        usleep(1000);
    }
}

/* The contract of tote_microhttpd_handle(): the calls for one request share a store and a span */
static void all_calls_for_one_request_have_the_same_scope(void **state) {
    struct fixture *f = *state;
    int descriptor = connect_to(f);
    char text[256];

    send_text(
        descriptor,
        "POST /upload HTTP/1.1\r\nHost: a\r\nConnection: close\r\nContent-Length: 10\r\n\r\n");
    await_calls(f, 1);
    send_text(descriptor, "12345");
    await_calls(f, 2);
    send_text(descriptor, "67890");
    while (recv(descriptor, text, sizeof text, 0) > 0) {
    }
    close(descriptor);
    await_spans(f, 1);
    const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, 0);
    assert_string_equal(tote_span_data_get_name(span), "POST");
    assert_span_text(span, "calls", "4"); /* headers, two pieces, the end */
    assert_int_equal(f->completed, 1);
}

/* The contract of tote/instrumentation/microhttpd.h: MHD_suspend_connection() and its resume */
static void a_suspended_request_continues_in_its_scope(void **state) {
    const tote_span_data *span = send_request(*state, GET("/suspended", "Host: a\r\n"));
    size_t count;

    tote_span_data_get_events(span, &count);
    assert_int_equal(count, 1);
    assert_span_text(span, "worked", "true");
    assert_span_text(span, "http.response.status_code", "200");
}

/* Spec: http-spans.md#status: the handler closes the connection */
static void a_request_without_a_response_is_an_error(void **state) {
    const tote_span_data *span = send_request(*state, GET("/refused", "Host: a\r\n"));

    assert_span_text(span, "error.type", "connection_lost");
    assert_span_text(span, "http.response.status_code", NULL);
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_ERROR);
}

/* Send the beginning of a request that has a body. Returns the connection. */
static int begin_upload(const struct fixture *f, const char *path) {
    int descriptor = connect_to(f);
    char request[128];

    snprintf(request, sizeof request,
             "POST %s HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n1234", path);
    send_text(descriptor, request);
    await_calls(f, 2);
    return descriptor;
}

static void assert_ended_by(const struct fixture *f, const char *error_type) {
    await_spans(f, 1);
    const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, 0);
    assert_span_text(span, "error.type", error_type);
    assert_span_text(span, "http.response.status_code", NULL);
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_ERROR);
    assert_int_equal(f->completed, 1);
}

/* Spec: http-spans.md#status: also the next three tests */
static void a_client_that_leaves_during_its_request_is_an_error(void **state) {
    struct fixture *f = *state;

    int descriptor = begin_upload(f, "/upload");

    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
    close(descriptor);
    assert_ended_by(f, "client_abort");
}

static void a_connection_that_is_reset_during_its_request_is_an_error(void **state) {
    const struct linger at_once = {.l_onoff = 1, .l_linger = 0};
    struct fixture *f = *state;
    int descriptor = begin_upload(f, "/upload");

    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
    setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(descriptor);
    assert_ended_by(f, "read_error");
}

static void a_request_that_is_not_complete_in_time_is_an_error(void **state) {
    struct fixture *f = *state;
    int descriptor = begin_upload(f, "/impatient");

    assert_ended_by(f, "timeout");
    close(descriptor);
}

static void a_request_that_the_end_of_the_server_interrupts_is_an_error(void **state) {
    struct fixture *f = *state;
    int descriptor = begin_upload(f, "/upload");

    assert_int_equal(tote_in_memory_spans_get_count(f->memory), 0);
    MHD_stop_daemon(f->daemon);
    f->daemon = NULL;
    assert_ended_by(f, "shutdown");
    close(descriptor);
}

/* A handler that uses any value as its state: odd, even and NULL. */
static enum MHD_Result handle_with_any_state(void *cls, struct MHD_Connection *connection,
                                             const char *url, const char *method,
                                             const char *version, const char *body,
                                             size_t *body_size, void **state) {
    struct fixture *fixture = cls;

    (void)url, (void)method, (void)version, (void)body;
    assert_ptr_equal(*state, fixture->expected_state);
    *state = fixture->expected_state = (void *)((uintptr_t)fixture->expected_state + 1);
    if (*state == (void *)1) {
        return MHD_YES;
    }
    if (*body_size) {
        *body_size = 0;
        return MHD_YES;
    }
    return response(connection, 200);
}

static void check_state(void *cls, struct MHD_Connection *connection, void **state,
                        enum MHD_RequestTerminationCode how) {
    struct fixture *fixture = cls;

    (void)connection;
    assert_int_equal(how, MHD_REQUEST_TERMINATED_COMPLETED_OK);
    assert_ptr_equal(*state, fixture->expected_state);
    fixture->expected_state = NULL;
    atomic_fetch_add(&fixture->checked, 1);
}

/* The contract of tote/instrumentation/microhttpd.h: out of memory loses the span only */
static void a_request_is_served_if_any_allocation_fails(void **state) {
    struct fixture *f = *state;
    char text[1024];

    f->server.handle = handle_with_any_state;
    f->server.completed = check_state;
    for (unsigned i = 0; i < 40; i++) {
        int descriptor = connect_to(f);
        ssize_t length;
        size_t at = 0;

        tote_in_memory_spans_clear(f->memory);
        atomic_store(&allocations_left, (long)i);
        send_text(descriptor, "POST /a HTTP/1.1\r\nHost: a\r\nConnection: close\r\n"
                              "Content-Length: 2\r\n\r\nab");
        while ((length = recv(descriptor, text + at, sizeof text - 1 - at, 0)) > 0) {
            at += (size_t)length;
        }
        text[at] = '\0';
        assert_memory_equal(text, "HTTP/1.1 200", 12);
        close(descriptor);
        while (atomic_load(&f->checked) <= i) {
            usleep(1000);
        }
        atomic_store(&allocations_left, -1);
        assert_true(i > 0 || tote_in_memory_spans_get_count(f->memory) == 0);
    }
}

/* Spec: http-spans.md#name */
static void the_handler_can_set_the_route(void **state) {
    const tote_span_data *span = send_request(*state, GET("/late-route", "Host: a\r\n"));

    assert_string_equal(tote_span_data_get_name(span), "GET /late/{x}");
    assert_span_text(span, "http.route", "/late/{x}");
}

/* The contract of tote_microhttpd_handle(): a scope is current during calls for its request only */
static void requests_of_one_connection_have_separate_scopes(void **state) {
    struct fixture *f = *state;
    char text[1024];
    int descriptor = connect_to(f);

    for (int i = 0; i < 3; i++) {
        size_t length = 0;
        send_text(descriptor, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        do { /* the whole response, which ends with its body */
            ssize_t more = recv(descriptor, text + length, sizeof text - 1 - length, 0);
            assert_true(more > 0);
            length += (size_t)more;
            text[length] = '\0';
        } while (!strstr(text, "done\n"));
        await_spans(f, (size_t)i + 1);
    }
    close(descriptor);
    for (size_t i = 0; i < 3; i++) {
        const tote_span_data *span = tote_in_memory_spans_get_at(f->memory, i);
        assert_span_text(span, "calls", "2");
        assert_false(tote_span_context_is_valid(tote_span_data_get_parent(span)));
    }
}

#define SERVER_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SERVER_TEST(a_request_has_a_server_span_in_the_trace_of_its_headers),
        SERVER_TEST(an_encoded_question_mark_in_a_path_begins_no_query),
        SERVER_TEST(headers_that_the_server_names_are_recorded),
        SERVER_TEST(a_public_endpoint_links_its_trace_to_that_of_the_headers),
        SERVER_TEST(a_public_endpoint_without_a_trace_in_the_headers_has_no_link),
        SERVER_TEST(the_password_in_a_target_is_not_recorded),
        SERVER_TEST(a_response_with_status_500_or_above_is_an_error),
        SERVER_TEST(a_response_with_status_404_is_not_an_error),
        SERVER_TEST(all_calls_for_one_request_have_the_same_scope),
        SERVER_TEST(a_suspended_request_continues_in_its_scope),
        SERVER_TEST(a_request_without_a_response_is_an_error),
        SERVER_TEST(a_client_that_leaves_during_its_request_is_an_error),
        SERVER_TEST(a_connection_that_is_reset_during_its_request_is_an_error),
        SERVER_TEST(a_request_that_is_not_complete_in_time_is_an_error),
        SERVER_TEST(a_request_that_the_end_of_the_server_interrupts_is_an_error),
        SERVER_TEST(a_request_is_served_if_any_allocation_fails),
        SERVER_TEST(the_handler_can_set_the_route),
        SERVER_TEST(requests_of_one_connection_have_separate_scopes),
    };
    static const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                             test_release, NULL};

    tote_allocator_set(&allocator);
    return RUN_TESTS(tests, argc, argv);
}
