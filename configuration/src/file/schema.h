/* SPDX-License-Identifier: MIT */
/*
 * schema.h - the form of the tables that describe which values a configuration file may have
 */
#ifndef TOTE_CONFIGURATION_SCHEMA_H
#define TOTE_CONFIGURATION_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>

/* A set of types of values. */
enum {
    TOTE__OR_NULL = 1 << 0,
    TOTE__IS_BOOL = 1 << 1,
    TOTE__IS_INTEGER = 1 << 2, /* also a double without a fraction */
    TOTE__IS_NUMBER = 1 << 3,
    TOTE__IS_STRING = 1 << 4,
    TOTE__IS_SEQUENCE = 1 << 5,
    TOTE__IS_MAPPING = 1 << 6
};

struct tote__schema_key {
    const char *name;
    const struct tote__schema *schema;
    bool is_required;
};

/* The rules for one value. Members that do not concern its types are 0. */
struct tote__schema {
    unsigned types;
    double least; /* bounds of a number */
    double most;
    const char *const *names; /* of a string; ends with NULL; NULL: any */

    const struct tote__schema *items; /* of a sequence */
    size_t least_count;               /* of items or keys */
    bool is_uniform;                  /* all items have one type */

    const struct tote__schema_key *keys; /* of a mapping; ends with a NULL name */
    const struct tote__schema *others;   /* of further keys; NULL: there must be none */
    bool is_choice;                      /* there is exactly one key */
    bool warns_of_others;                /* further keys have no effect */
};

/* The root of a file. */
extern const struct tote__schema tote__file_schema;

#endif
