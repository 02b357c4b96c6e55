/* SPDX-License-Identifier: MIT */
/*
 * metrics.h - the figures of processors and exporters, for the metrics of an SDK
 *
 * Components that do not know each other fill them: tote/sdk/metrics.h reads all of an SDK.
 */
#ifndef TOTE_INTERNAL_METRICS_H
#define TOTE_INTERNAL_METRICS_H

#include "tote/sdk/metrics.h"
#include "tote/sdk/span_exporter.h"

enum {
    TOTE__ERROR_TYPE_BYTES = 24,
    TOTE__MOST_ERROR_TYPES = 16, /* of one exporter; further ones count as the last */
    TOTE__MOST_OPERATIONS = 24
};

/* Spans that an exporter has finished with one result. */
struct tote__exported {
    char error_type[TOTE__ERROR_TYPE_BYTES]; /* "": success */
    uint64_t count;
};

/* Durations in seconds of export operations that ended alike. */
struct tote__operations {
    char error_type[TOTE__ERROR_TYPE_BYTES]; /* "": success */
    uint32_t http_status_code;               /* 0: none */
    const char *rpc_status_code;             /* a literal; NULL: none */
    uint64_t count;
    double sum, min, max;
};

/* Figures of one exporter. Initially zero; the owner locks. */
struct tote__exporter_metrics {
    uint64_t in_flight;
    size_t exported_count;
    size_t operation_count;
    struct tote__exported exported[TOTE__MOST_ERROR_TYPES];
    struct tote__operations operations[TOTE__MOST_OPERATIONS];
};

/* Add finished spans by error type. "" is success. */
void tote__metrics_add_exported(struct tote__exporter_metrics *metrics, const char *error_type,
                                uint64_t count);

/*
 * Add an outcome of spans that were in flight. Saved spans are finished later. `duration_ns` is
 * that of the operation; UINT64_MAX: no request was made for it.
 */
void tote__metrics_add_outcome(struct tote__exporter_metrics *metrics,
                               const tote_export_outcome *outcome, uint64_t duration_ns);

/* What an exporter is, and where it sends. Texts are borrowed from it. */
struct tote__exporter_identity {
    const char *type;           /* otel.component.type */
    const char *server_address; /* NULL: none */
    uint32_t server_port;       /* 0: none */
};

/* Why a processor did not pass a span to its exporter. */
enum tote__processed {
    TOTE__PROCESSED, /* it did */
    TOTE__PROCESSED_QUEUE_FULL,
    TOTE__PROCESSED_TOO_LARGE,
    TOTE__PROCESSED_ALREADY_SHUTDOWN,
    TOTE__PROCESSED_SHUTDOWN_TIMEOUT,
    TOTE__PROCESSED_OUT_OF_MEMORY,
    TOTE__PROCESSED_INSIDE_EXPORT,
    TOTE__PROCESSED_KINDS
};

/* Figures of a processor and its exporter. */
struct tote__processor_metrics {
    const char *type; /* otel.component.type */
    bool has_queue;
    uint64_t queue_size;
    uint64_t queue_capacity;
    uint64_t processed[TOTE__PROCESSED_KINDS];
    struct tote__exporter_metrics exporter;
};

/* Which metrics are sent, and how often. */
struct tote__metric_source {
    tote_sdk *sdk; /* NULL: none */
    uint32_t run;  /* of the SDK: a later one is another SDK */
    uint32_t interval_ms;
    uint32_t timeout_ms; /* of one request; UINT32_MAX: none */
};

/*
 * Read the metrics of this run, and the index of its resource. Returns false, without a visit, if
 * it is over or out of memory. Thread-safe.
 */
bool tote__sdk_read_metrics(tote_sdk *sdk, uint32_t run,
                            void (*visit)(void *data, const tote_metric_point *point), void *data,
                            uint32_t *resource);

/*
 * An exporter that also sends metrics. All functions except `start` are called by the thread that
 * exports.
 */
struct tote__metric_sender_ops {
    /* Called before the first span. Returns false, with a diagnostic, if it cannot send metrics. */
    bool (*start)(void *self, const struct tote__metric_source *source);

    /* Return when `step` is due even without an event of the exporter's descriptor. */
    uint64_t (*due)(void *self);

    /* Send without waiting for the end of the interval. */
    void (*send_now)(void *self);

    /* Continue. Returns whether a request is in flight. Blocks for 50 ms at most. */
    bool (*step)(void *self, bool may_block);

    /* Send the final figures, and block until the deadline at most. */
    void (*finish)(void *self, uint64_t deadline);
};

struct tote__metric_sender {
    const struct tote__metric_sender_ops *ops; /* NULL: none */
    void *self;
};

#endif
