/* SPDX-License-Identifier: MIT */
/*
 * create_exporter.c - processors and exporters of a configuration file
 *
 * Tests: tests/unit/test_configuration_create.c
 */
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "tote/exporters/console.h"
#include "tote/exporters/otlp.h"
#include "tote/exporters/otlp_file.h"
#include "tote/internal/otlp.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

/* Set a TLS file. Spec: the schema requires an absolute path. */
static void read_path(struct tote__creation *creation, const tote_configuration_node *tls,
                      const char *key, const char **path) {
    *path = tote__read_text(creation, tls, key, TOTE__SETTING_TEXT, "");
    if (*path && **path != '/') {
        tote__create_error(creation, tote_configuration_node_get(tls, key),
                           "this is not an absolute path: begin it with /");
    }
}

static void read_tls(struct tote__creation *creation, const tote_configuration_node *tls,
                     tote_otlp_options *options) {
    read_path(creation, tls, "ca_file", &options->ca_file);
    read_path(creation, tls, "key_file", &options->client_key_file);
    read_path(creation, tls, "cert_file", &options->client_certificate_file);
    if (!options->client_key_file != !options->client_certificate_file) {
        const char *given = options->client_key_file ? "key_file" : "cert_file";
        tote__create_error(creation, tote_configuration_node_get(tls, given),
                           "%s needs %s, too: set both, or neither", given,
                           options->client_key_file ? "cert_file" : "key_file");
    }
    if (options->protocol == TOTE_OTLP_PROTOCOL_GRPC) {
        options->insecure = tote__read_bool(creation, tls, "insecure", false);
    }
}

/* An exporter that is being created. */
struct otlp {
    struct tote__creation *creation;
    const tote_configuration_node *node;
    const tote_configuration_node **headers; /* the nodes of the headers */
    bool has_error;
};

/*
 * Headers of the list come first, because a later header replaces an earlier one. Sets `nodes` to
 * the node of each header.
 */
static void read_headers(struct tote__creation *creation, const tote_configuration_node *node,
                         tote_otlp_options *options, const tote_configuration_node ***nodes) {
    const char *list = tote__read_text(creation, node, "headers_list", TOTE__SETTING_HEADERS, "");
    const tote_configuration_node *pairs = tote_configuration_node_get(node, "headers");
    size_t pair_count = tote_configuration_node_get_count(pairs);
    tote_attribute *listed = NULL;
    size_t count = 0;
    struct tote__part entry;

    const char *problem =
        list ? tote__parse_list(list, &creation->memory, &listed, &count, &entry) : NULL;
    if (problem) {
        tote__create_error(creation, tote_configuration_node_get(node, "headers_list"),
                           "%s; write name=value,name=value with %%HH for special characters",
                           problem);
    }
    tote_attribute *headers = tote__create_memory(creation, (count + pair_count) * sizeof *headers);
    *nodes = tote__create_memory(creation, (count + pair_count) * sizeof **nodes);
    if (!headers || !*nodes) {
        return;
    }
    for (size_t i = 0; i < count; i++) {
        headers[i] = listed[i];
        (*nodes)[i] = tote_configuration_node_get(node, "headers_list");
    }
    for (size_t i = 0; i < pair_count; i++) {
        const tote_configuration_node *pair = tote_configuration_node_get_at(pairs, i);
        const char *name = NULL;
        const char *value = NULL;
        tote_configuration_node_read_string(tote_configuration_node_get(pair, "name"), &name);
        if (name && tote_configuration_node_read_string(tote_configuration_node_get(pair, "value"),
                                                        &value)) {
            char shown[256];
            snprintf(shown, sizeof shown, "%s=***", name);
            tote__note(creation, pair, shown);
            (*nodes)[count] = pair;
            headers[count++] = (tote_attribute){name, tote_string(value)};
        }
    }
    options->headers = headers;
    options->header_count = count;
}

