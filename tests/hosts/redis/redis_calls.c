/* SPDX-License-Identifier: MIT */
/*
 * redis_calls.c - a client of Redis that calls every function which sends commands
 *
 * redis_calls PORT SOCKET PART: prints what hiredis returns, and errno.
 */
#include <errno.h>
#include <hiredis/async.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int port;
static const char *path;

static void print_reply(const redisReply *reply) {
    if (!reply) {
        printf("no reply");
        return;
    }
    printf("%d:", reply->type);
    if (reply->type == REDIS_REPLY_INTEGER) {
        printf("%lld", reply->integer);
    } else if (reply->str) {
        printf("%.*s", (int)reply->len, reply->str);
    }
    for (size_t i = 0; i < reply->elements; i++) {
        printf(" ");
        print_reply(reply->element[i]);
    }
}

static void show(const redisContext *context, redisReply *reply) {
    int error = errno;

    print_reply(reply);
    printf(" | %d %s | %d\n", context->err, context->errstr, error);
    if (reply) {
        freeReplyObject(reply);
    }
    errno = 0;
}

static redisContext *connect_tcp(void) {
    redisContext *context = redisConnect("127.0.0.1", port);

    if (!context || context->err) {
        printf("no connection\n");
        exit(1);
    }
    errno = 0;
    return context;
}

static redisReply *command(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    redisReply *reply = redisvCommand(context, format, arguments);
    va_end(arguments);
    return reply;
}

static int append(redisContext *context, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = redisvAppendCommand(context, format, arguments);
    va_end(arguments);
    return result;
}

static void next(redisContext *context) {
    void *reply = NULL;
    int result = redisGetReply(context, &reply);

    printf("%d ", result);
    show(context, reply);
}

static void commands(void) {
    const char *arguments[] = {"GETRANGE", "key", "0", "2"};
    const size_t lengths[] = {8, 3, 1, 1};
    redisContext *context = connect_tcp();

    show(context, redisCommand(context, "SET %s %b", "key", "sec\0ret", (size_t)7));
    show(context, command(context, "get key"));
    show(context, redisCommandArgv(context, 4, arguments, lengths));
    show(context, redisCommandArgv(context, 4, arguments, NULL));
    show(context, redisCommand(context, "INCR key"));
    show(context, redisCommand(context, "SELECT 3"));
    show(context, redisCommand(context, "GET key"));
    show(context,
         redisCommand(context, "EVALSHA %s 0", "0123456789012345678901234567890123456789"));
    redisFree(context);

    context = connect_tcp(); /* a wrong format breaks a connection */
    show(context, redisCommand(context, "GET %z", "key"));
    redisFree(context);
}

static void pipelines(void) {
    redisContext *context = connect_tcp();

    for (int i = 0; i < 3; i++) {
        printf("%d\n", redisAppendCommand(context, "SET key:%d %d", i, i));
    }
    for (int i = 0; i < 3; i++) {
        next(context);
    }
    append(context, "INCR n");
    append(context, "INCR n");
    append(context, "LPUSH n x");
    next(context);
    redisAppendCommand(context, "GET key:0"); /* belongs to the next span */
    for (int i = 0; i < 3; i++) {
        next(context);
    }
    redisAppendFormattedCommand(context, "*1\r\n$5\r\nMULTI\r\n", 15);
    redisAppendCommand(context, "SET a 1");
    redisAppendCommand(context, "SET b 2");
    redisAppendCommandArgv(context, 1, (const char *[]){"EXEC"}, NULL);
    for (int i = 0; i < 4; i++) {
        next(context);
    }
    redisFree(context);
}

static void failures(void) {
    const struct timeval timeout = {0, 50000}, enough = {60, 0};
    redisContext *context = redisConnectUnix(path);

    redisSetTimeout(context, timeout);
    errno = 0;
    show(context, redisCommand(context, "BLPOP nothing 0"));
    show(context, redisCommand(context, "GET key"));
    printf("%d\n", redisReconnect(context));
    redisSetTimeout(context, enough);
    errno = 0;
    show(context, redisCommand(context, "QUIT"));
    struct pollfd closed = {context->fd, POLLIN, 0};
    poll(&closed, 1, 10000);
    errno = 0;
    show(context, redisCommand(context, "GET key"));
    redisAppendCommand(context, "PING"); /* is never read */
    redisFree(context);
}

/* Events of one asynchronous connection, for poll(). */
static short events;
static int answers;

static void add_read(void *data) {
    (void)data;
    events |= POLLIN;
}

static void delete_read(void *data) {
    (void)data;
    events &= (short)~POLLIN;
}

static void add_write(void *data) {
    (void)data;
    events |= POLLOUT;
}

static void delete_write(void *data) {
    (void)data;
    events &= (short)~POLLOUT;
}

static void on_answer(redisAsyncContext *context, void *reply, void *data) {
    (void)context;
    printf("%s ", (const char *)data);
    print_reply(reply);
    printf("\n");
    answers++;
}

static void run(redisAsyncContext *context, int until) {
    while (answers < until) {
        struct pollfd descriptor = {context->c.fd, events, 0};
        if (poll(&descriptor, 1, 10000) <= 0) {
            printf("no event\n");
            exit(1);
        }
        if (descriptor.revents & POLLOUT) {
            redisAsyncHandleWrite(context);
        }
        if (descriptor.revents & (POLLIN | POLLHUP | POLLERR)) {
            redisAsyncHandleRead(context);
        }
    }
}

static int send_async(redisAsyncContext *context, char *name, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    int result = redisvAsyncCommand(context, on_answer, name, format, arguments);
    va_end(arguments);
    return result;
}

static redisAsyncContext *connect_async(void) {
    redisAsyncContext *context = redisAsyncConnect("127.0.0.1", port);

    context->ev.addRead = add_read;
    context->ev.delRead = delete_read;
    context->ev.addWrite = add_write;
    context->ev.delWrite = delete_write;
    events = POLLOUT;
    answers = 0;
    return context;
}

static void asynchronous(void) {
    static char set[] = "set", get[] = "get", wrong[] = "wrong", message[] = "message";
    static char lost[] = "lost";
    redisAsyncContext *context = connect_async();

    redisAsyncCommand(context, on_answer, set, "SET async %s", "secret");
    send_async(context, get, "GET async");
    redisAsyncCommandArgv(context, on_answer, wrong, 2, (const char *[]){"INCR", "async"}, NULL);
    redisAsyncFormattedCommand(context, NULL, NULL, "*1\r\n$4\r\nPING\r\n", 14);
    redisAsyncCommand(context, on_answer, message, "SUBSCRIBE channel");
    run(context, 4);
    redisAsyncFree(context);

    context = connect_async();
    send_async(context, lost, "GET lost");
    redisAsyncFree(context);
    printf("%d\n", answers);
}

/* Exported: this is also a plug-in, whose loader calls it. */
__attribute__((visibility("default"))) int main(int argc, char **argv) {
    static const struct {
        const char *name;
        void (*run)(void);
    } parts[] = {{"commands", commands},
                 {"pipelines", pipelines},
                 {"failures", failures},
                 {"asynchronous", asynchronous}};

    if (argc != 4) {
        return 2;
    }
    signal(SIGPIPE, SIG_IGN);
    port = atoi(argv[1]);
    path = argv[2];
    for (size_t i = 0; i < sizeof parts / sizeof parts[0]; i++) {
        if (strcmp(parts[i].name, argv[3]) == 0) {
            parts[i].run();
            return fflush(stdout) != 0;
        }
    }
    return 2;
}
