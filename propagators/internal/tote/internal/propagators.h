/* SPDX-License-Identifier: MIT */
/*
 * propagators.h - propagators by name, for configuration
 */
#ifndef TOTE_INTERNAL_PROPAGATORS_H
#define TOTE_INTERNAL_PROPAGATORS_H

#include "tote/propagators.h"

/* As tote_propagator_from_names(), with the component of its diagnostics. */
tote_propagator *tote__propagator_from_names(const char *component, const char *names);

/* As tote_propagator_allowed_hosts_new(), with the hosts in a list with commas. */
tote_propagator *tote__propagator_allow_hosts(const char *component, tote_propagator *inner,
                                              const char *list);

#endif
