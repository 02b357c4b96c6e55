/* SPDX-License-Identifier: MIT */
/*
 * decode.c - read an OTLP request
 *
 * Nearly every request is valid as it is, and its messages are kept as they are. Others are
 * rewritten once, so that readers of messages need no checks: text is valid UTF-8, fields are in
 * the order of their numbers, and only the last value of a field that is not repeated remains.
 *
 * Tests: tests/unit/test_model.c
 */
#include "decode.h"

#include <stdlib.h>
#include <string.h>

#include "bytes.h"
#include "otlp/request.pb-c.h"
#include "tote/internal/memory.h"
#include "tote/internal/record.h"
#include "tote/internal/text.h"

enum {
    DEEPEST_MESSAGE = 100,
    MEMBER_BYTES = 64,   /* memory for a member of a message, estimated */
    MOST_HEAD_BYTES = 15 /* of a field: its tag and its length */
};

bool decode_varint(struct tote__slice *rest, uint64_t *number, unsigned most_bytes) {
    *number = 0;
    for (unsigned i = 0; i < most_bytes && rest->size > 0; i++) {
        uint8_t byte = *rest->at++;
        rest->size--;
        *number |= (uint64_t)(byte & 0x7F) << (7 * i);
        if (byte < 0x80) {
            return true;
        }
    }
    return false;
}

/* Return the size of the value that is next. The length of a length-delimited value is consumed. */
static bool read_size(struct tote__slice *rest, unsigned type, uint64_t *size) {
    struct tote__slice number = *rest;
    uint64_t value;

    *size = 0;
    switch (type) {
    case PROTOBUF_C_WIRE_TYPE_VARINT:
        if (!decode_varint(&number, &value, 10)) {
            return false;
        }
        *size = (uint64_t)(number.at - rest->at);
        return true;
    case PROTOBUF_C_WIRE_TYPE_64BIT:
        *size = 8;
        return true;
    case PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED:
        return decode_varint(rest, size, 5);
    case PROTOBUF_C_WIRE_TYPE_32BIT:
        *size = 4;
        return true;
    default:
        return false;
    }
}

static unsigned wire_type_of(const ProtobufCFieldDescriptor *field) {
    switch (field->type) {
    case PROTOBUF_C_TYPE_STRING:
    case PROTOBUF_C_TYPE_BYTES:
    case PROTOBUF_C_TYPE_MESSAGE:
        return PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
    case PROTOBUF_C_TYPE_FIXED64:
    case PROTOBUF_C_TYPE_DOUBLE:
        return PROTOBUF_C_WIRE_TYPE_64BIT;
    case PROTOBUF_C_TYPE_FIXED32:
        return PROTOBUF_C_WIRE_TYPE_32BIT;
    default:
        return PROTOBUF_C_WIRE_TYPE_VARINT;
    }
}

static bool is_repeated(const ProtobufCFieldDescriptor *field) {
    return field && field->label == PROTOBUF_C_LABEL_REPEATED;
}

static bool is_oneof(const ProtobufCFieldDescriptor *field) {
    return field && (field->flags & PROTOBUF_C_FIELD_FLAG_ONEOF);
}

/* A request that is being checked. */
struct checking {
    size_t spent;    /* memory, estimated */
    bool is_regular; /* so far it can be kept as it is */
};

