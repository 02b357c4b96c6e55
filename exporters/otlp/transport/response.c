/* SPDX-License-Identifier: MIT */
/*
 * response.c - reads partial successes and errors, by protobuf-c or from JSON
 *
 * A body is untrusted: decoding allocates at most its size plus a constant. Spec:
 * protocol/otlp.md#otlphttp-response
 *
 * Tests: tests/unit/test_otlp_response.c, tests/fuzz/fuzz_response.c
 */
#include "response.h"

#include <string.h>

#include "json_reader.h"
#include "otlp/response.pb-c.h"
#include "tote/internal/base64.h"
#include "tote/internal/left_out.h"
#include "tote/internal/text.h"

enum { UNPACK_EXTRA_BYTES = 64 << 10, LONGEST_WAIT_S = 86400 };

/* An allocator for protobuf-c over an arena of limited size. */
struct budget {
    struct tote__arena arena;
    size_t left;
};

static void *budget_allocate(void *arg, size_t size) {
    struct budget *budget = arg;

    if (size > budget->left) {
        return NULL;
    }
    budget->left -= size;
    return tote__arena_allocate(&budget->arena, size);
}

static void budget_release(void *arg, void *memory) {
    (void)arg, (void)memory; /* the arena is freed as a whole */
}

static bool is_type(const char *content_type, const char *type) {
    size_t length = strlen(type);

    return tote__equals_ignoring_case(content_type, tote__min(strlen(content_type), length), type,
                                      length);
}

static bool is_protobuf(const char *content_type) {
    return is_type(content_type, "application/x-protobuf") ||
           is_type(content_type, "application/protobuf");
}

static bool is_json(const char *content_type) {
    return TOTE_HAS_JSON && is_type(content_type, "application/json");
}

/* Copy text for a log message. */
static void set_message(struct tote__export_response *export_response, const char *text,
                        size_t length) {
    char repaired[3 * TOTE__MESSAGE_SIZE]; /* one byte becomes at most three */
    char *out = export_response->message;
    uint32_t code_point;

    tote__trim(&text, &length);
    length = tote__utf8_cut(text, length, TOTE__MESSAGE_SIZE - 1);
    length = (size_t)(tote__utf8_repair(repaired, text, length) - repaired);
    length = tote__utf8_cut(repaired, length, TOTE__MESSAGE_SIZE - 1);
    for (size_t at = 0; at < length;) {
        size_t size = tote__control_size(repaired + at, length - at, &code_point);
        *out++ = size ? ' ' : repaired[at];
        at += size ? size : 1;
    }
    while (out > export_response->message && out[-1] == ' ') {
        out--;
    }
    *out = '\0';
}

/* `size` and `rejected` are chosen by the receiver. */
static void set_rejected(struct tote__export_response *export_response, int64_t rejected) {
    export_response->rejected = rejected > 0 ? (uint64_t)rejected : 0;
}

static bool read_protobuf_response(struct tote__slice body,
                                   struct tote__export_response *export_response) {
    struct budget budget = {.left = body.size + UNPACK_EXTRA_BYTES};
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    Tote__Otlp__ExportTraceServiceResponse *message =
        tote__otlp__export_trace_service_response__unpack(&allocator, body.size, body.at);

    if (message && message->partial_success) {
        const Tote__Otlp__ExportTracePartialSuccess *partial = message->partial_success;
        set_rejected(export_response, partial->rejected_spans);
        set_message(export_response, partial->error_message, strlen(partial->error_message));
    }
    tote__arena_clear(&budget.arena);
    return message;
}

static void read_json_message(struct tote__slice value,
                              struct tote__export_response *export_response) {
    char text[TOTE__MESSAGE_SIZE];

    set_message(export_response, text, tote__json_string(value, text, sizeof text));
}

/* Returns false also if the number of rejected spans is invalid. */
static bool read_json_response(struct tote__slice body,
                               struct tote__export_response *export_response) {
    struct tote__json_wanted wanted[] = {{.path = ".partialSuccess.rejectedSpans"},
                                         {.path = ".partialSuccess.errorMessage"}};
    bool is_json = tote__json_find(body, wanted, TOTE_COUNT_OF(wanted));
    struct tote__slice number = wanted[0].value;
    bool is_null = !number.size || *number.at == 'n'; /* the field is not set */
    int64_t rejected = 0;

    bool is_read = is_json && (is_null || tote__json_integer(number, &rejected));
    set_rejected(export_response, rejected);
    read_json_message(wanted[1].value, export_response);
    return is_read;
}

