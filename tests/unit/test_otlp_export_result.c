/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "otlp/response.pb-c.h"
#include "otlp/transport/body.h"
#include "otlp/transport/export_result.h"
#include "tote/internal/base64.h"
#include "vectors.h"

enum { MS_PER_S = 1000, NOW = 1600000000 };

static const struct tote__response nothing = {
    .content_type = "",
    .retry_after = "",
    .grpc_status = "",
    .grpc_message = "",
    .grpc_details = "",
    .error = "",
};

static struct tote__export_result judge(const struct tote__response *response,
                                        tote_otlp_protocol protocol) {
    static struct tote__otlp_settings settings;
    struct tote__export_result export_result;

    settings.protocol = protocol;
    settings.max_response_bytes = 4096;
    tote__otlp_judge(&settings, response, &export_result);
    return export_result;
}

/* A google.rpc.Status with a RetryInfo, in the form of grpc-status-details-bin. */
static const char *retry_details(int64_t seconds, int32_t nanos) {
    static char text[512];
    uint8_t info_bytes[64];
    uint8_t status_bytes[256];
    Tote__Otlp__RetryDelay delay = TOTE__OTLP__RETRY_DELAY__INIT;
    Tote__Otlp__RetryInfo info = TOTE__OTLP__RETRY_INFO__INIT;
    Tote__Otlp__Detail other = TOTE__OTLP__DETAIL__INIT;
    Tote__Otlp__Detail detail = TOTE__OTLP__DETAIL__INIT;
    Tote__Otlp__Detail *details[] = {&other, &detail};
    Tote__Otlp__RpcStatus status = TOTE__OTLP__RPC_STATUS__INIT;

    delay.seconds = seconds;
    delay.nanos = nanos;
    info.retry_delay = &delay;
    other.type_url = (char *)"type.googleapis.com/google.rpc.DebugInfo";
    detail.type_url = (char *)"type.googleapis.com/google.rpc.RetryInfo";
    detail.value.data = info_bytes;
    detail.value.len = tote__otlp__retry_info__pack(&info, info_bytes);
    status.details = details;
    status.n_details = TOTE_COUNT_OF(details);
    size_t size = tote__otlp__rpc_status__pack(&status, status_bytes);
    text[tote__base64_encode(text, status_bytes, size)] = '\0';
    return text;
}

static struct tote__slice partial_success(int64_t rejected, const char *message) {
    static uint8_t bytes[128];
    Tote__Otlp__ExportTracePartialSuccess partial = TOTE__OTLP__EXPORT_TRACE_PARTIAL_SUCCESS__INIT;
    Tote__Otlp__ExportTraceServiceResponse export_response =
        TOTE__OTLP__EXPORT_TRACE_SERVICE_RESPONSE__INIT;

    partial.rejected_spans = rejected;
    partial.error_message = (char *)(uintptr_t)message;
    export_response.partial_success = &partial;
    return (struct tote__slice){
        bytes, tote__otlp__export_trace_service_response__pack(&export_response, bytes)};
}

/* A row: what its first column describes, and the partial success in it. */
struct reaction {
    struct tote__response response;
    bool is_grpc;
    unsigned rejected;
    char message[64];
};

/* "partial_success rejected=3 msg=hint": the message may be in quotation marks. */
static bool read_partial_success(char *text, struct reaction *reaction) {
    int end = 0;

    if (sscanf(text, "partial_success rejected=%u msg=%n", &reaction->rejected, &end) != 1 ||
        !end) {
        return false;
    }
    text += end;
    size_t length = strlen(text);
    if (length >= 2 && *text == '"' && text[length - 1] == '"') {
        text[length - 1] = '\0';
        text++;
    }
    snprintf(reaction->message, sizeof reaction->message, "%s", text);
    reaction->response.body = partial_success(reaction->rejected, reaction->message);
    return true;
}

/* "grpc 8 RESOURCE_EXHAUSTED + RetryInfo(30s)" */
static bool read_grpc(char *text, struct reaction *reaction) {
    static char code[8];
    unsigned number = 0;
    unsigned seconds = 0;
    int end = 0;

    reaction->is_grpc = true;
    reaction->response.status = 200;
    if (sscanf(text, "%u %*[A-Z_]%n", &number, &end) != 1) {
        return false;
    }
    snprintf(code, sizeof code, "%u", number);
    reaction->response.grpc_status = code;
    text += end;
    end = 0;
    if (sscanf(text, " + RetryInfo(%u s)%n", &seconds, &end) == 1 && end) {
        reaction->response.grpc_details = retry_details(seconds, 0);
        text += end;
    }
    return !*text;
}

