/* SPDX-License-Identifier: MIT */
/*
 * test_haproxy_request.c - the spans of requests that HAProxy reports
 */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

#include "request.h"
#include "span_text.h"
#include "spop_frames.h"
#include "tote/propagators.h"
#include "tote/sdk/sampler.h"

#define TRACE "0af7651916cd43dd8448eb211c80319c"
#define PARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

enum { CAPACITY = 4, HOUR = 3600 };

static const char *const sent[] = {
    "host",     "shop.example", "traceparent", PARENT,    "Tracestate", "a=1", "user-agent",
    "client/1", "baggage",      "user=7",      "x-other", "1",          NULL};

static struct requests *requests;
static unsigned char response[CAPACITY * 4096];

static int set_up(void **state) {
    tote_propagator *propagator = tote_propagator_from_names("tracecontext,baggage");

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    return sdk_fixture_set_up(state);
}

static int tear_down(void **state) {
    requests_free(requests, "shutdown");
    requests = NULL;
    tote_propagator_set_global(NULL);
    return sdk_fixture_tear_down(state);
}

static struct sdk_fixture *begin(void **state, enum trust trust, uint64_t seconds) {
    struct sdk_fixture *fixture = sdk_fixture_start(state);

    requests = requests_new(trust, CAPACITY, seconds * 1000000000U);
    assert_non_null(requests);
    return fixture;
}

/* Send a request. The variables are in `response`. */
static void notify(uint64_t stream, unsigned port, const char *const *headers) {
    static struct frames frames;
    struct spop_writer ack;
    struct spop_frame frame;

    frames.size = 0;
    put_notify(&frames, stream, port, "GET", "/orders/7?full=1", headers);
    assert_int_equal(
        spop_read_frame(frames.bytes + SPOP_LENGTH_BYTES, frames.size - SPOP_LENGTH_BYTES, &frame),
        SPOP_NORMAL);
    spop_begin(&ack, response, sizeof response, SPOP_ACK, stream, 1);
    assert_true(requests_notify(requests, &frame, &ack));
    assert_int_not_equal(spop_finish(&ack), 0);
}

/* Return the value of a variable that is a text, "(none)" if it is not set. */
static const char *variable(const char *name) {
    static char value[512];
    size_t size = (size_t)response[2] << 8 | response[3];
    struct spop_frame frame;

    spop_read_frame(response + SPOP_LENGTH_BYTES, size, &frame);
    struct spop_cursor cursor = frame.payload;
    while (cursor.at < cursor.end) {
        struct spop_text found;
        struct spop_value text;
        assert_memory_equal(cursor.at, "\1\3\2", 3); /* set a variable of the transaction */
        cursor.at += 3;
        assert_true(spop_next_pair(&cursor, &found, &text));
        if (spop_is(found, name) && text.kind == SPOP_STRING) {
            snprintf(value, sizeof value, "%.*s", (int)text.text.length, text.text.bytes);
            return value;
        }
    }
    return "(none)";
}

static void end(unsigned stream, unsigned port, const char *fields) {
    char line[512];
    int size = snprintf(line, sizeof line,
                        "<134>1 t - haproxy 1 - [tote@32473 stream=\"%u\" port=\"%u\" %s]", stream,
                        port, fields);

    requests_log(requests, line, (size_t)size);
}

#define SERVED                                                                                     \
    "status=\"200\" state=\"----\" method=\"GET\" frontend=\"www\" backend=\"app\" "               \
    "server=\"app1\" "                                                                             \
    "address=\"10.0.0.7\" server_port=\"8080\" retries=\"0\" queue=\"0\" connect=\"1\" "           \
    "response=\"250\""

static void check_int(const tote_span_data *span, const char *key, int64_t wanted) {
    const tote_value *value = tote_span_data_get_attribute(span, key);

    assert_non_null(value);
    assert_true(tote_value_equals(*value, tote_int(wanted)));
}

