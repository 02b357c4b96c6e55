/* SPDX-License-Identifier: MIT */
/*
 * environment.c - the OTEL_* variables
 *
 * The component of a diagnostic is the name of the variable.
 * Spec: configuration/sdk-environment-variables.md
 *
 * Tests: tests/unit/test_configuration.c
 */
#include <stdlib.h>
#include <string.h>

#include "configuration.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/env.h"
#include "tote/internal/left_out.h"
#include "tote/internal/shared.h"
#include "tote/internal/text.h"

bool tote__environment_log_level(tote_level *level) {
    static const struct {
        const char *name;
        tote_level level;
    } levels[] = {{"none", TOTE_LEVEL_NONE},    {"off", TOTE_LEVEL_NONE},
                  {"error", TOTE_LEVEL_ERROR},  {"warn", TOTE_LEVEL_WARN},
                  {"warning", TOTE_LEVEL_WARN}, {"info", TOTE_LEVEL_INFO},
                  {"debug", TOTE_LEVEL_DEBUG},  {"trace", TOTE_LEVEL_DEBUG}};
    const char *text = tote__env("OTEL_LOG_LEVEL");

    for (size_t i = 0; text && i < TOTE_COUNT_OF(levels); i++) {
        if (tote__env_is_word(text, strlen(text), levels[i].name)) {
            *level = levels[i].level;
            return true;
        }
    }
    if (text) {
        tote__diagnose_each(
            TOTE_LEVEL_WARN, "OTEL_LOG_LEVEL",
            "unknown level '%s' is ignored; known are none, error, warn, info, debug and trace",
            text);
    }
    return false;
}

void tote__environment_set_log_level(void) {
    tote_level level;

    if (tote__environment_log_level(&level)) {
        tote__set_diagnostics_level(level);
    }
}

/* Parse a decimal number from 0 to 1. Blanks around it are ignored. */
static bool parse_ratio(const char *text, double *ratio) {
    size_t length = strlen(text);
    char copy[64];
    double parsed;

    tote__trim(&text, &length);
    if (length >= sizeof copy) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    if (!tote__parse_decimal(copy, &parsed) || !(parsed >= 0 && parsed <= 1)) {
        return false;
    }
    *ratio = parsed;
    return true;
}

/*
 * An invalid ratio is reported, and all traces are sampled. Spec: configuration/common.md#numeric
 */
static void read_ratio(struct tote__configuration *result) {
    const char *text = tote__env("OTEL_TRACES_SAMPLER_ARG");

    if (text && !parse_ratio(text, &result->sampler_ratio)) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_SAMPLER_ARG",
                            "'%s' is not a number from 0 to 1: all traces are sampled", text);
    }
}

static void report_unknown_sampler(const char *text, const char *used) {
    size_t length = strlen(text);

    if (tote__env_is_word(text, length, "jaeger_remote") ||
        tote__env_is_word(text, length, "parentbased_jaeger_remote")) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_SAMPLER",
                            "'%s' is ignored, %s is used: the rates of a Jaeger server are "
                            "not fetched; set the rate here by parentbased_probability",
                            text, used);
        return;
    }
    tote__diagnose_each(
        TOTE_LEVEL_WARN, "OTEL_TRACES_SAMPLER",
        "unknown sampler '%s' is ignored, %s is used; known are always_on, always_off, "
        "probability, traceidratio, and each of them with the prefix parentbased_",
        text, used);
}

void tote__environment_sampler(struct tote__configuration *result) {
    static const struct {
        const char *name;
        bool has_ratio;
    } samplers[] = {{"parentbased_always_on", false},
                    {"parentbased_always_off", false},
                    {"always_on", false},
                    {"always_off", false},
                    {"probability", true},
                    {"parentbased_probability", true},
                    {"traceidratio", true},
                    {"parentbased_traceidratio", true}};
    const char *text = tote__env("OTEL_TRACES_SAMPLER");

    result->sampler = samplers[0].name;
    result->sampler_ratio = 1;
    for (size_t i = 0; text && i < TOTE_COUNT_OF(samplers); i++) {
        if (tote__env_is_word(text, strlen(text), samplers[i].name)) {
            result->sampler = samplers[i].name;
            if (samplers[i].has_ratio) {
                read_ratio(result);
            }
            return;
        }
    }
    if (text) {
        report_unknown_sampler(text, result->sampler);
    }
}

static bool has_exporter(const struct tote__configuration *result, const char *name) {
    bool is_found = false;

    for (size_t i = 0; i < result->exporter_count && !is_found; i++) {
        is_found = strcmp(result->exporters[i], name) == 0;
    }
    return is_found;
}

static void add_exporter(struct tote__configuration *result, const char *name) {
    if (!has_exporter(result, name)) {
        result->exporters[result->exporter_count++] = name;
    }
}

