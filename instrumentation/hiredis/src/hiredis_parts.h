/* SPDX-License-Identifier: MIT */
/*
 * hiredis_parts.h - internal functions of the instrumentation of hiredis
 *
 * The calls of a program reach calls.c, from linked.c (libtote-hiredis) or from interpose.c (the
 * preload object). It passes them to one libhiredis, and reports commands and replies to batch.c.
 */
#ifndef TOTE_HIREDIS_PARTS_H
#define TOTE_HIREDIS_PARTS_H

#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <stdarg.h>

#include "tote/instrumentation/database.h"
#include "tote/internal/text.h"

/* The functions of one libhiredis. X(field, function, return type, parameters) */
#define TOTE__HIREDIS_FUNCTIONS(X)                                                                 \
    X(vcommand, redisvCommand, void *, (redisContext *, const char *, va_list))                    \
    X(command_argv, redisCommandArgv, void *,                                                      \
      (redisContext *, int, const char **, const size_t *))                                        \
    X(vappend, redisvAppendCommand, int, (redisContext *, const char *, va_list))                  \
    X(append_argv, redisAppendCommandArgv, int,                                                    \
      (redisContext *, int, const char **, const size_t *))                                        \
    X(append_formatted, redisAppendFormattedCommand, int, (redisContext *, const char *, size_t))  \
    X(get_reply, redisGetReply, int, (redisContext *, void **))                                    \
    X(get_reply_from_reader, redisGetReplyFromReader, int, (redisContext *, void **))              \
    X(free_context, redisFree, void, (redisContext *))                                             \
    X(free_keep_fd, redisFreeKeepFd, int, (redisContext *))                                        \
    X(reconnect, redisReconnect, int, (redisContext *))                                            \
    X(vasync, redisvAsyncCommand, int,                                                             \
      (redisAsyncContext *, redisCallbackFn *, void *, const char *, va_list))                     \
    X(async_argv, redisAsyncCommandArgv, int,                                                      \
      (redisAsyncContext *, redisCallbackFn *, void *, int, const char **, const size_t *))        \
    X(async_formatted, redisAsyncFormattedCommand, int,                                            \
      (redisAsyncContext *, redisCallbackFn *, void *, const char *, size_t))                      \
    X(vformat, redisvFormatCommand, int, (char **, const char *, va_list))                         \
    X(free_command, redisFreeCommand, void, (char *))                                              \
    X(free_reply, freeReplyObject, void, (void *))

struct tote__hiredis {
/* NOLINTBEGIN(bugprone-macro-parentheses): a type and a list of parameters */
#define TOTE__HIREDIS_FIELD(field, function, type, parameters) type(*field) parameters;
    TOTE__HIREDIS_FUNCTIONS(TOTE__HIREDIS_FIELD)
#undef TOTE__HIREDIS_FIELD
    /* NOLINTEND(bugprone-macro-parentheses) */
    const tote_context *(*parent)(void); /* of the next span */
};

/* A command: an array of arguments, or, if there is none, text in the format of the protocol. */
struct tote__hiredis_command {
    size_t argument_count;
    const char *const *arguments;
    const size_t *lengths; /* NULL: the arguments end with NUL */
    struct tote__part text;
};

/* What is recorded of a command. */
struct tote__hiredis_description {
    char operation[32];
    char text[512];     /* without values, unless the user allows them */
    size_t text_length; /* no NUL follows */
    char procedure[64]; /* the digest or the name of a script; "": none */
    int database;       /* that SELECT selects; -1: none */
    bool has_stream;    /* replies follow until the end of a subscription */
};

/* Return whether an operation has this name: case has no meaning. */
static inline bool tote__hiredis_is(const char *operation, const char *name) {
    return tote__equals_ignoring_case(operation, strlen(operation), name, strlen(name));
}

/* Describe the first command of the text, and remove it. Returns false if it is malformed. */
bool tote__hiredis_describe(struct tote__hiredis_command *command,
                            struct tote__hiredis_description *description);

/*
 * batch.c: spans of commands of a blocking context, and of a context whose replies the program
 * polls. The commands that were appended before replies are read are one batch and have one span.
 */
void tote__hiredis_appended(const redisContext *context, struct tote__hiredis_command *command);

/* Start the span of the commands that were appended, before their replies are read. */
void tote__hiredis_begin(const struct tote__hiredis *library, const redisContext *context);

/*
 * Note a reply. NULL: its content is unknown, because the program has its own kind of replies, or
 * does not want it.
 */
void tote__hiredis_replied(const redisContext *context, const redisReply *reply);

/* Note an error of the context. */
void tote__hiredis_failed(const redisContext *context);

/* The connection is closed, and maybe opened again. */
void tote__hiredis_closed(const redisContext *context);

/* Start a span for commands of this context, with this operation and text. */
tote_span *tote__hiredis_start(const struct tote__hiredis *library, const redisContext *context,
                               tote_database_call *call);

/* Set the error of a reply, or of the context if there is no reply. */
void tote__hiredis_set_error(tote_span *span, const redisContext *context, const redisReply *reply);

/* calls.c: pass calls to the library, with spans. */
void *tote__hiredis_vcommand(const struct tote__hiredis *library, redisContext *context,
                             const char *format, va_list arguments);
void *tote__hiredis_command_argv(const struct tote__hiredis *library, redisContext *context,
                                 int count, const char **arguments, const size_t *lengths);
int tote__hiredis_vappend(const struct tote__hiredis *library, redisContext *context,
                          const char *format, va_list arguments);
int tote__hiredis_append_argv(const struct tote__hiredis *library, redisContext *context, int count,
                              const char **arguments, const size_t *lengths);
int tote__hiredis_append_formatted(const struct tote__hiredis *library, redisContext *context,
                                   const char *command, size_t length);
int tote__hiredis_get_reply(const struct tote__hiredis *library, redisContext *context,
                            void **reply);
int tote__hiredis_get_reply_from_reader(const struct tote__hiredis *library, redisContext *context,
                                        void **reply);
int tote__hiredis_vasync(const struct tote__hiredis *library, redisAsyncContext *context,
                         redisCallbackFn *callback, void *data, const char *format,
                         va_list arguments);
int tote__hiredis_async_argv(const struct tote__hiredis *library, redisAsyncContext *context,
                             redisCallbackFn *callback, void *data, int count,
                             const char **arguments, const size_t *lengths);
int tote__hiredis_async_formatted(const struct tote__hiredis *library, redisAsyncContext *context,
                                  redisCallbackFn *callback, void *data, const char *command,
                                  size_t length);

#endif
