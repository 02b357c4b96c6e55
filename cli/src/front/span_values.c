/* SPDX-License-Identifier: MIT */
/*
 * span_values.c - what a command line says about a span
 *
 * Tests: tests/cli/test_span.sh, tests/unit/test_command_line.c
 */
#include "span_values.h"

#include <stdlib.h>
#include <string.h>

#include "moment.h"
#include "tote/internal/clock.h"

static const char no_time[] = "is not a time, such as -5s, 1764363845.25 or 2026-11-28T21:04:05Z";
static const char no_memory[] = "does not fit in memory";

/* Return the position of a word; -1 if it is none of them. */
static int find_word(const char *const *words, size_t count, const char *text) {
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i], text) == 0) {
            return (int)i;
        }
    }
    return -1;
}

static const char *set_kind(void *self, const char *text) {
    static const char *const kinds[] = {"internal", "server", "client", "producer", "consumer"};
    struct span_values *values = self;
    int kind = find_word(kinds, sizeof kinds / sizeof *kinds, text);

    values->kind = kind < 0 ? 0 : (unsigned)kind;
    return kind < 0 ? "is not internal, server, client, producer or consumer" : NULL;
}

static const char *set_status(void *self, const char *text) {
    static const char *const codes[] = {"unset", "ok", "error"};
    struct span_values *values = self;

    values->status = find_word(codes, sizeof codes / sizeof *codes, text);
    return values->status < 0 ? "is not unset, ok or error" : NULL;
}

static const char *set_message(void *self, const char *text) {
    struct span_values *values = self;

    values->message = text;
    return NULL;
}

static const char *set_start(void *self, const char *text) {
    struct span_values *values = self;

    return moment_read(text, values->now, &values->start) ? NULL : no_time;
}

static const char *set_end(void *self, const char *text) {
    struct span_values *values = self;

    return moment_read(text, values->now, &values->end) ? NULL : no_time;
}

static const char *add_event(void *self, const char *text) {
    struct span_values *values = self;
    struct span_values_event *events =
        realloc(values->events, (values->event_count + 1) * sizeof *events);

    if (!events) {
        return no_memory;
    }
    events[values->event_count++] = (struct span_values_event){.name = text};
    values->events = events;
    return *text ? NULL : "is not a name";
}

static struct span_values_event *last_event(struct span_values *values) {
    return values->event_count ? &values->events[values->event_count - 1] : NULL;
}

static const char *set_event_time(void *self, const char *text) {
    struct span_values *values = self;
    struct span_values_event *event = last_event(values);

    if (!event) {
        return "has no --event before it";
    }
    return moment_read(text, values->now, &event->time) ? NULL : no_time;
}

static const char *add_event_attribute(void *self, const char *text) {
    struct span_values_event *event = last_event(self);

    return event ? attributes_add(&event->attributes, text) : "has no --event before it";
}

void span_values_begin(struct span_values *values) {
    *values = (struct span_values){.now = tote__clock_realtime(), .status = -1};
    values->set_kind = (struct program_call){set_kind, values};
    values->set_start = (struct program_call){set_start, values};
    values->set_end = (struct program_call){set_end, values};
    values->set_status = (struct program_call){set_status, values};
    values->set_message = (struct program_call){set_message, values};
    values->add_attribute = (struct program_call){attributes_add, &values->attributes};
    values->add_event = (struct program_call){add_event, values};
    values->set_event_time = (struct program_call){set_event_time, values};
    values->add_event_attribute = (struct program_call){add_event_attribute, values};
    values->add_link = (struct program_call){parent_add_link, &values->links};
}

void span_values_clear(struct span_values *values) {
    for (size_t i = 0; i < values->event_count; i++) {
        attributes_clear(&values->events[i].attributes);
    }
    parent_clear_links(&values->links);
    free(values->events);
    attributes_clear(&values->attributes);
}

tote_span *span_values_start(const struct span_values *values, tote_tracer *tracer,
                             const tote_context *parent) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = parent;
    options.kind = values->kind;
    options.start_time_unix_nano = values->start                              ? values->start
                                   : values->end && values->end < values->now ? values->end
                                                                              : values->now;
    options.attributes = values->attributes.items;
    options.attribute_count = values->attributes.count;
    options.links = values->links.items;
    options.link_count = values->links.count;
    return tote_tracer_start_span(tracer, values->name, &options);
}

uint64_t span_values_end(const struct span_values *values) {
    return values->end ? values->end : values->now;
}

void span_values_finish(const struct span_values *values, tote_span *span) {
    int status = values->message && values->status < 0 ? TOTE_STATUS_CODE_ERROR : values->status;

    for (size_t i = 0; i < values->event_count; i++) {
        const struct span_values_event *event = &values->events[i];
        tote_span_add_event(span, event->name, event->attributes.items, event->attributes.count,
                            event->time ? event->time : span_values_end(values));
    }
    if (status > TOTE_STATUS_CODE_UNSET) {
        tote_span_set_status(span, (tote_status_code)status, values->message);
    }
}
