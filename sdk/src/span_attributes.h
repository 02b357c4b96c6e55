/* SPDX-License-Identifier: MIT */
/*
 * span_attributes.h - the attributes, events and links of a span that records
 *
 * The caller holds the span's lock, or is the only one who knows the span.
 */
#ifndef TOTE_SDK_SPAN_ATTRIBUTES_H
#define TOTE_SDK_SPAN_ATTRIBUTES_H

#include "span.h"
#include "tote/internal/store.h"

/* Set them, one after the other; what cannot be kept is counted. */
void tote__span_put_attributes(struct span *span, const tote_attribute *attributes, size_t count);

/*
 * Add an entry of the store as an attribute, unless the span has one of that key. Counted as above.
 */
void tote__span_put_store_entry(struct span *span, const struct tote__entry *entry);

void tote__span_put_event(struct span *span, const char *name, const tote_attribute *attributes,
                          size_t attribute_count, uint64_t time_unix_nano);
void tote__span_put_link(struct span *span, const tote_span_context *context,
                         const tote_attribute *attributes, size_t attribute_count);

#endif
