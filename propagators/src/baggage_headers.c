/* SPDX-License-Identifier: MIT */
/*
 * baggage_headers.c - baggage as a header for each entry
 *
 * They are not written to an environment: names of variables are upper case without '-' and '.', so
 * the names of the entries would be lost. Spec: context/env-carriers.md#name-normalization
 *
 * Tests: tests/unit/test_formats.c, tests/unit/test_trust.c
 */
#include "baggage_headers.h"

#include <string.h>

#include "tote/environment.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

struct writer {
    const struct baggage_rules *rules;
    const char *prefix;
    size_t prefix_length;
    bool is_encoded;
    void *carrier;
    const tote_text_map_setter *setter;
    size_t members;
    size_t bytes;
};

/* Whether a header can have this value: visible ASCII that does not begin or end with a blank. */
static bool is_plain(struct tote__slice value) {
    const char *text = (const char *)value.at;
    size_t length = value.size;

    tote__trim(&text, &length);
    return length == value.size && tote__span_of(TOTE__HEADER, text, length) == length;
}

/* Write the header of one entry. */
static enum baggage_problem send(struct writer *writer, const struct tote__entry *entry,
                                 struct tote__slice value) {
    char usual[512];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    size_t name_length = writer->prefix_length + entry->key_length;
    size_t most = writer->is_encoded ? value.size * 3 : value.size;
    enum baggage_problem problem = BAGGAGE_MEMORY;
    char *name = tote__arena_allocate(&arena, name_length + 1);
    char *text = name ? tote__arena_allocate(&arena, most + 1) : NULL;

    if (text) {
        memcpy(name, writer->prefix, writer->prefix_length);
        memcpy(name + writer->prefix_length, entry->key, entry->key_length + 1);
        size_t length = value.size;
        if (writer->is_encoded) {
            const char *end =
                tote__percent_encode(text, (const char *)value.at, value.size, TOTE__UNRESERVED);
            length = (size_t)(end - text);
        } else {
            memcpy(text, value.at, length);
        }
        text[length] = '\0';
        problem = BAGGAGE_LIMIT;
        if (name_length + length <= writer->rules->max_bytes - writer->bytes) {
            problem = BAGGAGE_NO_PROBLEM;
            writer->setter->set(writer->carrier, name, text, length);
            writer->members++;
            writer->bytes += name_length + length;
        }
    }
    tote__arena_clear(&arena);
    return problem;
}

static enum baggage_problem try_to_send(struct writer *writer, const struct tote__entry *entry) {
    char scalar[BAGGAGE_SCALAR_SIZE];
    struct tote__slice value;

    if (writer->setter == tote_environment_setter()) {
        return BAGGAGE_CARRIER;
    }
    if (!tote__is_token(entry->key, entry->key_length)) {
        return BAGGAGE_NAME;
    }
    if (!tote__baggage_value(entry, scalar, &value)) {
        return BAGGAGE_VALUE;
    }
    if (writer->members == writer->rules->max_members || value.size > writer->rules->max_bytes) {
        return BAGGAGE_LIMIT;
    }
    return writer->is_encoded || is_plain(value) ? send(writer, entry, value) : BAGGAGE_VALUE;
}

static bool inject_entry(void *arg, const struct tote__entry *entry) {
    struct writer *writer = arg;
    if (tote__name_list_allows(&writer->rules->names, entry->key)) {
        tote__baggage_report(writer->rules, writer->prefix, entry, try_to_send(writer, entry));
    }
    return true;
}

void tote__baggage_headers_inject(const struct baggage_rules *rules, const char *prefix,
                                  bool is_encoded, const tote_context *context, void *carrier,
                                  const tote_text_map_setter *setter) {
    struct writer writer = {.rules = rules,
                            .prefix = prefix,
                            .prefix_length = strlen(prefix),
                            .is_encoded = is_encoded,
                            .carrier = carrier,
                            .setter = setter};

    tote__store_visit(tote_context_get_store(context), TOTE_VISIBILITY_BAGGAGE, inject_entry,
                      &writer);
}

struct headers {
    struct baggage_reader *reader;
    const char *prefix;
    size_t prefix_length;
    enum baggage_encoding encoding;
};

static bool visit_header(void *arg, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
    struct headers *headers = arg;

    if (name_length <= headers->prefix_length ||
        !tote__equals_ignoring_case(name, headers->prefix_length, headers->prefix,
                                    headers->prefix_length)) {
        return true;
    }
    struct tote__overlay_entry entry = {.key = name + headers->prefix_length,
                                        .key_length = name_length - headers->prefix_length};
    tote__trim(&value, &value_length);
    if (tote__is_token(entry.key, entry.key_length)) {
        tote__baggage_keep(headers->reader, &entry, value, value_length, headers->encoding,
                           name_length + value_length);
    }
    return !headers->reader->is_out_of_memory;
}

void tote__baggage_headers_read(struct baggage_reader *reader, const char *prefix, bool is_encoded,
                                const void *carrier, const tote_text_map_getter *getter) {
    struct headers headers = {.reader = reader,
                              .prefix = prefix,
                              .prefix_length = strlen(prefix),
                              .encoding = is_encoded ? BAGGAGE_FORM : BAGGAGE_PLAIN};

    tote_text_map_getter_get_all(getter, carrier, NULL, visit_header, &headers);
}
