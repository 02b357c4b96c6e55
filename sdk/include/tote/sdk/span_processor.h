/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_processor.h
 * SpanProcessor: sees recording spans start and end. Spec: trace/sdk.md#span-processor
 *
 * Processors are called in the order of the options, before the SDK's own that export.
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

    /** `span` is the one the program gets: write to it, keep it with tote_span_ref(). Spec: trace/sdk.md#onstart */
    void (*on_start)(void *self, tote_span *span, const tote_context *parent);

    /**
     * The end time is fixed and nobody else can write to `span` any more; you can, for this call.
     * Attributes that the store gave are replaced by yours. Spec: trace/sdk.md#onending
     */
    void (*on_ending)(void *self, tote_span *span);

    /** All there is to know; keep it with tote_span_data_ref(). Spec: trace/sdk.md#onendspan */
    void (*on_end)(void *self, const tote_span_data *span);

    tote_result (*force_flush)(void *self, uint32_t timeout_ms);
    tote_result (*shutdown)(void *self, uint32_t timeout_ms); /**< once; includes a flush */
    void (*destroy)(void *self);                              /**< last, once, also when new failed */
} tote_span_processor_ops;

/** A processor of your own. Takes `self`, always. NULL on failure. */
TOTE_API TOTE_MUST_USE tote_span_processor *tote_span_processor_new(const tote_span_processor_ops *ops,
                                                      void *self);

/** What can be read of a span in on_start and on_ending. NULL when it is not recording. */
TOTE_API const tote_span_data *tote_span_get_data(const tote_span *span);

/** Only for one that nothing has taken. */
TOTE_API void tote_span_processor_free(tote_span_processor *processor);

TOTE_END_DECLS
#endif