bool tote__otlp_read_response(struct tote__slice body, const char *content_type,
                              struct tote__export_response *export_response) {
    bool is_read = !body.size;

    *export_response = (struct tote__export_response){.rejected = 0};
    if (body.size && is_json(content_type)) {
        is_read = read_json_response(body, export_response);
    } else if (body.size && (!*content_type || is_protobuf(content_type))) {
        is_read = read_protobuf_response(body, export_response);
    }
    if (!is_read) {
        *export_response = (struct tote__export_response){.rejected = 0};
    }
    return is_read;
}

/* Read the retry delay. An invalid or very long one is ignored. */
static void read_retry_info(const ProtobufCBinaryData *value, ProtobufCAllocator *allocator,
                            struct tote__export_response *export_response) {
    Tote__Otlp__RetryInfo *info =
        tote__otlp__retry_info__unpack(allocator, value->len, value->data);
    const Tote__Otlp__RetryDelay *delay = info ? info->retry_delay : NULL;

    export_response->asks_to_wait = info;
    if (delay && delay->seconds >= 0 && delay->nanos >= 0) {
        uint64_t seconds =
            delay->seconds < LONGEST_WAIT_S ? (uint64_t)delay->seconds : LONGEST_WAIT_S;
        export_response->has_retry_after = true;
        export_response->retry_after_ms =
            seconds * 1000 + ((uint64_t)delay->nanos + 999999) / 1000000;
    }
}

/* The code is used only by gRPC, which has it in grpc-status. */
static void read_status(struct tote__slice body, struct tote__export_response *export_response) {
    static const char retry_info[] = "/google.rpc.RetryInfo";
    struct budget budget = {.left = body.size + UNPACK_EXTRA_BYTES};
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};
    Tote__Otlp__RpcStatus *status = tote__otlp__rpc_status__unpack(&allocator, body.size, body.at);

    if (status && *status->message) {
        set_message(export_response, status->message, strlen(status->message));
    }
    for (size_t i = 0; status && i < status->n_details; i++) {
        const Tote__Otlp__Detail *detail = status->details[i];
        const char *type = strrchr(detail->type_url, '/');
        if (type && strcmp(type, retry_info) == 0) {
            read_retry_info(&detail->value, &allocator, export_response);
        }
    }
    tote__arena_clear(&budget.arena);
}

static void read_json_status(struct tote__slice body,
                             struct tote__export_response *export_response) {
    struct tote__json_wanted message = {.path = ".message"};

    tote__json_find(body, &message, 1);
    read_json_message(message.value, export_response);
}

/* Return whether the body is text for a log message, regardless of its content type. */
static bool is_text(struct tote__slice body) {
    size_t size = tote__min(body.size, TOTE__MESSAGE_SIZE);

    for (size_t i = 0; i < size; i++) {
        uint8_t c = body.at[i];
        if ((c < 0x20 && c != '\t' && c != '\r' && c != '\n') || c == 0x7F) {
            return false;
        }
    }
    return size > 0;
}

/* Copy the text of an HTML page, without tags. */
static void set_page_message(struct tote__export_response *export_response,
                             struct tote__slice body) {
    char text[TOTE__MESSAGE_SIZE];
    size_t length = 0;
    bool is_tag = false;

    for (size_t i = 0; i < body.size && length < sizeof text; i++) {
        char c = (char)body.at[i];
        bool separates = is_tag || c == '<' || c == 0x7F || (unsigned char)c <= ' ';
        is_tag = c == '<' || (is_tag && c != '>');
        if (!separates || (length && text[length - 1] != ' ')) {
            text[length++] = separates ? ' ' : c;
        }
    }
    set_message(export_response, text, length);
}

void tote__otlp_read_error(struct tote__slice body, const char *content_type,
                           struct tote__export_response *export_response) {
    *export_response = (struct tote__export_response){.rejected = 0};
    if (body.size && is_json(content_type)) {
        read_json_status(body, export_response);
    } else if (body.size && is_protobuf(content_type)) {
        read_status(body, export_response);
    }
    if (*export_response->message || !is_text(body)) {
        return;
    }
    if (is_type(content_type, "text/html")) {
        set_page_message(export_response, body);
    } else {
        set_message(export_response, (const char *)body.at, body.size);
    }
}

void tote__otlp_read_grpc_error(const char *message, const char *details,
                                struct tote__export_response *export_response) {
    struct tote__arena arena = {.chunks = NULL};
    size_t message_length = strlen(message);
    size_t details_length = strlen(details);
    char *text = tote__arena_allocate(&arena, message_length + details_length + 1);

    *export_response = (struct tote__export_response){.rejected = 0};
    if (text) {
        set_message(export_response, text,
                    tote__percent_decode(text, message, message_length, NULL));
        memcpy(text, details, details_length + 1);
        size_t size = tote__base64_decode(text, details_length);
        if (size) {
            read_status((struct tote__slice){(const uint8_t *)text, size}, export_response);
        }
    }
    tote__arena_clear(&arena);
}
