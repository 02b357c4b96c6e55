/* SPDX-License-Identifier: MIT */
/*
 * process_context.c - the resource of this process, published to profilers
 *
 * A header in a named mapping refers to the payload in a second mapping. Readers copy both from
 * /proc/PID/mem at any time: the time in the header is 0 while the header changes, and a new
 * payload has a new time. A forked child inherits neither mapping; it publishes its own when its
 * first span starts. The child never unmaps what its parent mapped, because other memory may have
 * that address. Spec: oteps/profiles/4719-process-ctx.md#publication-protocol
 */
#include "process_context.h"

#include "tote/diagnostics.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/lock.h"
#include "tote/internal/os.h"
#include "tote/internal/sdk.h"

static const char name[] = "OTEL_CTX";

struct header {
    char signature[8];
    uint32_t version;
    uint32_t payload_size;
    _Atomic(uint64_t) published_at_ns; /* 0: the header is not valid */
    uint64_t payload;                  /* an address */
};
_Static_assert(sizeof(struct header) == 32, "the layout that readers expect");

/* One mapped payload. */
struct payload {
    void *at; /* NULL: none */
    size_t size;
};

static struct {
    struct tote__lock lock; /* protects the following fields */
    const void *owner;
    uint32_t generation; /* the process that mapped the following memory */
    struct header *header;
    struct payload payload;
    bool has_file; /* the mapping has its name without prctl(2) */
} published;

enum { RESOURCE = 0x0A, ATTRIBUTE = 0x12 }; /* tags of ProcessContext */

/*
 * Encode the attributes that describe the records of threads, which have no attributes. Spec:
 * oteps/profiles/4947-thread-ctx.md#process-context-thread-local-reference-data
 */
static bool encode_attributes(struct tote__arena *arena, struct tote__slice *encoded) {
    const tote_attribute attributes[] = {
        {"threadlocal.schema_version", tote_string("tlsdesc_v1_dev")},
        {"threadlocal.attribute_key_map", tote_array(NULL, 0)},
    };

    return tote__encode_attributes(arena, ATTRIBUTE, attributes, TOTE_COUNT_OF(attributes),
                                   encoded);
}

/* Map memory that a child does not inherit. Returns NULL on failure. */
static void *unless_inherited(void *memory, size_t size) {
    if (memory && !tote__os_keep_from_children(memory, size)) {
        tote__os_unmap(memory, size);
        return NULL;
    }
    return memory;
}

/* Encode the ProcessContext of a resource. Returns NULL memory on failure. */
static struct payload make_payload(uint32_t resource) {
    unsigned char few[512];
    struct tote__arena arena = tote__arena_over(few, sizeof few);
    struct tote__slice encoded = tote__resource_at(resource)->encoded;
    struct tote__slice attributes;
    struct payload made = {NULL, 0};

    if (encode_attributes(&arena, &attributes)) {
        made.size = tote__run_size(encoded.size) + attributes.size;
        made.at = unless_inherited(tote__os_map(made.size), made.size);
    }
    if (made.at) {
        uint8_t *out = tote__put_run(made.at, RESOURCE, encoded.at, encoded.size);
        tote__put_bytes(out, attributes.at, attributes.size);
    }
    tote__arena_clear(&arena);
    return made;
}

static void unmap_payload(struct payload payload) {
    if (payload.at) {
        tote__os_unmap(payload.at, payload.size);
    }
}

/* Map the header, without a time. */
static bool map_header(void) {
    void *memory = tote__os_map_file(name, sizeof(struct header));

    published.has_file = memory != NULL;
    memory = unless_inherited(memory ? memory : tote__os_map(sizeof(struct header)),
                              sizeof(struct header));
    published.header = memory;
    if (memory) {
        memcpy(published.header->signature, name, sizeof published.header->signature);
        published.header->version = 2;
    }
    return memory != NULL;
}

/* The time is the last field that is written. */
static void set_payload(struct header *header, struct payload payload) {
    static uint64_t last;
    uint64_t now = tote__os_since_boot();

    last = now > last ? now : last + 1;
    atomic_store_explicit(&header->published_at_ns, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    header->payload = (uintptr_t)payload.at;
    header->payload_size = (uint32_t)payload.size;
    atomic_thread_fence(memory_order_seq_cst);
    atomic_store_explicit(&header->published_at_ns, last, memory_order_relaxed);
}

/* Publish, or replace the payload. The lock must be held. Returns false on failure. */
static bool put(uint32_t resource) {
    struct payload before = published.payload;
    struct payload made = make_payload(resource);

    if (!made.at || made.size > UINT32_MAX || (!published.header && !map_header())) {
        unmap_payload(made);
        return false;
    }
    set_payload(published.header, made);
    published.payload = made;
    unmap_payload(before);
    /* Also after an update, and if it fails: readers may trace this call. */
    return tote__os_name_map(published.header, sizeof(struct header), name) || published.has_file;
}

/* Unmap everything. The lock must be held. */
static void drop(void) {
    struct header *header = published.header;
    struct payload payload = published.payload;

    published.header = NULL;
    published.payload = (struct payload){NULL, 0};
    if (header) {
        atomic_store(&header->published_at_ns, 0);
        tote__os_unmap(header, sizeof *header);
    }
    unmap_payload(payload);
}

/* Take the lock. In a forked child, forget what the parent mapped. */
static void enter(void) {
    uint32_t generation = tote__generation();

    tote__lock_take(&published.lock);
    if (published.generation != generation) {
        published.header = NULL;
        published.payload = (struct payload){NULL, 0};
        published.generation = generation;
    }
}

static void publish(const void *owner, uint32_t resource, bool is_update) {
    int cancel = tote__cancel_disable();
    bool is_done = true;

    enter();
    if (!is_update || published.owner == owner) {
        published.owner = owner;
        is_done = put(resource);
        if (!is_done) {
            drop();
        }
    }
    tote__lock_drop(&published.lock);
    if (!is_done) {
        tote_diagnostics_report(TOTE_LEVEL_DEBUG, "sdk",
                                "the resource is not published to profilers: out of memory, or "
                                "the system allows no memory with a name that profilers find");
    }
    tote__cancel_restore(cancel);
}

void tote__process_context_publish(const void *owner, uint32_t resource) {
    publish(owner, resource, false);
}

void tote__process_context_update(const void *owner, uint32_t resource) {
    publish(owner, resource, true);
}

void tote__process_context_withdraw(const void *owner) {
    enter();
    if (published.owner == owner) {
        published.owner = NULL;
        drop();
    }
    tote__lock_drop(&published.lock);
}
