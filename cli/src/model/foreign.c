/* SPDX-License-Identifier: MIT */
/*
 * foreign.c - spans of other formats, converted to OTLP requests
 *
 * Tests: tests/unit/test_inputs.c
 */
#include "foreign.h"

#include <string.h>
#include <strings.h>

#include "tote/internal/hex.h"
#include "tote/internal/record.h"
#include "tote/internal/text.h"

enum {
    REQUEST_BYTES = 1 << 20,
    REQUEST_RESOURCE_SPANS = 0x0A,
    RESOURCE_SPANS_RESOURCE = 0x0A,
    RESOURCE_SPANS_SCOPE_SPANS = 0x12,
    SCOPE_SPANS_SCOPE = 0x0A,
    SCOPE_SPANS_SPAN = 0x12,
    SCOPE_NAME = 0x0A,
    SCOPE_VERSION = 0x12
};

static void put(struct foreign *foreign, struct tote__buffer *out, const void *bytes, size_t size) {
    foreign->is_out_of_memory |=
        !tote__buffer_append(out, (struct tote__slice){(const uint8_t *)bytes, size});
}

void foreign_put_bytes(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                       const void *bytes, size_t size) {
    uint8_t head[11];

    put(foreign, out, head, (size_t)(tote__put_head(head, tag, size) - head));
    put(foreign, out, bytes, size);
}

void foreign_put_text(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                      const char *text) {
    if (text && *text) {
        foreign_put_bytes(foreign, out, tag, text, strlen(text));
    }
}

void foreign_put_message(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                         struct tote__buffer *message) {
    foreign_put_bytes(foreign, out, tag, message->bytes, message->size);
    message->size = 0;
}

void foreign_put_time(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                      uint64_t unix_nano) {
    uint8_t field[1 + sizeof unix_nano] = {tag};

    tote__put_fixed64(field + 1, unix_nano);
    put(foreign, out, field, sizeof field);
}

static void put_number(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                       uint64_t number) {
    uint8_t field[11];

    put(foreign, out, field, (size_t)(tote__put_number(field, tag, number) - field));
}

void foreign_put_attribute(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                           const char *key, tote_value value) {
    const size_t length = strlen(key);
    const size_t size = tote__attribute_size(key, length, value, &tote__wire_no_limits);

    if (!tote__buffer_reserve(out, size)) {
        foreign->is_out_of_memory = true;
        return;
    }
    tote__put_attribute(out->bytes + out->size, tag, key, length, value, &tote__wire_no_limits);
    out->size += size;
}

void foreign_read_id(uint8_t *id, size_t size, const char *hex) {
    size_t length = hex ? strlen(hex) : 0;
    char lower[32];

    for (size_t i = 0; i < length && i < sizeof lower; i++) {
        lower[i] = tote__lower(hex[i]);
    }
    if (!tote__hex_decode_padded(id, size, lower, length)) {
        memset(id, 0, size);
    }
}

uint64_t foreign_read_time(const json_t *microseconds) {
    double number = json_number_value(microseconds);

    if (json_is_integer(microseconds) && number > 0 && number < 1.8e16) {
        return (uint64_t)json_integer_value(microseconds) * 1000;
    }
    return number > 0 && number < 1.8e16 ? (uint64_t)(number * 1000) : 0;
}

bool foreign_use_attribute(struct foreign_span *span, const char *key, const char *value) {
    if (strcmp(key, "otel.status_code") == 0) {
        span->is_error |= strcasecmp(value, "error") == 0;
        span->is_ok |= strcasecmp(value, "ok") == 0;
        return true;
    }
    const struct {
        const char *key;
        const char **field;
    } fields[] = {
        {"otel.status_description", &span->status_message},
        {"otel.scope.name", &span->scope_name},
        {"otel.scope.version", &span->scope_version},
        {"otel.library.name", &span->scope_name},
        {"otel.library.version", &span->scope_version},
        {"w3c.tracestate", &span->trace_state},
        {"span.kind", &span->kind},
    };
    for (size_t i = 0; i < TOTE_COUNT_OF(fields); i++) {
        if (strcmp(key, fields[i].key) == 0) {
            *fields[i].field = value;
            return true;
        }
    }
    return false;
}

