/* SPDX-License-Identifier: MIT */
/*
 * tracer.h - tracers and the interface to the provider
 *
 * A tracer of the global provider looks up the provider at each span start. It may therefore be
 * created before an SDK starts. Tracers are interned. Tracers and the memory of providers are never
 * freed: a span start that races with shutdown finds a provider that starts no span.
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
     * Start a span under `parent` with the entries of `store`, which is borrowed. `parent` and
     * `name` are not NULL. `options` is complete and of this version. Returns NULL if it starts no
     * span; the caller then continues the trace of the parent.
     */
    tote_span *(*start_span)(tote_tracer_provider *provider, tote_tracer *tracer, const char *name,
                             const tote_span_options *options, const tote_context *parent,
                             tote_store *store);
    bool (*is_enabled)(tote_tracer_provider *provider, tote_tracer *tracer,
                       const tote_span_options *options);
    void (*ref)(tote_tracer_provider *provider); /* must only count: a lock is held */
    void (*unref)(tote_tracer_provider *provider);

    /* Return whether a store entry may be exported in spans and log lines. NULL: all may. */
    bool (*exports)(tote_tracer_provider *provider, const struct tote__entry *entry);
};

/*
 * A provider. Its memory and `ops` are never freed: a tracer calls start_span and is_enabled
 * without a reference, even after the provider was shut down and its last reference was dropped.
 */
struct tote_tracer_provider {
    const struct tote__provider_ops *ops;
    _Atomic(uint32_t)
        run; /* number of starts in this memory; tracers of earlier runs are inactive */
    _Atomic(bool) expects_late;  /* after shutdown: report the next span of its tracers */
    _Atomic(bool) ignores_start; /* no sampler or processor looks at attributes of a span's start */
};

struct tote_tracer {
    tote_instrumentation_scope scope;
    tote_tracer_provider *provider; /* NULL: the global provider */
    uint32_t run;                   /* `run` of the provider when the tracer was created */
    uint32_t index;                 /* among all tracers */
    /* Version of the rules that were last applied, times 2, plus 1 if they disable the tracer. */
    _Atomic(uint32_t) rules_result;
    size_t bytes; /* of memory, about */
    tote_tracer *next;
    struct tote__arena memory; /* holds its strings and attributes */
};

/*
 * Return the tracer of an instrumentation of Tote, and keep it in `known`, which starts as NULL. If
 * out of memory, returns the tracer with index 0, and tries again at the next call.
 */
TOTE_SHARED tote_tracer *tote__tracer_named(_Atomic(tote_tracer *) *known, const char *name);

/* Return the tracer with this index. Returns the tracer without a name if the index is unknown. */
TOTE_SHARED const tote_tracer *tote__tracer_at(uint32_t index);

/*
 * Return whether a sampler or a processor may look at the attributes in the options of a span.
 * Otherwise they can be added after the start, if the span records.
 */
TOTE_SHARED bool tote__tracer_shows_attributes(const tote_tracer *tracer);

/* Like tote_tracer_start_span(), with the entries of `store`; NULL: the parent's store. */
TOTE_SHARED tote_span *tote__tracer_start_span(tote_tracer *tracer, const char *name,
                                               const tote_span_options *options, tote_store *store);

/* Return whether the global provider exports the entry; true if there is no global provider. */
TOTE_SHARED bool tote__tracer_provider_exports(const struct tote__entry *entry);

/* Remove the provider if it is the global one. Returns whether it was. */
TOTE_SHARED bool tote__tracer_provider_leave_global(tote_tracer_provider *provider);

/*
 * Return complete options of this version: `given` itself if possible, else `filled`, filled in
 * from `given`.
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
 * Copy the fields of `given` that both versions have to `options`, which has `size` bytes. `given`
 * may be NULL or of any version. Both begin with struct_size. `type` is used in a diagnostic.
 */
TOTE_SHARED void tote__copy_options(const char *type, void *options, size_t size,
                                    const void *given);

#define TOTE__COPY_OPTIONS(type, options, given)                                                   \
    tote__copy_options(#type, (options), sizeof(type), (given))

#endif
