/* SPDX-License-Identifier: MIT */
/*
 * store_node.h - a store, for the files that make it up
 *
 * What a reader looks at comes first: an empty level costs one line of memory. All logs hang on
 * `logs` until the store is freed, those that are not current are spare; so a process that was
 * forked in the middle of a change has nothing to put right.
 */
#ifndef TOTE_API_STORE_NODE_H
#define TOTE_API_STORE_NODE_H

#include "store_log.h"
#include "tote/internal/lock.h"
#include "tote/internal/pool.h"

enum { STORE_FIRST_WORDS = 32, STORE_DEEPEST = 1024 };

struct tote_store {
    _Atomic(struct store_log *) current; /* NULL: nothing was written yet */
    tote_store *parent;                  /* one reference */
    bool hides_propagating; /* an overlay: what propagates above it is not seen through it */
    bool keeps_nothing;
    bool is_sealed;               /* guarded by `lock` */
    _Atomic(uint32_t) references; /* 0: static, never counted */
    uint32_t depth;
    struct tote__lock lock;           /* held by the writer */
    _Atomic(struct store_log *) logs; /* all of them */
};

/* A store, and behind it its first log. */
static const struct tote__pool_kind tote__store_pool = {
    .index = TOTE__POOL_STORES,
    .kept = 256,
    .kept_most = 1024,
    .size = sizeof(tote_store) + sizeof(struct store_log) + STORE_FIRST_WORDS * sizeof(uint64_t)};

/* The log of STORE_FIRST_WORDS that lies behind a store that is not static. */
static inline struct store_log *tote__store_own_log(tote_store *store) {
    return (struct store_log *)(void *)(store + 1);
}

static inline size_t tote__store_log_bytes(uint32_t words) {
    return sizeof(struct store_log) + words * sizeof(uint64_t);
}

/* Every change ends in one of these, and all but the first change nothing. */
enum store_outcome { STORE_WRITTEN, STORE_SEALED, STORE_FULL, STORE_NO_MEMORY };

/*
 * Add an entry of a key that the store has no record of, without metadata: the way of most.
 * Returns false, and nothing has changed, if it is not as simple as that.
 */
bool tote__store_put_new(tote_store *store, const char *key, size_t length, tote_value value,
                         uint32_t flags);

/* The same without the lock, for a store that nobody else knows yet. */
bool tote__store_put_unshared(tote_store *store, const struct tote__overlay_entry *entry);

/* Add or replace an entry, and report it when that cannot be. The flags are taken as they are. */
enum store_outcome tote__store_put(tote_store *store, const struct tote__overlay_entry *entry);

/*
 * Append a record, of whatever size in all; its key is not in the store yet, which nobody else
 * knows.
 */
bool tote__store_append(tote_store *store, const struct store_record *record);

/* The same for what a visit found: a tote__entry_visitor, whose `arg` is the store. */
bool tote__store_append_entry(void *store, const struct tote__entry *entry);

/*
 * Return whether the key, that is UTF-8, is visible; `hides_propagating` as if there were an
 * overlay below.
 */
bool tote__store_has(const tote_store *store, const struct store_key *key, bool hides_propagating);

/* tote_store_get() for entries that have any of `visibility`; UINT32_MAX: all. */
ptrdiff_t tote__store_get(const tote_store *store, const char *key, uint32_t visibility,
                          char *buffer, size_t size);

/*
 * Visit all keys that the stores from `store` on have, but not `end` and what is above it: those
 * that are deleted or hidden by an overlay too, with RECORD_TOMBSTONE as their flags and no value.
 * Returns false when memory ran out or the visitor wanted no more.
 */
bool tote__store_visit_until(const tote_store *store, const tote_store *end,
                             tote__entry_visitor visitor, void *arg);

/* tote_store_get_all() for entries that have any of `visibility`. */
tote_entries *tote__entries_new(const tote_store *store, uint32_t visibility);

#endif
