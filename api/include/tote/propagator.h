/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagator.h
 * Propagation: contexts to and from the headers of messages. Spec: context/api-propagators.md
 *
 * A carrier is any object that contains headers. Tote reads it with a getter and writes it with a
 * setter. Both exist for arrays of name-value pairs: see tote_header_array.
 *
 * The global propagator does nothing until an SDK starts or tote_propagator_set_global() sets one.
 * tote/propagators.h has the built-in propagators, tote/propagator_ops.h is for your own.
 *
 * Threads:  thread-safe. Only the calling thread uses the carrier, and only during the call.
 * Lifetime: propagators are reference counted.
 */
#ifndef TOTE_PROPAGATOR_H
#define TOTE_PROPAGATOR_H

#include "tote/context.h"

TOTE_BEGIN_DECLS

/** Writes contexts into headers and reads them. Reference counted. */
typedef struct tote_propagator tote_propagator;

/**
 * Receive one header. `name` and `value` are borrowed during the call and may lack a NUL. Returns
 * false to stop: no other header is passed.
 */
typedef bool (*tote_header_visitor)(void *arg, const char *name, size_t name_length,
                                    const char *value, size_t value_length);

/** Reads a carrier. Define a constant. Spec: context/api-propagators.md#getter-argument */
typedef struct tote_text_map_getter {
    size_t struct_size;

    /**
     * Pass each header with the name `key` to `visit`, in order, until it returns false. If `key`
     * is NULL, pass all headers. A getter may also pass headers with other names: Tote compares the
     * names itself, ignoring case. So the simplest getter ignores `key`.
     */
    void (*get_all)(const void *carrier, const char *key, tote_header_visitor visit, void *arg);
} tote_text_map_getter;

/** Writes a carrier. Define a constant. Spec: context/api-propagators.md#setter-argument */
typedef struct tote_text_map_setter {
    size_t struct_size;

    /**
     * Remove all headers with the name `key`, ignoring case, then add one with `value`. If `value`
     * is NULL, only remove. Both texts end with NUL and are borrowed during the call. `key` is
     * lower case, except for the names of baggage entries in the formats of Jaeger and OT trace.
     */
    void (*set)(void *carrier, const char *key, const char *value, size_t value_length);
} tote_text_map_setter;

/**
 * Write `context` into the carrier with the global propagator.
 *
 * A format that has a value replaces all its headers: a new traceparent without a tracestate
 * removes an older tracestate. A format that has no value (no valid span, no baggage) does not
 * change the carrier. So a retry of the same message needs no preparation. Before you use a carrier
 * for another message, remove the headers of tote_propagator_get_field(). Does nothing for a
 * context of tote_context_with_suppression(). Spec: context/api-propagators.md#inject
 */
TOTE_API void tote_inject(const tote_context *context, void *carrier,
                          const tote_text_map_setter *setter);

/**
 * Return `context` with the span context and the baggage of the carrier, read by the global
 * propagator. Servers pass tote_context_root(). A value that cannot be parsed changes nothing.
 * Never NULL. Spec: context/api-propagators.md#extract
 */
TOTE_API TOTE_MUST_USE tote_context *tote_extract(const tote_context *context, const void *carrier,
                                                  const tote_text_map_getter *getter);

/** Inject and extract with another propagator. A NULL propagator does nothing. */
TOTE_API void tote_propagator_inject(const tote_propagator *propagator, const tote_context *context,
                                     void *carrier, const tote_text_map_setter *setter);
TOTE_API TOTE_MUST_USE tote_context *tote_propagator_extract(const tote_propagator *propagator,
                                                             const tote_context *context,
                                                             const void *carrier,
                                                             const tote_text_map_getter *getter);

/**
 * Return the name of a header that the propagator writes, or NULL if `index` is past the last one.
 * Each name is returned once. Headers for single baggage entries, as in the format of Jaeger, are
 * not included. Borrowed from the propagator. Spec: context/api-propagators.md#fields
 */
TOTE_API const char *tote_propagator_get_field(const tote_propagator *propagator, size_t index);

/**
 * Return a context for a message to `host`, written as in the URL, without port; an IPv6 address
 * has brackets. NULL removes the host. Inject this context only: propagators of
 * tote_propagator_allowed_hosts_new() compare the host, and a missing host is not allowed. If out
 * of memory, the result has no destination, and may be the root context.
 */
TOTE_API TOTE_MUST_USE tote_context *tote_context_with_destination(const tote_context *context,
                                                                   const char *host);

/** Return the host, or NULL if it is unknown. Borrowed from the context. */
TOTE_API const char *tote_context_get_destination(const tote_context *context);

/** A header with its lengths. The texts need no NUL. Frozen: its layout never changes. */
typedef struct tote_header {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
} tote_header;

/** Call tote_extract() for an array of headers. The array is borrowed during the call. */
TOTE_API TOTE_MUST_USE tote_context *tote_extract_headers(const tote_context *context,
                                                          const tote_header *headers, size_t count);

/**
 * Call tote_inject() for an empty array of headers. The text is written to `buffer`, with NULs, and
 * the headers point into it. A header that does not fit is left out, with a diagnostic. 16 headers
 * and TOTE_INJECT_BUFFER_BYTES are enough for the built-in propagators, except for the baggage of
 * Jaeger and OT trace, which has one header for each entry. Returns the number of headers. If you
 * add them to a message, remove its headers with the same names first.
 */
TOTE_API size_t tote_inject_headers(const tote_context *context, tote_header *headers,
                                    size_t capacity, char *buffer, size_t size);

/** A size of the buffer that tote_inject_headers() recommends. */
#define TOTE_INJECT_BUFFER_BYTES 32768

/**
 * An array of headers as a carrier. Setting a header removes headers with its name, ignoring case,
 * and copies the text of the new one to `buffer`. No memory is allocated. A header that does not
 * fit is left out, with a diagnostic. Frozen: its layout never changes.
 */
typedef struct tote_header_array {
    tote_header *headers;
    size_t count;    /**< number of headers */
    size_t capacity; /**< size of the array, in headers */
    char *buffer;    /**< start of the unused part of the buffer */
    size_t size;     /**< size of the unused part, in bytes */
} tote_header_array;

/** Return the functions for a carrier of the type tote_header_array. Static. */
TOTE_API const tote_text_map_getter *tote_header_array_getter(void);
TOTE_API const tote_text_map_setter *tote_header_array_setter(void);

/**
 * Set the global propagator and keep a reference to it. NULL: inject and extract do nothing.
 * Threads that use the old one finish with it; its reference may be released by a later call.
 */
TOTE_API void tote_propagator_set_global(tote_propagator *propagator);

/** Return the global propagator, or NULL if there is none. The caller owns the reference. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_ref_global(void);

/** Add a reference, and return it. Release it with tote_propagator_unref(). */
TOTE_API tote_propagator *tote_propagator_ref(const tote_propagator *propagator);

/** Release a reference. The last one frees the propagator. */
TOTE_API void tote_propagator_unref(tote_propagator *propagator);

TOTE_END_DECLS

#define TOTE__OFF_PROPAGATOR
#include "tote/disabled.h"

#endif
