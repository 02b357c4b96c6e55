/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/hiredis.h
 * Client spans for Redis and hiredis. Each function does what the function of hiredis with the same
 * name does, with a span: see docs/redis.md. Spec: semantic-conventions redis.md
 *
 *     redisContext *redis = redisConnect("127.0.0.1", 6379);
 *     redisReply *reply = tote_redis_command(redis, "GET %s", key);
 *
 * Use these functions for all commands and replies of a context, and free it with
 * tote_redis_free(). A pipeline has one span: it starts when the first reply is read, and ends with
 * the last one. Spans are children of the current context.
 *
 * Threads:  as hiredis: one thread at a time uses a context.
 * On failure: if out of memory, commands have no span. No function changes what hiredis returns.
 */
#ifndef TOTE_INSTRUMENTATION_HIREDIS_H
#define TOTE_INSTRUMENTATION_HIREDIS_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>

#include "tote/common.h"

TOTE_BEGIN_DECLS

/** Send a command and wait for its reply, which the caller frees. NULL: see `context->err`. */
TOTE_API void *tote_redis_command(redisContext *context, const char *format, ...);
TOTE_API void *tote_redis_vcommand(redisContext *context, const char *format, va_list arguments);
TOTE_API void *tote_redis_command_argv(redisContext *context, int count, const char **arguments,
                                       const size_t *lengths);

/**
 * Queue a command of a pipeline. Its reply is read by tote_redis_get_reply(). Returns REDIS_OK or
 * REDIS_ERR.
 */
TOTE_API int tote_redis_append_command(redisContext *context, const char *format, ...);
TOTE_API int tote_redis_vappend_command(redisContext *context, const char *format,
                                        va_list arguments);
TOTE_API int tote_redis_append_command_argv(redisContext *context, int count,
                                            const char **arguments, const size_t *lengths);
TOTE_API int tote_redis_append_formatted_command(redisContext *context, const char *command,
                                                 size_t length);

/** Read the next reply, and wait for it if the connection is blocking. */
TOTE_API int tote_redis_get_reply(redisContext *context, void **reply);

/** Close or reopen the connection. A pipeline whose replies were not read ends. */
TOTE_API void tote_redis_free(redisContext *context);
TOTE_API int tote_redis_reconnect(redisContext *context);

/**
 * Send a command. The span ends with its reply, before `callback` is called. The context that is
 * current now is current in `callback`. Commands of subscriptions have no span.
 */
TOTE_API int tote_redis_async_command(redisAsyncContext *context, redisCallbackFn *callback,
                                      void *data, const char *format, ...);
TOTE_API int tote_redis_vasync_command(redisAsyncContext *context, redisCallbackFn *callback,
                                       void *data, const char *format, va_list arguments);
TOTE_API int tote_redis_async_command_argv(redisAsyncContext *context, redisCallbackFn *callback,
                                           void *data, int count, const char **arguments,
                                           const size_t *lengths);
TOTE_API int tote_redis_async_formatted_command(redisAsyncContext *context,
                                                redisCallbackFn *callback, void *data,
                                                const char *command, size_t length);

TOTE_END_DECLS

#define TOTE__OFF_INSTRUMENTATION_HIREDIS
#include "tote/disabled.h"

#endif
