/* SPDX-License-Identifier: MIT */
/*
 * zipkin.c - spans in Zipkin JSON version 2
 *
 * In Zipkin, a client and its server may share one span id. In OTLP, the server's span gets an id
 * of its own: its parent is the client's span, and the spans of the server below it are its
 * children.
 *
 * Spec: trace/sdk_exporters/zipkin.md, the mapping of OpenTelemetry to Zipkin, in reverse
 *
 * Tests: tests/unit/test_inputs.c, tests/cli/test_view.sh, tests/fuzz/fuzz_input.c
 */
#include <string.h>

#include "foreign.h"
#include "table.h"
#include "tote/internal/memory.h"
#include "tote/internal/record.h"
#include "tote/internal/text.h"

enum { OF_SERVER = 0x80 /* inverted in the id of the server of a shared span */ };

/* A span that a server shares with its client. */
struct shared_span {
    struct table_entry entry;
    uint8_t trace_id[16];
    uint8_t id[8];
    const char *service;
};

struct converting {
    struct foreign *foreign;
    struct tote__arena arena;
    struct table shared;
};

static bool is_span(const json_t *json) {
    return foreign_text(json, "traceId") && foreign_text(json, "id");
}

bool zipkin_is(const json_t *root) {
    const json_t *first = json_array_get(root, 0);

    return is_span(root) || is_span(first) || is_span(json_array_get(first, 0));
}

static const char *service_of(const json_t *json) {
    const char *service = foreign_text(json_object_get(json, "localEndpoint"), "serviceName");

    return service && *service ? service : NULL;
}

static bool is_shared(const json_t *json) {
    return json_is_true(json_object_get(json, "shared"));
}

static uint64_t hash_span(const uint8_t trace_id[16], const uint8_t id[8]) {
    return tote__mix_last(tote__hash(trace_id, 16), tote__hash(id, 8));
}

/* Remember the span if it is shared. */
static void note_shared(struct converting *converting, const json_t *json) {
    const char *service = service_of(json);
    struct shared_span *shared = is_shared(json) && service
                                     ? tote__arena_allocate(&converting->arena, sizeof *shared)
                                     : NULL;

    if (shared) {
        *shared = (struct shared_span){.service = service};
        foreign_read_id(shared->trace_id, sizeof shared->trace_id, foreign_text(json, "traceId"));
        foreign_read_id(shared->id, sizeof shared->id, foreign_text(json, "id"));
        table_add(&converting->shared, &shared->entry, hash_span(shared->trace_id, shared->id));
    }
}

/* Whether the parent is a shared span whose server is the service of this span. */
static bool is_below_server(const struct converting *converting, const struct foreign_span *span) {
    uint64_t hash = hash_span(span->trace_id, span->parent_id);

    for (struct table_entry *entry = table_find(&converting->shared, hash); entry;
         entry = table_next(entry)) {
        const struct shared_span *shared = TABLE_OF(entry, struct shared_span, entry);
        if (memcmp(shared->trace_id, span->trace_id, sizeof shared->trace_id) == 0 &&
            memcmp(shared->id, span->parent_id, sizeof shared->id) == 0) {
            return span->service && strcmp(shared->service, span->service) == 0;
        }
    }
    return false;
}

static void put_tags(struct foreign *foreign, struct foreign_span *span, json_t *tags) {
    const char *key;
    json_t *value;

    json_object_foreach(tags, key, value) {
        const char *text = json_string_value(value);
        if (!text) {
            foreign->receipt.invalid_values++;
            continue;
        }
        if (strcmp(key, "error") == 0) {
            span->is_error |= strcmp(text, "false") != 0;
            bool is_message = *text && strcmp(text, "true") != 0 && strcmp(text, "false") != 0;
            span->status_message =
                span->status_message || !is_message ? span->status_message : text;
        } else if (!foreign_use_attribute(span, key, text)) {
            foreign_put_attribute(foreign, &span->attributes, TOTE__TAG_SPAN_ATTRIBUTE, key,
                                  tote_string(text));
        }
    }
}

