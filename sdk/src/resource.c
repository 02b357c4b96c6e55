/* SPDX-License-Identifier: MIT */
/*
 * resource.c - the table of resources
 *
 * A span refers to its resource by an index, so a resource is never freed or changed, and the table
 * is bounded. An entry is published by one release store; readers take no lock. Spec:
 * resource/sdk.md
 */
#include <stdatomic.h>
#include <string.h>

#include "resource_detect.h"
#include "tote/diagnostics.h"
#include "tote/internal/lock.h"
#include "tote/internal/sdk.h"
#include "tote/internal/wire.h"

enum { MOST_RESOURCES = 256 };

struct entry {
    struct tote__resource resource;
    struct tote__arena memory;
    struct tote__process_identity identity; /* the process that created it */
};

static const struct tote__resource empty = {.resource = {.schema_url = ""}};
static _Atomic(struct entry *) table[MOST_RESOURCES]; /* [0] stays NULL: the empty one */
static struct tote__lock lock;                        /* protects additions */

/* Returns NULL if out of memory. */
static struct entry *make_entry(const tote_attribute *attributes, size_t count,
                                const char *schema_url) {
    struct tote__arena memory = {NULL, NULL, 0};
    struct entry *entry = tote__allocate(sizeof *entry);
    struct tote__resource made = empty;
    tote_attribute *unpacked = NULL;

    /* Attribute limits do not apply. Spec: common/README.md#attribute-limits */
    bool is_complete = entry &&
                       tote__encode_attributes(&memory, TOTE__TAG_RESOURCE_ATTRIBUTE, attributes,
                                               count, &made.encoded) &&
                       tote__unpack_attributes(made.encoded, TOTE__TAG_RESOURCE_ATTRIBUTE >> 3,
                                               &memory, &unpacked, &made.resource.attribute_count);
    made.resource.attributes = unpacked;
    made.resource.schema_url =
        is_complete ? tote__arena_text(&memory, schema_url, strlen(schema_url)) : NULL;
    if (!made.resource.schema_url) {
        tote__arena_clear(&memory);
        tote__release(entry, sizeof *entry);
        return NULL;
    }
    *entry = (struct entry){.resource = made, .memory = memory};
    tote__process_identity_known(&entry->identity);
    return entry;
}

static void free_entry(struct entry *entry) {
    tote__arena_clear(&entry->memory);
    tote__release(entry, sizeof *entry);
}

static bool is_equal(const struct tote__resource *a, const struct tote__resource *b) {
    return a->encoded.size == b->encoded.size &&
           (a->encoded.size == 0 || memcmp(a->encoded.at, b->encoded.at, a->encoded.size) == 0) &&
           strcmp(a->resource.schema_url, b->resource.schema_url) == 0;
}

/*
 * Return the index of an equal entry, or add `entry` and return its index. Returns 0 if the table
 * is full.
 */
static uint32_t find_or_add(struct entry *entry) {
    uint32_t index = 1;

    tote__lock_take(&lock);
    for (; index < MOST_RESOURCES; index++) {
        struct entry *other = atomic_load_explicit(&table[index], memory_order_relaxed);
        if (!other) {
            atomic_store_explicit(&table[index], entry, memory_order_release);
            break;
        }
        if (is_equal(&other->resource, &entry->resource)) {
            break;
        }
    }
    tote__lock_drop(&lock);
    return index < MOST_RESOURCES ? index : 0;
}

uint32_t tote__resource_intern(const tote_attribute *attributes, size_t count,
                               const char *schema_url) {
    size_t given = attributes ? count : 0;
    const char *url = schema_url ? schema_url : "";

    if (!given && !*url) {
        return 0;
    }
    struct entry *entry = make_entry(attributes, given, url);
    if (!entry) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "resource",
            "out of memory: spans have an empty resource, without a service.name");
        return 0;
    }
    uint32_t index = find_or_add(entry);
    if (&entry->resource != tote__resource_at(index)) {
        free_entry(entry);
    }
    if (!index) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "resource",
                                "%d different resources are in use, which is the limit: spans have "
                                "an empty resource; use equal resources in all SDKs",
                                MOST_RESOURCES - 1);
    }
    return index;
}

static bool is_text(const tote_value *value, const char *text) {
    return value->type == TOTE_VALUE_TYPE_STRING && strcmp(value->as.string, text) == 0;
}

/*
 * If a detector set the attribute to identify one process, set it for another process. Returns
 * whether it did.
 */
static bool renew_attribute(tote_attribute *attribute, const struct tote__process_identity *before,
                            const struct tote__process_identity *now) {
    const tote_value *value = &attribute->value;

    if (strcmp(attribute->key, "process.pid") == 0 && value->type == TOTE_VALUE_TYPE_INT &&
        value->as.integer == before->pid) {
        attribute->value = tote_int(now->pid);
    } else if (strcmp(attribute->key, "process.creation.time") == 0 &&
               is_text(value, before->creation_time)) {
        attribute->value = tote_string(now->creation_time);
    } else if (strcmp(attribute->key, "service.instance.id") == 0 &&
               is_text(value, before->instance_id)) {
        attribute->value = tote_string(now->instance_id);
    } else {
        return false;
    }
    return true;
}

uint32_t tote__resource_renew(uint32_t index) {
    const struct entry *entry =
        index < MOST_RESOURCES ? atomic_load_explicit(&table[index], memory_order_acquire) : NULL;
    struct tote__process_identity now;
    bool has_changed = false;

    if (!entry || !entry->identity.generation) {
        return index;
    }
    const tote_resource *before = &entry->resource.resource;
    size_t size = before->attribute_count * sizeof *before->attributes;
    tote_attribute *attributes = tote__allocate(size);
    tote__process_identity(&now);
    for (size_t i = 0; attributes && i < before->attribute_count; i++) {
        attributes[i] = before->attributes[i];
        has_changed |= renew_attribute(&attributes[i], &entry->identity, &now);
    }
    uint32_t renewed =
        has_changed ? tote__resource_intern(attributes, before->attribute_count, before->schema_url)
                    : index;
    tote__release(attributes, size);
    return renewed ? renewed : index;
}

const struct tote__resource *tote__resource_at(uint32_t index) {
    struct entry *entry =
        index < MOST_RESOURCES ? atomic_load_explicit(&table[index], memory_order_acquire) : NULL;

    return entry ? &entry->resource : &empty;
}
