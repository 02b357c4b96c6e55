/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_exporter.h
 * SpanExporter: sends ended spans to a receiver. Spec: trace/sdk.md#span-exporter
 *
 * There are two kinds of exporters. A blocking exporter has export_spans. A non-blocking one works
 * in steps: it has deliver, step, due, save and possibly descriptor.
 *
 * tote_span_exporter_delivery_new() wraps either kind, and adds retry, a disk queue and crash-safe
 * mode. A processor wraps a non-blocking exporter of the program with the default options if the
 * program has not wrapped it.
 *
 * Threads:  export_spans, deliver, step, due and save are not called concurrently. The other
 *           functions may run on any thread, also while one of these runs.
 * Shutdown: shutdown is called once. After that, any function may still be called by a thread that
 *           was exporting. It must then return at once: export_spans with TOTE_RESULT_FAILURE;
 *           deliver with 0, and the number of spans in outcome->span_count and ->shut_down.
 *           destroy is the last call.
 * Fork:     in a child any function may be called first. What the parent delivered is the parent's.
 * Lifetime: one owner. A function or option that is given an exporter takes ownership, also on
 *           failure.
 */
#ifndef TOTE_SDK_SPAN_EXPORTER_H
#define TOTE_SDK_SPAN_EXPORTER_H

#include "tote/sdk/span_data.h"

TOTE_BEGIN_DECLS

/** An exporter. One owner. */
typedef struct tote_span_exporter tote_span_exporter;

/** Ended spans to be exported. Borrowed for the call, unless a function says otherwise. */
typedef struct tote_span_batch tote_span_batch;

/** Return the number of spans. Returns 0 for NULL. */
TOTE_API size_t tote_span_batch_get_count(const tote_span_batch *batch);

/** Return the spans, borrowed like the batch. Returns NULL if out of memory, and for NULL. */
TOTE_API const tote_span_data *const *tote_span_batch_get_spans(const tote_span_batch *batch);

/**
 * Return the spans as an OTLP ExportTraceServiceRequest in protobuf, borrowed like the batch. It is
 * encoded once. Returns NULL if out of memory, and for NULL. `size` may be NULL.
 */
TOTE_API const void *tote_span_batch_get_request(const tote_span_batch *batch, size_t *size);

/** Why spans were not delivered. */
typedef enum tote_export_failure {
    /** Not specified by the exporter. Retryable, unless the outcome has counts */
    TOTE_EXPORT_FAILURE_UNKNOWN,
    TOTE_EXPORT_FAILURE_UNREACHABLE,  /**< Retryable: no connection to the receiver */
    TOTE_EXPORT_FAILURE_UNAVAILABLE,  /**< Retryable: the receiver may accept the spans later */
    TOTE_EXPORT_FAILURE_STREAM_RESET, /**< Retryable: the request may also be too large */
    TOTE_EXPORT_FAILURE_TOO_LARGE,    /**< Retryable with fewer spans */
    /**
     * The receiver accepts no request of this exporter: credentials, path or protocol. Permanent
     * failure without a disk queue; with one, retryable within its limits
     */
    TOTE_EXPORT_FAILURE_NOT_ACCEPTED,
    TOTE_EXPORT_FAILURE_REJECTED,   /**< Permanent failure: the receiver rejects these spans */
    TOTE_EXPORT_FAILURE_LOST,       /**< Permanent failure for another reason */
    TOTE_EXPORT_FAILURE_INTERRUPTED /**< Retryable: interrupted by a shutdown */
} tote_export_failure;

/**
 * The outcome of an export: counts of spans by cause, and a result for the spans in no count. An
 * exporter receives it from Tote, all zero except for `struct_size`. A caller of
 * tote_span_exporter_export() sets `struct_size`; Tote fills no more than that.
 */
typedef struct tote_export_outcome {
    size_t struct_size;
    size_t span_count; /**< Filled by Tote, except where deliver returns 0 */
    /** A tote_result, of the spans in no count; the return value of export_spans replaces it */
    uint32_t result;
    size_t delivered; /**< Accepted by the receiver; ignored if the result is success */
    size_t rejected;  /**< Permanently rejected by the receiver */
    size_t too_large; /**< Single spans over a limit of the exporter, never sent */
    size_t shut_down; /**< Not delivered because the exporter was shut down */
    size_t saved;     /**< Stored outside of this process, for example on disk, and sent later */

    /* If the result is not TOTE_RESULT_SUCCESS: */
    uint32_t failure;        /**< A tote_export_failure */
    bool has_retry_after;    /**< The receiver asks to wait for `retry_after_ms` */
    uint64_t retry_after_ms; /**< 0: retry immediately */
    bool retry_at_once;      /**< Retry without backoff, for example after a closed connection */
    /** For diagnostics: "503: overloaded". Borrowed until the next call; may be NULL */
    const char *reason;
    /** Appended to a diagnostic: "; check the port". Borrowed until the next call; may be NULL */
    const char *advice;

    /* For metrics, also on success: of the last response. */
    uint32_t http_status_code;   /**< 0: none */
    const char *rpc_status_code; /**< A string literal, for example "UNAVAILABLE"; NULL: none */
} tote_export_outcome;

