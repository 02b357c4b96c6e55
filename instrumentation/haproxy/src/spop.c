/* SPDX-License-Identifier: MIT */
/*
 * spop.c - frames of HAProxy's stream processing offload protocol
 *
 * Tests: tests/unit/test_spop.c
 */
#include "spop.h"

#include <string.h>

enum {
    FIN = 1,
    ABORT = 2,
    FLAG_BYTES = 4,
    SET_VARIABLE = 1,
    SCOPE_TRANSACTION = 2,
    TRUE_FLAG = 16
};

static bool fail(struct spop_cursor *cursor) {
    cursor->is_wrong = true;
    cursor->at = cursor->end;
    return false;
}

static size_t left(const struct spop_cursor *cursor) {
    return (size_t)(cursor->end - cursor->at);
}

/* The first byte has 4 bits of the number if it is 240 or more, each further byte 7 bits. */
static bool read_number(struct spop_cursor *cursor, uint64_t *number) {
    if (!left(cursor)) {
        return fail(cursor);
    }
    uint64_t value = *cursor->at++;
    if (value >= 240) {
        unsigned shift = 4;
        unsigned char byte;
        do {
            if (!left(cursor) || shift > 60) {
                return fail(cursor);
            }
            byte = *cursor->at++;
            uint64_t more = (uint64_t)byte << shift;
            if (more >> shift != byte || value + more < value) {
                return fail(cursor);
            }
            value += more;
            shift += 7;
        } while (byte >= 128);
    }
    *number = value;
    return true;
}

static bool read_bytes(struct spop_cursor *cursor, size_t length, struct spop_text *text) {
    if (length > left(cursor)) {
        return fail(cursor);
    }
    *text = (struct spop_text){(const char *)cursor->at, length};
    cursor->at += length;
    return true;
}

static bool read_text(struct spop_cursor *cursor, struct spop_text *text) {
    uint64_t length;

    if (!read_number(cursor, &length)) {
        return false;
    }
    return length <= left(cursor) ? read_bytes(cursor, (size_t)length, text) : fail(cursor);
}

static bool read_value(struct spop_cursor *cursor, struct spop_value *value) {
    if (!left(cursor)) {
        return fail(cursor);
    }
    unsigned type = *cursor->at++;
    *value = (struct spop_value){.kind = (enum spop_kind)(type & 15)};
    switch (value->kind) {
    case SPOP_NULL:
        return true;
    case SPOP_BOOL:
        value->number = type >> 4 & 1;
        return true;
    case SPOP_INT32:
    case SPOP_UINT32:
    case SPOP_INT64:
    case SPOP_UINT64:
        return read_number(cursor, &value->number);
    case SPOP_IPV4:
        return read_bytes(cursor, 4, &value->text);
    case SPOP_IPV6:
        return read_bytes(cursor, 16, &value->text);
    case SPOP_STRING:
    case SPOP_BINARY:
        return read_text(cursor, &value->text);
    default:
        return fail(cursor);
    }
}

enum spop_status spop_read_frame(const void *bytes, size_t size, struct spop_frame *frame) {
    struct spop_cursor *cursor = &frame->payload;
    const unsigned char *head = bytes;

    *cursor = (struct spop_cursor){head, head + size, false};
    if (size < 1 + FLAG_BYTES) {
        return SPOP_INVALID;
    }
    frame->type = head[0];
    unsigned flags = head[FLAG_BYTES]; /* the other bits are reserved */
    cursor->at += 1 + FLAG_BYTES;
    if (!read_number(cursor, &frame->stream) || !read_number(cursor, &frame->id)) {
        return SPOP_INVALID;
    }
    if (!(flags & FIN) || flags & ABORT || !frame->type) {
        return SPOP_FRAGMENTED;
    }
    return SPOP_NORMAL;
}

bool spop_next_message(struct spop_cursor *cursor, struct spop_text *name, size_t *count) {
    if (!left(cursor) || !read_text(cursor, name)) {
        return false;
    }
    if (!left(cursor)) {
        return fail(cursor);
    }
    *count = *cursor->at++;
    return true;
}

bool spop_next_pair(struct spop_cursor *cursor, struct spop_text *name, struct spop_value *value) {
    return left(cursor) && read_text(cursor, name) && read_value(cursor, value);
}

