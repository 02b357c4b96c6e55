/* SPDX-License-Identifier: MIT */
/*
 * config.c - what the environment sets for all database clients
 *
 * Tests: tests/unit/test_database.c
 */
#include <pthread.h>
#include <stdlib.h>

#include "database_parts.h"
#include "tote/diagnostics.h"

static struct {
    pthread_once_t once;
    struct tote__database_config config;
} known = {.once = PTHREAD_ONCE_INIT};

/*
 * Return the index of the variable's value in a list of words, ignoring case. Returns 0 if the
 * variable is not set, and for another value, with a diagnostic.
 */
static unsigned read_word(const char *variable, const char *const *words, unsigned count) {
    const char *text = secure_getenv(variable);
    size_t length = text ? strlen(text) : 0;

    tote__trim(&text, &length);
    for (unsigned i = 0; i < count; i++) {
        if (length && tote__equals_ignoring_case(text, length, words[i], strlen(words[i]))) {
            return i;
        }
    }
    if (length) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "database", "%s: unknown value, using %s",
                                variable, words[0]);
    }
    return 0;
}

static bool read_boolean(const char *variable) {
    static const char *const words[] = {"false", "true"};

    return read_word(variable, words, TOTE_COUNT_OF(words)) == 1;
}

static void read_config(void) {
    static const char *const texts[] = {"sanitized", "raw", "none"};

    known.config = (struct tote__database_config){
        .text = (enum tote__database_text)read_word("OTEL_C_DB_QUERY_TEXT", texts,
                                                    TOTE_COUNT_OF(texts)),
        .wants_comment = read_boolean("OTEL_C_DB_COMMENTER"),
        .wants_rows = read_boolean("OTEL_C_DB_RETURNED_ROWS"),
    };
}

const struct tote__database_config *tote__database_config(void) {
    pthread_once(&known.once, read_config);
    return &known.config;
}

bool tote_database_wants_comment(void) {
    return tote__database_config()->wants_comment;
}

bool tote_database_wants_rows(void) {
    return tote__database_config()->wants_rows;
}

bool tote_database_wants_values(void) {
    return tote__database_config()->text == TOTE__DATABASE_TEXT_RAW;
}
