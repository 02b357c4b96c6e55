/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/in_memory.h
 * In-memory exporter: keeps ended spans, for tests of instrumentation.
 *
 * Threads:  thread-safe.
 * Lifetime: tote_in_memory_spans is reference counted; each of its exporters holds a reference.
 *           Spans are borrowed from it until tote_in_memory_spans_clear().
 */
#ifndef TOTE_EXPORTERS_IN_MEMORY_H
#define TOTE_EXPORTERS_IN_MEMORY_H

#include "tote/sdk.h"
#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

/** A list of ended spans. Reference counted. */
typedef struct tote_in_memory_spans tote_in_memory_spans;

/** Create an empty list. Returns NULL if out of memory. Release it with
 * tote_in_memory_spans_unref(). */
TOTE_API TOTE_MUST_USE tote_in_memory_spans *tote_in_memory_spans_new(void);

/** Create an exporter that adds spans to the list. Returns NULL for NULL or if out of memory. */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_in_memory_new(tote_in_memory_spans *memory);

/** Return the number of spans that were exported since the list was created or cleared. */
TOTE_API size_t tote_in_memory_spans_get_count(const tote_in_memory_spans *memory);

/** Return a span, in the order of export. Returns NULL if there is none. */
TOTE_API const tote_span_data *tote_in_memory_spans_get_at(const tote_in_memory_spans *memory,
                                                           size_t index);

/** Return the first span of this name. Returns NULL if there is none. */
TOTE_API const tote_span_data *tote_in_memory_spans_find(const tote_in_memory_spans *memory,
                                                         const char *name);

/** Release all spans: the list is empty. Pointers to them become invalid. */
TOTE_API void tote_in_memory_spans_clear(tote_in_memory_spans *memory);

/** Release a reference; the last one releases all spans. */
TOTE_API void tote_in_memory_spans_unref(tote_in_memory_spans *memory);

/**
 * Start a global SDK that ignores the environment and adds each span to `memory` when it ends.
 * Returns NULL if `memory` is NULL, and on failure.
 */
TOTE_API TOTE_MUST_USE tote_sdk *tote_in_memory_sdk_start(tote_in_memory_spans *memory);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_IN_MEMORY
#include "tote/disabled.h"

#endif
