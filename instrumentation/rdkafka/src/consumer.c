/* SPDX-License-Identifier: MIT */
/*
 * consumer.c - spans of the messages that a client delivers to the program
 *
 * librdkafka calls on_consume() when it passes a message to the program, and nothing when the
 * program asks for messages or has processed one. Therefore:
 *
 * - A poll span covers the messages that a thread gets in a row, with a link to each.
 * - A process span lasts until the next message on the same thread, or until the offset is
 *   committed. Its context stays attached to the thread until the next message.
 *
 * Spec: messaging-spans.md#consumer-spans
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_consume.sh
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "rdkafka_parts.h"
#include "tote/internal/clock.h"

enum {
    POLL_GAP_NS = 1000000, /* messages with a longer gap are of different polls */
    MOST_MESSAGES = 128,   /* of a poll span: the default limit of links */
    OFFSET_COMMIT = 8      /* a request of the protocol of Kafka */
};

static const struct rdkafka_operation poll_operation = {"poll", "receive", TOTE_SPAN_KIND_CLIENT};
static const struct rdkafka_operation process_operation = {"process", "process",
                                                           TOTE_SPAN_KIND_CONSUMER};
static const struct rdkafka_operation commit_operation = {"commit", "settle",
                                                          TOTE_SPAN_KIND_CLIENT};

static const tote_context_key serial_key = {"tote-rdkafka", NULL};

static void open_span_set(struct rdkafka_open_span *open, const struct rdkafka_client *client,
                          tote_span *span, const rd_kafka_message_t *message) {
    open->client = client;
    open->span = span;
    snprintf(open->topic, sizeof open->topic, "%s", client->library->topic_name(message->rkt));
    open->partition = message->partition;
    open->offset = message->offset;
}

/* End the poll span at the time of its last message. The caller holds the lock of the thread. */
static void end_poll(struct rdkafka_thread *thread) {
    struct rdkafka_attributes attributes = {.count = 0};
    rd_kafka_message_t message = {.partition = thread->poll.partition,
                                  .offset = thread->poll.offset,
                                  .payload = thread}; /* not a tombstone */

    if (!thread->poll.span) {
        return;
    }
    if (thread->poll_count > 1) {
        message.offset = RD_KAFKA_OFFSET_INVALID;
        rdkafka_add(&attributes, "messaging.batch.message_count", tote_uint(thread->poll_count));
    }
    rdkafka_add_message(&attributes, &message);
    tote_span_set_attributes(thread->poll.span, attributes.list, attributes.count);
    tote_span_end(thread->poll.span,
                  thread->poll_start_unix_nano + (thread->poll_last - thread->poll_start));
    tote_span_unref(thread->poll.span);
    thread->poll.span = NULL;
}

void rdkafka_end_spans(struct rdkafka_thread *thread) {
    tote_span_close(&thread->process.span);
    end_poll(thread);
}

static void end_of_client(struct rdkafka_thread *thread, void *arg) {
    const struct rdkafka_client *client = arg;

    if (!client || thread->process.client == client) {
        tote_span_close(&thread->process.span);
    }
    if (!client || thread->poll.client == client) {
        end_poll(thread);
    }
}

void rdkafka_end_consumed(struct rdkafka_client *client) {
    rdkafka_each_thread(end_of_client, client);
}

/* Add a message to the poll span of this thread, which is started if necessary. */
static void add_to_poll(struct rdkafka_thread *thread, const struct rdkafka_client *client,
                        const rd_kafka_message_t *message, const tote_context *parent,
                        const tote_span_context *creation) {
    struct rdkafka_attributes attributes = {.count = 0};
    struct rdkafka_attributes of_message = {.count = 0};
    const char *topic = client->library->topic_name(message->rkt);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    uint64_t now = tote__clock_monotonic();

    rdkafka_add_message(&of_message, message);
    tote_link link = {creation, of_message.list, of_message.count, 0};
    if (thread->poll.client != client || now - thread->poll_last > POLL_GAP_NS ||
        thread->poll_count == MOST_MESSAGES || strcmp(thread->poll.topic, topic) != 0) {
        end_poll(thread);
    }
    thread->poll_last = now;
    if (thread->poll.span) {
        thread->poll_count++;
        if (thread->poll.partition != message->partition) {
            thread->poll.partition = RD_KAFKA_PARTITION_UA;
        }
        if (creation) {
            tote_span_add_link(thread->poll.span, creation, link.attributes, link.attribute_count);
        }
        return;
    }
    options.parent = parent;
    options.links = &link;
    options.link_count = creation ? 1 : 0;
    options.start_time_unix_nano = thread->poll_start_unix_nano = tote__clock_realtime();
    thread->poll_start = now;
    thread->poll_count = 1;
    open_span_set(&thread->poll, client,
                  rdkafka_start(&poll_operation, client, topic, &options, &attributes), message);
}

