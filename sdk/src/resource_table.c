/* SPDX-License-Identifier: MIT */
/*
 * resource_table.c - the table of resources
 *
 * A span refers to its resource by an index, so a resource in the table is never freed, and the
 * table is bounded. An entry is published by one release store; readers take no lock. Spec:
 * resource/sdk.md
 *
 * Tests: tests/unit/test_resource.c
 */
#include <stdatomic.h>
#include <string.h>

#include "resource_builder.h"
#include "tote/diagnostics.h"
#include "tote/internal/lock.h"
#include "tote/internal/sdk.h"

enum { MOST_RESOURCES = 256 };

/* The table has one reference to each resource. */
struct entry {
    tote_resource *resource;
    struct tote__process_identity identity; /* the process that created it */
};

static _Atomic(struct entry *) table[MOST_RESOURCES]; /* [0] stays NULL: the empty one */
static struct tote__lock lock;                        /* protects additions */

static const struct tote__resource *self(const tote_resource *resource) {
    return (const struct tote__resource *)resource;
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
        if (is_equal(self(other->resource), self(entry->resource))) {
            break;
        }
    }
    tote__lock_drop(&lock);
    return index < MOST_RESOURCES ? index : 0;
}

uint32_t tote__resource_intern(const tote_resource *resource) {
    if (self(resource) == &tote__resource_empty) {
        return 0;
    }
    struct entry *entry = resource ? tote__allocate_zeroed(sizeof *entry) : NULL;
    if (entry) {
        entry->resource = tote_resource_ref(resource);
        tote__process_identity_known(&entry->identity);
    }
    if (!entry || !entry->resource) {
        tote__release(entry, sizeof *entry);
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "resource",
            "out of memory: spans have an empty resource, without a service.name");
        return 0;
    }
    uint32_t index = find_or_add(entry);
    if (entry->resource != &tote__resource_at(index)->resource) {
        tote_resource_unref(entry->resource);
        tote__release(entry, sizeof *entry);
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
    const tote_resource *before = entry->resource;
    size_t size = before->attribute_count * sizeof *before->attributes;
    tote_attribute *attributes = tote__allocate(size);
    tote__process_identity(&now);
    for (size_t i = 0; attributes && i < before->attribute_count; i++) {
        attributes[i] = before->attributes[i];
        has_changed |= renew_attribute(&attributes[i], &entry->identity, &now);
    }
    tote_resource *after =
        has_changed ? tote__resource_make(attributes, before->attribute_count, before->entities,
                                          before->entity_count, before->schema_url)
                    : NULL;
    uint32_t renewed = has_changed ? tote__resource_intern(after) : index;
    tote_resource_unref(after);
    tote__release(attributes, size);
    return renewed ? renewed : index;
}

const struct tote__resource *tote__resource_at(uint32_t index) {
    struct entry *entry =
        index < MOST_RESOURCES ? atomic_load_explicit(&table[index], memory_order_acquire) : NULL;

    return entry ? self(entry->resource) : &tote__resource_empty;
}
