/* SPDX-License-Identifier: MIT */
/*
 * store_log.c - packing, copying and finding records of a log
 *
 * The first word of a record contains the hash, size and flags; the second one contains the
 * lengths. Then follow key, NUL, metadata, NUL and the attribute in wire format, zero-padded to a
 * word.
 */
#include "store_log.h"

#include <string.h>

#include "tote/internal/text.h"

enum { HEAD_WORDS = RECORD_HEAD_WORDS, WORD = sizeof(uint64_t) };

bool tote__store_key(struct store_key *key, const char *text, size_t length,
                     struct tote__arena *arena) {
    struct tote__scan scan = tote__scan(text, length);

    if (scan.is_ascii) {
        *key = (struct store_key){text, length, (uint32_t)scan.hash};
        return true;
    }
    text = tote__utf8_valid_text(arena, text, &length);
    if (!text) {
        return false;
    }
    *key = (struct store_key){text, length, (uint32_t)tote__hash(text, length)};
    return true;
}

static char *copy_text(char *out, const char *text, size_t length) {
    if (length) {
        memcpy(out, text, length);
    }
    out[length] = '\0';
    return out + length + 1;
}

uint8_t *tote__record_pack(uint64_t *words, const struct store_record *record) {
    char *out = (char *)(words + HEAD_WORDS);

    words[tote__record_words(record) - 1] = 0; /* padding */
    tote__record_pack_head(words, record);
    out = copy_text(out, record->key.text, record->key.length);
    return (uint8_t *)copy_text(out, record->metadata, record->metadata_length);
}

struct log_extent tote__log_copy(struct store_log *log, struct log_extent extent,
                                 const struct store_log *from, const struct record_head *head) {
    for (uint32_t i = 0; i < head->words; i++) {
        tote__log_store(log, extent.length + i, tote__log_load(from, head->at + i));
    }
    return tote__log_list(log, extent, head->hash, head->words);
}

/*
 * Return whether `length` bytes, fewer than a word, equal the first bytes of the word. Avoids a
 * call of memcmp().
 */
static inline bool begins_with(uint64_t word, const char *text, size_t length) {
    uint64_t mask = (UINT64_C(1) << 8 * length) - 1;
    uint64_t wanted = 0;
    uint32_t half;

    if (length >= sizeof half) {
        memcpy(&half, text, sizeof half);
        wanted = tote__little_endian32(half);
        memcpy(&half, text + length - sizeof half, sizeof half);
        wanted |= (uint64_t)tote__little_endian32(half) << 8 * (length - sizeof half);
    } else {
        for (size_t at = length; at-- > 0;) {
            wanted = wanted << 8 | (unsigned char)text[at];
        }
    }
    return ((tote__little_endian64(word) ^ wanted) & mask) == 0;
}

bool tote__log_has_key(const struct store_log *log, uint32_t at, uint32_t words,
                       const struct store_key *key) {
    const char *text = key->text;
    size_t left = key->length;
    uint64_t eight;

    if (tote__log_load(log, at + 1) >> 48 != left || tote__words_for(left) > words - HEAD_WORDS) {
        return false;
    }
    for (at += HEAD_WORDS; left >= WORD; left -= WORD, text += WORD) {
        memcpy(&eight, text, WORD);
        if (tote__log_load(log, at++) != eight) {
            return false;
        }
    }
    return !left || begins_with(tote__log_load(log, at), text, left);
}

/* Search newest first. The listed words are checked, because the log may have been reused. */
bool tote__log_find(const struct store_log *log, struct log_extent extent,
                    const struct store_key *key, struct record_head *found) {
    const uint32_t hash = key->hash;
    const uint32_t end = log->capacity;

    for (uint32_t listed = end - extent.count; listed < end; listed++) {
        uint64_t place = tote__log_load(log, listed);
        uint32_t at = (uint32_t)place;
        if (tote__unlikely(place >> 32 == hash) && at < extent.length) {
            uint64_t first = tote__log_load(log, at);
            uint32_t words = tote__record_head(first, at).words;
            if (words > HEAD_WORDS && words <= extent.length - at &&
                tote__log_has_key(log, at, words, key)) {
                *found = tote__record_head(first, at);
                return true;
            }
        }
    }
    return false;
}

void tote__log_add_flag(struct store_log *log, const struct record_head *head, uint32_t flag) {
    tote__log_store(log, head->at, tote__log_load(log, head->at) | flag);
}
