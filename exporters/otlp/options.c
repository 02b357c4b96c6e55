/* SPDX-License-Identifier: MIT */
/*
 * options.c - resolves options and environment variables of an OTLP exporter
 *
 * A variable is read only if its option is not set. An unusable one is reported and counts as
 * unset. Spec:
 * protocol/exporter.md#configuration-options
 *
 * Tests: tests/unit/test_otlp_options.c
 */
#include "options.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp/transport/proxy.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/folder.h"
#include "tote/internal/os.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"
#include "tote/sdk.h"

static const char default_http_endpoint[] = "http://localhost:4318";
static const char default_grpc_endpoint[] = "http://localhost:4317";

enum { DEFAULT_MAX_RESPONSE_BYTES = 4 << 20 };

/* Split a field into its name and its index. */
static void report_field(const struct tote__option_reporter *reporter, tote_level level,
                         const char *field, const char *message) {
    char name[64];
    const char *bracket = strchr(field, '[');
    size_t length = bracket ? (size_t)(bracket - field) : strlen(field);

    snprintf(name, sizeof name, "%.*s", (int)length, field);
    reporter->report(reporter->self, level, name, bracket ? strtoul(bracket + 1, NULL, 10) : 0,
                     message + strspn(message, ": "));
}

void tote__otlp_diagnose(const struct tote__otlp_settings *settings, tote_level level,
                         const char *source, const char *message, ...) {
    static const char prefix[] = TOTE__OTLP_FIELD;
    bool is_field = strncmp(source, prefix, sizeof prefix - 1) == 0;
    char text[1024];
    va_list arguments;

    va_start(arguments, message);
    vsnprintf(text, sizeof text, message, arguments);
    va_end(arguments);
    if (is_field && settings->reporter) {
        report_field(settings->reporter, level, source + sizeof prefix - 1, text);
    } else {
        tote__diagnose_each(level, "otlp", "%s%s", source, text);
    }
}

static const char *keep_path(struct tote__otlp_settings *settings, const char *path) {
    const char *kept = tote__keep_path(&settings->memory, path);

    settings->is_incomplete |= !kept;
    return kept;
}

/*
 * Return the position of a variable's value in a list, from 1 on as in the enums. Returns 0, with a
 * warning, if it is not in the list.
 */
static unsigned find_word(const char *name, const char *value, const char *const *words,
                          size_t count, const char *fault) {
    for (size_t i = 0; i < count; i++) {
        if (tote__env_is_word(value, strlen(value), words[i])) {
            return (unsigned)i + 1;
        }
    }
    tote__diagnose_each(TOTE_LEVEL_WARN, "otlp", "%s: '%s' is %s, ignored", name, value, fault);
    return 0;
}

/* Report an endpoint that cannot be used, because of the obstacle, and what happens instead. */
static void reject_endpoint(const struct tote__otlp_settings *settings, const char *source,
                            const char *obstacle, bool is_base, const char *consequence) {
    const char *path = is_base || tote__otlp_is_grpc(settings) ? "" : "/v1/traces";

    tote__otlp_diagnose(settings, TOTE_LEVEL_ERROR, source,
                        " cannot be used: %s; %s; write http://host:port%s, "
                        "https://host:port%s or unix:/path",
                        obstacle, consequence, path, path);
}

/*
 * A variable that cannot be used counts as unset. Spec:
 * configuration/sdk-environment-variables.md#parsing-environment-variables-by-type. Headers may
 * contain credentials for the intended receiver, so no other one gets them.
 */
static bool take_endpoint_variable(struct tote__otlp_settings *settings, const char *name,
                                   const char *value, bool is_general) {
    const char *obstacle = tote__otlp_take_endpoint(settings, name, value, is_general);

    if (obstacle) {
        reject_endpoint(settings, name, obstacle, is_general,
                        "it counts as unset, and the configured headers are not sent");
        settings->sends_no_headers = true;
    }
    return !obstacle;
}

/* Return why this build has no such protocol; NULL if it has it. */
static const char *missing_part(uint32_t protocol) {
    return !TOTE_HAS_GRPC && protocol == TOTE_OTLP_PROTOCOL_GRPC
               ? TOTE__LEFT_OUT("gRPC", "TOTE_WITH_GRPC")
           : !TOTE_HAS_JSON && protocol == TOTE_OTLP_PROTOCOL_HTTP_JSON
               ? TOTE__LEFT_OUT("JSON", "TOTE_WITH_JSON")
               : NULL;
}

