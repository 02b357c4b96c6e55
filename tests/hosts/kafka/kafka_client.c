/* SPDX-License-Identifier: MIT */
/*
 * kafka_client.c - a program that knows nothing of Tote, for what kcat does not do
 *
 * kafka_client BROKERS PLUGIN STEP [ARGUMENTS...]: see `steps`. It exits with status 0 if
 * librdkafka behaves as its documentation says.
 */
#include <errno.h>
#include <librdkafka/rdkafka.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { TIMEOUT_MS = 30000, THREADS = 4, MESSAGES = 500, MOST_BATCH = 100 };

static const char *brokers;
static const char *plugin;

static void check(bool is_true, const char *what) {
    if (!is_true) {
        fprintf(stderr, "kafka_client: %s\n", what);
        _exit(1);
    }
}

static void set(rd_kafka_conf_t *conf, const char *name, const char *value) {
    char reason[512];

    if (rd_kafka_conf_set(conf, name, value, reason, sizeof reason) != RD_KAFKA_CONF_OK) {
        check(false, reason);
    }
}

static rd_kafka_conf_t *new_conf(void) {
    rd_kafka_conf_t *conf = rd_kafka_conf_new();

    set(conf, "bootstrap.servers", brokers);
    if (*plugin) {
        set(conf, "plugin.library.paths", plugin);
    }
    return conf;
}

static rd_kafka_t *new_client(rd_kafka_type_t type, rd_kafka_conf_t *conf) {
    char reason[512];
    rd_kafka_t *client = rd_kafka_new(type, conf, reason, sizeof reason);

    check(client, reason);
    return client;
}

static rd_kafka_t *new_producer(void) {
    return new_client(RD_KAFKA_PRODUCER, new_conf());
}

/* Send a message with these headers, or NULL. Returns the result. */
static rd_kafka_resp_err_t try_to_send(rd_kafka_t *producer, const char *topic, int32_t partition,
                                       const char *text, rd_kafka_headers_t *headers) {
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u.cstr = topic},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u.i32 = partition},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u.mem = {(void *)(uintptr_t)text, strlen(text)}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u.i = RD_KAFKA_MSG_F_COPY},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u.headers = headers},
    };
    rd_kafka_error_t *error = rd_kafka_produceva(producer, parts, headers ? 5 : 4);
    rd_kafka_resp_err_t code = rd_kafka_error_code(error);

    rd_kafka_error_destroy(error);
    return code;
}

static void send_text(rd_kafka_t *producer, const char *topic, const char *text) {
    check(try_to_send(producer, topic, RD_KAFKA_PARTITION_UA, text, NULL) == 0,
          "a message is sent");
}

static void flush_and_destroy(rd_kafka_t *producer) {
    check(rd_kafka_flush(producer, TIMEOUT_MS) == 0, "rd_kafka_flush()");
    rd_kafka_destroy(producer);
}

/* Wait until the producer knows the partitions of the topic: then a wrong one fails at once. */
static void await_topic(rd_kafka_t *producer, const char *topic) {
    send_text(producer, topic, "first");
    check(rd_kafka_flush(producer, TIMEOUT_MS) == 0, "rd_kafka_flush()");
}

static void copy_configuration(char **topic) {
    rd_kafka_conf_t *conf = new_conf();
    rd_kafka_conf_t *copy = rd_kafka_conf_dup(conf);

    rd_kafka_conf_destroy(rd_kafka_conf_dup(conf));
    rd_kafka_t *first = new_client(RD_KAFKA_PRODUCER, conf);
    rd_kafka_t *second = new_client(RD_KAFKA_PRODUCER, copy);
    send_text(first, topic[0], "one");
    send_text(second, topic[0], "two");
    flush_and_destroy(first);
    flush_and_destroy(second);
}

static void fail_to_create(char **topic) {
    rd_kafka_conf_t *conf = new_conf();
    char reason[512];

    set(conf, "sasl.mechanisms", "PLAIN");
    set(conf, "security.protocol", "sasl_plaintext"); /* without a user */
    set(conf, "sasl.username", "");
    check(!rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof reason), "a client without a user");
    (void)topic;
    flush_and_destroy(new_producer());
}

/* The program's list of headers remains its own if a message is rejected. */
static void keep_headers(char **topic) {
    rd_kafka_t *producer = new_producer();
    rd_kafka_headers_t *headers = rd_kafka_headers_new(1);
    const void *value;
    size_t size;

    await_topic(producer, topic[0]);
    rd_kafka_header_add(headers, "own", -1, "1", -1);
    for (int32_t partition = 99; partition >= 0; partition -= 99) {
        rd_kafka_resp_err_t error = try_to_send(producer, topic[0], partition, "x", headers);
        check(error == (partition ? RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION : 0), "wrong result");
        check(!partition || !rd_kafka_header_get_last(headers, "own", &value, &size), "own header");
    }
    flush_and_destroy(producer);
}

static int32_t choose_missing(const rd_kafka_topic_t *topic, const void *key, size_t size,
                              int32_t count, void *opaque, void *message) {
    (void)topic, (void)key, (void)size, (void)opaque, (void)message;
    return count;
}

