/* SPDX-License-Identifier: MIT */
/*
 * producer.c - a span for each message that is sent, ended by its acknowledgement
 *
 * librdkafka passes the same message to on_send() and on_acknowledgement(). Between the two calls
 * the span is in a table, by the address of the message. Invariant: each change of a bucket is one
 * store, so that a child that is forked during a change has a consistent list.
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_send.sh
 */
#include <errno.h>

#include "rdkafka_parts.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

static const struct rdkafka_operation send_operation = {"send", "send", TOTE_SPAN_KIND_PRODUCER};

struct rdkafka_sent {
    _Atomic(struct rdkafka_sent *) next;
    const rd_kafka_message_t *message;
    tote_span *span;
};

typedef _Atomic(struct rdkafka_sent *) link_to_sent;

/* Return the bucket of a message, and take its lock. Returns NULL if there is no table. */
static link_to_sent *lock_bucket(struct rdkafka_client *client, const rd_kafka_message_t *message,
                                 struct tote__lock **lock) {
    link_to_sent *buckets = atomic_load_explicit(&client->sent, memory_order_acquire);
    size_t index = (size_t)tote__mix_last(0, (uintptr_t)message) & (client->sent_buckets - 1);

    if (!buckets) {
        return NULL;
    }
    *lock = &client->locks[index % RDKAFKA_LOCKS];
    tote__lock_take(*lock);
    return &buckets[index];
}

/* Allocate the table at the first message that is recorded. */
static void create_table(struct rdkafka_client *client) {
    size_t size = client->sent_buckets * sizeof(link_to_sent);
    link_to_sent *created = tote__allocate_zeroed(size);
    link_to_sent *none = NULL;

    if (created && !atomic_compare_exchange_strong(&client->sent, &none, created)) {
        tote__release(created, size);
    }
}

/* Keep the span until the message is acknowledged. Returns false if out of memory. */
static bool keep_span(struct rdkafka_client *client, const rd_kafka_message_t *message,
                      tote_span *span) {
    struct tote__lock *lock;

    if (!atomic_load_explicit(&client->sent, memory_order_relaxed)) {
        create_table(client);
    }
    struct rdkafka_sent *sent = tote__allocate(sizeof *sent);
    link_to_sent *bucket = sent ? lock_bucket(client, message, &lock) : NULL;
    if (!bucket) {
        tote__release(sent, sizeof *sent);
        return false;
    }
    sent->message = message;
    sent->span = span;
    atomic_init(&sent->next, atomic_load_explicit(bucket, memory_order_relaxed));
    atomic_store_explicit(bucket, sent, memory_order_release);
    tote__lock_drop(lock);
    return true;
}

/* Return the span of a message and forget the message; NULL if it has none. */
static tote_span *take_span(struct rdkafka_client *client, const rd_kafka_message_t *message) {
    struct tote__lock *lock;
    link_to_sent *link = lock_bucket(client, message, &lock);
    struct rdkafka_sent *sent;

    if (!link) {
        return NULL;
    }
    while ((sent = atomic_load_explicit(link, memory_order_relaxed)) && sent->message != message) {
        link = &sent->next;
    }
    if (sent) {
        atomic_store_explicit(link, atomic_load_explicit(&sent->next, memory_order_relaxed),
                              memory_order_release);
    }
    tote__lock_drop(lock);
    tote_span *span = sent ? sent->span : NULL;
    tote__release(sent, sizeof *sent);
    return span;
}

/*
 * Choose the parent: the current span, else the span that the message carries, else that of the
 * environment. A carried context that is not the parent becomes a link. Spec:
 * messaging-spans.md#producer-spans
 */
static tote_span *start_span(struct rdkafka_client *client, const rd_kafka_message_t *message,
                             const tote_context *parent, const tote_context *carried) {
    struct rdkafka_attributes attributes = {.count = 0};
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    tote_link link = {.context = rdkafka_span_context(carried)};

    options.parent = parent;
    if (link.context && parent != carried) {
        options.links = &link;
        options.link_count = 1;
    }
    rdkafka_add_message(&attributes, message);
    return rdkafka_start(&send_operation, client, client->library->topic_name(message->rkt),
                         &options, &attributes);
}

