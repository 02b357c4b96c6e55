/* SPDX-License-Identifier: MIT */
/*
 * foreign.h - spans of other formats, converted to OTLP requests
 */
#ifndef TOTE_CLI_FOREIGN_H
#define TOTE_CLI_FOREIGN_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "requests.h"
#include "tote/internal/buffer.h"
#include "tote/value.h"

/* Converted spans on their way to the caller. Begins as all zero, except take and arg. */
struct foreign {
    requests_take *take;
    void *arg;
    struct receipt receipt; /* the sum; the outcome is that of the first failure */
    size_t span_count;
    struct tote__buffer request; /* of several spans */
    struct tote__buffer parts[3];
    bool is_out_of_memory;
};

/* A span that is being converted. Texts are borrowed, NULL: none. Buffers contain whole fields. */
struct foreign_span {
    uint8_t trace_id[16];
    uint8_t id[8];
    uint8_t parent_id[8]; /* zeros: none */
    const char *trace_state;
    const char *name;
    const char *kind; /* in either case */
    uint64_t start_unix_nano;
    uint64_t end_unix_nano; /* 0: unfinished */
    bool is_error;
    bool is_ok;
    const char *status_message;
    const char *service;
    const char *scope_name;
    const char *scope_version;
    struct tote__buffer resource; /* attributes */
    struct tote__buffer attributes;
    struct tote__buffer events;
    struct tote__buffer links;
};

/* Whether a value is Jaeger JSON: {"data": [TRACE...]}, or one trace. */
bool jaeger_is(const json_t *root);

/* Whether a value is Zipkin JSON version 2: a span, or an array of spans or of such arrays. */
bool zipkin_is(const json_t *root);

/* Convert all spans, and hand them over in requests of about a megabyte. */
void jaeger_convert(struct foreign *foreign, const json_t *root);
void zipkin_convert(struct foreign *foreign, const json_t *root);

/* For these: */

/* Return the text of a member of an object; NULL: it is missing, or not a text. */
static inline const char *foreign_text(const json_t *object, const char *key) {
    return json_string_value(json_object_get(object, key));
}

/* Read an id of 8 or 16 bytes from hex digits; shorter ones are padded. Zeros if it is not one. */
void foreign_read_id(uint8_t *id, size_t size, const char *hex);

/* Convert a time in microseconds. 0: it is not a number, or out of range. */
uint64_t foreign_read_time(const json_t *microseconds);

void foreign_put_attribute(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                           const char *key, tote_value value);

/* Put the fields of a message, and clear their buffer. */
void foreign_put_message(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                         struct tote__buffer *message);
void foreign_put_text(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                      const char *text);
void foreign_put_bytes(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                       const void *bytes, size_t size);
void foreign_put_time(struct foreign *foreign, struct tote__buffer *out, uint8_t tag,
                      uint64_t unix_nano);

/*
 * Use a text attribute that OTLP has a field for: the status, the scope or the trace state. Returns
 * false if it is an ordinary one. Spec: trace/sdk_exporters/zipkin.md, non-otlp.md
 */
bool foreign_use_attribute(struct foreign_span *span, const char *key, const char *value);

/* Add a span to the request, and clear its buffers. */
void foreign_add(struct foreign *foreign, struct foreign_span *span);

/* Hand over the rest, and free memory. */
void foreign_finish(struct foreign *foreign);

#endif
