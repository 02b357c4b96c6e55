/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/span_data.h
 * Read access to a span. Spec: trace/sdk.md#additional-span-interfaces
 *
 * A span is stored in its OTLP encoding. The first call of a getter for attributes, events or links
 * decodes it.
 *
 * Getters accept NULL: they return 0, NULL, "", or an empty object where they never return NULL.
 *
 * Threads:  thread-safe once the span has ended; it does not change any more. Before that, in
 *           on_start and on_ending, only the thread of the callback may read it.
 * Lifetime: borrowed for the callback; tote_span_data_copy() keeps a span longer. What a getter
 *           returns is borrowed from the span. If the span has not ended, it is valid until the
 *           span is changed.
 * Units:    _unix_nano is nanoseconds since the Unix epoch, UTC.
 */
#ifndef TOTE_SDK_SPAN_DATA_H
#define TOTE_SDK_SPAN_DATA_H

#include "tote/sdk/resource.h"
#include "tote/tracer.h"

TOTE_BEGIN_DECLS

/** A span that can be read, borrowed from its owner. */
typedef struct tote_span_data tote_span_data;

/** An event of a span. Frozen: its layout never changes, because Tote returns arrays of it. */
typedef struct tote_event {
    const char *name;
    uint64_t time_unix_nano;
    const tote_attribute *attributes;
    size_t attribute_count;
    size_t dropped_attribute_count;
} tote_event;

/** Return the name of the span. Never NULL. */
TOTE_API const char *tote_span_data_get_name(const tote_span_data *span);

/** Return the kind of the span. */
TOTE_API tote_span_kind tote_span_data_get_kind(const tote_span_data *span);

/** Return the code of the status. */
TOTE_API tote_status_code tote_span_data_get_status_code(const tote_span_data *span);

/** Return the description of the status, or "" if there is none. */
TOTE_API const char *tote_span_data_get_status_description(const tote_span_data *span);

/** Return the context of the span. */
TOTE_API const tote_span_context *tote_span_data_get_context(const tote_span_data *span);

/**
 * Return the parent's context; it is not valid for a root span. In an exporter it contains the ids
 * and whether the parent is remote. Its trace flags and trace state may be missing there, because
 * OTLP does not carry them.
 */
TOTE_API const tote_span_context *tote_span_data_get_parent(const tote_span_data *span);

/** Return when the span started. */
TOTE_API uint64_t tote_span_data_get_start_time_unix_nano(const tote_span_data *span);

/** Return when the span ended, or 0 if the span has not ended. */
TOTE_API uint64_t tote_span_data_get_end_time_unix_nano(const tote_span_data *span);

/**
 * Return the attributes, events or links, and store their number in `count`, which may be NULL.
 * Returns NULL and 0 if there are none, or out of memory.
 */
TOTE_API const tote_attribute *tote_span_data_get_attributes(const tote_span_data *span,
                                                             size_t *count);
TOTE_API const tote_event *tote_span_data_get_events(const tote_span_data *span, size_t *count);
TOTE_API const tote_link *tote_span_data_get_links(const tote_span_data *span, size_t *count);

/** Return the value of an attribute. Returns NULL if there is none. */
TOTE_API const tote_value *tote_span_data_get_attribute(const tote_span_data *span,
                                                        const char *key);

/**
 * Return how many attributes, events or links were dropped: over a limit, without a usable key, or
 * out of memory. Spec: trace/sdk.md#span-limits
 */
TOTE_API size_t tote_span_data_get_dropped_attribute_count(const tote_span_data *span);
TOTE_API size_t tote_span_data_get_dropped_event_count(const tote_span_data *span);
TOTE_API size_t tote_span_data_get_dropped_link_count(const tote_span_data *span);

/** Return the instrumentation scope: the identity of the tracer. Never NULL. */
TOTE_API const tote_instrumentation_scope *
tote_span_data_get_instrumentation_scope(const tote_span_data *span);

/** Return the resource of the SDK. Never NULL. */
TOTE_API const tote_resource *tote_span_data_get_resource(const tote_span_data *span);

/**
 * Keep a span after the callback: return a copy or a reference, to be released with
 * tote_span_data_free(). Returns NULL if out of memory.
 */
TOTE_API tote_span_data *tote_span_data_copy(const tote_span_data *span);

/** Release what tote_span_data_copy() returned. */
TOTE_API void tote_span_data_free(tote_span_data *span);

TOTE_END_DECLS
#endif
