/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - a plug-in of librdkafka: plugin.library.paths=tote-rdkafka
 *
 * librdkafka calls conf_init() for each configuration that names the plug-in, also for copies. If
 * anything is missing, the program runs without spans: a failure would stop it. The struct of a
 * configuration is that of its client, too. It is freed with the configuration, because broker
 * threads call interceptors after on_destroy().
 *
 * Tests: tests/hosts/kafka/test_kcat.sh, tests/hosts/kafka/test_kafka_send.sh
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "rdkafka_parts.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"

enum { LEAST_BUCKETS = 256, MOST_BUCKETS = 65536, MESSAGES_PER_BUCKET = 8 };

#define NAME "tote-rdkafka"

bool rdkafka_captures_keys;
bool rdkafka_has_process_spans = true;

TOTE_API rd_kafka_plugin_f_conf_init_t conf_init;

#define ROW(name)                                                                                  \
    {"rd_kafka_" #name, offsetof(struct rdkafka_library, name), TOTE__PRELOAD_REQUIRED},

static const struct tote__preload_function functions[] = {RDKAFKA_FUNCTIONS(ROW)};

static struct tote__preload_kind rdkafka_kind = {
    .file = "librdkafka",
    .size = sizeof(struct rdkafka_library),
    .functions = functions,
    .function_count = TOTE_COUNT_OF(functions),
};

/* Return the value of a boolean variable. Spec: configuration/sdk-environment-variables.md */
static bool read_boolean(const char *name, const char *text, bool fallback) {
    bool is_true = text && strcasecmp(text, "true") == 0;

    if (!text || !*text) {
        return fallback;
    }
    if (!is_true && strcasecmp(text, "false") != 0) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "rdkafka", "%s: '%.64s' is not true or false",
                                name, text);
    }
    return is_true;
}

static void read_text(const struct rdkafka_client *client, const rd_kafka_conf_t *conf,
                      const char *name, char *text) {
    size_t size = RDKAFKA_ID_SIZE;

    if (client->library->conf_get(conf, name, text, &size) != RD_KAFKA_CONF_OK) {
        text[0] = '\0';
    }
}

static size_t read_number(const struct rdkafka_client *client, const rd_kafka_conf_t *conf,
                          const char *name) {
    char text[RDKAFKA_ID_SIZE];

    read_text(client, conf, name, text);
    return strtoul(text, NULL, 10);
}

static rd_kafka_resp_err_t on_broker_state_change(rd_kafka_t *rk, int32_t id, const char *protocol,
                                                  const char *host, int port, const char *state,
                                                  void *opaque) {
    struct rdkafka_client *client = opaque;
    size_t length = strlen(host);
    size_t at = 0;

    (void)rk, (void)protocol, (void)state;
    if (id < 0 || length >= RDKAFKA_ID_SIZE) {
        return RD_KAFKA_RESP_ERR_NO_ERROR;
    }
    tote__lock_take(&client->broker_lock);
    while (at < client->broker_count && client->brokers[at].id != id) {
        at++;
    }
    if (at < RDKAFKA_BROKERS) {
        client->brokers[at] = (struct rdkafka_broker){.id = id, .port = port};
        memcpy(client->brokers[at].host, host, length + 1);
        client->broker_count += at == client->broker_count;
    }
    tote__lock_drop(&client->broker_lock);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_destroy(rd_kafka_t *rk, void *opaque) {
    int error = errno;

    (void)rk; /* on a thread of librdkafka */
    rdkafka_end_consumed(opaque);
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_new(rd_kafka_t *rk, const rd_kafka_conf_t *conf, void *opaque,
                                  char *message, size_t size) {
    struct rdkafka_client *client = opaque;
    const struct rdkafka_library *library = client->library;
    size_t wanted = read_number(client, conf, "queue.buffering.max.messages") / MESSAGES_PER_BUCKET;

    (void)message, (void)size;
    read_text(client, conf, "client.id", client->id);
    read_text(client, conf, "group.id", client->group);
    client->most_message_bytes = read_number(client, conf, "message.max.bytes");
    if (!client->sent_buckets) { /* else there was a client that could not be created */
        client->sent_buckets = LEAST_BUCKETS;
        while (client->sent_buckets < wanted && client->sent_buckets < MOST_BUCKETS) {
            client->sent_buckets *= 2;
        }
    }
    library->interceptor_add_on_send(rk, NAME, rdkafka_on_send, client);
    library->interceptor_add_on_acknowledgement(rk, NAME, rdkafka_on_acknowledgement, client);
    library->interceptor_add_on_consume(rk, NAME, rdkafka_on_consume, client);
    library->interceptor_add_on_commit(rk, NAME, rdkafka_on_commit, client);
    library->interceptor_add_on_request_sent(rk, NAME, rdkafka_on_request_sent, client);
    library->interceptor_add_on_broker_state_change(rk, NAME, on_broker_state_change, client);
    library->interceptor_add_on_destroy(rk, NAME, on_destroy, client);
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

static rd_kafka_resp_err_t on_conf_destroy(void *opaque) {
    struct rdkafka_client *client = opaque;
    int error = errno;

    rdkafka_client_remove(client);
    rdkafka_leave(client);
    rdkafka_end_sent(client);
    rdkafka_free_sent(client);
    tote__release(client, sizeof *client);
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}

rd_kafka_resp_err_t conf_init(rd_kafka_conf_t *conf, void **plugin, char *message, size_t size) {
    int error = errno;
    void *caller = TOTE__PRELOAD_CALLER;
    const struct rdkafka_library *library =
        (const struct rdkafka_library *)tote__preload_library_at(&rdkafka_kind, caller);
    struct rdkafka_client *client = library ? tote__allocate_zeroed(sizeof *client) : NULL;

    (void)plugin, (void)message, (void)size;
    rdkafka_captures_keys = read_boolean("OTEL_C_KAFKA_CAPTURE_KEYS",
                                         secure_getenv("OTEL_C_KAFKA_CAPTURE_KEYS"), false);
    rdkafka_has_process_spans = read_boolean("OTEL_C_KAFKA_PROCESS_SPANS",
                                             secure_getenv("OTEL_C_KAFKA_PROCESS_SPANS"), true);
    if (client) {
        tote__preload_at_exit(rdkafka_end_all);
        client->library = library;
        rdkafka_client_add(client);
        library->conf_interceptor_add_on_conf_destroy(conf, NAME, on_conf_destroy, client);
        library->conf_interceptor_add_on_new(conf, NAME, on_new, client);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "rdkafka", "messages are not traced: %s",
                                library ? "out of memory" : "librdkafka is older than 1.7");
    }
    errno = error;
    return RD_KAFKA_RESP_ERR_NO_ERROR;
}
