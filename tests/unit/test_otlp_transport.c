/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "identity.h"
#include "otlp/transport/response_reader.h"
#include "otlp/transport/transport.h"
#include "receiver.h"
#include "tote/internal/clock.h"
#include "transport_fixture.h"

static const uint64_t ns_per_s = 1000000000;

/* Spec: protocol/exporter.md#user-agent. Compliance: EX-17 */
static void a_request_has_a_content_type_and_a_user_agent(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.protocol = TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(f->response.status, 200);
    struct received request = receiver_request(f->receiver, 0);
    assert_string_equal(request.method, "POST");
    assert_string_equal(request.path, "/v1/traces");
    assert_int_equal(request.body_size, 5);
    assert_memory_equal(request.body, "spans", 5);
    assert_string_equal(receiver_header(f->receiver, 0, "content-type"), "application/x-protobuf");
    assert_string_equal(receiver_header(f->receiver, 0, "user-agent"),
                        "OTel-OTLP-Exporter-C/" TOTE_VERSION);
    assert_null(receiver_header(f->receiver, 0, "expect"));
    assert_null(receiver_header(f->receiver, 0, "content-encoding"));
}

/* Spec: protocol/otlp.md#json-protobuf-encoding. Compliance: EX-07 */
static void a_request_in_json_has_the_content_type_of_json(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.protocol = TOTE_OTLP_PROTOCOL_HTTP_JSON});

    assert_int_equal(send_text(f, "{}", in_seconds(60)), TOTE__RESPONDED);
    struct received request = receiver_request(f->receiver, 0);
    assert_string_equal(request.path, "/v1/traces");
    assert_int_equal(request.body_size, 2);
    assert_memory_equal(request.body, "{}", 2);
    assert_string_equal(receiver_header(f->receiver, 0, "content-type"), "application/json");
}

static void the_headers_of_the_program_are_sent(void **state) {
    struct fixture *f = *state;
    const tote_attribute headers[] = {{"authorization", tote_string("Basic eA==")},
                                      {"x-empty", tote_string("")}};

    open_transport(f, (tote_otlp_options){.headers = headers, .header_count = 2});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_string_equal(receiver_header(f->receiver, 0, "authorization"), "Basic eA==");
    assert_string_equal(receiver_header(f->receiver, 0, "x-empty"), "");
}

/* Spec: protocol/exporter.md#user-agent. Compliance: EX-17 */
static void a_user_agent_of_the_program_precedes_that_of_the_exporter(void **state) {
    struct fixture *f = *state;
    const tote_attribute headers[] = {{"User-Agent", tote_string("MyDistro/1")}};

    open_transport(f, (tote_otlp_options){.headers = headers, .header_count = 1});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_string_equal(receiver_header(f->receiver, 0, "user-agent"),
                        "MyDistro/1 OTel-OTLP-Exporter-C/" TOTE_VERSION);
}

/* Spec: protocol/exporter.md#user-agent */
static void an_empty_user_agent_leaves_that_of_the_exporter(void **state) {
    struct fixture *f = *state;
    const tote_attribute headers[] = {{"user-agent", tote_string("")}};

    open_transport(f, (tote_otlp_options){.headers = headers, .header_count = 1});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_string_equal(receiver_header(f->receiver, 0, "user-agent"),
                        "OTel-OTLP-Exporter-C/" TOTE_VERSION);
}