/* What follows an HTTP status. */
static bool read_http(char *text, struct reaction *reaction) {
    unsigned mebibytes = 0;
    int end = 0;

    if (vectors_take(&text, "Retry-After: ")) {
        reaction->response.retry_after = text;
        return *text;
    }
    if (strncmp(text, "partial_success", 15) == 0) {
        return read_partial_success(text, reaction);
    }
    if (sscanf(text, "%u MiB%n", &mebibytes, &end) == 1 && end && mebibytes > 4) {
        reaction->response.outcome = TOTE__RESPONSE_TOO_LARGE; /* over the default */
        text += end;
        vectors_take(&text, " body");
        vectors_take(&text, " response");
        return !*text;
    }
    return !*text || strcmp(text, "empty body") == 0;
}

/* Returns false if the form is not known. */
static bool read_reaction(char *text, struct reaction *reaction) {
    static const struct {
        const char *text;
        enum tote__outcome outcome;
    } failures[] = {
        {"connection refused", TOTE__NOT_CONNECTED},
        {"connection closed without response", TOTE__NO_RESPONSE},
        {"timeout", TOTE__TIMED_OUT},
    };

    *reaction = (struct reaction){.response = nothing};
    for (size_t i = 0; i < TOTE_COUNT_OF(failures); i++) {
        if (strcmp(text, failures[i].text) == 0) {
            reaction->response.outcome = failures[i].outcome;
            return true;
        }
    }
    if (vectors_take(&text, "grpc ")) {
        return read_grpc(text, reaction);
    }
    char *rest = text;
    reaction->response.status = strtol(vectors_word(&rest), NULL, 10);
    return reaction->response.status >= 100 && read_http(rest, reaction);
}

struct clause_arguments {
    const struct tote__export_result *result;
    const struct reaction *reaction;
    unsigned number; /* the number in the clause */
};

static bool is_dropped(const struct clause_arguments *a) {
    return a->result->kind == TOTE__REJECTED || a->result->kind == TOTE__NOT_ACCEPTED ||
           a->result->kind == TOTE__PERMANENT_FAILURE;
}

static bool is_not_retried(const struct clause_arguments *a) {
    return a->result->kind != TOTE__RETRYABLE && a->result->kind != TOTE__TOO_LARGE;
}

static bool is_accepted(const struct clause_arguments *a) {
    return a->result->kind == TOTE__SUCCESS && a->result->is_readable;
}

static bool is_full_success(const struct clause_arguments *a) {
    return is_accepted(a) && a->result->export_response.rejected == 0;
}

/* Without a message nothing is reported. */
static bool is_not_logged(const struct clause_arguments *a) {
    return a->result->export_response.rejected == 0 && !*a->result->export_response.message;
}

static bool is_logged(const struct clause_arguments *a) {
    return strcmp(a->result->export_response.message, a->reaction->message) == 0 &&
           (*a->reaction->message || a->reaction->rejected);
}

static bool is_rejected(const struct clause_arguments *a) {
    return is_accepted(a) && a->result->export_response.rejected == a->number;
}

static bool is_partial(const struct clause_arguments *a) {
    return is_accepted(a) && a->result->export_response.rejected == a->reaction->rejected &&
           a->reaction->rejected;
}

static bool is_retried(const struct clause_arguments *a) {
    return a->result->kind == TOTE__RETRYABLE;
}

static bool is_backed_off(const struct clause_arguments *a) {
    return is_retried(a) && !a->result->export_response.asks_to_wait;
}

static bool is_retried_after(const struct clause_arguments *a) {
    return is_retried(a) && a->result->export_response.asks_to_wait &&
           a->result->export_response.retry_after_ms == (uint64_t)a->number * MS_PER_S;
}

static bool is_retried_at_once_or_backed_off(const struct clause_arguments *a) {
    const struct clause_arguments now = {a->result, a->reaction, 0};

    return is_backed_off(a) || is_retried_after(&now);
}

