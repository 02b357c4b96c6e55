/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_exporter.h
 * SpanExporter: a way out for ended spans. Spec: trace/sdk.md#span-exporter
 *
 * An exporter either blocks (export_spans), or works in steps that do not block (deliver, step,
 * due, descriptor, save). tote_span_exporter_delivery_new() wraps either kind, and adds retry, a
 * disk queue and crash-safe mode. A processor always wraps an exporter of yours that works in
 * steps: with the defaults, if you have not.
 *
 * Threads:  one at a time calls export_spans, deliver, step, due and save; any thread the others,
 *           also meanwhile.
 * Lifetime: sole owner; whoever is given an exporter takes it, always.
 */
#ifndef TOTE_SDK_SPAN_EXPORTER_H
#define TOTE_SDK_SPAN_EXPORTER_H

#include "tote/sdk/span_data.h"

TOTE_BEGIN_DECLS

typedef struct tote_span_exporter tote_span_exporter;

/** Ended spans on their way to a receiver. Borrowed for the call, unless a function says more. */
typedef struct tote_span_batch tote_span_batch;

/** 0 for NULL. */
TOTE_API size_t tote_span_batch_get_count(const tote_span_batch *batch);

/** The spans, as many as the count says. NULL if out of memory, and for NULL. */
TOTE_API const tote_span_data *const *tote_span_batch_get_spans(const tote_span_batch *batch);

/**
 * The spans as the bytes of an OTLP ExportTraceServiceRequest; made once, and borrowed like the
 * batch. NULL if out of memory, and for NULL.
 */
TOTE_API const void *tote_span_batch_get_request(const tote_span_batch *batch, size_t *size);

/** Why spans did not arrive. */
typedef enum tote_export_failure {
    TOTE_EXPORT_FAILURE_UNKNOWN,      /**< the exporter does not say */
    TOTE_EXPORT_FAILURE_UNREACHABLE,  /**< there is no receiver, or no way to it */
    TOTE_EXPORT_FAILURE_UNAVAILABLE,  /**< the same spans may be accepted another time */
    TOTE_EXPORT_FAILURE_STREAM_RESET, /**< likewise; if there are many, fewer may be accepted */
    /** These are too many for one request: fewer may be accepted */
    TOTE_EXPORT_FAILURE_TOO_LARGE,
    /** Not as the exporter is configured: credentials, path, protocol */
    TOTE_EXPORT_FAILURE_NOT_ACCEPTED,
    TOTE_EXPORT_FAILURE_REJECTED,   /**< permanent failure: the receiver rejects the spans */
    TOTE_EXPORT_FAILURE_LOST,       /**< permanent failure for another reason */
    TOTE_EXPORT_FAILURE_INTERRUPTED /**< by a shutdown */
} tote_export_failure;

/**
 * What became of spans: counts by cause, and a result for those in no count. All zero at first,
 * except for struct_size, which the caller sets.
 */
typedef struct tote_export_outcome {
    size_t struct_size;
    /** Of how many spans this is the outcome; Tote fills it in, except where deliver returns 0 */
    size_t span_count;
    tote_result result; /**< of the spans in no count; the value that export_spans returns wins */
    size_t delivered;   /**< arrived; only looked at if the result is not TOTE_RESULT_SUCCESS */
    size_t rejected;    /**< permanently rejected by the receiver */
    size_t too_large;   /**< never sent: over a limit of the exporter, each alone */
    size_t shut_down;   /**< not delivered because the exporter was shut down */
    size_t saved;       /**< kept where they outlive this process, and sent later */

    /* If the result is not TOTE_RESULT_SUCCESS: */
    tote_export_failure failure;
    bool has_retry_after;    /**< the receiver asks for a wait before the retry: */
    uint64_t retry_after_ms; /**< in so many ms; 0 is at once */
    /** The cause of the failure is over, for example a connection that was closed */
    bool retry_at_once;
    /** For a log: "503: overloaded"; borrowed until the next call; NULL: none */
    const char *reason;
    const char *advice; /**< what to do about it: "; check the port"; likewise */
} tote_export_outcome;

#define TOTE_EXPORT_OUTCOME_INIT                                                                   \
    {                                                                                              \
        sizeof(tote_export_outcome), 0, TOTE_RESULT_SUCCESS, 0, 0, 0, 0, 0,                        \
            TOTE_EXPORT_FAILURE_UNKNOWN, false, 0, false, NULL, NULL                               \
    }

