/* SPDX-License-Identifier: MIT */
/*
 * headers.c - the configured headers of each request
 *
 * Headers that contain line breaks, change the meaning of the request, or occur twice are not
 * accepted. Values are secret and never reported. Spec:
 * protocol/exporter.md#specifying-headers-via-environment-variables
 *
 * Tests: tests/unit/test_otlp_options.c
 */
#include <stdio.h>
#include <string.h>

#include "options.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/text.h"

/* They describe the body: the exporter sets them. */
static bool is_reserved(const char *name, size_t length) {
    static const char *const reserved[] = {"content-type", "content-encoding", "content-length",
                                           "transfer-encoding", "te"};
    static const char grpc[] = "grpc-";

    for (size_t i = 0; i < TOTE_COUNT_OF(reserved); i++) {
        if (tote__equals_ignoring_case(name, length, reserved[i], strlen(reserved[i]))) {
            return true;
        }
    }
    return length >= sizeof grpc - 1 &&
           tote__equals_ignoring_case(name, sizeof grpc - 1, grpc, sizeof grpc - 1);
}

static bool is_sendable(const char *value, size_t length) {
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if ((c < 0x20 && c != '\t') || c == 0x7F) {
            return false;
        }
    }
    return true;
}

/* Return the place for this name: that of an equal name, or a new one. */
static struct tote__otlp_header *place_of(struct tote__otlp_headers *headers, const char *name) {
    for (size_t i = 0; i < headers->count; i++) {
        const char *other = headers->items[i].name;
        if (tote__equals_ignoring_case(name, strlen(name), other, strlen(other))) {
            return &headers->items[i];
        }
    }
    return &headers->items[headers->count++];
}

/*
 * Write the header in libcurl's form. "name:" alone would make it omit the header. A user agent is
 * put in front of the exporter's. Spec: protocol/exporter.md#user-agent
 */
static void write_line(char *line, size_t size, const struct tote__otlp_header *header) {
    static const char user_agent[] = "user-agent";
    const char *value = header->value;

    if (tote__equals_ignoring_case(header->name, strlen(header->name), user_agent,
                                   sizeof user_agent - 1)) {
        snprintf(line, size, "%s: %s%s" TOTE__OTLP_USER_AGENT, header->name, value,
                 *value ? " " : "");
    } else {
        snprintf(line, size, *value ? "%s: %s" : "%s;%s", header->name, value);
    }
}

/* Returns NULL, or why the header cannot be sent. */
static const char *add(struct tote__otlp_settings *settings, const char *name, size_t name_length,
                       const char *value, size_t value_length) {
    if (!tote__is_token(name, name_length)) {
        return "its name is not the name of a header";
    }
    if (is_reserved(name, name_length)) {
        return "the exporter sets this header itself";
    }
    if (!is_sendable(value, value_length)) {
        return "its value has a control character";
    }
    size_t size = name_length + value_length + sizeof TOTE__OTLP_USER_AGENT + 3;
    char *line = tote__arena_allocate(&settings->memory, size);
    struct tote__otlp_header header = {
        .name = tote__arena_text(&settings->memory, name, name_length),
        .value = tote__arena_text(&settings->memory, value, value_length),
        .line = line,
    };
    if (!header.name || !header.value || !line) {
        settings->is_incomplete = true;
        return NULL;
    }
    write_line(line, size, &header);
    *place_of(&settings->headers, header.name) = header;
    return NULL;
}

static bool make_room(struct tote__otlp_settings *settings, size_t count) {
    struct tote__otlp_header *items =
        count <= SIZE_MAX / sizeof *items
            ? tote__arena_allocate(&settings->memory, count * sizeof *items)
            : NULL;

    settings->is_incomplete |= !items;
    settings->headers = (struct tote__otlp_headers){.items = items};
    return items;
}

/* Add a member name=value of the list. Returns NULL, or what is wrong with it. */
static const char *add_member(struct tote__otlp_settings *settings, const char *text,
                              size_t length) {
    const char *equals = memchr(text, '=', length);
    bool malformed = false;

    if (!equals) {
        return "it has no =";
    }
    const char *name = text;
    size_t name_length = (size_t)(equals - text);
    const char *value = equals + 1;
    size_t value_length = length - name_length - 1;
    tote__trim(&name, &name_length);
    tote__trim(&value, &value_length);

    char *decoded = tote__arena_allocate(&settings->memory, value_length + 1);
    if (!decoded) {
        settings->is_incomplete = true;
        return NULL;
    }
    value_length = tote__percent_decode(decoded, value, value_length, &malformed);
    return malformed ? "its value has a % without two hex digits"
                     : add(settings, name, name_length, decoded, value_length);
}

void tote__otlp_take_header_text(struct tote__otlp_settings *settings, const char *source,
                                 const char *text) {
    size_t count = tote__split(text, strlen(text), ',', NULL, 0);
    struct tote__part *parts = tote__arena_allocate(&settings->memory, count * sizeof *parts);

    if (!parts || !make_room(settings, count)) {
        settings->is_incomplete = true;
        return;
    }
    tote__split(text, strlen(text), ',', parts, count);
    for (size_t i = 0; i < count; i++) {
        tote__trim_lines(&parts[i].at, &parts[i].length);
        const char *obstacle =
            parts[i].length ? add_member(settings, parts[i].at, parts[i].length) : NULL;
        if (obstacle) {
            tote__diagnose_each(TOTE_LEVEL_WARN, "otlp",
                                "%s: entry %zu is ignored: %s; write name=value,name=value with "
                                "%%HH for special characters",
                                source, i + 1, obstacle);
        }
    }
}

void tote__otlp_take_header_attributes(struct tote__otlp_settings *settings, const char *source,
                                       const tote_attribute *headers, size_t count) {
    if (!make_room(settings, count)) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        const char *name = headers[i].key ? headers[i].key : "";
        tote_value value = headers[i].value;

        const char *obstacle = value.type != TOTE_VALUE_TYPE_STRING
                                   ? "its value is not a string"
                                   : add(settings, name, strlen(name), value.as.string, value.size);
        if (obstacle) {
            char element[64];
            snprintf(element, sizeof element, "%s[%zu]", source, i);
            tote__otlp_diagnose(settings, TOTE_LEVEL_WARN, element, " is not sent: %s", obstacle);
        }
    }
}
