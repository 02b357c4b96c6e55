/* SPDX-License-Identifier: MIT */
/*
 * composite.c - several propagators as one. Spec: context/api-propagators.md#composite-propagator
 */
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagator.h"
#include "tote/propagators.h"

struct composite {
    size_t count;
    tote_propagator *propagators[]; /* one reference each */
};

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const struct composite *composite = self;

    for (size_t i = 0; i < composite->count; i++) {
        tote_propagator_inject(composite->propagators[i], context, carrier, setter);
    }
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    const struct composite *composite = self;
    tote_context *extracted = tote_context_ref(context);

    for (size_t i = 0; i < composite->count; i++) {
        tote_context *before = extracted;
        extracted = tote_propagator_extract(composite->propagators[i], before, carrier, getter);
        tote_context_unref(before);
    }
    return extracted;
}

/* Return the `index`-th field of all propagators, duplicates included. */
static const char *field_at(const struct composite *composite, size_t index) {
    for (size_t i = 0; i < composite->count; i++) {
        const char *field;
        for (size_t f = 0; (field = tote_propagator_get_field(composite->propagators[i], f)); f++) {
            if (index-- == 0) {
                return field;
            }
        }
    }
    return NULL;
}

/* Return the `index`-th field of all propagators without duplicates. */
static const char *get_field(void *self, size_t index) {
    const char *field;

    for (size_t at = 0; (field = field_at(self, at)); at++) {
        size_t before = 0;
        while (before < at && strcmp(field_at(self, before), field) != 0) {
            before++;
        }
        if (before == at && index-- == 0) {
            return field;
        }
    }
    return NULL;
}

static void destroy(void *self) {
    struct composite *composite = self;

    if (!composite) {
        return;
    }
    for (size_t i = 0; i < composite->count; i++) {
        tote_propagator_unref(composite->propagators[i]);
    }
    tote__release(composite, sizeof *composite + composite->count * sizeof(tote_propagator *));
}

static const tote_propagator_ops composite_ops = {
    .struct_size = sizeof composite_ops,
    .inject = inject,
    .extract = extract,
    .get_field = get_field,
    .destroy = destroy,
};

tote_propagator *tote_propagator_composite_new(tote_propagator *const *propagators, size_t count) {
    count = propagators ? count : 0;
    struct composite *composite =
        tote__allocate(sizeof *composite + count * sizeof(tote_propagator *));

    if (!composite) {
        for (size_t i = 0; i < count; i++) {
            tote_propagator_unref(propagators[i]);
        }
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "propagator",
            "composite propagator not created: out of memory; nothing is propagated");
        return tote__propagator_of_nothing();
    }
    composite->count = count;
    if (count) {
        memcpy(composite->propagators, propagators, count * sizeof *propagators);
    }
    return tote_propagator_new(&composite_ops, composite);
}
