/* SPDX-License-Identifier: MIT */
/*
 * sdk.h - interface between the SDK, its configuration and the exporters
 */
#ifndef TOTE_INTERNAL_SDK_H
#define TOTE_INTERNAL_SDK_H

#include "tote/internal/left_out.h"
#include "tote/internal/metrics.h"
#include "tote/internal/safe_memory.h"
#include "tote/internal/wire.h"
#include "tote/sdk.h"
#include "tote/sdk/id_generator.h"
#include "tote/sdk/resource.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_data.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

/* A resource. `encoded` contains the fields of an OTLP Resource. */
struct tote__resource {
    tote_resource resource;
    struct tote__slice encoded;
    struct tote__arena memory;    /* of the fields above, if it is counted */
    _Atomic(uint32_t) references; /* 0: not counted, but constant or in the arena of a request */
};
extern struct tote__resource tote__resource_empty;

/*
 * Decode the fields of an OTLP Resource into the arena, except the schema URL. Returns false if out
 * of memory.
 */
bool tote__resource_unpack(struct tote__slice encoded, struct tote__arena *arena,
                           tote_resource *resource);

/*
 * Return the index of a resource. Equal resources have one index; none is ever freed, and the table
 * is bounded. Index 0 is the empty resource, also returned, with a diagnostic, if the resource is
 * NULL (out of memory), if the table is full or if out of memory.
 */
uint32_t tote__resource_intern(const tote_resource *resource);

/*
 * In a forked child, derive a resource that describes this process: process.pid,
 * process.creation.time and service.instance.id, if detectors set them. Returns its index; `index`
 * if nothing differs or out of memory.
 */
uint32_t tote__resource_renew(uint32_t index);
const struct tote__resource *tote__resource_at(uint32_t index);

/* Settings of an SDK; no field has a default unless stated. */
struct tote__sdk_settings {
    bool is_disabled; /* OTEL_SDK_DISABLED: contexts are propagated and nothing is recorded */
    bool is_global;   /* becomes the global provider */
    bool has_process_context;        /* the resource is published to profilers */
    tote_sampler *sampler;           /* owned; NULL: parent based, always on */
    tote_id_generator *id_generator; /* owned; NULL: random */
    uint32_t resource;               /* index of the resource */
    tote_span_limits limits;         /* UINT32_MAX is no limit, 0 is 0 */
    tote_store_export store_export;
    const char *const *store_export_keys; /* copied */
    size_t store_export_key_count;
    const tote_tracer_configurator *tracer_configurator; /* copied; NULL: all are enabled */
    tote_span_processor *const *processors;              /* owned; those of exporters are last */
    size_t processor_count;
    struct tote__metric_source metrics;     /* interval_ms 0: they are not sent */
    tote_thread_factory thread_factory;     /* functions NULL: POSIX threads */
    uint64_t (*now_unix_nano)(void *clock); /* NULL: the system's clocks */
    void *clock;
};

/* Return a new reference to the global SDK, or NULL if there is none. */
tote_sdk *tote__sdk_ref_global(void);

/*
 * Start an SDK. Takes ownership of what the settings own, also on failure. Returns NULL, with a
 * diagnostic, on failure.
 */
tote_sdk *tote__sdk_new(const struct tote__sdk_settings *settings);

struct tote__batch_settings {
    uint32_t max_queue_size;    /* UINT32_MAX: no limit in spans */
    bool may_exceed_queue_size; /* for a non-blocking exporter, which retries */
    size_t max_queue_bytes;
    uint32_t max_export_batch_size; /* at most max_queue_size */
    uint32_t schedule_delay_ms;
    uint32_t export_timeout_ms; /* UINT32_MAX: no limit */
    bool is_host_driven;        /* no thread */
    uint32_t poll_budget_us;
};

/*
 * Create a processor. Both take ownership of the exporter, also on failure. Return NULL, with a
 * diagnostic, on failure. The batch processor's worker starts with the SDK, or with the first span.
 */
tote_span_processor *tote__batch_processor_new(tote_span_exporter *exporter,
                                               const struct tote__batch_settings *settings);
tote_span_processor *tote__simple_processor_new(tote_span_exporter *exporter,
                                                uint32_t export_timeout_ms);

/*
 * Counts of saved spans of this process by outcome, and of spans of other processes that were
 * delivered.
 */
struct tote__saved_counts {
    uint64_t delivered;
    uint64_t rejected;
    uint64_t lost;
    uint64_t recovered;
    uint64_t not_crash_safe; /* ended without being crash-safe */
};

/* Additional functions of Tote's exporters; NULL if not available. Threads: thread-safe. */
struct tote__exporter_extras {
    /* See tote_sdk_prepare(). */
    tote_result (*prepare)(void *self, uint32_t timeout_ms, bool may_make_thread);

    /* Add what became of saved spans. */
    void (*add_counts)(void *self, struct tote__saved_counts *counts);

    /*
     * Return crash-safe memory for the records of the queue, or NULL. Called before the first span
     * of a queue, never concurrently. The memory is valid until `destroy`.
     */
    const struct tote__crash_safe_memory *(*begin_crash_safe)(void *self);

    /* Describe the exporter, for metrics. The texts are valid until `destroy`. */
    void (*identify)(void *self, struct tote__exporter_identity *identity);

