/* SPDX-License-Identifier: MIT */
/*
 * create.h - from a configuration file to the options of an SDK
 *
 * A file sets what the program has not set in its options; then the SDK starts as without a file.
 * Errors are reported at their position, all of them, and nothing is started if there is one. Spec:
 * configuration/sdk.md#create
 */
#ifndef TOTE_CONFIGURATION_CREATE_H
#define TOTE_CONFIGURATION_CREATE_H

#include "components.h"
#include "configuration.h"
#include "file/file.h"
#include "settings.h"
#include "tote/internal/memory.h"

struct tote__creation {
    const char *missing;           /* the path of a mapping that is missing, to show its defaults */
    struct tote__arena memory;     /* of all texts and arrays, until the SDK is started */
    const tote_sdk_options *given; /* the program's */
    const tote_configuration_node *own_node; /* `distribution: tote:`, or NULL */
    struct tote__own_settings own;
    struct tote__file problems; /* with the name of the file; reported together at the end */
    unsigned errors;
    size_t otlp_count; /* OTLP exporters so far */

    /* What the file sets besides options. */
    bool is_disabled;
    struct tote__texts included; /* patterns of detected attributes */
    struct tote__texts excluded;
    const char *detected_service_name; /* OTEL_SERVICE_NAME, if the detector `service` is used */

    tote_tracer_configurator configurator;
    tote_span_limits limits;
};

/*
 * Fill the fields of `options` that the program has not set. Returns false, with diagnostics, and
 * leaves `options` unchanged, if the file has an error. What is pointed to is valid until the
 * creation is cleared.
 */
bool tote__create(const tote_configuration *file, struct tote__creation *creation,
                  tote_sdk_options *options);
void tote__creation_clear(struct tote__creation *creation);

/* Report at a node at the end. */
void tote__create_report(struct tote__creation *creation, tote_level level,
                         const tote_configuration_node *node, const char *format, ...)
    TOTE_PRINTF(4, 5);

/* Report a component that is not known at its name, and count the error. */
void tote__create_unknown(struct tote__creation *creation, const tote_configuration_node *node,
                          enum tote__component_kind kind, const char *name);

/* The same with what diagnostics call the kind, the nearest name or NULL, and the known names. */
void tote__create_unknown_name(struct tote__creation *creation, const tote_configuration_node *node,
                               const char *kind, const char *name, const char *nearest,
                               const char *names);

/* Call the function of the program. What it reports is reported at the end. */
void *tote__create_registered(struct tote__creation *creation, enum tote__component_kind kind,
                              const char *name, const tote_configuration_node *properties);

/* Report an error at a node, and count it. */
void tote__create_error(struct tote__creation *creation, const tote_configuration_node *node,
                        const char *format, ...) TOTE_PRINTF(3, 4);

/* Allocate from the memory of the creation. Returns NULL, with a counted error, on failure. */
void *tote__create_memory(struct tote__creation *creation, size_t size);

/* Return the node of a key, NULL if it is missing or null. */
const tote_configuration_node *tote__read_node(const tote_configuration_node *parent,
                                               const char *key);

/*
 * Readers of a key. A key that is missing or null has its default, whose shown form is `fallback`.
 * The types are validated already, except below `distribution`.
 */
const char *tote__read_text(struct tote__creation *creation, const tote_configuration_node *parent,
                            const char *key, enum tote__setting_kind kind, const char *fallback);
bool tote__read_bool(struct tote__creation *creation, const tote_configuration_node *parent,
                     const char *key, bool fallback);
double tote__read_ratio(struct tote__creation *creation, const tote_configuration_node *parent);
struct tote__texts tote__read_texts(struct tote__creation *creation,
                                    const tote_configuration_node *parent, const char *key);

/*
 * Read a number as an option of tote/sdk.h: 0 if it is missing, `zero` if it is 0, and
 * TOTE_OPTION_UNLIMITED if it is too large for an option.
 */
uint32_t tote__read_option(struct tote__creation *creation, const tote_configuration_node *parent,
                           const char *key, uint32_t zero, const char *fallback);

/* Read a table of options into a struct. */
struct tote__option {
    const char *key;
    size_t field; /* of type uint32_t */
    uint32_t zero;
    const char *fallback;
};
void tote__read_options(struct tote__creation *creation, const tote_configuration_node *parent,
                        const struct tote__option *table, size_t count, void *options);

/* Observe a setting of a key that no reader reads. */
void tote__note(const struct tote__creation *creation, const tote_configuration_node *node,
                const char *value);

/* Observe the default of a mapping that is missing. */
void tote__note_default(const char *path, const char *value);

/*
 * Create the component that a mapping with one key names. The table has the built-in ones and ends
 * with a NULL name. Returns NULL, with a counted error, on failure.
 */
struct tote__builder {
    const char *name;
    void *(*make)(struct tote__creation *creation, const tote_configuration_node *properties);
};
void *tote__create_component(struct tote__creation *creation, enum tote__component_kind kind,
                             const struct tote__builder *table,
                             const tote_configuration_node *mapping);

/* The parts of a file. `node` may be NULL. */
tote_sampler *tote__create_sampler(struct tote__creation *creation,
                                   const tote_configuration_node *node);
void tote__create_resource(struct tote__creation *creation, const tote_configuration_node *node,
                           tote_sdk_options *options);
void tote__create_processors(struct tote__creation *creation, const tote_configuration_node *node,
                             tote_sdk_options *options);

/* Read `distribution: tote:`. */
void tote__create_own(struct tote__creation *creation, const tote_configuration_node *node);

#endif
