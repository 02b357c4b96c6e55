/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_exporter.h
 * SpanExporter: a way out for ended spans. Spec: trace/sdk.md#span-exporter
 *
 * Threads:  export_spans comes from one thread at a time; the others from any, also meanwhile.
 * Lifetime: sole owner; whoever is given an exporter takes it, always.
 */
#ifndef TOTE_SDK_SPAN_EXPORTER_H
#define TOTE_SDK_SPAN_EXPORTER_H

#include "tote/sdk/span_data.h"

TOTE_BEGIN_DECLS

typedef struct tote_span_exporter tote_span_exporter;

/** What became of the spans of one call, beyond its result; all zero at first. Fields are only added at its end. */
typedef struct tote_export_report {
    size_t rejected;  /**< the receiver said no to them */
    size_t too_large; /**< never sent: over a limit of the exporter, each alone */
    size_t shut_down; /**< not delivered because the exporter was told to stop */
    size_t delivered; /**< arrived although the result is not TOTE_SUCCESS, and are in no other count; else ignored */
    size_t spooled;   /**< neither, but kept where they outlive this process, and sent later */
} tote_export_report;

typedef struct tote_span_exporter_ops {
    size_t struct_size;

    /**
     * Send `count` spans within `timeout_ms` and say whether they arrived: the result is for those in no
     * count of the report, which may be left alone. The spans are borrowed for the call. Retrying is the exporter's
     * own affair: what is not delivered is dropped and counted.
     */
    tote_result (*export_spans)(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_report *report);

    tote_result (*force_flush)(void *self, uint32_t timeout_ms); /**< may be NULL */

    /** Also interrupts an export that is under way past `timeout_ms`. May be NULL. */
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);
    void (*destroy)(void *self); /**< last, once, also when new failed; may be NULL */
} tote_span_exporter_ops;

/** An exporter of your own. Takes `self`, always. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_span_exporter_new(const tote_span_exporter_ops *ops, void *self);

/** Only for one that nothing has taken. */
TOTE_API void tote_span_exporter_free(tote_span_exporter *exporter);

TOTE_END_DECLS
#endif