/* The wait is kept: the exporter bounds it by its deadline. */
static bool is_bounded(const struct clause_arguments *a) {
    return is_retried(a) && a->result->export_response.asks_to_wait;
}

static bool is_split(const struct clause_arguments *a) {
    return a->result->kind == TOTE__TOO_LARGE;
}

/* The clauses of the second column; # is a number. */
static const struct {
    const char *text;
    bool (*holds)(const struct clause_arguments *arguments);
} clauses[] = {
    {"drop", is_dropped},
    {"failure", is_dropped},
    {"no retry", is_not_retried},
    {"not retryable", is_not_retried},
    {"success", is_full_success},
    {"full success", is_full_success},
    {"partial success", is_partial},
    {"# rejected", is_rejected},
    {"# spans rejected", is_rejected},
    {"count # rejected", is_rejected},
    {"count # dropped", is_rejected},
    {"no log", is_not_logged},
    {"log", is_logged},
    {"log the hint", is_logged},
    {"log the message", is_logged},
    {"log a warning", is_logged},
    {"warn", is_logged},
    {"retry", is_backed_off},
    {"backoff with jitter", is_backed_off},
    {"normal backoff", is_backed_off},
    {"exponential backoff", is_backed_off},
    {"exponential backoff with jitter", is_backed_off},
    {"retry with normal backoff", is_backed_off},
    {"resend same request with backoff", is_backed_off},
    {"retry after # s", is_retried_after},
    {"retry at once or after normal backoff", is_retried_at_once_or_backed_off},
    {"wait bounded by the deadline", is_bounded},
    {"split", is_split},
    {"or drop what cannot be split", is_split},
};

/* Replace the first number of the text by #. Returns it; 0 if there is none. */
static unsigned take_number(const char *text, char *form, size_t size) {
    size_t before = strcspn(text, "0123456789");
    size_t digits = strspn(text + before, "0123456789");

    snprintf(form, size, "%.*s%s%s", (int)before, text, digits ? "#" : "", text + before + digits);
    return (unsigned)strtoul(text + before, NULL, 10);
}

/* Returns false if the clause is not known, or does not hold. */
static bool holds(const char *clause, struct clause_arguments *arguments) {
    char form[128];

    arguments->number = take_number(clause, form, sizeof form);
    for (size_t i = 0; i < TOTE_COUNT_OF(clauses); i++) {
        if (strcmp(form, clauses[i].text) == 0) {
            return clauses[i].holds(arguments);
        }
    }
    print_error("unknown: \"%s\"\n", clause);
    return false;
}

static bool check_row(const struct vector_row *row) {
    struct reaction reaction;
    char *behaviour = row->columns[1];
    bool is_good = *behaviour != '\0';

    if (!read_reaction(row->columns[0], &reaction)) {
        return false;
    }
    const struct tote__export_result result =
        judge(&reaction.response,
              reaction.is_grpc ? TOTE_OTLP_PROTOCOL_GRPC : TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF);
    struct clause_arguments arguments = {&result, &reaction, 0};
    for (char *clause = strsep(&behaviour, ","); clause; clause = strsep(&behaviour, ",")) {
        is_good = holds(clause + strspn(clause, " "), &arguments) && is_good;
    }
    return is_good;
}

/* vectors/otlp_responses.tsv. Compliance: EX-13 */
static void each_response_has_the_export_result_of_the_table(void **state) {
    (void)state;
    vectors_check("otlp_responses.tsv", check_row);
}

/*
 * Every other final status is final for the spans, or for the endpoint as it is configured; an
 * interim status is no response. Spec: protocol/otlp.md#failures-1, RFC 9110 sections 15.2 to 15.6.
 * Compliance: EX-12
 */
static void four_of_all_final_statuses_are_retryable(void **state) {
    static const long of_endpoint[] = {401, 402, 403, 404, 405, 407, 410,
                                       415, 421, 426, 501, 505, 511};

    (void)state;
    for (long status = 100; status < 600; status++) {
        struct tote__response response = nothing;
        response.status = status;
        const struct tote__export_result export_result =
            judge(&response, TOTE_OTLP_PROTOCOL_HTTP_JSON);
        bool is_success = status >= 200 && status < 300;
        bool is_retried =
            status < 200 || status == 429 || status == 502 || status == 503 || status == 504;
        bool is_not_here = status >= 300 && status < 400;
        for (size_t i = 0; i < TOTE_COUNT_OF(of_endpoint); i++) {
            is_not_here = is_not_here || status == of_endpoint[i];
        }
        assert_int_equal(export_result.kind, is_success      ? TOTE__SUCCESS
                                             : is_retried    ? TOTE__RETRYABLE
                                             : status == 413 ? TOTE__TOO_LARGE
                                             : is_not_here   ? TOTE__NOT_ACCEPTED
                                                             : TOTE__REJECTED);
    }
}

