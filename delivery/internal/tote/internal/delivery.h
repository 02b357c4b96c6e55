/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - retry, disk queue and crash-safe mode around an exporter
 */
#ifndef TOTE_DELIVERY_H_INTERNAL
#define TOTE_DELIVERY_H_INTERNAL

#include "tote/delivery.h"
#include "tote/internal/disk_queue.h"

/* Everything decided. Texts are borrowed, and live as long as the receiver. */
struct tote__delivery_settings {
    const char *destination; /* for diagnostics */
    uint32_t timeout_ms;     /* of a request with its retries; UINT32_MAX: none */
    uint32_t initial_backoff_ms;
    uint32_t max_backoff_ms;
    uint32_t max_retry_after_ms;      /* UINT32_MAX: no limit */
    size_t max_request_bytes;         /* SIZE_MAX: no limit */
    const char *disk_queue_directory; /* NULL: no disk queue */
    bool needs_disk_queue;            /* no exporter without it */
    bool is_crash_safe;               /* crash-safe mode */
    bool disk_queue_no_sync;
    const char *crash_safe_directory; /* NULL: shared memory */
    size_t crash_safe_bytes;
    struct tote__disk_queue_limits disk_queue_limits;
};

/*
 * Complete options of this version: put them together with the defaults, and copy their texts.
 * Returns false if out of memory.
 */
bool tote__delivery_resolve(const tote_delivery_options *options, struct tote__arena *memory,
                            struct tote__delivery_settings *settings);

/* Takes the receiver, always; NULL, with a diagnostic, on failure and if it is NULL. */
tote_span_exporter *tote__delivery_exporter_new(tote_span_exporter *receiver,
                                                const struct tote__delivery_settings *settings);

/* Deliver what is in the disk queue. Takes the receiver, always. See tote_otlp_disk_queue_send().
 */
tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                tote_disk_queue_report *report);

#endif
