/* SPDX-License-Identifier: MIT */
/*
 * store_log.c - records in a log
 *
 * A record: one word of hash, size and flags; one of lengths; then key, NUL, metadata, NUL and the
 * attribute in wire format, filled up to a word. All words are read and written whole and
 * atomically, acquire and release, which orders them with the epoch.
 */
#include "store_log.h"

#include <string.h>

#include "tote/internal/text.h"

enum { HEAD_WORDS = 2, WORD = sizeof(uint64_t) };

struct store_key tote__store_key(const char *text, size_t length) {
    return (struct store_key){text, length, (uint32_t)tote__hash(text, length)};
}

static size_t content_size(const struct store_record *record) {
    return record->key.length + 1 + record->metadata_length + 1 + record->attribute_size;
}

size_t tote__record_words(const struct store_record *record) {
    return HEAD_WORDS + (content_size(record) + WORD - 1) / WORD;
}

static uint64_t load(const struct store_log *log, uint32_t at) {
    return atomic_load_explicit(&log->words[at], memory_order_acquire);
}

static void store(struct store_log *log, uint32_t at, uint64_t word) {
    atomic_store_explicit(&log->words[at], word, memory_order_release);
}

static uint64_t head_word(uint32_t hash, size_t words, uint32_t flags) {
    return (uint64_t)hash << 32 | (uint64_t)words << 8 | flags;
}

/* Bytes into words, as they come. */
struct word_writer {
    struct store_log *log;
    uint32_t at;
    uint32_t filled; /* bytes of `word` */
    uint64_t word;
};

static void write_bytes(struct word_writer *writer, const void *bytes, size_t size) {
    const unsigned char *from = bytes;

    while (size) {
        size_t part = tote__min(size, WORD - writer->filled);
        memcpy((unsigned char *)&writer->word + writer->filled, from, part);
        writer->filled += (uint32_t)part;
        from += part;
        size -= part;
        if (writer->filled == WORD) {
            store(writer->log, writer->at++, writer->word);
            writer->word = 0;
            writer->filled = 0;
        }
    }
}

/* The attribute is made in a small buffer where it fits, else in memory that was asked for before. */
void tote__log_write(struct store_log *log, uint32_t at, const struct store_record *record) {
    struct word_writer writer = {log, at + HEAD_WORDS, 0, 0};

    store(log, at, head_word(record->key.hash, tote__record_words(record), record->flags));
    store(log, at + 1,
          (uint64_t)record->key.length << 48 | (uint64_t)record->metadata_length << 32 |
              record->attribute_size);
    write_bytes(&writer, record->key.text, record->key.length);
    write_bytes(&writer, "", 1);
    write_bytes(&writer, record->metadata, record->metadata_length);
    write_bytes(&writer, "", 1);
    write_bytes(&writer, record->attribute, record->attribute_size);
    if (writer.filled) {
        store(log, writer.at, writer.word);
    }
}

void tote__log_copy(struct store_log *log, uint32_t at, const struct store_log *from,
                    uint32_t from_at) {
    uint32_t words = (uint32_t)(load(from, from_at) >> 8) & 0xFFFFFF;

    for (uint32_t i = 0; i < words; i++) {
        store(log, at + i, load(from, from_at + i));
    }
}

bool tote__log_next(const struct store_log *log, uint32_t length, uint32_t *at,
                    struct record_head *head) {
    if (*at >= length) {
        return false;
    }
    uint64_t word = load(log, *at);
    *head = (struct record_head){*at, (uint32_t)(word >> 8) & 0xFFFFFF, (uint32_t)(word >> 32),
                                 (uint32_t)word & 0xFF};
    if (head->words <= HEAD_WORDS || head->words > length - *at) {
        return false;
    }
    *at += head->words;
    return true;
}

bool tote__log_has_key(const struct store_log *log, const struct record_head *head,
                       const struct store_key *key) {
    uint32_t words = (uint32_t)((key->length + WORD - 1) / WORD);
    uint64_t expected;

    if (head->hash != key->hash || load(log, head->at + 1) >> 48 != key->length ||
        words > head->words - HEAD_WORDS) {
        return false;
    }
    for (uint32_t i = 0; i < words; i++) {
        uint64_t word = load(log, head->at + HEAD_WORDS + i);
        size_t part = tote__min(WORD, key->length - i * WORD);
        expected = 0;
        memcpy(&expected, key->text + i * WORD, part);
        if (memcmp(&word, &expected, part) != 0) {
            return false;
        }
    }
    return true;
}

bool tote__log_find(const struct store_log *log, uint32_t length, const struct store_key *key,
                    struct record_head *found) {
    struct record_head head;
    bool is_found = false;
    uint32_t at = 0;

    while (tote__log_next(log, length, &at, &head)) {
        if (head.hash == key->hash && tote__log_has_key(log, &head, key)) {
            *found = head;
            is_found = true;
        }
    }
    return is_found;
}

void tote__log_mark_replaced(struct store_log *log, const struct record_head *head) {
    store(log, head->at, head_word(head->hash, head->words, head->flags | RECORD_REPLACED));
}

void tote__log_read(const struct store_log *log, uint32_t at, uint32_t words, uint64_t *out) {
    for (uint32_t i = 0; i < words; i++) {
        out[i] = load(log, at + i);
    }
}

struct store_record tote__record_parse(const uint64_t *words) {
    const char *text = (const char *)(words + HEAD_WORDS);
    size_t key_length = (size_t)(words[1] >> 48);
    size_t metadata_length = (size_t)(words[1] >> 32) & 0xFFFF;

    return (struct store_record){
        .key = {text, key_length, (uint32_t)(words[0] >> 32)},
        .flags = (uint32_t)words[0] & 0xFF,
        .metadata = text + key_length + 1,
        .metadata_length = metadata_length,
        .attribute_size = (size_t)(words[1] & UINT32_MAX),
        .attribute = (const uint8_t *)text + key_length + 1 + metadata_length + 1,
    };
}