/*
 * Codes 7, 12 and 16 are about the endpoint and its credentials. Spec: protocol/otlp.md#failures.
 * Compliance: EX-05
 */
static void six_grpc_codes_are_retryable_and_one_with_a_retry_info(void **state) {
    static const unsigned retried[] = {1, 4, 10, 11, 14, 15};
    char code[8];

    (void)state;
    for (unsigned i = 0; i < 40; i++) {
        struct tote__response response = nothing;
        enum tote__result_kind kind = i == 0 ? TOTE__SUCCESS : TOTE__REJECTED;
        kind = i == 7 || i == 12 || i == 16 ? TOTE__NOT_ACCEPTED : kind;
        for (size_t r = 0; r < TOTE_COUNT_OF(retried); r++) {
            kind = retried[r] == i ? TOTE__RETRYABLE : kind;
        }
        snprintf(code, sizeof code, "%u", i);
        response.status = 200;
        response.grpc_status = code;
        assert_int_equal(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).kind, kind);
    }
}

/*
 * The delay is a minimum, rounded up; a RetryInfo without a delay only allows a retry. Spec:
 * protocol/otlp.md#otlpgrpc-throttling
 */
static void a_retry_info_may_have_a_delay_below_one_second(void **state) {
    struct tote__response response = nothing;

    (void)state;
    response.grpc_status = "8";
    response.grpc_details = retry_details(1, 1);
    struct tote__export_result export_result = judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
    assert_int_equal(export_result.kind, TOTE__RETRYABLE);
    assert_int_equal(export_result.export_response.retry_after_ms, 1001);

    response.grpc_details = retry_details(-5, 0);
    export_result = judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
    assert_int_equal(export_result.kind, TOTE__RETRYABLE);
    assert_int_equal(export_result.export_response.retry_after_ms, 0);
    assert_false(export_result.export_response.has_retry_after);

    response.grpc_details = retry_details(0, 0);
    assert_true(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).export_response.has_retry_after);

    response.grpc_details = retry_details(INT64_MAX, INT32_MAX);
    assert_true(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).export_response.retry_after_ms <=
                86400 * MS_PER_S + 3000);

    response.grpc_details = "!garbage!";
    assert_int_equal(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).kind, TOTE__REJECTED);
}

/*
 * A proxy's HTML without a grpc-status counts as its HTTP status. Spec: grpc/grpc
 * doc/http-grpc-status-mapping.md
 */
