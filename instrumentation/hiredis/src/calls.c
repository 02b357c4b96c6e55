/* SPDX-License-Identifier: MIT */
/*
 * calls.c - calls of hiredis, with spans
 *
 * What the library returns, sets and frees is what it does without Tote. A text with a format is
 * formatted once, by the library, and passed on formatted. The library does the same itself.
 *
 * Tests: tests/hosts/redis/test_redis.sh
 */
#include <errno.h>

#include "hiredis_parts.h"
#include "tote/internal/memory.h"

static struct tote__hiredis_command command_of_arguments(int count, const char **arguments,
                                                         const size_t *lengths) {
    return (struct tote__hiredis_command){
        .argument_count = count > 0 ? (size_t)count : 0,
        .arguments = arguments,
        .lengths = lengths,
    };
}

static struct tote__hiredis_command command_of_text(const char *text, size_t length) {
    return (struct tote__hiredis_command){.text = {text, length}};
}

/* Format a command. Returns its length; negative if the format is wrong or out of memory. */
static int format(const struct tote__hiredis *library, char **command, const char *text,
                  va_list arguments) {
    va_list copy;

    va_copy(copy, arguments);
    int length = library->vformat(command, text, copy);
    va_end(copy);
    return length;
}

/* Return the next reply, as redisCommand() does after it has appended the command. */
static void *block(const struct tote__hiredis *library, redisContext *context) {
    void *reply = NULL;

    if (!(context->flags & REDIS_BLOCK)) {
        return NULL;
    }
    return tote__hiredis_get_reply(library, context, &reply) == REDIS_OK ? reply : NULL;
}

void *tote__hiredis_vcommand(const struct tote__hiredis *library, redisContext *context,
                             const char *text, va_list arguments) {
    char *command = NULL;
    int length = format(library, &command, text, arguments);

    if (length < 0) { /* the library sets the error */
        return library->vcommand(context, text, arguments);
    }
    int result = tote__hiredis_append_formatted(library, context, command, (size_t)length);
    library->free_command(command);
    return result == REDIS_OK ? block(library, context) : NULL;
}

void *tote__hiredis_command_argv(const struct tote__hiredis *library, redisContext *context,
                                 int count, const char **arguments, const size_t *lengths) {
    int result = tote__hiredis_append_argv(library, context, count, arguments, lengths);

    return result == REDIS_OK ? block(library, context) : NULL;
}

int tote__hiredis_vappend(const struct tote__hiredis *library, redisContext *context,
                          const char *text, va_list arguments) {
    char *command = NULL;
    int length = format(library, &command, text, arguments);

    if (length < 0) {
        return library->vappend(context, text, arguments);
    }
    int result = tote__hiredis_append_formatted(library, context, command, (size_t)length);
    library->free_command(command);
    return result;
}

int tote__hiredis_append_argv(const struct tote__hiredis *library, redisContext *context, int count,
                              const char **arguments, const size_t *lengths) {
    struct tote__hiredis_command command = command_of_arguments(count, arguments, lengths);
    int result = library->append_argv(context, count, arguments, lengths);

    if (result == REDIS_OK) {
        tote__hiredis_appended(context, &command);
    }
    return result;
}

int tote__hiredis_append_formatted(const struct tote__hiredis *library, redisContext *context,
                                   const char *text, size_t length) {
    struct tote__hiredis_command command = command_of_text(text, length);
    int result = library->append_formatted(context, text, length);

    if (result == REDIS_OK) {
        tote__hiredis_appended(context, &command);
    }
    return result;
}

/* Whether a reply has the type of hiredis: bindings of languages have their own. */
static bool has_replies(const struct tote__hiredis *library, const redisContext *context) {
    return context->reader && context->reader->fn &&
           context->reader->fn->freeObject == library->free_reply;
}

static void note(const struct tote__hiredis *library, const redisContext *context, int result,
                 void *const *reply) {
    if (result != REDIS_OK) {
        tote__hiredis_failed(context);
    } else if (reply ? *reply != NULL : (context->flags & REDIS_BLOCK) != 0) {
        tote__hiredis_replied(context, reply && has_replies(library, context) ? *reply : NULL);
    }
}

static int read_reply(const struct tote__hiredis *library, redisContext *context, void **reply,
                      int (*read)(redisContext *, void **)) {
    tote__hiredis_begin(library, context);
    int result = read(context, reply);
    note(library, context, result, reply);
    return result;
}

