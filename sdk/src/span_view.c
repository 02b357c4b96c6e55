/* SPDX-License-Identifier: MIT */
/*
 * span_view.c - attributes, events and links, unpacked from the fields of an OTLP Span
 */
#include "span_view.h"

#include <string.h>

#include "tote/internal/record.h"

static bool unpack_event(struct tote__slice content, struct tote__arena *arena, tote_event *event) {
    struct tote__slice rest = content;
    struct tote__field field;
    tote_attribute *attributes;
    const char *name = "";

    *event = (tote_event){.name = name};
    while (tote__next_field(&rest, &field)) {
        if (tote__field_tag(&field) == TOTE__EVENT_TIME) {
            event->time_unix_nano = field.value;
        } else if (tote__field_tag(&field) == TOTE__EVENT_NAME) {
            name = tote__arena_text(arena, (const char *)field.content.at, field.content.size);
        } else if (tote__field_tag(&field) == TOTE__EVENT_DROPPED) {
            event->dropped_attribute_count = (size_t)field.value;
        }
    }
    if (!name || !tote__unpack_attributes(content, TOTE__TAG_EVENT_ATTRIBUTE >> 3, arena,
                                          &attributes, &event->attribute_count)) {
        return false;
    }
    event->name = name;
    event->attributes = attributes;
    return true;
}

void tote__read_id(void *id, size_t size, struct tote__slice content) {
    if (content.size == size) {
        memcpy(id, content.at, size);
    }
}

static void read_link_field(const struct tote__field *field, tote_link *link,
                            struct tote_span_context *context, struct tote__slice *trace_state) {
    switch (tote__field_tag(field)) {
    case TOTE__LINK_TRACE_ID:
        tote__read_id(&context->trace_id, sizeof context->trace_id, field->content);
        break;
    case TOTE__LINK_SPAN_ID:
        tote__read_id(&context->span_id, sizeof context->span_id, field->content);
        break;
    case TOTE__LINK_TRACE_STATE:
        *trace_state = field->content;
        break;
    case TOTE__LINK_DROPPED:
        link->dropped_attribute_count = (size_t)field->value;
        break;
    case TOTE__LINK_FLAGS:
        context->trace_flags = field->value & 0xFF;
        context->is_remote = field->value & TOTE__FLAG_IS_REMOTE;
        break;
    default:
        break;
    }
}

static bool unpack_link(struct tote__slice content, struct tote__arena *arena, tote_link *link) {
    struct tote__slice rest = content;
    struct tote__slice trace_state = {NULL, 0};
    struct tote__field field;
    tote_attribute *attributes;
    struct tote_span_context *context = tote__arena_allocate(arena, sizeof *context);

    if (!context) {
        return false;
    }
    memset(context, 0, sizeof *context);
    *link = (tote_link){.context = context};
    while (tote__next_field(&rest, &field)) {
        read_link_field(&field, link, context, &trace_state);
    }
    if (!tote__unpack_attributes(content, TOTE__TAG_LINK_ATTRIBUTE >> 3, arena, &attributes,
                                 &link->attribute_count)) {
        return false;
    }
    link->attributes = attributes;
    context->trace_state =
        tote_trace_state_from_header((const char *)trace_state.at, trace_state.size);
    return true;
}

static bool unpack_events(struct tote__slice fields, struct span_view *view) {
    size_t count = tote__count_fields(fields, TOTE__SPAN_EVENT >> 3);
    struct tote__field field;

    view->events = tote__arena_allocate(&view->arena, count * sizeof *view->events);
    while (view->events && view->event_count < count && tote__next_field(&fields, &field)) {
        if (tote__field_tag(&field) != TOTE__SPAN_EVENT) {
            continue;
        }
        if (!unpack_event(field.content, &view->arena, &view->events[view->event_count])) {
            return false;
        }
        view->event_count++;
    }
    return view->events != NULL;
}

static bool unpack_links(struct tote__slice fields, struct span_view *view) {
    size_t count = tote__count_fields(fields, TOTE__SPAN_LINK >> 3);
    struct tote__field field;

    view->links = tote__arena_allocate(&view->arena, count * sizeof *view->links);
    while (view->links && view->link_count < count && tote__next_field(&fields, &field)) {
        if (tote__field_tag(&field) != TOTE__SPAN_LINK) {
            continue;
        }
        if (!unpack_link(field.content, &view->arena, &view->links[view->link_count])) {
            return false;
        }
        view->link_count++;
    }
    return view->links != NULL;
}

static const char *unpack_text(struct tote__slice text, struct span_view *view) {
    return tote__arena_text(&view->arena, (const char *)text.at, text.size);
}

struct span_view *tote__span_view_new(const struct span_view_source *source) {
    struct span_view *view = tote__allocate_zeroed(sizeof *view);

    if (!view) {
        return NULL;
    }
    view->name = unpack_text(source->name, view);
    view->description = unpack_text(source->description, view);
    if (view->name && view->description &&
        tote__unpack_attributes(source->attributes, TOTE__SPAN_ATTRIBUTE >> 3, &view->arena,
                                &view->attributes, &view->attribute_count) &&
        unpack_events(source->events, view) && unpack_links(source->links, view)) {
        return view;
    }
    tote__span_view_free(view);
    return NULL;
}

void tote__span_view_free(struct span_view *view) {
    if (!view) {
        return;
    }
    for (size_t i = 0; i < view->link_count; i++) {
        tote_trace_state_unref(view->links[i].context->trace_state);
    }
    tote__arena_clear(&view->arena);
    tote__release(view, sizeof *view);
}
