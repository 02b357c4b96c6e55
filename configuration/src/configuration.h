/* SPDX-License-Identifier: MIT */
/*
 * configuration.h - what a start will do, before it does it
 *
 * Deciding has no effect but diagnostics: tote_sdk_start() resolves first, and makes afterwards.
 */
#ifndef TOTE_CONFIGURATION_CONFIGURATION_H
#define TOTE_CONFIGURATION_CONFIGURATION_H

#include "tote/internal/sdk.h"
#include "tote/start.h"

enum { TOTE__MOST_EXPORTERS = 3 };

/* Everything decided. What it points to is borrowed from the options and the environment. */
struct tote__configuration {
    bool reads_environment;
    bool is_disabled;
    bool is_global;

    const char *service_name;                    /* the program's; NULL when not given */
    const char *environment_service_name;        /* OTEL_SERVICE_NAME, or NULL */
    const char *environment_resource_attributes; /* OTEL_RESOURCE_ATTRIBUTES as it is, or NULL */
    const char *resource_detectors;              /* NULL: all */

    const char *sampler;       /* as in OTEL_TRACES_SAMPLER, lower case; NULL: the program's */
    double sampler_ratio;      /* 1 where the sampler has none */
    const char *propagators;   /* names in a list; NULL: the program's */
    const char *allowed_hosts; /* of the propagators, hosts in a list; NULL: all */
    tote_span_limits limits;   /* literal: UINT32_MAX is no limit, 0 is nothing */

    tote_export_mode mode;
    struct tote__batch_settings batch;
    tote_thread_factory thread_factory;          /* functions NULL: pthreads */
    const char *exporters[TOTE__MOST_EXPORTERS]; /* as OTEL_TRACES_EXPORTER has them; none when the
                                                    program's are used */
    size_t exporter_count;
};

/* `options` is of this version and complete. */
void tote__configuration_resolve(const tote_sdk_options *options,
                                 struct tote__configuration *result);

/* `mode` and `batch` of a result in which `reads_environment` is set. */
void tote__configuration_resolve_batch(const tote_batch_options *options,
                                       struct tote__configuration *result);

/* A processor of what was resolved. Takes the exporter, always; NULL on failure, with a diagnostic.
 */
tote_span_processor *tote__processor_make(tote_span_exporter *exporter,
                                          const struct tote__configuration *configuration,
                                          bool is_simple);

/*
 * The variables, one function for what each group of them decides: options have been looked at
 * before. What cannot be used is reported and counts as unset.
 */
bool tote__environment_log_level(tote_level *level);
void tote__environment_set_log_level(void);
void tote__environment_sampler(struct tote__configuration *result);
void tote__environment_exporters(struct tote__configuration *result);
const char *tote__environment_propagators(void);

/* A number of a variable, else of the next, else `fallback`; names may be NULL. */
uint32_t tote__environment_number(const char *name, const char *general, uint32_t least,
                                  uint32_t fallback);

/*
 * Read OTEL_RESOURCE_ATTRIBUTES. What the attributes point to is in the arena. Returns: false and
 * no attributes when anything in it is wrong, which is reported.
 */
bool tote__parse_resource_attributes(const char *text, struct tote__arena *arena,
                                     tote_attribute **attributes, size_t *count);

#endif