/* An empty name and an empty value are the end. */
bool spop_next_header(struct spop_cursor *cursor, struct spop_text *name, struct spop_text *value) {
    return left(cursor) && read_text(cursor, name) && read_text(cursor, value) && name->length;
}

bool spop_is(struct spop_text text, const char *name) {
    return text.length == strlen(name) && memcmp(text.bytes, name, text.length) == 0;
}

/* Return the next item of a list that is separated by commas, without blanks. */
static bool next_item(struct spop_text *list, struct spop_text *item) {
    if (!list->length) {
        return false;
    }
    const char *comma = memchr(list->bytes, ',', list->length);
    size_t length = comma ? (size_t)(comma - list->bytes) : list->length;
    *item = (struct spop_text){list->bytes, length};
    list->bytes += length + !!comma;
    list->length -= length + !!comma;
    while (item->length && *item->bytes == ' ') {
        item->bytes++;
        item->length--;
    }
    while (item->length && item->bytes[item->length - 1] == ' ') {
        item->length--;
    }
    return true;
}

/* A peer that announces 2.x also supports 2.0. */
static bool supports_version_2(struct spop_text versions) {
    struct spop_text item;

    while (next_item(&versions, &item)) {
        if (item.length > 2 && memcmp(item.bytes, "2.", 2) == 0) {
            return true;
        }
    }
    return false;
}

static bool has_item(struct spop_text list, const char *name) {
    struct spop_text item;

    while (next_item(&list, &item)) {
        if (spop_is(item, name)) {
            return true;
        }
    }
    return false;
}

enum spop_status spop_read_hello(struct spop_cursor *payload, struct spop_hello *hello) {
    struct spop_text versions = {NULL, 0};
    struct spop_text capabilities = {NULL, 0};
    struct spop_text name;
    struct spop_value value;
    uint64_t size = 0;

    *hello = (struct spop_hello){.frame_size = 0};
    while (spop_next_pair(payload, &name, &value)) {
        if (spop_is(name, "supported-versions") && value.kind == SPOP_STRING) {
            versions = value.text;
        } else if (spop_is(name, "max-frame-size") && value.kind == SPOP_UINT32) {
            size = value.number;
        } else if (spop_is(name, "capabilities") && value.kind == SPOP_STRING) {
            capabilities = value.text;
        } else if (spop_is(name, "healthcheck") && value.kind == SPOP_BOOL) {
            hello->is_health_check = value.number;
        }
    }
    const struct {
        bool is_wrong;
        enum spop_status status;
    } checks[] = {{payload->is_wrong, SPOP_INVALID},
                  {!versions.bytes, SPOP_NO_VERSION},
                  {!size, SPOP_NO_FRAME_SIZE},
                  {!capabilities.bytes, SPOP_NO_CAPABILITIES},
                  {!supports_version_2(versions), SPOP_BAD_VERSION},
                  {size < SPOP_LEAST_FRAME, SPOP_BAD_FRAME_SIZE}};
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++) {
        if (checks[i].is_wrong) {
            return checks[i].status;
        }
    }
    hello->frame_size = size < SPOP_MOST_FRAME ? (size_t)size : SPOP_MOST_FRAME;
    hello->can_pipeline = has_item(capabilities, "pipelining");
    return SPOP_NORMAL;
}

static void put(struct spop_writer *writer, const void *bytes, size_t length) {
    if (writer->is_full || length > (size_t)(writer->end - writer->at)) {
        writer->is_full = true;
        return;
    }
    if (length) {
        memcpy(writer->at, bytes, length);
        writer->at += length;
    }
}

static void put_byte(struct spop_writer *writer, unsigned byte) {
    const unsigned char value = (unsigned char)byte;

    put(writer, &value, 1);
}

static void put_number(struct spop_writer *writer, uint64_t number) {
    if (number < 240) {
        put_byte(writer, (unsigned)number);
        return;
    }
    put_byte(writer, (unsigned)(number & 255) | 240);
    for (number = (number - 240) >> 4; number >= 128; number = (number - 128) >> 7) {
        put_byte(writer, (unsigned)(number & 255) | 128);
    }
    put_byte(writer, (unsigned)number);
}

static void put_text(struct spop_writer *writer, const char *text, size_t length) {
    put_number(writer, length);
    put(writer, text, length);
}

