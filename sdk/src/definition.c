/* SPDX-License-Identifier: MIT */
/*
 * definition.c - resources and scopes of records, as parts of an OTLP request
 *
 * Tests: tests/unit/test_record.c, tests/unit/test_otlp_encode.c
 */
#include <string.h>

#include "tote/internal/record.h"
#include "tote/internal/sdk.h"
#include "tote/internal/tracer.h"

enum {
    SCOPE_NAME = 0x0A,
    SCOPE_VERSION = 0x12,
    DEFINED = 0x0A,   /* the resource of ResourceSpans, the scope of ScopeSpans */
    SCHEMA_URL = 0x1A /* schema URL of both */
};

static size_t text_size(const char *text) {
    return *text ? tote__run_size(strlen(text)) : 0;
}

static uint8_t *put_text(uint8_t *out, uint8_t tag, const char *text) {
    return *text ? tote__put_run(out, tag, text, strlen(text)) : out;
}

/* The attributes of a tracer have unique keys. */
bool tote__scope_message(const tote_instrumentation_scope *scope, struct tote__arena *arena,
                         struct tote__slice *message) {
    struct tote__slice attributes;

    if (!tote__encode_attributes(arena, TOTE__TAG_SCOPE_ATTRIBUTE, scope->attributes,
                                 scope->attribute_count, &attributes)) {
        return false;
    }
    size_t most = tote__run_size(strlen(scope->name)) + tote__run_size(strlen(scope->version)) +
                  attributes.size;
    uint8_t *start = tote__arena_allocate(arena, most);
    if (!start) {
        return false;
    }
    uint8_t *out = put_text(start, SCOPE_NAME, scope->name);
    out = put_text(out, SCOPE_VERSION, scope->version);
    out = tote__put_bytes(out, attributes.at, attributes.size);
    *message = (struct tote__slice){start, (size_t)(out - start)};
    return true;
}

static bool put_definition(struct tote__buffer *buffer, struct tote__slice message,
                           const char *schema_url) {
    size_t size = tote__run_size(message.size) + text_size(schema_url);

    if (!tote__buffer_reserve(buffer, size)) {
        return false;
    }
    uint8_t *out = tote__put_run(buffer->bytes + buffer->size, DEFINED, message.at, message.size);
    put_text(out, SCHEMA_URL, schema_url);
    buffer->size += size;
    return true;
}

bool tote__define_resource(struct tote__buffer *buffer, uint32_t index) {
    const struct tote__resource *resource = tote__resource_at(index);

    return put_definition(buffer, resource->encoded, resource->resource.schema_url);
}

bool tote__define_scope(struct tote__buffer *buffer, uint32_t index) {
    struct tote__arena arena = {.chunks = NULL};
    const tote_instrumentation_scope *scope = &tote__tracer_at(index)->scope;
    struct tote__slice message;
    bool is_done = tote__scope_message(scope, &arena, &message) &&
                   put_definition(buffer, message, scope->schema_url);

    tote__arena_clear(&arena);
    return is_done;
}