    /*
     * Return the batch that the last step completed; without this function it is the one that was
     * delivered first. Called by the exporting thread.
     */
    const tote_span_batch *(*completed)(void *self);

    /*
     * Return how many nanoseconds the last completed call of deliver took from its first attempt;
     * without this function it began when the call before it was complete. Called by the exporting
     * thread.
     */
    uint64_t (*duration)(void *self);

    /*
     * Return whether another request would start at once, beside those in flight. Without this
     * function none does. Called by the exporting thread.
     */
    bool (*may_start)(void *self);

    /* Return the sender of metrics that uses this exporter's connection. */
    struct tote__metric_sender (*metric_sender)(void *self);
};

/* An exporter: a copy of its functions, zero behind the end of the caller's struct. */
struct tote_span_exporter {
    tote_span_exporter_ops ops;
    void *self;
    const struct tote__exporter_extras *extras; /* NULL for one of the program */
    uint32_t most_requests;                     /* that deliver accepts; 0: the default */
};

/* Return the sender of metrics of this exporter, without functions if it has none. */
static inline struct tote__metric_sender
tote__metric_sender_of(const tote_span_exporter *exporter) {
    return TOTE_HAS_METRICS && exporter->extras && exporter->extras->metric_sender
               ? exporter->extras->metric_sender(exporter->self)
               : (struct tote__metric_sender){NULL, NULL};
}

/* Set the additional functions of a new exporter. NULL is allowed. */
tote_span_exporter *tote__span_exporter_set_extras(tote_span_exporter *exporter,
                                                   const struct tote__exporter_extras *extras);

/*
 * Complete an outcome: the counts sum up to at most `span_count`, and include `delivered`. Returns
 * the number of spans in no count: they are lost.
 */
enum { TOTE__OUTCOME_COUNTS = 5 };
size_t tote__outcome_complete(tote_export_outcome *outcome, size_t span_count);

/* Wait until a non-blocking exporter can continue, or until the deadline. */
void tote__span_exporter_wait(const tote_span_exporter *exporter, uint64_t deadline);

/* The longest wait in one step, and how long after its deadline an export is given up. */
#define TOTE__STEP_SLICE_NS 50000000U
#define TOTE__STEP_GRACE_NS 1000000000U

/* Add a completed outcome to a sum. The sum has the result and cause of the last failure. */
void tote__outcome_add(tote_export_outcome *sum, const tote_export_outcome *outcome);

struct tote__os_event;

/* Functions of a processor for host-driven export. Not called concurrently, except `watch`. */
struct tote__loop_ops {
    /* Add the descriptors of this process to a group. Returns false on failure. */
    bool (*watch)(void *self, const struct tote__os_event *group);
    /* Return whether they are still watched by this group, and still open. */
    bool (*is_watched)(void *self, const struct tote__os_event *group);
    /* Return when `poll` is due even without an event; TOTE__NEVER. */
    uint64_t (*get_due)(void *self);
    /* See tote_sdk_poll(). */
    void (*poll)(void *self);
};

struct tote_span_processor {
    tote_span_processor_ops ops;
    void *self;
    void (*add_stats)(void *self, tote_stats *stats); /* NULL for one of the program */
    void (*read_metrics)(void *self, struct tote__processor_metrics *metrics); /* the same */
    tote_span_exporter *exporter;      /* the exporter; NULL for a processor of the program */
    const struct tote__loop_ops *loop; /* NULL: no host-driven export */
    /* See tote_sdk_after_fork_child(). Returns false if no worker could be created. May be NULL. */
    bool (*after_fork)(void *self, bool adopts_queue);
    /* The SDK starts: create the worker by this factory. May be NULL. */
    void (*start)(void *self, const tote_thread_factory *factory);
    tote_span_processor *inner; /* the wrapped processor, owned; NULL: none */
};

/* Return the worse result: failure, then timeout. */
static inline tote_result tote__worse(tote_result a, tote_result b) {
    if (a == TOTE_RESULT_FAILURE || b == TOTE_RESULT_FAILURE) {
        return TOTE_RESULT_FAILURE;
    }
    return a == TOTE_RESULT_TIMEOUT ? a : b;
}

/* Return the innermost processor, which exports. Returns NULL for NULL. */
static inline tote_span_processor *tote__innermost(tote_span_processor *processor) {
    while (processor && processor->inner) {
        processor = processor->inner;
    }
    return processor;
}

/* The first processor that has this function, from outside inwards; NULL if none has it. */
#define TOTE__PROCESSOR_WITH(processor, function)                                                  \
    __extension__({                                                                                \
        tote_span_processor *with_it = (processor);                                                \
        while (with_it && !with_it->ops.function) {                                                \
            with_it = with_it->inner;                                                              \
        }                                                                                          \
        with_it;                                                                                   \
    })

/*
 * Kinds of parents for which a sampler may have a constant decision. Spec: trace/sdk.md#parentbased
 */
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
    int known[TOTE__PARENT_KINDS]; /* the constant decision for this kind of parent, without changes
                                      to the result; or TOTE__ASK_SAMPLER */
    bool follows_parent; /* if a constant decision samples a span like its parent, the parent's `th`
                            is valid for the span, too */
    bool ignores_attributes; /* it looks at the parent and the trace id only */
};
struct tote_composable_sampler {
    tote_composable_sampler_ops ops;
    void *self;
};
struct tote_id_generator {
    tote_id_generator_ops ops;
    void *self;
};

#endif