/* Messages of a batch fail at once, because there is no such partition. */
static void fail_in_batch(char **topic) {
    rd_kafka_t *producer = new_producer();
    rd_kafka_topic_conf_t *conf = rd_kafka_topic_conf_new();
    rd_kafka_message_t messages[3];

    rd_kafka_topic_conf_set_partitioner_cb(conf, choose_missing);
    rd_kafka_topic_t *handle = rd_kafka_topic_new(producer, topic[0], conf);
    await_topic(producer, topic[0]);
    memset(messages, 0xA5, sizeof messages); /* fields that librdkafka does not read */
    for (size_t at = 0; at < 3; at++) {
        messages[at].payload = messages[at].key = "x";
        messages[at].len = messages[at].key_len = 1;
        messages[at]._private = NULL;
    }
    check(rd_kafka_produce_batch(handle, RD_KAFKA_PARTITION_UA, RD_KAFKA_MSG_F_COPY, messages, 3) ==
              0,
          "a batch without a partition");
    check(messages[2].err == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION, "its error");
    rd_kafka_topic_destroy(handle);
    flush_and_destroy(producer);
}

static void fork_between(char **topic) {
    rd_kafka_t *producer = new_producer();

    send_text(producer, topic[0], "parent");
    check(rd_kafka_flush(producer, TIMEOUT_MS) == 0, "rd_kafka_flush()");
    pid_t child = fork();
    if (child == 0) {
        rd_kafka_t *own = new_producer();
        send_text(own, topic[0], "child");
        flush_and_destroy(own);
        exit(0);
    }
    int status = 1;
    waitpid(child, &status, 0);
    check(status == 0, "the child");
    send_text(producer, topic[0], "parent");
    flush_and_destroy(producer);
}

static char *topic_of_threads;

static void *send_many(void *producer) {
    for (int at = 0; at < MESSAGES; at++) {
        send_text(producer, topic_of_threads, "x");
        rd_kafka_poll(producer, 0);
    }
    return NULL;
}

static void send_from_threads(char **topic) {
    rd_kafka_t *producer = new_producer();
    pthread_t threads[THREADS];

    topic_of_threads = topic[0];
    for (size_t at = 0; at < THREADS; at++) {
        check(pthread_create(&threads[at], NULL, send_many, producer) == 0, "pthread_create()");
    }
    for (size_t at = 0; at < THREADS; at++) {
        pthread_join(threads[at], NULL);
    }
    flush_and_destroy(producer);
}

/* End without a call that would end spans. */
static void leave_open(char **topic) {
    rd_kafka_t *producer = new_producer();

    send_text(producer, topic[0], "x");
    rd_kafka_flush(producer, TIMEOUT_MS);
}

/* Return a producer that reaches no broker. */
static rd_kafka_t *new_lonely_producer(const char *timeout_ms) {
    rd_kafka_conf_t *conf = new_conf();

    set(conf, "bootstrap.servers", "127.0.0.1:1");
    set(conf, "log_level", "0");
    set(conf, "message.timeout.ms", timeout_ms);
    return new_client(RD_KAFKA_PRODUCER, conf);
}

/* End with an open span, after a configuration that was not used. */
static void leave_unsent(char **topic) {
    rd_kafka_conf_t *unused = new_conf();
    rd_kafka_t *producer = new_lonely_producer("30000");

    rd_kafka_conf_destroy(unused);
    send_text(producer, topic[0], "x");
}

static void destroy_unsent(char **topic) {
    rd_kafka_t *producer = new_lonely_producer("300000");

    send_text(producer, topic[0], "x");
    rd_kafka_destroy(producer);
}

static void let_expire(char **topic) {
    rd_kafka_t *producer = new_lonely_producer("100");

    send_text(producer, topic[0], "x");
    flush_and_destroy(producer);
}

static void send_large(char **topic) {
    rd_kafka_conf_t *conf = new_conf();
    char text[900];

    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    set(conf, "message.max.bytes", "1000");
    rd_kafka_t *producer = new_client(RD_KAFKA_PRODUCER, conf);
    send_text(producer, topic[0], text);
    flush_and_destroy(producer);
}

static void transact(char **topic) {
    rd_kafka_conf_t *conf = new_conf();

    set(conf, "transactional.id", "t-1");
    set(conf, "linger.ms", "30000"); /* the aborted message is still queued; a commit flushes */
    rd_kafka_t *producer = new_client(RD_KAFKA_PRODUCER, conf);
    check(!rd_kafka_init_transactions(producer, TIMEOUT_MS), "rd_kafka_init_transactions()");
    check(!rd_kafka_begin_transaction(producer), "rd_kafka_begin_transaction()");
    send_text(producer, topic[0], "kept");
    check(!rd_kafka_commit_transaction(producer, TIMEOUT_MS), "rd_kafka_commit_transaction()");
    check(!rd_kafka_begin_transaction(producer), "rd_kafka_begin_transaction()");
    send_text(producer, topic[0], "aborted");
    rd_kafka_error_t *error = rd_kafka_abort_transaction(producer, TIMEOUT_MS);
    check(!error, "rd_kafka_abort_transaction()");
    flush_and_destroy(producer);
}

