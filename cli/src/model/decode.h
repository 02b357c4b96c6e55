/* SPDX-License-Identifier: MIT */
/*
 * decode.h - read an OTLP request
 */
#ifndef TOTE_CLI_DECODE_H
#define TOTE_CLI_DECODE_H

#include "receipt.h"
#include "trace.h"

/* A request whose messages can be read without further checks, and kept as they are. */
struct decoded {
    struct tote__slice bytes; /* borrowed from the caller, or `owned` */
    uint8_t *owned;
    size_t owned_size;
};

/*
 * Check a request. Text that is not valid UTF-8 is repaired, and fields that are not in the order
 * of their numbers are sorted, in a copy. Returns TAKEN; MALFORMED if the bytes are not a request
 * or it is nested too deeply; TOO_LARGE if it takes more than DECODED_MOST bytes; BUSY if out of
 * memory. The caller calls decode_clear() in any case.
 */
enum outcome decode_request(struct decoded *decoded, const uint8_t *bytes, size_t size);
void decode_clear(struct decoded *decoded);

/* Read a varint of at most this many bytes. Returns false if there is none. */
bool decode_varint(struct tote__slice *rest, uint64_t *number, unsigned most_bytes);

/* The parts of a Span that its index entry does not contain, borrowed from the message. */
struct decoded_span {
    const uint8_t *trace_id;
    struct tote__slice name;
};

/*
 * Fill the index entry of the Span in span->message, except what is interned. Returns false if an
 * id is invalid.
 */
bool decode_span(struct trace_span *span, struct decoded_span *parts);

/*
 * Return the content of the first length-delimited field with this number; size 0: there is none.
 * The messages of a trace_resource and of a trace_scope have the Resource or the scope as field 1.
 */
struct tote__slice decode_field(struct tote__slice message, uint32_t number);

/*
 * Return the value of the first attribute with this key that is a text. The tag is that of
 * attributes in the message. Size 0: there is none.
 */
struct tote__slice decode_text(struct tote__slice message, uint32_t tag, const char *key);

#endif
