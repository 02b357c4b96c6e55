/* SPDX-License-Identifier: MIT */
/*
 * spop.h - frames of HAProxy's stream processing offload protocol, version 2.0
 * Spec: HAProxy, SPOE.txt section 3
 *
 * Reading copies nothing: texts point into the frame. Every length is checked. A function that
 * returns false has found the end or an error; the cursor says which.
 */
#ifndef TOTE_HAPROXY_SPOP_H
#define TOTE_HAPROXY_SPOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    SPOP_LENGTH_BYTES = 4,  /* before each frame */
    SPOP_LEAST_FRAME = 256, /* both sides accept this */
    SPOP_MOST_FRAME = 16380 /* HAProxy's default: its buffers without the length */
};

enum spop_type {
    SPOP_HAPROXY_HELLO = 1,
    SPOP_HAPROXY_DISCONNECT = 2,
    SPOP_NOTIFY = 3,
    SPOP_AGENT_HELLO = 101,
    SPOP_AGENT_DISCONNECT = 102,
    SPOP_ACK = 103
};

/* The status of a disconnection. Spec: SPOE.txt section 3.5 */
enum spop_status {
    SPOP_NORMAL = 0,
    SPOP_TIMEOUT = 2,
    SPOP_TOO_BIG = 3,
    SPOP_INVALID = 4,
    SPOP_NO_VERSION = 5,
    SPOP_NO_FRAME_SIZE = 6,
    SPOP_NO_CAPABILITIES = 7,
    SPOP_BAD_VERSION = 8,
    SPOP_BAD_FRAME_SIZE = 9,
    SPOP_FRAGMENTED = 10,
    SPOP_NO_IDS = 12,
    SPOP_NO_RESOURCES = 13
};

enum spop_kind {
    SPOP_NULL,
    SPOP_BOOL,
    SPOP_INT32,
    SPOP_UINT32,
    SPOP_INT64,
    SPOP_UINT64,
    SPOP_IPV4,
    SPOP_IPV6,
    SPOP_STRING,
    SPOP_BINARY
};

struct spop_text {
    const char *bytes; /* without NUL */
    size_t length;
};

struct spop_value {
    enum spop_kind kind;
    uint64_t number;       /* of a number, or a boolean as 0 or 1 */
    struct spop_text text; /* of a string, binary data or an address */
};

/* A position in a frame. */
struct spop_cursor {
    const unsigned char *at;
    const unsigned char *end;
    bool is_wrong; /* the data is not valid; nothing more is read */
};

struct spop_frame {
    uint8_t type;
    uint64_t stream;
    uint64_t id;
    struct spop_cursor payload;
};

/* What HAProxy announces. */
struct spop_hello {
    size_t frame_size; /* of both sides */
    bool is_health_check;
    bool can_pipeline;
};

/* Read a frame without its length. Returns SPOP_NORMAL, or what is wrong with it. */
enum spop_status spop_read_frame(const void *bytes, size_t size, struct spop_frame *frame);

/* Read the payload of a HAPROXY-HELLO. Returns SPOP_NORMAL, or why it is refused. */
enum spop_status spop_read_hello(struct spop_cursor *payload, struct spop_hello *hello);

/* Read the head of the next message of a NOTIFY: its name and its number of arguments. */
bool spop_next_message(struct spop_cursor *cursor, struct spop_text *name, size_t *count);

/* Read a name and a value. */
bool spop_next_pair(struct spop_cursor *cursor, struct spop_text *name, struct spop_value *value);

/* Read a name and a value of a header, from the data of req.hdrs_bin. */
bool spop_next_header(struct spop_cursor *cursor, struct spop_text *name, struct spop_text *value);

/* Return whether a text is this. */
bool spop_is(struct spop_text text, const char *name);

/* A frame that is being written. */
struct spop_writer {
    unsigned char *start;
    unsigned char *at;
    unsigned char *end;
    bool is_full; /* something did not fit: the frame is not complete */
};

/* Begin a frame in `size` bytes, which include its length. */
void spop_begin(struct spop_writer *writer, void *bytes, size_t size, enum spop_type type,
                uint64_t stream, uint64_t id);

/* Write the length of the frame. Returns the number of bytes of both; 0 if it did not fit. */
size_t spop_finish(struct spop_writer *writer);

/* Write an action that sets a variable of the transaction. Its name is cut to 64 bytes. */
void spop_set_text(struct spop_writer *writer, const char *name, const char *text, size_t length);
void spop_set_bool(struct spop_writer *writer, const char *name, bool value);

/* Write an AGENT-HELLO, or an AGENT-DISCONNECT. Return the number of bytes, with the length. */
size_t spop_write_hello(void *bytes, size_t size, const struct spop_hello *hello);
size_t spop_write_disconnect(void *bytes, size_t size, enum spop_status status);

#endif