/** How a step is made. */
typedef struct tote_export_step {
    size_t struct_size;
    /**
     * For what was delivered, with its retries, from its first attempt on; an exporter may have a
     * shorter one
     */
    uint32_t timeout_ms;
    /**
     * Of CLOCK_MONOTONIC: end what is under way by then; a second later it is given up by save.
     * UINT64_MAX: none
     */
    uint64_t deadline_ns;
    bool is_final;  /**< what cannot be tried again in time is given up now, or saved */
    bool may_block; /**< for the receiver, for up to 50 ms; never between attempts */
    /** Somebody waits: end a pause between attempts, unless the receiver asked for it */
    bool retry_now;
    /**
     * Only what is under way goes on; if nothing is, what keeps the descriptor readable is
     * forgotten
     */
    bool drain_only;
} tote_export_step;

/** Where an exporter that works in steps is. */
typedef enum tote_export_state {
    TOTE_EXPORT_STATE_IDLE, /**< nothing to do until due() */
    /** The next step goes on when the descriptor is readable, and when due() */
    TOTE_EXPORT_STATE_IN_FLIGHT,
    /** What one call of deliver took: once for each call that took spans, in their order */
    TOTE_EXPORT_STATE_COMPLETED
} tote_export_state;

typedef struct tote_span_exporter_ops {
    size_t struct_size;

    /**
     * Send `count` spans within `timeout_ms` and say whether they arrived: the result is for those
     * in no count of the outcome, which may be left alone. The spans are borrowed for the call.
     * What is not delivered is dropped and counted, unless the exporter is wrapped by
     * tote_span_exporter_delivery_new(). NULL for an exporter that works in steps.
     */
    tote_result (*export_spans)(void *self, const tote_span_data *const *spans, size_t count,
                                uint32_t timeout_ms, tote_export_outcome *outcome);

    tote_result (*force_flush)(void *self, uint32_t timeout_ms); /**< may be NULL */

    /** Also interrupts an export that is under way past `timeout_ms`. May be NULL. */
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);
    void (*destroy)(void *self); /**< last, once, also when new failed; may be NULL */

    /**
     * The first function of an exporter that works in steps; step, due and save are needed, too.
     * Take the first spans of the batch without waiting, all of them if there is room. Returns how
     * many. A receiver that takes fewer gets the others in a batch of their own. 0: there is no
     * room until a step is over, or the first outcome->span_count spans are over already, with this
     * outcome. The batch stays valid until what was taken is over or given up. In a forked child
     * any function may be called first: what the parent delivered is the parent's.
     */
    size_t (*deliver)(void *self, const tote_span_batch *batch, tote_export_outcome *outcome);

    /** Go on with what was delivered first. The outcome is looked at for
     * TOTE_EXPORT_STATE_COMPLETED. */
    tote_export_state (*step)(void *self, const tote_export_step *step,
                              tote_export_outcome *outcome);

    /**
     * When a step has something to do whatever the descriptor says, by CLOCK_MONOTONIC in ns.
     * UINT64_MAX: never.
     */
    uint64_t (*due)(void *self);

    /**
     * Readable when a step can go on: one for the life of the process; -1: none. From any thread.
     * May be NULL.
     */
    int (*descriptor)(void *self);

    /**
     * Give up all that is not over. First save it, from the first spans on, where it outlives this
     * process, as far as that can be. Returns how many spans were saved.
     */
    size_t (*save)(void *self);
} tote_span_exporter_ops;

/** An exporter of your own. Takes `self`, always. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_span_exporter_new(const tote_span_exporter_ops *ops,
                                                                  void *self);

/*
 * For an exporter that wraps another one, and for tests: what a processor does with an exporter.
 * Not while a processor has it. NULL: TOTE_RESULT_FAILURE, or TOTE_RESULT_SUCCESS where there is
 * nothing to do.
 */

/**
 * Export spans, whichever kind of exporter it is; one that works in steps is waited for. Blocks for
 * about timeout_ms at most. Returns outcome->result; the outcome may be NULL. Each span is in one
 * count of it, or in the result.
 */
TOTE_API tote_result tote_span_exporter_export(tote_span_exporter *exporter,
                                               const tote_span_data *const *spans, size_t count,
                                               uint32_t timeout_ms, tote_export_outcome *outcome);
TOTE_API tote_result tote_span_exporter_force_flush(tote_span_exporter *exporter,
                                                    uint32_t timeout_ms);
TOTE_API tote_result tote_span_exporter_shutdown(tote_span_exporter *exporter, uint32_t timeout_ms);

/** Only for one that nothing has taken. */
TOTE_API void tote_span_exporter_free(tote_span_exporter *exporter);

TOTE_END_DECLS

#endif
