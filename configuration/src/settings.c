/* SPDX-License-Identifier: MIT */
/*
 * settings.c - each setting by its environment variable, its key in a file and its field
 *
 * Tests: tests/unit/test_configuration_settings.c, tests/cli/test_check.sh
 */
#include "settings.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "configuration.h"
#include "tote/internal/env.h"
#include "tote/internal/text.h"

const struct tote__check *tote__check;

#define PROVIDER "tracer_provider."
#define BATCH PROVIDER "processors[].batch."
#define LIMITS PROVIDER "limits."
#define OTLP BATCH "exporter.otlp_http."
#define OWN(field) offsetof(struct tote__own_settings, field)
#define FOR_TRACES(name) "OTEL_EXPORTER_OTLP_TRACES_" name, "OTEL_EXPORTER_OTLP_" name

#define SAMPLERS                                                                                   \
    "always_on always_off probability traceidratio parentbased_always_on parentbased_always_off "  \
    "parentbased_probability parentbased_traceidratio"

static const struct tote__setting settings[] = {
    {"OTEL_CONFIG_FILE", NULL, NULL, NULL, "", TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},
    {"OTEL_SDK_DISABLED", NULL, "disabled", NULL, "false", TOTE__SETTING_BOOLEAN, 0,
     TOTE__NO_FIELD},
    {"OTEL_LOG_LEVEL", NULL, "log_level", "none off error warn warning info debug trace", "info",
     TOTE__SETTING_WORD, 0, TOTE__NO_FIELD},
    {"OTEL_SERVICE_NAME", NULL, "resource.attributes[]", NULL, "unknown_service:PROGRAM",
     TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},
    {"OTEL_RESOURCE_ATTRIBUTES", NULL, "resource.attributes_list", NULL, "", TOTE__SETTING_TEXT, 0,
     TOTE__NO_FIELD},
    {"OTEL_C_RESOURCE_DETECTORS", NULL, "resource.detection/development.detectors[]", NULL, "",
     TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},
    {"OTEL_EXPERIMENTAL_ENTITIES_ENABLED", NULL, NULL, NULL, "false", TOTE__SETTING_BOOLEAN, 0,
     TOTE__NO_FIELD},
    {"OTEL_ENTITIES", NULL, NULL, NULL, "", TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},
    {"OTEL_PROPAGATORS", NULL, "propagator.composite_list", NULL, "tracecontext,baggage",
     TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},
    {"OTEL_C_PROPAGATION_ALLOWED_HOSTS", NULL, "propagation_allowed_hosts", NULL, "",
     TOTE__SETTING_TEXTS, 0, OWN(allowed_hosts)},
    {"OTEL_C_PROCESS_CONTEXT_DISABLED", NULL, "skip_process_context", NULL, "false",
     TOTE__SETTING_BOOLEAN, 0, OWN(skip_process_context)},
    {"OTEL_TRACES_SAMPLER", NULL, PROVIDER "sampler", SAMPLERS, "parentbased_always_on",
     TOTE__SETTING_WORD, 0, TOTE__NO_FIELD},
    {"OTEL_TRACES_SAMPLER_ARG", NULL, PROVIDER "sampler", NULL, "1", TOTE__SETTING_RATIO, 0,
     TOTE__NO_FIELD},
    {"OTEL_TRACES_EXPORTER", NULL, BATCH "exporter", NULL, "otlp", TOTE__SETTING_TEXT, 0,
     TOTE__NO_FIELD},
    {"OTEL_METRICS_EXPORTER", NULL, "metrics_exporter", "none otlp", "none", TOTE__SETTING_WORD, 0,
     OWN(metrics_exporter)},
    {"OTEL_METRIC_EXPORT_INTERVAL", NULL, "metric_export_interval_ms", NULL, "60000",
     TOTE__SETTING_NUMBER, 1, OWN(metric_export_interval_ms)},
    {"OTEL_METRIC_EXPORT_TIMEOUT", NULL, "metric_export_timeout_ms", NULL, "30000",
     TOTE__SETTING_NUMBER, 0, OWN(metric_export_timeout_ms)},
    {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", NULL, NULL, NULL, "", TOTE__SETTING_URL, 0,
     TOTE__NO_FIELD},
    {"OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", NULL, NULL, NULL, "", TOTE__SETTING_TEXT,
     0, TOTE__NO_FIELD},

    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_COUNT_LIMIT",
     LIMITS "attribute_count_limit", NULL, "128", TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},
    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
     LIMITS "attribute_value_length_limit", NULL, "no limit", TOTE__SETTING_NUMBER, 0,
     TOTE__NO_FIELD},
    {"OTEL_SPAN_EVENT_COUNT_LIMIT", NULL, LIMITS "event_count_limit", NULL, "128",
     TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},
    {"OTEL_SPAN_LINK_COUNT_LIMIT", NULL, LIMITS "link_count_limit", NULL, "128",
     TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},
    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", NULL, LIMITS "event_attribute_count_limit", NULL, "128",
     TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},
    {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", NULL, LIMITS "link_attribute_count_limit", NULL, "128",
     TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},

    {"OTEL_BSP_MAX_QUEUE_SIZE", NULL, BATCH "max_queue_size", NULL, "2048", TOTE__SETTING_NUMBER, 1,
     TOTE__NO_FIELD},
    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", NULL, BATCH "max_export_batch_size", NULL, "512",
     TOTE__SETTING_NUMBER, 1, TOTE__NO_FIELD},
    {"OTEL_BSP_SCHEDULE_DELAY", NULL, BATCH "schedule_delay", NULL, "5000", TOTE__SETTING_NUMBER, 0,
     TOTE__NO_FIELD},
    {"OTEL_BSP_EXPORT_TIMEOUT", NULL, BATCH "export_timeout", NULL, "30000", TOTE__SETTING_NUMBER,
     0, TOTE__NO_FIELD},

    {FOR_TRACES("PROTOCOL"), BATCH "exporter", "http/protobuf http/json grpc", "http/protobuf",
     TOTE__SETTING_WORD, 0, TOTE__NO_FIELD},
    {FOR_TRACES("ENDPOINT"), OTLP "endpoint", NULL, "http://localhost:4318, gRPC: 4317",
     TOTE__SETTING_URL, 0, TOTE__NO_FIELD},
    {FOR_TRACES("INSECURE"), BATCH "exporter.otlp_grpc.tls.insecure", NULL, "false",
     TOTE__SETTING_BOOLEAN, 0, TOTE__NO_FIELD},
    {FOR_TRACES("HEADERS"), OTLP "headers_list", NULL, "", TOTE__SETTING_HEADERS, 0,
     TOTE__NO_FIELD},
    {FOR_TRACES("COMPRESSION"), OTLP "compression", "none gzip", "none", TOTE__SETTING_WORD, 0,
     TOTE__NO_FIELD},
    {FOR_TRACES("TIMEOUT"), OTLP "timeout", NULL, "10000", TOTE__SETTING_NUMBER, 0, TOTE__NO_FIELD},
    {FOR_TRACES("CERTIFICATE"), OTLP "tls.ca_file", NULL, "", TOTE__SETTING_TEXT, 0,
     TOTE__NO_FIELD},
    {FOR_TRACES("CLIENT_CERTIFICATE"), OTLP "tls.cert_file", NULL, "", TOTE__SETTING_TEXT, 0,
     TOTE__NO_FIELD},
    {FOR_TRACES("CLIENT_KEY"), OTLP "tls.key_file", NULL, "", TOTE__SETTING_TEXT, 0,
     TOTE__NO_FIELD},
    {"http_proxy", NULL, NULL, NULL, "", TOTE__SETTING_URL, 0, TOTE__NO_FIELD},
    {"https_proxy", "HTTPS_PROXY", NULL, NULL, "", TOTE__SETTING_URL, 0, TOTE__NO_FIELD},
    {"all_proxy", "ALL_PROXY", NULL, NULL, "", TOTE__SETTING_URL, 0, TOTE__NO_FIELD},
    {"no_proxy", "NO_PROXY", NULL, NULL, "", TOTE__SETTING_TEXT, 0, TOTE__NO_FIELD},

    {"OTEL_C_EXPORTER_OTLP_MAX_CONCURRENT_REQUESTS", NULL, "max_concurrent_requests", NULL, "1",
     TOTE__SETTING_NUMBER, 1, OWN(max_concurrent_requests)},
    {"OTEL_C_DISK_QUEUE_DIRECTORY", NULL, "disk_queue_directory", NULL, "", TOTE__SETTING_TEXT, 0,
     OWN(delivery.disk_queue_directory)},
    {"OTEL_C_DISK_QUEUE_NO_SYNC", NULL, "disk_queue_no_sync", NULL, "false", TOTE__SETTING_BOOLEAN,
     0, OWN(delivery.disk_queue_no_sync)},
    {"OTEL_C_CRASH_SAFE", NULL, "crash_safe", NULL, "false", TOTE__SETTING_BOOLEAN, 0,
     OWN(delivery.crash_safe)},

    {NULL, NULL, "disk_queue_max_bytes", NULL, "268435456", TOTE__SETTING_SIZE, 1,
     OWN(delivery.disk_queue_max_bytes)},
    {NULL, NULL, "disk_queue_max_files", NULL, "4096", TOTE__SETTING_NUMBER, 1,
     OWN(delivery.disk_queue_max_files)},
    {NULL, NULL, "disk_queue_max_age_s", NULL, "86400", TOTE__SETTING_NUMBER, 1,
     OWN(delivery.disk_queue_max_age_s)},
    {NULL, NULL, "crash_safe_directory", NULL, "", TOTE__SETTING_TEXT, 0,
     OWN(delivery.crash_safe_directory)},
    {NULL, NULL, "crash_safe_bytes", NULL, "14680064", TOTE__SETTING_SIZE, 1,
     OWN(delivery.crash_safe_bytes)},
    {NULL, NULL, "initial_backoff_ms", NULL, "1000", TOTE__SETTING_NUMBER, 1,
     OWN(delivery.initial_backoff_ms)},
    {NULL, NULL, "max_backoff_ms", NULL, "30000", TOTE__SETTING_NUMBER, 1,
     OWN(delivery.max_backoff_ms)},
    {NULL, NULL, "max_retry_after_ms", NULL, "300000", TOTE__SETTING_NUMBER, 1,
     OWN(delivery.max_retry_after_ms)},
    {NULL, NULL, "max_queue_bytes", NULL, "14680064", TOTE__SETTING_SIZE, 1, OWN(max_queue_bytes)},
    {NULL, NULL, "poll_budget_us", NULL, "1000", TOTE__SETTING_NUMBER, 1, OWN(poll_budget_us)},
    {NULL, NULL, "store_export", "all local allowed none", "all", TOTE__SETTING_WORD, 0,
     OWN(store_export)},
    {NULL, NULL, "store_export_keys", NULL, "", TOTE__SETTING_TEXTS, 0, OWN(store_export_keys)},
};

