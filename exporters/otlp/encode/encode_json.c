/* SPDX-License-Identifier: MIT */
/*
 * encode_json.c - converts an ExportTraceServiceRequest, or one of metrics, to JSON
 *
 * Fields are read and written one by one, without objects in between. Tables name the members of
 * each message. Default values are omitted, except members of a oneof. Spec:
 * protocol/otlp.md#json-protobuf-encoding
 *
 * Tests: tests/unit/test_otlp_json.c
 */
#include "encode.h"

#include <string.h>

#include "json_writer.h"
#include "metrics_wire.h"
#include "tote/internal/record.h"

enum kind {
    TEXT,
    TEXTS,
    HEX,
    BASE64,
    BOOLEAN,
    COUNT,
    ENUMERATION,
    TIME,
    INTEGER,
    REAL,
    TIMES,
    MESSAGE,
    MESSAGES
};

enum message {
    REQUEST,
    RESOURCE_SPANS,
    RESOURCE,
    ENTITY_REF,
    SCOPE_SPANS,
    SCOPE,
    SPAN,
    EVENT,
    LINK,
    STATUS,
    KEY_VALUE,
    ANY_VALUE,
    ARRAY,
    MAP,
    METRICS_REQUEST,
    RESOURCE_METRICS,
    SCOPE_METRICS,
    METRIC,
    SUM,
    HISTOGRAM,
    NUMBER_POINT,
    HISTOGRAM_POINT
};

/* The JSON form of a field. */
struct member {
    char key[27]; /* with quotation marks, colon and bracket */
    uint8_t key_size;
    uint8_t tag; /* 0: no such field */
    uint8_t kind;
    bool is_always; /* written even if it is empty or zero */
    uint8_t message;
};

#define FIELD(tag, key, kind, is_always)                                                           \
    [(tag) >> 3] = {"\"" key "\":", sizeof(key) + 2, tag, kind, is_always, 0}
#define ONE(tag, key, message)                                                                     \
    [(tag) >> 3] = {"\"" key "\":{", sizeof(key) + 3, tag, MESSAGE, true, message}
#define MANY(tag, key, message)                                                                    \
    [(tag) >> 3] = {"\"" key "\":[", sizeof(key) + 3, tag, MESSAGES, true, message}

#define TEXT_LIST(tag, key) [(tag) >> 3] = {"\"" key "\":[", sizeof(key) + 3, tag, TEXTS, true, 0}

enum { LARGEST_NUMBER = TOTE__SPAN_FLAGS >> 3 };

