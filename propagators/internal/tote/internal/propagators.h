/* SPDX-License-Identifier: MIT */
/*
 * propagators.h - propagators for configuration
 */
#ifndef TOTE_INTERNAL_PROPAGATORS_H
#define TOTE_INTERNAL_PROPAGATORS_H

#include "tote/propagator_ops.h"
#include "tote/propagators.h"

/* Return the constructor of a name, ignoring case. Returns NULL if the name is not known. */
tote_propagator_constructor tote__propagator_constructor(const char *name, size_t length);

/* Like tote_propagator_from_names(). `component` is that of diagnostics. */
tote_propagator *tote__propagator_from_names(const char *component, const char *names);

/* Return whether a text can match the host of a URL. */
bool tote__is_allowed_host(const char *pattern);

/* Like tote_propagator_allowed_hosts_new(), with the hosts separated by commas. */
tote_propagator *tote__propagator_allow_hosts(const char *component, tote_propagator *inner,
                                              const char *list);

#endif
