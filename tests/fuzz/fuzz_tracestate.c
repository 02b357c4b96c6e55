/* SPDX-License-Identifier: MIT */
/*
 * fuzz_tracestate.c - tracestate headers, one a line, never spoil the traceparent beside them, and what
 * goes on comes in alike
 */
#include "fuzz.h"
#include "tote/propagators.h"

enum { MOST_LINES = 8 };

static const char traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

static size_t split(const char *text, size_t size, tote_header *headers) {
    size_t count = 0;

    headers[count++] = (tote_header){"traceparent", 11, traceparent, sizeof traceparent - 1};
    while (size && count <= MOST_LINES) {
        const char *end = memchr(text, '\n', size);
        size_t length = end && count < MOST_LINES ? (size_t)(end - text) : size;
        headers[count++] = (tote_header){"tracestate", 10, text, length};
        length += length < size;
        text += length;
        size -= length;
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static char first[TOTE_INJECT_BYTES], second[TOTE_INJECT_BYTES];
    tote_header in[MOST_LINES + 1], out[2], again[2];
    tote_propagator *propagator = tote_propagator_new_tracecontext();

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    size_t count = split((const char *)data, size, in);
    tote_context *context = tote_extract_headers(tote_context_root(), in, count);
    size_t sent = tote_inject_headers(context, out, 2, first, sizeof first);
    tote_context *received = tote_extract_headers(tote_context_root(), out, sent);
    MUST(sent && strcmp(out[0].value, traceparent) == 0);
    MUST(tote_inject_headers(received, again, 2, second, sizeof second) == sent);
    MUST(sent == 1 || strcmp(out[1].value, again[1].value) == 0);
    tote_context_unref(received);
    tote_context_unref(context);
    return 0;
}