int tote__hiredis_get_reply(const struct tote__hiredis *library, redisContext *context,
                            void **reply) {
    return read_reply(library, context, reply, library->get_reply);
}

int tote__hiredis_get_reply_from_reader(const struct tote__hiredis *library, redisContext *context,
                                        void **reply) {
    return read_reply(library, context, reply, library->get_reply_from_reader);
}

/* What an asynchronous command needs until its reply. */
struct pending {
    const struct tote__hiredis *library;
    redisCallbackFn *callback;
    void *data;
    tote_span *span;
    tote_context *context; /* in which the command was sent */
};

static void release(struct pending *pending) {
    tote_span_close(&pending->span);
    tote_context_unref(pending->context);
    tote__release(pending, sizeof *pending);
}

/* Called once: with the reply, or with NULL if there is none. */
static void on_reply(redisAsyncContext *context, void *reply, void *data) {
    struct pending *pending = data;
    redisCallbackFn *callback = pending->callback;
    void *callback_data = pending->data;
    bool is_known = reply && has_replies(pending->library, &context->c);
    int error = errno;

    if (!reply || (is_known && ((const redisReply *)reply)->type == REDIS_REPLY_ERROR)) {
        tote__hiredis_set_error(pending->span, &context->c, reply);
    }
    tote_context_token token = callback ? tote_context_attach(pending->context) : 0;
    release(pending);
    errno = error;
    if (callback) {
        callback(context, reply, callback_data);
        error = errno;
        tote_context_detach(token);
        errno = error;
    }
}

/* Return NULL if the command must be passed on as it is. */
static struct pending *start_async(const struct tote__hiredis *library,
                                   const redisAsyncContext *context, redisCallbackFn *callback,
                                   void *data, struct tote__hiredis_command *command) {
    struct tote__hiredis_description description;
    tote_database_call call = TOTE_DATABASE_CALL_INIT;

    if (!tote__hiredis_describe(command, &description) || description.has_stream) {
        return NULL;
    }
    struct pending *pending = tote__allocate(sizeof *pending);
    if (!pending) {
        return NULL;
    }
    call.operation = description.operation;
    call.query = description.text;
    call.query_length = description.text_length;
    call.stored_procedure = description.procedure;
    *pending = (struct pending){
        .library = library,
        .callback = callback,
        .data = data,
        .span = tote__hiredis_start(library, &context->c, &call),
        .context = tote_context_ref(library->parent()),
    };
    return pending;
}

/* The library calls no callback if it does not accept the command. */
static int sent(struct pending *pending, int result) {
    int error = errno;

    if (result != REDIS_OK) {
        tote_database_set_error(pending->span, NULL, "connection_closed", NULL);
        release(pending);
    }
    errno = error;
    return result;
}

int tote__hiredis_async_formatted(const struct tote__hiredis *library, redisAsyncContext *context,
                                  redisCallbackFn *callback, void *data, const char *text,
                                  size_t length) {
    struct tote__hiredis_command command = command_of_text(text, length);
    struct pending *pending = start_async(library, context, callback, data, &command);

    if (!pending) {
        return library->async_formatted(context, callback, data, text, length);
    }
    return sent(pending, library->async_formatted(context, on_reply, pending, text, length));
}

int tote__hiredis_async_argv(const struct tote__hiredis *library, redisAsyncContext *context,
                             redisCallbackFn *callback, void *data, int count,
                             const char **arguments, const size_t *lengths) {
    struct tote__hiredis_command command = command_of_arguments(count, arguments, lengths);
    struct pending *pending = start_async(library, context, callback, data, &command);

    if (!pending) {
        return library->async_argv(context, callback, data, count, arguments, lengths);
    }
    return sent(pending,
                library->async_argv(context, on_reply, pending, count, arguments, lengths));
}

int tote__hiredis_vasync(const struct tote__hiredis *library, redisAsyncContext *context,
                         redisCallbackFn *callback, void *data, const char *text,
                         va_list arguments) {
    char *command = NULL;
    int length = format(library, &command, text, arguments);

    if (length < 0) {
        return library->vasync(context, callback, data, text, arguments);
    }
    int result =
        tote__hiredis_async_formatted(library, context, callback, data, command, (size_t)length);
    library->free_command(command);
    return result;
}