/* Spec: protocol/otlp.md#otlphttp-connection */
static void twenty_requests_use_one_connection(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});

    for (int i = 0; i < 20; i++) {
        assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    }
    assert_int_equal(receiver_wait(f->receiver, 20), 20);
    assert_int_equal(receiver_connection_count(f->receiver), 1);
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EX-08 */
static void a_compressed_body_is_the_same_after_inflating(void **state) {
    struct fixture *f = *state;
    uint8_t text[64];
    z_stream stream = {.next_out = text, .avail_out = sizeof text};

    open_transport(f, (tote_otlp_options){.compression = TOTE_OTLP_COMPRESSION_GZIP});
    send_text(f, "the first request", in_seconds(60));
    assert_int_equal(send_text(f, "spans and spans and spans", in_seconds(60)), TOTE__RESPONDED);

    struct received request = receiver_request(f->receiver, 1);
    assert_string_equal(receiver_header(f->receiver, 1, "content-encoding"), "gzip");
    stream.next_in = (Bytef *)(uintptr_t)request.body;
    stream.avail_in = (uInt)request.body_size;
    assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
    assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
    assert_int_equal(stream.total_out, strlen("spans and spans and spans"));
    assert_memory_equal(text, "spans and spans and spans", stream.total_out);
    inflateEnd(&stream);
}

/* Spec: protocol/otlp.md#otlphttp-response */
static void a_response_has_status_body_and_headers(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(
        f->receiver,
        (struct receiver_response){.status = 503,
                                   .headers = {"Content-Type: text/plain", "Retry-After: 7"},
                                   .body = "busy",
                                   .body_size = 4});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(f->response.status, 503);
    assert_int_equal(f->response.body.size, 4);
    assert_memory_equal(f->response.body.at, "busy", 4);
    assert_string_equal(f->response.content_type, "text/plain");
    assert_string_equal(f->response.retry_after, "7");
}

/* A body must not be sent to another server. */
static void a_redirect_is_a_response_and_not_followed(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(
        f->receiver, (struct receiver_response){.status = 307, .headers = {"Location: /other"}});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(f->response.status, 307);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);
}

/* Spec: protocol/otlp.md#otlphttp-connection */
static void a_refused_connection_is_distinct_from_a_lost_one(void **state) {
    struct fixture *f = *state;
    char url[64];

    name_closed_port(url, sizeof url);
    open_transport(f, (tote_otlp_options){.endpoint = url});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);
    assert_int_equal(f->response.status, 0);
    assert_true(strlen(f->response.error) > 0);
}

/* Spec: protocol/otlp.md#otlphttp-connection */
static void a_connection_closed_without_a_response_is_reported(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_CLOSES});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NO_RESPONSE);
}

/* The receiver has the spans once it has sent a 200. Spec: protocol/otlp.md#full-success-1 */
static void a_status_counts_even_if_its_body_is_cut_off(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_CLOSES_MIDWAY,
                                                                  .body_size = 1000});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(f->response.status, 200);
    assert_int_equal(f->response.body.size, 500);
}

/* A server for one connection that sends these bytes after the request, and ends the connection. */
struct raw_server {
    int listener;
    char url[64];
    pthread_t thread;
    const char *bytes;
    unsigned repeated; /* how often "X-Filler" follows */
    bool resets;       /* the connection, instead of closing it */
};

static void read_request(int fd) {
    char bytes[4096];
    size_t size = 0;
    ssize_t count;

    while ((count = read(fd, bytes + size, sizeof bytes - size)) > 0) {
        size += (size_t)count;
        if (size > 5 && memcmp(bytes + size - 5, "spans", 5) == 0) {
            return;
        }
    }
}

static void *serve_raw(void *arg) {
    static const char filler[] = "X-Filler: 0123456789012345678901234567890123456789012345678\r\n";
    const struct raw_server *server = arg;
    const struct linger at_once = {1, 0};
    int fd = accept(server->listener, NULL, NULL);

    read_request(fd);
    send(fd, server->bytes, strlen(server->bytes), MSG_NOSIGNAL);
    for (unsigned i = 0; i < server->repeated; i++) {
        if (send(fd, filler, sizeof filler - 1, MSG_NOSIGNAL) < 0) {
            break;
        }
    }
    if (server->resets) {
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    }
    close(fd);
    return NULL;
}