/* Members of each message, by field number. */
static const struct member messages[][LARGEST_NUMBER + 1] = {
    [REQUEST] = {MANY(0x0A, "resourceSpans", RESOURCE_SPANS)},
    [RESOURCE_SPANS] = {ONE(0x0A, "resource", RESOURCE), MANY(0x12, "scopeSpans", SCOPE_SPANS),
                        FIELD(0x1A, "schemaUrl", TEXT, false)},
    [RESOURCE] = {MANY(TOTE__TAG_RESOURCE_ATTRIBUTE, "attributes", KEY_VALUE),
                  FIELD(0x10, "droppedAttributesCount", COUNT, false),
                  MANY(0x1A, "entityRefs", ENTITY_REF)},
    [ENTITY_REF] = {FIELD(0x0A, "schemaUrl", TEXT, false), FIELD(0x12, "type", TEXT, true),
                    TEXT_LIST(0x1A, "idKeys"), TEXT_LIST(0x22, "descriptionKeys")},
    [SCOPE_SPANS] = {ONE(0x0A, "scope", SCOPE), MANY(0x12, "spans", SPAN),
                     FIELD(0x1A, "schemaUrl", TEXT, false)},
    [SCOPE] = {FIELD(0x0A, "name", TEXT, false), FIELD(0x12, "version", TEXT, false),
               MANY(TOTE__TAG_SCOPE_ATTRIBUTE, "attributes", KEY_VALUE),
               FIELD(0x20, "droppedAttributesCount", COUNT, false)},
    [SPAN] = {FIELD(TOTE__SPAN_TRACE_ID, "traceId", HEX, true),
              FIELD(TOTE__SPAN_SPAN_ID, "spanId", HEX, true),
              FIELD(TOTE__SPAN_TRACE_STATE, "traceState", TEXT, false),
              FIELD(TOTE__SPAN_PARENT_SPAN_ID, "parentSpanId", HEX, true),
              FIELD(TOTE__SPAN_NAME, "name", TEXT, false),
              FIELD(TOTE__SPAN_KIND, "kind", ENUMERATION, false),
              FIELD(TOTE__SPAN_START_TIME, "startTimeUnixNano", TIME, false),
              FIELD(TOTE__SPAN_END_TIME, "endTimeUnixNano", TIME, false),
              MANY(TOTE__SPAN_ATTRIBUTE, "attributes", KEY_VALUE),
              FIELD(TOTE__SPAN_DROPPED_ATTRIBUTES, "droppedAttributesCount", COUNT, false),
              MANY(TOTE__SPAN_EVENT, "events", EVENT),
              FIELD(TOTE__SPAN_DROPPED_EVENTS, "droppedEventsCount", COUNT, false),
              MANY(TOTE__SPAN_LINK, "links", LINK),
              FIELD(TOTE__SPAN_DROPPED_LINKS, "droppedLinksCount", COUNT, false),
              ONE(TOTE__SPAN_STATUS, "status", STATUS),
              FIELD(TOTE__SPAN_FLAGS, "flags", COUNT, false)},
    [EVENT] = {FIELD(TOTE__EVENT_TIME, "timeUnixNano", TIME, false),
               FIELD(TOTE__EVENT_NAME, "name", TEXT, false),
               MANY(TOTE__TAG_EVENT_ATTRIBUTE, "attributes", KEY_VALUE),
               FIELD(TOTE__EVENT_DROPPED, "droppedAttributesCount", COUNT, false)},
    [LINK] = {FIELD(TOTE__LINK_TRACE_ID, "traceId", HEX, true),
              FIELD(TOTE__LINK_SPAN_ID, "spanId", HEX, true),
              FIELD(TOTE__LINK_TRACE_STATE, "traceState", TEXT, false),
              MANY(TOTE__TAG_LINK_ATTRIBUTE, "attributes", KEY_VALUE),
              FIELD(TOTE__LINK_DROPPED, "droppedAttributesCount", COUNT, false),
              FIELD(TOTE__LINK_FLAGS, "flags", COUNT, false)},
    [STATUS] = {FIELD(TOTE__STATUS_MESSAGE, "message", TEXT, false),
                FIELD(TOTE__STATUS_CODE, "code", ENUMERATION, false)},
    [KEY_VALUE] = {FIELD(TOTE__KEY_VALUE_KEY, "key", TEXT, true),
                   ONE(TOTE__KEY_VALUE_VALUE, "value", ANY_VALUE)},
    [ANY_VALUE] = {FIELD(TOTE__ANY_STRING, "stringValue", TEXT, true),
                   FIELD(TOTE__ANY_BOOL, "boolValue", BOOLEAN, true),
                   FIELD(TOTE__ANY_INT, "intValue", INTEGER, true),
                   FIELD(TOTE__ANY_DOUBLE, "doubleValue", REAL, true),
                   ONE(TOTE__ANY_ARRAY, "arrayValue", ARRAY),
                   ONE(TOTE__ANY_MAP, "kvlistValue", MAP),
                   FIELD(TOTE__ANY_BYTES, "bytesValue", BASE64, true)},
    [ARRAY] = {MANY(TOTE__LIST_ITEM, "values", ANY_VALUE)},
    [MAP] = {MANY(TOTE__LIST_ITEM, "values", KEY_VALUE)},
    [METRICS_REQUEST] = {MANY(TOTE__METRICS_REQUEST_RESOURCE, "resourceMetrics", RESOURCE_METRICS)},
    [RESOURCE_METRICS] = {ONE(TOTE__RESOURCE_METRICS_RESOURCE, "resource", RESOURCE),
                          MANY(TOTE__RESOURCE_METRICS_SCOPE_METRICS, "scopeMetrics", SCOPE_METRICS),
                          FIELD(TOTE__METRICS_SCHEMA_URL, "schemaUrl", TEXT, false)},
    [SCOPE_METRICS] = {ONE(TOTE__SCOPE_METRICS_SCOPE, "scope", SCOPE),
                       MANY(TOTE__SCOPE_METRIC, "metrics", METRIC)},
    [METRIC] = {FIELD(TOTE__METRIC_NAME, "name", TEXT, false),
                FIELD(TOTE__METRIC_DESCRIPTION, "description", TEXT, false),
                FIELD(TOTE__METRIC_UNIT, "unit", TEXT, false), ONE(TOTE__METRIC_SUM, "sum", SUM),
                ONE(TOTE__METRIC_HISTOGRAM, "histogram", HISTOGRAM)},
    [SUM] = {MANY(TOTE__DATA_POINT, "dataPoints", NUMBER_POINT),
             FIELD(TOTE__DATA_TEMPORALITY, "aggregationTemporality", ENUMERATION, false),
             FIELD(TOTE__SUM_IS_MONOTONIC, "isMonotonic", BOOLEAN, false)},
    [HISTOGRAM] = {MANY(TOTE__DATA_POINT, "dataPoints", HISTOGRAM_POINT),
                   FIELD(TOTE__DATA_TEMPORALITY, "aggregationTemporality", ENUMERATION, false)},
    [NUMBER_POINT] = {FIELD(TOTE__POINT_START_TIME, "startTimeUnixNano", TIME, false),
                      FIELD(TOTE__POINT_TIME, "timeUnixNano", TIME, false),
                      FIELD(TOTE__NUMBER_POINT_INT, "asInt", INTEGER, true),
                      MANY(TOTE__NUMBER_POINT_ATTRIBUTE, "attributes", KEY_VALUE)},
    [HISTOGRAM_POINT] = {FIELD(TOTE__POINT_START_TIME, "startTimeUnixNano", TIME, false),
                         FIELD(TOTE__POINT_TIME, "timeUnixNano", TIME, false),
                         FIELD(TOTE__HISTOGRAM_POINT_COUNT, "count", TIME, false),
                         FIELD(TOTE__HISTOGRAM_POINT_SUM, "sum", REAL, true),
                         FIELD(TOTE__HISTOGRAM_POINT_BUCKETS, "bucketCounts", TIMES, true),
                         MANY(TOTE__HISTOGRAM_POINT_ATTRIBUTE, "attributes", KEY_VALUE),
                         FIELD(TOTE__HISTOGRAM_POINT_MIN, "min", REAL, true),
                         FIELD(TOTE__HISTOGRAM_POINT_MAX, "max", REAL, true)},
};

