/* SPDX-License-Identifier: MIT */
/*
 * request_read.c - decodes the spans of a request
 *
 * The request may come from a file: bounds are checked, and unknown fields are ignored.
 *
 * Tests: tests/unit/test_delivery_exporter.c, tests/fuzz/fuzz_request.c
 */
#include <string.h>

#include "read_span.h"
#include "tote/internal/request.h"
#include "tote/internal/sdk.h"

/* Tags of the fields. */
enum {
    RESOURCE_SPANS = 0x0A,
    DEFINED = 0x0A, /* the resource of ResourceSpans, the scope of ScopeSpans */
    NESTED = 0x12,  /* the ScopeSpans of ResourceSpans, the spans of ScopeSpans */
    SCHEMA_URL = 0x1A,
    SCOPE_NAME = 0x0A,
    SCOPE_VERSION = 0x12
};

struct tote__request_spans {
    _Atomic(uint32_t) references; /* one for the owner, and one for each copied span */
    struct tote__arena arena;     /* memory of the following fields, resources and scopes */
    size_t count;
    struct tote__read_span *read;
    const tote_span_data **spans;
};

/* Find the last field of this tag. Returns an empty slice if there is none. */
static struct tote__slice find(struct tote__slice message, uint32_t tag) {
    struct tote__slice found = {NULL, 0};
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == tag) {
            found = field.content;
        }
    }
    return found;
}

static const char *find_text(struct tote__slice message, uint32_t tag, struct tote__arena *arena) {
    struct tote__slice text = find(message, tag);

    return tote__arena_text(arena, (const char *)text.at, text.size);
}

const struct tote__resource *tote__read_resource(struct tote__slice fields,
                                                 struct tote__arena *arena) {
    struct tote__resource *resource = tote__arena_allocate(arena, sizeof *resource);

    if (!resource) {
        return NULL;
    }
    *resource = (struct tote__resource){.encoded = find(fields, DEFINED)};
    resource->resource.schema_url = find_text(fields, SCHEMA_URL, arena);
    bool is_read = resource->resource.schema_url &&
                   tote__resource_unpack(resource->encoded, arena, &resource->resource);
    return is_read ? resource : NULL;
}

const tote_instrumentation_scope *tote__read_scope(struct tote__slice fields,
                                                   struct tote__arena *arena) {
    tote_instrumentation_scope *scope = tote__arena_allocate(arena, sizeof *scope);
    struct tote__slice message = find(fields, DEFINED);
    tote_attribute *attributes;

    if (!scope) {
        return NULL;
    }
    *scope = (tote_instrumentation_scope){
        .name = find_text(message, SCOPE_NAME, arena),
        .version = find_text(message, SCOPE_VERSION, arena),
        .schema_url = find_text(fields, SCHEMA_URL, arena),
    };
    bool is_read = scope->name && scope->version && scope->schema_url &&
                   tote__unpack_attributes(message, TOTE__TAG_SCOPE_ATTRIBUTE >> 3, arena,
                                           &attributes, &scope->attribute_count);
    scope->attributes = is_read ? attributes : NULL;
    return is_read ? scope : NULL;
}

static bool read_scope_spans(struct tote__request_spans *spans, struct tote__slice message,
                             const struct tote__resource *resource) {
    const tote_instrumentation_scope *scope = tote__read_scope(message, &spans->arena);
    struct tote__field field;

    while (scope && tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) == NESTED) {
            struct tote__read_span *span = &spans->read[spans->count];
            tote__read_span_set(span, resource, scope, field.content);
            span->owner = spans;
            spans->spans[spans->count++] = (const tote_span_data *)span;
        }
    }
    return scope;
}

static bool read_resource_spans(struct tote__request_spans *spans, struct tote__slice message) {
    const struct tote__resource *resource = tote__read_resource(message, &spans->arena);
    bool is_read = resource;
    struct tote__field field;

    while (is_read && tote__next_field(&message, &field)) {
        is_read =
            tote__field_tag(&field) != NESTED || read_scope_spans(spans, field.content, resource);
    }
    return is_read;
}

static size_t count_spans(struct tote__slice request) {
    struct tote__field outer;
    struct tote__field inner;
    size_t count = 0;

    while (tote__next_field(&request, &outer)) {
        while (tote__field_tag(&outer) == RESOURCE_SPANS &&
               tote__next_field(&outer.content, &inner)) {
            count += tote__field_tag(&inner) == NESTED
                         ? tote__count_fields(inner.content, NESTED >> 3)
                         : 0;
        }
    }
    return count;
}

struct tote__request_spans *tote__request_read(struct tote__slice request) {
    struct tote__request_spans *spans = tote__allocate_zeroed(sizeof *spans);
    size_t count = count_spans(request);
    struct tote__field field;

    if (!spans) {
        return NULL;
    }
    atomic_init(&spans->references, 1);
    spans->read = tote__arena_allocate(&spans->arena, count * sizeof *spans->read);
    spans->spans = tote__arena_allocate(&spans->arena, count * sizeof *spans->spans);
    bool is_read = spans->read && spans->spans;
    while (is_read && tote__next_field(&request, &field)) {
        is_read =
            tote__field_tag(&field) != RESOURCE_SPANS || read_resource_spans(spans, field.content);
    }
    if (!is_read) {
        tote__request_spans_free(spans);
        return NULL;
    }
    return spans;
}

void tote__request_spans_ref(struct tote__request_spans *spans) {
    if (spans) {
        atomic_fetch_add_explicit(&spans->references, 1, memory_order_relaxed);
    }
}

void tote__request_spans_unref(struct tote__request_spans *spans) {
    if (spans && atomic_fetch_sub_explicit(&spans->references, 1, memory_order_acq_rel) == 1) {
        tote__arena_clear(&spans->arena);
        tote__release(spans, sizeof *spans);
    }
}

void tote__request_spans_free(struct tote__request_spans *spans) {
    for (size_t i = 0; spans && i < spans->count; i++) {
        tote__read_span_clear(&spans->read[i]);
    }
    tote__request_spans_unref(spans);
}

const tote_span_data *const *tote__request_spans_get(const struct tote__request_spans *spans,
                                                     size_t *count) {
    *count = spans->count;
    return spans->spans;
}
