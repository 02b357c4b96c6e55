/* SPDX-License-Identifier: MIT */
/*
 * export.c - a trace as OTLP/JSON
 *
 * The exporter's function converts complete requests. Here each message is converted in a request
 * of its own, and what is around it is removed. So no copy of the trace in protobuf is needed.
 *
 * Tests: tests/unit/test_export.c
 */
#include "export.h"

#include <stdlib.h>
#include <string.h>

#include "otlp/encode/encode.h"

enum { REQUEST_RESOURCE_SPANS = 0x0A, RESOURCE_SCOPE_SPANS = 0x12, SCOPE_SPAN = 0x12 };

/* What is around a message in a request, in protobuf and in JSON. */
struct surroundings {
    uint8_t tags[3]; /* of the message first */
    size_t depth;
    const char *before;
    const char *after;
};

static const struct surroundings of_resource = {
    {REQUEST_RESOURCE_SPANS}, 1, "{\"resourceSpans\":[{", "}]}"};
static const struct surroundings of_scope = {{RESOURCE_SCOPE_SPANS, REQUEST_RESOURCE_SPANS},
                                             2,
                                             "{\"resourceSpans\":[{\"scopeSpans\":[{",
                                             "}]}]}"};
static const struct surroundings of_span = {
    {SCOPE_SPAN, RESOURCE_SCOPE_SPANS, REQUEST_RESOURCE_SPANS},
    3,
    "{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[",
    "]}]}]}"};

struct exporting {
    struct tote__buffer *out;
    struct tote__buffer request; /* for one message */
    bool is_failed;
};

static void put(struct exporting *exporting, const char *text) {
    const struct tote__slice bytes = {(const uint8_t *)text, strlen(text)};

    exporting->is_failed |= !tote__buffer_append(exporting->out, bytes);
}

/* Put a message between the tags and lengths of the messages that contain it. */
static bool wrap(struct tote__buffer *request, const struct surroundings *around,
                 struct tote__slice message) {
    enum { MOST_HEAD_BYTES = 11 };
    uint8_t heads[3][MOST_HEAD_BYTES];
    size_t sizes[3];
    size_t size = message.size;

    for (size_t i = 0; i < around->depth; i++) {
        sizes[i] = (size_t)(tote__put_head(heads[i], around->tags[i], size) - heads[i]);
        size += sizes[i];
    }
    request->size = 0;
    for (size_t i = around->depth; i-- > 0;) {
        if (!tote__buffer_append(request, (struct tote__slice){heads[i], sizes[i]})) {
            return false;
        }
    }
    return tote__buffer_append(request, message);
}

/* Append a message, without what is around it. Returns whether it is not empty. */
static bool put_message(struct exporting *exporting, const struct surroundings *around,
                        struct tote__slice message) {
    struct tote__buffer *out = exporting->out;
    const size_t start = out->size;
    const size_t before = strlen(around->before);
    const size_t needless = before + strlen(around->after);

    if (exporting->is_failed || !wrap(&exporting->request, around, message) ||
        !tote__otlp_json_of(out, tote__buffer_slice(&exporting->request))) {
        exporting->is_failed = true;
        return false;
    }
    out->size -= needless;
    memmove(out->bytes + start, out->bytes + start + before, out->size - start);
    return out->size > start;
}

static int compare_messages(struct tote__slice a, struct tote__slice b) {
    if (a.at == b.at) {
        return 0;
    }
    int order = memcmp(a.at, b.at, tote__min(a.size, b.size));
    return order ? order : a.size < b.size ? -1 : a.size > b.size;
}

/* Compare resources, then scopes, then starts. Equal resources are the same one. */
static int compare_spans(const void *a, const void *b) {
    const struct trace_span *x = *(struct trace_span *const *)a;
    const struct trace_span *y = *(struct trace_span *const *)b;
    int order = compare_messages(x->resource->message, y->resource->message);

    if (!order) {
        order = compare_messages(x->scope->message, y->scope->message);
    }
    if (!order && x->start_unix_nano != y->start_unix_nano) {
        order = x->start_unix_nano < y->start_unix_nano ? -1 : 1;
    }
    return order ? order : memcmp(x->id, y->id, sizeof x->id);
}

static void put_spans(struct exporting *exporting, struct trace_span *const *spans, size_t count) {
    const struct trace_resource *resource = NULL;
    const struct trace_scope *scope = NULL;

    put(exporting, "{\"resourceSpans\":[");
    for (size_t i = 0; i < count && !exporting->is_failed; i++) {
        bool is_new_resource = spans[i]->resource != resource;
        bool is_new_scope = is_new_resource || spans[i]->scope != scope;
        if (is_new_resource) {
            resource = spans[i]->resource;
            put(exporting, i ? "]}]},{" : "{");
            bool has_members = put_message(exporting, &of_resource, resource->message);
            put(exporting, has_members ? ",\"scopeSpans\":[" : "\"scopeSpans\":[");
        }
        if (is_new_scope) {
            scope = spans[i]->scope;
            put(exporting, is_new_resource ? "{" : "]},{");
            bool has_members = put_message(exporting, &of_scope, scope->message);
            put(exporting, has_members ? ",\"spans\":[" : "\"spans\":[");
        } else {
            put(exporting, ",");
        }
        put_message(exporting, &of_span, spans[i]->message);
    }
    put(exporting, count ? "]}]}]}" : "]}");
}

bool export_otlp_json(const struct trace *trace, struct tote__buffer *out) {
    struct exporting exporting = {.out = out};
    const size_t start = out->size;
    const size_t size = trace->span_count * sizeof(struct trace_span *);
    struct trace_span **spans = tote__allocate(size);
    size_t count = 0;

    if (!spans) {
        return false;
    }
    for (struct trace_span *span = trace->spans; span; span = span->next) {
        spans[count++] = span;
    }
    qsort(spans, count, sizeof *spans, compare_spans);
    put_spans(&exporting, spans, count);
    tote__release(spans, size);
    tote__buffer_clear(&exporting.request);
    out->size = exporting.is_failed ? start : out->size;
    return !exporting.is_failed;
}
