/* SPDX-License-Identifier: MIT */
/*
 * headers.c - the headers of a Kafka message as a carrier
 *
 * A list of headers that the program passes to rd_kafka_producev() remains the program's if that
 * function fails. So an existing list is changed, never replaced.
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_send.sh
 */
#include <string.h>
#include <strings.h>

#include "rdkafka_parts.h"
#include "tote/diagnostics.h"

enum {
    MESSAGE_OVERHEAD = 128, /* more than librdkafka counts for a message without its parts */
    HEADER_OVERHEAD = 10    /* two lengths of at most 5 bytes */
};

struct carrier {
    const struct rdkafka_library *library;
    rd_kafka_headers_t *headers;
    size_t left; /* bytes that headers may take */
};

static void get_headers(const void *from, const char *key, tote_header_visitor visit, void *arg) {
    const struct carrier *carrier = from;
    const char *name;
    const void *value;
    size_t size;

    (void)key; /* the visitor compares names */
    for (size_t at = 0; carrier->headers && !carrier->library->header_get_all(carrier->headers, at,
                                                                              &name, &value, &size);
         at++) {
        if (!visit(arg, name, strlen(name), value ? value : "", size)) {
            return;
        }
    }
}

/* Remove all headers with this name, ignoring case. librdkafka compares names with case. */
static void remove_headers(const struct carrier *carrier, const char *key) {
    char copy[256]; /* librdkafka frees the name while it compares others with it */
    const char *name;
    const void *value;
    size_t size;
    size_t at = 0;

    while (!carrier->library->header_get_all(carrier->headers, at, &name, &value, &size)) {
        if (strcasecmp(name, key) != 0 || strlen(name) >= sizeof copy) {
            at++;
            continue;
        }
        memcpy(copy, name, strlen(name) + 1);
        if (carrier->library->header_remove(carrier->headers, copy)) {
            return;
        }
    }
}

static void set_header(void *to, const char *key, const char *value, size_t length) {
    struct carrier *carrier = to;
    size_t size = strlen(key) + length + HEADER_OVERHEAD;

    remove_headers(carrier, key);
    if (!value) {
        return;
    }
    if (size > carrier->left) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "rdkafka",
            "header '%.64s' is not sent: the message would be larger than message.max.bytes", key);
        return;
    }
    if (!carrier->library->header_add(carrier->headers, key, -1, value, (ssize_t)length)) {
        carrier->left -= size;
    }
}

tote_context *rdkafka_extract(const struct rdkafka_client *client,
                              const rd_kafka_message_t *message) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};
    struct carrier carrier = {.library = client->library};

    if (client->library->message_headers(message, &carrier.headers)) {
        return tote_context_ref(tote_context_root());
    }
    return tote_extract(tote_context_root(), &carrier, &getter);
}

/* Return how many bytes the headers of a message may take, in addition to what it contains. */
static size_t bytes_left(const struct rdkafka_client *client, const rd_kafka_message_t *message,
                         const rd_kafka_headers_t *headers) {
    size_t used = MESSAGE_OVERHEAD + message->len + message->key_len;
    const char *name;
    const void *value;
    size_t size;

    for (size_t at = 0;
         headers && !client->library->header_get_all(headers, at, &name, &value, &size); at++) {
        used += strlen(name) + size + HEADER_OVERHEAD;
    }
    return used < client->most_message_bytes ? client->most_message_bytes - used : 0;
}

void rdkafka_inject(const struct rdkafka_client *client, const tote_context *context,
                    rd_kafka_message_t *message) {
    static const tote_text_map_setter setter = {sizeof setter, set_header};
    const struct rdkafka_library *library = client->library;
    struct carrier carrier = {.library = library};
    bool is_new = library->message_headers(message, &carrier.headers) != RD_KAFKA_RESP_ERR_NO_ERROR;
    const char *name;
    const void *value;
    size_t size;

    carrier.left = bytes_left(client, message, is_new ? NULL : carrier.headers);
    if (is_new) {
        carrier.headers = library->headers_new(4);
    }
    tote_inject(context, &carrier, &setter);
    if (!is_new) {
        return;
    }
    if (library->header_get_all(carrier.headers, 0, &name, &value, &size)) { /* none */
        library->headers_destroy(carrier.headers);
    } else {
        library->message_set_headers(message, carrier.headers);
    }
}