static void start_raw(struct raw_server *server) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;

    server->listener = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(server->listener, (struct sockaddr *)&address, length), 0);
    assert_int_equal(listen(server->listener, 1), 0);
    assert_int_equal(getsockname(server->listener, (struct sockaddr *)&address, &length), 0);
    snprintf(server->url, sizeof server->url, "http://127.0.0.1:%u", ntohs(address.sin_port));
    assert_int_equal(pthread_create(&server->thread, NULL, serve_raw, server), 0);
}

/* Return the outcome of a send to this server. */
static enum tote__outcome send_to_raw(struct fixture *f, struct raw_server server) {
    start_raw(&server);
    open_transport(f, (tote_otlp_options){.endpoint = server.url});
    enum tote__outcome outcome = send_text(f, "spans", in_seconds(30));
    tote__transport_free(f->transport); /* closes its end */
    tote__otlp_settings_clear(&f->settings);
    f->transport = NULL;
    pthread_join(server.thread, NULL);
    close(server.listener);
    return outcome;
}

/* Spec: RFC 9110 section 15.2, a client waits for a final response after an interim one */
static void an_interim_response_before_a_lost_connection_is_no_response(void **state) {
    static const char *const interims[] = {
        "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 102 Processing\r\n\r\n",
        "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n",
        "HTTP/1.1 199 Other\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\n\r\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(interims); i++) {
        assert_int_equal(send_to_raw(f, (struct raw_server){.bytes = interims[i]}),
                         TOTE__NO_RESPONSE);
        assert_int_equal(send_to_raw(f, (struct raw_server){.bytes = interims[i], .resets = true}),
                         TOTE__NO_RESPONSE);
    }
}

/* Too many headers: libcurl gives up, with a different result in each version. */
static void an_interim_response_before_too_many_headers_is_no_response(void **state) {
    struct fixture *f = *state;
    const struct raw_server server = {.bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 100 X\r\n",
                                      .repeated = 20000};

    assert_int_not_equal(send_to_raw(f, server), TOTE__RESPONDED);
}

static void a_final_response_after_an_interim_one_is_the_response(void **state) {
    struct fixture *f = *state;
    const struct raw_server server = {
        .bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 400 Bad\r\nContent-Length: 9\r\n\r\nx",
        .resets = true};

    assert_int_equal(send_to_raw(f, server), TOTE__RESPONDED);
    assert_int_equal(f->response.status, 400);
}

/* Spec: RFC 9112 section 8, a response is incomplete if its header section has not ended */
static void a_response_that_is_cut_off_in_its_headers_is_no_response(void **state) {
    static const char *const cut[] = {
        "HTTP/1.1 20",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nConte",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
        "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n",
    };
    struct fixture *f = *state;

    for (size_t i = 0; i < TOTE_COUNT_OF(cut); i++) {
        assert_int_equal(send_to_raw(f, (struct raw_server){.bytes = cut[i]}), TOTE__NO_RESPONSE);
    }
}

/* The timeout of an export. Spec: protocol/exporter.md#configuration-options */
static void a_receiver_that_hangs_does_not_delay_beyond_the_deadline(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});

    uint64_t begin = tote__clock_monotonic();
    assert_int_equal(send_text(f, "spans", begin + 2 * ns_per_s), TOTE__TIMED_OUT);
    assert_true(tote__clock_monotonic() - begin < 30 * ns_per_s);
    enum tote__outcome late = send_text(f, "spans", 0); /* libcurl may be the first to see it */
    assert_true(late == TOTE__TIMED_OUT || late == TOTE__NOT_CONNECTED);
}

/*
 * A byte now and then does not extend the deadline. Spec:
 * protocol/exporter.md#configuration-options
 */
