/* SPDX-License-Identifier: MIT */
/*
 * interpose.c - client spans for programs that use hiredis and are not changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-hiredis.so program
 *
 * Calls of hiredis by itself are passed on. So are calls of a hiredis whose structs differ from
 * those of the version that this object was built with.
 *
 * Tests: tests/hosts/redis/test_redis.sh
 */
#pragma GCC visibility push(default)
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#pragma GCC visibility pop

#include "hiredis_parts.h"
#include "tote/internal/preload.h"

#define CALLER TOTE__PRELOAD_CALLER

struct library {
    struct tote__preload_library base;
    struct tote__hiredis hiredis;
    void (*connect_with_options)(void); /* since 1.0, which has other structs */
};

#define FUNCTION(field, function, type, parameters)                                                \
    {#function, offsetof(struct library, hiredis.field), TOTE__PRELOAD_REQUIRED},

static const struct tote__preload_function functions[] = {TOTE__HIREDIS_FUNCTIONS(FUNCTION){
    "redisConnectWithOptions", offsetof(struct library, connect_with_options),
    TOTE__PRELOAD_OPTIONAL}};

static void set_up(struct tote__preload_library *base) {
    ((struct library *)base)->hiredis.parent = tote__preload_parent;
}

static struct tote__preload_kind kind = {
    .file = "libhiredis",
    .size = sizeof(struct library),
    .functions = functions,
    .function_count = TOTE_COUNT_OF(functions),
    .set_up = set_up,
};

/* Return the library of the caller, and whether the call is traced. */
static const struct tote__hiredis *library_of(void *caller, bool *is_traced) {
    struct library *library = (struct library *)tote__preload_library_of(&kind, caller);

    *is_traced = library && (library->connect_with_options != NULL) == (HIREDIS_MAJOR > 0) &&
                 !tote__preload_is_internal(&kind, caller);
    return library ? &library->hiredis : NULL;
}

/* Pass a call on. A caller without a library cannot exist: it would not be linked. */
#define PASS(caller, none, traced, plain)                                                          \
    do {                                                                                           \
        bool is_traced;                                                                            \
        const struct tote__hiredis *library = library_of((caller), &is_traced);                    \
        if (!library) {                                                                            \
            return none;                                                                           \
        }                                                                                          \
        return is_traced ? (traced) : (plain);                                                     \
    } while (0)

static void *command(void *caller, redisContext *context, const char *format, va_list arguments) {
    PASS(caller, NULL, tote__hiredis_vcommand(library, context, format, arguments),
         library->vcommand(context, format, arguments));
}

void *redisvCommand(redisContext *context, const char *format, va_list arguments) {
    return command(CALLER, context, format, arguments);
}

void *redisCommand(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    void *reply = command(CALLER, context, format, arguments);
    va_end(arguments);
    return reply;
}

void *redisCommandArgv(redisContext *context, int count, const char **arguments,
                       const size_t *lengths) {
    PASS(CALLER, NULL, tote__hiredis_command_argv(library, context, count, arguments, lengths),
         library->command_argv(context, count, arguments, lengths));
}

static int append(void *caller, redisContext *context, const char *format, va_list arguments) {
    PASS(caller, REDIS_ERR, tote__hiredis_vappend(library, context, format, arguments),
         library->vappend(context, format, arguments));
}

int redisvAppendCommand(redisContext *context, const char *format, va_list arguments) {
    return append(CALLER, context, format, arguments);
}

int redisAppendCommand(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = append(CALLER, context, format, arguments);
    va_end(arguments);
    return result;
}

int redisAppendCommandArgv(redisContext *context, int count, const char **arguments,
                           const size_t *lengths) {
    PASS(CALLER, REDIS_ERR, tote__hiredis_append_argv(library, context, count, arguments, lengths),
         library->append_argv(context, count, arguments, lengths));
}

int redisAppendFormattedCommand(redisContext *context, const char *text, size_t length) {
    PASS(CALLER, REDIS_ERR, tote__hiredis_append_formatted(library, context, text, length),
         library->append_formatted(context, text, length));
}

int redisGetReply(redisContext *context, void **reply) {
    PASS(CALLER, REDIS_ERR, tote__hiredis_get_reply(library, context, reply),
         library->get_reply(context, reply));
}

int redisGetReplyFromReader(redisContext *context, void **reply) {
    PASS(CALLER, REDIS_ERR, tote__hiredis_get_reply_from_reader(library, context, reply),
         library->get_reply_from_reader(context, reply));
}

/* Return the library of a caller that closes the connection. */
static const struct tote__hiredis *close_by(void *caller, const redisContext *context) {
    bool is_traced;
    const struct tote__hiredis *library = library_of(caller, &is_traced);

    if (is_traced) {
        tote__hiredis_closed(context);
    }
    return library;
}

void redisFree(redisContext *context) {
    const struct tote__hiredis *library = close_by(CALLER, context);

    if (library) {
        library->free_context(context);
    }
}

int redisFreeKeepFd(redisContext *context) {
    const struct tote__hiredis *library = close_by(CALLER, context);

    return library ? library->free_keep_fd(context) : -1;
}

int redisReconnect(redisContext *context) {
    const struct tote__hiredis *library = close_by(CALLER, context);

    return library ? library->reconnect(context) : REDIS_ERR;
}

static int send_async(void *caller, redisAsyncContext *context, redisCallbackFn *callback,
                      void *data, const char *format, va_list arguments) {
    PASS(caller, REDIS_ERR,
         tote__hiredis_vasync(library, context, callback, data, format, arguments),
         library->vasync(context, callback, data, format, arguments));
}

int redisvAsyncCommand(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                       const char *format, va_list arguments) {
    return send_async(CALLER, context, callback, data, format, arguments);
}

int redisAsyncCommand(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                      const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = send_async(CALLER, context, callback, data, format, arguments);
    va_end(arguments);
    return result;
}

int redisAsyncCommandArgv(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                          int count, const char **arguments, const size_t *lengths) {
    PASS(CALLER, REDIS_ERR,
         tote__hiredis_async_argv(library, context, callback, data, count, arguments, lengths),
         library->async_argv(context, callback, data, count, arguments, lengths));
}

int redisAsyncFormattedCommand(redisAsyncContext *context, redisCallbackFn *callback, void *data,
                               const char *text, size_t length) {
    PASS(CALLER, REDIS_ERR,
         tote__hiredis_async_formatted(library, context, callback, data, text, length),
         library->async_formatted(context, callback, data, text, length));
}
