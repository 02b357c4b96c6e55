/* SPDX-License-Identifier: MIT */
/*
 * span_data.c - read access to a span
 *
 * Scalars of a recording span are read in place. Attributes, events and links are decoded into a
 * view on first access; the view belongs to the span. Until the span ends the view is decoded on
 * each access, because the span may have changed. A span in a record is decoded by read_span.c.
 *
 * Tests: tests/unit/test_record.c, tests/unit/test_span.c
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

static const struct tote__span_facts *facts_of(const tote_span_data *data) {
    static const struct tote__span_facts none;
    struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return &tote__read_span_fields(read)->facts;
    }
    return data ? &self(data)->facts : &none;
}

const tote_span_data *tote_span_get_data(const tote_span *span) {
    return span && span->ops == &tote__recording_ops ? (const tote_span_data *)span : NULL;
}

/* Return the view of a recording span, or NULL if out of memory. Thread-safe for an ended span. */
static const struct span_view *view_of_recording(struct span *span) {
    tote__span_lock_to_read(span);
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

/* Returns an empty view if out of memory. */
static const struct span_view *get_view(const tote_span_data *data) {
    static const struct span_view empty = {.name = "", .description = ""};
    struct tote__read_span *read = tote__as_read_span(data);
    const struct span_view *view = NULL;

    if (read) {
        view = tote__read_span_view(read);
    } else if (data) {
        view = view_of_recording(self(data));
    }
    return view ? view : &empty;
}

void tote__span_drop_view(struct span *span) {
    tote__span_view_free(span->view);
    span->view = NULL;
}

const char *tote_span_data_get_name(const tote_span_data *data) {
    if (!data || tote__as_read_span(data)) {
        return get_view(data)->name;
    }
    return (const char *)tote__span_at(self(data), &self(data)->name);
}

tote_span_kind tote_span_data_get_kind(const tote_span_data *data) {
    return (tote_span_kind)facts_of(data)->kind;
}

tote_status_code tote_span_data_get_status_code(const tote_span_data *data) {
    return (tote_status_code)facts_of(data)->status_code;
}

const char *tote_span_data_get_status_description(const tote_span_data *data) {
    const struct span *span = self(data);

    if (!data || tote__as_read_span(data)) {
        return get_view(data)->description;
    }
    return span->description.size ? (const char *)tote__span_at(span, &span->description) : "";
}

const tote_span_context *tote_span_data_get_context(const tote_span_data *data) {
    facts_of(data); /* decodes the context, too */
    return data ? &((const tote_span *)data)->context : &tote__invalid_span_context;
}

const tote_span_context *tote_span_data_get_parent(const tote_span_data *data) {
    return &facts_of(data)->parent;
}

uint64_t tote_span_data_get_start_time_unix_nano(const tote_span_data *data) {
    return facts_of(data)->start_time_unix_nano;
}

uint64_t tote_span_data_get_end_time_unix_nano(const tote_span_data *data) {
    return facts_of(data)->end_time_unix_nano;
}

static void set_count(size_t *count, size_t found) {
    if (count) {
        *count = found;
    }
}

const tote_attribute *tote_span_data_get_attributes(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    set_count(count, view->attribute_count);
    return view->attributes;
}

const tote_event *tote_span_data_get_events(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    set_count(count, view->event_count);
    return view->event_count ? view->events : NULL;
}

const tote_link *tote_span_data_get_links(const tote_span_data *data, size_t *count) {
    const struct span_view *view = get_view(data);

    set_count(count, view->link_count);
    return view->link_count ? view->links : NULL;
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
    return facts_of(data)->dropped_attribute_count;
}

size_t tote_span_data_get_dropped_event_count(const tote_span_data *data) {
    return facts_of(data)->dropped_event_count;
}

size_t tote_span_data_get_dropped_link_count(const tote_span_data *data) {
    return facts_of(data)->dropped_link_count;
}

const tote_instrumentation_scope *
tote_span_data_get_instrumentation_scope(const tote_span_data *data) {
    const struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return read->scope;
    }
    return &tote__tracer_at(data ? self(data)->scope : UINT32_MAX)->scope;
}

const tote_resource *tote_span_data_get_resource(const tote_span_data *data) {
    const struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return &read->resource->resource;
    }
    return &tote__resource_at(data ? self(data)->origin.resource : 0)->resource;
}

/* A span that borrows its bytes is copied; others are reference counted. */
tote_span_data *tote_span_data_copy(const tote_span_data *data) {
    struct tote__read_span *read = tote__as_read_span(data);

    if (read) {
        return (tote_span_data *)tote__read_span_ref(read);
    }
    return data ? (tote_span_data *)tote_span_ref(&self(data)->base) : NULL;
}

void tote_span_data_free(tote_span_data *data) {
    tote_span_unref((tote_span *)data);
}