static enum outcome check(struct checking *checking, const ProtobufCMessageDescriptor *type,
                          struct tote__slice rest, unsigned depth) {
    unsigned previous = 0;
    bool has_oneof = false;

    checking->spent += type->sizeof_message;
    while (rest.size > 0) {
        uint64_t key;
        uint64_t claimed;
        if (!decode_varint(&rest, &key, 5) || !(key >> 3) || key > UINT32_MAX ||
            !read_size(&rest, key & 7, &claimed) || claimed > rest.size) {
            return MALFORMED;
        }
        const size_t size = (size_t)claimed;
        unsigned number = (unsigned)(key >> 3);
        const ProtobufCFieldDescriptor *field =
            protobuf_c_message_descriptor_get_field(type, number);
        if (field && wire_type_of(field) != (key & 7)) {
            return MALFORMED;
        }
        bool is_message = field && field->type == PROTOBUF_C_TYPE_MESSAGE;
        checking->spent += MEMBER_BYTES + (is_message ? 0 : size);
        if (checking->spent > DECODED_MOST) {
            return TOO_LARGE;
        }
        checking->is_regular &= number > previous || (number == previous && is_repeated(field));
        checking->is_regular &= !(has_oneof && is_oneof(field));
        previous = number;
        has_oneof |= is_oneof(field);
        if (field && field->type == PROTOBUF_C_TYPE_STRING && checking->is_regular) {
            checking->is_regular = tote__utf8_valid_prefix((const char *)rest.at, size) == size;
        }
        if (is_message && depth == DEEPEST_MESSAGE) {
            return MALFORMED;
        }
        enum outcome outcome = is_message ? check(checking, field->descriptor,
                                                  (struct tote__slice){rest.at, size}, depth + 1)
                                          : TAKEN;
        if (outcome != TAKEN) {
            return outcome;
        }
        rest.at += size;
        rest.size -= size;
    }
    return TAKEN;
}

/* A copy that is being written from its end to its begin, where lengths follow their content. */
struct rewriting {
    uint8_t *at;
    bool is_out_of_memory;
};

static void put_before(struct rewriting *rewriting, const void *bytes, size_t size) {
    rewriting->at -= size;
    if (size) {
        memcpy(rewriting->at, bytes, size);
    }
}

static void put_head_before(struct rewriting *rewriting, uint32_t tag, size_t length) {
    uint8_t head[MOST_HEAD_BYTES];
    uint8_t *end = tote__put_varint(tote__put_varint(head, tag), length);

    put_before(rewriting, head, (size_t)(end - head));
}

struct placed_field {
    uint32_t number;
    bool is_left_out;
    size_t position;
    struct tote__field field;
    const ProtobufCFieldDescriptor *descriptor; /* NULL: unknown */
};

static int compare_fields(const void *a, const void *b) {
    const struct placed_field *x = a;
    const struct placed_field *y = b;

    if (x->number != y->number) {
        return x->number < y->number ? -1 : 1;
    }
    return x->position < y->position ? -1 : x->position > y->position;
}

/* Leave out what a later field replaces: the same one, or another one of its group. */
static void leave_out_replaced(struct placed_field *fields, size_t count) {
    size_t last_of_group = SIZE_MAX;

    for (size_t i = 0; i < count; i++) {
        if (is_oneof(fields[i].descriptor) &&
            (last_of_group == SIZE_MAX || fields[i].position > fields[last_of_group].position)) {
            last_of_group = i;
        }
    }
    for (size_t i = 0; i < count; i++) {
        const ProtobufCFieldDescriptor *descriptor = fields[i].descriptor;
        bool is_same_next = i + 1 < count && fields[i + 1].number == fields[i].number;
        fields[i].is_left_out = (descriptor && !is_repeated(descriptor) && is_same_next) ||
                                (is_oneof(descriptor) && i != last_of_group);
    }
}

static void rewrite(struct rewriting *rewriting, const ProtobufCMessageDescriptor *type,
                    struct tote__slice message);

static void rewrite_field(struct rewriting *rewriting, const struct placed_field *placed) {
    const struct tote__field *field = &placed->field;
    const ProtobufCFieldDescriptor *descriptor = placed->descriptor;
    const char *text = (const char *)field->content.at;
    uint8_t *end = rewriting->at;

    if (descriptor && descriptor->type == PROTOBUF_C_TYPE_MESSAGE) {
        rewrite(rewriting, descriptor->descriptor, field->content);
    } else if (descriptor && descriptor->type == PROTOBUF_C_TYPE_STRING) {
        rewriting->at -= tote__utf8_repaired_length(text, field->content.size);
        tote__utf8_repair((char *)rewriting->at, text, field->content.size);
    } else {
        put_before(rewriting, field->whole.at, field->whole.size);
        return;
    }
    put_head_before(rewriting, tote__field_tag(field), (size_t)(end - rewriting->at));
}

