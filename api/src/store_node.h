/* SPDX-License-Identifier: MIT */
/*
 * store_node.h - a store, for the files that make it up
 */
#ifndef TOTE_API_STORE_NODE_H
#define TOTE_API_STORE_NODE_H

#include "store_log.h"
#include "tote/internal/lock.h"

enum { STORE_FIRST_WORDS = 32, STORE_DEEPEST = 1024 };

struct tote_store {
    _Atomic(uint32_t) references; /* 0: static, never counted */
    uint32_t depth;
    tote_store *parent;     /* one reference */
    bool hides_propagating; /* a layer: what propagates above it is not seen through it */
    bool keeps_nothing;
    _Atomic(bool) is_sealed;
    struct tote__lock lock; /* guards writing: the logs but for their words, and ... */
    uint32_t live_words;    /* ... how much of the current log was not replaced */
    struct store_log *spare;
    _Atomic(struct store_log *) current; /* NULL: empty */
    struct store_log *own;               /* in the store's own memory, behind it */
};

/* tote_store_get() for entries that have any of `visibility`; UINT32_MAX: all. */
ptrdiff_t tote__store_get(const tote_store *store, const char *key, uint32_t visibility,
                          char *buffer, size_t size);

/* tote_store_get_all() for entries that have any of `visibility`. */
tote_entries *tote__entries_new(const tote_store *store, uint32_t visibility);

#endif
