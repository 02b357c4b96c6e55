/* SPDX-License-Identifier: MIT */
/*
 * store_write.c - adds entries to a store and deletes them
 *
 * The store's lock serializes writers. A writer derives all state from the current log and caches
 * none of it. The state is therefore also correct in a child forked in the middle of a change.
 *
 * Tests: tests/unit/test_store.c, tests/unit/test_store_bounds.c
 */
#include <string.h>

#include "store_node.h"
#include "tote/diagnostics.h"
#include "tote/internal/short_attribute.h"

/* A full store must still accept tombstones. */
enum {
    MOST_WORDS = TOTE_STORE_MAX_BYTES / sizeof(uint64_t),
    MOST_WORDS_WITH_TOMBSTONES = 2 * MOST_WORDS
};

/* The state of the current log, for a write of one key. */
struct survey {
    struct store_log *log; /* NULL: none yet */
    struct log_extent extent;
    struct log_extent live;    /* size of all live records, except those of the key */
    bool has_record;           /* whether the log contains a record of the key */
    struct record_head newest; /* newest record of the key; valid if has_record */
};

/* A store without a parent does not need tombstones. */
static bool is_live(const tote_store *store, uint32_t flags) {
    return !(flags & RECORD_REPLACED) && (store->parent || !(flags & RECORD_TOMBSTONE));
}

static const struct log_extent no_extent = {0, 0};

static struct survey survey_of(const tote_store *store) {
    struct store_log *log = atomic_load_explicit(&store->current, memory_order_relaxed);

    return (struct survey){.log = log, .extent = log ? tote__log_extent(log) : no_extent};
}

static struct survey survey_key(const tote_store *store, const struct store_key *key) {
    struct survey survey = survey_of(store);
    struct record_head head;
    uint32_t at = 0;

    while (survey.log && tote__log_next(survey.log, survey.extent.length, &at, &head)) {
        const struct record_head here = head; /* lets the compiler keep it in registers */
        if (here.flags & RECORD_REPLACED) {
            continue; /* a newer record of the same key follows */
        }
        if (here.hash == key->hash && tote__log_has_key(survey.log, here.at, here.words, key)) {
            if (survey.has_record) { /* the process forked before the flag was set */
                tote__log_add_flag(survey.log, &survey.newest, RECORD_REPLACED);
            }
            survey.has_record = true;
            survey.newest = here;
        } else if (is_live(store, here.flags)) {
            survey.live.length += here.words;
            survey.live.count++;
        }
    }
    return survey;
}

/*
 * Return a log, not the current one, with a capacity of `words` or more. Returns NULL if out of
 * memory.
 */
static struct store_log *take_log(tote_store *store, uint32_t words) {
    struct store_log *current = atomic_load_explicit(&store->current, memory_order_relaxed);
    struct store_log *first = atomic_load_explicit(&store->logs, memory_order_relaxed);

    for (struct store_log *log = first; log; log = log->next) {
        if (log != current && log->capacity >= words) {
            if (current) { /* readers still in the log detect the reuse */
                atomic_fetch_add_explicit(&log->epoch, 1, memory_order_release);
            }
            return log;
        }
    }
    struct store_log *log = tote__allocate(tote__store_log_bytes(words));
    if (log) {
        log->next = first;
        log->capacity = words;
        atomic_init(&log->epoch, 0);
        atomic_init(&log->extent, 0);
        atomic_store_explicit(&store->logs, log, memory_order_release);
    }
    return log;
}

/* Return the capacity of the next log: twice the needed size, or for a first log the needed size.
 */
static uint32_t fresh_capacity(const struct survey *survey, uint32_t needed) {
    uint32_t wanted = survey->log ? 2 * needed : needed;
    uint32_t capacity = STORE_FIRST_WORDS;

    while (capacity < wanted) {
        capacity *= 2;
    }
    return capacity;
}

