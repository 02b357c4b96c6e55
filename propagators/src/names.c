/* SPDX-License-Identifier: MIT */
/*
 * names.c - propagators by the names of OTEL_PROPAGATORS
 *
 * The table has the built-in propagators. Others are registered with tote_propagator_register().
 *
 * Tests: tests/unit/test_composite.c
 */
#include "tote/internal/propagators.h"

#include <string.h>

#include "tote/internal/diagnostics.h"
#include "tote/internal/left_out.h"
#include "tote/internal/propagator.h"
#include "tote/internal/text.h"

enum { MOST_NAMES = 16 };

static tote_propagator *new_baggage(void) {
    return tote_propagator_baggage_new(NULL);
}

static tote_propagator *new_jaeger(void) {
    return tote_propagator_jaeger_new(NULL);
}

static tote_propagator *new_ot_trace(void) {
    return tote_propagator_ot_trace_new(NULL);
}

static tote_propagator *new_opencensus(void) {
    return tote_propagator_opencensus_new(false);
}

#define LEGACY(make) (TOTE_HAS_LEGACY_PROPAGATORS ? (make) : NULL)

static const struct built_in {
    const char *name;
    tote_propagator_constructor make; /* NULL: this build does not have it */
} built_in[] = {
    {"tracecontext", tote_propagator_tracecontext_new},
    {"baggage", new_baggage},
    {"b3", LEGACY(tote_propagator_b3_new)},
    {"b3multi", LEGACY(tote_propagator_b3_multi_new)},
    {"jaeger", LEGACY(new_jaeger)},
    {"ottrace", LEGACY(new_ot_trace)},
    {"opencensus", LEGACY(new_opencensus)},
    {"none", tote__propagator_of_nothing},
};

static const struct built_in *find_built_in(const char *name, size_t length) {
    for (size_t i = 0; i < TOTE_COUNT_OF(built_in); i++) {
        if (tote__equals_ignoring_case(name, length, built_in[i].name, strlen(built_in[i].name))) {
            return &built_in[i];
        }
    }
    return NULL;
}

tote_propagator_constructor tote__propagator_constructor(const char *name, size_t length) {
    const struct built_in *found = find_built_in(name, length);

    return found && found->make ? found->make : tote__propagator_find(name, length);
}

/* Report a name without a constructor. */
static void report_unknown(const char *component, const char *name, size_t length) {
    if (find_built_in(name, length)) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component, "propagator '%.*s' is ignored: %s",
                            (int)tote__min(length, 64), name,
                            TOTE__LEFT_OUT("legacy propagators", "TOTE_WITH_LEGACY_PROPAGATORS"));
        return;
    }
    tote__diagnose_each(
        TOTE_LEVEL_WARN, component,
        "unknown propagator '%.*s' is ignored; known are tracecontext, baggage, b3, b3multi, "
        "jaeger, ottrace, opencensus, none, those registered with tote_propagator_register(), "
        "and xray after tote_propagator_xray_register() of libtote-xray",
        (int)tote__min(length, 64), name);
}

/* The constructors of a list of names, without duplicates. */
struct selection {
    tote_propagator_constructor make[MOST_NAMES];
    size_t count;
};

/* Returns false, with a diagnostic, if the name is unknown or exceeds the limit. */
static bool select_name(struct selection *selection, const char *component, const char *name,
                        size_t length) {
    tote_propagator_constructor make = tote__propagator_constructor(name, length);

    if (!make) {
        report_unknown(component, name, length);
        return false;
    }
    for (size_t i = 0; i < selection->count; i++) {
        if (make == selection->make[i]) {
            return true;
        }
    }
    if (selection->count == MOST_NAMES) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "propagator '%.*s' is ignored: a list has at most %d",
                            (int)tote__min(length, 64), name, MOST_NAMES);
        return false;
    }
    if (make != tote__propagator_of_nothing) {
        selection->make[selection->count++] = make;
    }
    return true;
}

static tote_propagator *make_all(const struct selection *selection) {
    tote_propagator *made[MOST_NAMES];

    for (size_t i = 0; i < selection->count; i++) {
        made[i] = selection->make[i]();
    }
    return selection->count == 1 && made[0] ? made[0]
                                            : tote_propagator_composite_new(made, selection->count);
}

tote_propagator *tote__propagator_from_names(const char *component, const char *names) {
    struct selection selection = {.count = 0};
    const char *given = names ? names : "";
    bool are_known = true;

    struct tote__part list = {given, strlen(given)};
    struct tote__part name;
    while (tote__next_part(&list, ',', &name)) {
        tote__trim(&name.at, &name.length);
        are_known &= !name.length || select_name(&selection, component, name.at, name.length);
    }
    if (!are_known && !selection.count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "'%.*s' names no known propagator: no headers are sent or read; the "
                            "usual value is tracecontext,baggage",
                            (int)tote__min(strlen(given), 256), given);
    }
    return make_all(&selection);
}

tote_propagator *tote_propagator_from_names(const char *names) {
    return tote__propagator_from_names("propagator", names);
}
