/* SPDX-License-Identifier: MIT */
/*
 * store_log.h - append-only log of the entries of one store, with lock-free readers
 *
 * A writer appends records under the store's lock. One release store to `extent` publishes each
 * record. A list that grows backward from the end of the log contains one word per record. A
 * search reads only this list, newest record first.
 * If a log is full, the writer copies all records that are not replaced into another log. One
 * release store makes that log the current one. A reader, or a child process forked at any moment,
 * therefore sees every change completely or not at all. Reusing a log increments its `epoch`: a
 * reader that was still in the log restarts. Logs are freed with their store.
 */
#ifndef TOTE_API_STORE_LOG_H
#define TOTE_API_STORE_LOG_H

#include <stdatomic.h>

#include "tote/internal/memory.h"
#include "tote/internal/store.h"

/* Flags of a record, in addition to visibilities and TOTE__REMOTE. */
enum { RECORD_TOMBSTONE = 1 << 3, RECORD_REPLACED = 1 << 4 };

struct store_log {
    struct store_log *next;   /* in the store's list */
    uint32_t capacity;        /* in words */
    _Atomic(uint32_t) epoch;  /* incremented when the log is reused */
    _Atomic(uint64_t) extent; /* see struct log_extent */
    _Atomic(uint64_t) words[];
};

/* The written part of a log. */
struct log_extent {
    uint32_t length; /* in words, without the list */
    uint32_t count;  /* number of records */
};

static inline struct log_extent tote__log_extent(const struct store_log *log) {
    uint64_t extent = atomic_load_explicit(&log->extent, memory_order_acquire);

    return (struct log_extent){(uint32_t)extent, (uint32_t)(extent >> 32)};
}

static inline void tote__log_publish(struct store_log *log, struct log_extent extent) {
    atomic_store_explicit(&log->extent, (uint64_t)extent.count << 32 | extent.length,
                          memory_order_release);
}

/* Return the largest size of another record, in words. */
static inline uint32_t tote__log_buffer(const struct store_log *log, struct log_extent extent) {
    uint32_t left = log->capacity - extent.length - extent.count;

    return left ? left - 1 : 0;
}

/* A key to search for. */
struct store_key {
    const char *text;
    size_t length;
    uint32_t hash;
};

/*
 * Set `key` to the text if it is valid UTF-8, else to a repaired copy in the arena. Returns false
 * if out of memory.
 */
bool tote__store_key(struct store_key *key, const char *text, size_t length,
                     struct tote__arena *arena);

/* The fields of a record. */
struct store_record {
    struct store_key key;
    uint32_t flags;
    const char *metadata;
    size_t metadata_length;
    const uint8_t *attribute;
    size_t attribute_size;
};

/* The maximum length of the key and of the metadata of a record, in bytes. */
enum { RECORD_LONGEST_TEXT = UINT16_MAX };

enum { RECORD_HEAD_WORDS = 2 };

static inline size_t tote__words_for(size_t bytes) {
    return (bytes + sizeof(uint64_t) - 1) / sizeof(uint64_t);
}

/* Return the size of a record in words. */
static inline size_t tote__record_words(const struct store_record *record) {
    return RECORD_HEAD_WORDS + tote__words_for(record->key.length + 1 + record->metadata_length +
                                               1 + record->attribute_size);
}

/* Write the first words of a record. Returns the size of the record in words. */
static inline uint32_t tote__record_pack_head(uint64_t *words, const struct store_record *record) {
    uint32_t count = (uint32_t)tote__record_words(record);

    words[0] = (uint64_t)record->key.hash << 32 | (uint64_t)count << 8 | record->flags;
    words[1] = (uint64_t)record->key.length << 48 | (uint64_t)record->metadata_length << 32 |
               record->attribute_size;
    return count;
}

/* Write a record without its attribute. Returns the place where the caller writes the attribute. */
uint8_t *tote__record_pack(uint64_t *words, const struct store_record *record);

/* Parse a record. Key, metadata and attribute point into `words`; key and metadata end with NUL. */
static inline struct store_record tote__record_parse(const uint64_t *words) {
    const char *text = (const char *)(words + RECORD_HEAD_WORDS);
    size_t key_length = (size_t)(words[1] >> 48);
    size_t metadata_length = (size_t)(words[1] >> 32) & UINT16_MAX;

    return (struct store_record){
        .key = {text, key_length, (uint32_t)(words[0] >> 32)},
        .flags = (uint32_t)words[0] & UINT8_MAX,
        .metadata = text + key_length + 1,
        .metadata_length = metadata_length,
        .attribute = (const uint8_t *)text + key_length + 1 + metadata_length + 1,
        .attribute_size = (size_t)(words[1] & UINT32_MAX),
    };
}

/*
 * Return the AnyValue of the attribute of a record; empty if it has none. It is not validated,
 * because this process wrote it: tag, length, tag, length of the key, key, tag, length of the
 * value, value.
 */
