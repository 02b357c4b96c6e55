/* SPDX-License-Identifier: MIT */
/**
 * @file tote/configuration.h
 * Configuration files: parse a YAML file and read the values in it. docs/configuration-file.md
 * describes the format. Spec: configuration/data-model.md, configuration/sdk.md#parse
 *
 * Threads:  thread-safe. A configuration is immutable.
 * Lifetime: nodes and texts are borrowed from their configuration.
 * Blocking: only to read a regular file.
 * Memory:   libyaml allocates with malloc() while a file is parsed; all else uses tote/allocator.h.
 */
#ifndef TOTE_CONFIGURATION_H
#define TOTE_CONFIGURATION_H

#include "tote/propagator.h"
#include "tote/sdk.h"

TOTE_BEGIN_DECLS

typedef struct tote_resource_detector tote_resource_detector; /**< tote/sdk/resource.h */

/** A parsed, substituted and validated file. Reference-counted. */
typedef struct tote_configuration tote_configuration;

/** A value in a configuration, and its position in the file. */
typedef struct tote_configuration_node tote_configuration_node;

/** The types of nodes. */
typedef enum tote_configuration_type {
    TOTE_CONFIGURATION_TYPE_MISSING, /**< There is no such key: the node is NULL */
    TOTE_CONFIGURATION_TYPE_NULL,    /**< The key exists without a value, or with `null` or `~` */
    TOTE_CONFIGURATION_TYPE_BOOL,
    TOTE_CONFIGURATION_TYPE_INT,
    TOTE_CONFIGURATION_TYPE_DOUBLE,
    TOTE_CONFIGURATION_TYPE_STRING,
    TOTE_CONFIGURATION_TYPE_SEQUENCE,
    TOTE_CONFIGURATION_TYPE_MAPPING
} tote_configuration_type;

/** A problem in a file. Texts are valid during the call of the handler. */
typedef struct tote_configuration_problem {
    size_t struct_size;
    uint32_t level;      /**< TOTE_LEVEL_ERROR: the file is refused. TOTE_LEVEL_WARN: it is not */
    uint32_t line;       /**< From 1; 0: the problem is the file as a whole */
    uint32_t column;     /**< In code points, from 1; 0: the problem is the file as a whole */
    const char *file;    /**< The path, or the name in the options */
    const char *path;    /**< For example "tracer_provider.processors[0].batch"; "": the root */
    const char *message; /**< What is wrong, and what would be right */
} tote_configuration_problem;

/** Options of parsing: the name of the file, and where problems are reported. */
typedef struct tote_configuration_options {
    size_t struct_size;
    const char *name; /**< Of the file, in reports. Default: its path, or "configuration" */
    /**
     * Receives each problem, in the order of the file, before the call returns. NULL: problems are
     * diagnostics of the component "configuration"
     */
    void (*report)(const tote_configuration_problem *problem, void *user_data);
    void *user_data;
} tote_configuration_options;

#define TOTE_CONFIGURATION_OPTIONS_INIT                                                            \
    { sizeof(tote_configuration_options), NULL, NULL, NULL }

/**
 * Parse a file: read YAML, substitute environment variables, and validate against the schema.
 * `path` must be a regular file of at most 1 MiB. All errors of a file are reported at once.
 * Returns NULL if there is an error. Without libyaml (TOTE_WITH_YAML=OFF) the result is always an
 * error. Spec: configuration/sdk.md#parse
 */
TOTE_API TOTE_MUST_USE tote_configuration *
tote_configuration_parse_file(const char *path, const tote_configuration_options *options);

/** Parse a text like tote_configuration_parse_file(). */
TOTE_API TOTE_MUST_USE tote_configuration *
tote_configuration_parse(const char *text, size_t length,
                         const tote_configuration_options *options);

/** Add a reference. Returns `configuration`. */
TOTE_API tote_configuration *tote_configuration_ref(tote_configuration *configuration);

/** Drop a reference. The last one frees the configuration and all its nodes. */
TOTE_API void tote_configuration_unref(tote_configuration *configuration);

/** Return the root, a mapping. */
TOTE_API const tote_configuration_node *
tote_configuration_get_root(const tote_configuration *configuration);

/** Return the type of a node. NULL is MISSING. Spec: configuration/sdk.md#parse */
TOTE_API tote_configuration_type
tote_configuration_node_get_type(const tote_configuration_node *node);

/** Return the value of a key. Returns NULL if the key is missing or the node is not a mapping. */
TOTE_API const tote_configuration_node *
tote_configuration_node_get(const tote_configuration_node *mapping, const char *key);

/** Return the number of values in a sequence or mapping; 0 for any other node. */
TOTE_API size_t tote_configuration_node_get_count(const tote_configuration_node *node);

