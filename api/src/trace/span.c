/* SPDX-License-Identifier: MIT */
/*
 * span.c - the API of a span
 *
 * A span with ops belongs to the SDK; every call goes through the ops. A span without ops only
 * carries a span context and is immutable.
 */
#include "tote/internal/span.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/map_index.h"
#include "tote/internal/memory.h"
#include "tote/internal/references.h"

tote_span tote__invalid_span;

tote_span *tote_span_current(void) {
    return tote_context_current()->span;
}

const char *tote__span_label(const tote_span *span, char label[TOTE__SPAN_LABEL_BYTES]) {
    char name[TOTE__SPAN_NAME_BYTES];

    if (span && span->ops && span->ops->get_name && span->ops->get_name(span, name, sizeof name)) {
        snprintf(label, TOTE__SPAN_LABEL_BYTES, "span \"%s\"", name);
    } else if (span && tote__span_context_is_valid(&span->context)) {
        char id[TOTE_SPAN_ID_HEX_SIZE];
        tote_span_id_to_hex(&span->context.span_id, id);
        snprintf(label, TOTE__SPAN_LABEL_BYTES, "span %s", id);
    } else {
        snprintf(label, TOTE__SPAN_LABEL_BYTES, "no span");
    }
    return label;
}

tote_span *tote_span_non_recording_new(const tote_span_context *context) {
    if (!context) {
        return &tote__invalid_span;
    }
    tote_span *span = tote__pool_take(&tote__plain_span_pool);
    if (!span) {
        char id[TOTE_TRACE_ID_HEX_SIZE];
        tote_trace_id_to_hex(&context->trace_id, id);
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "span",
            "out of memory: trace %s is lost here: what follows is not part of it", id);
        return &tote__invalid_span;
    }
    span->ops = NULL;
    atomic_init(&span->references, 1);
    tote__span_context_copy(&span->context, context);
    span->context.is_valid = tote__span_context_is_valid(context);
    span->context.attributes_size = 0;
    return span;
}

const tote_span_context *tote_span_get_context(const tote_span *span) {
    return span ? &span->context : &tote__invalid_span_context;
}

bool tote_span_is_recording(const tote_span *span) {
    return span && span->ops && span->ops->is_recording(span);
}

/* A separate function, so that a call on a non-recording span needs no stack frame. */
static __attribute__((noinline)) void set_attribute(tote_span *span, const char *key,
                                                    tote_value value) {
    const tote_attribute attribute = {key, value};

    span->ops->set_attributes(span, &attribute, 1);
}

void tote_span_set_attribute(tote_span *span, const char *key, tote_value value) {
    if (span && span->ops) {
        set_attribute(span, key, value);
    }
}

void tote_span_set_attributes(tote_span *span, const tote_attribute *attributes,
                              size_t attribute_count) {
    if (span && span->ops && attributes && attribute_count) {
        span->ops->set_attributes(span, attributes, attribute_count);
    }
}

void tote_span_add_event(tote_span *span, const char *name, const tote_attribute *attributes,
                         size_t attribute_count, uint64_t time_unix_nano) {
    if (span && span->ops) {
        span->ops->add_event(span, name ? name : "", attributes, attributes ? attribute_count : 0,
                             time_unix_nano);
    }
}

void tote_span_add_link(tote_span *span, const tote_span_context *context,
                        const tote_attribute *attributes, size_t attribute_count) {
    if (span && span->ops) {
        span->ops->add_link(span, context ? context : &tote__invalid_span_context, attributes,
                            attributes ? attribute_count : 0);
    }
}

void tote_span_set_status(tote_span *span, tote_status_code code, const char *description) {
    if (span && span->ops) {
        span->ops->set_status(span, code, description);
    }
}

/* Spec: trace/exceptions.md */
void tote_span_record_exception(tote_span *span, const char *type, const char *message,
                                const tote_attribute *attributes, size_t attribute_count) {
    const tote_attribute generated[] = {{"exception.type", tote_string(type)},
                                        {"exception.message", tote_string(message)}};
    tote_attribute few[16];
    struct tote__arena arena = tote__arena_over(few, sizeof few);

    if (!tote_span_is_recording(span)) {
        return;
    }
    int error = errno;
    size_t given = attributes ? attribute_count : 0;
    size_t count = 0;
    bool fits = given <= SIZE_MAX / sizeof few[0] - TOTE_COUNT_OF(generated);
    tote_attribute *all =
        fits ? tote__arena_allocate(&arena, (given + TOTE_COUNT_OF(generated)) * sizeof *all)
             : NULL;
    for (size_t i = 0; all && i < TOTE_COUNT_OF(generated); i++) {
        bool is_said = generated[i].value.type != TOTE_VALUE_TYPE_EMPTY;
        if (is_said && !tote__map_find(tote_map(attributes, given), NULL, generated[i].key)) {
            all[count++] = generated[i];
        }
    }
    if (all && given) {
        memcpy(all + count, attributes, given * sizeof *all);
        count += given;
    }
    errno = error;
    /* If out of memory for both, add only what is certain. */
    tote_span_add_event(span, "exception", all ? all : generated,
                        all ? count : TOTE_COUNT_OF(generated), 0);
    tote__arena_clear(&arena);
}

void tote_span_update_name(tote_span *span, const char *name) {
    if (span && span->ops && name) {
        span->ops->update_name(span, name);
    }
}

void tote_span_end(tote_span *span, uint64_t end_time_unix_nano) {
    if (span && span->ops) {
        span->ops->end(span, end_time_unix_nano);
    }
}

tote_span *tote_span_ref(tote_span *span) {
    if (span) {
        tote__references_add(&span->references);
    }
    return span;
}

/* A separate function, so that dropping a reference other than the last needs no stack frame. */
static tote__apart void destroy(tote_span *span) {
    if (span->ops) {
        span->ops->destroy(span);
        return;
    }
    tote_trace_state_unref(span->context.trace_state);
    tote__pool_put(&tote__plain_span_pool, span);
}

void tote_span_unref(tote_span *span) {
    if (span && tote__references_drop(&span->references)) {
        destroy(span);
    }
}

void tote_span_close(tote_span **span) {
    if (span) {
        tote_span *closed = *span;
        *span = NULL;
        tote_span_end(closed, 0);
        tote_span_unref(closed);
    }
}
