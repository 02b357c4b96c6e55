/* SPDX-License-Identifier: MIT */
/*
 * method.c - known methods, and names of spans. Spec: http-spans.md#name, http.request.method
 *
 * Tests: tests/unit/test_http.c
 */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

enum { MOST_METHODS = 32 };

/* Read once. The text is a copy, because the program may change its environment. Never freed. */
static struct {
    pthread_once_t once;
    struct tote__part methods[MOST_METHODS];
    size_t count;
} known = {.once = PTHREAD_ONCE_INIT};

static void read_known(void) {
    static const char standard[] = "CONNECT,DELETE,GET,HEAD,OPTIONS,PATCH,POST,PUT,TRACE,QUERY";
    const char *given = secure_getenv("OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS");
    bool is_given = given && given[strspn(given, ", \t\r\n")];
    char *copy = is_given ? tote__copy_text(given, strlen(given)) : NULL;
    const char *list = copy ? copy : standard;
    size_t count = tote__split(list, strlen(list), ',', known.methods, MOST_METHODS);

    known.count = tote__min(count, MOST_METHODS);
    for (size_t i = 0; i < known.count; i++) {
        tote__trim(&known.methods[i].at, &known.methods[i].length);
    }
}

const char *tote_http_known_method(const char *method) {
    size_t length = method ? strlen(method) : 0;

    pthread_once(&known.once, read_known);
    for (size_t i = 0; length && i < known.count; i++) {
        if (known.methods[i].length == length &&
            tote__is_same(known.methods[i].at, method, length)) {
            return method;
        }
    }
    return "_OTHER";
}

/* Write text from `at` on, as far as it fits before a NUL. Returns the end of the whole text. */
static size_t put(char *buffer, size_t size, size_t at, const char *text) {
    size_t length = strlen(text);

    if (at < size) {
        size_t kept = tote__min(length, size - 1 - at);
        memcpy(buffer + at, text, kept);
        buffer[at + kept] = '\0';
    }
    return at + length;
}

size_t tote_http_span_name(char *buffer, size_t size, const char *method, const char *target) {
    const char *known_method = tote_http_known_method(method);

    size = buffer ? size : 0;
    size_t length =
        put(buffer, size, 0, strcmp(known_method, "_OTHER") == 0 ? "HTTP" : known_method);
    if (target && *target) {
        length = put(buffer, size, put(buffer, size, length, " "), target);
    }
    return length;
}
