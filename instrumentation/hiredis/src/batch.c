/* SPDX-License-Identifier: MIT */
/*
 * batch.c - commands and replies of a context, and their spans. Spec: redis.md
 *
 * Replies arrive in the order of the commands. `next` has the commands that were appended since the
 * last span started. When the program reads a reply, they become `current`, and a span starts. It
 * ends with the last reply to them. Commands that are appended meanwhile belong to the next span.
 *
 * One thread at a time uses a context, and so its state here.
 *
 * Tests: tests/hosts/redis/test_redis.sh
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>

#include "hiredis_parts.h"
#include "tote/internal/preload.h"
#include "tote/internal/tracer.h"

enum { MOST_TEXT = 1024, UNKNOWN_DATABASE = -1 };

struct batch {
    tote_span *span; /* NULL: not started */
    size_t count;    /* of commands */
    size_t replied;
    char first[32]; /* operation of the first command */
    char last[32];  /* operation of the last command */
    char inner[32]; /* operation of the commands other than MULTI and EXEC */
    bool is_mixed;  /* these differ */
    size_t outer;   /* number of commands MULTI and EXEC */
    char text[MOST_TEXT];
    size_t text_length;  /* of the complete text, which may not fit */
    size_t first_length; /* of the text of the first command */
    bool has_texts;      /* the texts differ */
    char procedure[64];
    int database; /* that the last SELECT selects */
    size_t select_at;
    bool has_failed;
};

struct connection {
    struct tote__preload_handle handle;
    int database;
    struct batch current;
    struct batch next;
};

static struct tote__preload_table connections = {.size = sizeof(struct connection)};

static struct connection *find(const redisContext *context) {
    return (struct connection *)tote__preload_handle_find(&connections, context);
}

static bool has_address(const redisContext *context) {
    return context->connection_type == REDIS_CONN_UNIX ? context->unix_sock.path != NULL
                                                       : context->tcp.host != NULL;
}

static tote_tracer *get_tracer(void) {
    static _Atomic(tote_tracer *) known;

    return tote__tracer_named(&known, "tote-hiredis");
}

/* Write the address of the other end. Returns its port; 0 and no address if it is not TCP. */
static uint16_t peer_of(const redisContext *context, char address[INET6_ADDRSTRLEN]) {
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } peer;
    socklen_t size = sizeof peer;

    peer.any.sa_family = AF_UNSPEC;
    address[0] = '\0';
    if (context->fd < 0 || getpeername(context->fd, &peer.any, &size) != 0) {
        return 0;
    }
    if (peer.any.sa_family == AF_INET) {
        inet_ntop(AF_INET, &peer.v4.sin_addr, address, INET6_ADDRSTRLEN);
        return ntohs(peer.v4.sin_port);
    }
    if (peer.any.sa_family == AF_INET6) {
        inet_ntop(AF_INET6, &peer.v6.sin6_addr, address, INET6_ADDRSTRLEN);
        return ntohs(peer.v6.sin6_port);
    }
    return 0;
}

tote_span *tote__hiredis_start(const struct tote__hiredis *library, const redisContext *context,
                               tote_database_call *call) {
    char peer[INET6_ADDRSTRLEN];
    int error = errno;

    call->system = "redis";
    call->summary = "";
    call->is_parameterized = true; /* the text has no values, or the user allows them */
    if (context->connection_type == REDIS_CONN_UNIX) {
        call->server_address = context->unix_sock.path;
        call->peer_address = context->unix_sock.path;
    } else {
        call->server_address = context->tcp.host;
        call->server_port = (uint16_t)context->tcp.port;
        call->peer_port = peer_of(context, peer);
        call->peer_address = peer;
    }
    tote_span *span = tote_database_start(get_tracer(), library->parent(), call);
    call->peer_address = NULL;
    errno = error;
    return span;
}

/* Copy the prefix of an error: "WRONGTYPE" of "WRONGTYPE Operation ...". */
static const char *prefix_of(const redisReply *reply, char *buffer, size_t size) {
    size_t length = 0;

    while (length < reply->len && length < size - 1 &&
           tote__is_in(TOTE__VARIABLE, reply->str[length])) {
        buffer[length] = reply->str[length];
        length++;
    }
    buffer[length] = '\0';
    return length ? buffer : NULL;
}

/* Return what error.type is for an error of the context. */
static const char *type_of(const redisContext *context) {
    switch (context->err) {
    case REDIS_ERR_IO:
        return errno == EAGAIN || errno == ETIMEDOUT ? "timeout" : "io_error";
    case 0: /* freed before the reply */
    case REDIS_ERR_EOF:
        return "connection_closed";
    case REDIS_ERR_PROTOCOL:
        return "protocol_error";
    case REDIS_ERR_OOM:
        return "out_of_memory";
    default:
        return "_OTHER";
    }
}

void tote__hiredis_set_error(tote_span *span, const redisContext *context,
                             const redisReply *reply) {
    char prefix[32];

    if (reply) {
        tote_database_set_error(span, prefix_of(reply, prefix, sizeof prefix), NULL, reply->str);
    } else {
        tote_database_set_error(span, NULL, type_of(context), context->errstr);
    }
}

