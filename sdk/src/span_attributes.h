/* SPDX-License-Identifier: MIT */
/*
 * span_attributes.h - attributes, events and links of a recording span
 *
 * The caller holds the span's lock, or the span is not published yet.
 */
#ifndef TOTE_SDK_SPAN_ATTRIBUTES_H
#define TOTE_SDK_SPAN_ATTRIBUTES_H

#include "span.h"
#include "tote/internal/store.h"

/* Prepare the process for spans. Thread-safe. */
void tote__span_attributes_prepare(void);

/* Set attributes in their order. Those that cannot be kept are counted. */
void tote__span_put_attributes(struct span *span, const tote_attribute *attributes, size_t count);

/* Add a store entry as an attribute, unless the span has that key. Counted as above. */
void tote__span_put_store_entry(struct span *span, const struct tote__entry *entry);

void tote__span_put_event(struct span *span, const char *name, const tote_attribute *attributes,
                          size_t attribute_count, uint64_t time_unix_nano);
void tote__span_put_link(struct span *span, const tote_span_context *context,
                         const tote_attribute *attributes, size_t attribute_count);

#endif
