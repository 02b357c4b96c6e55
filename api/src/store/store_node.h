/* SPDX-License-Identifier: MIT */
/*
 * store_node.h - layout and private functions of a store
 *
 * The fields that readers use come first, so reading an empty level touches one cache line. All
 * logs stay in the list `logs` until the store is freed. Logs other than the current one are spare.
 * A process forked in the middle of a change therefore has nothing to repair.
 */
#ifndef TOTE_API_STORE_NODE_H
#define TOTE_API_STORE_NODE_H

#include "store_log.h"
#include "tote/internal/lock.h"
#include "tote/internal/pool.h"

enum { STORE_FIRST_WORDS = 32, STORE_DEEPEST = 1024 };

struct tote_store {
    /* NULL: nothing was written yet. Aligned for the log that follows, also on 32 bits. */
    _Alignas(struct store_log) _Atomic(struct store_log *) current;
    tote_store *parent;     /* owns one reference */
    bool hides_propagating; /* an overlay: hides propagating entries of its ancestors */
    bool keeps_nothing;
    bool is_sealed;               /* guarded by `lock` */
    _Atomic(uint32_t) references; /* 0: static, never counted */
    uint32_t depth;
    struct tote__lock lock;           /* held by the writer */
    _Atomic(struct store_log *) logs; /* all of them */
};

/* A store followed by its first log. */
static const struct tote__pool_kind tote__store_pool = {
    .index = TOTE__POOL_STORES,
    .kept = 256,
    .kept_most = 1024,
    .size = sizeof(tote_store) + sizeof(struct store_log) + STORE_FIRST_WORDS * sizeof(uint64_t)};

/* Return the log of STORE_FIRST_WORDS that follows a store. The store must not be static. */
static inline struct store_log *tote__store_own_log(tote_store *store) {
    return (struct store_log *)(void *)(store + 1);
}

static inline size_t tote__store_log_bytes(uint32_t words) {
    return sizeof(struct store_log) + words * sizeof(uint64_t);
}

/* The result of a change. All except STORE_WRITTEN leave the store unchanged. */
enum store_outcome { STORE_WRITTEN, STORE_SEALED, STORE_FULL, STORE_NO_MEMORY };

/*
 * Add an entry without metadata whose key has no record in the store. This is the fast path of
 * most entries. Returns false if the fast path does not apply; the store is then unchanged.
 */
bool tote__store_put_new(tote_store *store, const char *key, size_t length, tote_value value,
                         uint32_t flags);

/* Like tote__store_put_new(), but without the lock, for a store that is not shared yet. */
bool tote__store_put_unshared(tote_store *store, const struct tote__overlay_entry *entry);

/* Add or replace an entry; reports a failure. The flags are stored unchanged. */
enum store_outcome tote__store_put(tote_store *store, const struct tote__overlay_entry *entry);

/*
 * Append a record without checking the size limit of the store. The key must not be in the store,
 * and the store must not be shared yet.
 */
bool tote__store_append(tote_store *store, const struct store_record *record);

/* Append a visited entry. This is a tote__entry_visitor; its `arg` is the store. */
bool tote__store_append_entry(void *store, const struct tote__entry *entry);

/*
 * Return whether the key is visible; it must be valid UTF-8. If `hides_propagating`, propagating
 * entries are hidden, like below an overlay.
 */
bool tote__store_has(const tote_store *store, const struct store_key *key, bool hides_propagating);

/* Like tote_store_get(), for entries that have any flag of `visibility`; UINT32_MAX: all. */
ptrdiff_t tote__store_get(const tote_store *store, const char *key, uint32_t visibility,
                          char *buffer, size_t size);

/*
 * Visit all keys of `store` and its ancestors, except `end` and the ancestors of `end`. Deleted
 * keys and keys hidden by an overlay have RECORD_TOMBSTONE as their flags and no value. Returns
 * false if out of memory or if the visitor stopped the visit.
 */
bool tote__store_visit_until(const tote_store *store, const tote_store *end,
                             tote__entry_visitor visitor, void *arg);

/* Like tote_store_get_all(), for entries that have any flag of `visibility`. */
tote_entries *tote__entries_new(const tote_store *store, uint32_t visibility);

#endif
