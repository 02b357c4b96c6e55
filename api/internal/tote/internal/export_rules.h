/* SPDX-License-Identifier: MIT */
/*
 * export_rules.h - the limits and reserved names of store entries on spans and in log lines
 *
 * The public contract is at tote_store_export in tote/sdk.h, and in tote/log.h.
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

/* The entries exported so far. All zero at first. */
struct tote__export_budget {
    uint32_t count;
    uint32_t remote_count;
    size_t bytes;
    size_t remote_bytes;
};

/* Count the entry. Returns false, and counts nothing, if the entry exceeds a limit. */
TOTE_SHARED bool tote__export_take(struct tote__export_budget *budget,
                                   const struct tote__entry *entry);

/*
 * Return whether the entry came in with remote baggage under a name that describes this process or
 * its peers. Such an entry is not exported. Case-sensitive, as attribute names are.
 */
TOTE_SHARED bool tote__export_is_reserved(const struct tote__entry *entry);

#endif
