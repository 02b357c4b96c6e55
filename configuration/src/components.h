/* SPDX-License-Identifier: MIT */
/*
 * components.h - the components of the program that a configuration file can name
 *
 * Threads: thread-safe. Registered components are never removed.
 */
#ifndef TOTE_CONFIGURATION_COMPONENTS_H
#define TOTE_CONFIGURATION_COMPONENTS_H

#include "tote/configuration.h"

enum tote__component_kind {
    TOTE__COMPONENT_EXPORTER,
    TOTE__COMPONENT_SAMPLER,
    TOTE__COMPONENT_PROCESSOR,
    TOTE__COMPONENT_PROPAGATOR,
    TOTE__COMPONENT_RESOURCE_DETECTOR,
    TOTE__COMPONENT_ID_GENERATOR,
    TOTE__COMPONENT_KINDS
};

enum { TOTE__NAMES_BYTES = 512 }; /* for all built-in names of a kind */

/* Return what diagnostics call a component of this kind. */
const char *tote__component_kind_name(enum tote__component_kind kind);

bool tote__component_is_registered(enum tote__component_kind kind, const char *name);

/* Call the program's function. Returns NULL if it does, or if the name is not registered. */
void *tote__component_create(enum tote__component_kind kind, const char *name,
                             const tote_configuration_node *properties);

/*
 * Return the built-in or registered name that a misspelled name resembles, or NULL. The result may
 * be in the buffer.
 */
const char *tote__component_nearest(enum tote__component_kind kind, const char *name,
                                    char buffer[TOTE__NAMES_BYTES]);

/* Write the built-in and the registered names, separated by commas, like snprintf(). */
void tote__component_list(enum tote__component_kind kind, char *text, size_t size);

#endif