/* Copy the live records and the new record into another log, then make that log current. */
static bool write_into_fresh(tote_store *store, const struct survey *survey,
                             const struct store_key *key, const uint64_t *words, uint32_t count) {
    uint32_t needed = survey->live.length + survey->live.count + count + 1;
    struct store_log *fresh = take_log(store, fresh_capacity(survey, needed));
    struct log_extent extent = no_extent;
    struct record_head head;
    uint32_t at = 0;

    if (!fresh) {
        return false;
    }
    while (survey->log && tote__log_next(survey->log, survey->extent.length, &at, &head)) {
        bool is_of_key = survey->has_record && head.hash == key->hash &&
                         tote__log_has_key(survey->log, head.at, head.words, key);
        if (is_live(store, head.flags) && !is_of_key) {
            extent = tote__log_copy(fresh, extent, survey->log, &head);
        }
    }
    tote__log_publish(fresh, tote__log_write(fresh, extent, words, count));
    atomic_store_explicit(&store->current, fresh, memory_order_release);
    return true;
}

/*
 * Write the record into the current log or, if that is full, another one. The lock must be held.
 * Returns false if out of memory.
 */
static bool write_record(tote_store *store, const struct survey *survey,
                         const struct store_key *key, const uint64_t *words, uint32_t count) {
    if (!survey->log || tote__log_buffer(survey->log, survey->extent) < count) {
        return write_into_fresh(store, survey, key, words, count);
    }
    tote__log_publish(survey->log, tote__log_write(survey->log, survey->extent, words, count));
    if (survey->has_record) {
        tote__log_add_flag(survey->log, &survey->newest, RECORD_REPLACED);
    }
    return true;
}

bool tote__store_append(tote_store *store, const struct store_record *record) {
    uint64_t buffer[64];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
    uint32_t count = (uint32_t)tote__record_words(record);
    uint64_t *words = tote__arena_allocate(&arena, count * sizeof *words);
    struct survey survey = survey_of(store);
    bool is_written = false;

    survey.live = survey.extent;
    if (words) {
        uint8_t *attribute = tote__record_pack(words, record);
        if (record->attribute_size) {
            memcpy(attribute, record->attribute, record->attribute_size);
        }
        is_written = write_record(store, &survey, &record->key, words, count);
    }
    tote__arena_clear(&arena);
    return is_written;
}

static void report(enum store_outcome outcome, const char *key, size_t length) {
    static const char *const formats[] = {
        [STORE_FULL] = "'%.*s' not kept: with it the store would be larger than %d bytes; keep "
                       "what is large elsewhere",
        [STORE_NO_MEMORY] = "'%.*s' not changed: out of memory",
        [STORE_SEALED] = "'%.*s' not changed: the store is sealed; open a scope, and change it "
                         "there",
    };

    if (outcome != STORE_WRITTEN) {
        tote_diagnostics_report(outcome == STORE_NO_MEMORY ? TOTE_LEVEL_ERROR : TOTE_LEVEL_WARN,
                                "store", formats[outcome],
                                (int)tote__utf8_valid_prefix(key, tote__min(length, 64)), key,
                                TOTE_STORE_MAX_BYTES);
    }
}

/* Write the packed record. The lock must be held. `words` is NULL if packing ran out of memory. */
static enum store_outcome change(tote_store *store, const struct survey *survey,
                                 const struct store_record *record, const uint64_t *words,
                                 uint32_t count) {
    bool is_tombstone = record->flags & RECORD_TOMBSTONE;
    uint32_t most = is_tombstone ? MOST_WORDS_WITH_TOMBSTONES : MOST_WORDS;

    if (store->is_sealed) {
        return STORE_SEALED;
    }
    if (survey->live.length + count > most) {
        return STORE_FULL;
    }
    if (words && write_record(store, survey, &record->key, words, count)) {
        return STORE_WRITTEN;
    }
    if (is_tombstone && survey->has_record) { /* setting a flag needs no memory */
        tote__log_add_flag(survey->log, &survey->newest, RECORD_TOMBSTONE);
        return STORE_WRITTEN;
    }
    return STORE_NO_MEMORY;
}

static enum store_outcome put_record(tote_store *store, const struct store_record *record,
                                     const uint64_t *words, uint32_t count) {
    tote__lock_take(&store->lock);
    struct survey survey = survey_of(store);
    survey.live = survey.extent;
    bool is_simple = survey.log && tote__log_buffer(survey.log, survey.extent) >= count &&
                     survey.extent.length + count <= MOST_WORDS &&
                     !tote__log_has_hash(survey.log, survey.extent, record->key.hash);
    if (!is_simple) {
        survey = survey_key(store, &record->key);
    }
    enum store_outcome outcome = change(store, &survey, record, words, count);
    tote__lock_drop(&store->lock);
    return outcome;
}

