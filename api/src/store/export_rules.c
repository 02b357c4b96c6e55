/* SPDX-License-Identifier: MIT */
/*
 * export_rules.c - how much of a store goes out
 */
#include "tote/internal/export_rules.h"

#include <string.h>

bool tote__export_take(struct tote__export_budget *budget, const struct tote__entry *entry) {
    size_t size = entry->attribute.size;

    if (budget->count >= TOTE__MOST_ENTRIES || budget->bytes + size > TOTE__MOST_ENTRY_BYTES) {
        return false;
    }
    if (entry->flags & TOTE__REMOTE) {
        if (budget->remote_count >= TOTE__MOST_REMOTE_ENTRIES ||
            budget->remote_bytes + size > TOTE__MOST_REMOTE_BYTES) {
            return false;
        }
        budget->remote_count++;
        budget->remote_bytes += size;
    }
    budget->count++;
    budget->bytes += size;
    return true;
}

bool tote__export_is_reserved(const struct tote__entry *entry) {
    static const char *const prefixes[] = {"service.", "telemetry.", "http.",
                                           "url.",     "error.",     "otel."};

    for (size_t i = 0; (entry->flags & TOTE__REMOTE) && i < TOTE_COUNT_OF(prefixes); i++) {
        size_t length = strlen(prefixes[i]);
        if (entry->key_length >= length && memcmp(entry->key, prefixes[i], length) == 0) {
            return true;
        }
    }
    return false;
}
