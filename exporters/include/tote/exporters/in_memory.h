/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/in_memory.h
 * Ended spans kept in memory, for tests of instrumentation.
 *
 * Threads:  any.
 * Lifetime: tote_in_memory_spans is counted, and shared by you and its exporters; spans are
 * borrowed from it until tote_in_memory_spans_clear().
 */
#ifndef TOTE_EXPORTERS_IN_MEMORY_H
#define TOTE_EXPORTERS_IN_MEMORY_H

#include "tote/sdk.h"
#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

typedef struct tote_in_memory_spans tote_in_memory_spans;

TOTE_API TOTE_MUST_USE tote_in_memory_spans *tote_in_memory_spans_new(void);

/** An exporter that puts spans there; it keeps a reference. */
TOTE_API TOTE_MUST_USE tote_span_exporter *
tote_span_exporter_in_memory_new(tote_in_memory_spans *memory);

TOTE_API size_t tote_in_memory_spans_get_count(const tote_in_memory_spans *memory);
TOTE_API const tote_span_data *tote_in_memory_spans_get_at(const tote_in_memory_spans *memory,
                                                           size_t index);

/** The first span of this name, NULL when there is none. */
TOTE_API const tote_span_data *tote_in_memory_spans_find(const tote_in_memory_spans *memory,
                                                         const char *name);
TOTE_API void tote_in_memory_spans_clear(tote_in_memory_spans *memory);
TOTE_API void tote_in_memory_spans_unref(tote_in_memory_spans *memory);

/** A global SDK that ignores the environment and puts each span into `memory` as it ends. */
TOTE_API TOTE_MUST_USE tote_sdk *tote_in_memory_sdk_start(tote_in_memory_spans *memory);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_IN_MEMORY
#include "tote/disabled.h"

#endif