/* Return the number of a SpanKind in OTLP. Spans without a kind are internal. */
static uint64_t kind_of(const char *kind) {
    static const char *const kinds[] = {"", "internal", "server", "client", "producer", "consumer"};

    for (size_t i = 1; kind && i < TOTE_COUNT_OF(kinds); i++) {
        if (strcasecmp(kind, kinds[i]) == 0) {
            return i;
        }
    }
    return 1;
}

static void put_span(struct foreign *foreign, struct tote__buffer *out, struct foreign_span *span,
                     struct tote__buffer *status) {
    static const uint8_t none[sizeof span->parent_id];

    foreign_put_bytes(foreign, out, TOTE__SPAN_TRACE_ID, span->trace_id, sizeof span->trace_id);
    foreign_put_bytes(foreign, out, TOTE__SPAN_SPAN_ID, span->id, sizeof span->id);
    foreign_put_text(foreign, out, TOTE__SPAN_TRACE_STATE, span->trace_state);
    if (memcmp(span->parent_id, none, sizeof none) != 0) {
        foreign_put_bytes(foreign, out, TOTE__SPAN_PARENT_SPAN_ID, span->parent_id, sizeof none);
    }
    foreign_put_text(foreign, out, TOTE__SPAN_NAME, span->name);
    put_number(foreign, out, TOTE__SPAN_KIND, kind_of(span->kind));
    foreign_put_time(foreign, out, TOTE__SPAN_START_TIME, span->start_unix_nano);
    foreign_put_time(foreign, out, TOTE__SPAN_END_TIME, span->end_unix_nano);
    put(foreign, out, span->attributes.bytes, span->attributes.size);
    put(foreign, out, span->events.bytes, span->events.size);
    put(foreign, out, span->links.bytes, span->links.size);
    foreign_put_text(foreign, status, TOTE__STATUS_MESSAGE, span->status_message);
    put_number(foreign, status, TOTE__STATUS_CODE, span->is_error ? 2 : span->is_ok);
    if (status->size) {
        foreign_put_message(foreign, out, TOTE__SPAN_STATUS, status);
    }
}

/* Hand over the request. */
static void flush(struct foreign *foreign) {
    if (foreign->is_out_of_memory) {
        foreign->receipt.outcome = BUSY;
    } else if (foreign->request.size && foreign->receipt.outcome == TAKEN) {
        struct receipt receipt =
            foreign->take(foreign->arg, foreign->request.bytes, foreign->request.size);
        receipt_add(&foreign->receipt, &receipt);
        foreign->receipt.outcome = receipt.outcome;
    }
    foreign->request.size = 0;
}

void foreign_add(struct foreign *foreign, struct foreign_span *span) {
    struct tote__buffer *message = &foreign->parts[0];
    struct tote__buffer *scope_spans = &foreign->parts[1];
    struct tote__buffer *resource_spans = &foreign->parts[2];
    struct tote__buffer resource = {.bytes = NULL};

    foreign_put_text(foreign, message, SCOPE_NAME, span->scope_name);
    foreign_put_text(foreign, message, SCOPE_VERSION, span->scope_version);
    foreign_put_message(foreign, scope_spans, SCOPE_SPANS_SCOPE, message);
    put_span(foreign, message, span, resource_spans);
    foreign_put_message(foreign, scope_spans, SCOPE_SPANS_SPAN, message);
    if (span->service) {
        foreign_put_attribute(foreign, &resource, TOTE__TAG_RESOURCE_ATTRIBUTE, "service.name",
                              tote_string(span->service));
    }
    put(foreign, &resource, span->resource.bytes, span->resource.size);
    foreign_put_message(foreign, resource_spans, RESOURCE_SPANS_RESOURCE, &resource);
    foreign_put_message(foreign, resource_spans, RESOURCE_SPANS_SCOPE_SPANS, scope_spans);
    foreign_put_message(foreign, &foreign->request, REQUEST_RESOURCE_SPANS, resource_spans);
    foreign->span_count++;
    struct tote__buffer *const buffers[] = {&resource, &span->resource, &span->attributes,
                                            &span->events, &span->links};
    for (size_t i = 0; i < TOTE_COUNT_OF(buffers); i++) {
        tote__buffer_clear(buffers[i]);
    }
    if (foreign->request.size >= REQUEST_BYTES) {
        flush(foreign);
    }
}

void foreign_finish(struct foreign *foreign) {
    flush(foreign);
    tote__buffer_clear(&foreign->request);
    for (size_t i = 0; i < TOTE_COUNT_OF(foreign->parts); i++) {
        tote__buffer_clear(&foreign->parts[i]);
    }
}
