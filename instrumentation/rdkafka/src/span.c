/* SPDX-License-Identifier: MIT */
/*
 * span.c - names and attributes of Kafka spans. Spec: semantic-conventions kafka.md
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_send.sh
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "rdkafka_parts.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

enum { MOST_KEY = 1024 };

void rdkafka_add(struct rdkafka_attributes *attributes, const char *key, tote_value value) {
    if (attributes->count < RDKAFKA_MOST_ATTRIBUTES) {
        attributes->list[attributes->count++] = (tote_attribute){key, value};
    }
}

/* Whether the key is a text: the conventions allow no other keys. */
static bool is_text(const char *key, size_t length) {
    for (size_t at = 0; at < length; at++) {
        if ((unsigned char)key[at] < ' ') {
            return false;
        }
    }
    return length <= MOST_KEY && tote__utf8_valid_prefix(key, length) == length;
}

void rdkafka_add_message(struct rdkafka_attributes *attributes, const rd_kafka_message_t *message) {
    if (message->partition >= 0) {
        int length = snprintf(attributes->partition, sizeof attributes->partition, "%" PRId32,
                              message->partition);
        rdkafka_add(attributes, "messaging.destination.partition.id",
                    tote_string_of(attributes->partition, (size_t)length));
    }
    if (message->offset >= 0) {
        rdkafka_add(attributes, "messaging.kafka.offset", tote_int(message->offset));
    }
    if (!message->payload && message->key) {
        rdkafka_add(attributes, "messaging.kafka.message.tombstone", tote_bool(true));
    }
    if (rdkafka_captures_keys && message->key && is_text(message->key, message->key_len)) {
        rdkafka_add(attributes, "messaging.kafka.message.key",
                    tote_string_of(message->key, message->key_len));
    }
}

void rdkafka_add_broker(struct rdkafka_attributes *attributes, struct rdkafka_client *client,
                        int32_t broker) {
    int port = 0;

    tote__lock_take(&client->broker_lock);
    for (size_t at = 0; at < client->broker_count; at++) {
        if (client->brokers[at].id == broker) {
            memcpy(attributes->host, client->brokers[at].host, sizeof attributes->host);
            port = client->brokers[at].port;
        }
    }
    tote__lock_drop(&client->broker_lock);
    if (port) {
        rdkafka_add(attributes, "server.address", tote_string(attributes->host));
        rdkafka_add(attributes, "server.port", tote_int(port));
    }
}

tote_span *rdkafka_start(const struct rdkafka_operation *operation,
                         const struct rdkafka_client *client, const char *topic,
                         tote_span_options *options, struct rdkafka_attributes *attributes) {
    static _Atomic(tote_tracer *) tracer;
    char name[RDKAFKA_TOPIC_SIZE + 16];

    rdkafka_add(attributes, "messaging.system", tote_string("kafka"));
    rdkafka_add(attributes, "messaging.operation.name", tote_string(operation->name));
    rdkafka_add(attributes, "messaging.operation.type", tote_string(operation->type));
    if (topic) {
        rdkafka_add(attributes, "messaging.destination.name", tote_string(topic));
    }
    if (client->id[0]) {
        rdkafka_add(attributes, "messaging.client.id", tote_string(client->id));
    }
    if (client->group[0] && operation->kind != TOTE_SPAN_KIND_PRODUCER) {
        rdkafka_add(attributes, "messaging.consumer.group.name", tote_string(client->group));
    }
    snprintf(name, sizeof name, topic ? "%s %s" : "%s", operation->name, topic);
    options->kind = operation->kind;
    options->attributes = attributes->list;
    options->attribute_count = attributes->count;
    return tote_tracer_start_span(tote__tracer_named(&tracer, "tote-rdkafka"), name, options);
}

void rdkafka_set_error(tote_span *span, const struct rdkafka_client *client,
                       rd_kafka_resp_err_t error) {
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        tote_span_set_attribute(span, "error.type", tote_string(client->library->err2name(error)));
        tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, client->library->err2str(error));
    }
}

const tote_span_context *rdkafka_span_context(const tote_context *context) {
    const tote_span_context *found = tote_span_get_context(tote_context_get_span(context));

    return tote_span_context_is_valid(found) ? found : NULL;
}
