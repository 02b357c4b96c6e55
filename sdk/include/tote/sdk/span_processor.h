/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_processor.h
 * SpanProcessor: sees recording spans start and end. Spec: trace/sdk.md#span-processor
 *
 * Processors are called in the order of the options, before those of tote_sdk_options.exporters. A
 * processor that filters or redacts wraps the processor that exports:
 * tote_span_processor_wrapper_new(), tote/processors.h, examples/filter.c.
 *
 * Threads:  on_start, on_ending and on_end come on the thread that starts or ends the span, many at
 *           once; force_flush and shutdown from any. No lock is held.
 * Shutdown: a span that ends after tote_sdk_shutdown() began reaches no processor. Calls that other
 *           threads are in at that moment come to their end, so shutdown may run beside them.
 * Lifetime: sole owner; whoever is given a processor takes it, always.
 */
#ifndef TOTE_SDK_SPAN_PROCESSOR_H
#define TOTE_SDK_SPAN_PROCESSOR_H

#include "tote/context.h"
#include "tote/sdk/span_data.h"

TOTE_BEGIN_DECLS

typedef struct tote_span_processor tote_span_processor;

/** Any function may be NULL. */
typedef struct tote_span_processor_ops {
    size_t struct_size;

    /**
     * `span` is the one the program gets: write to it, keep it with tote_span_ref(). Spec:
     * trace/sdk.md#onstart
     */
    void (*on_start)(void *self, tote_span *span, const tote_context *parent);

    /**
     * The end time is fixed and nobody else can write to `span` any more; you can, for this call.
     * Attributes that the store gave are replaced by yours. Spec: trace/sdk.md#onending
     */
    void (*on_ending)(void *self, tote_span *span);

    /** All there is to know; keep it with tote_span_data_copy(). Spec: trace/sdk.md#onendspan */
    void (*on_end)(void *self, const tote_span_data *span);

    tote_result (*force_flush)(void *self, uint32_t timeout_ms);
    tote_result (*shutdown)(void *self, uint32_t timeout_ms); /**< once; includes a flush */
    /** Last, once, also when new failed */
    void (*destroy)(void *self);
} tote_span_processor_ops;

/** A processor of your own. Takes `self`, always. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_new(const tote_span_processor_ops *ops, void *self);

/**
 * A processor of your own in front of another one. The SDK calls yours, and yours passes on what
 * the inner one is to get. A function that is NULL passes everything on. tote_sdk_prepare(),
 * tote_sdk_poll(), tote_sdk_get_stats() and tote_sdk_after_fork_child() reach the inner one without
 * your functions. A span that is not passed on is in no count of tote_stats except `started`. Takes
 * `inner` and `self`, always; `inner` lives until `destroy` has returned. NULL on failure, and if
 * `inner` is NULL.
 */
TOTE_API TOTE_MUST_USE tote_span_processor *
tote_span_processor_wrapper_new(tote_span_processor *inner, const tote_span_processor_ops *ops,
                                void *self);

/**
 * Call the processor that yours wraps. Call on_start, on_ending and on_end from your function of
 * the same name. A span that you keep with tote_span_data_copy() may be passed to on_end later,
 * from any thread, until your `shutdown` returns: for decisions at the end of a trace. A span that
 * has not ended, or that an exporter got, is not processed, with a diagnostic. Returns:
 * TOTE_RESULT_SUCCESS if there is nothing to flush or to shut down.
 */
TOTE_API void tote_span_processor_on_start(tote_span_processor *inner, tote_span *span,
                                           const tote_context *parent);
TOTE_API void tote_span_processor_on_ending(tote_span_processor *inner, tote_span *span);
TOTE_API void tote_span_processor_on_end(tote_span_processor *inner, const tote_span_data *span);
TOTE_API tote_result tote_span_processor_force_flush(tote_span_processor *inner,
                                                     uint32_t timeout_ms);
TOTE_API tote_result tote_span_processor_shutdown(tote_span_processor *inner, uint32_t timeout_ms);

/** What can be read of a span in on_start and on_ending. NULL when it is not recording. */
TOTE_API const tote_span_data *tote_span_get_data(const tote_span *span);

/** Only for one that nothing has taken. */
TOTE_API void tote_span_processor_free(tote_span_processor *processor);

TOTE_END_DECLS
#endif