/*
 * Detach the context of the last message, if nothing is attached above it. If the program has
 * detached it already, forget it. Returns false if the program has attached a context above it.
 */
static bool detach(struct rdkafka_thread *thread) {
    const tote_context *current = tote_context_current();

    if (!thread->attached) {
        return true;
    }
    if (current == thread->attached) {
        tote_context_detach(thread->token);
    } else if ((uintptr_t)tote_context_get_value(current, &serial_key) == thread->serial) {
        return false;
    }
    tote_context_unref(thread->attached);
    thread->attached = NULL;
    return true;
}

void rdkafka_leave(struct rdkafka_client *client) {
    struct rdkafka_thread *thread = rdkafka_thread_here();

    if (thread && thread->process.client == client) {
        detach(thread);
    }
    rdkafka_end_consumed(client);
}

static void attach(struct rdkafka_thread *thread, const tote_context *parent, tote_span *span) {
    static _Atomic(uintptr_t) last_serial;
    uintptr_t serial = atomic_fetch_add(&last_serial, 1) + 1;
    tote_context *with_span = tote_context_with_span(parent, span);

    thread->serial = serial;
    thread->attached = tote_context_with_value(with_span, &serial_key, (void *)serial);
    thread->token = tote_context_attach(thread->attached);
    tote_context_unref(with_span);
    if (!thread->token) {
        tote_context_unref(thread->attached);
        thread->attached = NULL;
    }
}

/*
 * Start the process span: below the current span, else below the span that the message carries,
 * else below that of the environment. Spec:
 * messaging-spans.md#message-creation-context-as-parent-of-process-span
 */
static tote_span *start_process(struct rdkafka_client *client, const rd_kafka_message_t *message,
                                const tote_context *parent, const tote_span_context *creation) {
    struct rdkafka_attributes attributes = {.count = 0};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_link link = {.context = creation};

    options.parent = parent;
    options.links = &link;
    options.link_count = creation ? 1 : 0;
    rdkafka_add_message(&attributes, message);
    rdkafka_add_broker(&attributes, client, client->library->message_broker_id(message));
    return rdkafka_start(&process_operation, client, client->library->topic_name(message->rkt),
                         &options, &attributes);
}

static void consume(struct rdkafka_thread *thread, struct rdkafka_client *client,
                    const rd_kafka_message_t *message) {
    bool can_attach = detach(thread);
    const tote_context *parent = tote__preload_parent();
    tote_context *carried = rdkafka_extract(client, message);
    const tote_span_context *creation = rdkafka_span_context(carried);

    tote__lock_take(&thread->lock);
    tote_span_close(&thread->process.span);
    add_to_poll(thread, client, message, parent, creation);
    if (rdkafka_has_process_spans) {
        if (creation && !rdkafka_span_context(tote_context_current())) {
            parent = carried;
        }
        open_span_set(&thread->process, client, start_process(client, message, parent, creation),
                      message);
        if (can_attach) {
            attach(thread, parent, thread->process.span);
        }
    }
    tote__lock_drop(&thread->lock);
    tote_context_unref(carried);
}

