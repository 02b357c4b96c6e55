/* SPDX-License-Identifier: MIT */
/**
 * @file tote/environment.h
 * Environment variables as a carrier: a trace continues in child processes, shell scripts and cron
 * jobs. Spec: context/env-carriers.md
 *
 * The header `traceparent` is the variable TRACEPARENT: names are in upper case, each character
 * that is not a letter or digit is `_`, and a name that starts with a digit gets a `_` in front.
 * Read the variables once, when the program starts. Write them to the environment of one child,
 * never to your own: setenv() is not thread-safe. Every descendant of the child, and every user
 * that may read its environment, can see them: do not put secrets into entries that propagate.
 *
 * Threads: thread-safe, if no thread changes the environment of the process meanwhile.
 */
#ifndef TOTE_ENVIRONMENT_H
#define TOTE_ENVIRONMENT_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/**
 * Extract from an environment that ends with NULL, like tote_extract(). NULL: the environment of
 * the process.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_extract_environment(const tote_context *context,
                                                              char *const *environment);

/**
 * Write the environment of a child: the variables of `base` (NULL: of the process), with injected
 * variables instead of older ones of the same names. `variables` receives pointers and a NULL at
 * the end, `buffer` the new text. `variables`, `buffer` and `base` must live until posix_spawn() or
 * execve() returns. Does not allocate memory. Call it before fork().
 *
 * TOTE_INJECT_BUFFER_BYTES, and a capacity of 17 more than the variables of `base`, are always
 * enough for the built-in propagators, except for Jaeger and OT trace, which write a variable for
 * each baggage entry. A variable that does not fit is left out, with a diagnostic. Returns the
 * number of variables. Returns 0, and an empty environment, if `base` does not fit.
 */
TOTE_API size_t tote_inject_environment(const tote_context *context, char *const *base,
                                        char **variables, size_t capacity, char *buffer,
                                        size_t size);

/**
 * An environment as a carrier, for tote_propagator_inject() and tote_propagator_extract(). Names
 * that are not in the form above are ignored. Frozen.
 */
typedef struct tote_environment {
    char **variables; /**< ends with NULL */
    size_t count;     /**< without the NULL; the getter does not read it */
    size_t capacity;  /**< with the NULL */
    char *buffer;     /**< where new text goes; moves on */
    size_t size;      /**< bytes left in `buffer` */
} tote_environment;

/** Return the functions for a carrier of the type tote_environment. Static. */
TOTE_API const tote_text_map_getter *tote_environment_getter(void);
TOTE_API const tote_text_map_setter *tote_environment_setter(void);

TOTE_END_DECLS

#define TOTE__OFF_ENVIRONMENT
#include "tote/disabled.h"

#endif