static void read_compression(struct tote__creation *creation, const tote_configuration_node *node,
                             tote_otlp_options *options) {
    const char *text = tote__read_text(creation, node, "compression", TOTE__SETTING_TEXT, "none");

    options->compression = TOTE_OTLP_COMPRESSION_NONE;
    if (text && strcmp(text, "gzip") == 0) {
        options->compression = TOTE_OTLP_COMPRESSION_GZIP;
    } else if (text && strcmp(text, "none") != 0) {
        tote__create_error(creation, tote_configuration_node_get(node, "compression"),
                           "unknown value; expected one of gzip, none");
    }
}

static void read_delivery(struct tote__creation *creation, const tote_configuration_node *node,
                          tote_delivery_options *delivery) {
    *delivery = creation->own.delivery;
    delivery->timeout_ms =
        tote__read_option(creation, node, "timeout", TOTE_OPTION_UNLIMITED, "10000");
    delivery->max_request_bytes =
        tote__read_option(creation, node, "max_request_size", TOTE_OPTION_UNLIMITED, "67108864");
    if (creation->otlp_count++ && delivery->disk_queue_directory) {
        tote__create_error(creation, node,
                           "disk_queue_directory of distribution.tote is for one OTLP exporter: "
                           "keep one exporter, or create the others in the program");
    }
    if (tote__check) {
        delivery->disk_queue_directory = NULL;
        delivery->crash_safe = false;
    }
}

/* Return the node that has set a field of the options; the exporter's, if none has. */
static const tote_configuration_node *node_of(const struct otlp *otlp, const char *field,
                                              size_t index) {
    const tote_configuration_node *tls = tote_configuration_node_get(otlp->node, "tls");
    const struct {
        const char *field;
        const tote_configuration_node *parent;
        const char *key;
    } keys[] = {
        {"endpoint", otlp->node, "endpoint"},
        {"ca_file", tls, "ca_file"},
        {"client_certificate_file", tls, "cert_file"},
        {"client_key_file", tls, "key_file"},
        {"max_concurrent_requests", otlp->creation->own_node, "max_concurrent_requests"},
    };
    const tote_configuration_node *node =
        strcmp(field, "headers") == 0 ? otlp->headers[index] : NULL;

    for (size_t i = 0; i < TOTE_COUNT_OF(keys) && !node; i++) {
        node = strcmp(keys[i].field, field) == 0
                   ? tote_configuration_node_get(keys[i].parent, keys[i].key)
                   : NULL;
    }
    return node ? node : otlp->node;
}

static void report_field(void *self, tote_level level, const char *field, size_t index,
                         const char *message) {
    struct otlp *otlp = self;

    otlp->has_error |= level == TOTE_LEVEL_ERROR;
    tote__create_report(otlp->creation, level, node_of(otlp, field, index), "%s", message);
}

static tote_span_exporter *make_otlp(struct tote__creation *creation,
                                     const tote_configuration_node *node,
                                     tote_otlp_protocol protocol) {
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;
    bool is_grpc = protocol == TOTE_OTLP_PROTOCOL_GRPC;
    tote_delivery_options delivery;
    unsigned errors = creation->errors;
    struct otlp otlp = {.creation = creation, .node = node};
    tote_span_exporter *exporter = NULL;

    options.ignore_environment = true;
    options.protocol = protocol;
    options.is_complete_endpoint = true;
    options.endpoint =
        tote__read_text(creation, node, "endpoint", TOTE__SETTING_URL,
                        is_grpc ? "http://localhost:4317" : "http://localhost:4318/v1/traces");
    read_tls(creation, tote_configuration_node_get(node, "tls"), &options);
    read_headers(creation, node, &options, &otlp.headers);
    read_compression(creation, node, &options);
    options.max_response_bytes =
        tote__read_option(creation, node, "max_response_size", 0, "4194304");
    options.max_concurrent_requests = creation->own.max_concurrent_requests;
    read_delivery(creation, node, &delivery);
    options.delivery = &delivery;
    if (creation->errors == errors) {
        exporter = tote__span_exporter_otlp_new(
            &options, &(struct tote__option_reporter){report_field, &otlp});
        creation->errors += !exporter && otlp.has_error; /* it is reported already */
    }
    return exporter;
}

