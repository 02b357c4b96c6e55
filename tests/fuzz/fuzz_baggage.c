/* SPDX-License-Identifier: MIT */
/*
 * fuzz_baggage.c - baggage that came in goes out, and comes in alike; only what grows when it is
 * encoded may be over the limit then
 */
#include "fuzz.h"
#include "tote/baggage.h"
#include "tote/diagnostics.h"
#include "tote/propagators.h"

enum { MOST_BYTES = 15360, MOST_GROWTH = 3 };

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static void compare(const tote_context *context, const tote_context *received) {
    tote_entries *a = tote_context_get_all_baggage(context);
    tote_entries *b = tote_context_get_all_baggage(received);

    MUST(tote_entries_get_count(a) == tote_entries_get_count(b));
    for (size_t i = 0; i < tote_entries_get_count(a); i++) {
        const tote_entry *entry = tote_entries_get_at(a, i);
        const tote_entry *other = tote_entries_find(b, entry->key);
        MUST(other && tote_value_equals(entry->value, other->value));
        MUST(strcmp(entry->metadata, other->metadata) == 0);
    }
    tote_entries_free(b);
    tote_entries_free(a);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    static char buffer[TOTE_INJECT_BYTES];
    tote_header in = {"baggage", 7, (const char *)data, size}, out[1];

    options.max_bytes = MOST_BYTES;
    tote_set_diagnostics(ignore, TOTE_LEVEL_WARN, NULL);
    tote_propagator *propagator = tote_propagator_new_baggage(&options);
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    tote_context *context = tote_extract_headers(tote_context_root(), &in, 1);
    size_t sent = tote_inject_headers(context, out, 1, buffer, sizeof buffer);
    MUST(!sent || out[0].value_length <= MOST_BYTES);
    tote_context *received = tote_extract_headers(tote_context_root(), out, sent);
    if (size <= MOST_BYTES / MOST_GROWTH) {
        compare(context, received);
    }
    tote_context_unref(received);
    tote_context_unref(context);
    return 0;
}
