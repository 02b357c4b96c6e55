/* SPDX-License-Identifier: MIT */
/**
 * @file tote/exporters/memory.h
 * Ended spans kept in memory, for tests of instrumentation.
 *
 * Threads:  any.
 * Lifetime: tote_memory is counted, and shared by you and its exporters; spans are borrowed
 *           from it until tote_memory_clear().
 */
#ifndef TOTE_EXPORTERS_MEMORY_H
#define TOTE_EXPORTERS_MEMORY_H

#include "tote/sdk.h"
#include "tote/sdk/span_exporter.h"

TOTE_BEGIN_DECLS

typedef struct tote_memory tote_memory;

TOTE_API TOTE_MUST_USE tote_memory *tote_memory_new(void);

/** An exporter that puts spans there; it keeps a reference. */
TOTE_API TOTE_MUST_USE tote_span_exporter *tote_memory_exporter_new(tote_memory *memory);

TOTE_API size_t tote_memory_get_count(const tote_memory *memory);
TOTE_API const tote_span_data *tote_memory_get_at(const tote_memory *memory, size_t index);

/** The first span of this name, NULL when there is none. */
TOTE_API const tote_span_data *tote_memory_find(const tote_memory *memory, const char *name);
TOTE_API void tote_memory_clear(tote_memory *memory);
TOTE_API void tote_memory_unref(tote_memory *memory);

/** A global SDK that ignores the environment and puts each span into `memory` as it ends. */
TOTE_API TOTE_MUST_USE tote_sdk *tote_memory_sdk_start(tote_memory *memory);

TOTE_END_DECLS

#define TOTE__OFF_EXPORTERS_MEMORY
#include "tote/disabled.h"

#endif