static void *make_otlp_http(struct tote__creation *creation, const tote_configuration_node *node) {
    const char *encoding =
        tote__read_text(creation, node, "encoding", TOTE__SETTING_TEXT, "protobuf");

    return make_otlp(creation, node,
                     encoding && strcmp(encoding, "json") == 0 ? TOTE_OTLP_PROTOCOL_HTTP_JSON
                                                               : TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF);
}

static void *make_otlp_grpc(struct tote__creation *creation, const tote_configuration_node *node) {
    return make_otlp(creation, node, TOTE_OTLP_PROTOCOL_GRPC);
}

static void *make_otlp_file(struct tote__creation *creation, const tote_configuration_node *node) {
    static const char scheme[] = "file://";
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;
    const char *stream =
        tote__read_text(creation, node, "output_stream", TOTE__SETTING_TEXT, "stdout");

    if (stream && strncmp(stream, scheme, sizeof scheme - 1) == 0 &&
        stream[sizeof scheme - 1] == '/') {
        options.path = stream + sizeof scheme - 1;
    } else if (stream && strcmp(stream, "stdout") != 0) {
        tote__create_error(creation, tote_configuration_node_get(node, "output_stream"),
                           "unknown value; expected stdout, or file:///PATH");
        return NULL;
    }
    return tote_span_exporter_otlp_file_new(&options);
}

static void *make_console(struct tote__creation *creation, const tote_configuration_node *node) {
    (void)creation, (void)node;
    return tote_span_exporter_console_new(NULL);
}

static tote_span_exporter *make_exporter(struct tote__creation *creation,
                                         const tote_configuration_node *node) {
    static const struct tote__builder builders[] = {
        {"otlp_http", make_otlp_http},
        {"otlp_grpc", make_otlp_grpc},
        {"otlp_file/development", make_otlp_file},
        {"console", make_console},
        {NULL, NULL},
    };

    return tote__create_component(creation, TOTE__COMPONENT_EXPORTER, builders,
                                  tote_configuration_node_get(node, "exporter"));
}

/* Reduce the batch size of the file to the queue size. */
static void fit_batch(struct tote__creation *creation, const tote_configuration_node *node,
                      tote_batch_options *batch) {
    const tote_configuration_node *size =
        tote_configuration_node_get(node, "max_export_batch_size");
    tote_batch_options given = TOTE_BATCH_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_batch_options, &given, creation->given->batch);
    if (size && !given.max_export_batch_size && batch->max_queue_size &&
        batch->max_queue_size < batch->max_export_batch_size) {
        tote__create_report(
            creation, TOTE_LEVEL_WARN, size,
            "%u spans are more than max_queue_size: batches have %u spans; raise max_queue_size",
            batch->max_export_batch_size, batch->max_queue_size);
        batch->max_export_batch_size = batch->max_queue_size;
    }
}

/* Without a limit in the file the queue of an OTLP exporter is limited by its bytes alone. */
static void note_effective(const tote_configuration_node *node,
                           const struct tote__configuration *configuration) {
    const tote_configuration_node *exporter =
        tote_configuration_node_get_at(tote_configuration_node_get(node, "exporter"), 0);
    const char *name = tote_configuration_node_get_key(exporter);
    char path[256];
    char value[24];

    if (!tote__check || !name) {
        return;
    }
    size_t used = tote_configuration_node_get_path(node, path, sizeof path);
    if (used < sizeof path) {
        snprintf(path + used, sizeof path - used, ".max_export_batch_size");
        snprintf(value, sizeof value, "%u", configuration->batch.max_export_batch_size);
        tote__check_effective(path, value);
        snprintf(path + used, sizeof path - used, ".max_queue_size");
    }
    if (configuration->batch.may_exceed_queue_size &&
        (strcmp(name, "otlp_http") == 0 || strcmp(name, "otlp_grpc") == 0)) {
        tote__check_effective(path, "no limit");
    }
}