rd_kafka_resp_err_t rdkafka_on_consume(rd_kafka_t *rk, rd_kafka_message_t *message, void *opaque) {
    int error = errno;

    (void)rk;
    struct rdkafka_thread *thread = rdkafka_thread_here();
    if (thread) {
        consume(thread, opaque, message);
    }
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* A commit, and the process spans that it has ended. */
struct commit {
    const struct rdkafka_client *client;
    const rd_kafka_topic_partition_list_t *offsets;
    tote_span *process; /* the only one, else NULL */
    size_t count;
};

/* End the process span of a thread if the commit includes its message. */
static void end_committed(struct rdkafka_thread *thread, void *arg) {
    struct commit *commit = arg;
    struct rdkafka_open_span *process = &thread->process;

    for (int at = 0;
         process->span && process->client == commit->client && at < commit->offsets->cnt; at++) {
        const rd_kafka_topic_partition_t *committed = &commit->offsets->elems[at];
        if (committed->partition != process->partition || committed->offset <= process->offset ||
            strcmp(committed->topic, process->topic) != 0) {
            continue;
        }
        if (commit->count++ == 0) {
            commit->process = tote_span_ref(process->span);
        } else {
            tote_span_unref(commit->process);
            commit->process = NULL;
        }
        tote_span_close(&process->span);
    }
}

/*
 * Add what is equal for all partitions of the commit. Returns the topic, or NULL if there are
 * several. `*error` is that of the first partition that has one.
 */
static const char *describe_commit(const rd_kafka_topic_partition_list_t *offsets,
                                   struct rdkafka_attributes *attributes,
                                   rd_kafka_resp_err_t *error) {
    const char *topic = NULL;
    rd_kafka_message_t last = {.payload = attributes}; /* not a tombstone */
    int count = 0;
    bool is_one_topic = true;

    for (int at = 0; at < offsets->cnt; at++) {
        const rd_kafka_topic_partition_t *committed = &offsets->elems[at];
        if (committed->offset < 0) {
            continue; /* nothing is stored for this partition */
        }
        is_one_topic = is_one_topic && (!topic || strcmp(topic, committed->topic) == 0);
        topic = committed->topic;
        last.partition = committed->partition;
        last.offset = committed->offset - 1; /* of the last record that is committed */
        count++;
        if (!*error) {
            *error = committed->err;
        }
    }
    if (count == 1) {
        rdkafka_add_message(attributes, &last);
    }
    return is_one_topic ? topic : NULL;
}

rd_kafka_resp_err_t rdkafka_on_commit(rd_kafka_t *rk,
                                      const rd_kafka_topic_partition_list_t *offsets,
                                      rd_kafka_resp_err_t result, void *opaque) {
    struct rdkafka_client *client = opaque;
    struct commit commit = {.client = client, .offsets = offsets};
    struct rdkafka_attributes attributes = {.count = 0};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    int error = errno;

    (void)rk;
    if (!result) {
        rdkafka_each_thread(end_committed, &commit);
    }
    const tote_context *parent = tote__preload_parent();
    tote_context *with_process =
        commit.process ? tote_context_with_span(parent, commit.process) : NULL;
    const char *topic = describe_commit(offsets, &attributes, &result);
    options.parent = with_process ? with_process : parent;
    options.start_time_unix_nano = atomic_exchange(&client->commit_start, 0);
    tote_span *span = rdkafka_start(&commit_operation, client, topic, &options, &attributes);
    rdkafka_set_error(span, client, result);
    tote_span_close(&span);
    tote_context_unref(with_process);
    tote_span_unref(commit.process);
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/* End the poll span of a thread that got its last message some time ago. */
static void end_idle_poll(struct rdkafka_thread *thread, void *arg) {
    if (thread->poll.client == arg && tote__clock_monotonic() - thread->poll_last > POLL_GAP_NS) {
        end_poll(thread);
    }
}

rd_kafka_resp_err_t rdkafka_on_request_sent(rd_kafka_t *rk, int descriptor, const char *name,
                                            int32_t broker, int16_t request, int16_t version,
                                            int32_t correlation, size_t size, void *opaque) {
    struct rdkafka_client *client = opaque;
    uint64_t none = 0;
    int error = errno;

    (void)rk, (void)descriptor, (void)name, (void)broker, (void)version, (void)correlation;
    (void)size;
    if (request == OFFSET_COMMIT) {
        atomic_compare_exchange_strong(&client->commit_start, &none, tote__clock_realtime());
    }
    rdkafka_each_thread(end_idle_poll, client); /* a consumer sends requests all the time */
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
