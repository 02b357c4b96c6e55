/* SPDX-License-Identifier: MIT */
/*
 * propagators.h - propagators by name, for configuration
 */
#ifndef TOTE_INTERNAL_PROPAGATORS_H
#define TOTE_INTERNAL_PROPAGATORS_H

#include "tote/propagators.h"

/* As tote_propagator_from_names(), with the component of its diagnostics. */
tote_propagator *tote__propagator_from_names(const char *component, const char *names);

#endif
