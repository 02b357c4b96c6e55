/* SPDX-License-Identifier: MIT */
/*
 * span_view.c - decodes attributes, events and links of an OTLP Span
 *
 * Tests: tests/unit/test_span.c, tests/unit/test_record.c
 */
#include "span_view.h"

#include <string.h>

#include "tote/internal/record.h"

static bool unpack_event(struct tote__slice content, struct tote__arena *arena, void *item) {
    tote_event *event = item;
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

static bool unpack_link(struct tote__slice content, struct tote__arena *arena, void *item) {
    tote_link *link = item;
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

/*
 * Decode the fields of this tag into as many items. Returns false if out of memory: then the first
 * `count` are complete.
 */
static bool unpack_all(struct tote__slice fields, uint8_t tag, struct tote__arena *arena,
                       bool (*unpack)(struct tote__slice content, struct tote__arena *arena,
                                      void *item),
                       void *items, size_t item_size, size_t *count) {
    struct tote__field field;

    while (tote__next_field(&fields, &field)) {
        if (tote__field_tag(&field) != tag) {
            continue;
        }
        if (!unpack(field.content, arena, (char *)items + *count * item_size)) {
            return false;
        }
        ++*count;
    }
    return true;
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
    view->events = tote__arena_allocate(&view->arena,
                                        tote__count_fields(source->events, TOTE__SPAN_EVENT >> 3) *
                                            sizeof *view->events);
    view->links =
        tote__arena_allocate(&view->arena, tote__count_fields(source->links, TOTE__SPAN_LINK >> 3) *
                                               sizeof *view->links);
    if (view->name && view->description && view->events && view->links &&
        tote__unpack_attributes(source->attributes, TOTE__SPAN_ATTRIBUTE >> 3, &view->arena,
                                &view->attributes, &view->attribute_count) &&
        unpack_all(source->events, TOTE__SPAN_EVENT, &view->arena, unpack_event, view->events,
                   sizeof *view->events, &view->event_count) &&
        unpack_all(source->links, TOTE__SPAN_LINK, &view->arena, unpack_link, view->links,
                   sizeof *view->links, &view->link_count)) {
        return view;
    }
    tote__span_view_free(view);
    return NULL;
}

void tote__span_view_free(struct span_view *view) {
    if (!view) {
        return;
    }
    for (size_t i = 0; view->links && i < view->link_count; i++) {
        tote_trace_state_unref(view->links[i].context->trace_state);
    }
    tote__arena_clear(&view->arena);
    tote__release(view, sizeof *view);
}
