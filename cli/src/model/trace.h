/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a received trace
 *
 * All memory of a trace is in its arena. Text is UTF-8 without control characters: it is safe to
 * display.
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
    const char *status_message; /* "" if none */
    uint64_t start_unix_nano;
    uint64_t end_unix_nano;
    struct trace_attribute *attributes;
    size_t attribute_count;
    struct trace_event *events;
    size_t event_count;
    uint32_t dropped_attribute_count; /* reported by the sender */
    uint32_t dropped_event_count;
    uint32_t dropped_link_count;
};

struct trace_list {
    struct trace *first;
    struct trace *last;
};

struct trace {
    struct trace_list *list; /* the list that contains it; NULL: none */
    struct trace *previous;  /* in that list */
    struct trace *next;
    struct trace *next_in_bucket;
    uint8_t id[16];
    struct tote__arena arena;
    struct trace_span *spans; /* unordered */
    size_t span_count;
    uint64_t start_unix_nano; /* of the earliest span */
    size_t bytes;             /* of memory, estimated */
    uint64_t last_news_ms;    /* when it got its last span, on the clock of the viewer */
};

#endif