/* A message in progress. */
struct level {
    struct tote__slice rest;
    const struct member *members;
    uint32_t array; /* tag of the open array; 0: none */
};

/* Levels around an attribute's value, and the deepest value. */
enum { FEW_LEVELS = 16, MOST_LEVELS = 7 + 3 * TOTE__DEEPEST_VALUE };

struct levels {
    struct level few[FEW_LEVELS]; /* on the stack, which may be small */
    struct level *all;            /* `few`, or allocated memory for MOST_LEVELS */
    size_t depth;                 /* number of levels in use */
};

/* Returns NULL if it is too deep or out of memory. */
static struct level *push_level(struct levels *levels) {
    if (levels->depth + 1 == FEW_LEVELS && levels->all == levels->few) {
        struct level *all = tote__allocate(MOST_LEVELS * sizeof *all);
        if (!all) {
            return NULL;
        }
        memcpy(all, levels->few, sizeof levels->few);
        levels->all = all;
    }
    return levels->depth + 1 < MOST_LEVELS ? &levels->all[++levels->depth] : NULL;
}

/* Put a packed field of 64-bit numbers. */
static void put_list(struct tote__json *json, struct tote__slice numbers) {
    tote__json_put(json, "[");
    for (size_t at = 0; at + sizeof(uint64_t) <= numbers.size; at += sizeof(uint64_t)) {
        tote__json_unsigned(json, tote__get_fixed64(numbers.at + at));
    }
    tote__json_end(json, ']');
}

