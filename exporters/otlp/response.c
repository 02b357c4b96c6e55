/* SPDX-License-Identifier: MIT */
/*
 * response.c - partial successes and reasons of errors, by protobuf-c
 *
 * A body comes from outside: unpacking one may take its own size in memory and some more,
 * no matter what it says. Spec: protocol/otlp.md#otlphttp-response
 */
#include "response.h"

#include <string.h>

#include "otlp/response.pb-c.h"
#include "tote/internal/text.h"

enum { UNPACK_EXTRA_BYTES = 64 << 10 };

/* protobuf-c's allocator over an arena that ends. */
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
    (void)arg, (void)memory; /* the arena goes as a whole */
}

static bool is_protobuf(const char *content_type) {
    static const char protobuf[] = "application/x-protobuf";

    return tote__equals_ignoring_case(content_type,
                                      tote__min(strlen(content_type), sizeof protobuf - 1),
                                      protobuf, sizeof protobuf - 1);
}

static bool is_plain_text(const char *content_type) {
    static const char plain[] = "text/plain";

    return tote__equals_ignoring_case(
        content_type, tote__min(strlen(content_type), sizeof plain - 1), plain, sizeof plain - 1);
}

/* A control character, of ASCII or of Latin-1 as UTF-8 has it. */
static bool is_control(const char *text, size_t left) {
    unsigned char c = (unsigned char)text[0];

    return c < 0x20 || c == 0x7F || (c == 0xC2 && left > 1 && (unsigned char)text[1] < 0xA0);
}

/* Keep what a person may read in a line of a log. */
static void set_remark(struct tote__response *response, const char *text, size_t length) {
    char repaired[3 * TOTE__REMARK_SIZE]; /* three bytes at most become of one */
    char *out = response->remark;

    tote__trim(&text, &length);
    length = tote__utf8_cut(text, length, TOTE__REMARK_SIZE - 1);
    length = (size_t)(tote__utf8_repair(repaired, text, length) - repaired);
    length = tote__utf8_cut(repaired, length, TOTE__REMARK_SIZE - 1);
    for (size_t i = 0; i < length; i++) {
        bool controls = is_control(repaired + i, length - i);
        i += controls && repaired[i] == '\xC2';
        *out++ = controls ? ' ' : repaired[i];
    }
    while (out > response->remark && out[-1] == ' ') {
        out--;
    }
    *out = '\0';
}

bool tote__otlp_read_response(struct tote__slice body, const char *content_type,
                              struct tote__response *response) {
    struct budget budget = {.left = body.size + UNPACK_EXTRA_BYTES};
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};

    *response = (struct tote__response){.rejected = 0};
    if (!body.size) {
        return true;
    }
    if (*content_type && !is_protobuf(content_type)) {
        return false;
    }
    Tote__Otlp__ExportTraceServiceResponse *message =
        tote__otlp__export_trace_service_response__unpack(&allocator, body.size, body.at);
    if (message && message->partial_success) {
        const Tote__Otlp__ExportTracePartialSuccess *partial = message->partial_success;
        response->rejected = partial->rejected_spans > 0 ? (uint64_t)partial->rejected_spans : 0;
        set_remark(response, partial->error_message, strlen(partial->error_message));
    }
    tote__arena_clear(&budget.arena);
    return message;
}

void tote__otlp_read_error(struct tote__slice body, const char *content_type,
                           struct tote__response *response) {
    struct budget budget = {.left = body.size + UNPACK_EXTRA_BYTES};
    ProtobufCAllocator allocator = {budget_allocate, budget_release, &budget};

    *response = (struct tote__response){.rejected = 0};
    if (body.size && is_plain_text(content_type)) {
        set_remark(response, (const char *)body.at, body.size);
        return;
    }
    if (!body.size || !is_protobuf(content_type)) {
        return;
    }
    Tote__Otlp__RpcStatus *status = tote__otlp__rpc_status__unpack(&allocator, body.size, body.at);
    if (status) {
        set_remark(response, status->message, strlen(status->message));
    }
    tote__arena_clear(&budget.arena);
}