static void a_receiver_that_sends_slowly_does_not_delay_beyond_the_deadline(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(
        f->receiver, (struct receiver_response){.manner = RECEIVER_DRIPS, .body_size = 1000000});

    uint64_t begin = tote__clock_monotonic();
    assert_int_equal(send_text(f, "spans", begin + 2 * ns_per_s), TOTE__TIMED_OUT);
    assert_true(tote__clock_monotonic() - begin < 30 * ns_per_s);
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EX-10 */
static void a_response_over_the_limit_is_not_read_to_its_end(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){.body_size = 5 << 20});
    assert_int_equal(send_text(f, "spans", in_seconds(30)), TOTE__RESPONSE_TOO_LARGE);
    assert_true(f->response.body.size <= 4 << 20);

    receiver_set_response(f->receiver, (struct receiver_response){.body_size = 4 << 20});
    assert_int_equal(send_text(f, "spans", in_seconds(30)), TOTE__RESPONDED);
    assert_int_equal(f->response.body.size, 4 << 20);
}

static void *send_without_deadline(void *arg) {
    struct fixture *f = arg;

    send_text(f, "spans", UINT64_MAX);
    return NULL;
}

/* Spec: trace/sdk.md#shutdown-2 */
static void an_interrupt_ends_the_current_send_and_all_later_ones(void **state) {
    struct fixture *f = *state;
    pthread_t thread;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    receiver_set_response(f->receiver, (struct receiver_response){.manner = RECEIVER_HANGS});
    assert_int_equal(pthread_create(&thread, NULL, send_without_deadline, f), 0);
    assert_int_equal(receiver_wait(f->receiver, 1), 1);

    tote__transport_interrupt(f->transport);

    pthread_join(thread, NULL);
    assert_int_equal(f->response.outcome, TOTE__INTERRUPTED);
    assert_int_equal(send_text(f, "spans", UINT64_MAX), TOTE__INTERRUPTED);
}

static void a_unix_socket_can_be_the_endpoint(void **state) {
    struct fixture *f = *state;
    char folder[] = "/tmp/tote-test-XXXXXX";
    char path[64];
    char endpoint[80];

    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/socket", folder);
    snprintf(endpoint, sizeof endpoint, "unix:%s", path);
    struct receiver *receiver = receiver_start_unix(path);
    assert_non_null(receiver);
    open_transport(f, (tote_otlp_options){.endpoint = endpoint});

    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_string_equal(receiver_request(receiver, 0).path, "/v1/traces");

    receiver_stop(receiver);
    unlink(path);
    rmdir(folder);
}

/* The error names the socket, and no port of localhost. */
static void the_diagnostic_for_a_missing_unix_socket_names_it(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = "unix:/tmp/no/such/socket"});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);
    assert_non_null(strstr(f->response.error, "socket /tmp/no/such/socket: No such file"));
    assert_non_null(strstr(f->response.advice, "check the path"));
}

enum { MOST_DESCRIPTORS = 256 };

/* Neither the sockets of libcurl nor the descriptors of the transport. */
static void a_program_that_the_host_executes_inherits_no_descriptor(void **state) {
    struct fixture *f = *state;
    bool was_open[MOST_DESCRIPTORS];
    int gap[4]; /* the lowest free numbers are not adjacent */
    size_t count = 0;

    for (size_t i = 0; i < TOTE_COUNT_OF(gap); i++) {
        gap[i] = dup(STDERR_FILENO);
        assert_true(gap[i] >= 0);
    }
    close(gap[1]);
    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++) {
        was_open[fd] = fcntl(fd, F_GETFD) >= 0;
    }
    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);

    for (int fd = 0; fd < MOST_DESCRIPTORS; fd++) {
        int flags = was_open[fd] ? -1 : fcntl(fd, F_GETFD);
        count += flags >= 0;
        if (flags >= 0 && !(flags & FD_CLOEXEC)) {
            fail_msg("descriptor %d is inherited", fd);
        }
    }
    assert_true(count > 0);
    close(gap[0]);
    close(gap[2]);
    close(gap[3]);
}

