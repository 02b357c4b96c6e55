/* SPDX-License-Identifier: MIT */
/*
 * file.h - the parts of the configuration file reader
 *
 * parse.c reads the text, yaml.c builds the tree, substitute.c and scalar.c give each scalar its
 * text and its type, validate.c compares the tree with the tables of schema.c. Each step reports
 * all problems that it finds to a struct tote__file, which problems.c passes on at the end.
 */
#ifndef TOTE_CONFIGURATION_FILE_H
#define TOTE_CONFIGURATION_FILE_H

#include <stdarg.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

/* Limits of a file. They bound memory and time for any input. */
enum {
    TOTE__MOST_FILE_BYTES = 1 << 20, /* of the file, and of the text after substitution */
    TOTE__MOST_DEPTH = 64,           /* of nested sequences and mappings */
    TOTE__MOST_NODES = 10000,        /* each expanded alias counts with all its nodes */
    TOTE__MOST_ALIASES = 1000,
    TOTE__MOST_PROBLEMS = 100, /* more are only counted */
    TOTE__PROBLEM_BYTES = 1024
};

struct tote_configuration_node {
    const tote_configuration_node *parent; /* NULL: the root */
    tote_configuration_node *next;         /* in `parent` */
    const char *key;                       /* NULL in a sequence and for the root */
    size_t index;                          /* in `parent` */
    uint32_t line;
    uint32_t column;
    uint32_t key_line; /* 0 without a key */
    uint32_t key_column;
    const char *variable; /* if the value is one reference: its name; NULL: it is not */
    tote_configuration_type type;
    union {
        bool boolean;
        int64_t integer;
        double number;
        struct {
            const char *at;
            size_t length;
        } text;
        struct {
            tote_configuration_node *first;
            tote_configuration_node *last;
            const tote_configuration_node **at; /* in order; NULL until the node is complete */
            size_t count;
        } children;
    } as;
};

struct tote_configuration {
    tote_configuration_node root; /* the first member: a root leads to its configuration */
    _Atomic(uint32_t) references;
    struct tote__arena memory;
    const char *name;
};

struct tote__problem;

/* The problems of a file so far. */
struct tote__file {
    const char *name;
    struct tote__arena memory;
    struct tote__problem *problems; /* by line and column */
    size_t problem_count;           /* all, also those that are not in the list */
    bool is_refused;                /* one is an error */
    bool is_out_of_memory;
};

/* Report a problem at a position. `path` may be NULL for the file as a whole. */
void tote__file_problem(struct tote__file *file, tote_level level, uint32_t line, uint32_t column,
                        const char *path, const char *format, ...) TOTE_PRINTF(6, 7);

/* Set the line and column of an offset in the text. */
void tote__file_position(const char *text, size_t offset, uint32_t *line, uint32_t *column);

/* Report a problem at the value, or the key, of a node. NULL: at the file as a whole. */
void tote__file_node_problem(struct tote__file *file, tote_level level,
                             const tote_configuration_node *node, bool is_at_key,
                             const char *format, va_list arguments);
void tote__file_error(struct tote__file *file, const tote_configuration_node *node,
                      const char *format, ...) TOTE_PRINTF(3, 4);
void tote__file_key_problem(struct tote__file *file, tote_level level,
                            const tote_configuration_node *node, const char *format, ...)
    TOTE_PRINTF(4, 5);

/*
 * Collect the node reports of this thread that have no handler of their own, too. NULL: pass them
 * on at once.
 */
void tote__file_collect(struct tote__file *file);

/* Pass all problems to the handler, in order, and free them. */
void tote__file_report(struct tote__file *file, const tote_configuration_options *options);

/*
 * Return the entry of `names` that the misspelled `name` resembles, or NULL. `stride` is the size
 * of an entry, whose first member is the name. The last name is NULL.
 */
const char *tote__nearest_name(const char *name, const void *names, size_t stride);

/*
 * Build the tree of the text, which is valid UTF-8, into the configuration. Returns whether the
 * tree is complete and its root is a mapping.
 */
bool tote__yaml_read(const char *text, size_t length, tote_configuration *configuration,
                     struct tote__file *file);

/*
 * Replace the references to environment variables. Returns false, and sets `malformed`, if a
 * reference is malformed. Spec: configuration/data-model.md#environment-variable-substitution
 */
bool tote__substitute(const char *text, size_t length, struct tote__writer *out,
                      struct tote__part *malformed);

/* Return the name of the variable if the text is exactly one reference; an empty part otherwise. */
struct tote__part tote__reference_name(const char *text, size_t length);

/*
 * Set type and value of a node from a plain scalar, which ends with NUL. Spec: YAML 1.2.2 section
 * 10.3.2
 */
void tote__scalar_resolve(tote_configuration_node *node, const char *text, size_t length);

struct tote__schema;

/* Compare a node with a schema. */
void tote__validate_node(const tote_configuration_node *node, const struct tote__schema *schema,
                         struct tote__file *file);

/* Compare the tree with the schema. Properties of components of the program are not validated. */
void tote__validate(const tote_configuration_node *root, struct tote__file *file);

#endif
