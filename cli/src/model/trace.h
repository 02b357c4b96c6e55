/* SPDX-License-Identifier: MIT */
/*
 * trace.h - a received trace and the index of its spans
 *
 * A span is kept as the bytes of its OTLP message, with an index entry for lists and pictures.
 * details.h decodes the rest. Text is UTF-8 without control characters: it is safe to display.
 *
 * Threads: read traces and spans while the lock of the model is held. A pinned trace and its spans
 * stay allocated without the lock, but a span that was unfinished may get new content.
 */
#ifndef TOTE_CLI_TRACE_H
#define TOTE_CLI_TRACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "table.h"
#include "tote/internal/wire.h"
#include "tote/span.h"

enum { TRACE_MOST_SERVICES = 256 };

/* The fields of a ResourceSpans, without its spans. Spans of equal resources share it. */
struct trace_resource {
    const char *service; /* "?" if it has no name */
    struct tote__slice message;
};

/* The fields of a ScopeSpans, without its spans. Spans of equal scopes share it. */
struct trace_scope {
    const char *name;
    struct tote__slice message;
};

struct trace_span {
    struct table_entry entry; /* of the model */
    struct trace_span *next;  /* in its trace */
    struct trace_span *previous;
    struct trace *trace;
    struct trace_span *parent;  /* may be missing; NULL: none */
    struct trace_span *content; /* the block with the message: this one, or that of a later state */
    size_t block_bytes;         /* size of this block */
    uint8_t id[8];
    uint8_t parent_id[8];
    bool has_parent;
    bool is_error;
    bool is_open;    /* unfinished: without an end, or with tote.span.unfinished=true */
    bool is_missing; /* only named as a parent: not in the list of the trace */
    tote_status_code status;
    tote_span_kind kind;
    const char *name;
    const char *service;
    uint64_t start_unix_nano;
    uint64_t end_unix_nano; /* never before the start */
    uint32_t attribute_count;
    uint32_t event_count;
    uint32_t link_count;
    uint32_t index; /* used by tree_make() */
    const struct trace_resource *resource;
    const struct trace_scope *scope;
    struct tote__slice message; /* the OTLP Span in protobuf, with valid UTF-8 */
};

struct trace {
    struct trace *older; /* by the last span that arrived */
    struct trace *newer;
    uint8_t id[16];
    struct trace_span *spans; /* unordered, the newest first */
    size_t span_count;
    size_t error_count;
    size_t open_count;
    size_t missing_count;          /* parents that were not received */
    size_t service_count;          /* at most TRACE_MOST_SERVICES */
    const char **services;         /* in the order of their arrival */
    const struct trace_span *root; /* the earliest span without a parent, else the earliest span */
    bool is_complete;              /* it has a span without a parent, and every parent */
    uint64_t start_unix_nano;      /* of the earliest span */
    uint64_t end_unix_nano;        /* of the last one to end */
    uint64_t last_news_ms;         /* when it got its last span, on the clock of the viewer */
    uint64_t version;              /* of the model when it last changed */
    size_t bytes;                  /* of memory, estimated */
    size_t drawn_count;            /* spans when the plain display drew it last; 0: never */
    uint64_t drawn_version;        /* its version then */

    /* For the model. */
    struct table_entry entry;
    struct model *model;
    struct trace_span *missing; /* parents that were not received */
    struct trace_list *list;    /* awaited or evictable traces; NULL: the trace is pinned */
    struct trace *previous;
    struct trace *next;
    unsigned pin_count;
    bool is_awaited;
    size_t service_capacity;
};

struct trace_list {
    struct trace *first;
    struct trace *last;
};

#endif
