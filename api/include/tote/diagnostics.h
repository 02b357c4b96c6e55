/* SPDX-License-Identifier: MIT */
/**
 * @file tote/diagnostics.h
 * Diagnostics: reports of Tote about itself. By default they are written to stderr, from
 * TOTE_LEVEL_INFO on. OTEL_LOG_LEVEL sets another level. Spec: error-handling.md
 *
 * Threads: thread-safe.
 */
#ifndef TOTE_DIAGNOSTICS_H
#define TOTE_DIAGNOSTICS_H

#include "tote/common.h"

TOTE_BEGIN_DECLS

/** How serious a report is, and up to which level reports are passed to a handler. */
typedef enum tote_level {
    TOTE_LEVEL_NONE, /**< nothing is reported */
    TOTE_LEVEL_ERROR,
    TOTE_LEVEL_WARN,
    TOTE_LEVEL_INFO,
    TOTE_LEVEL_DEBUG
} tote_level;

/**
 * Receives reports. `component` and `message` are borrowed for the call; `message` has no newline
 * at its end.
 *
 * Threads: it runs on the thread that reports, also on worker threads, concurrently, and with no
 *          lock of Tote held. It may call Tote. Reports that it causes itself are passed to it up
 *          to 8 calls deep, then dropped. It should not block: the reporting thread waits for it.
 */
typedef void (*tote_diagnostics_handler)(tote_level level, const char *component,
                                         const char *message, void *user_data);

/**
 * Report something, for exporters, samplers and propagators. Takes a printf() format. The message
 * is cut at 1,023 bytes. Each message is reported at most once a minute, except for
 * TOTE_LEVEL_DEBUG. Of one component and format, at most 8 different messages are reported in a
 * minute; messages that differ only in digits count as equal. The next report of this kind, or the
 * shutdown of an SDK, includes the number of suppressed messages. Do not call it with a lock held
 * that a handler may take.
 */
TOTE_API void tote_diagnostics_report(tote_level level, const char *component, const char *format,
                                      ...) TOTE_PRINTF(3, 4);

/**
 * Pass reports up to `level` to `handler`; NULL: stderr. A level above TOTE_LEVEL_DEBUG is
 * the same as TOTE_LEVEL_DEBUG. `user_data` must live until the handler is
 * replaced and no call of it is in progress.
 */
TOTE_API void tote_diagnostics_set_handler(tote_diagnostics_handler handler, tote_level level,
                                           void *user_data);

TOTE_END_DECLS

#define TOTE__OFF_DIAGNOSTICS
#include "tote/disabled.h"

#endif
