/* SPDX-License-Identifier: MIT */
/*
 * resource_attributes.c - parses OTEL_RESOURCE_ATTRIBUTES
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

static size_t count_members(const char *text) {
    size_t count = 1;

    for (; *text; text++) {
        count += *text == ',';
    }
    return count;
}

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

bool tote__parse_resource_attributes(const char *text, struct tote__arena *arena,
                                     tote_attribute **attributes, size_t *count) {
    size_t most = count_members(text);
    tote_attribute *taken = tote__arena_allocate(arena, most * sizeof *taken);
    const char *problem = taken ? NULL : "out of memory";
    const char *member = text;
    size_t length = 0;

    *attributes = taken;
    *count = 0;
    for (const char *next = text; !problem && next;) {
        const char *comma = strchr(next, ',');
        member = next;
        length = comma ? (size_t)(comma - next) : strlen(next);
        next = comma ? comma + 1 : NULL;
        tote__trim(&member, &length);
        if (length) { /* "$OTEL_RESOURCE_ATTRIBUTES,a=b" may begin with a comma */
            problem = take_member(arena, member, length, &taken[*count]);
            *count += !problem;
        }
    }
    if (problem) {
        *attributes = NULL;
        *count = 0;
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "OTEL_RESOURCE_ATTRIBUTES",
                                "the variable is ignored, because of its entry '%.*s': %s",
                                (int)tote__min(length, 256), member, problem);
    }
    return !problem;
}