/** Return a value of a sequence or mapping, in the order of the file. NULL past the end. */
TOTE_API const tote_configuration_node *
tote_configuration_node_get_at(const tote_configuration_node *node, size_t index);

/** Return the key of a value in a mapping; NULL for any other node. */
TOTE_API const char *tote_configuration_node_get_key(const tote_configuration_node *node);

/**
 * Read a value. These functions return false, and leave `value` unchanged, if the node is NULL,
 * null, or of another type. An integer can be read as a double, and a double without a fraction as
 * an integer, if that loses nothing.
 */
TOTE_API bool tote_configuration_node_read_bool(const tote_configuration_node *node, bool *value);
TOTE_API bool tote_configuration_node_read_int(const tote_configuration_node *node, int64_t *value);
TOTE_API bool tote_configuration_node_read_double(const tote_configuration_node *node,
                                                  double *value);
TOTE_API bool tote_configuration_node_read_string(const tote_configuration_node *node,
                                                  const char **value);

/** Return the position of a node in its file, from 1; 0 for NULL. */
TOTE_API uint32_t tote_configuration_node_get_line(const tote_configuration_node *node);
TOTE_API uint32_t tote_configuration_node_get_column(const tote_configuration_node *node);

/**
 * Write the path of a node, for example "tracer_provider.processors[0].batch", like snprintf().
 * Returns the length of the whole text. The path of the root is "".
 */
TOTE_API size_t tote_configuration_node_get_path(const tote_configuration_node *node, char *buffer,
                                                 size_t size);

/**
 * Report a problem at a node, for code that creates objects from a configuration. Takes a printf()
 * format. `level` is a tote_level. `options` select the handler, as in tote_configuration_parse().
 * The message is cut at 1,023 bytes.
 */
TOTE_API void tote_configuration_node_report(const tote_configuration_node *node, uint32_t level,
                                             const tote_configuration_options *options,
                                             const char *format, ...) TOTE_PRINTF(4, 5);

/**
 * Components of the program, which a file names: a key that is not built in, with the properties of
 * the component as its value. Spec: configuration/sdk.md#register-plugincomponentprovider
 *
 * A constructor is called by tote_sdk_start(), on its thread, once for each mention of the name in
 * the file. `properties` is borrowed for the call; a null value has the type
 * TOTE_CONFIGURATION_TYPE_NULL. A propagator of `composite_list` has NULL. Report an error by
 * tote_configuration_node_report() at the property, and return NULL: then no SDK is started. The
 * result becomes the SDK's, which releases it.
 *
 * Call the register functions before the start. A name is registered in the whole process, and
 * permanently: `name` is copied, `create` and `self` must stay valid until the process ends. Names
 * are case-sensitive. Returns TOTE_RESULT_FAILURE, with a diagnostic, if the name is built in or
 * registered already, if an argument is missing, or if out of memory.
 */
typedef tote_span_exporter *(*tote_configuration_exporter_constructor)(
    void *self, const tote_configuration_node *properties);
typedef tote_sampler *(*tote_configuration_sampler_constructor)(
    void *self, const tote_configuration_node *properties);
typedef tote_span_processor *(*tote_configuration_processor_constructor)(
    void *self, const tote_configuration_node *properties);
typedef tote_propagator *(*tote_configuration_propagator_constructor)(
    void *self, const tote_configuration_node *properties);
typedef tote_id_generator *(*tote_configuration_id_generator_constructor)(
    void *self, const tote_configuration_node *properties);

/** Creates a resource detector. Its name must be the registered one. */
typedef tote_resource_detector *(*tote_configuration_resource_detector_constructor)(
    void *self, const tote_configuration_node *properties);

/** Register the constructor of a component under a name. */
TOTE_API tote_result tote_configuration_register_exporter(
    const char *name, tote_configuration_exporter_constructor create, void *self);
TOTE_API tote_result tote_configuration_register_sampler(
    const char *name, tote_configuration_sampler_constructor create, void *self);
TOTE_API tote_result tote_configuration_register_processor(
    const char *name, tote_configuration_processor_constructor create, void *self);
TOTE_API tote_result tote_configuration_register_resource_detector(
    const char *name, tote_configuration_resource_detector_constructor create, void *self);
TOTE_API tote_result tote_configuration_register_id_generator(
    const char *name, tote_configuration_id_generator_constructor create, void *self);

/**
 * Register the constructor of a propagator. It precedes a name of tote_propagator_register(), which
 * a file can use, too.
 */
TOTE_API tote_result tote_configuration_register_propagator(
    const char *name, tote_configuration_propagator_constructor create, void *self);

TOTE_END_DECLS

#define TOTE__OFF_CONFIGURATION
#include "tote/disabled.h"

#endif