/* Write a message before what is written already. check() has limited the depth. */
static void rewrite(struct rewriting *rewriting, const ProtobufCMessageDescriptor *type,
                    struct tote__slice message) {
    struct tote__slice rest = message;
    struct tote__field field;
    size_t count = 0;

    while (tote__next_field(&rest, &field)) {
        count++;
    }
    size_t size = count * sizeof(struct placed_field);
    struct placed_field *fields = count ? tote__allocate(size) : NULL;
    if (!fields) {
        rewriting->is_out_of_memory |= count > 0;
        return;
    }
    rest = message;
    for (size_t i = 0; i < count && tote__next_field(&rest, &field); i++) {
        fields[i] = (struct placed_field){
            .number = field.number,
            .position = i,
            .field = field,
            .descriptor = protobuf_c_message_descriptor_get_field(type, field.number),
        };
    }
    qsort(fields, count, sizeof *fields, compare_fields);
    leave_out_replaced(fields, count);
    for (size_t i = count; i-- > 0 && !rewriting->is_out_of_memory;) {
        if (!fields[i].is_left_out) {
            rewrite_field(rewriting, &fields[i]);
        }
    }
    tote__release(fields, size);
}

enum outcome decode_request(struct decoded *decoded, const uint8_t *bytes, size_t size) {
    const ProtobufCMessageDescriptor *type = &tote__otlp__export_trace_service_request__descriptor;
    struct checking checking = {.is_regular = true};
    enum outcome outcome = check(&checking, type, (struct tote__slice){bytes, size}, 0);

    *decoded = (struct decoded){.bytes = {bytes, size}};
    if (outcome != TAKEN || checking.is_regular) {
        return outcome;
    }
    /* A byte of text becomes up to three, and so lengths of up to 2^32 grow by one byte. */
    decoded->owned_size = 4 * size;
    decoded->owned = tote__allocate(decoded->owned_size);
    if (!decoded->owned) {
        return BUSY;
    }
    uint8_t *end = decoded->owned + decoded->owned_size;
    struct rewriting rewriting = {end, false};
    rewrite(&rewriting, type, decoded->bytes);
    decoded->bytes = (struct tote__slice){rewriting.at, (size_t)(end - rewriting.at)};
    return rewriting.is_out_of_memory ? BUSY : TAKEN;
}

void decode_clear(struct decoded *decoded) {
    tote__release(decoded->owned, decoded->owned_size);
    *decoded = (struct decoded){.owned = NULL};
}

/* Whether an id has the right length and is not all zero, which some SDKs write for none. */
static bool is_id(struct tote__slice id, size_t size) {
    static const uint8_t none[16];

    return id.size == size && memcmp(id.at, none, size) != 0;
}

static tote_span_kind kind_of(uint64_t kind) {
    static const tote_span_kind kinds[] = {
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_UNSPECIFIED] = TOTE_SPAN_KIND_INTERNAL,
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_INTERNAL] = TOTE_SPAN_KIND_INTERNAL,
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_SERVER] = TOTE_SPAN_KIND_SERVER,
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CLIENT] = TOTE_SPAN_KIND_CLIENT,
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_PRODUCER] = TOTE_SPAN_KIND_PRODUCER,
        [TOTE__OTLP__SPAN__SPAN_KIND__SPAN_KIND_CONSUMER] = TOTE_SPAN_KIND_CONSUMER,
    };

    return kind < TOTE_COUNT_OF(kinds) ? kinds[kind] : TOTE_SPAN_KIND_INTERNAL;
}