static void a_request_has_a_server_span_and_a_client_span_below_it(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);
    char wanted[64] = "00-" TRACE "-";
    char id[TOTE_SPAN_ID_HEX_SIZE];

    notify(7, 4000, sent);
    assert_int_equal(requests_pending(requests), 1);
    end(7, 4000, SERVED);
    assert_int_equal(requests_pending(requests), 0);
    assert_int_equal(f->ended, 2);
    const tote_span_data *client = f->spans[0];
    const tote_span_data *server = f->spans[1];
    assert_int_equal(tote_span_data_get_kind(server), TOTE_SPAN_KIND_SERVER);
    assert_int_equal(tote_span_data_get_kind(client), TOTE_SPAN_KIND_CLIENT);
    assert_span_text(server, "url.path", "/orders/7");
    assert_span_text(server, "client.address", "1.2.3.4");
    assert_span_text(server, "haproxy.frontend", "www");
    assert_span_text(client, "url.full", "http://shop.example/orders/7?full=1");
    assert_span_text(client, "server.address", "10.0.0.7");
    assert_span_text(client, "haproxy.server", "app1");
    check_int(client, "server.port", 8080);
    check_int(client, "http.response.status_code", 200);
    check_int(server, "http.response.status_code", 200);
    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_data_get_context(client)), id);
    strcat(strcat(wanted, id), "-01");
    assert_string_equal(variable("traceparent"), wanted);
    assert_string_equal(variable("tracestate"), "a=1");
    assert_string_equal(variable("baggage"), "user=7");
    assert_string_equal(variable("trace_id"), TRACE);
    assert_span_text(server, "error.type", NULL);
}

static void an_untrusted_client_gets_a_new_trace_and_its_headers_are_emptied(void **state) {
    static const enum trust modes[] = {TRUST_LINK, TRUST_IGNORE};
    struct sdk_fixture *f = begin(state, modes[0], HOUR);
    size_t count;

    for (size_t i = 0; i < 2; i++) {
        if (i == 1) {
            requests_free(requests, NULL);
            requests = requests_new(modes[i], CAPACITY, 1);
        }
        notify(7, 4000, sent);
        end(7, 4000, SERVED);
        assert_string_not_equal(variable("trace_id"), TRACE);
        assert_string_not_equal(variable("traceparent"), "(none)");
        assert_string_equal(variable("tracestate"), "");
        assert_string_equal(variable("baggage"), "");
        tote_span_data_get_links(f->spans[2 * i + 1], &count);
        assert_int_equal(count, modes[i] == TRUST_LINK);
    }
}

static void a_header_that_the_client_did_not_send_is_not_set(void **state) {
    static const char *const headers[] = {"host", "a", NULL};

    begin(state, TRUST_CONTINUE, HOUR);
    notify(7, 4000, headers);
    assert_string_equal(variable("tracestate"), "(none)");
    assert_string_equal(variable("baggage"), "(none)");
    end(7, 4000, SERVED);
}

static void a_request_that_is_not_sampled_is_not_kept(void **state) {
    static const char *const headers[] = {"traceparent", "00-" TRACE "-b7ad6b7169203331-00", NULL};
    struct sdk_fixture *f = *state;

    f->settings.sampler = tote_sampler_parent_based_new(NULL);
    begin(state, TRUST_CONTINUE, HOUR);
    notify(7, 4000, headers);
    assert_int_equal(requests_pending(requests), 0);
    assert_string_equal(variable("trace_id"), TRACE);
    const char *flags = strrchr(variable("traceparent"), '-');
    assert_true(flags && strcmp(flags, "-00") == 0);
    end(7, 4000, SERVED);
    assert_int_equal(f->ended, 0);
}

static void without_an_sdk_the_headers_are_passed_on_and_no_ids_are_made(void **state) {
    static const char *const without[] = {"host", "a", NULL};

    (void)state;
    requests = requests_new(TRUST_CONTINUE, CAPACITY, HOUR);
    notify(7, 4000, sent);
    assert_string_equal(variable("traceparent"), PARENT);
    assert_string_equal(variable("trace_id"), TRACE);
    notify(8, 4000, without);
    assert_string_equal(variable("traceparent"), "(none)");
    assert_string_equal(variable("trace_id"), "(none)");
    assert_int_equal(requests_pending(requests), 0);
}

