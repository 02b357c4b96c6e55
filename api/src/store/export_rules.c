/* SPDX-License-Identifier: MIT */
/*
 * export_rules.c - the limits and reserved names of exported store entries
 *
 * Tests: tests/unit/test_store_export.c
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

/*
 * The namespaces of the semantic conventions that describe the process or its peers, in the order
 * of strcmp(). docs/propagation.md lists them.
 */
static const char namespaces[][12] = {
    "client",  "cloud", "code",   "container", "db",        "deployment", "error", "exception",
    "host",    "http",  "k8s",    "messaging", "network",   "os",         "otel",  "peer",
    "process", "rpc",   "server", "service",   "telemetry", "thread",     "url",
};

/* Compare a key's part before its first dot with a namespace, as strcmp(). */
static int compare(const char *part, size_t length, const char *name) {
    int order = strncmp(part, name, length);

    return order ? order : -(name[length] != '\0');
}

/* Return whether the key begins with a namespace and a dot. */
static bool is_in_namespace(const char *key, size_t key_length) {
    const char *dot = memchr(key, '.', tote__min(key_length, sizeof *namespaces));
    size_t first = 0, end = dot ? TOTE_COUNT_OF(namespaces) : 0;

    while (first < end) {
        size_t middle = (first + end) / 2;
        int order = compare(key, (size_t)(dot - key), namespaces[middle]);
        if (order == 0) {
            return true;
        }
        if (order < 0) {
            end = middle;
        } else {
            first = middle + 1;
        }
    }
    return false;
}

bool tote__export_is_reserved(const struct tote__entry *entry) {
    return (entry->flags & TOTE__REMOTE) && is_in_namespace(entry->key, entry->key_length);
}
