/* SPDX-License-Identifier: MIT */
/*
 * span_values.h - what a command line says about a span
 */
#ifndef TOTE_CLI_SPAN_VALUES_H
#define TOTE_CLI_SPAN_VALUES_H

#include "attributes.h"
#include "parent.h"
#include "program.h"
#include "tote/api.h"

struct span_values_event {
    const char *name;
    uint64_t time; /* 0: none is given */
    struct attributes attributes;
};

/* Begin with span_values_begin(). Texts are borrowed from the command line. */
struct span_values {
    uint64_t now;
    const char *name;
    unsigned kind;  /* a tote_span_kind */
    uint64_t start; /* 0: not given */
    uint64_t end;   /* 0: not given */
    int status;     /* a tote_status_code; -1: not given */
    const char *message;
    struct attributes attributes;
    struct span_values_event *events;
    size_t event_count;
    struct parent_links links;
    /* Targets of the options: */
    struct program_call set_kind, set_start, set_end, set_status, set_message, add_attribute,
        add_event, set_event_time, add_event_attribute, add_link;
};

void span_values_begin(struct span_values *values);
void span_values_clear(struct span_values *values);

/* Options for tables. */
#define SPAN_VALUES_CALL(option, is, what, call, text)                                             \
    {                                                                                              \
        .name = (option), .letter = (is), .kind = PROGRAM_CALL, .value = (what),                   \
        .target = &(call), .help = (text)                                                          \
    }
#define SPAN_VALUES_NAME(values)                                                                   \
    {                                                                                              \
        .name = "name", .letter = 'n', .kind = PROGRAM_TEXT, .value = "NAME",                      \
        .target = &(values).name, .help = "name of the span"                                       \
    }
#define SPAN_VALUES_KIND(values)                                                                   \
    SPAN_VALUES_CALL("kind", 'k', "KIND", (values).set_kind,                                       \
                     "internal (default), server, client, producer or consumer")
#define SPAN_VALUES_START(values)                                                                  \
    SPAN_VALUES_CALL("start", 0, "TIME", (values).set_start,                                       \
                     "start of the span (now); a time is now, -5s, seconds, milliseconds, "        \
                     "microseconds or nanoseconds since 1970, or RFC 3339")
#define SPAN_VALUES_END(values)                                                                    \
    SPAN_VALUES_CALL("end", 0, "TIME", (values).set_end, "end of the span (now)")
#define SPAN_VALUES_STATUS(values)                                                                 \
    SPAN_VALUES_CALL("status", 0, "CODE", (values).set_status, "unset (default), ok or error"),    \
        SPAN_VALUES_CALL("status-message", 0, "TEXT", (values).set_message,                        \
                         "why the status is error")
#define SPAN_VALUES_ATTRIBUTE(values)                                                              \
    SPAN_VALUES_CALL("attr", 'a', "KEY=VALUE", (values).add_attribute,                             \
                     "add an attribute; KEY:=JSON gives it another type than string, such as "     \
                     "size:=42, ok:=true or ids:=[1,2]")
#define SPAN_VALUES_EVENT(values)                                                                  \
    SPAN_VALUES_CALL("event", 'e', "NAME", (values).add_event, "add an event"),                    \
        SPAN_VALUES_CALL("event-time", 0, "TIME", (values).set_event_time,                         \
                         "time of the --event before it (end of the span)"),                       \
        SPAN_VALUES_CALL("event-attr", 0, "KEY=VALUE", (values).add_event_attribute,               \
                         "add an attribute to the --event before it")
#define SPAN_VALUES_LINK(values)                                                                   \
    SPAN_VALUES_CALL("link", 'l', "TRACEPARENT", (values).add_link, "add a link to another span")

/*
 * Start a span with the name, the kind, the start, the attributes and the links. Never NULL.
 */
tote_span *span_values_start(const struct span_values *values, tote_tracer *tracer,
                             const tote_context *parent);

/* Return the end of the span. */
uint64_t span_values_end(const struct span_values *values);

/* Add the events, at the end of the span if they have no time, and the status. */
void span_values_finish(const struct span_values *values, tote_span *span);

#endif
