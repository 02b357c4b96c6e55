/* SPDX-License-Identifier: MIT */
/**
 * @file tote/environment.h Environment variables as a carrier: a trace that goes on in child
 * processes, shell scripts and cron jobs.
 * Spec: context/env-carriers.md
 *
 * The header `traceparent` is the variable TRACEPARENT: a name is in upper case, with `_` for what
 * is no letter or digit, and begins with `_` rather than a digit. Read them once, as the program
 * starts; write them into the environment of one child, never into your own: setenv() is not safe
 * while other threads read. Every program that the child starts can see them, and so can whoever
 * may look at its environment: put nothing secret in the store's entries that propagate.
 *
 * Threads: any, but the process's own environment is read, which nobody may change meanwhile.
 */
#ifndef TOTE_ENVIRONMENT_H
#define TOTE_ENVIRONMENT_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/**
 * What `environment` (NULL: the process's own) says, over `context`, as tote_extract(). It ends
 * with a NULL.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_extract_environment(const tote_context *context,
                                                              char *const *environment);

/**
 * The environment of a child: `base` (NULL: the process's own), in which what is injected takes the
 * place of older variables. Writes pointers to `variables`, ended by a NULL, and new text to
 * `buffer`; so both must live until posix_spawn() or execve() has been called, and `base` too.
 * Nothing is allocated; call it before fork(), not after. TOTE_INJECT_BUFFER_BYTES and 16 variables
 * more than `base` has are always enough for the propagators that come with Tote but Jaeger and OT
 * trace, which write a variable for each entry. What does not fit is left out whole, with a
 * diagnostic.
 * Returns: how many variables there are; 0, and an empty environment, when not even `base` and the
 * NULL fit.
 */
TOTE_API size_t tote_inject_environment(const tote_context *context, char *const *base,
                                        char **variables, size_t capacity, char *buffer,
                                        size_t size);

/**
 * The same as a carrier, for propagators of your choice. Names that are not as above are not seen.
 */
typedef struct tote_environment {
    char **variables; /**< ended by a NULL */
    size_t count;     /**< how many there are, without the NULL; a getter does not look at it */
    size_t capacity;  /**< how many there is room for, with the NULL */
    char *buffer;     /**< moves on as it is used */
    size_t size;      /**< how much of it is left */
} tote_environment;

TOTE_API const tote_text_map_getter *tote_environment_getter(void);
TOTE_API const tote_text_map_setter *tote_environment_setter(void);

TOTE_END_DECLS

#define TOTE__OFF_ENVIRONMENT
#include "tote/disabled.h"

#endif
