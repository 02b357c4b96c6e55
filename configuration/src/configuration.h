/* SPDX-License-Identifier: MIT */
/*
 * configuration.h - the resolved configuration of an SDK
 *
 * Resolving only reports diagnostics: tote_sdk_start() resolves first and creates objects
 * afterwards.
 */
#ifndef TOTE_CONFIGURATION_CONFIGURATION_H
#define TOTE_CONFIGURATION_CONFIGURATION_H

#include "tote/internal/sdk.h"
#include "tote/internal/text.h"
#include "tote/start.h"

enum { TOTE__MOST_EXPORTERS = 3 };

/* The resolved configuration. Pointers are borrowed from the options and the environment. */
struct tote__configuration {
    bool reads_environment;
    bool is_disabled;
    bool is_global;
    bool has_process_context;

    const char *service_name;                    /* from the options, or NULL */
    const char *environment_service_name;        /* OTEL_SERVICE_NAME, or NULL */
    const char *environment_resource_attributes; /* OTEL_RESOURCE_ATTRIBUTES, not parsed, or NULL */
    const char *resource_detectors;              /* NULL: all */
    bool with_entities;                          /* OTEL_EXPERIMENTAL_ENTITIES_ENABLED */
    const char *environment_entities;            /* OTEL_ENTITIES, not parsed, or NULL */

    const char
        *sampler; /* a name of OTEL_TRACES_SAMPLER in lower case; NULL: the program's sampler */
    double sampler_ratio;              /* 1 if the sampler has none */
    const char *propagators;           /* list of names; NULL: the program's propagator */
    const char *allowed_hosts;         /* of the propagators, hosts in a list; NULL: all */
    const struct tote__creation *file; /* NULL: none */
    tote_span_limits limits;           /* UINT32_MAX is no limit, 0 is 0 */

    tote_export_mode mode;
    struct tote__batch_settings batch;
    tote_thread_factory thread_factory;          /* functions NULL: POSIX threads */
    const char *exporters[TOTE__MOST_EXPORTERS]; /* names of OTEL_TRACES_EXPORTER; none if the
                                                    program exports */
    size_t exporter_count;
    struct tote__metric_source metrics; /* interval_ms 0: metrics are not sent */
};

struct tote__creation;

/*
 * Resolve all options. `options` is complete and of this version; with a file, the file has filled
 * it. `file` may be NULL.
 */
void tote__configuration_resolve(const tote_sdk_options *options, const struct tote__creation *file,
                                 struct tote__configuration *result);

/*
 * Return whether an exporter or a processor of the program exports. A processor that could not be
 * created counts, so that no exporter gets spans that it would have filtered.
 */
bool tote__options_export(const tote_sdk_options *options);

/* Resolve `mode` and `batch` of a result in which `reads_environment` is set. */
void tote__configuration_resolve_batch(const tote_batch_options *options,
                                       struct tote__configuration *result);

/*
 * Return the settings of an SDK, without processors. They own the sampler and the id generator of
 * the options.
 */
struct tote__sdk_settings tote__sdk_settings_of(const tote_sdk_options *options,
                                                const struct tote__configuration *configuration);

/*
 * Create a processor for an exporter. Takes ownership of the exporter, also on failure. Returns
 * NULL, with a diagnostic, on failure.
 */
tote_span_processor *tote__processor_make(tote_span_exporter *exporter,
                                          const struct tote__configuration *configuration,
                                          bool is_simple);

/* Read variables whose options are not set. Unusable values are reported and count as unset. */
bool tote__environment_log_level(tote_level *level);
void tote__environment_set_log_level(void);
void tote__environment_sampler(struct tote__configuration *result);
void tote__environment_exporters(struct tote__configuration *result);
const char *tote__environment_propagators(void);
bool tote__environment_sends_metrics(void);

/* Parse decimal digits with an optional sign, point and exponent, independent of the locale. */
bool tote__parse_decimal(const char *text, double *number);

/* Return the number of a variable, else of `general`, else `fallback`. Names may be NULL. */
uint32_t tote__environment_number(const char *name, const char *general, uint32_t least,
                                  uint32_t fallback);

/*
 * Parse a list `key=value,key=value` into the arena. Returns NULL, or what is wrong with an entry,
 * which is `entry`, and no attributes.
 */
const char *tote__parse_list(const char *text, struct tote__arena *arena,
                             tote_attribute **attributes, size_t *count, struct tote__part *entry);

/*
 * Parse OTEL_RESOURCE_ATTRIBUTES into the arena. Returns false and no attributes, with a
 * diagnostic, if any entry is malformed.
 */
bool tote__parse_resource_attributes(const char *text, struct tote__arena *arena,
                                     tote_attribute **attributes, size_t *count);

/*
 * Parse OTEL_ENTITIES. What cannot be used is reported and left out. Returns NULL if out of memory.
 */
tote_resource *tote__parse_entities(const char *text);

#endif