/* Fields of a line, the error of the server span, whether there is a client span. */
static const struct {
    const char *fields;
    const char *error;
    bool has_client;
} failures[] = {
    {"status=\"403\" state=\"PR--\" server=\"<NOSRV>\"", NULL, false},
    {"status=\"200\" state=\"LR--\" server=\"<NOSRV>\"", NULL, false},
    {"status=\"503\" state=\"SC--\" server=\"<NOSRV>\"", "no_server", false},
    {"status=\"503\" state=\"SC--\" server=\"a\"", "connection_failed", true},
    {"status=\"503\" state=\"sC--\" server=\"a\"", "connect_timeout", true},
    {"status=\"503\" state=\"sQ--\" server=\"<NOSRV>\"", "queue_timeout", false},
    {"status=\"504\" state=\"sH--\" server=\"a\"", "response_timeout", true},
    {"status=\"502\" state=\"SH--\" server=\"a\"", "server_abort", true},
    {"status=\"502\" state=\"PH--\" server=\"a\"", "invalid_response", true},
    {"status=\"200\" state=\"SD--\" server=\"a\" response=\"1\"", "server_abort", true},
    {"status=\"-1\" state=\"CD--\" server=\"a\"", "client_abort", true},
    {"status=\"408\" state=\"cR--\" server=\"<NOSRV>\"", "client_timeout", false},
    {"status=\"500\" state=\"RC--\" server=\"a\"", "resources_exhausted", true},
    {"status=\"500\" state=\"IH--\" server=\"a\"", "internal_error", true},
    {"status=\"500\" state=\"----\" server=\"a\" response=\"1\"", "500", true},
    {"status=\"404\" state=\"----\" server=\"a\" response=\"1\"", NULL, true},
    {"status=\"200\" state=\"K---\" server=\"a\" response=\"1\"", "killed", true},
};

/* Spec: HAProxy, configuration.txt section 8.5 */
static void the_termination_state_gives_the_error(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);

    for (unsigned i = 0; i < sizeof failures / sizeof *failures; i++) {
        size_t before = f->ended;
        notify(i, 4000, sent);
        end(i, 4000, failures[i].fields);
        assert_int_equal(f->ended - before, failures[i].has_client ? 2 : 1);
        const tote_span_data *server = f->spans[f->ended - 1];
        assert_int_equal(tote_span_data_get_kind(server), TOTE_SPAN_KIND_SERVER);
        assert_span_text(server, "error.type", failures[i].error);
        assert_int_equal(tote_span_data_get_status_code(server) == TOTE_STATUS_CODE_ERROR,
                         failures[i].error != NULL);
    }
    assert_int_equal(f->diagnostics, 0); /* none about client spans that did not end */
}

static void a_request_that_haproxy_cannot_parse_has_a_span_of_its_line(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);

    end(7, 4000, "status=\"400\" state=\"PR--\" method=\"<BADREQ>\" server=\"<NOSRV>\"");
    check_int(sdk_fixture_only_span(f), "http.response.status_code", 400);
    end(8, 4000, "status=\"-1\" state=\"CR--\" method=\"<BADREQ>\" server=\"<NOSRV>\"");
    end(9, 4000, SERVED);
    assert_int_equal(f->ended, 1);
}

static void the_port_distinguishes_streams_of_two_processes(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);

    notify(7, 4000, sent);
    notify(7, 4001, sent);
    assert_int_equal(requests_pending(requests), 2);
    end(7, 4002, SERVED);
    assert_int_equal(f->ended, 0);
    end(7, 4001, SERVED);
    end(7, 4001, SERVED); /* again */
    assert_int_equal(f->ended, 2);
    assert_int_equal(requests_pending(requests), 1);
    end(7, 4000, SERVED);
}

static void a_line_that_is_read_before_the_message_ends_the_request(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);

    end(7, 4000, SERVED);
    notify(7, 4001, sent); /* another request */
    assert_int_equal(requests_pending(requests), 1);
    notify(7, 4000, sent);
    assert_int_equal(requests_pending(requests), 1);
    assert_int_equal(f->ended, 2);
    check_int(f->spans[0], "server.port", 8080);
    check_int(f->spans[1], "http.response.status_code", 200);
    notify(7, 4000, sent); /* the line is used once */
    assert_int_equal(requests_pending(requests), 2);
}

