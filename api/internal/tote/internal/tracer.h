/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - how a tracer finds the SDK
 *
 * A tracer of the global provider asks for that at each start, so it may be fetched before
 * an SDK runs. Tracers are interned and live for ever, and so does the memory of a provider:
 * a start that races with shutdown finds a provider that says no, and nothing that was freed.
 */
#ifndef TOTE_INTERNAL_TRACER_H
#define TOTE_INTERNAL_TRACER_H

#include <stdatomic.h>

#include "tote/internal/memory.h"
#include "tote/internal/span.h"
#include "tote/tracer.h"

struct tote__entry;

struct tote__provider_ops {
    /*
     * Start a span under `parent`, never NULL, whose store entries are those of `store`, borrowed.
     * `options` is of this version and complete, `name` not NULL. Returns: NULL if there is no
     * span of its own: the trace of the parent is carried on.
     */
    tote_span *(*start_span)(tote_tracer_provider *provider, tote_tracer *tracer, const char *name,
                             const tote_span_options *options, const tote_context *parent,
                             tote_store *store);
    bool (*is_enabled)(tote_tracer_provider *provider, const tote_tracer *tracer,
                       const tote_span_options *options);
    void (*ref)(tote_tracer_provider *provider); /* only counts: a lock is held */
    void (*unref)(tote_tracer_provider *provider);

    /* Whether an entry of a store may leave the process on a span or in a log line. NULL: yes. */
    bool (*exports)(tote_tracer_provider *provider, const struct tote__entry *entry);
};

/*
 * Its memory stays readable for ever, and so do its ops: a tracer calls start_span and is_enabled
 * without a reference, also when the provider was shut down and unreferenced long ago.
 */
struct tote_tracer_provider {
    const struct tote__provider_ops *ops;
    _Atomic(uint32_t)
        run; /* counts the starts that used this memory: tracers of an older one are idle */
    _Atomic(bool) expects_late; /* after a shutdown: the next span of its tracers is reported */
};

struct tote_tracer {
    tote_instrumentation_scope scope;
    tote_tracer_provider *provider; /* NULL: the global one */
    uint32_t run;                   /* of that provider */
    uint32_t index;                 /* among all tracers */
    tote_tracer *next;
    struct tote__arena memory; /* its texts and attributes */
};

/* The tracer of this index; never NULL, the one without a name for an unknown one. */
TOTE_SHARED const tote_tracer *tote__tracer_at(uint32_t index);

/* tote_tracer_start_span() with a store of the caller's choice; NULL: that of the parent. */
TOTE_SHARED tote_span *tote__tracer_start_span(tote_tracer *tracer, const char *name,
                                               const tote_span_options *options, tote_store *store);

/* Return whether the global provider lets the entry out; true if there is none. */
TOTE_SHARED bool tote__tracer_provider_exports(const struct tote__entry *entry);

/* Have no global provider any more, if it is this one. Returns whether it was. */
TOTE_SHARED bool tote__tracer_provider_leave_global(tote_tracer_provider *provider);

/*
 * Options of this version and complete: `given` itself where it is, else `filled`, filled in from
 * it.
 */
extern const tote_span_options tote__no_span_options;
const tote_span_options *tote__fill_span_options(const tote_span_options *given,
                                                 tote_span_options *filled);

static inline const tote_span_options *tote__complete_span_options(const tote_span_options *given,
                                                                   tote_span_options *filled) {
    if (!given) {
        return &tote__no_span_options;
    }
    return given->struct_size >= sizeof *given ? given : tote__fill_span_options(given, filled);
}

/*
 * Copy `given`, options of any version or NULL, over `options` of this one, `size` bytes, as far as
 * both know them. Both begin with struct_size. `type` names them in a diagnostic.
 */
TOTE_SHARED void tote__copy_options(const char *type, void *options, size_t size,
                                    const void *given);

#define TOTE__COPY_OPTIONS(type, options, given)                                                   \
    tote__copy_options(#type, (options), sizeof(type), (given))

#endif