/*
 * Pack the record of a short attribute without metadata in one pass. Eight zero bytes are written
 * after the attribute, so the last word is padded. Returns the first word of the record; 0 if the
 * type is not supported or the text is not ASCII.
 */
static inline uint64_t pack_short(uint64_t *words, const char *key, size_t length, tote_value value,
                                  uint32_t flags) {
    char *text = (char *)(words + RECORD_HEAD_WORDS);
    uint8_t *attribute = (uint8_t *)text + length + 2;
    uint8_t *end =
        tote__put_short_attribute(attribute, TOTE__TAG_SPAN_ATTRIBUTE, key, length, value);

    if (!end) {
        return 0;
    }
    memcpy(end, &(uint64_t){0}, sizeof(uint64_t));
    uint64_t hash = tote__hash(key, length);
    (void)tote__copy_ascii(text, key, length);
    text[length] = text[length + 1] = '\0';
    const struct store_record record = {.key = {key, length, (uint32_t)hash},
                                        .flags = flags,
                                        .attribute_size = (size_t)(end - attribute)};
    tote__record_pack_head(words, &record);
    return words[0];
}

/* Return whether pack_short() may accept the entry. */
static inline bool is_short(size_t key_length, tote_value value, size_t metadata_length) {
    return !metadata_length &&
           tote__short_attribute_bound(key_length, value) <= TOTE__SHORT_CONTENT;
}

/*
 * Return the current log, or the first one. Returns NULL if no record can be written in place. In a
 * reused log, a reader may still access the words after the extent. A log of epoch 0 was never
 * reused.
 */
static inline struct store_log *fresh_log(const tote_store *store) {
    struct store_log *log = atomic_load_explicit(&store->current, memory_order_relaxed);

    log = log ? log : atomic_load_explicit(&store->logs, memory_order_relaxed);
    bool is_fresh = log && !atomic_load_explicit(&log->epoch, memory_order_relaxed);
    return is_fresh && !store->is_sealed ? log : NULL;
}

/*
 * Write the record directly into the log, after the extent. No reader accesses these words before
 * the extent is published, so the writes are not atomic. The lock must be held unless the store is
 * not shared yet.
 */
tote__always_inline bool append_in_place(tote_store *store, const char *key, size_t length,
                                         tote_value value, uint32_t flags) {
    struct store_log *log = fresh_log(store);
    struct log_extent extent = log ? tote__log_extent(log) : no_extent;
    uint32_t at = extent.length;
    size_t bytes = length + 2 + tote__short_attribute_bound(length, value);
    uint32_t most = (uint32_t)(RECORD_HEAD_WORDS + tote__words_for(bytes) + 1);

    if (!log || tote__log_buffer(log, extent) < most || at + most > MOST_WORDS) {
        return false;
    }
    uint64_t first = pack_short(tote__log_place(log, at), key, length, value, flags);
    const struct record_head head = tote__record_head(first, at);
    if (!first || tote__log_has_hash(log, extent, head.hash)) {
        return false;
    }
    tote__log_publish(log, tote__log_list(log, extent, head.hash, head.words));
    atomic_store_explicit(&store->current, log, memory_order_release);
    return true;
}

bool tote__store_put_new(tote_store *store, const char *key, size_t length, tote_value value,
                         uint32_t flags) {
    if (!is_short(length, value, 0)) {
        return false;
    }
    tote__lock_take(&store->lock);
    bool is_put = append_in_place(store, key, length, value, flags);
    tote__lock_drop(&store->lock);
    return is_put;
}

bool tote__store_put_unshared(tote_store *store, const struct tote__overlay_entry *entry) {
    return is_short(entry->key_length, entry->value, entry->metadata_length) &&
           append_in_place(store, entry->key, entry->key_length, entry->value, entry->flags);
}

enum { USUAL_WORDS = 64 };
_Static_assert(USUAL_WORDS > RECORD_HEAD_WORDS + 2 * (TOTE__SHORT_CONTENT + 1) / 8,
               "what pack_short() writes has room");