/* The server spans that ended with the error. */
static size_t count_errors(const struct sdk_fixture *f, const char *error) {
    size_t count = 0;

    for (size_t i = 0; i < f->ended; i++) {
        const tote_value *value = tote_span_data_get_attribute(f->spans[i], "error.type");
        count += tote_span_data_get_kind(f->spans[i]) == TOTE_SPAN_KIND_SERVER && value &&
                 tote_value_equals(*value, tote_string(error));
    }
    return count;
}

static void requests_without_an_end_are_exported_with_an_error(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, HOUR);

    for (unsigned stream = 0; stream <= CAPACITY; stream++) { /* one too many */
        notify(stream, 4000, sent);
    }
    assert_int_equal(requests_pending(requests), CAPACITY);
    assert_int_equal(count_errors(f, "unfinished"), 1);
    notify(CAPACITY, 4000, sent); /* the same key */
    assert_int_equal(count_errors(f, "unfinished"), 2);
    assert_in_range(requests_expire(requests, 1000), 1000, 1000);
    requests_free(requests, "shutdown");
    requests = NULL;
    assert_int_equal(count_errors(f, "shutdown"), CAPACITY);
}

static void old_requests_expire(void **state) {
    struct sdk_fixture *f = begin(state, TRUST_CONTINUE, 0);

    notify(1, 4000, sent);
    notify(2, 4000, sent);
    assert_int_equal(requests_expire(requests, 1000), 1000);
    assert_int_equal(requests_pending(requests), 0);
    assert_int_equal(count_errors(f, "unfinished"), 2);
    requests_free(requests, NULL);
    requests = requests_new(TRUST_CONTINUE, CAPACITY, 30 * (uint64_t)1000000000);
    notify(1, 4000, sent);
    assert_in_range(requests_expire(requests, 60000), 1, 30001);
}

/* Replace bytes of a valid message one after another: nothing may be read or kept wrongly. */
static void messages_with_wrong_bytes_are_refused_or_read(void **state) {
    static struct frames frames;
    struct spop_writer ack;
    struct spop_frame frame;

    begin(state, TRUST_CONTINUE, HOUR);
    put_notify(&frames, 7, 4000, "GET", "/", sent);
    for (size_t at = SPOP_LENGTH_BYTES + 5; at < frames.size; at++) {
        static const unsigned char others[] = {0, 1, 15, 127, 128, 239, 240, 255};
        unsigned char kept = frames.bytes[at];
        for (size_t i = 0; i < sizeof others; i++) {
            frames.bytes[at] = others[i];
            if (spop_read_frame(frames.bytes + SPOP_LENGTH_BYTES, frames.size - SPOP_LENGTH_BYTES,
                                &frame) == SPOP_NORMAL) {
                spop_begin(&ack, response, sizeof response, SPOP_ACK, 7, 1);
                requests_notify(requests, &frame, &ack);
                assert_in_range(requests_pending(requests), 0, CAPACITY);
            }
        }
        frames.bytes[at] = kept;
    }
}

#define REQUEST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        REQUEST_TEST(a_request_has_a_server_span_and_a_client_span_below_it),
        REQUEST_TEST(an_untrusted_client_gets_a_new_trace_and_its_headers_are_emptied),
        REQUEST_TEST(a_header_that_the_client_did_not_send_is_not_set),
        REQUEST_TEST(a_request_that_is_not_sampled_is_not_kept),
        REQUEST_TEST(the_termination_state_gives_the_error),
        REQUEST_TEST(a_request_that_haproxy_cannot_parse_has_a_span_of_its_line),
        REQUEST_TEST(the_port_distinguishes_streams_of_two_processes),
        REQUEST_TEST(a_line_that_is_read_before_the_message_ends_the_request),
        REQUEST_TEST(requests_without_an_end_are_exported_with_an_error),
        REQUEST_TEST(old_requests_expire),
        REQUEST_TEST(messages_with_wrong_bytes_are_refused_or_read),
        /* Last: the next SDK reports the spans of this one. */
        REQUEST_TEST(without_an_sdk_the_headers_are_passed_on_and_no_ids_are_made),
    };

    return RUN_TESTS(tests, argc, argv);
}