void spop_begin(struct spop_writer *writer, void *bytes, size_t size, enum spop_type type,
                uint64_t stream, uint64_t id) {
    static const unsigned char flags[FLAG_BYTES] = {0, 0, 0, FIN};
    unsigned char *start = bytes;

    *writer = (struct spop_writer){start, start, start + size, size < SPOP_LENGTH_BYTES};
    if (!writer->is_full) {
        writer->at += SPOP_LENGTH_BYTES;
    }
    put_byte(writer, type);
    put(writer, flags, sizeof flags);
    put_number(writer, stream);
    put_number(writer, id);
}

size_t spop_finish(struct spop_writer *writer) {
    if (writer->is_full) {
        return 0;
    }
    size_t length = (size_t)(writer->at - writer->start) - SPOP_LENGTH_BYTES;
    for (size_t i = 0; i < SPOP_LENGTH_BYTES; i++) {
        writer->start[i] = (unsigned char)(length >> (24 - 8 * i));
    }
    return length + SPOP_LENGTH_BYTES;
}

static void begin_variable(struct spop_writer *writer, const char *name, unsigned type) {
    enum { ARGUMENTS = 3, MOST_NAME = 64 };

    put_byte(writer, SET_VARIABLE);
    put_byte(writer, ARGUMENTS);
    put_byte(writer, SCOPE_TRANSACTION);
    put_text(writer, name, strnlen(name, MOST_NAME));
    put_byte(writer, type);
}

/* A variable that does not fit leaves the frame as it was. */
void spop_set_text(struct spop_writer *writer, const char *name, const char *text, size_t length) {
    struct spop_writer before = *writer;

    begin_variable(writer, name, SPOP_STRING);
    put_text(writer, text, length);
    if (writer->is_full) {
        *writer = before;
    }
}

void spop_set_bool(struct spop_writer *writer, const char *name, bool value) {
    struct spop_writer before = *writer;

    begin_variable(writer, name, SPOP_BOOL | (value ? TRUE_FLAG : 0));
    if (writer->is_full) {
        *writer = before;
    }
}

/* Put the name of a value, and its type. */
static void put_name(struct spop_writer *writer, const char *name, enum spop_kind type) {
    put_text(writer, name, strlen(name));
    put_byte(writer, type);
}

size_t spop_write_hello(void *bytes, size_t size, const struct spop_hello *hello) {
    static const char *const capability = "pipelining";
    struct spop_writer writer;

    spop_begin(&writer, bytes, size, SPOP_AGENT_HELLO, 0, 0);
    put_name(&writer, "version", SPOP_STRING);
    put_text(&writer, "2.0", 3);
    put_name(&writer, "max-frame-size", SPOP_UINT32);
    put_number(&writer, hello->frame_size);
    put_name(&writer, "capabilities", SPOP_STRING);
    put_text(&writer, capability, hello->can_pipeline ? strlen(capability) : 0);
    return spop_finish(&writer);
}

static const char *message_of(enum spop_status status) {
    static const char *const messages[] = {
        [SPOP_NORMAL] = "normal",
        [SPOP_TIMEOUT] = "timeout",
        [SPOP_TOO_BIG] = "frame is too big",
        [SPOP_INVALID] = "invalid frame",
        [SPOP_NO_VERSION] = "supported-versions is missing",
        [SPOP_NO_FRAME_SIZE] = "max-frame-size is missing",
        [SPOP_NO_CAPABILITIES] = "capabilities is missing",
        [SPOP_BAD_VERSION] = "version 2 is not supported",
        [SPOP_BAD_FRAME_SIZE] = "max-frame-size is less than 256",
        [SPOP_FRAGMENTED] = "fragmentation is not supported",
        [SPOP_NO_IDS] = "stream or frame id is missing",
        [SPOP_NO_RESOURCES] = "too many connections",
    };

    return (size_t)status < sizeof messages / sizeof *messages && messages[status]
               ? messages[status]
               : "error";
}

size_t spop_write_disconnect(void *bytes, size_t size, enum spop_status status) {
    const char *message = message_of(status);
    struct spop_writer writer;

    spop_begin(&writer, bytes, size, SPOP_AGENT_DISCONNECT, 0, 0);
    put_name(&writer, "status-code", SPOP_UINT32);
    put_number(&writer, status);
    put_name(&writer, "message", SPOP_STRING);
    put_text(&writer, message, strlen(message));
    return spop_finish(&writer);
}
