/* SPDX-License-Identifier: MIT */
/*
 * destination.c - the host of a message, for propagators that are limited to some hosts
 *
 * Tests: tests/unit/test_trust.c
 */
#include <string.h>

#include "tote/internal/context.h"
#include "tote/internal/memory.h"
#include "tote/propagator.h"

static void free_host(void *host) {
    tote__release(host, host ? strlen(host) + 1 : 0);
}

static const tote_context_key destination = {"destination", free_host};

tote_context *tote_context_with_destination(const tote_context *context, const char *host) {
    context = tote__context_of(context);
    const char *before = tote_context_get_destination(context);

    if (!host && !before) {
        return tote_context_ref(context);
    }
    tote_context *made = tote_context_with_value(context, &destination,
                                                 host ? tote__copy_text(host, strlen(host)) : NULL);
    if (before && tote_context_get_destination(made) == before) { /* out of memory */
        tote_context_unref(made);
        return tote_context_ref(tote_context_root());
    }
    return made;
}

const char *tote_context_get_destination(const tote_context *context) {
    return tote_context_get_value(context, &destination);
}