/* Remember what the thread has sent last, if it is recorded. */
static void note_sent(const struct rdkafka_client *client, const rd_kafka_message_t *message,
                      bool is_recorded) {
    struct rdkafka_thread *thread = rdkafka_thread_here();

    if (thread) {
        thread->last_sent =
            (struct rdkafka_last_sent){is_recorded ? client : NULL, message, message->len,
                                       message->key_len, message->_private};
    }
}

rd_kafka_resp_err_t rdkafka_on_send(rd_kafka_t *rk, rd_kafka_message_t *message, void *opaque) {
    struct rdkafka_client *client = opaque;
    int error = errno;
    const tote_context *parent = tote__preload_parent();
    tote_context *carried = rdkafka_extract(client, message);

    (void)rk;
    if (!rdkafka_span_context(tote_context_current()) && rdkafka_span_context(carried)) {
        parent = carried;
    }
    tote_span *span = start_span(client, message, parent, carried);
    tote_context *context = tote_context_with_span(parent, span);
    rdkafka_inject(client, context, message);
    tote_context_unref(context);
    tote_context_unref(carried);
    bool is_recorded = tote_span_is_recording(span) && keep_span(client, message, span);
    note_sent(client, message, is_recorded);
    if (!is_recorded) {
        tote_span_close(&span);
    }
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

/*
 * rd_kafka_produce_batch() passes the program's struct instead of the message if the message fails
 * at once. It is then the last one that this thread has sent. Such a struct has no other fields
 * than those of rd_kafka_message_t, and not all of these are set.
 */
static tote_span *take_failed_span(struct rdkafka_client *client,
                                   const rd_kafka_message_t *message) {
    struct rdkafka_thread *thread = rdkafka_thread_here();
    struct rdkafka_last_sent *last = thread ? &thread->last_sent : NULL;

    if (!last || last->client != client || last->length != message->len ||
        last->key_length != message->key_len || last->opaque != message->_private) {
        return NULL;
    }
    last->client = NULL;
    return take_span(client, last->message);
}

rd_kafka_resp_err_t rdkafka_on_acknowledgement(rd_kafka_t *rk, rd_kafka_message_t *message,
                                               void *opaque) {
    struct rdkafka_client *client = opaque;
    struct rdkafka_attributes attributes = {.count = 0};
    int error = errno;
    tote_span *span = take_span(client, message);

    (void)rk;
    if (span) {
        rdkafka_add_message(&attributes, message);
        rdkafka_add_broker(&attributes, client, client->library->message_broker_id(message));
        tote_span_set_attributes(span, attributes.list, attributes.count);
    } else if (message->err) {
        span = take_failed_span(client, message);
    }
    rdkafka_set_error(span, client, message->err);
    tote_span_close(&span);
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

void rdkafka_end_sent(struct rdkafka_client *client) {
    link_to_sent *buckets = atomic_load_explicit(&client->sent, memory_order_acquire);

    for (size_t at = 0; buckets && at < client->sent_buckets; at++) {
        struct tote__lock *lock = &client->locks[at % RDKAFKA_LOCKS];
        tote__lock_take(lock);
        struct rdkafka_sent *sent = atomic_exchange(&buckets[at], NULL);
        tote__lock_drop(lock);
        while (sent) {
            struct rdkafka_sent *next = atomic_load_explicit(&sent->next, memory_order_relaxed);
            rdkafka_set_error(sent->span, client, RD_KAFKA_RESP_ERR__DESTROY);
            tote_span_close(&sent->span);
            tote__release(sent, sizeof *sent);
            sent = next;
        }
    }
}

void rdkafka_free_sent(struct rdkafka_client *client) {
    tote__release(client->sent, client->sent_buckets * sizeof *client->sent);
}