static tote_status_code status_of(struct tote__slice status) {
    struct tote__field field;
    uint64_t code = 0;

    while (tote__next_field(&status, &field)) {
        code = tote__field_tag(&field) == TOTE__STATUS_CODE ? field.value : code;
    }
    return code == TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_ERROR ? TOTE_STATUS_CODE_ERROR
           : code == TOTE__OTLP__SPAN__STATUS__STATUS_CODE__STATUS_CODE_OK  ? TOTE_STATUS_CODE_OK
                                                                           : TOTE_STATUS_CODE_UNSET;
}

/* Whether a KeyValue is tote.span.unfinished=true, which `tote span` and crash recovery write. */
static bool is_unfinished_mark(struct tote__slice attribute) {
    static const char mark[] = "\x0A\x14"
                               "tote.span.unfinished"
                               "\x12\x02\x10\x01";
    const size_t size = sizeof mark - 1;

    return attribute.size == size && memcmp(attribute.at, mark, size) == 0;
}

bool decode_span(struct trace_span *span, struct decoded_span *parts) {
    struct tote__slice rest = span->message;
    struct tote__slice trace_id = {NULL, 0};
    struct tote__slice id = {NULL, 0};
    struct tote__slice parent = {NULL, 0};
    struct tote__field field;

    parts->name = (struct tote__slice){NULL, 0};
    while (tote__next_field(&rest, &field)) {
        switch (tote__field_tag(&field)) {
        case TOTE__SPAN_TRACE_ID:
            trace_id = field.content;
            break;
        case TOTE__SPAN_SPAN_ID:
            id = field.content;
            break;
        case TOTE__SPAN_PARENT_SPAN_ID:
            parent = field.content;
            break;
        case TOTE__SPAN_NAME:
            parts->name = field.content;
            break;
        case TOTE__SPAN_KIND:
            span->kind = kind_of(field.value);
            break;
        case TOTE__SPAN_START_TIME:
            span->start_unix_nano = field.value;
            break;
        case TOTE__SPAN_END_TIME:
            span->end_unix_nano = field.value;
            break;
        case TOTE__SPAN_ATTRIBUTE:
            span->attribute_count++;
            span->is_open |= is_unfinished_mark(field.content);
            break;
        case TOTE__SPAN_EVENT:
            span->event_count++;
            break;
        case TOTE__SPAN_LINK:
            span->link_count++;
            break;
        case TOTE__SPAN_STATUS:
            span->status = status_of(field.content);
            break;
        default:
            break;
        }
    }
    if (!is_id(trace_id, 16) || !is_id(id, sizeof span->id)) {
        return false;
    }
    parts->trace_id = trace_id.at;
    memcpy(span->id, id.at, sizeof span->id);
    span->has_parent = is_id(parent, sizeof span->parent_id);
    if (span->has_parent) {
        memcpy(span->parent_id, parent.at, sizeof span->parent_id);
    }
    span->is_error = span->status == TOTE_STATUS_CODE_ERROR;
    span->is_open |= span->end_unix_nano == 0;
    if (span->end_unix_nano < span->start_unix_nano) {
        span->end_unix_nano = span->start_unix_nano;
    }
    return true;
}

struct tote__slice decode_field(struct tote__slice message, uint32_t number) {
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (field.number == number && field.type == 2) {
            return field.content;
        }
    }
    return (struct tote__slice){NULL, 0};
}

struct tote__slice decode_text(struct tote__slice message, uint32_t tag, const char *key) {
    const size_t length = strlen(key);
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) != tag) {
            continue;
        }
        struct tote__key_value parts = tote__read_key_value(field.content);
        struct tote__field value;
        bool is_key = parts.key.size == length && memcmp(parts.key.at, key, length) == 0;
        if (is_key && tote__next_field(&parts.value, &value) &&
            tote__field_tag(&value) == TOTE__ANY_STRING) {
            return value.content;
        }
    }
    return (struct tote__slice){NULL, 0};
}
