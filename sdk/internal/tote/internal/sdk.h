/* SPDX-License-Identifier: MIT */
/*
 * sdk.h - how the configuration makes a running SDK, and what exporters see of it
 */
#ifndef TOTE_INTERNAL_SDK_H
#define TOTE_INTERNAL_SDK_H

#include "tote/internal/safe_memory.h"
#include "tote/internal/wire.h"
#include "tote/sdk.h"
#include "tote/sdk/id_generator.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_data.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

/*
 * A resource, interned: equal ones have one index, none is ever freed, the table is bounded. Index
 * 0 is the empty one, also given if out of memory. `encoded` holds the fields of an OTLP
 * Resource.
 */
struct tote__resource {
    tote_resource resource;
    struct tote__slice encoded;
};
uint32_t tote__resource_intern(const tote_attribute *attributes, size_t count,
                               const char *schema_url);

/*
 * In a forked child, the resource of its parent with what distinguishes this process: process.pid,
 * process.creation.time and service.instance.id, as far as detectors set them. Returns: its index;
 * `index` if nothing differs or out of memory.
 */
uint32_t tote__resource_renew(uint32_t index);
const struct tote__resource *tote__resource_at(uint32_t index);

/* Everything decided: no field has a default any more but those that say so. */
struct tote__sdk_settings {
    bool is_disabled;      /* OTEL_SDK_DISABLED: spans carry contexts and record nothing */
    bool is_global;        /* to be the global provider */
    tote_sampler *sampler; /* taken; NULL: parent based, always on */
    tote_id_generator *id_generator; /* taken; NULL: random */
    uint32_t resource;               /* an index */
    tote_span_limits limits;         /* literal: UINT32_MAX is no limit, 0 is nothing */
    tote_store_export store_export;
    const char *const *store_export_keys; /* copied */
    size_t store_export_key_count;
    tote_span_processor *const *processors; /* each taken; the exporters' ones last */
    size_t processor_count;
    tote_thread_factory thread_factory;     /* functions NULL: pthreads */
    uint64_t (*now_unix_nano)(void *clock); /* NULL: the system's clocks */
    void *clock;
};

/* The SDK that is the global one, with one more reference; NULL when there is none. */
tote_sdk *tote__sdk_ref_global(void);

/* Start. What the settings say is taken is taken also on failure. NULL if out of memory. */
tote_sdk *tote__sdk_new(const struct tote__sdk_settings *settings);

struct tote__batch_settings {
    uint32_t max_queue_size;    /* UINT32_MAX: no limit in spans */
    bool may_exceed_queue_size; /* for an exporter that keeps what it cannot send yet */
    size_t max_queue_bytes;
    uint32_t max_export_batch_size; /* at most max_queue_size */
    uint32_t schedule_delay_ms;
    uint32_t export_timeout_ms; /* UINT32_MAX: no limit */
    bool is_host_driven;        /* no thread */
    uint32_t poll_budget_us;
};

/*
 * Both take the exporter, always; NULL on failure, with a diagnostic. The batch processor's thread
 * starts with the SDK that gets it, or with the first span.
 */
tote_span_processor *tote__batch_processor_new(tote_span_exporter *exporter,
                                               const struct tote__batch_settings *settings);
tote_span_processor *tote__simple_processor_new(tote_span_exporter *exporter,
                                                uint32_t export_timeout_ms);

/* Spans of this process that were saved, and are so no more; and others' that were delivered. */
struct tote__saved_counts {
    uint64_t delivered;
    uint64_t rejected;
    uint64_t lost;
    uint64_t recovered;
    uint64_t not_crash_safe; /* ended, and would not have outlived the process */
};

/* What an exporter of ours can do besides. From any thread; NULL: nothing. */
struct tote__exporter_extras {
    /* See tote_sdk_prepare(). */
    tote_result (*prepare)(void *self, uint32_t timeout_ms, bool may_make_thread);

    /* What became of what was saved. */
    void (*add_counts)(void *self, struct tote__saved_counts *counts);

    /*
     * Memory that outlives this process, for the records of the queue; NULL: there is none. Before
     * the first span of a queue, and never twice at a time. It is there until `destroy`.
     */
    const struct tote__crash_safe_memory *(*begin_crash_safe)(void *self);
};