/* A value without a name stays: enumerations of protobuf 3 are open. */
static void put_enumeration(struct tote__json *json, int32_t value) {
    if (value < 0) {
        tote__json_put(json, "-");
    }
    tote__json_number(json, value < 0 ? 0 - (uint32_t)value : (uint32_t)value);
}

static void put_scalar(struct tote__json *json, const struct member *member,
                       const struct tote__field *field) {
    double real;

    switch (member->kind) {
    case TEXT:
    case TEXTS:
        tote__json_text(json, field->content);
        break;
    case HEX:
        tote__json_hex(json, field->content.at, field->content.size);
        break;
    case BASE64:
        tote__json_base64(json, field->content);
        break;
    case BOOLEAN:
        tote__json_put(json, field->value ? "true," : "false,");
        break;
    case COUNT:
        tote__json_number(json, (uint32_t)field->value);
        break;
    case ENUMERATION:
        put_enumeration(json, (int32_t)field->value);
        break;
    case TIME:
        tote__json_unsigned(json, field->value);
        break;
    case INTEGER:
        tote__json_signed(json, (int64_t)field->value);
        break;
    case TIMES:
        put_list(json, field->content);
        break;
    default:
        memcpy(&real, &field->value, sizeof real);
        tote__json_double(json, real);
        break;
    }
}

/* The whole member is copied, which is faster; bytes behind the key are overwritten. */
static void put_key(struct tote__json *json, const struct member *member) {
    if (tote__json_has_room(json, sizeof *member)) {
        memcpy(json->at, member, sizeof *member);
        json->at += member->key_size;
    }
}

static void put_field(struct tote__json *json, struct levels *levels,
                      const struct tote__field *field) {
    struct level *level = &levels->all[levels->depth];
    if (field->number > LARGEST_NUMBER) {
        return;
    }
    const struct member *member = &level->members[field->number];
    if (member->tag != tote__field_tag(field) || (!member->is_always && !field->value)) {
        return;
    }
    if (!level->array) {
        put_key(json, member);
    }
    if (member->kind < MESSAGE) {
        put_scalar(json, member, field);
        level->array = member->kind == TEXTS ? member->tag : 0;
        return;
    }
    if (member->kind == MESSAGES) {
        level->array = member->tag;
        tote__json_put(json, "{");
    }
    const uint8_t *content = level->rest.at - field->value; /* field->content, without a load */
    level = push_level(levels);
    if (!level) {
        json->is_failed = true;
        return;
    }
    level->rest = (struct tote__slice){content, (size_t)field->value};
    level->members = messages[member->message];
    level->array = 0;
}

/* Not recursive: values of any depth use the same stack. */
static bool json_of(struct tote__buffer *buffer, struct tote__slice request, enum message message) {
    struct tote__json json = tote__json_start(buffer);
    struct levels levels;
    bool is_over = false;

    levels.all = levels.few;
    levels.depth = 0;
    levels.few[0] = (struct level){.rest = request, .members = messages[message]};
    tote__json_put(&json, "{");
    while (!is_over) {
        struct level *level = &levels.all[levels.depth];
        struct tote__field field;
        bool has_field = tote__next_field(&level->rest, &field);
        if (level->array && (!has_field || tote__field_tag(&field) != level->array)) {
            level->array = 0;
            tote__json_end(&json, ']');
        }
        if (has_field) {
            put_field(&json, &levels, &field);
        } else {
            tote__json_end(&json, '}');
            is_over = levels.depth == 0;
            levels.depth -= !is_over;
        }
    }
    if (levels.all != levels.few) {
        tote__release(levels.all, MOST_LEVELS * sizeof *levels.all);
    }
    return tote__json_finish(&json);
}

bool tote__otlp_json_of(struct tote__buffer *buffer, struct tote__slice request) {
    return json_of(buffer, request, REQUEST);
}

bool tote__otlp_json_of_metrics(struct tote__buffer *buffer, struct tote__slice request) {
    return json_of(buffer, request, METRICS_REQUEST);
}