/* A protocol that this build does not have is an unknown value. */
static bool take_protocol(struct tote__otlp_settings *settings, const char *name,
                          const char *value) {
    static const char *const protocols[] = {"http/protobuf", "http/json", "grpc"};
    unsigned found = find_word(name, value, protocols, TOTE_COUNT_OF(protocols),
                               "none of http/protobuf, http/json and grpc");
    const char *obstacle = missing_part(found);

    if (obstacle) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "otlp", "%s: '%s' is ignored: %s", name, value,
                            obstacle);
        found = TOTE_OTLP_PROTOCOL_DEFAULT;
    }
    settings->protocol = (tote_otlp_protocol)found;
    return found;
}

enum variable { PROTOCOL, INSECURE, ENDPOINT, HEADERS, COMPRESSION, TIMEOUT };

static bool take_timeout(struct tote__otlp_settings *settings, const char *name) {
    uint64_t number;
    bool is_number = tote__env_number(name, 0, INT32_MAX, &number);

    if (is_number) {
        settings->delivery.timeout_ms = number ? (uint32_t)number : UINT32_MAX;
    }
    return is_number;
}

/* Apply a variable's value. Returns false, with a warning, if it is unusable. */
static bool take_value(struct tote__otlp_settings *settings, enum variable variable,
                       const char *name, const char *value, bool is_general) {
    static const char *const compressions[] = {"none", "gzip"};
    unsigned found;

    switch (variable) {
    case PROTOCOL:
        return take_protocol(settings, name, value);
    case INSECURE:
        settings->is_insecure = tote__env_boolean(name);
        return true;
    case ENDPOINT:
        return take_endpoint_variable(settings, name, value, is_general);
    case HEADERS:
        tote__otlp_take_header_text(settings, name, value);
        return true;
    case COMPRESSION:
        found = find_word(name, value, compressions, TOTE_COUNT_OF(compressions),
                          "neither gzip nor none");
        settings->is_gzip = found == TOTE_OTLP_COMPRESSION_GZIP;
        return found;
    default:
        return take_timeout(settings, name);
    }
}

enum { NAME_BYTES = 64 };

/* Write the name of a variable for traces or for all signals. Returns its value, or NULL. */
static const char *find_variable(const char *word, bool is_general, char name[NAME_BYTES]) {
    snprintf(name, NAME_BYTES, "OTEL_EXPORTER_OTLP_%s%s", is_general ? "" : "TRACES_", word);
    return tote__env(name);
}

static void take_environment(struct tote__otlp_settings *settings, const tote_otlp_options *options,
                             const tote_delivery_options *delivery) {
    const struct {
        const char *word;
        bool is_given; /* an option is set */
    } variables[] = {
        [PROTOCOL] = {"PROTOCOL", options->protocol != TOTE_OTLP_PROTOCOL_DEFAULT},
        [INSECURE] = {"INSECURE", options->insecure},
        [ENDPOINT] = {"ENDPOINT", options->endpoint || options->transport},
        [HEADERS] = {"HEADERS", options->headers && options->header_count},
        [COMPRESSION] = {"COMPRESSION", options->compression != TOTE_OTLP_COMPRESSION_DEFAULT},
        [TIMEOUT] = {"TIMEOUT", delivery->timeout_ms},
    };

    for (unsigned i = 0; i < TOTE_COUNT_OF(variables); i++) {
        bool is_taken = variables[i].is_given;
        for (int is_general = 0; is_general < 2 && !is_taken; is_general++) {
            char name[NAME_BYTES];
            const char *value = find_variable(variables[i].word, is_general, name);
            is_taken = value && take_value(settings, (enum variable)i, name, value, is_general);
        }
    }
}

/* An endpoint of the program has no replacement. Returns false if it cannot be used. */
static bool take_options(struct tote__otlp_settings *settings, const tote_otlp_options *options) {
    static const char source[] = TOTE__OTLP_FIELD "endpoint";
    bool is_base = !options->is_complete_endpoint;
    const char *missing = missing_part(options->protocol);
    const char *obstacle =
        options->endpoint ? tote__otlp_take_endpoint(settings, source, options->endpoint, is_base)
                          : NULL;

    if (missing) {
        tote__otlp_diagnose(settings, TOTE_LEVEL_ERROR, TOTE__OTLP_FIELD "protocol",
                            ": no exporter is created: %s", missing);
        return false;
    }
    if (obstacle) {
        reject_endpoint(settings, source, obstacle, is_base, "no exporter is created");
    }
    if (options->headers && options->header_count) {
        tote__otlp_take_header_attributes(settings, TOTE__OTLP_FIELD "headers", options->headers,
                                          options->header_count);
    }
    if (options->compression != TOTE_OTLP_COMPRESSION_DEFAULT) {
        settings->is_gzip = options->compression == TOTE_OTLP_COMPRESSION_GZIP;
    }
    if (settings->sends_no_headers) {
        settings->headers.count = 0;
    }
    return !obstacle;
}

