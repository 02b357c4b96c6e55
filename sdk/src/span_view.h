/* SPDX-License-Identifier: MIT */
/*
 * span_view.h - decoded attributes, events and links of an OTLP Span
 */
#ifndef TOTE_SDK_SPAN_VIEW_H
#define TOTE_SDK_SPAN_VIEW_H

#include "tote/internal/wire.h"
#include "tote/sdk/span_data.h"

struct span_view {
    struct tote__arena arena;
    const char *name;
    const char *description;
    tote_attribute *attributes;
    size_t attribute_count;
    tote_event *events;
    size_t event_count;
    tote_link *links;
    size_t link_count;
};

/* Encoded parts; slices may be equal. */
struct span_view_source {
    struct tote__slice name;
    struct tote__slice description;
    struct tote__slice attributes;
    struct tote__slice events;
    struct tote__slice links;
};

/* Decode all parts. Returns NULL if out of memory. */
struct span_view *tote__span_view_new(const struct span_view_source *source);

/* Free a view. NULL is allowed. */
void tote__span_view_free(struct span_view *view);

/* Copy an id if the content has its size. */
void tote__read_id(void *id, size_t size, struct tote__slice content);

#endif
