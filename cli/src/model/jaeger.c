/* SPDX-License-Identifier: MIT */
/*
 * jaeger.c - traces in Jaeger JSON, as the Jaeger UI downloads them
 *
 * Spec: trace/sdk_exporters/jaeger.md, the mapping of OpenTelemetry to Jaeger, in reverse
 *
 * Tests: tests/unit/test_inputs.c, tests/cli/test_view.sh, tests/fuzz/fuzz_input.c
 */
#include <stdlib.h>
#include <string.h>

#include "foreign.h"
#include "tote/internal/base64.h"
#include "tote/internal/record.h"

static bool is_trace(const json_t *json) {
    return json_is_array(json_object_get(json, "spans")) &&
           (json_object_get(json, "processes") || json_object_get(json, "traceID"));
}

bool jaeger_is(const json_t *root) {
    const json_t *data = json_object_get(root, "data");

    return is_trace(root) ||
           (json_is_array(data) && (!json_array_size(data) || is_trace(json_array_get(data, 0))));
}

static void leave_out(struct foreign *foreign) {
    foreign->receipt.invalid_values++;
}

/* Put the value of a tag of this type. A wrong value is left out and counted. */
static void put_typed(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                      const char *key, const char *type, const json_t *value) {
    const char *text = json_string_value(value);
    char *end = NULL;

    if (strcmp(type, "bool") == 0 && (json_is_boolean(value) || text)) {
        bool is_true = text ? strcmp(text, "true") == 0 : json_is_true(value);
        foreign_put_attribute(foreign, out, tag, key, tote_bool(is_true));
    } else if (json_is_integer(value) && strcmp(type, "float64") != 0) {
        foreign_put_attribute(foreign, out, tag, key, tote_int(json_integer_value(value)));
    } else if (json_is_number(value)) {
        foreign_put_attribute(foreign, out, tag, key, tote_double(json_number_value(value)));
    } else if (json_is_boolean(value)) {
        foreign_put_attribute(foreign, out, tag, key, tote_bool(json_is_true(value)));
    } else if (!text) {
        leave_out(foreign);
    } else if (strcmp(type, "int64") == 0) {
        long long number = strtoll(text, &end, 10);
        if (end == text || *end) {
            leave_out(foreign);
        } else {
            foreign_put_attribute(foreign, out, tag, key, tote_int(number));
        }
    } else if (strcmp(type, "float64") == 0) {
        double number = strtod(text, &end);
        if (end == text || *end) {
            leave_out(foreign);
        } else {
            foreign_put_attribute(foreign, out, tag, key, tote_double(number));
        }
    } else if (strcmp(type, "binary") == 0) {
        size_t length = strlen(text);
        char *bytes = malloc(length + 1);
        size_t size = 0;
        if (bytes) {
            memcpy(bytes, text, length + 1);
            size = tote__base64_decode(bytes, length);
        }
        if (size || !length) {
            foreign_put_attribute(foreign, out, tag, key, tote_bytes(bytes, size));
        } else {
            leave_out(foreign);
        }
        free(bytes);
    } else {
        foreign_put_attribute(foreign, out, tag, key, tote_string(text));
    }
}

/*
 * Put a list of tags, except one with the key `used`. With a span, tags that OTLP has a field for
 * become that field.
 */
static void put_tags(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                     const json_t *tags, const char *used, struct foreign_span *span) {
    for (size_t i = 0; i < json_array_size(tags); i++) {
        const json_t *item = json_array_get(tags, i);
        const json_t *value = json_object_get(item, "value");
        const char *key = foreign_text(item, "key");
        const char *type = foreign_text(item, "type");
        const char *text = json_string_value(value);
        if (!key || !value) {
            leave_out(foreign);
            continue;
        }
        if (used && strcmp(key, used) == 0) {
            continue;
        }
        if (span && strcmp(key, "error") == 0 &&
            (json_is_boolean(value) || (text && strcmp(text, "true") == 0))) {
            span->is_error |= text || json_is_true(value);
        } else if (!span || !text || !foreign_use_attribute(span, key, text)) {
            put_typed(foreign, out, tag, key, type ? type : "", value);
        }
    }
}

/* A log becomes an event. Its name is the field "event", or else "message". */
static void put_logs(struct foreign *foreign, struct foreign_span *span, const json_t *logs) {
    for (size_t i = 0; i < json_array_size(logs); i++) {
        const json_t *log = json_array_get(logs, i);
        const json_t *fields = json_object_get(log, "fields");
        const char *name = NULL;
        const char *message = NULL;
        struct tote__buffer event = {.bytes = NULL};
        struct tote__buffer attributes = {.bytes = NULL};
        for (size_t j = 0; j < json_array_size(fields); j++) {
            const char *key = foreign_text(json_array_get(fields, j), "key");
            const char *value = foreign_text(json_array_get(fields, j), "value");
            name = key && value && strcmp(key, "event") == 0 ? value : name;
            message = key && value && strcmp(key, "message") == 0 ? value : message;
        }
        put_tags(foreign, &attributes, TOTE__TAG_EVENT_ATTRIBUTE, fields,
                 name      ? "event"
                 : message ? "message"
                           : NULL,
                 NULL);
        foreign_put_time(foreign, &event, TOTE__EVENT_TIME,
                         foreign_read_time(json_object_get(log, "timestamp")));
        foreign_put_text(foreign, &event, TOTE__EVENT_NAME,
                         name      ? name
                         : message ? message
                                   : "log");
        foreign->is_out_of_memory |= !tote__buffer_append(&event, tote__buffer_slice(&attributes));
        foreign_put_message(foreign, &span->events, TOTE__SPAN_EVENT, &event);
        tote__buffer_clear(&event);
        tote__buffer_clear(&attributes);
    }
}

