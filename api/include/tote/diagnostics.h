/* SPDX-License-Identifier: MIT */
/**
 * @file tote/diagnostics.h
 * Diagnostics: what Tote has to say about itself, and the memory it uses.
 * Spec: error-handling.md
 *
 * Threads: the handler runs on any thread, with no lock held; it may call Tote.
 */
#ifndef TOTE_DIAGNOSTICS_H
#define TOTE_DIAGNOSTICS_H

#include "tote/common.h"

TOTE_BEGIN_DECLS

typedef enum tote_level {
    TOTE_LEVEL_NONE, /**< nothing is reported */
    TOTE_LEVEL_ERROR,
    TOTE_LEVEL_WARN,
    TOTE_LEVEL_INFO,
    TOTE_LEVEL_DEBUG
} tote_level;

typedef void (*tote_diagnostics_handler)(tote_level level, const char *component,
                                         const char *message, void *user_data);

/**
 * Report something, as exporters, samplers and propagators do. printf() rules; cut at 1,023 bytes.
 * The same text goes out at most once a minute, and at most 8 different texts of one component and
 * format; texts that differ in their figures alone are the same. The next one after that, or the
 * shutdown of an SDK, reports how many were held back. Only TOTE_LEVEL_DEBUG goes out each time.
 * Never call it with a lock held that a handler may want.
 */
TOTE_API void tote_diagnostics_report(tote_level level, const char *component, const char *format,
                                      ...) TOTE_PRINTF(3, 4);

/** Send reports up to `level` to `handler`; NULL is stderr again. */
TOTE_API void tote_diagnostics_set_handler(tote_diagnostics_handler handler, tote_level level,
                                           void *user_data);

/** Where Tote's memory comes from. `size` is what was asked for. */
typedef struct tote_allocator {
    size_t struct_size;
    void *(*allocate)(void *self, size_t size);
    void *(*reallocate)(void *self, void *memory, size_t old_size, size_t size);
    void (*release)(void *self, void *memory, size_t size);
    void *self;
} tote_allocator;

/**
 * Before any other call. Threads: setup. Returns: false, and no change, when memory is in use
 * already.
 */
TOTE_API bool tote_allocator_set(const tote_allocator *allocator);

TOTE_END_DECLS

#define TOTE__OFF_DIAGNOSTICS
#include "tote/disabled.h"

#endif