/* Append a text to those of the batch, or count it if it is the same as all before. */
static void add_text(struct batch *batch, const struct tote__hiredis_description *added) {
    struct tote__writer writer = {batch->text, sizeof batch->text, batch->text_length};
    char first[sizeof added->text];

    if (batch->count == 0) {
        tote__write(&writer, added->text, added->text_length);
        batch->first_length = added->text_length;
    } else if (batch->has_texts || added->text_length != batch->first_length ||
               memcmp(batch->text, added->text, added->text_length) != 0) {
        memcpy(first, batch->text, batch->first_length);
        for (size_t i = batch->has_texts ? batch->count : 1;
             i < batch->count && writer.length < writer.size; i++) {
            tote__write(&writer, "; ", 2);
            tote__write(&writer, first, batch->first_length);
        }
        tote__write(&writer, "; ", 2);
        tote__write(&writer, added->text, added->text_length);
        batch->has_texts = true;
    }
    batch->text_length = writer.length;
}

static void add(struct batch *batch, const struct tote__hiredis_description *added) {
    bool is_outer =
        tote__hiredis_is(added->operation, "MULTI") || tote__hiredis_is(added->operation, "EXEC");

    add_text(batch, added);
    if (batch->count == 0) {
        memcpy(batch->first, added->operation, sizeof batch->first);
        memcpy(batch->procedure, added->procedure, sizeof batch->procedure);
    } else if (strcmp(batch->procedure, added->procedure) != 0) {
        batch->procedure[0] = '\0';
    }
    memcpy(batch->last, added->operation, sizeof batch->last);
    if (is_outer) {
        batch->outer++;
    } else if (!batch->inner[0]) {
        memcpy(batch->inner, added->operation, sizeof batch->inner);
    } else if (strcmp(batch->inner, added->operation) != 0) {
        batch->is_mixed = true;
    }
    if (added->database >= 0) {
        batch->database = added->database;
        batch->select_at = batch->count + 1;
    }
    batch->count++;
}

void tote__hiredis_appended(const redisContext *context, struct tote__hiredis_command *command) {
    struct tote__hiredis_description description;
    struct connection *connection = find(context);
    int error = errno;

    if (!connection) {
        connection = (struct connection *)tote__preload_handle_add(&connections, context);
        if (connection) {
            connection->database = has_address(context) ? 0 : UNKNOWN_DATABASE;
        }
    }
    while (connection && tote__hiredis_describe(command, &description)) {
        add(&connection->next, &description);
        if (command->arguments) {
            break;
        }
    }
    errno = error;
}

/* Write the name of a batch, and set its size. Spec: redis.md, db.operation.name */
static void name_batch(const struct batch *batch, char *operation, size_t size,
                       tote_database_call *call) {
    bool is_transaction = batch->outer == 2 && batch->count > 2 &&
                          tote__hiredis_is(batch->first, "MULTI") &&
                          tote__hiredis_is(batch->last, "EXEC");
    bool is_same = !batch->is_mixed && batch->inner[0] && (is_transaction || batch->outer == 0);

    if (batch->count == 1) {
        snprintf(operation, size, "%s", batch->first);
        return;
    }
    snprintf(operation, size, is_same ? "%s %s" : "%s", is_transaction ? "MULTI" : "PIPELINE",
             batch->inner);
    call->batch_size = is_transaction ? batch->count - 2 : batch->count;
}

void tote__hiredis_begin(const struct tote__hiredis *library, const redisContext *context) {
    struct connection *connection = find(context);
    tote_database_call call = TOTE_DATABASE_CALL_INIT;
    char operation[64];
    char database[16];

    if (!connection || connection->current.span || !connection->next.count) {
        return;
    }
    struct batch *batch = &connection->current;
    *batch = connection->next;
    connection->next = (struct batch){.count = 0};
    name_batch(batch, operation, sizeof operation, &call);
    call.operation = operation;
    call.query = batch->text;
    call.query_length =
        tote__written(&(struct tote__writer){batch->text, sizeof batch->text, batch->text_length});
    call.stored_procedure = batch->procedure;
    if (connection->database >= 0) {
        snprintf(database, sizeof database, "%d", connection->database);
        call.db_namespace = database;
    }
    batch->span = tote__hiredis_start(library, context, &call);
}

static void end(struct connection *connection) {
    tote_span_close(&connection->current.span);
    connection->current = (struct batch){.count = 0};
}

/* Return the error of a reply, or the first one in the array that EXEC returns. */
static const redisReply *error_in(const redisReply *reply) {
    if (reply->type == REDIS_REPLY_ERROR) {
        return reply;
    }
    for (size_t i = 0; reply->type == REDIS_REPLY_ARRAY && i < reply->elements; i++) {
        if (reply->element[i] && reply->element[i]->type == REDIS_REPLY_ERROR) {
            return reply->element[i];
        }
    }
    return NULL;
}

void tote__hiredis_replied(const redisContext *context, const redisReply *reply) {
    struct connection *connection = find(context);
    const redisReply *failed = reply ? error_in(reply) : NULL;
    int error = errno;

    if (!connection || !connection->current.span) {
        return;
    }
    struct batch *batch = &connection->current;
    batch->replied++;
    if (failed && !batch->has_failed) {
        tote__hiredis_set_error(batch->span, context, failed);
        batch->has_failed = true;
    }
    if (!failed && batch->replied == batch->select_at) {
        connection->database = batch->database;
    }
    if (batch->replied == batch->count) {
        end(connection);
    }
    errno = error;
}

void tote__hiredis_failed(const redisContext *context) {
    struct connection *connection = find(context);
    int error = errno;

    if (connection && connection->current.span) {
        tote__hiredis_set_error(connection->current.span, context, NULL);
        connection->next = (struct batch){.count = 0};
        end(connection);
    }
    errno = error;
}

void tote__hiredis_closed(const redisContext *context) {
    struct connection *connection = find(context);
    int error = errno;

    if (connection) {
        end(connection);
        tote__preload_handle_remove(&connections, context);
    }
    errno = error;
}
