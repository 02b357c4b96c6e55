/* SPDX-License-Identifier: MIT */
/*
 * store_log.h - the entries of one store: a log that readers scan without a lock
 *
 * Records are appended under the store's lock and show when `length` grows, by one release store. A
 * log that is full is written anew, without what was replaced, into another one, which shows when it becomes
 * the current one, by one release store again. So a reader, and a child that was forked at any
 * moment, sees every change whole or not at all. A log that is used again has a new `epoch`: a
 * reader that was still in it starts over. Logs are freed with their store.
 */
#ifndef TOTE_API_STORE_LOG_H
#define TOTE_API_STORE_LOG_H

#include <stdatomic.h>

#include "tote/internal/memory.h"
#include "tote/internal/store.h"

/* Beside visibilities and TOTE__REMOTE, in a record. */
enum { RECORD_TOMBSTONE = 1 << 3, RECORD_REPLACED = 1 << 4 };

struct store_log {
    struct store_log *next; /* among the spare ones */
    uint32_t capacity;      /* words */
    _Atomic(uint32_t) epoch;
    _Atomic(uint32_t) length; /* words */
    _Atomic(uint64_t) words[];
};

/* A key as it is looked for. */
struct store_key {
    const char *text;
    size_t length;
    uint32_t hash;
};

struct store_key tote__store_key(const char *text, size_t length);

/* A record, to be written, or copied out. */
struct store_record {
    struct store_key key;
    uint32_t flags;
    const char *metadata; /* NUL behind it when copied out */
    size_t metadata_length;
    size_t attribute_size;
    const uint8_t *attribute; /* copied out; else NULL: made of `value` as it is written */
    tote_value value;
};

/* How many words a record takes. */
size_t tote__record_words(const struct store_record *record);

/* Append where there is room; `at` is where the record begins. The caller publishes the length. */
void tote__log_write(struct store_log *log, uint32_t at, const struct store_record *record);

/* Append a record of another log. */
void tote__log_copy(struct store_log *log, uint32_t at, const struct store_log *from,
                    uint32_t from_at);

/*
 * Walk over the records: `*at` starts as 0 and ends as `length`. Returns: false at the end, and when what
 * is there is no record, because the log is being used again.
 */
struct record_head {
    uint32_t at;
    uint32_t words;
    uint32_t hash;
    uint32_t flags;
};
bool tote__log_next(const struct store_log *log, uint32_t length, uint32_t *at,
                    struct record_head *head);

/* Whether the record is of this key. */
bool tote__log_has_key(const struct store_log *log, const struct record_head *head,
                       const struct store_key *key);

/* The newest record of the key below `length`. Returns: false when there is none. */
bool tote__log_find(const struct store_log *log, uint32_t length, const struct store_key *key,
                    struct record_head *found);

/* Note that a newer record has taken this one's place. */
void tote__log_mark_replaced(struct store_log *log, const struct record_head *head);

/* Copy words out. */
void tote__log_read(const struct store_log *log, uint32_t at, uint32_t words, uint64_t *out);

/* Take a copied record apart; what it points to is in `words`. */
struct store_record tote__record_parse(const uint64_t *words);

#endif
