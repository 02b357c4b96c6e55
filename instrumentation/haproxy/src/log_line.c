/* SPDX-License-Identifier: MIT */
/*
 * log_line.c - the structured data of a line of HAProxy's log. Spec: RFC 5424 section 6
 *
 * Tests: tests/unit/test_haproxy_log.c
 */
#include "log_line.h"

#include <string.h>

static bool read_number(struct spop_text text, uint64_t *number) {
    enum { MOST_DIGITS = 19 };
    uint64_t value = 0;

    if (!text.length || text.length > MOST_DIGITS) {
        return false;
    }
    for (size_t i = 0; i < text.length; i++) {
        if (text.bytes[i] < '0' || text.bytes[i] > '9') {
            return false;
        }
        value = value * 10 + (uint64_t)(text.bytes[i] - '0');
    }
    *number = value;
    return true;
}

/* HAProxy writes "+2" after two retries of which the last was redispatched. */
static bool read_retries(struct spop_text text, struct log_line *line) {
    line->is_redispatched = text.length && *text.bytes == '+';
    if (line->is_redispatched) {
        text.bytes++;
        text.length--;
    }
    return read_number(text, &line->retries);
}

enum kind { NUMBER, TEXT, RETRIES };

static const struct field {
    const char *name;
    enum kind kind;
    size_t offset;
} fields[] = {
    {"stream", NUMBER, offsetof(struct log_line, stream)},
    {"port", NUMBER, offsetof(struct log_line, port)},
    {"status", NUMBER, offsetof(struct log_line, status)},
    {"state", TEXT, offsetof(struct log_line, state)},
    {"method", TEXT, offsetof(struct log_line, method)},
    {"frontend", TEXT, offsetof(struct log_line, frontend)},
    {"backend", TEXT, offsetof(struct log_line, backend)},
    {"server", TEXT, offsetof(struct log_line, server)},
    {"address", TEXT, offsetof(struct log_line, address)},
    {"server_port", NUMBER, offsetof(struct log_line, server_port)},
    {"retries", RETRIES, 0},
    {"queue", NUMBER, offsetof(struct log_line, queue_ms)},
    {"connect", NUMBER, offsetof(struct log_line, connect_ms)},
    {"response", NUMBER, offsetof(struct log_line, response_ms)},
};

enum { FIELDS = sizeof fields / sizeof *fields, REQUIRED = 2 }; /* the key comes first */

/* A number that is "-", "-1" and the like leaves the field as it is: missing. */
static bool set_field(struct log_line *line, const struct field *field, struct spop_text value) {
    void *target = (char *)line + field->offset;

    switch (field->kind) {
    case TEXT:
        memcpy(target, &value, sizeof value);
        return true;
    case RETRIES:
        return read_retries(value, line);
    case NUMBER:
        break;
    }
    return read_number(value, target);
}

/* Read to a character, which is skipped. Returns false if it is missing. */
static bool read_until(struct spop_cursor *at, char end, struct spop_text *text) {
    size_t size = (size_t)(at->end - at->at);
    const unsigned char *found = size ? memchr(at->at, end, size) : NULL;

    if (!found) {
        return false;
    }
    *text = (struct spop_text){(const char *)at->at, (size_t)(found - at->at)};
    at->at = found + 1;
    return true;
}

/* Read a value to its closing quote. A backslash precedes characters that need it. */
static bool read_value(struct spop_cursor *at, struct spop_text *value) {
    const unsigned char *start = at->at;

    for (; at->at < at->end; at->at++) {
        if (*at->at == '"') {
            *value = (struct spop_text){(const char *)start, (size_t)(at->at - start)};
            at->at++;
            return true;
        }
        at->at += *at->at == '\\' && at->at + 1 < at->end;
    }
    return false;
}

/* Read the parameters of an element, to its closing bracket. With NULL they are skipped. */
static bool read_parameters(struct spop_cursor *at, struct log_line *line, unsigned *seen) {
    struct spop_text name;
    struct spop_text value;

    while (at->at < at->end && *at->at == ' ') {
        at->at++;
        if (!read_until(at, '=', &name) || at->at == at->end || *at->at++ != '"' ||
            !read_value(at, &value)) {
            return false;
        }
        for (size_t i = 0; line && i < FIELDS; i++) {
            if (spop_is(name, fields[i].name) && set_field(line, &fields[i], value)) {
                *seen |= 1U << i;
            }
        }
    }
    return at->at < at->end && *at->at++ == ']';
}

bool log_line_read(const char *bytes, size_t size, struct log_line *line) {
    static const char element[] = "tote@32473";
    enum { FIELDS_BEFORE = 6, NAME = sizeof element - 1 }; /* priority and version to MSGID */
    const unsigned char *start = (const unsigned char *)bytes;
    struct spop_cursor at = {start, start + size, false};
    const unsigned required = (1U << REQUIRED) - 1;
    struct spop_text text;
    unsigned seen = 0;

    *line = (struct log_line){
        .queue_ms = UINT64_MAX, .connect_ms = UINT64_MAX, .response_ms = UINT64_MAX};
    if (!size || *bytes != '<') {
        return false;
    }
    for (int i = 0; i < FIELDS_BEFORE; i++) {
        if (!read_until(&at, ' ', &text)) {
            return false;
        }
    }
    while (at.at < at.end && *at.at == '[') {
        size_t rest = (size_t)(at.end - ++at.at);
        bool is_ours = rest > NAME && memcmp(at.at, element, NAME) == 0 && at.at[NAME] == ' ';
        while (at.at < at.end && *at.at != ' ' && *at.at != ']') {
            at.at++;
        }
        if (!read_parameters(&at, is_ours ? line : NULL, &seen)) {
            return false;
        }
    }
    return (seen & required) == required;
}