/* Return the reference to the parent: CHILD_OF comes before others. NULL: a root. */
static const json_t *find_parent(const json_t *references, const uint8_t trace_id[16]) {
    const json_t *parent = NULL;

    for (size_t i = 0; i < json_array_size(references); i++) {
        const json_t *reference = json_array_get(references, i);
        const char *type = foreign_text(reference, "refType");
        uint8_t id[16];
        foreign_read_id(id, sizeof id, foreign_text(reference, "traceID"));
        if (memcmp(id, trace_id, sizeof id) != 0) {
            continue;
        }
        if (type && strcmp(type, "CHILD_OF") == 0) {
            return reference;
        }
        parent = parent ? parent : reference;
    }
    return parent;
}

/* References other than the parent become links. */
static void put_references(struct foreign *foreign, struct foreign_span *span, const json_t *json) {
    const json_t *references = json_object_get(json, "references");
    const json_t *parent = find_parent(references, span->trace_id);
    const char *legacy = foreign_text(json, "parentSpanID");

    if (parent || legacy) {
        foreign_read_id(span->parent_id, sizeof span->parent_id,
                        parent ? foreign_text(parent, "spanID") : legacy);
    }
    for (size_t i = 0; i < json_array_size(references); i++) {
        const json_t *reference = json_array_get(references, i);
        const char *type = foreign_text(reference, "refType");
        struct tote__buffer link = {.bytes = NULL};
        uint8_t trace_id[16];
        uint8_t span_id[8];
        if (reference == parent) {
            continue;
        }
        foreign_read_id(trace_id, sizeof trace_id, foreign_text(reference, "traceID"));
        foreign_read_id(span_id, sizeof span_id, foreign_text(reference, "spanID"));
        foreign_put_bytes(foreign, &link, TOTE__LINK_TRACE_ID, trace_id, sizeof trace_id);
        foreign_put_bytes(foreign, &link, TOTE__LINK_SPAN_ID, span_id, sizeof span_id);
        foreign_put_attribute(
            foreign, &link, TOTE__TAG_LINK_ATTRIBUTE, "opentracing.ref_type",
            tote_string(type && strcmp(type, "CHILD_OF") == 0 ? "child_of" : "follows_from"));
        foreign_put_message(foreign, &span->links, TOTE__SPAN_LINK, &link);
        tote__buffer_clear(&link);
    }
}

static void convert_span(struct foreign *foreign, const json_t *json, const json_t *trace) {
    const char *trace_id = foreign_text(json, "traceID");
    const char *process_id = foreign_text(json, "processID");
    const json_t *process = json_object_get(json, "process");
    uint64_t duration = foreign_read_time(json_object_get(json, "duration"));
    struct foreign_span span = {
        .name = foreign_text(json, "operationName"),
        .start_unix_nano = foreign_read_time(json_object_get(json, "startTime")),
    };

    if (!process && process_id) {
        process = json_object_get(json_object_get(trace, "processes"), process_id);
    }
    foreign_read_id(span.trace_id, sizeof span.trace_id,
                    trace_id ? trace_id : foreign_text(trace, "traceID"));
    foreign_read_id(span.id, sizeof span.id, foreign_text(json, "spanID"));
    span.end_unix_nano = span.start_unix_nano + duration;
    span.service = foreign_text(process, "serviceName");
    put_tags(foreign, &span.resource, TOTE__TAG_RESOURCE_ATTRIBUTE,
             json_object_get(process, "tags"), NULL, NULL);
    put_tags(foreign, &span.attributes, TOTE__TAG_SPAN_ATTRIBUTE, json_object_get(json, "tags"),
             NULL, &span);
    put_logs(foreign, &span, json_object_get(json, "logs"));
    put_references(foreign, &span, json);
    foreign_add(foreign, &span);
}

static void convert_trace(struct foreign *foreign, const json_t *trace) {
    const json_t *spans = json_object_get(trace, "spans");

    for (size_t i = 0; i < json_array_size(spans) && foreign->receipt.outcome == TAKEN; i++) {
        convert_span(foreign, json_array_get(spans, i), trace);
    }
}

void jaeger_convert(struct foreign *foreign, const json_t *root) {
    const json_t *data = json_object_get(root, "data");

    if (is_trace(root)) {
        convert_trace(foreign, root);
    }
    for (size_t i = 0; i < json_array_size(data); i++) {
        convert_trace(foreign, json_array_get(data, i));
    }
    foreign_finish(foreign);
}
