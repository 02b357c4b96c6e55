/* SPDX-License-Identifier: MIT */
/*
 * intern.c - shared texts, resources and scopes, with reference counts
 *
 * Tests: tests/unit/test_model.c
 */
#include "intern.h"

#include <string.h>

#include "decode.h"
#include "terminal.h"
#include "tote/internal/text.h"

enum { LONGEST_NAME = 512, ALLOCATION_BYTES = 16 /* overhead of an allocation, estimated */ };

struct shared {
    struct table_entry entry;
    size_t references;
    union {
        struct trace_resource resource;
        struct trace_scope scope;
    } of; /* their message is `bytes` */
    bool is_message;
    size_t size; /* of the bytes, without the NUL */
    char bytes[];
};

static size_t block_bytes(size_t size) {
    return sizeof(struct shared) + size + 1;
}

/* The seed prevents a sender from choosing texts that all have the same hash. */
static uint64_t hash_bytes(uint64_t seed, const char *bytes, size_t size) {
    uint64_t hash = tote__mix(seed, size);
    uint64_t word = 0;

    for (; size >= sizeof word; bytes += sizeof word, size -= sizeof word) {
        memcpy(&word, bytes, sizeof word);
        hash = tote__mix(hash, word);
    }
    word = 0;
    if (size) {
        memcpy(&word, bytes, size);
    }
    return tote__mix_last(hash, word);
}

/* Find a shared copy, or make one: then it has no reference. NULL: out of memory. */
static struct shared *share(struct intern *intern, bool is_message, const void *bytes,
                            size_t size) {
    uint64_t hash = hash_bytes(intern->seed + is_message, bytes, size);
    struct shared *shared = TABLE_OF(table_find(&intern->table, hash), struct shared, entry);

    while (shared && (shared->size != size || shared->is_message != is_message ||
                      (size && memcmp(shared->bytes, bytes, size) != 0))) {
        shared = TABLE_OF(table_next(&shared->entry), struct shared, entry);
    }
    if (shared) {
        return shared;
    }
    shared = tote__allocate(block_bytes(size));
    if (!shared) {
        return NULL;
    }
    *shared = (struct shared){.size = size, .is_message = is_message};
    if (size) {
        memcpy(shared->bytes, bytes, size);
    }
    shared->bytes[size] = '\0';
    if (!table_add(&intern->table, &shared->entry, hash)) {
        tote__release(shared, block_bytes(size));
        return NULL;
    }
    intern->bytes += block_bytes(size) + ALLOCATION_BYTES;
    return shared;
}

static void discard(struct intern *intern, struct shared *shared) {
    size_t size = block_bytes(shared->size);

    table_remove(&intern->table, &shared->entry);
    intern->bytes -= size + ALLOCATION_BYTES;
    tote__release(shared, size);
}

static struct shared *of_text(const char *text) {
    return (struct shared *)((uintptr_t)text - offsetof(struct shared, bytes));
}

static struct shared *of_resource(const struct trace_resource *resource) {
    return (struct shared *)((uintptr_t)resource - offsetof(struct shared, of));
}

static struct shared *of_scope(const struct trace_scope *scope) {
    return (struct shared *)((uintptr_t)scope - offsetof(struct shared, of));
}

static bool is_plain(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] < 0x20 || text[i] > 0x7E) {
            return false;
        }
    }
    return true;
}

const char *intern_text(struct intern *intern, const char *text, size_t length) {
    struct tote__arena arena = {NULL, NULL, 0};

    text = length ? text : "";
    length = tote__utf8_cut(text, length, LONGEST_NAME);
    if (!is_plain(text, length)) {
        text = terminal_clean(&arena, text, length);
        length = strlen(text);
    }
    struct shared *shared = share(intern, false, text, length);
    tote__arena_clear(&arena);
    if (!shared) {
        return NULL;
    }
    shared->references++;
    return shared->bytes;
}

void intern_release_text(struct intern *intern, const char *text) {
    struct shared *shared = of_text(text);

    if (--shared->references == 0) {
        discard(intern, shared);
    }
}

const char *intern_ref_text(const char *text) {
    of_text(text)->references++;
    return text;
}

/* Share a message, and the text that names it. The slot for the name is in the shared copy. */
static struct shared *share_message(struct intern *intern, struct tote__slice message,
                                    struct tote__slice label) {
    struct shared *shared = share(intern, true, message.at, message.size);

    if (shared && shared->references == 0) {
        const char *name = intern_text(intern, (const char *)label.at, label.size);
        if (!name) {
            discard(intern, shared);
            return NULL;
        }
        shared->of.resource = (struct trace_resource){
            .service = name,
            .message = {(const uint8_t *)shared->bytes, shared->size},
        };
    }
    if (shared) {
        shared->references++;
    }
    return shared;
}

static void release_message(struct intern *intern, struct shared *shared) {
    if (--shared->references == 0) {
        intern_release_text(intern, shared->of.resource.service);
        discard(intern, shared);
    }
}

const struct trace_resource *intern_resource(struct intern *intern, struct tote__slice message) {
    struct tote__slice service =
        decode_text(decode_field(message, 1), TOTE__TAG_RESOURCE_ATTRIBUTE, "service.name");

    if (!service.size) {
        service = (struct tote__slice){(const uint8_t *)"?", 1};
    }
    struct shared *shared = share_message(intern, message, service);
    return shared ? &shared->of.resource : NULL;
}

const struct trace_resource *intern_ref_resource(const struct trace_resource *resource) {
    of_resource(resource)->references++;
    return resource;
}

void intern_release_resource(struct intern *intern, const struct trace_resource *resource) {
    release_message(intern, of_resource(resource));
}

/* A trace_scope begins like a trace_resource. Both are the fields of a message and its name. */
_Static_assert(sizeof(struct trace_scope) == sizeof(struct trace_resource), "same layout");

const struct trace_scope *intern_scope(struct intern *intern, struct tote__slice message) {
    struct shared *shared =
        share_message(intern, message, decode_field(decode_field(message, 1), 1));

    return shared ? &shared->of.scope : NULL;
}

const struct trace_scope *intern_ref_scope(const struct trace_scope *scope) {
    of_scope(scope)->references++;
    return scope;
}

void intern_release_scope(struct intern *intern, const struct trace_scope *scope) {
    release_message(intern, of_scope(scope));
}
