/* SPDX-License-Identifier: MIT */
/*
 * span_data.c - a span, to be read
 *
 * Of a recording span, scalars are read in place. Attributes, events and links are unpacked into a
 * view when they are first asked for; the view belongs to the span. Of a span that has not ended it
 * is made anew each time, because the span may have changed. A span that has become a record is
 * read from its bytes; see read_span.c.
 */
#include <string.h>

#include "attribute_index.h"
#include "read_span.h"
#include "span.h"
#include "span_view.h"
#include "tote/internal/tracer.h"

static struct span *self(const tote_span_data *data) {
    return (struct span *)data;
}

/* The fields of a span that is read from its bytes; NULL for a recording span. */
static const struct tote__read_span *fields_of(const tote_span_data *data) {
    struct tote__read_span *read = tote__as_read_span(data);

    return read ? tote__read_span_fields(read) : NULL;
}

const tote_span_data *tote_span_get_data(const tote_span *span) {
    return span && span->ops == &tote__recording_ops ? (const tote_span_data *)span : NULL;
}

/* The view of a recording span; NULL if out of memory. Many may ask at once for an ended span's. */
static const struct span_view *view_of_recording(struct span *span) {
    tote__span_lock_take(&span->lock, tote__generation());
    if (!tote__span_is_ended(span)) {
        tote__span_drop_view(span);
        tote__compact_attributes(span);
    }
    if (!span->view) {
        const struct span_view_source source = {.attributes =
                                                    tote__span_slice(span, &span->attributes),
                                                .events = tote__span_slice(span, &span->events),
                                                .links = tote__span_slice(span, &span->links)};
        span->view = tote__span_view_new(&source);
    }
    const struct span_view *view = span->view;
    tote__span_lock_drop(&span->lock);
    return view;
}

static const struct span_view *get_view(const tote_span_data *data) {
    struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return tote__read_span_view(read);
    }
    return data ? view_of_recording(self(data)) : NULL;
}

void tote__span_drop_view(struct span *span) {
    tote__span_view_free(span->view);
    span->view = NULL;
}

const char *tote_span_data_get_name(const tote_span_data *data) {
    if (tote__as_read_span(data)) {
        const struct span_view *view = get_view(data);
        return view ? view->name : "";
    }
    return data ? (const char *)tote__span_at(self(data), &self(data)->name) : "";
}

tote_span_kind tote_span_data_get_kind(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return (tote_span_kind)read->fields.kind;
    }
    return data ? (tote_span_kind)self(data)->kind : TOTE_SPAN_KIND_INTERNAL;
}

tote_status_code tote_span_data_get_status_code(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return (tote_status_code)read->fields.status_code;
    }
    return data ? (tote_status_code)self(data)->status_code : TOTE_STATUS_UNSET;
}

const char *tote_span_data_get_status_description(const tote_span_data *data) {
    if (tote__as_read_span(data)) {
        const struct span_view *view = get_view(data);
        return view ? view->description : "";
    }
    const struct span *span = self(data);
    return span && span->description.size ? (const char *)tote__span_at(span, &span->description)
                                          : "";
}

const tote_span_context *tote_span_data_get_context(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return &read->base.context;
    }
    return data ? &self(data)->base.context : &tote__invalid_span_context;
}

const tote_span_context *tote_span_data_get_parent(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        bool has_parent = tote__span_context_is_valid(&read->fields.parent);
        return has_parent ? &read->fields.parent : &tote__invalid_span_context;
    }
    return data && self(data)->has_parent ? &self(data)->parent : &tote__invalid_span_context;
}

uint64_t tote_span_data_get_start_time_unix_nano(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return read->fields.start_time_unix_nano;
    }
    return data ? self(data)->start_time_unix_nano : 0;
}

uint64_t tote_span_data_get_end_time_unix_nano(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return read->fields.end_time_unix_nano;
    }
    return data ? self(data)->end_time_unix_nano : 0;
}

const tote_attribute *tote_span_data_get_attributes(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    if (count) {
        *count = view ? view->attribute_count : 0;
    }
    return view ? view->attributes : NULL;
}

const tote_event *tote_span_data_get_events(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    if (count) {
        *count = view ? view->event_count : 0;
    }
    return view && view->event_count ? view->events : NULL;
}

const tote_link *tote_span_data_get_links(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    if (count) {
        *count = view ? view->link_count : 0;
    }
    return view && view->link_count ? view->links : NULL;
}

const tote_value *tote_span_data_get_attribute(const tote_span_data *data, const char *key) {
    size_t count;
    const tote_attribute *attributes = tote_span_data_get_attributes(data, &count);

    for (size_t i = 0; key && i < count; i++) {
        if (strcmp(attributes[i].key, key) == 0) {
            return &attributes[i].value;
        }
    }
    return NULL;
}

size_t tote_span_data_get_dropped_attribute_count(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return read->fields.dropped_attribute_count;
    }
    return data ? self(data)->dropped_attribute_count : 0;
}

size_t tote_span_data_get_dropped_event_count(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return read->fields.dropped_event_count;
    }
    return data ? self(data)->dropped_event_count : 0;
}

size_t tote_span_data_get_dropped_link_count(const tote_span_data *data) {
    const struct tote__read_span *read = fields_of(data);

    if (read) {
        return read->fields.dropped_link_count;
    }
    return data ? self(data)->dropped_link_count : 0;
}

const tote_instrumentation_scope *
tote_span_data_get_instrumentation_scope(const tote_span_data *data) {
    const struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return &tote__tracer_at(read->scope)->scope;
    }
    return &tote__tracer_at(data ? self(data)->scope : UINT32_MAX)->scope;
}

const tote_resource *tote_span_data_get_resource(const tote_span_data *data) {
    const struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return &tote__resource_at(read->resource)->resource;
    }
    return &tote__resource_at(data ? self(data)->origin.resource : 0)->resource;
}

/* Returns what to keep: a copy of a span that borrows its bytes, else the span. */
tote_span_data *tote_span_data_ref(const tote_span_data *data) {
    struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return (tote_span_data *)tote__read_span_ref(read);
    }
    return data ? (tote_span_data *)tote_span_ref(&self(data)->base) : NULL;
}

void tote_span_data_unref(tote_span_data *data) {
    tote_span_unref((tote_span *)data);
}
