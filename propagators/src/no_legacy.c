/* SPDX-License-Identifier: MIT */
/*
 * no_legacy.c - replaces the legacy propagators in a build without them
 *
 * Tests: tests/unit/test_parts.c
 */
#include "tote/diagnostics.h"
#include "tote/internal/left_out.h"
#include "tote/propagators.h"

static tote_propagator *refuse(const char *name) {
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "propagator", "there is no propagator %s: %s", name,
                            TOTE__LEFT_OUT("legacy propagators", "TOTE_WITH_LEGACY_PROPAGATORS"));
    return NULL;
}

tote_propagator *tote_propagator_b3_new(void) {
    return refuse("b3");
}

tote_propagator *tote_propagator_b3_multi_new(void) {
    return refuse("b3multi");
}

tote_propagator *tote_propagator_jaeger_new(const tote_baggage_propagator_options *options) {
    (void)options;
    return refuse("jaeger");
}

tote_propagator *tote_propagator_ot_trace_new(const tote_baggage_propagator_options *options) {
    (void)options;
    return refuse("ottrace");
}

tote_propagator *tote_propagator_opencensus_new(bool raw) {
    (void)raw;
    return refuse("opencensus");
}