#define TOTE_EXPORT_OUTCOME_INIT                                                                   \
    {                                                                                              \
        sizeof(tote_export_outcome), 0, TOTE_RESULT_SUCCESS, 0, 0, 0, 0, 0,                        \
            TOTE_EXPORT_FAILURE_UNKNOWN, false, 0, false, NULL, NULL, 0, NULL                      \
    }

/** Parameters of one step, filled by Tote. */
typedef struct tote_export_step {
    size_t struct_size;
    /** For the delivered batch with its retries, from the first attempt on. UINT32_MAX: none */
    uint32_t timeout_ms;
    /**
     * In CLOCK_MONOTONIC nanoseconds: when to end the attempt in flight. If it has not ended a
     * second later, save is called. UINT64_MAX: none
     */
    uint64_t deadline_ns;
    bool is_final;  /**< A shutdown: do not wait for a retry that is due after the deadline */
    bool may_block; /**< The step may wait for the receiver, for up to 50 ms */
    /** A flush: retry now, unless the receiver asked to wait */
    bool retry_now;
    /**
     * Only continue what is in flight. If nothing is, stop whatever keeps the descriptor readable
     */
    bool drain_only;
} tote_export_step;

/** The state of a non-blocking exporter after a step. */
typedef enum tote_export_state {
    TOTE_EXPORT_STATE_IDLE,      /**< Nothing to do until due() */
    TOTE_EXPORT_STATE_IN_FLIGHT, /**< Call again when the descriptor is readable, or at due() */
    /** The spans of one call of deliver are done. Calls complete in their order */
    TOTE_EXPORT_STATE_COMPLETED
} tote_export_state;

/** Functions of an exporter. */
typedef struct tote_span_exporter_ops {
    size_t struct_size;

    /**
     * Send `count` spans within `timeout_ms`, and return the result of the spans in no count of the
     * outcome. The outcome may be left unchanged. The spans are borrowed for the call. Spans that
     * are not delivered are dropped and counted, unless tote_span_exporter_delivery_new() wraps the
     * exporter. NULL for a non-blocking exporter.
     */
    tote_result (*export_spans)(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome);

    /** Complete all pending work within `timeout_ms`. May be NULL. */
    tote_result (*force_flush)(void *self, uint32_t timeout_ms);

    /**
     * Stop. Interrupt an export that is still running after `timeout_ms`, on another thread. May be
     * NULL.
     */
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);

    /**
     * Release `self`. Called once, after all other calls have returned, and if
     * tote_span_exporter_new() fails. May be NULL.
     */
    void (*destroy)(void *self);

    /**
     * Accept the first spans of a batch without blocking, all of them if possible, and return their
     * number. Spans that are not accepted are delivered in another batch. The batch stays valid
     * until the accepted spans are completed, or until save.
     *
     * Return 0 if nothing can be accepted until a step completes. Return 0 and set
     * outcome->span_count if that many spans are completed already, with this outcome.
     *
     * An exporter that has deliver is non-blocking, and must have step, due and save.
     */
    size_t (*deliver)(void *self, const tote_span_batch *batch, tote_export_outcome *outcome);

    /**
     * Continue with the spans that were delivered first. The outcome is read for
     * TOTE_EXPORT_STATE_COMPLETED.
     */
    tote_export_state (*step)(void *self, const tote_export_step *step,
                              tote_export_outcome *outcome);

    /**
     * Return when the next step is needed even if the descriptor is not readable, in
     * CLOCK_MONOTONIC nanoseconds. UINT64_MAX: never.
     */
    uint64_t (*due)(void *self);

    /**
     * Return a descriptor that is readable when a step can continue: the same for the life of the
     * process, or -1 if it is not available, which is an error in host-driven mode. NULL: the
     * exporter has none.
     */
    int (*descriptor)(void *self);

    /**
     * Discard all spans that are not completed. First save them outside of this process, in their
     * order, as far as possible. Return how many spans were saved.
     */
    size_t (*save)(void *self);
} tote_span_exporter_ops;

/**
 * Create an exporter. Takes ownership of `self`, also on failure: `destroy` is called then. Returns
 * NULL, with a diagnostic, if functions are missing or out of memory.
 */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_span_exporter_new(const tote_span_exporter_ops *ops,
                                                                  void *self);

/*
 * The following functions do what a processor does with an exporter, for an exporter that wraps
 * another one and for tests. Do not call them for an exporter that a processor owns.
 */

/**
 * Export spans by an exporter of either kind, and wait for the outcome. Blocks for at most
 * timeout_ms if the exporter keeps to it; a non-blocking one is given up a second later. `outcome`
 * may be NULL. Each span is in one count of the outcome, or in its result. Returns the result;
 * TOTE_RESULT_FAILURE if the exporter is NULL.
 */
TOTE_API tote_result tote_span_exporter_export(tote_span_exporter *exporter,
                                               const tote_span_data *const *spans, size_t count,
                                               uint32_t timeout_ms, tote_export_outcome *outcome);

/** Call the function of the exporter. Returns TOTE_RESULT_SUCCESS if it has none, and for NULL. */
TOTE_API tote_result tote_span_exporter_force_flush(tote_span_exporter *exporter,
                                                    uint32_t timeout_ms);
TOTE_API tote_result tote_span_exporter_shutdown(tote_span_exporter *exporter, uint32_t timeout_ms);

/** Free an exporter that was given to no other function or option. */
TOTE_API void tote_span_exporter_free(tote_span_exporter *exporter);

TOTE_END_DECLS

#endif
