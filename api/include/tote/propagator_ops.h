/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagator_ops.h
 * For programs that implement a propagator. The built-in ones are in tote/propagators.h.
 * Spec: context/api-propagators.md
 *
 * Threads: thread-safe. Callbacks may run on any thread, concurrently.
 */
#ifndef TOTE_PROPAGATOR_OPS_H
#define TOTE_PROPAGATOR_OPS_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** The functions of a propagator. Each may be NULL: then it does nothing. */
typedef struct tote_propagator_ops {
    size_t struct_size;

    /**
     * Write the values of `context` into the carrier. If you have a value, set all your fields: set
     * those without a value to NULL, which removes them. If you have none, do not change the
     * carrier. `context` is never NULL and never suppressed.
     */
    void (*inject)(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter);

    /**
     * Return `context`, which is never NULL, with the values of the carrier. If there is no value
     * that can be parsed, return a new reference to `context`. NULL has the same meaning.
     */
    tote_context *(*extract)(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter);

    /** Return the name of a header that inject writes, or NULL if `index` is past the last one. */
    const char *(*get_field)(void *self, size_t index);

    /** Free `self`. Called once, when no reference is left and no call runs. */
    void (*destroy)(void *self);
} tote_propagator_ops;

/**
 * Create a propagator. Takes ownership of `self`, also on failure. Copies `ops`. Never NULL: if out
 * of memory, returns a propagator that does nothing, with a diagnostic.
 */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new(const tote_propagator_ops *ops,
                                                            void *self);

/**
 * Pass each header with the name `key`, ignoring case, to `visit`, and no other header. If `key` is
 * NULL, pass all headers. Propagators read carriers with this function instead of calling the
 * getter.
 */
TOTE_API void tote_text_map_getter_get_all(const tote_text_map_getter *getter, const void *carrier,
                                           const char *key, tote_header_visitor visit, void *arg);

/** Create a propagator with default options. Returns a reference; NULL: one that does nothing. */
typedef tote_propagator *(*tote_propagator_constructor)(void);

/**
 * Register a name for OTEL_PROPAGATORS and tote_propagator_from_names(), which ignore case. The
 * built-in names take precedence, then the name registered last. A name cannot be unregistered:
 * `make` must stay loaded until the process ends. Returns false, with a diagnostic, if the name is
 * not a token of HTTP, if `make` is NULL, or if out of memory.
 */
TOTE_API bool tote_propagator_register(const char *name, tote_propagator_constructor make);

TOTE_END_DECLS
#endif
