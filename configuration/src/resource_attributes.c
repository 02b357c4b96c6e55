/* SPDX-License-Identifier: MIT */
/*
 * resource_attributes.c - parses OTEL_RESOURCE_ATTRIBUTES, and such lists in a file
 *
 * The variable is used as a whole or not at all, so that missing attributes are noticed. Spec:
 * resource/sdk.md#specifying-resource-information-via-an-environment-variable
 *
 * Tests: tests/unit/test_resource.c
 */
#include <string.h>

#include "configuration.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

/* Merging compares each attribute with all others. */
enum { MOST_MEMBERS = 4096 };

/*
 * Trim, then decode, so that encoded blanks are kept. Returns NULL, and sets `problem`, on failure.
 */
static char *take_text(struct tote__arena *arena, const char *text, size_t length,
                       size_t *decoded_length, const char **problem) {
    bool malformed = false;

    tote__trim(&text, &length);
    char *decoded = tote__arena_text(arena, text, length);
    if (!decoded) {
        *problem = "out of memory";
        return NULL;
    }
    *decoded_length = tote__percent_decode(decoded, text, length, &malformed);
    decoded[*decoded_length] = '\0';
    if (malformed) {
        *problem = "a % is not followed by two hexadecimal digits";
    }
    return malformed ? NULL : decoded;
}

/* Parse one `key=value`. Returns what is wrong with it, or NULL. */
static const char *take_member(struct tote__arena *arena, const char *member, size_t length,
                               tote_attribute *attribute) {
    const char *equals = memchr(member, '=', length);
    const char *problem = NULL;
    size_t key_length = 0;
    size_t value_length = 0;

    if (!equals) {
        return "the = is missing";
    }
    size_t split = (size_t)(equals - member);
    char *key = take_text(arena, member, split, &key_length, &problem);
    char *value =
        key ? take_text(arena, equals + 1, length - split - 1, &value_length, &problem) : NULL;
    if (!value) {
        return problem;
    }
    if (!key_length || strlen(key) != key_length) {
        return "the key is empty, or contains a NUL";
    }
    *attribute = (tote_attribute){key, tote_string_of(value, value_length)};
    return NULL;
}

const char *tote__parse_list(const char *text, struct tote__arena *arena,
                             tote_attribute **attributes, size_t *count, struct tote__part *entry) {
    size_t most = tote__split(text, strlen(text), ',', NULL, 0);
    tote_attribute *taken = tote__arena_allocate(arena, most * sizeof *taken);
    struct tote__part rest = {text, strlen(text)};
    const char *problem = most > MOST_MEMBERS ? "the list has more than 4,096 entries"
                          : taken             ? NULL
                                              : "out of memory";

    *entry = rest;
    *attributes = taken;
    *count = 0;
    while (!problem && tote__next_part(&rest, ',', entry)) {
        tote__trim(&entry->at, &entry->length);
        if (entry->length) { /* "$OTEL_RESOURCE_ATTRIBUTES,a=b" may begin with a comma */
            problem = take_member(arena, entry->at, entry->length, &taken[*count]);
            *count += !problem;
        }
    }
    if (problem) {
        *attributes = NULL;
        *count = 0;
    }
    return problem;
}

bool tote__parse_resource_attributes(const char *text, struct tote__arena *arena,
                                     tote_attribute **attributes, size_t *count) {
    struct tote__part entry;
    const char *problem = tote__parse_list(text, arena, attributes, count, &entry);

    if (problem) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "OTEL_RESOURCE_ATTRIBUTES",
                                "the variable is ignored, because of its entry '%.*s': %s",
                                (int)tote__min(entry.length, 256), entry.at, problem);
    }
    return !problem;
}
