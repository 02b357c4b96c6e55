/* SPDX-License-Identifier: MIT */
/**
 * @file tote/propagator_ops.h
 * For those who write a propagator. The built-in ones are in tote/propagators.h.
 * Spec: context/api-propagators.md
 *
 * Threads: callbacks come on any thread, at once; `self` must stand that.
 */
#ifndef TOTE_PROPAGATOR_OPS_H
#define TOTE_PROPAGATOR_OPS_H

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

typedef struct tote_propagator_ops {
    size_t struct_size;

    /**
     * Write what you have of `context`, never NULL, into the carrier; set the fields you have
     * nothing for to NULL, which removes them.
     */
    void (*inject)(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter);

    /**
     * A context with what the carrier says, over `context`, never NULL; a reference to
     * `context` itself when it says nothing that can be read.
     */
    tote_context *(*extract)(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter);

    const char *(*get_field)(void *self, size_t index); /**< NULL past the end */
    void (*destroy)(void *self);                        /**< may be NULL */
} tote_propagator_ops;

/** Takes `self`, always. If out of memory one that does nothing; never NULL. */
TOTE_API TOTE_MUST_USE tote_propagator *tote_propagator_new(const tote_propagator_ops *ops,
                                                            void *self);

/**
 * Call `visit` for the headers called `key`, ignoring case, and only those; for all when it is
 * NULL: what a propagator reads with.
 */
TOTE_API void tote_text_map_getter_get_all(const tote_text_map_getter *getter, const void *carrier,
                                           const char *key, tote_header_visitor visit, void *arg);

/** Makes a propagator with its defaults. Returns: a reference; NULL does nothing. */
typedef tote_propagator *(*tote_propagator_constructor)(void);

/**
 * Have OTEL_PROPAGATORS and tote_propagator_from_names() find a propagator of yours by this name,
 * whatever the case; built-in names win, then the last registered. `make` must stay for ever.
 * Returns: false when it was not registered.
 */
TOTE_API bool tote_propagator_register(const char *name, tote_propagator_constructor make);

TOTE_END_DECLS
#endif