static void send_without_descriptors(struct fixture *f) {
    struct rlimit old;
    int free_number = dup(STDERR_FILENO);

    close(free_number);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
    const struct rlimit low = {.rlim_cur = (rlim_t)free_number, .rlim_max = old.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &low), 0);
    enum tote__outcome outcome = send_text(f, "spans", in_seconds(60));
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);

    assert_true(outcome == TOTE__NOT_SENT || outcome == TOTE__NOT_CONNECTED);
    assert_non_null(strstr(f->response.error, "Too many open files"));
    assert_non_null(strstr(f->response.advice, "RLIMIT_NOFILE"));
}

/* Both for the transport's own descriptors and for the socket. */
static void a_process_without_free_descriptors_is_reported(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = "http://127.0.0.1:1"});
    send_without_descriptors(f);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__NOT_CONNECTED);
    assert_null(strstr(f->response.error, "Too many open files"));
    send_without_descriptors(f);
}

/* Spec: RFC 8446 section 6.2, certificate_required; the client's handshake has ended by then */
static void a_receiver_that_requires_a_client_certificate_names_its_variable(void **state) {
    static const char error[] = "OpenSSL SSL_read: OpenSSL/3.0.19: error:0A00045C:SSL routines::"
                                "tlsv13 alert certificate required, errno 0";

    (void)state;
    assert_non_null(strstr(tote__response_reader_advice(CURLE_RECV_ERROR, error),
                           "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"));
    assert_non_null(strstr(tote__response_reader_advice(CURLE_SSL_CONNECT_ERROR,
                                                        "OpenSSL/3.0.19: error:0A000410:SSL "
                                                        "routines::sslv3 alert handshake failure"),
                           "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE"));
    assert_string_equal(tote__response_reader_advice(CURLE_RECV_ERROR, "Recv failure"), "");
}

static void the_cure_of_an_expired_certificate_is_to_renew_it(void **state) {
    (void)state;
    assert_non_null(
        strstr(tote__response_reader_advice(CURLE_PEER_FAILED_VERIFICATION,
                                            "SSL certificate problem: certificate has expired"),
               "renew"));
    assert_non_null(
        strstr(tote__response_reader_advice(CURLE_PEER_FAILED_VERIFICATION,
                                            "SSL certificate problem: self-signed certificate"),
               "OTEL_EXPORTER_OTLP_CERTIFICATE"));
}

/* A diagnostic names what the operator can check: docs/troubleshooting.md */
static void a_connection_that_fails_names_what_to_check(void **state) {
    static const struct {
        CURLcode result;
        const char *what;
    } failures[] = {
        {CURLE_COULDNT_RESOLVE_PROXY, "http_proxy"},
        {CURLE_COULDNT_RESOLVE_HOST, "the host name in the endpoint"},
        {CURLE_SSL_CONNECT_ERROR, "uses TLS at that port"},
        {CURLE_PEER_FAILED_VERIFICATION, "must be for the endpoint's host name"},
        {CURLE_SSL_CACERT_BADFILE, "file that OTEL_EXPORTER_OTLP_CERTIFICATE"},
        {CURLE_SSL_CERTPROBLEM, "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof failures / sizeof *failures; i++) {
        const char *advice = tote__response_reader_advice(failures[i].result, "");
        if (!strstr(advice, failures[i].what)) {
            fail_msg("%s: %s", curl_easy_strerror(failures[i].result), advice);
        }
    }
}

/* The receiver runs: the diagnostic does not suggest to start it. */
static void a_tls_handshake_that_does_not_end_has_its_own_cure(void **state) {
    (void)state;
    assert_non_null(
        strstr(tote__response_reader_advice(CURLE_OPERATION_TIMEDOUT, "SSL connection timeout"),
               "does not finish the TLS handshake"));
    assert_string_equal(
        tote__response_reader_advice(CURLE_OPERATION_TIMEDOUT, "Connection timed out"), "");
}

/* Return the outcome of the child's sends. */
static int send_in_child(struct fixture *f, int times) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        bool is_well = true;
        for (int i = 0; i < times; i++) {
            is_well &= send_text(f, "child", in_seconds(60)) == TOTE__RESPONDED;
        }
        tote__transport_free(f->transport);
        _exit(is_well ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void a_forked_child_and_its_parent_can_both_send(void **state) {
    struct fixture *f = *state;

    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);

    assert_int_equal(send_in_child(f, 2), 0);
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(send_in_child(f, 0), 0);
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);

    assert_int_equal(receiver_wait(f->receiver, 5), 5);
    assert_int_equal(receiver_connection_count(f->receiver), 2);
}