/* Pack and write any entry. `usual` is an inline buffer that is large enough for most entries. */
static enum store_outcome put_entry(tote_store *store, const struct tote__overlay_entry *entry,
                                    uint64_t usual[USUAL_WORDS]) {
    struct tote__arena arena = tote__arena_over(usual, USUAL_WORDS * sizeof *usual);
    struct store_record record = {.flags = entry->flags};
    struct store_key metadata;
    enum store_outcome outcome = STORE_NO_MEMORY;
    uint64_t *words = NULL;

    if (!tote__store_key(&record.key, entry->key, entry->key_length, &arena) ||
        !tote__store_key(&metadata, entry->metadata ? entry->metadata : "",
                         entry->metadata ? entry->metadata_length : 0, &arena)) {
        goto done;
    }
    record.metadata = metadata.text;
    record.metadata_length = metadata.length;
    const struct tote__attribute_plan plan = tote__plan_attribute(
        record.key.text, record.key.length, entry->value, &tote__wire_no_limits);
    record.attribute_size = plan.size;
    outcome = STORE_FULL;
    if (plan.is_too_large || record.attribute_size > TOTE_STORE_MAX_BYTES ||
        record.key.length > RECORD_LONGEST_TEXT || record.metadata_length > RECORD_LONGEST_TEXT) {
        goto done;
    }
    uint32_t count = (uint32_t)tote__record_words(&record);
    words = tote__arena_allocate(&arena, count * sizeof *words);
    outcome = STORE_NO_MEMORY;
    if (words) {
        uint8_t *attribute = tote__record_pack(words, &record);
        tote__put_planned(attribute, TOTE__TAG_SPAN_ATTRIBUTE, &plan);
        outcome = put_record(store, &record, words, count);
    }
done:
    tote__arena_clear(&arena);
    return outcome;
}

enum store_outcome tote__store_put(tote_store *store, const struct tote__overlay_entry *entry) {
    struct store_record record = {.key = {.text = entry->key, .length = entry->key_length}};
    uint64_t words[USUAL_WORDS];
    enum store_outcome outcome;

    if (is_short(entry->key_length, entry->value, entry->metadata_length) &&
        pack_short(words, entry->key, entry->key_length, entry->value, entry->flags)) {
        const struct record_head head = tote__record_head(words[0], 0);
        record.key.hash = head.hash;
        outcome = put_record(store, &record, words, head.words);
    } else {
        outcome = put_entry(store, entry, words);
    }
    report(outcome, entry->key, entry->key_length);
    return outcome;
}

/* Write a tombstone. Returns whether the key was visible before and is now deleted. */
static bool add_tombstone(tote_store *store, const struct store_key *key,
                          struct tote__arena *arena) {
    const struct store_record record = {.key = *key, .flags = RECORD_TOMBSTONE};
    uint32_t count = (uint32_t)tote__record_words(&record);
    uint64_t *words = tote__arena_allocate(arena, count * sizeof *words);
    bool is_inherited = tote__store_has(store->parent, key, store->hides_propagating);
    enum store_outcome outcome = STORE_WRITTEN;

    if (words) {
        tote__record_pack(words, &record);
    }
    tote__lock_take(&store->lock);
    struct survey survey = survey_key(store, key);
    bool is_own = survey.has_record && !(survey.newest.flags & RECORD_TOMBSTONE);
    if (is_own || store->parent) {
        outcome = change(store, &survey, &record, words, count);
    }
    tote__lock_drop(&store->lock);

    report(outcome, key->text, key->length);
    return outcome == STORE_WRITTEN && (survey.has_record ? is_own : is_inherited);
}

bool tote_store_delete(tote_store *store, const char *key) {
    uint64_t buffer[64];
    struct tote__arena arena = tote__arena_over(buffer, sizeof buffer);
    struct store_key own_key;
    bool was_visible = false;

    if (!store || store->keeps_nothing || !key || !*key) {
        return false;
    }
    if (!tote__store_key(&own_key, key, strlen(key), &arena)) {
        report(STORE_NO_MEMORY, key, strlen(key));
    } else if (own_key.length <= RECORD_LONGEST_TEXT) {
        was_visible = add_tombstone(store, &own_key, &arena);
    }
    tote__arena_clear(&arena);
    return was_visible;
}