/* Returns false, with a warning, if this build has no such exporter. */
static bool take_exporter(struct tote__configuration *result, const char *name, size_t length) {
    static const struct {
        const char *name;
        const char *missing; /* why this build does not have it; NULL: it has */
    } exporters[TOTE__MOST_EXPORTERS] = {
        {"otlp", NULL},
        {"otlp/stdout", TOTE_HAS_JSON ? NULL : TOTE__LEFT_OUT("JSON", "TOTE_WITH_JSON")},
        {"console",
         TOTE_HAS_CONSOLE ? NULL : TOTE__LEFT_OUT("console exporter", "TOTE_WITH_CONSOLE")},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(exporters); i++) {
        if (!tote__env_is_word(name, length, exporters[i].name)) {
            continue;
        }
        if (exporters[i].missing) {
            tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_EXPORTER", "'%s' is ignored: %s",
                                exporters[i].name, exporters[i].missing);
            return false;
        }
        add_exporter(result, exporters[i].name);
        return true;
    }
    tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_EXPORTER",
                        "unknown exporter '%.*s' is ignored; known are otlp, otlp/stdout, "
                        "console and none; "
                        "a component of the program must be named in a configuration file",
                        (int)tote__min(length, 256), name);
    return false;
}

/*
 * Report variables of the Zipkin exporter. The specification has deprecated it. Spec:
 * configuration/sdk-environment-variables.md#zipkin-exporter
 */
static void report_zipkin(void) {
    const char *name = tote__env("OTEL_EXPORTER_ZIPKIN_ENDPOINT")  ? "OTEL_EXPORTER_ZIPKIN_ENDPOINT"
                       : tote__env("OTEL_EXPORTER_ZIPKIN_TIMEOUT") ? "OTEL_EXPORTER_ZIPKIN_TIMEOUT"
                                                                   : NULL;

    if (name) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, name,
                                "is ignored: there is no Zipkin exporter; export OTLP to an "
                                "OpenTelemetry Collector, which can export to Zipkin");
    }
}

static void report_unused_disk_queue(void) {
    const char *name = tote__env("OTEL_C_DISK_QUEUE_DIRECTORY") ? "OTEL_C_DISK_QUEUE_DIRECTORY"
                       : tote__env("OTEL_C_CRASH_SAFE")         ? "OTEL_C_CRASH_SAFE"
                                                                : NULL;

    if (name) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, name,
                                "is ignored: it needs the exporter otlp in OTEL_TRACES_EXPORTER");
    }
}

/*
 * Unknown names are ignored; if no known one is left, the default applies. Spec:
 * configuration/common.md#enum
 */
void tote__environment_exporters(struct tote__configuration *result) {
    const char *text = tote__env("OTEL_TRACES_EXPORTER");
    bool has_unknown = false;
    bool is_none = false;

    report_zipkin();
    for (const char *next = text; next;) {
        const char *comma = strchr(next, ',');
        const char *name = next;
        size_t length = comma ? (size_t)(comma - next) : strlen(next);
        next = comma ? comma + 1 : NULL;
        tote__trim(&name, &length);
        is_none |= tote__env_is_word(name, length, "none");
        if (length && !tote__env_is_word(name, length, "none") &&
            !take_exporter(result, name, length)) {
            has_unknown = true;
        }
    }
    if (has_unknown && !is_none && !result->exporter_count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_EXPORTER",
                            "'%.*s' names no known exporter: the default otlp is used",
                            (int)tote__min(strlen(text), 256), text);
    }
    if (text && !has_unknown && !is_none && !result->exporter_count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_EXPORTER",
                            "'%.*s' names no exporter: the default otlp is used",
                            (int)tote__min(strlen(text), 256), text);
    }
    if (is_none && result->exporter_count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_TRACES_EXPORTER",
                            "'none' is ignored in a list with other exporters: '%s'", text);
    }
    if (!is_none && !result->exporter_count) {
        add_exporter(result, "otlp");
    }
    if (result->exporter_count && !has_exporter(result, "otlp")) {
        report_unused_disk_queue();
    }
}

/* A list without names counts as unset, but is reported. */
const char *tote__environment_propagators(void) {
    static const char usual[] = "tracecontext,baggage";
    const char *text = tote__env("OTEL_PROPAGATORS");

    if (text && !text[strspn(text, ", \t\r\n")]) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_PROPAGATORS",
                            "'%.*s' names no propagator: the default %s is used; to send and read "
                            "no headers, set it to none",
                            (int)tote__min(strlen(text), 256), text, usual);
        text = NULL;
    }
    return text ? text : usual;
}

/* Spec: configuration/sdk-environment-variables.md#exporter-selection */
bool tote__environment_sends_metrics(void) {
    const char *text = tote__env("OTEL_METRICS_EXPORTER");
    bool sends = text && tote__env_is_word(text, strlen(text), "otlp");

    if (text && !sends && !tote__env_is_word(text, strlen(text), "none")) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "OTEL_METRICS_EXPORTER",
                            "'%.*s' is ignored, no metrics are sent; known are otlp and none",
                            (int)tote__min(strlen(text), 256), text);
    }
    return sends;
}

uint32_t tote__environment_number(const char *name, const char *general, uint32_t least,
                                  uint32_t fallback) {
    uint64_t number = fallback;

    if ((!name || !tote__env_number(name, least, INT32_MAX, &number)) && general) {
        tote__env_number(general, least, INT32_MAX, &number);
    }
    return (uint32_t)number;
}
