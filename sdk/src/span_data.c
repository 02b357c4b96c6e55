/* SPDX-License-Identifier: MIT */
/*
 * span_data.c - a span, to be read
 *
 * Scalars are read in place. Attributes, events and links are unpacked into a view when they are
 * first asked for; the view belongs to the span. Of a span that has not ended it is made anew each
 * time, because the span may have changed.
 */
#include <string.h>

#include "span.h"
#include "tote/internal/tracer.h"

struct span_view {
    struct tote__arena arena;
    tote_attribute *attributes;
    size_t attribute_count;
    tote_event *events;
    size_t event_count;
    tote_link *links;
    size_t link_count;
};

static struct span *self(const tote_span_data *data) {
    return (struct span *)data;
}

static bool is_ended(const struct span *span) {
    return atomic_load_explicit(&span->state, memory_order_acquire) >= SPAN_ENDED;
}

const tote_span_data *tote_span_get_data(const tote_span *span) {
    return span && span->ops == &tote__recording_ops ? (const tote_span_data *)span : NULL;
}

const char *tote_span_data_get_name(const tote_span_data *data) {
    const struct span *span = self(data);

    return span ? (const char *)tote__span_at(span, &span->name) : "";
}

tote_span_kind tote_span_data_get_kind(const tote_span_data *data) {
    return data ? (tote_span_kind)self(data)->kind : TOTE_SPAN_KIND_INTERNAL;
}

tote_status_code tote_span_data_get_status_code(const tote_span_data *data) {
    return data ? (tote_status_code)self(data)->status_code : TOTE_STATUS_UNSET;
}

const char *tote_span_data_get_status_description(const tote_span_data *data) {
    const struct span *span = self(data);

    return span && span->description.size ? (const char *)tote__span_at(span, &span->description)
                                          : "";
}

const tote_span_context *tote_span_data_get_context(const tote_span_data *data) {
    return data ? &self(data)->base.context : &tote__invalid_span_context;
}

const tote_span_context *tote_span_data_get_parent(const tote_span_data *data) {
    return data && self(data)->has_parent ? &self(data)->parent : &tote__invalid_span_context;
}

uint64_t tote_span_data_get_start_time_unix_nano(const tote_span_data *data) {
    return data ? self(data)->start_time_unix_nano : 0;
}

uint64_t tote_span_data_get_end_time_unix_nano(const tote_span_data *data) {
    return data ? self(data)->end_time_unix_nano : 0;
}

static bool unpack_event(struct tote__slice content, struct tote__arena *arena, tote_event *event) {
    struct tote__slice rest = content;
    struct tote__field field;
    tote_attribute *attributes;
    const char *name = "";

    *event = (tote_event){.name = name};
    while (tote__next_field(&rest, &field)) {
        if (field.number == 1) {
            event->time_unix_nano = field.value;
        } else if (field.number == 2) {
            name = tote__arena_text(arena, (const char *)field.content.at, field.content.size);
        } else if (field.number == 4) {
            event->dropped_attribute_count = (size_t)field.value;
        }
    }
    if (!name ||
        !tote__unpack_attributes(content, 3, arena, &attributes, &event->attribute_count)) {
        return false;
    }
    event->name = name;
    event->attributes = attributes;
    return true;
}

static bool unpack_link(struct tote__slice content, struct tote__arena *arena, tote_link *link) {
    struct tote__slice rest = content;
    struct tote__field field;
    tote_attribute *attributes;
    struct tote_span_context *context = tote__arena_allocate(arena, sizeof *context);

    if (!context) {
        return false;
    }
    memset(context, 0, sizeof *context);
    *link = (tote_link){.context = context};
    while (tote__next_field(&rest, &field)) {
        if (field.number == 1 && field.content.size == sizeof context->trace_id) {
            memcpy(&context->trace_id, field.content.at, sizeof context->trace_id);
        } else if (field.number == 2 && field.content.size == sizeof context->span_id) {
            memcpy(&context->span_id, field.content.at, sizeof context->span_id);
        } else if (field.number == 3) {
            context->trace_state =
                tote_trace_state_from_header((const char *)field.content.at, field.content.size);
        } else if (field.number == 5) {
            link->dropped_attribute_count = (size_t)field.value;
        } else if (field.number == 6) {
            context->trace_flags = field.value & 0xFF;
            context->is_remote = field.value & 0x200;
        }
    }
    if (!tote__unpack_attributes(content, 4, arena, &attributes, &link->attribute_count)) {
        tote_trace_state_unref(context->trace_state);
        return false;
    }
    link->attributes = attributes;
    return true;
}

