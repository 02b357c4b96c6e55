/* SPDX-License-Identifier: MIT */
/*
 * rdkafka_parts.h - declarations for tote-rdkafka.so, a plug-in of librdkafka
 *
 * librdkafka loads the plug-in with RTLD_LOCAL, and a process can contain several librdkafkas. So
 * the plug-in is not linked with one: it calls the librdkafka that called conf_init().
 */
#ifndef TOTE_RDKAFKA_PARTS_H
#define TOTE_RDKAFKA_PARTS_H

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>

#include "tote/internal/lock.h"
#include "tote/internal/preload.h"
#include "tote/propagator.h"
#include "tote/tracer.h"

/* The functions of librdkafka that the plug-in calls. librdkafka 1.7 has them all. */
#define RDKAFKA_FUNCTIONS(X)                                                                       \
    X(conf_get)                                                                                    \
    X(conf_interceptor_add_on_conf_destroy)                                                        \
    X(conf_interceptor_add_on_new)                                                                 \
    X(err2name)                                                                                    \
    X(err2str)                                                                                     \
    X(header_add)                                                                                  \
    X(header_get_all)                                                                              \
    X(header_remove)                                                                               \
    X(headers_destroy)                                                                             \
    X(headers_new)                                                                                 \
    X(interceptor_add_on_acknowledgement)                                                          \
    X(interceptor_add_on_broker_state_change)                                                      \
    X(interceptor_add_on_commit)                                                                   \
    X(interceptor_add_on_consume)                                                                  \
    X(interceptor_add_on_destroy)                                                                  \
    X(interceptor_add_on_request_sent)                                                             \
    X(interceptor_add_on_send)                                                                     \
    X(message_broker_id)                                                                           \
    X(message_headers)                                                                             \
    X(message_set_headers)                                                                         \
    X(topic_name)

#define RDKAFKA_FIELD(name) __typeof__ (&rd_kafka_##name)(name);

struct rdkafka_library {
    struct tote__preload_library base;
    RDKAFKA_FUNCTIONS(RDKAFKA_FIELD)
};

enum {
    RDKAFKA_MOST_ATTRIBUTES = 16,
    RDKAFKA_ID_SIZE = 256, /* for a client id, a group or a host */
    RDKAFKA_BROKERS = 64,
    RDKAFKA_LOCKS = 64
};

/* A sent message whose delivery is not known yet. */
struct rdkafka_sent;

/* A broker of the cluster. */
struct rdkafka_broker {
    int32_t id;
    int port;
    char host[RDKAFKA_ID_SIZE];
};

/* A configuration, and the client that is created from it. */
struct rdkafka_client {
    struct rdkafka_client *next;
    const struct rdkafka_library *library;
    char id[RDKAFKA_ID_SIZE];    /* client.id */
    char group[RDKAFKA_ID_SIZE]; /* group.id; "": none */
    size_t most_message_bytes;   /* message.max.bytes */

    /* Sent messages by address: see producer.c. */
    struct tote__lock locks[RDKAFKA_LOCKS];
    _Atomic(_Atomic(struct rdkafka_sent *) *) sent;
    size_t sent_buckets; /* a power of two */

    _Atomic(uint64_t) commit_start; /* when the last OffsetCommit was sent; 0: reported */

    struct tote__lock broker_lock;
    struct rdkafka_broker brokers[RDKAFKA_BROKERS]; /* the first `broker_count` */
    size_t broker_count;
};

/* The attributes of a span. More than RDKAFKA_MOST_ATTRIBUTES are left out. */
struct rdkafka_attributes {
    tote_attribute list[RDKAFKA_MOST_ATTRIBUTES];
    size_t count;
    char partition[12];
    char host[RDKAFKA_ID_SIZE];
};

/* An operation of the conventions. Spec: messaging-spans.md#span-kind */
struct rdkafka_operation {
    const char *name;
    const char *type;
    uint32_t kind;
};

/* plugin.c */

/* Whether message keys are recorded: OTEL_C_KAFKA_CAPTURE_KEYS. */
extern bool rdkafka_captures_keys;

/* Whether process spans are made: OTEL_C_KAFKA_PROCESS_SPANS. */
extern bool rdkafka_has_process_spans;

/* span.c: names and attributes. Spec: semantic-conventions kafka.md */

/* Add an attribute. */
void rdkafka_add(struct rdkafka_attributes *attributes, const char *key, tote_value value);