/* The certificate option. Spec: protocol/exporter.md#configuration-options */
static void tls_needs_a_certificate_that_is_trusted(void **state) {
    struct fixture *f = *state;
    struct identity identity;

    if (!identity_make(&identity)) {
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    open_transport(f, (tote_otlp_options){.endpoint = NULL});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__TLS_FAILED);
    assert_int_equal(receiver_wait(f->receiver, 0), 0);

    tote__transport_free(f->transport);
    tote__otlp_settings_clear(&f->settings);
    open_transport(f, (tote_otlp_options){.ca_file = identity.certificate_path});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    identity_remove(&identity);
}

/* Also after libcurl has read the file. */
static void replace_file(const char *path, const char *text) {
    char aside[128];

    snprintf(aside, sizeof aside, "%s.new", path);
    FILE *file = fopen(aside, "we");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
    assert_int_equal(rename(aside, path), 0);
}

/* A certificate is renewed while the process runs. */
static void a_renewed_certificate_is_loaded(void **state) {
    struct fixture *f = *state;
    struct identity identity;
    struct identity other;

    if (!identity_make(&identity) || !identity_make(&other)) {
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    replace_file(identity.certificate_path, other.certificate);
    open_transport(f, (tote_otlp_options){.ca_file = identity.certificate_path});
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__TLS_FAILED);
    replace_file(identity.certificate_path, identity.certificate);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    unlink(identity.certificate_path); /* between two versions of it */
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    replace_file(identity.certificate_path, other.certificate);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__TLS_FAILED);
    identity_remove(&identity);
    identity_remove(&other);
}

/* Files are read by tote_sdk_prepare(), and by nothing else. */
static void a_prepared_transport_reads_a_certificate_when_it_is_prepared_again(void **state) {
    struct fixture *f = *state;
    struct identity identity;
    struct identity other;

    if (!identity_make(&identity) || !identity_make(&other)) {
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    open_transport(f, (tote_otlp_options){.ca_file = identity.certificate_path});
    assert_int_equal(tote__transport_prepare(f->transport, in_seconds(60), true),
                     TOTE_RESULT_SUCCESS);
    replace_file(identity.certificate_path, other.certificate);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(tote__transport_prepare(f->transport, in_seconds(60), true),
                     TOTE_RESULT_SUCCESS);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__TLS_FAILED);
    replace_file(identity.certificate_path, identity.certificate);
    assert_int_equal(tote__transport_prepare(f->transport, in_seconds(60), true),
                     TOTE_RESULT_SUCCESS);
    assert_int_equal(tote__transport_prepare(f->transport, in_seconds(60), true),
                     TOTE_RESULT_SUCCESS);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    unlink(identity.certificate_path);
    assert_int_equal(tote__transport_prepare(f->transport, in_seconds(60), true),
                     TOTE_RESULT_FAILURE);
    assert_int_equal(send_text(f, "spans", in_seconds(60)), TOTE__RESPONDED);
    identity_remove(&identity);
    identity_remove(&other);
}

