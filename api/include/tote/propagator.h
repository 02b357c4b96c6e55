/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagator.h
 * Propagation: a context to and from the headers of a message.
 * Spec: context/api-propagators.md
 *
 * A carrier is whatever holds the headers. Tote reads it through one function and
 * writes it through another; for arrays of name-value pairs both exist already.
 * The global propagator does nothing until an SDK starts or one is set; tote/propagators.h
 * has those that come with Tote.
 *
 * Threads:  any; a carrier is used by the calling thread only, during the call.
 */
#ifndef TOTE_PROPAGATOR_H
#define TOTE_PROPAGATOR_H

#include "tote/context.h"

TOTE_BEGIN_DECLS

typedef struct tote_propagator tote_propagator;

/** Take one header. Returns: false when no more are wanted. */
typedef bool (*tote_header_visitor)(void *arg, const char *name, size_t name_length,
                                    const char *value, size_t value_length);

/** Reads a carrier: make it a constant. Spec: context/api-propagators.md#getter-argument */
typedef struct tote_text_map_getter {
    size_t struct_size;

    /**
     * Pass every header called `key` to `visit`, one call for each, in order, until it returns
     * false; all headers when `key` is NULL. Passing headers of other names too is fine: Tote
     * compares names itself, ignoring case. So the simplest getter passes them all, always.
     */
    void (*get_all)(const void *carrier, const char *key, tote_header_visitor visit, void *arg);
} tote_text_map_getter;

/** Writes a carrier: make it a constant. Spec: context/api-propagators.md#setter-argument */
typedef struct tote_text_map_setter {
    size_t struct_size;

    /**
     * Make `value` the one header called `key`: remove those of the same name, in any case, first.
     * `key` is lower case, but for the names of baggage in the headers of Jaeger and OT trace; both
     * end with NUL. A NULL value only removes.
     */
    void (*set)(void *carrier, const char *key, const char *value, size_t value_length);
} tote_text_map_setter;

/**
 * Write `context` (NULL: the current one) into the carrier. A format that has a value replaces all
 * of its headers: a new traceparent without a tracestate removes an older tracestate. A format that
 * has none (no valid span, no baggage) leaves the carrier as it is. To use a carrier for another
 * message, remove the fields of the propagator first: tote_propagator_get_field(). A retry of the
 * same message needs no such care. Spec: context/api-propagators.md#fields
 */
TOTE_API void tote_inject(const tote_context *context, void *carrier,
                          const tote_text_map_setter *setter);

/**
 * A context with what the carrier says over `context` (NULL: the current one; a server starts
 * from tote_context_root()). What cannot be read leaves that part as it was. Never NULL: unref it.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_extract(const tote_context *context, const void *carrier,
                                                  const tote_text_map_getter *getter);

/** The same two with a propagator of your choice. NULL does nothing. */
TOTE_API void tote_propagator_inject(const tote_propagator *propagator, const tote_context *context,
                                     void *carrier, const tote_text_map_setter *setter);
TOTE_API TOTE_MUST_USE tote_context *tote_propagator_extract(const tote_propagator *propagator,
                                                             const tote_context *context,
                                                             const void *carrier,
                                                             const tote_text_map_getter *getter);

/** The names this propagator writes. Borrowed; NULL past the end. */
TOTE_API const char *tote_propagator_get_field(const tote_propagator *propagator, size_t index);

/**
 * A context whose message goes to `host`, as it stands in the URL; NULL takes that back. For one
 * injection: what limits propagation by destination asks for it, and takes a host that it is not
 * told for one that is not allowed.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_destination(const tote_context *context,
                                                                   const char *host);

/** Borrowed from the context; NULL when it is not known. */
TOTE_API const char *tote_context_get_destination(const tote_context *context);

/**
 * A header with its lengths; a carrier without callbacks, also for bindings. Its layout never
 * changes.
 */
typedef struct tote_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
} tote_header;

/** Extract from an array of headers. */
TOTE_API TOTE_MUST_USE tote_context *tote_extract_headers(const tote_context *context,
                                                          const tote_header *headers, size_t count);

/**
 * Inject into an array of headers, whose text goes to `buffer`, ended with NUL. What does not fit
 * is left out whole, with a diagnostic; 16 headers and TOTE_INJECT_BUFFER_BYTES are always enough
 * for the propagators that come with Tote, except for Jaeger and OT trace, which have a header for
 * each entry of baggage. Returns: how many headers were written. Remove yours of the same names
 * before you add them.
 */
TOTE_API size_t tote_inject_headers(const tote_context *context, tote_header *headers,
                                    size_t capacity, char *buffer, size_t size);

#define TOTE_INJECT_BUFFER_BYTES 32768

/**
 * An array of headers as a carrier: what most servers hold. Setting a header replaces those of its
 * name, in any case, and copies its text to `buffer`; nothing is allocated. What does not fit is
 * left out whole, with a diagnostic.
 */
typedef struct tote_header_array {
    tote_header *headers;
    size_t count;    /**< how many there are */
    size_t capacity; /**< how many there is room for */
    char *buffer;    /**< moves on as it is used */
    size_t size;     /**< how much of it is left */
} tote_header_array;

TOTE_API const tote_text_map_getter *tote_header_array_getter(void);
TOTE_API const tote_text_map_setter *tote_header_array_setter(void);

/** What inject and extract use; NULL: nothing again. Keeps a reference. */
TOTE_API void tote_propagator_set_global(tote_propagator *propagator);

/** One more reference to the global propagator: unref it. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_ref_global(void);

TOTE_API tote_propagator *tote_propagator_ref(const tote_propagator *propagator);
TOTE_API void tote_propagator_unref(tote_propagator *propagator);

TOTE_END_DECLS

#define TOTE__OFF_PROPAGATOR
#include "tote/disabled.h"

#endif
