/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_processor.h
 * SpanProcessor: is called when recording spans start and end. Spec: trace/sdk.md#span-processor
 *
 * Processors run in the order of tote_sdk_options.processors, before those of
 * tote_sdk_options.exporters. A processor that filters or redacts spans wraps the processor that
 * exports them: tote_span_processor_wrapper_new(), tote/processors.h, examples/filter.c.
 *
 * Threads:  on_start, on_ending and on_end run on the thread that starts or ends the span,
 *           concurrently for different spans. force_flush and shutdown may run on any thread. No
 *           lock is held.
 * Shutdown: a span that ends after tote_sdk_shutdown() has begun reaches no processor of the
 *           program. A callback that is running at that moment is not waited for, so shutdown may
 *           run concurrently with it.
 * Lifetime: one owner. A function or option that is given a processor takes ownership, also on
 *           failure.
 */
#ifndef TOTE_SDK_SPAN_PROCESSOR_H
#define TOTE_SDK_SPAN_PROCESSOR_H

#include "tote/context.h"
#include "tote/sdk/span_data.h"

TOTE_BEGIN_DECLS

/** A processor. One owner. */
typedef struct tote_span_processor tote_span_processor;

/** Functions of a processor. Each may be NULL. */
typedef struct tote_span_processor_ops {
    size_t struct_size;

    /**
     * A span has started. `span` is the span that the caller gets: it may be changed, and kept with
     * tote_span_ref(). `parent` is borrowed for the call. Spec: trace/sdk.md#onstart
     */
    void (*on_start)(void *self, tote_span *span, const tote_context *parent);

    /**
     * A span is ending. Its end time is fixed. Only this thread can change `span`, and only during
     * the call. Attributes that are set here replace those of the store. Spec:
     * trace/sdk.md#onending
     */
    void (*on_ending)(void *self, tote_span *span);

    /**
     * A span has ended. `span` is borrowed for the call; keep it with tote_span_data_copy(). Spec:
     * trace/sdk.md#onendspan
     */
    void (*on_end)(void *self, const tote_span_data *span);

    /** Complete all pending work within `timeout_ms`. */
    tote_result (*force_flush)(void *self, uint32_t timeout_ms);

    /** Flush and stop, within `timeout_ms`. Called once by the SDK. */
    tote_result (*shutdown)(void *self, uint32_t timeout_ms);

    /** Release `self`. Called once, after all other calls have returned. */
    void (*destroy)(void *self);
} tote_span_processor_ops;

/**
 * Create a processor. Takes ownership of `self`, also on failure: `destroy` is called then. Returns
 * NULL, with a diagnostic, on failure.
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_new(const tote_span_processor_ops *ops, void *self);

/**
 * Create a processor that wraps another one. The SDK calls yours, which decides what to pass on to
 * `inner`. A function that is NULL passes everything on.
 *
 * tote_sdk_prepare(), tote_sdk_poll(), tote_sdk_get_stats() and tote_sdk_after_fork_child() reach
 * the inner processor directly. A span that is not passed on is counted in tote_stats.started only.
 *
 * Takes ownership of `inner` and `self`, also on failure. `inner` is valid until `destroy` has
 * returned. Returns NULL, with a diagnostic, on failure and if `inner` is NULL.
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_wrapper_new(tote_span_processor *inner, const tote_span_processor_ops *ops,
                                void *self);

/**
 * Call the wrapped processor. Call on_start, on_ending and on_end from your function of the same
 * name.
 *
 * A span that was kept with tote_span_data_copy() may be passed to on_end later, from any thread,
 * until your `shutdown` returns; this allows decisions at the end of a trace. A span that has not
 * ended, or that comes from an exporter, is not processed, with a diagnostic.
 *
 * force_flush and shutdown return TOTE_RESULT_SUCCESS if there is nothing to do.
 */
TOTE_API void tote_span_processor_on_start(tote_span_processor *inner, tote_span *span,
                                           const tote_context *parent);
TOTE_API void tote_span_processor_on_ending(tote_span_processor *inner, tote_span *span);
TOTE_API void tote_span_processor_on_end(tote_span_processor *inner, const tote_span_data *span);
TOTE_API tote_result tote_span_processor_force_flush(tote_span_processor *inner,
                                                     uint32_t timeout_ms);
TOTE_API tote_result tote_span_processor_shutdown(tote_span_processor *inner, uint32_t timeout_ms);

/**
 * Return read access to a span in on_start and on_ending, borrowed for the call. Returns NULL for a
 * span that never recorded.
 */
TOTE_API const tote_span_data *tote_span_get_data(const tote_span *span);

/** Free a processor that was given to no other function or option. */
TOTE_API void tote_span_processor_free(tote_span_processor *processor);

TOTE_END_DECLS
#endif