const struct tote__setting *tote__settings(size_t *count) {
    *count = TOTE_COUNT_OF(settings);
    return settings;
}

size_t tote__setting_find_word(const char *words, const char *text) {
    struct tote__part list = {words, strlen(words)};
    struct tote__part word;
    size_t length = strlen(text);

    tote__trim_lines(&text, &length);
    for (size_t position = 0; tote__next_part(&list, ' ', &word); position++) {
        if (tote__equals_ignoring_case(text, length, word.at, word.length)) {
            return position;
        }
    }
    return SIZE_MAX;
}

/* Copy a header list without the values. */
static void show_headers(const char *text, char *shown, size_t size) {
    size_t used = 0;

    for (const char *next = text; next && used < size;) {
        const char *comma = strchr(next, ',');
        size_t length = comma ? (size_t)(comma - next) : strlen(next);
        const char *equals = memchr(next, '=', length);
        size_t name = equals ? (size_t)(equals - next) : 0;
        int count = snprintf(shown + used, size - used, "%s%.*s=***", used ? "," : "",
                             (int)tote__min(name, 256), next);
        used += count > 0 ? (size_t)count : 0;
        next = comma ? comma + 1 : NULL;
    }
}

/* Copy a URL without user, password and query. */
static void show_url(const char *text, char *shown, size_t size) {
    const char *authority = strstr(text, "://");
    const char *host = authority ? authority + 3 : text;
    size_t length = strcspn(host, "/?#");
    const char *at = NULL;

    for (size_t i = 0; i < length; i++) {
        at = host[i] == '@' ? host + i : at;
    }
    const char *rest = at ? at : host;
    size_t before_query = strcspn(rest, "?");
    snprintf(shown, size, "%.*s%s%.*s%s", (int)(host - text), text, at ? "***" : "",
             (int)before_query, rest, rest[before_query] ? "?***" : "");
}

