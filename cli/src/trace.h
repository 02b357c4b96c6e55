/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a trace as the viewer keeps it
 *
 * All of a trace lies in its arena. Text is UTF-8 without control characters: it may be shown
 * as it is.
 */
#ifndef TOTE_CLI_TRACE_H
#define TOTE_CLI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tote/internal/memory.h"
#include "tote/span.h"

struct trace_attribute {
    const char *key;
    const char *value;
};

struct trace_event {
    const char *name;
    uint64_t time_unix_nano;
    struct trace_attribute *attributes;
    size_t attribute_count;
    uint32_t dropped_attribute_count;
};

struct trace_span {
    struct trace_span *next;
    uint8_t id[8];
    uint8_t parent_id[8];
    bool has_parent;
    bool is_error;
    tote_span_kind kind;
    const char *name;
    const char *service;
    const char *status_message; /* "" when none */
    uint64_t start_unix_nano;
    uint64_t end_unix_nano;
    struct trace_attribute *attributes;
    size_t attribute_count;
    struct trace_event *events;
    size_t event_count;
    uint32_t dropped_attribute_count; /* by the program that made the span */
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
};

struct trace_list {
    struct trace *first;
    struct trace *last;
};

struct trace {
    struct trace_list *list; /* the list that it is in, NULL: none */
    struct trace *previous;  /* in that list */
    struct trace *next;
    struct trace *next_in_bucket;
    uint8_t id[16];
    struct tote__arena arena;
    struct trace_span *spans; /* in no order */
    size_t span_count;
    uint64_t start_unix_nano; /* of its earliest span */
    size_t bytes;             /* of memory, about */
    uint64_t last_news_ms;    /* of a clock of the viewer's */
};

#endif
