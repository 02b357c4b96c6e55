/* SPDX-License-Identifier: MIT */
/*
 * intern.h - shared texts, resources and scopes, with reference counts
 *
 * Threads: not thread-safe.
 */
#ifndef TOTE_CLI_INTERN_H
#define TOTE_CLI_INTERN_H

#include "trace.h"

/* Begins as all zero, except the seed. */
struct intern {
    struct table table;
    uint64_t seed; /* of hashes */
    size_t bytes;  /* of memory, estimated */
};

/* Return a shared copy that ends with NUL, to be released; NULL if out of memory. */
const char *intern_text(struct intern *intern, const char *text, size_t length);
void intern_release_text(struct intern *intern, const char *text);

/* Return one more reference. */
const char *intern_ref_text(const char *text);
const struct trace_resource *intern_ref_resource(const struct trace_resource *resource);
const struct trace_scope *intern_ref_scope(const struct trace_scope *scope);

/* The same for the fields of a ResourceSpans and of a ScopeSpans without their spans. */
const struct trace_resource *intern_resource(struct intern *intern, struct tote__slice message);
void intern_release_resource(struct intern *intern, const struct trace_resource *resource);
const struct trace_scope *intern_scope(struct intern *intern, struct tote__slice message);
void intern_release_scope(struct intern *intern, const struct trace_scope *scope);

#endif
