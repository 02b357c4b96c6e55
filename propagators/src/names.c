/* SPDX-License-Identifier: MIT */
/*
 * names.c - propagators by the names of OTEL_PROPAGATORS
 */
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/text.h"
#include "tote/propagators.h"

static tote_propagator *new_baggage(void) {
    return tote_propagator_new_baggage(NULL);
}

static const struct {
    const char *name;
    tote_propagator *(*make)(void);
} known[] = {
    {"tracecontext", tote_propagator_new_tracecontext},
    {"baggage", new_baggage},
};

static bool is_name(const char *text, size_t length, const char *name) {
    return tote__equals_ignoring_case(text, length, name, strlen(name));
}

tote_propagator *tote_propagator_from_names(const char *names) {
    tote_propagator *made[TOTE_COUNT_OF(known)];
    bool is_made[TOTE_COUNT_OF(known)] = {false};
    size_t count = 0;

    while (names && *names) {
        size_t size = strcspn(names, ",");
        const char *name = names;
        size_t length = size;
        bool is_known = false;

        tote__trim(&name, &length);
        for (size_t i = 0; i < TOTE_COUNT_OF(known); i++) {
            if (is_name(name, length, known[i].name)) {
                is_known = true;
                if (!is_made[i]) {
                    made[count++] = known[i].make();
                    is_made[i] = true;
                }
            }
        }
        if (length && !is_known && !is_name(name, length, "none")) {
            tote_diagnose(TOTE_LEVEL_WARN, "propagator",
                          "'%.*s' is not known and left out; known are tracecontext, baggage, none",
                          (int)tote__min(length, 64), name);
        }
        names += size + (names[size] == ',');
    }
    return count == 1 ? made[0] : tote_propagator_new_composite(made, count);
}
