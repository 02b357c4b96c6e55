/* SPDX-License-Identifier: MIT */
/*
 * pending.h - the requests that have begun and not ended: a table of a fixed size
 *
 * The key is the number of the stream in HAProxy and the client's port. The number alone is not
 * unique: a reload of HAProxy starts to count again while the old process still serves.
 */
#ifndef TOTE_HAPROXY_PENDING_H
#define TOTE_HAPROXY_PENDING_H

#include <stddef.h>
#include <stdint.h>

#include "tote/context.h"

struct pending_key {
    uint64_t stream;
    uint64_t port;
};

/* What a request has open. */
struct pending_spans {
    tote_context *server; /* with the server span, and baggage */
    tote_span *client;
};

struct pending;

/* Create a table for up to `capacity` requests. Returns NULL if out of memory. */
struct pending *pending_new(size_t capacity);

/* Free the table, which is empty; NULL is allowed. */
void pending_free(struct pending *table);

size_t pending_count(const struct pending *table);

/* Add a request. There is room, and the key is not in the table. `since` grows. */
void pending_add(struct pending *table, struct pending_key key, struct pending_spans spans,
                 uint64_t since);

/* Remove a request. Returns false if it is not in the table. */
bool pending_take(struct pending *table, struct pending_key key, struct pending_spans *spans);

/* Return the key of the oldest request, and since when it is in the table. */
bool pending_oldest(const struct pending *table, struct pending_key *key, uint64_t *since);

#endif
