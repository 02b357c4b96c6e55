/* SPDX-License-Identifier: MIT */
/* fuzz_baggage.c - extracted entries are injected, and extracted unchanged once more */
#include "lines.h"

/*
 * Encoding makes at most three bytes of an octet: this much of the default 8192 bytes is injected
 * whole.
 */
enum { ALWAYS_FITS = 8192 / 3 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct written written;

    use_propagator("baggage");
    tote_context *context = extract_lines((tote_header){0}, "baggage", data, size);
    write_headers(context, &written);
    tote_context *again = extract_written(&written);
    tote_entries *sent = tote_context_get_all_baggage(context);
    tote_entries *received = tote_context_get_all_baggage(again);

    MUST(tote_entries_get_count(received) <= tote_entries_get_count(sent));
    MUST(tote_entries_get_count(received) == tote_entries_get_count(sent) || size > ALWAYS_FITS);
    for (size_t i = 0; i < tote_entries_get_count(received); i++) {
        const tote_entry *entry = tote_entries_get_at(received, i);
        const tote_entry *before = tote_entries_find(sent, entry->key);
        MUST(before && tote_value_equals(before->value, entry->value));
        MUST(strcmp(before->metadata, entry->metadata) == 0);
    }
    tote_entries_free(received);
    tote_entries_free(sent);
    tote_context_unref(again);
    tote_context_unref(context);
    return 0;
}
