/* SPDX-License-Identifier: MIT */
/*
 * variables.h - the variables that carry a context: in the environment, in a file, for a shell
 *
 * Spec: context/env-carriers.md
 */
#ifndef TOTE_CLI_VARIABLES_H
#define TOTE_CLI_VARIABLES_H

#include <stddef.h>
#include <stdio.h>

#include "tote/environment.h"

enum { VARIABLES_MOST = 64 };

/* Variables as "NAME=VALUE", ended by NULL. */
struct variables {
    char *items[VARIABLES_MOST + 1];
    size_t count;
    char *text; /* owned memory of the items; NULL: none is owned */
};

void variables_clear(struct variables *variables);

/* Return the value of a variable, or NULL. */
const char *variables_get(const struct variables *variables, const char *name);

/* Replace or add a variable. Borrows the text. More than VARIABLES_MOST are left out. */
void variables_set(struct variables *variables, char *item);

/*
 * Read a file with a line NAME=VALUE for each variable, as variables_write() writes it. Lines may
 * begin with "export ". A missing file has no variables. Returns false with errno set.
 */
bool variables_read(struct variables *variables, const char *path);

/* Replace a file in one step. Returns false with errno set. */
bool variables_write(const struct variables *variables, const char *path);

/*
 * Set the variables of a context by the global propagator. Those that it does not need get no
 * value: variables_get() is NULL, and variables_print() unsets them. The text is owned. Returns
 * false if out of memory.
 */
bool variables_of_context(struct variables *variables, const tote_context *context);

/* Call the function for the name of each variable of the global propagator. */
void variables_each_name(void (*function)(void *arg, const char *name), void *arg);

/*
 * Write "NAME=VALUE" lines that a shell can read, quoted if that is needed. With `is_export` they
 * begin with "export ", and variables of the environment that have no value here are unset.
 */
void variables_print(const struct variables *variables, FILE *out, bool is_export);

#endif