static void an_http_error_without_grpc_status_has_a_grpc_code(void **state) {
    static const struct {
        long status;
        enum tote__result_kind kind;
        const char *reason;
    } cases[] = {
        {503, TOTE__RETRYABLE, "UNAVAILABLE"},
        {502, TOTE__RETRYABLE, "UNAVAILABLE"},
        {429, TOTE__RETRYABLE, "UNAVAILABLE"},
        {401, TOTE__NOT_ACCEPTED, "UNAUTHENTICATED"},
        {403, TOTE__NOT_ACCEPTED, "PERMISSION_DENIED"},
        {404, TOTE__NOT_ACCEPTED, "UNIMPLEMENTED"},
        {302, TOTE__NOT_ACCEPTED, "UNKNOWN"},
        {413, TOTE__TOO_LARGE, "UNKNOWN"},
        {500, TOTE__REJECTED, "UNKNOWN"},
        {200, TOTE__RETRYABLE, "the response has no grpc-status"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        struct tote__response response = nothing;
        response.status = cases[i].status;
        response.content_type = "text/html";
        const struct tote__export_result export_result = judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
        assert_int_equal(export_result.kind, cases[i].kind);
        assert_string_equal(export_result.reason, cases[i].reason);
    }
}

/* gRPC has no path to configure. */
static void the_diagnostic_for_an_http_404_has_another_cure_for_grpc(void **state) {
    struct tote__response response = nothing;

    (void)state;
    response.status = 404;
    assert_non_null(
        strstr(judge(&response, TOTE_OTLP_PROTOCOL_HTTP_JSON).advice, "check the path"));
    const struct tote__export_result export_result = judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
    assert_null(strstr(export_result.advice, "path"));
    assert_non_null(strstr(export_result.advice, "not an OTLP/gRPC receiver"));
}

/*
 * gRPC has no code for a request that is too large: the message has the cause, with a text of each
 * implementation.
 */
static void a_grpc_message_may_mean_that_the_request_is_too_large(void **state) {
    static const struct {
        const char *code;
        const char *message;
        enum tote__result_kind kind;
    } cases[] = {
        {"8", "grpc: received message larger than max (5000000 vs. 4194304)", TOTE__TOO_LARGE},
        {"8", "Received message larger than max (5000000 vs. 4194304)", TOTE__TOO_LARGE},
        {"8", "gRPC message exceeds maximum size 4194304: 5000000", TOTE__TOO_LARGE},
        {"8", "Received message exceeds the maximum configured message size.", TOTE__TOO_LARGE},
        {"11", "Error, decoded message length too large: found 5000000 bytes", TOTE__TOO_LARGE},
        {"8", "quota exhausted", TOTE__REJECTED},
        {"11", "later", TOTE__RETRYABLE},
        {"3", "attribute too large", TOTE__REJECTED},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        struct tote__response response = nothing;
        response.status = 200;
        response.grpc_status = cases[i].code;
        response.grpc_message = cases[i].message;
        assert_int_equal(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).kind, cases[i].kind);
    }
    struct tote__response response = nothing;
    response.grpc_status = "8";
    response.grpc_message = "larger than max";
    response.grpc_details = retry_details(1, 0);
    assert_int_equal(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).kind, TOTE__RETRYABLE);
}

/* The message is percent-encoded. Spec: grpc/grpc doc/PROTOCOL-HTTP2.md */
static void the_diagnostic_for_a_grpc_error_contains_its_message(void **state) {
    struct tote__response response = nothing;

    (void)state;
    response.grpc_status = "3";
    response.grpc_message = "100%25 wrong%0Aids";
    const struct tote__export_result export_result = judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
    assert_int_equal(export_result.kind, TOTE__REJECTED);
    assert_string_equal(export_result.reason, "INVALID_ARGUMENT");
    assert_string_equal(export_result.export_response.message, "100% wrong ids");
}

