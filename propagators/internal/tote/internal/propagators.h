/* SPDX-License-Identifier: MIT */
/*
 * propagators.h - propagators by name, as configuration wants them
 */
#ifndef TOTE_INTERNAL_PROPAGATORS_H
#define TOTE_INTERNAL_PROPAGATORS_H

#include "tote/propagators.h"

/*
 * tote_propagator_from_names(), which leaves out the names that are not known; without `skip_unknown`
 * it is NULL when there is one. A diagnostic tells each in any case.
 */
tote_propagator *tote__propagator_from_names(const char *names, bool skip_unknown);

#endif
