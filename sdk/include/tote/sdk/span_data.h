/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_data.h
 * Span data: a span, to be read. Spec: trace/sdk.md#additional-span-interfaces
 *
 * A span is kept in the form in which it goes over the wire. What a getter returns is unpacked when
 * it is first called.
 *
 * Threads:  any, once the span has ended: then nothing in it changes any more. Before that, in
 *           on_start and on_ending, the thread of the callback.
 * Lifetime: borrowed for the callback. To keep a span longer, keep what tote_span_data_copy()
 *           returns. What a getter returns is borrowed from the span; of a span that has not ended,
 *           until that is changed.
 * Units:    `_unix_nano` is nanoseconds since the Unix epoch, UTC.
 */
#ifndef TOTE_SDK_SPAN_DATA_H
#define TOTE_SDK_SPAN_DATA_H

#include "tote/tracer.h"

TOTE_BEGIN_DECLS

typedef struct tote_span_data tote_span_data;

/** Its layout never changes. */
typedef struct tote_event {
    const char *name;
    uint64_t time_unix_nano;
    const tote_attribute *attributes;
    size_t attribute_count;
    size_t dropped_attribute_count;
} tote_event;

/** Tote makes these, always by pointer; fields are only ever added at the end. */
typedef struct tote_resource {
    const tote_attribute *attributes;
    size_t attribute_count;
    const char *schema_url; /**< "" when none */
} tote_resource;

TOTE_API const char *tote_span_data_get_name(const tote_span_data *span);
TOTE_API tote_span_kind tote_span_data_get_kind(const tote_span_data *span);
TOTE_API tote_status_code tote_span_data_get_status_code(const tote_span_data *span);

/** "" when there is none. */
TOTE_API const char *tote_span_data_get_status_description(const tote_span_data *span);
TOTE_API const tote_span_context *tote_span_data_get_context(const tote_span_data *span);

/**
 * The parent's; not valid when the span is a root. In an exporter it has the ids, and whether it is
 * remote. Its trace flags and trace state may be missing, because they are not sent.
 */
TOTE_API const tote_span_context *tote_span_data_get_parent(const tote_span_data *span);
TOTE_API uint64_t tote_span_data_get_start_time_unix_nano(const tote_span_data *span);

/** 0 when the span has not ended. */
TOTE_API uint64_t tote_span_data_get_end_time_unix_nano(const tote_span_data *span);

/**
 * The attributes, and in `count` how many. Returns: NULL and 0 when there are none or out of
 * memory.
 */
TOTE_API const tote_attribute *tote_span_data_get_attributes(const tote_span_data *span,
                                                             size_t *count);
TOTE_API const tote_event *tote_span_data_get_events(const tote_span_data *span, size_t *count);
TOTE_API const tote_link *tote_span_data_get_links(const tote_span_data *span, size_t *count);

/** The value of an attribute, NULL when there is none. */
TOTE_API const tote_value *tote_span_data_get_attribute(const tote_span_data *span,
                                                        const char *key);

/**
 * How many were left out: over a limit, unusable, or for want of memory. Spec:
 * trace/sdk.md#span-limits
 */
TOTE_API size_t tote_span_data_get_dropped_attribute_count(const tote_span_data *span);
TOTE_API size_t tote_span_data_get_dropped_event_count(const tote_span_data *span);
TOTE_API size_t tote_span_data_get_dropped_link_count(const tote_span_data *span);

/** Never NULL. */
TOTE_API const tote_instrumentation_scope *
tote_span_data_get_instrumentation_scope(const tote_span_data *span);

/** Never NULL. */
TOTE_API const tote_resource *tote_span_data_get_resource(const tote_span_data *span);

/**
 * Keep a span. Returns: what to keep and to release, which may be a copy; NULL if out of memory.
 */
TOTE_API tote_span_data *tote_span_data_copy(const tote_span_data *span);

/** Release what tote_span_data_copy() returned. */
TOTE_API void tote_span_data_free(tote_span_data *span);

TOTE_END_DECLS
#endif