/*
 * An extension point as it is kept: a copy of the functions, zero where the caller's struct ended.
 */
struct tote_span_exporter {
    tote_span_exporter_ops ops;
    void *self;
    const struct tote__exporter_extras *extras; /* NULL for one of the program's own */
};

/* For an exporter of ours, that was just made; NULL is fine. */
tote_span_exporter *tote__span_exporter_set_extras(tote_span_exporter *exporter,
                                                   const struct tote__exporter_extras *extras);

/*
 * After a call of an exporter: have the counts sum up to so many spans at most, and `delivered` be
 * one of them. Returns: how many of the spans are in none: they are lost.
 */
enum { TOTE__OUTCOME_COUNTS = 5 };
size_t tote__outcome_complete(tote_export_outcome *outcome, size_t span_count);

/* Wait until an exporter that works in steps can go on, or until the deadline. */
void tote__span_exporter_wait(const tote_span_exporter *exporter, uint64_t deadline);

/* So long waits who steps, before others have their turn, and for one past its deadline. */
#define TOTE__STEP_SLICE_NS 50000000U
#define TOTE__STEP_GRACE_NS 1000000000U

/* Add a complete outcome to a sum, which has the result and the cause of the last failure. */
void tote__outcome_add(tote_export_outcome *sum, const tote_export_outcome *outcome);

/* What a processor can do that is driven by the host's loop. One call at a time, but for watch. */
struct tote__loop_ops {
    /*
     * Add what is to be waited for, of this process, to an epoll instance. Returns: false when that
     * cannot be.
     */
    bool (*watch)(void *self, int epoll);
    /* Whether that was added to this one, and all descriptors are still what they were. */
    bool (*is_watched)(void *self, int epoll);
    /* When it wants to be called, whatever it waits for does; TOTE__NEVER. */
    uint64_t (*get_due)(void *self);
    /* See tote_sdk_poll(). */
    void (*poll)(void *self);
};

struct tote_span_processor {
    tote_span_processor_ops ops;
    void *self;
    void (*add_stats)(void *self, tote_stats *stats); /* NULL for one of the program's own */
    tote_span_exporter *exporter;                     /* to be prepared; NULL likewise */
    const struct tote__loop_ops *loop;                /* NULL for one that needs no loop */
    /*
     * See tote_sdk_after_fork_child(). Returns: false when there is no worker. NULL: nothing to do.
     */
    bool (*after_fork)(void *self, bool adopts_queue);
    /* The SDK starts: have a worker, made by this factory. NULL: nothing to do. */
    void (*start)(void *self, const tote_thread_factory *factory);
    tote_span_processor *inner; /* the processor that this one wraps and owns; NULL: none */
};

/* The processor that exports, if one of those that wrap each other does. NULL for NULL. */
static inline tote_span_processor *tote__innermost(tote_span_processor *processor) {
    while (processor && processor->inner) {
        processor = processor->inner;
    }
    return processor;
}

/* The processor, or the first one inside it that has this function; NULL: none has. */
#define TOTE__PROCESSOR_WITH(processor, function)                                                  \
    __extension__({                                                                                \
        tote_span_processor *with_it = (processor);                                                \
        while (with_it && !with_it->ops.function) {                                                \
            with_it = with_it->inner;                                                              \
        }                                                                                          \
        with_it;                                                                                   \
    })

/* What a sampler may tell apart without being asked. Spec: trace/sdk.md#parentbased */
enum tote__parent_kind {
    TOTE__NO_PARENT,
    TOTE__REMOTE_SAMPLED,
    TOTE__REMOTE_NOT_SAMPLED,
    TOTE__LOCAL_SAMPLED,
    TOTE__LOCAL_NOT_SAMPLED,
    TOTE__REMOTE_UNDECIDED, /* a remote parent without a sampling decision */
    TOTE__PARENT_KINDS
};
enum { TOTE__ASK_SAMPLER = -1 };
struct tote_sampler {
    tote_sampler_ops ops;
    void *self;
    int known[TOTE__PARENT_KINDS]; /* what it always decides for such a parent, and then leaves
                                         everything else as it is; or TOTE__ASK_SAMPLER */
};
struct tote_id_generator {
    tote_id_generator_ops ops;
    void *self;
};

#endif