/* The child does not close the session with a close_notify of its parent. */
static void a_forked_child_leaves_the_tls_session_of_its_parent_alone(void **state) {
    struct fixture *f = *state;
    struct identity identity;

    if (!identity_make(&identity)) {
        skip();
    }
    receiver_stop(f->receiver);
    f->receiver = receiver_start_tls(identity.certificate, identity.key);
    open_transport(f, (tote_otlp_options){.ca_file = identity.certificate_path});
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);

    assert_int_equal(send_in_child(f, 2), 0);
    assert_int_equal(receiver_connection_count(f->receiver), 2);
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);
    assert_int_equal(send_in_child(f, 0), 0);
    assert_int_equal(send_text(f, "parent", in_seconds(60)), TOTE__RESPONDED);

    assert_int_equal(receiver_connection_count(f->receiver), 2);
    identity_remove(&identity);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST_WITH_RECEIVER(a_request_has_a_content_type_and_a_user_agent),
        TEST_WITH_RECEIVER(a_request_in_json_has_the_content_type_of_json),
        TEST_WITH_RECEIVER(the_headers_of_the_program_are_sent),
        TEST_WITH_RECEIVER(a_user_agent_of_the_program_precedes_that_of_the_exporter),
        TEST_WITH_RECEIVER(an_empty_user_agent_leaves_that_of_the_exporter),
        TEST_WITH_RECEIVER(twenty_requests_use_one_connection),
        TEST_WITH_RECEIVER(a_compressed_body_is_the_same_after_inflating),
        TEST_WITH_RECEIVER(a_response_has_status_body_and_headers),
        TEST_WITH_RECEIVER(a_redirect_is_a_response_and_not_followed),
        TEST_WITH_RECEIVER(a_refused_connection_is_distinct_from_a_lost_one),
        TEST_WITH_RECEIVER(a_connection_closed_without_a_response_is_reported),
        TEST_WITH_RECEIVER(a_status_counts_even_if_its_body_is_cut_off),
        TEST_WITH_RECEIVER(an_interim_response_before_a_lost_connection_is_no_response),
        TEST_WITH_RECEIVER(an_interim_response_before_too_many_headers_is_no_response),
        TEST_WITH_RECEIVER(a_final_response_after_an_interim_one_is_the_response),
        TEST_WITH_RECEIVER(a_response_that_is_cut_off_in_its_headers_is_no_response),
        TEST_WITH_RECEIVER(a_receiver_that_hangs_does_not_delay_beyond_the_deadline),
        TEST_WITH_RECEIVER(a_receiver_that_sends_slowly_does_not_delay_beyond_the_deadline),
        TEST_WITH_RECEIVER(a_response_over_the_limit_is_not_read_to_its_end),
        TEST_WITH_RECEIVER(an_interrupt_ends_the_current_send_and_all_later_ones),
        TEST_WITH_RECEIVER(a_unix_socket_can_be_the_endpoint),
        TEST_WITH_RECEIVER(the_diagnostic_for_a_missing_unix_socket_names_it),
        TEST_WITH_RECEIVER(a_program_that_the_host_executes_inherits_no_descriptor),
        TEST_WITH_RECEIVER(a_process_without_free_descriptors_is_reported),
        cmocka_unit_test(a_receiver_that_requires_a_client_certificate_names_its_variable),
        cmocka_unit_test(the_cure_of_an_expired_certificate_is_to_renew_it),
        cmocka_unit_test(a_connection_that_fails_names_what_to_check),
        cmocka_unit_test(a_tls_handshake_that_does_not_end_has_its_own_cure),
        TEST_WITH_RECEIVER(a_forked_child_and_its_parent_can_both_send),
        TEST_WITH_RECEIVER(tls_needs_a_certificate_that_is_trusted),
        TEST_WITH_RECEIVER(a_renewed_certificate_is_loaded),
        TEST_WITH_RECEIVER(a_prepared_transport_reads_a_certificate_when_it_is_prepared_again),
        TEST_WITH_RECEIVER(a_forked_child_leaves_the_tls_session_of_its_parent_alone),
    };

    unsetenv("http_proxy");
    return RUN_TESTS(tests, argc, argv);
}
