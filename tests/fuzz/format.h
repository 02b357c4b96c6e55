/* SPDX-License-Identifier: MIT */
/*
 * format.h - for fuzz targets of one format: extracted headers are injected, and extracted once
 * more
 */
#ifndef TOTE_TESTS_FUZZ_FORMAT_H
#define TOTE_TESTS_FUZZ_FORMAT_H

#include <strings.h>

#include "lines.h"
#include "tote/internal/span.h"

/* Data that a format cannot carry. */
enum { FORMAT_HALF_TRACE_ID = 1 << 0, FORMAT_PLAIN_VALUES = 1 << 1 };

/*
 * This much is injected whole: an invalid UTF-8 octet becomes nine characters, and each name has a
 * prefix.
 */
enum { FORMAT_ALWAYS_FITS = 8192 / 16 };

static inline void check_span(const tote_span_context *before, const tote_span_context *after,
                              unsigned loses) {
    size_t from = loses & FORMAT_HALF_TRACE_ID ? 8 : 0;
    uint64_t half;

    memcpy(&half, before->trace_id.bytes + 8, sizeof half);
    if ((loses & FORMAT_HALF_TRACE_ID) && !half) {
        return; /* the rest of the id is no valid id */
    }
    MUST(tote_span_context_is_valid(before) == tote_span_context_is_valid(after));
    MUST(memcmp(before->trace_id.bytes + from, after->trace_id.bytes + from, 16 - from) == 0);
    MUST(memcmp(&before->span_id, &after->span_id, sizeof before->span_id) == 0);
    MUST(before->trace_flags == after->trace_flags && before->trace_flags < 2);
    MUST(before->hints == after->hints);
    MUST(!(before->hints & TOTE__DEBUG) || before->trace_flags == 1);
    MUST(!(before->hints & TOTE__DEFERRED) || before->trace_flags == 0);
}

/* Header names are case-insensitive, so only one of two names that differ in case is injected. */
static inline bool has_name(const tote_entries *entries, const char *name) {
    for (size_t i = 0; i < tote_entries_get_count(entries); i++) {
        if (strcasecmp(tote_entries_get_at(entries, i)->key, name) == 0) {
            return true;
        }
    }
    return false;
}

static inline void check_entries(const tote_context *before, const tote_context *after,
                                 bool all_arrive) {
    tote_entries *sent = tote_context_get_all_baggage(before);
    tote_entries *received = tote_context_get_all_baggage(after);

    for (size_t i = 0; i < tote_entries_get_count(received); i++) {
        const tote_entry *entry = tote_entries_get_at(received, i);
        const tote_entry *same = tote_entries_find(sent, entry->key);
        MUST(same && tote_value_equals(same->value, entry->value));
    }
    for (size_t i = 0; all_arrive && i < tote_entries_get_count(sent); i++) {
        MUST(has_name(received, tote_entries_get_at(sent, i)->key));
    }
    tote_entries_free(received);
    tote_entries_free(sent);
}

/* Lines "name: value", through the propagators that `in` and `out` name. */
static inline void check_format(tote_propagator *in, tote_propagator *out, unsigned loses,
                                const uint8_t *data, size_t size) {
    static struct written written;
    tote_header headers[MOST_LINES];
    tote_header_array carrier = {.headers = headers};

    tote_diagnostics_set_handler(ignore_report, TOTE_LEVEL_WARN, NULL);
    carrier.count = split_headers((const char *)data, size, headers);
    tote_context *context =
        tote_propagator_extract(in, tote_context_root(), &carrier, tote_header_array_getter());

    carrier = (tote_header_array){written.headers, 0, MOST_WRITTEN, written.buffer,
                                  sizeof written.buffer};
    tote_propagator_inject(out, context, &carrier, tote_header_array_setter());
    for (size_t i = 0; i < carrier.count; i++) { /* no byte that would break a message */
        MUST(!strpbrk(carrier.headers[i].value, "\r\n"));
        MUST(strlen(carrier.headers[i].value) == carrier.headers[i].value_length);
    }
    tote_context *again =
        tote_propagator_extract(in, tote_context_root(), &carrier, tote_header_array_getter());
    check_span(tote_span_get_context(tote_context_get_span(context)),
               tote_span_get_context(tote_context_get_span(again)), loses);
    check_entries(context, again, !(loses & FORMAT_PLAIN_VALUES) && size < FORMAT_ALWAYS_FITS);
    tote_context_unref(again);
    tote_context_unref(context);
}

#endif
