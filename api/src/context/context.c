/* SPDX-License-Identifier: MIT */
/*
 * context.c - contexts and the values in them
 *
 * Contexts are immutable. A new context references what the old one references, but not the old
 * context itself. Contexts therefore form no chains.
 */
#include "tote/internal/context.h"

#include <errno.h>

#include "context_stack.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/references.h"
#include "tote/internal/span.h"
#include "tote/internal/store.h"

struct tote__context_value {
    struct tote__context_value *next; /* owns one reference */
    const tote_context_key *key;
    void *value;
    _Atomic(uint32_t) references;
};

tote_context tote__root_context;

const tote_context *tote_context_root(void) {
    return &tote__root_context;
}

static struct tote__context_value *values_ref(struct tote__context_value *values) {
    if (values) {
        tote__references_add(&values->references);
    }
    return values;
}

static void values_unref(struct tote__context_value *values) {
    while (values && tote__references_drop(&values->references)) {
        struct tote__context_value *next = values->next;
        if (values->key->destroy) {
            values->key->destroy(values->value);
        }
        tote__release(values, sizeof *values);
        values = next;
    }
}

tote_context *tote_context_ref(const tote_context *context) {
    tote_context *shared = (tote_context *)tote__context_of(context);

    tote__references_add(&shared->references);
    return shared;
}

void tote_context_unref(tote_context *context) {
    bool is_counted = context && context != TOTE_CONTEXT_CURRENT;

    if (is_counted && tote__references_drop(&context->references)) {
        tote_span_unref(context->span);
        tote_store_unref(context->store);
        values_unref(context->values);
        tote__pool_put(&tote__context_pool, context);
    }
}

tote_store *tote_context_get_store(const tote_context *context) {
    context = tote__context_of(context);
    if (context->store) {
        return context->store;
    }
    return context == &tote__root_context ? tote_store_root() : tote__store_void();
}

tote_span *tote_context_get_span(const tote_context *context) {
    return tote__context_of(context)->span;
}

void *tote_context_get_value(const tote_context *context, const tote_context_key *key) {
    const struct tote__context_value *at = tote__context_of(context)->values;

    while (at && at->key != key) {
        at = at->next;
    }
    return at ? at->value : NULL;
}

bool tote_context_get_current_ids(tote_trace_id *trace_id, tote_span_id *span_id,
                                  uint8_t *trace_flags) {
    const tote_span *span = tote_context_current()->span;
    const tote_span_context *context = span ? &span->context : &tote__invalid_span_context;

    if (trace_id) {
        *trace_id = context->trace_id;
    }
    if (span_id) {
        *span_id = context->span_id;
    }
    if (trace_flags) {
        *trace_flags = context->trace_flags;
    }
    return tote_span_context_is_valid(context);
}

void tote__context_init(tote_context *made, const tote_context *from, tote_store *store,
                        tote_span *span) {
    *made = (tote_context){
        .references = 1,
        .is_suppressed = from->is_suppressed,
        .store = store,
        .span = span,
        .record = span && span->context.is_valid ? &span->context : NULL,
        .values = values_ref(from->values),
    };
}

/*
 * Return a copy with these, which is not shared yet. Takes ownership of the references. Returns
 * NULL and reports if out of memory.
 */
static tote_context *make_context(const tote_context *context, tote_store *store, tote_span *span) {
    tote_context *made = tote__pool_take(&tote__context_pool);

    if (!made) {
        char label[TOTE__SPAN_LABEL_BYTES];
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "context",
            "out of memory: the context of %s stays as it was, without what was to be "
            "added",
            tote__span_label(context->span ? context->span : span, label));
        tote_store_unref(store);
        tote_span_unref(span);
        return NULL;
    }
    tote__context_init(made, context, store, span);
    return made;
}

static tote_store *own_store(const tote_context *context) {
    return tote_store_ref(tote_context_get_store(context));
}

static tote_context *copy(const tote_context *context) {
    return make_context(context, own_store(context), tote_span_ref(context->span));
}

tote_context *tote_context_with_store(const tote_context *context, tote_store *store) {
    context = tote__context_of(context);
    tote_context *made =
        store ? make_context(context, tote_store_ref(store), tote_span_ref(context->span)) : NULL;

    return made ? made : tote_context_ref(context);
}

tote_context *tote__context_with_own_span(const tote_context *context, tote_span *span) {
    tote_context *made = make_context(context, own_store(context), span);

    return made ? made : tote_context_ref(context);
}

tote_context *tote__context_with_remote_span(const tote_context *context,
                                             const tote_span_context *remote) {
    bool has_parent = context->span && tote__span_context_is_valid(&context->span->context);
    bool is_kept =
        tote__span_context_is_valid(remote) || ((remote->hints & TOTE__PARTIAL) && !has_parent);
    tote_span *span = is_kept ? tote_span_non_recording_new(remote) : &tote__invalid_span;

    return span == &tote__invalid_span ? tote_context_ref(context)
                                       : tote__context_with_own_span(context, span);
}

tote_context *tote_context_with_span(const tote_context *context, tote_span *span) {
    context = tote__context_of(context);
    return span == context->span ? tote_context_ref(context)
                                 : tote__context_with_own_span(context, tote_span_ref(span));
}

tote_context *tote_context_with_value(const tote_context *context, const tote_context_key *key,
                                      void *value) {
    context = tote__context_of(context);
    if (!key) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "context",
            "tote_context_with_value(): the key is NULL, so the value %p is not kept; "
            "pass the address of a static tote_context_key",
            value);
        return tote_context_ref(context);
    }
    int error = errno;
    struct tote__context_value *first = tote__allocate(sizeof *first);
    tote_context *made = copy(context);
    if (!first || !made) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "context",
                                "out of memory: the value of '%.64s' is not kept",
                                key->name ? key->name : "");
        tote__release(first, sizeof *first);
        tote_context_unref(made);
        errno = error;
        if (key->destroy) {
            key->destroy(value);
        }
        return tote_context_ref(context);
    }
    *first = (struct tote__context_value){
        .next = made->values, .key = key, .value = value, .references = 1};
    made->values = first;
    return made;
}

tote_context *tote_context_with_suppression(const tote_context *context) {
    context = tote__context_of(context);
    tote_context *made = context->is_suppressed ? NULL : copy(context);

    if (!made) {
        return tote_context_ref(context);
    }
    made->is_suppressed = true;
    return made;
}