static void put_remote(struct foreign *foreign, struct foreign_span *span, const json_t *remote) {
    const json_t *port = json_object_get(remote, "port");
    const char *address =
        foreign_text(remote, "ipv4") ? foreign_text(remote, "ipv4") : foreign_text(remote, "ipv6");
    const char *service = foreign_text(remote, "serviceName");
    struct tote__buffer *out = &span->attributes;

    if (service && *service) {
        foreign_put_attribute(foreign, out, TOTE__TAG_SPAN_ATTRIBUTE, "peer.service",
                              tote_string(service));
    }
    if (address) {
        foreign_put_attribute(foreign, out, TOTE__TAG_SPAN_ATTRIBUTE, "network.peer.address",
                              tote_string(address));
    }
    if (json_is_integer(port)) {
        foreign_put_attribute(foreign, out, TOTE__TAG_SPAN_ATTRIBUTE, "network.peer.port",
                              tote_int(json_integer_value(port)));
    }
}

static void put_annotations(struct foreign *foreign, struct foreign_span *span,
                            const json_t *annotations) {
    for (size_t i = 0; i < json_array_size(annotations); i++) {
        const json_t *annotation = json_array_get(annotations, i);
        struct tote__buffer event = {.bytes = NULL};
        foreign_put_time(foreign, &event, TOTE__EVENT_TIME,
                         foreign_read_time(json_object_get(annotation, "timestamp")));
        foreign_put_text(foreign, &event, TOTE__EVENT_NAME, foreign_text(annotation, "value"));
        foreign_put_message(foreign, &span->events, TOTE__SPAN_EVENT, &event);
        tote__buffer_clear(&event);
    }
}

static void convert_span(struct converting *converting, const json_t *json) {
    struct foreign *foreign = converting->foreign;
    const json_t *duration = json_object_get(json, "duration"); /* none: unfinished */
    struct foreign_span span = {
        .name = foreign_text(json, "name"),
        .kind = foreign_text(json, "kind"),
        .service = service_of(json),
        .start_unix_nano = foreign_read_time(json_object_get(json, "timestamp")),
    };

    foreign_read_id(span.trace_id, sizeof span.trace_id, foreign_text(json, "traceId"));
    foreign_read_id(span.id, sizeof span.id, foreign_text(json, "id"));
    foreign_read_id(span.parent_id, sizeof span.parent_id, foreign_text(json, "parentId"));
    span.end_unix_nano = duration ? span.start_unix_nano + foreign_read_time(duration) : 0;
    if (is_shared(json)) {
        memcpy(span.parent_id, span.id, sizeof span.id);
        span.id[0] ^= OF_SERVER;
    } else if (is_below_server(converting, &span)) {
        span.parent_id[0] ^= OF_SERVER;
    }
    put_tags(foreign, &span, json_object_get(json, "tags"));
    put_remote(foreign, &span, json_object_get(json, "remoteEndpoint"));
    put_annotations(foreign, &span, json_object_get(json, "annotations"));
    foreign_add(foreign, &span);
}

/* Call a function for each span: of a span, an array of spans, or an array of arrays. */
static void for_each(struct converting *converting, const json_t *json, unsigned depth,
                     void (*call)(struct converting *converting, const json_t *span)) {
    if (is_span(json) && converting->foreign->receipt.outcome == TAKEN) {
        call(converting, json);
    }
    for (size_t i = 0; depth > 0 && i < json_array_size(json); i++) {
        for_each(converting, json_array_get(json, i), depth - 1, call);
    }
}

void zipkin_convert(struct foreign *foreign, const json_t *root) {
    struct converting converting = {.foreign = foreign};

    for_each(&converting, root, 2, note_shared);
    for_each(&converting, root, 2, convert_span);
    foreign_finish(foreign);
    table_clear(&converting.shared);
    tote__arena_clear(&converting.arena);
}
