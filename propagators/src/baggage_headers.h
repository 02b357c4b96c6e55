/* SPDX-License-Identifier: MIT */
/*
 * baggage_headers.h - baggage as a header for each entry, whose name begins with a prefix: Jaeger,
 * OT trace
 */
#ifndef TOTE_PROPAGATORS_BAGGAGE_HEADERS_H
#define TOTE_PROPAGATORS_BAGGAGE_HEADERS_H

#include "baggage_rules.h"

/* The limit of most implementations of these formats. */
enum { BAGGAGE_HEADERS_USUAL_MEMBERS = 64 };

/*
 * Write the entries of the context. If `is_encoded` is false, an entry whose value is not a valid
 * header value is left out.
 */
void tote__baggage_headers_inject(const struct baggage_rules *rules, const char *prefix,
                                  bool is_encoded, const tote_context *context, void *carrier,
                                  const tote_text_map_setter *setter);

/* Read the entries of a message. */
void tote__baggage_headers_read(struct baggage_reader *reader, const char *prefix, bool is_encoded,
                                const void *carrier, const tote_text_map_getter *getter);

#endif
