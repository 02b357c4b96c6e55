/* SPDX-License-Identifier: MIT */
/*
 * forwarded.c - the Forwarded header. Spec: RFC 7239
 *
 * Tests: tests/unit/test_http.c
 */
#include "http_parts.h"

/* Split off the part before the next unquoted `separator`, and return it trimmed. */
static struct tote__part take_part(struct tote__part *rest, char separator) {
    struct tote__part part = {rest->at, 0};
    bool is_quoted = false;

    for (; part.length < rest->length; part.length++) {
        char c = rest->at[part.length];
        if (c == separator && !is_quoted) {
            break;
        }
        if (c == '"') {
            is_quoted = !is_quoted;
        } else if (c == '\\' && is_quoted && part.length + 1 < rest->length) {
            part.length++;
        }
    }
    size_t skipped = part.length + (part.length < rest->length);
    rest->at += skipped;
    rest->length -= skipped;
    tote__trim(&part.at, &part.length);
    return part;
}

/*
 * Unescape a quoted string to `out`, which may overlap it. Returns an empty part if the closing
 * quote is missing.
 */
static struct tote__part unquote(char *out, struct tote__part value) {
    struct tote__part text = {out, 0};

    if (!value.length || value.at[0] != '"') {
        return value;
    }
    for (size_t i = 1; i < value.length; i++) {
        char c = value.at[i];
        if (c == '"') {
            return text;
        }
        if (c == '\\' && i + 1 < value.length) {
            c = value.at[++i];
        }
        out[text.length++] = c;
    }
    return (struct tote__part){out, 0};
}

struct tote__part tote__http_forwarded_parameter(char *header, size_t length, const char *name) {
    struct tote__part rest = {header, length};
    struct tote__part element = take_part(&rest, ',');

    while (element.length) {
        struct tote__part value = take_part(&element, ';');
        struct tote__part key = take_part(&value, '=');
        if (tote__equals_ignoring_case(key.at, key.length, name, strlen(name))) {
            tote__trim(&value.at, &value.length);
            return unquote(header + (value.at - header), value);
        }
    }
    return (struct tote__part){NULL, 0};
}
