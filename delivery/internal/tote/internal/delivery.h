/* SPDX-License-Identifier: MIT */
/*
 * delivery.h - retry, disk queue and crash-safe mode around an exporter
 */
#ifndef TOTE_DELIVERY_H_INTERNAL
#define TOTE_DELIVERY_H_INTERNAL

#include "tote/delivery.h"
#include "tote/internal/spool.h"

/* Everything decided. Texts are borrowed, and live as long as the receiver. */
struct tote__delivery_settings {
    const char *destination; /* for diagnostics */
    uint32_t timeout_ms;     /* of a request with its retries; UINT32_MAX: none */
    uint32_t retry_first_ms;
    uint32_t retry_longest_ms;
    uint32_t max_retry_after_ms; /* UINT32_MAX: no limit */
    size_t max_request_bytes;    /* SIZE_MAX: no limit */
    const char *spool_directory; /* NULL: no disk queue */
    bool needs_spool;            /* no exporter without it */
    bool spools_before_end;      /* crash-safe mode */
    bool spool_no_sync;
    const char *journal_directory; /* NULL: shared memory */
    size_t journal_bytes;
    struct tote__spool_limits spool_limits;
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

/* Deliver what is in the disk queue. Takes the receiver, always. See tote_otlp_send_spool(). */
tote_result tote__delivery_send(tote_span_exporter *receiver,
                                const struct tote__delivery_settings *settings, uint32_t timeout_ms,
                                tote_spool_report *report);

#endif