static bool is_set(const tote_otlp_options *options, const char *name) {
    return !options->ignore_environment && tote__env_boolean(name);
}

/* Return whether the settings allow crash-safe mode, if it is set; else it is off. */
static bool check_crash_file(struct tote__otlp_settings *settings) {
    const char *obstacle = !settings->delivery.disk_queue_directory
                               ? "there is no disk_queue_directory"
                           : tote__otlp_is_json(settings) ? "http/json does not support it"
                                                          : NULL;

    if (!settings->delivery.is_crash_safe || !obstacle) {
        return true;
    }
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp",
                            "spans are not crash-safe, although crash_safe is set: %s", obstacle);
    settings->delivery.is_crash_safe = false;
    return false;
}

/* A transport of the program is not called concurrently. */
static uint32_t concurrent_requests(const struct tote__otlp_settings *settings,
                                    const tote_otlp_options *options) {
    uint64_t most = options->max_concurrent_requests;

    if (most > TOTE__MOST_CONCURRENT_REQUESTS) {
        tote__otlp_diagnose(settings, TOTE_LEVEL_WARN, TOTE__OTLP_FIELD "max_concurrent_requests",
                            ": %d is used, which is the maximum", TOTE__MOST_CONCURRENT_REQUESTS);
    }
    if (options->transport ||
        (!most && (options->ignore_environment ||
                   !tote__env_number("OTEL_C_EXPORTER_OTLP_MAX_CONCURRENT_REQUESTS", 1,
                                     TOTE__MOST_CONCURRENT_REQUESTS, &most)))) {
        return 1;
    }
    return (uint32_t)(most < TOTE__MOST_CONCURRENT_REQUESTS ? most
                                                            : TOTE__MOST_CONCURRENT_REQUESTS);
}

/* Resolve the options of delivery/. A timeout of the environment is already set. */
static bool take_delivery(struct tote__otlp_settings *settings, const tote_otlp_options *options,
                          tote_delivery_options delivery) {
    const char *variable =
        options->ignore_environment ? NULL : tote__env("OTEL_C_DISK_QUEUE_DIRECTORY");
    bool needs_disk_queue = delivery.disk_queue_directory;
    bool needs_crash_safe = delivery.crash_safe;

    if (!delivery.timeout_ms) {
        delivery.timeout_ms = settings->delivery.timeout_ms;
    }
    if (!needs_disk_queue && TOTE_HAS_DISK_QUEUE) {
        delivery.disk_queue_directory = variable;
    } else if (!needs_disk_queue && variable) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "otlp", "OTEL_C_DISK_QUEUE_DIRECTORY is ignored: %s",
                            TOTE__LEFT_OUT("disk queue", "TOTE_WITH_DISK_QUEUE"));
    }
    delivery.disk_queue_no_sync |= is_set(options, "OTEL_C_DISK_QUEUE_NO_SYNC");
    delivery.crash_safe |= is_set(options, "OTEL_C_CRASH_SAFE");
    settings->is_incomplete |=
        !tote__delivery_resolve(&delivery, &settings->memory, &settings->delivery);
    settings->delivery.needs_disk_queue = needs_disk_queue;
    settings->delivery.max_concurrent_requests = concurrent_requests(settings, options);
    return check_crash_file(settings) || !needs_crash_safe;
}

/* Returns false if the transport is unusable. */
static bool take_transport(struct tote__otlp_settings *settings, const tote_otlp_options *options) {
    if (!options->transport) {
        return true;
    }
    TOTE__COPY_OPTIONS(tote_otlp_transport, &settings->transport, options->transport);
    if (!settings->transport.send || tote__otlp_is_grpc(settings)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "no exporter is created: %s",
                                settings->transport.send
                                    ? "tote_otlp_options.transport is for HTTP, not for gRPC"
                                    : "tote_otlp_options.transport has no send function");
        return false;
    }
    return true;
}

static bool ends_in_quotation_mark(const char *path) {
    size_t length = strlen(path);

    return length && strchr("\"'", path[length - 1]);
}

/*
 * Set a TLS file. It must be a regular file, because libcurl would block on a FIFO. A file that is
 * not readable now may be readable later. Returns false if it is not a regular file.
 */
