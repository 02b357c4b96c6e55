/* SPDX-License-Identifier: MIT */
/*
 * env.c - environment variables, read by the rules of the specification
 *
 * The component of a diagnostic is the variable's name. Each text is rate-limited on its own, so
 * that all mistakes are reported.
 */
#include "tote/internal/env.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/api_os.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/text.h"

const char *tote__env(const char *name) {
    const char *text = name ? getenv(name) : NULL;

    if (!text || !text[strspn(text, " \t\r\n")]) {
        return NULL;
    }
    if (tote__is_privileged()) {
        tote__diagnose_each(TOTE_LEVEL_WARN, name,
                            "ignored: the program is setuid, setgid or has file capabilities, and "
                            "ignores the variables of its caller; set options in the program");
        return NULL;
    }
    return text;
}

/* strtoull() also accepts signs, which wrap around, and other blanks. */
static bool parse_number(const char *text, uint64_t *number) {
    size_t length = strlen(text);
    uint64_t result = 0;

    tote__trim_lines(&text, &length);
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        uint64_t digit = (uint64_t)(text[i] - '0');
        if (result > (UINT64_MAX - digit) / 10) {
            return false;
        }
        result = result * 10 + digit;
    }
    *number = result;
    return length > 0;
}

bool tote__env_number(const char *name, uint64_t least, uint64_t most, uint64_t *number) {
    const char *text = tote__env(name);
    uint64_t parsed = 0;

    if (!text || !number) {
        return false;
    }
    if (!parse_number(text, &parsed) || parsed < least || parsed > most) {
        tote__diagnose_each(TOTE_LEVEL_WARN, name,
                            "'%s' is not an integer from %" PRIu64 " to %" PRIu64
                            ": the variable is ignored",
                            text, least, most);
        return false;
    }
    *number = parsed;
    return true;
}

bool tote__env_is_word(const char *text, size_t length, const char *word) {
    tote__trim_lines(&text, &length);
    return tote__equals_ignoring_case(text, length, word, strlen(word));
}

bool tote__env_boolean(const char *name) {
    const char *text = tote__env(name);
    size_t length = text ? strlen(text) : 0;

    if (!text) {
        return false;
    }
    if (tote__env_is_word(text, length, "true")) {
        return true;
    }
    if (!tote__env_is_word(text, length, "false") && !tote__env_is_word(text, length, "")) {
        tote__diagnose_each(TOTE_LEVEL_WARN, name, "'%s' counts as false: only 'true' is true",
                            text);
    }
    return false;
}

uint32_t tote__known_value(const char *name, uint32_t value, uint32_t last) {
    if (value <= last) {
        return value;
    }
    tote__diagnose_each(TOTE_LEVEL_WARN, "options",
                        "%s: unknown value %u: the default is used; see the enum in the header",
                        name, (unsigned)value);
    return 0;
}
