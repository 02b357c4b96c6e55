/* SPDX-License-Identifier: MIT */
/*
 * propagator.h - the propagators that other libraries have registered
 */
#ifndef TOTE_INTERNAL_PROPAGATOR_H
#define TOTE_INTERNAL_PROPAGATOR_H

#include "tote/internal/shared.h"
#include "tote/propagator_ops.h"

/* What makes the propagator of this name, ignoring case; NULL when it was not registered. */
TOTE_SHARED tote_propagator_constructor tote__propagator_find(const char *name, size_t length);

#endif