void tote__setting_show(enum tote__setting_kind kind, const char *text, char *shown, size_t size) {
    shown[0] = '\0';
    if (kind == TOTE__SETTING_HEADERS) {
        show_headers(text, shown, size);
    } else if (kind == TOTE__SETTING_URL) {
        show_url(text, shown, size);
    } else {
        snprintf(shown, size, "%s", text);
    }
}

/* Return whether an endpoint can be used. Only gRPC allows one without a scheme. */
static bool is_endpoint(const char *text, bool is_grpc) {
    static const char *const schemes[] = {"http://", "https://", "unix:"};
    bool is_one = is_grpc && !strstr(text, "://");

    for (size_t i = 0; i < TOTE_COUNT_OF(schemes); i++) {
        is_one |= strncasecmp(text, schemes[i], strlen(schemes[i])) == 0;
    }
    return is_one;
}

/*
 * Returns false if the variable is unset or not valid. Reports nothing: the start of the SDK
 * reports it.
 */
static bool read_variable(const struct tote__setting *setting, const char *name, char *value,
                          size_t size) {
    const char *text = name ? tote__env(name) : NULL;
    size_t length = text ? strlen(text) : 0;
    bool is_valid = text;

    if (text) {
        tote__trim_lines(&text, &length);
        char trimmed[512];
        snprintf(trimmed, sizeof trimmed, "%.*s", (int)length, text);
        tote__setting_show(setting->kind, trimmed, value, size);
    }
    if (text && setting->kind == TOTE__SETTING_NUMBER) {
        char *end = NULL;
        unsigned long number = strtoul(value, &end, 10);
        is_valid = value[strspn(value, "0123456789")] == '\0' && number >= setting->least &&
                   number <= INT32_MAX;
    } else if (text && setting->kind == TOTE__SETTING_BOOLEAN) {
        snprintf(value, size, "%s", tote__env_is_word(text, length, "true") ? "true" : "false");
    } else if (text && setting->kind == TOTE__SETTING_WORD) {
        is_valid = tote__setting_find_word(setting->words, value) != SIZE_MAX;
    }
    return is_valid;
}