static bool take_file(struct tote__otlp_settings *settings, const char *source, const char *value,
                      const char **path) {
    *path = keep_path(settings, value);
    int descriptor = *path ? tote__os_open_regular(*path) : -1;
    tote__os_close(descriptor);
    if (!*path || descriptor >= 0) {
        return true;
    }
    if (errno == EINVAL) {
        tote__otlp_diagnose(settings, TOTE_LEVEL_ERROR, source,
                            ": %s is not a regular file; a certificate or key must be one; no "
                            "exporter is created",
                            *path);
        return false;
    }
    if (settings->is_tls && !settings->transport.send) {
        tote__otlp_diagnose(
            settings, TOTE_LEVEL_ERROR, source,
            ": the file %s cannot be read: %s; nothing is delivered to %s until it can%s", *path,
            tote__os_error(errno).text, settings->shown_url,
            ends_in_quotation_mark(*path) ? "; remove the quotation marks around the value" : "");
    }
    return true;
}

static bool take_files(struct tote__otlp_settings *settings, const tote_otlp_options *options) {
    const struct {
        const char *word;
        const char *source;
        const char *value;
        const char **path;
    } files[] = {
        {"CERTIFICATE", TOTE__OTLP_FIELD "ca_file", options->ca_file, &settings->ca_file},
        {"CLIENT_CERTIFICATE", TOTE__OTLP_FIELD "client_certificate_file",
         options->client_certificate_file, &settings->client_certificate_file},
        {"CLIENT_KEY", TOTE__OTLP_FIELD "client_key_file", options->client_key_file,
         &settings->client_key_file},
    };
    bool are_good = true;

    for (size_t i = 0; i < TOTE_COUNT_OF(files) && are_good; i++) {
        char name[NAME_BYTES];
        const char *value = files[i].value;
        for (int is_general = 0; is_general < 2 && !value && !options->ignore_environment;
             is_general++) {
            value = find_variable(files[i].word, is_general, name);
        }
        are_good = !value || take_file(settings, files[i].value ? files[i].source : name, value,
                                       files[i].path);
    }
    return are_good;
}

/* The protocol is resolved first, because the form of the endpoint depends on it. */
static bool resolve(struct tote__otlp_settings *settings, const tote_otlp_options *options) {
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_delivery_options, &delivery, options->delivery);
    settings->protocol = (tote_otlp_protocol)options->protocol;
    settings->is_insecure = options->insecure;
    settings->reads_environment = !options->ignore_environment;
    if (!options->ignore_environment) {
        take_environment(settings, options, &delivery);
    }
    if (settings->protocol == TOTE_OTLP_PROTOCOL_DEFAULT) {
        settings->protocol = TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF;
    }
    bool can_deliver = take_delivery(settings, options, delivery);
    bool is_usable = take_options(settings, options);
    if (!is_usable || !can_deliver || !take_transport(settings, options)) {
        return false;
    }
    if (!settings->url) {
        bool is_grpc = tote__otlp_is_grpc(settings);
        tote__otlp_take_endpoint(settings, "the default",
                                 is_grpc ? default_grpc_endpoint : default_http_endpoint, true);
    }
    if (!delivery.destination) {
        settings->delivery.destination = settings->shown_url;
    }
    settings->is_incomplete |= !settings->url;
    if (!settings->is_incomplete) {
        tote__otlp_take_proxy(settings);
    }
    bool are_good = settings->is_incomplete || take_files(settings, options);
    if (settings->is_incomplete) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "otlp", "out of memory, no exporter is created");
    }
    return are_good && !settings->is_incomplete;
}

bool tote__otlp_settings_resolve(struct tote__otlp_settings *settings,
                                 const tote_otlp_options *options,
                                 const struct tote__option_reporter *reporter) {
    tote_otlp_options own = TOTE_OTLP_OPTIONS_INIT;
    int error = errno;

    TOTE__COPY_OPTIONS(tote_otlp_options, &own, options);
    own.protocol =
        tote__known_value("tote_otlp_options.protocol", own.protocol, TOTE_OTLP_PROTOCOL_GRPC);
    own.compression = tote__known_value("tote_otlp_options.compression", own.compression,
                                        TOTE_OTLP_COMPRESSION_GZIP);
    *settings = (struct tote__otlp_settings){
        .reporter = reporter,
        .max_response_bytes =
            own.max_response_bytes ? own.max_response_bytes : DEFAULT_MAX_RESPONSE_BYTES,
    };
    bool resolved = resolve(settings, &own);
    settings->reporter = NULL;
    if (!resolved) {
        tote__otlp_settings_clear(settings);
    }
    errno = error;
    return resolved;
}

const char *tote__otlp_content_type(const struct tote__otlp_settings *settings) {
    return tote__otlp_is_json(settings) ? "application/json" : "application/x-protobuf";
}

void tote__otlp_settings_clear(struct tote__otlp_settings *settings) {
    tote__arena_clear(&settings->memory);
    *settings = (struct tote__otlp_settings){.is_incomplete = true};
}
