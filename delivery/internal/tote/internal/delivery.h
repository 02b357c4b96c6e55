/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - retry, disk queue and crash-safe mode around an exporter
 */
#ifndef TOTE_DELIVERY_H_INTERNAL
#define TOTE_DELIVERY_H_INTERNAL

#include <signal.h>

#include "tote/delivery.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/left_out.h"
#include "tote/internal/sdk.h"

/* Resolved options. Texts are borrowed and must outlive the exporter. */
struct tote__delivery_settings {
    const char *destination; /* for diagnostics */
    uint32_t timeout_ms;     /* for one request with its retries; UINT32_MAX: none */
    uint32_t initial_backoff_ms;
    uint32_t max_backoff_ms;
    uint32_t max_retry_after_ms;      /* UINT32_MAX: no limit */
    size_t max_request_bytes;         /* SIZE_MAX: no limit */
    uint32_t max_concurrent_requests; /* more than 1 only if the exporter supports it */
    const char *disk_queue_directory; /* NULL: no disk queue */
    bool needs_disk_queue;            /* the exporter is not created without it */
    bool is_crash_safe;               /* crash-safe mode */
    bool disk_queue_no_sync;
    const char *crash_safe_directory; /* NULL: shared memory */
    size_t crash_safe_bytes;
    struct tote__disk_queue_limits disk_queue_limits;
};

/*
 * Return how long a step may wait, in ns. It is short if another request could be started: new
 * spans do not end the wait.
 */
static inline uint64_t tote__delivery_slice(const struct tote__delivery_settings *settings,
                                            size_t in_flight) {
    enum { PARTS = 10 };
    bool may_start = in_flight && in_flight < settings->max_concurrent_requests;

    return TOTE__STEP_SLICE_NS / (may_start ? PARTS : 1);
}

/*
 * Resolve complete options of this version with the defaults, and copy their texts. Returns false
 * if out of memory.
 */
bool tote__delivery_resolve(const tote_delivery_options *options, struct tote__arena *memory,
                            struct tote__delivery_settings *settings);

/*
 * Wrap an exporter. Takes ownership of it, also on failure. Returns NULL, with a diagnostic, on
 * failure and if it is NULL.
 */
tote_span_exporter *tote__delivery_exporter_new(tote_span_exporter *receiver,
                                                const struct tote__delivery_settings *settings);

/* How long a request in flight may take after a stop. */
enum { TOTE__SEND_STOP_MS = 5000 };

/*
 * Send the disk queue. Takes ownership of the exporter. See tote_otlp_disk_queue_send().
 *
 * A signal handler can end the call by `*stop`, unless that is NULL: if it is not 0, no request is
 * started, and the call returns after the request in flight, which takes up to TOTE__SEND_STOP_MS.
 * Otherwise the receiver could have a request that is sent again. Other waits end within 50 ms.
 */
tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                const volatile sig_atomic_t *stop, tote_disk_queue_report *report);

#endif