static bool unpack_events(const struct span *span, struct span_view *view) {
    struct tote__slice rest = tote__span_slice(span, &span->events);
    struct tote__field field;

    view->events = tote__arena_allocate(&view->arena, (span->event_count + 1) * sizeof(tote_event));
    while (view->events && tote__next_field(&rest, &field)) {
        if (!unpack_event(field.content, &view->arena, &view->events[view->event_count])) {
            return false;
        }
        view->event_count++;
    }
    return view->events != NULL;
}

static bool unpack_links(const struct span *span, struct span_view *view) {
    struct tote__slice rest = tote__span_slice(span, &span->links);
    struct tote__field field;

    view->links = tote__arena_allocate(&view->arena, (span->link_count + 1) * sizeof(tote_link));
    while (view->links && tote__next_field(&rest, &field)) {
        if (!unpack_link(field.content, &view->arena, &view->links[view->link_count])) {
            return false;
        }
        view->link_count++;
    }
    return view->links != NULL;
}

static void free_view(struct span_view *view) {
    if (!view) {
        return;
    }
    for (size_t i = 0; i < view->link_count; i++) {
        tote_trace_state_unref(view->links[i].context->trace_state);
    }
    tote__arena_clear(&view->arena);
    tote__release(view, sizeof *view);
}

void tote__span_drop_view(struct span *span) {
    free_view(span->view);
    span->view = NULL;
}

/* The view; NULL if out of memory. Many may ask at once for an ended span's. */
static const struct span_view *get_view(const tote_span_data *data) {
    struct span *span = self(data);

    tote__lock_take(&span->lock);
    if (!is_ended(span)) {
        tote__span_drop_view(span);
    }
    struct span_view *view = span->view;
    if (!view) {
        view = tote__allocate_zeroed(sizeof *view);
        bool is_unpacked =
            view &&
            tote__unpack_attributes(tote__span_slice(span, &span->attributes), 9, &view->arena,
                                    &view->attributes, &view->attribute_count) &&
            unpack_events(span, view) && unpack_links(span, view);
        if (!is_unpacked) {
            free_view(view);
            view = NULL;
        }
        span->view = view;
    }
    tote__lock_drop(&span->lock);
    return view;
}

const tote_attribute *tote_span_data_get_attributes(const tote_span_data *data, size_t *count) {
    const struct span_view *view = data ? get_view(data) : NULL;

    if (count) {
        *count = view ? view->attribute_count : 0;
    }
    return view ? view->attributes : NULL;
}

const tote_event *tote_span_data_get_events(const tote_span_data *data, size_t *count) {
    const struct span_view *view = data ? get_view(data) : NULL;

    if (count) {
        *count = view ? view->event_count : 0;
    }
    return view && view->event_count ? view->events : NULL;
}

const tote_link *tote_span_data_get_links(const tote_span_data *data, size_t *count) {
    const struct span_view *view = data ? get_view(data) : NULL;

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
    return data ? self(data)->dropped_attribute_count : 0;
}

size_t tote_span_data_get_dropped_event_count(const tote_span_data *data) {
    return data ? self(data)->dropped_event_count : 0;
}

size_t tote_span_data_get_dropped_link_count(const tote_span_data *data) {
    return data ? self(data)->dropped_link_count : 0;
}

const tote_instrumentation_scope *
tote_span_data_get_instrumentation_scope(const tote_span_data *data) {
    return &tote__tracer_at(data ? self(data)->scope : UINT32_MAX)->scope;
}

const tote_resource *tote_span_data_get_resource(const tote_span_data *data) {
    return &tote__resource_at(data ? self(data)->origin.resource : 0)->resource;
}

tote_span_data *tote_span_data_ref(const tote_span_data *data) {
    struct span *span = self(data);

    return span ? (tote_span_data *)tote_span_ref(&span->base) : NULL;
}

void tote_span_data_unref(tote_span_data *data) {
    struct span *span = self(data);

    if (span) {
        tote_span_unref(&span->base);
    }
}

struct tote__secured tote__span_secured(const tote_span_data *data) {
    return self(data)->secured;
}

void tote__span_set_secured(tote_span_data *data, struct tote__secured secured) {
    ((struct span *)data)->secured = secured;
}
