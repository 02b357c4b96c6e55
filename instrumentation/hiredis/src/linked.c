/* SPDX-License-Identifier: MIT */
/*
 * linked.c - the functions of libtote-hiredis, for the libhiredis that it is linked with
 *
 * Tests: tests/hosts/redis/test_redis.sh
 */
#include "tote/instrumentation/hiredis.h"

#include "hiredis_parts.h"

static const tote_context *current(void) {
    return TOTE_CONTEXT_CURRENT;
}

#define FIELD(field, function, type, parameters) .field = (function),
static const struct tote__hiredis linked = {TOTE__HIREDIS_FUNCTIONS(FIELD).parent = current};

void *tote_redis_command(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    void *reply = tote__hiredis_vcommand(&linked, context, format, arguments);
    va_end(arguments);
    return reply;
}

void *tote_redis_vcommand(redisContext *context, const char *format, va_list arguments) {
    return tote__hiredis_vcommand(&linked, context, format, arguments);
}

void *tote_redis_command_argv(redisContext *context, int count, const char **arguments,
                              const size_t *lengths) {
    return tote__hiredis_command_argv(&linked, context, count, arguments, lengths);
}

int tote_redis_append_command(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = tote__hiredis_vappend(&linked, context, format, arguments);
    va_end(arguments);
    return result;
}

int tote_redis_vappend_command(redisContext *context, const char *format, va_list arguments) {
    return tote__hiredis_vappend(&linked, context, format, arguments);
}

int tote_redis_append_command_argv(redisContext *context, int count, const char **arguments,
                                   const size_t *lengths) {
    return tote__hiredis_append_argv(&linked, context, count, arguments, lengths);
}

int tote_redis_append_formatted_command(redisContext *context, const char *command, size_t length) {
    return tote__hiredis_append_formatted(&linked, context, command, length);
}

int tote_redis_get_reply(redisContext *context, void **reply) {
    return tote__hiredis_get_reply(&linked, context, reply);
}

void tote_redis_free(redisContext *context) {
    tote__hiredis_closed(context);
    redisFree(context);
}

int tote_redis_reconnect(redisContext *context) {
    tote__hiredis_closed(context);
    return redisReconnect(context);
}

int tote_redis_async_command(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                             const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = tote__hiredis_vasync(&linked, context, callback, data, format, arguments);
    va_end(arguments);
    return result;
}

int tote_redis_vasync_command(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                              const char *format, va_list arguments) {
    return tote__hiredis_vasync(&linked, context, callback, data, format, arguments);
}

int tote_redis_async_command_argv(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                                  int count, const char **arguments, const size_t *lengths) {
    return tote__hiredis_async_argv(&linked, context, callback, data, count, arguments, lengths);
}

int tote_redis_async_formatted_command(redisAsyncContext *context, redisCallbackFn *callback,
                                       void *data, const char *command, size_t length) {
    return tote__hiredis_async_formatted(&linked, context, callback, data, command, length);
}
