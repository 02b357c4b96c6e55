/* SPDX-License-Identifier: MIT */
/* lines.h - for fuzz targets of headers: lines into a context, and a context into headers */
#ifndef TOTE_TESTS_FUZZ_LINES_H
#define TOTE_TESTS_FUZZ_LINES_H

#include "fuzz.h"
#include "tote/tote.h"

enum { MOST_LINES = 64, MOST_WRITTEN = MOST_LINES + 16 };

/* The headers that a context injects. */
struct written {
    tote_header headers[MOST_WRITTEN];
    size_t count;
    char buffer[TOTE_INJECT_BUFFER_BYTES];
};

static inline void ignore_report(tote_level level, const char *component, const char *message,
                                 void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

/* Make this the global propagator from the first input on. */
static inline void use_propagator(const char *names) {
    static bool is_done;

    if (!is_done) {
        tote_propagator *propagator = tote_propagator_from_names(names);
        tote_diagnostics_set_handler(ignore_report, TOTE_LEVEL_WARN, NULL);
        tote_propagator_set_global(propagator);
        tote_propagator_unref(propagator);
        is_done = true;
    }
}

/* Extract from `first`, if it has a name, and from the input, each line of which is a header. */
static inline tote_context *extract_lines(tote_header first, const char *name, const uint8_t *data,
                                          size_t size) {
    tote_header headers[1 + MOST_LINES] = {first};
    const char *text = (const char *)data;
    size_t count = first.name ? 1 : 0;

    for (size_t at = 0; at < size && count < MOST_LINES; count++) {
        const char *end = memchr(text + at, '\n', size - at);
        size_t length = end ? (size_t)(end - text) - at : size - at;
        headers[count] = (tote_header){name, strlen(name), text + at, length};
        at += length + 1;
    }
    return tote_extract_headers(tote_context_root(), headers, count);
}

/* Read each line "name: value" as a header. Returns how many there are. */
static inline size_t split_headers(const char *text, size_t size, tote_header headers[MOST_LINES]) {
    const char *end = text + size;
    size_t count = 0;

    while (text < end && count < MOST_LINES) {
        const char *line_end = memchr(text, '\n', (size_t)(end - text));
        line_end = line_end ? line_end : end;
        const char *colon = memchr(text, ':', (size_t)(line_end - text));
        if (colon) {
            headers[count++] = (tote_header){text, (size_t)(colon - text), colon + 1,
                                             (size_t)(line_end - colon - 1)};
        }
        text = line_end < end ? line_end + 1 : end;
    }
    return count;
}

static inline void write_headers(const tote_context *context, struct written *written) {
    written->count = tote_inject_headers(context, written->headers, TOTE_COUNT_OF(written->headers),
                                         written->buffer, sizeof written->buffer);
}

static inline tote_context *extract_written(const struct written *written) {
    return tote_extract_headers(tote_context_root(), written->headers, written->count);
}

#endif