/*
 * group TOPIC GROUP COUNT: consume and commit so many messages, one at a time. A commit fails while
 * the group is rebalanced.
 */
static void consume_in_group(char **arguments) {
    rd_kafka_conf_t *conf = new_conf();
    rd_kafka_topic_partition_list_t *topics = rd_kafka_topic_partition_list_new(1);
    int left = atoi(arguments[2]);

    set(conf, "group.id", arguments[1]);
    set(conf, "client.id", "shop");
    set(conf, "enable.auto.commit", "false");
    set(conf, "auto.offset.reset", "earliest");
    set(conf, "session.timeout.ms", "6000");
    rd_kafka_t *consumer = new_client(RD_KAFKA_CONSUMER, conf);
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_add(topics, arguments[0], RD_KAFKA_PARTITION_UA);
    check(rd_kafka_subscribe(consumer, topics) == 0, "rd_kafka_subscribe()");
    rd_kafka_topic_partition_list_destroy(topics);
    while (left > 0) {
        rd_kafka_message_t *message = rd_kafka_consumer_poll(consumer, 100);
        if (message && !message->err) {
            printf("%d %lld %.*s\n", (int)message->partition, (long long)message->offset,
                   (int)message->len, (const char *)message->payload);
            fflush(stdout);
            left -= rd_kafka_commit_message(consumer, message, 0) == 0;
        }
        if (message) {
            rd_kafka_message_destroy(message);
        }
    }
    rd_kafka_consumer_close(consumer);
    rd_kafka_destroy(consumer);
}

/* forward FROM TO: send a message while one is processed, and another one later. */
static void forward(char **topics) {
    rd_kafka_t *producer = new_producer();
    rd_kafka_t *consumer = new_client(RD_KAFKA_CONSUMER, new_conf());
    rd_kafka_topic_t *from = rd_kafka_topic_new(consumer, topics[0], NULL);
    rd_kafka_message_t *message = NULL;

    check(rd_kafka_consume_start(from, 0, RD_KAFKA_OFFSET_BEGINNING) == 0,
          "rd_kafka_consume_start()");
    while (!message || message->err) {
        if (message) {
            rd_kafka_message_destroy(message);
        }
        message = rd_kafka_consume(from, 0, TIMEOUT_MS);
    }
    send_text(producer, topics[1], "below");
    rd_kafka_message_destroy(message);
    rd_kafka_consume_stop(from, 0);
    rd_kafka_topic_destroy(from);
    rd_kafka_destroy(consumer);
    send_text(producer, topics[1], "not below");
    flush_and_destroy(producer);
}

/* batch TOPIC COUNT: consume so many messages of partition 0 by one call after the other. */
static void consume_batch(char **arguments) {
    rd_kafka_t *consumer = new_client(RD_KAFKA_CONSUMER, new_conf());
    rd_kafka_topic_t *topic = rd_kafka_topic_new(consumer, arguments[0], NULL);
    rd_kafka_message_t *messages[MOST_BATCH];
    ssize_t left = atoi(arguments[1]);

    check(rd_kafka_consume_start(topic, 0, RD_KAFKA_OFFSET_BEGINNING) == 0,
          "rd_kafka_consume_start()");
    usleep(500000); /* all messages are fetched, so that one call returns them */
    while (left > 0) {
        ssize_t count = rd_kafka_consume_batch(topic, 0, 1000, messages, MOST_BATCH);
        for (ssize_t at = 0; at < count; at++) {
            left -= !messages[at]->err;
            rd_kafka_message_destroy(messages[at]);
        }
    }
    rd_kafka_consume_stop(topic, 0);
    rd_kafka_topic_destroy(topic);
    rd_kafka_destroy(consumer);
}

static const struct {
    const char *name;
    int arguments;
    void (*run)(char **arguments);
} steps[] = {
    {"batch", 2, consume_batch},
    {"copy", 1, copy_configuration},
    {"destroy", 1, destroy_unsent},
    {"expire", 1, let_expire},
    {"fail-in-batch", 1, fail_in_batch},
    {"fail-to-create", 1, fail_to_create},
    {"fork", 1, fork_between},
    {"forward", 2, forward},
    {"group", 3, consume_in_group},
    {"headers", 1, keep_headers},
    {"large", 1, send_large},
    {"leave", 1, leave_open},
    {"leave-unsent", 1, leave_unsent},
    {"threads", 1, send_from_threads},
    {"transaction", 1, transact},
};

int main(int count, char **arguments) {
    for (size_t at = 0; count > 3 && at < sizeof steps / sizeof *steps; at++) {
        if (strcmp(arguments[3], steps[at].name) == 0 && count == 4 + steps[at].arguments) {
            brokers = arguments[1];
            plugin = arguments[2];
            errno = 0;
            steps[at].run(arguments + 4);
            return 0;
        }
    }
    fprintf(stderr, "usage: kafka_client BROKERS PLUGIN STEP [ARGUMENTS...]\n");
    return 2;
}