/* Add what describes one message: partition, offset, tombstone, and the key if it is wanted. */
void rdkafka_add_message(struct rdkafka_attributes *attributes, const rd_kafka_message_t *message);

/* Add the address of the broker with this id, if it is known. */
void rdkafka_add_broker(struct rdkafka_attributes *attributes, struct rdkafka_client *client,
                        int32_t broker);

/*
 * Start the span of an operation, with the parent, links and start time of `options` and these
 * attributes. `topic` may be NULL.
 */
tote_span *rdkafka_start(const struct rdkafka_operation *operation,
                         const struct rdkafka_client *client, const char *topic,
                         tote_span_options *options, struct rdkafka_attributes *attributes);

/* Record an error of librdkafka. Does nothing for RD_KAFKA_RESP_ERR_NO_ERROR. */
void rdkafka_set_error(tote_span *span, const struct rdkafka_client *client,
                       rd_kafka_resp_err_t error);

/* Return the valid span context of a context; NULL if it has none. */
const tote_span_context *rdkafka_span_context(const tote_context *context);

/* headers.c: the headers of a message as a carrier */

/* Return the context that the message carries. The caller owns it. */
tote_context *rdkafka_extract(const struct rdkafka_client *client,
                              const rd_kafka_message_t *message);

/* Inject the context in on_send(), instead of older headers. */
void rdkafka_inject(const struct rdkafka_client *client, const tote_context *context,
                    rd_kafka_message_t *message);

/* producer.c */

rd_kafka_interceptor_f_on_send_t rdkafka_on_send;
rd_kafka_interceptor_f_on_acknowledgement_t rdkafka_on_acknowledgement;

/* End the spans of messages that are not acknowledged, with an error. */
void rdkafka_end_sent(struct rdkafka_client *client);

/* Free the table of these spans. */
void rdkafka_free_sent(struct rdkafka_client *client);

/* consumer.c */

rd_kafka_interceptor_f_on_consume_t rdkafka_on_consume;
rd_kafka_interceptor_f_on_commit_t rdkafka_on_commit;
rd_kafka_interceptor_f_on_request_sent_t rdkafka_on_request_sent;

/* End the spans of the messages that the client has delivered; NULL: any client. */
void rdkafka_end_consumed(struct rdkafka_client *client);

/* Do the same for a client that is destroyed, and detach its context from this thread. */
void rdkafka_leave(struct rdkafka_client *client);

/* thread.c: threads that send or consume, and clients */

/* The message that a thread has sent last, to find it again: see rdkafka_on_acknowledgement(). */
struct rdkafka_last_sent {
    const struct rdkafka_client *client; /* NULL: none that is recorded */
    const rd_kafka_message_t *message;   /* an address that may be invalid */
    size_t length, key_length;
    const void *opaque;
};

enum { RDKAFKA_TOPIC_SIZE = 250 }; /* Kafka allows 249 characters */

/* A span of a client, and what it is compared with. */
struct rdkafka_open_span {
    const struct rdkafka_client *client;
    tote_span *span; /* NULL: none */
    char topic[RDKAFKA_TOPIC_SIZE];
    int32_t partition;
    int64_t offset;
};

struct rdkafka_thread {
    struct rdkafka_thread *next;
    struct rdkafka_last_sent last_sent; /* for its own thread only */

    /* The context that is attached to this thread; for its own thread only. */
    tote_context *attached;
    tote_context_token token;
    uintptr_t serial; /* the value of the context: identifies it in contexts derived from it */

    struct tote__lock lock; /* guards what follows: other threads end the spans */
    struct rdkafka_open_span process;
    struct rdkafka_open_span poll;
    size_t poll_count; /* messages of the poll span */
    uint64_t poll_start_unix_nano;
    uint64_t poll_start, poll_last; /* of tote__clock_monotonic() */
};

/* End the spans of a thread; consumer.c. The caller holds its lock. */
void rdkafka_end_spans(struct rdkafka_thread *thread);

/* Return what is kept for this thread, created if necessary; NULL if out of memory. */
struct rdkafka_thread *rdkafka_thread_here(void);

/* Keep the list of clients, whose spans end at exit. */
void rdkafka_client_add(struct rdkafka_client *client);
void rdkafka_client_remove(struct rdkafka_client *client);

/* End all spans, because the process exits. */
void rdkafka_end_all(void);

/* Call `visit` for each thread. */
void rdkafka_each_thread(void (*visit)(struct rdkafka_thread *thread, void *arg), void *arg);

#endif