/* Create a processor. Options of the program override those of the file. */
static void *make_processor(struct tote__creation *creation, const tote_configuration_node *node,
                            bool is_simple) {
    static const struct tote__option numbers[] = {
        {"max_queue_size", offsetof(tote_batch_options, max_queue_size), 0, "2048"},
        {"max_export_batch_size", offsetof(tote_batch_options, max_export_batch_size), 0, "512"},
        {"schedule_delay", offsetof(tote_batch_options, schedule_delay_ms), TOTE_OPTION_ZERO,
         "5000"},
        {"export_timeout", offsetof(tote_batch_options, export_timeout_ms), TOTE_OPTION_UNLIMITED,
         "30000"},
    };
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    struct tote__configuration configuration = {.reads_environment = false};

    TOTE__COPY_OPTIONS(tote_batch_options, &batch, creation->given->batch);
    if (!is_simple) {
        tote__read_options(creation, node, numbers, TOTE_COUNT_OF(numbers), &batch);
        fit_batch(creation, node, &batch);
    }
    batch.max_queue_bytes =
        batch.max_queue_bytes ? batch.max_queue_bytes : creation->own.max_queue_bytes;
    batch.poll_budget_us =
        batch.poll_budget_us ? batch.poll_budget_us : creation->own.poll_budget_us;
    tote_span_exporter *exporter = make_exporter(creation, node);
    if (!exporter) {
        return NULL;
    }
    tote__configuration_resolve_batch(&batch, &configuration);
    is_simple |= configuration.mode == TOTE_EXPORT_MODE_SIMPLE;
    if (!is_simple) {
        note_effective(node, &configuration);
    }
    return tote__processor_make(exporter, &configuration, is_simple);
}

static void *make_batch(struct tote__creation *creation, const tote_configuration_node *node) {
    return make_processor(creation, node, false);
}

static void *make_simple(struct tote__creation *creation, const tote_configuration_node *node) {
    return make_processor(creation, node, true);
}

/* Only OTLP exporters have a disk queue. */
static void report_unused_disk_queue(struct tote__creation *creation) {
    const struct {
        const char *key;
        bool is_set;
    } keys[] = {
        {"disk_queue_directory", creation->own.delivery.disk_queue_directory},
        {"crash_safe", creation->own.delivery.crash_safe},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(keys) && !creation->otlp_count; i++) {
        const tote_configuration_node *node =
            tote_configuration_node_get(creation->own_node, keys[i].key);
        if (node && keys[i].is_set) {
            tote__create_report(creation, TOTE_LEVEL_WARN, node,
                                "ignored: it needs the exporter otlp_http or otlp_grpc, "
                                "and this file has none");
        }
    }
}

/* The processors of the program run first. */
void tote__create_processors(struct tote__creation *creation, const tote_configuration_node *node,
                             tote_sdk_options *options) {
    static const struct tote__builder builders[] = {
        {"batch", make_batch},
        {"simple", make_simple},
        {NULL, NULL},
    };
    size_t count = tote_configuration_node_get_count(node);
    tote_span_processor **processors =
        tote__create_memory(creation, (options->processor_count + count) * sizeof *processors);

    if (!processors) {
        return;
    }
    for (size_t i = 0; i < options->processor_count; i++) {
        processors[i] = options->processors[i];
    }
    for (size_t i = 0; i < count; i++) {
        processors[options->processor_count + i] = tote__create_component(
            creation, TOTE__COMPONENT_PROCESSOR, builders, tote_configuration_node_get_at(node, i));
    }
    options->processors = processors;
    options->processor_count += count;
    report_unused_disk_queue(creation);
}
