/* SPDX-License-Identifier: MIT */
/*
 * export_rules.h - how much of a store goes out, on a span or in a log line
 *
 * See tote/sdk.h at tote_store_export, and tote/log.h.
 */
#ifndef TOTE_INTERNAL_EXPORT_RULES_H
#define TOTE_INTERNAL_EXPORT_RULES_H

#include "tote/internal/store.h"

enum {
    TOTE__MOST_ENTRIES = 32,
    TOTE__MOST_ENTRY_BYTES = 4096,
    TOTE__MOST_REMOTE_ENTRIES = 16,
    TOTE__MOST_REMOTE_BYTES = 1024
};

/* What was taken so far. All zero at first. */
struct tote__export_budget {
    uint32_t count;
    uint32_t remote_count;
    size_t bytes;
    size_t remote_bytes;
};

/* Take the entry, if it is within the limits. */
TOTE_SHARED bool tote__export_take(struct tote__export_budget *budget,
                                   const struct tote__entry *entry);

/*
 * Whether the entry came from another process under a name that belongs to this one: it does not go
 * out.
 */
TOTE_SHARED bool tote__export_is_reserved(const struct tote__entry *entry);

#endif