/* Return the default of a setting, as it is in effect. */
static const char *default_of(const struct tote__setting *setting, bool is_grpc) {
    static const char endpoint[] = "http://localhost:4318, gRPC: 4317";

    if (strcmp(setting->fallback, endpoint) == 0) {
        return is_grpc ? "http://localhost:4317" : "http://localhost:4318";
    }
    return strcmp(setting->fallback, "unknown_service:PROGRAM") == 0 ? "" : setting->fallback;
}

void tote__settings_describe_environment(tote__setting_observer *observe, void *self) {
    bool is_grpc = false;

    for (size_t i = 0; i < TOTE_COUNT_OF(settings); i++) {
        const struct tote__setting *setting = &settings[i];
        const char *const names[] = {setting->variable, setting->general_variable};
        char value[512];
        char origin[96] = "default";
        const char *found = NULL;
        for (size_t name = 0; name < TOTE_COUNT_OF(names) && !found; name++) {
            found = read_variable(setting, names[name], value, sizeof value) ? names[name] : NULL;
            if (found && strstr(setting->variable, "_TRACES_ENDPOINT") &&
                !is_endpoint(value, is_grpc)) {
                found = NULL;
            }
            if (!found && names[name] && tote__env(names[name])) {
                snprintf(origin, sizeof origin, "default: %s is invalid",
                         name ? names[name] : "the variable");
            }
        }
        const char *fallback = default_of(setting, is_grpc);
        if (found && strcmp(setting->variable, "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL") == 0) {
            is_grpc = strcmp(value, "grpc") == 0;
        }
        if (setting->variable && (found || *fallback)) {
            observe(self, &(struct tote__shown){
                              .name = setting->variable,
                              .value = found ? value : fallback,
                              .origin = !found                       ? origin
                                        : found == setting->variable ? "environment"
                                                                     : found,
                              .kind = setting->kind,
                          });
        }
    }
}

void tote__check_effective(const char *name, const char *value) {
    if (tote__check) {
        tote__check->observe(tote__check->self,
                             &(struct tote__shown){.name = name, .value = value});
    }
}