static inline struct tote__slice tote__record_value(const struct store_record *record) {
    const uint8_t *at = record->attribute;
    const uint8_t *end = at + record->attribute_size;

    if (!record->attribute_size) {
        return (struct tote__slice){NULL, 0};
    }
    at = tote__after_varint(at + 1);
    at = tote__after_varint(at + 1) + record->key.length;
    at = tote__after_varint(at + 1);
    return (struct tote__slice){at, (size_t)(end - at)};
}

/* The parsed first word of a record, and the record's index in the log. */
struct record_head {
    uint32_t at;
    uint32_t words;
    uint32_t hash;
    uint32_t flags;
};

static inline struct record_head tote__record_head(uint64_t first_word, uint32_t at) {
    return (struct record_head){at, (uint32_t)(first_word >> 8) & 0xFFFFFF,
                                (uint32_t)(first_word >> 32), (uint32_t)first_word & UINT8_MAX};
}

/*
 * All words are read and written atomically, with acquire and release order: a reader that reads a
 * word of a reused log sees the new epoch when it checks the epoch afterwards.
 */
static inline uint64_t tote__log_load(const struct store_log *log, uint32_t at) {
    return atomic_load_explicit(&log->words[at], memory_order_acquire);
}

static inline void tote__log_store(struct store_log *log, uint32_t at, uint64_t word) {
    atomic_store_explicit(&log->words[at], word, memory_order_release);
}

/* Return the index of a record's word in the list. It contains the hash and the record's index. */
static inline uint32_t tote__log_listed_at(const struct store_log *log, uint32_t record) {
    return log->capacity - 1 - record;
}

/* Add the record at the end of the extent to the list. Returns the extent including the record. */
static inline struct log_extent tote__log_list(struct store_log *log, struct log_extent extent,
                                               uint32_t hash, uint32_t words) {
    tote__log_store(log, tote__log_listed_at(log, extent.count),
                    (uint64_t)hash << 32 | extent.length);
    return (struct log_extent){extent.length + words, extent.count + 1};
}

/* Write a record after the extent; there must be enough space. Returns the extent to publish. */
static inline struct log_extent tote__log_write(struct store_log *log, struct log_extent extent,
                                                const uint64_t *words, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        tote__log_store(log, extent.length + i, words[i]);
    }
    return tote__log_list(log, extent, (uint32_t)(words[0] >> 32), count);
}

/* Return the address of a word. Only for a writer, and only for words that no reader can access. */
static inline uint64_t *tote__log_place(struct store_log *log, uint32_t at) {
    return (uint64_t *)(void *)&log->words[at];
}

/* Return whether any record of the log has this hash. */
static inline bool tote__log_has_hash(const struct store_log *log, struct log_extent extent,
                                      uint32_t hash) {
    for (uint32_t record = 0; record < extent.count; record++) {
        if (tote__log_load(log, tote__log_listed_at(log, record)) >> 32 == hash) {
            return true;
        }
    }
    return false;
}

/* Copy a record of another log after the extent. Returns the extent to publish. */
struct log_extent tote__log_copy(struct store_log *log, struct log_extent extent,
                                 const struct store_log *from, const struct record_head *head);

/*
 * Iterate over the records: `*at` starts as 0 and ends as `length`. Returns false at the end. Also
 * returns false if the words are not a valid record, because the log is being reused.
 */
static inline bool tote__log_next(const struct store_log *log, uint32_t length, uint32_t *at,
                                  struct record_head *head) {
    if (*at >= length) {
        return false;
    }
    *head = tote__record_head(tote__log_load(log, *at), *at);
    if (head->words <= RECORD_HEAD_WORDS || head->words > length - *at) {
        return false;
    }
    *at += head->words;
    return true;
}

/* Return whether the record has this key. Their hashes must already be equal. */
bool tote__log_has_key(const struct store_log *log, uint32_t at, uint32_t words,
                       const struct store_key *key);

/* Find the newest record of the key. Returns false if there is none. */
bool tote__log_find(const struct store_log *log, struct log_extent extent,
                    const struct store_key *key, struct record_head *found);

/* Add a flag to a record; readers may be reading it. */
void tote__log_add_flag(struct store_log *log, const struct record_head *head, uint32_t flag);

/* Copy words of the log to `out`. */
static inline void tote__log_read(const struct store_log *log, uint32_t at, uint32_t words,
                                  uint64_t *out) {
    const _Atomic(uint64_t) *from = log->words + at;
    uint32_t i = 0;

    for (; i + 2 <= words; i += 2) {
        out[i] = atomic_load_explicit(from + i, memory_order_acquire);
        out[i + 1] = atomic_load_explicit(from + i + 1, memory_order_acquire);
    }
    if (i < words) {
        out[i] = atomic_load_explicit(from + i, memory_order_acquire);
    }
}

#endif