static size_t compress_to(uint8_t *out, size_t capacity, const void *bytes, size_t size) {
    z_stream stream = {.next_in = (z_const Bytef *)(uintptr_t)bytes, .avail_in = (uInt)size};

    assert_int_equal(deflateInit2(&stream, 9, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    stream.next_out = out;
    stream.avail_out = (uInt)capacity;
    assert_int_equal(deflate(&stream, Z_FINISH), Z_STREAM_END);
    deflateEnd(&stream);
    return capacity - stream.avail_out;
}

static struct tote__export_result judge_message(bool is_compressed, const void *bytes, size_t size,
                                                size_t claimed) {
    static uint8_t body[8192];
    struct tote__response response = nothing;

    tote__grpc_put_head(body, is_compressed, claimed);
    memcpy(body + TOTE__GRPC_HEAD_BYTES, bytes, size);
    response.status = 200;
    response.grpc_status = "0";
    response.body = (struct tote__slice){body, TOTE__GRPC_HEAD_BYTES + size};
    return judge(&response, TOTE_OTLP_PROTOCOL_GRPC);
}

/* Plain, compressed, empty, or absent. Compliance: EX-18 */
static void a_grpc_success_may_reject_spans_in_a_compressed_message(void **state) {
    struct tote__slice message = partial_success(0, "full");
    struct tote__response response = nothing;
    uint8_t packed[512];

    (void)state;
    struct tote__export_result export_result =
        judge_message(false, message.at, message.size, message.size);
    assert_string_equal(export_result.export_response.message, "full");
    size_t size = compress_to(packed, sizeof packed, message.at, message.size);
    export_result = judge_message(true, packed, size, size);
    assert_string_equal(export_result.export_response.message, "full");
    assert_true(judge_message(false, "", 0, 0).is_readable);
    response.grpc_status = "0";
    assert_true(judge(&response, TOTE_OTLP_PROTOCOL_GRPC).is_readable);
}

/* The endpoint may be another server: the spans stay in the disk queue, if there is one. */
static void a_response_that_is_too_large_leaves_spans_in_the_disk_queue(void **state) {
    struct tote__otlp_settings settings = {.protocol = TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF,
                                           .max_response_bytes = 4096};
    struct tote__response response = nothing;
    struct tote__export_result export_result;

    (void)state;
    response.outcome = TOTE__RESPONSE_TOO_LARGE;
    response.status = 200;
    tote__otlp_judge(&settings, &response, &export_result);
    assert_int_equal(export_result.kind, TOTE__PERMANENT_FAILURE);
    settings.delivery.disk_queue_directory = "/var/disk_queue/tote";
    tote__otlp_judge(&settings, &response, &export_result);
    assert_int_equal(export_result.kind, TOTE__NOT_ACCEPTED);
    assert_non_null(strstr(export_result.reason, "max_response_bytes"));
    assert_non_null(strstr(export_result.advice, "check the endpoint"));
}

/* Accepted spans stay accepted, whatever follows. Spec: protocol/otlp.md#full-success */
static void a_malformed_grpc_success_is_a_success_and_a_gzip_bomb_is_a_failure(void **state) {
    static const uint8_t zeros[1 << 16];
    uint8_t packed[512];

    (void)state;
    assert_int_equal(judge_message(false, "\x0A\x7Fx", 3, 3).kind, TOTE__SUCCESS);
    assert_false(judge_message(false, "\x0A\x7Fx", 3, 3).is_readable);
    assert_false(judge_message(false, "abc", 3, 300).is_readable);
    assert_false(judge_message(true, "abc", 3, 3).is_readable);
    size_t size = compress_to(packed, sizeof packed, zeros, sizeof zeros);
    assert_false(judge_message(true, packed, size / 2, size / 2).is_readable);
    struct tote__export_result export_result = judge_message(true, packed, size, size);
    assert_int_equal(export_result.kind, TOTE__PERMANENT_FAILURE);
    assert_non_null(strstr(export_result.reason, "max_response_bytes"));
}

/* Compliance: EX-14 */
static void a_retry_after_is_seconds_or_a_date_and_at_most_one_day(void **state) {
    static const struct {
        const char *text;
        uint64_t seconds; /* 0: no delay, if there is no 0 */
    } cases[] = {
        {"5", 5},
        {"0", 0},
        {"00", 0},
        {"-1", 0},
        {"", 0},
        {"5s", 0},
        {"1e3", 0},
        {"99999999999999999999", 86400},
        {"Sun, 13 Sep 2020 12:26:50 GMT", 10},
        {"Sun, 13 Sep 2020 12:26:30 GMT", 0},
        {"Sunday, 13-Sep-20 12:26:50 GMT", 10},
        {"Sun Sep 13 12:26:50 2020", 10},
        {"soon", 0},
    };
    uint64_t retry_after_ms;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        assert_int_equal(tote__otlp_retry_after(cases[i].text, NOW, &retry_after_ms),
                         cases[i].seconds != 0 || cases[i].text[0] == '0');
        assert_int_equal(retry_after_ms, cases[i].seconds * MS_PER_S);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(each_response_has_the_export_result_of_the_table),
        TEST(four_of_all_final_statuses_are_retryable),
        TEST(six_grpc_codes_are_retryable_and_one_with_a_retry_info),
        TEST(a_retry_info_may_have_a_delay_below_one_second),
        TEST(an_http_error_without_grpc_status_has_a_grpc_code),
        TEST(the_diagnostic_for_an_http_404_has_another_cure_for_grpc),
        TEST(a_grpc_message_may_mean_that_the_request_is_too_large),
        TEST(the_diagnostic_for_a_grpc_error_contains_its_message),
        TEST(a_grpc_success_may_reject_spans_in_a_compressed_message),
        TEST(a_malformed_grpc_success_is_a_success_and_a_gzip_bomb_is_a_failure),
        cmocka_unit_test(a_response_that_is_too_large_leaves_spans_in_the_disk_queue),
        TEST(a_retry_after_is_seconds_or_a_date_and_at_most_one_day),
    };
    return RUN_TESTS(tests, argc, argv);
}
