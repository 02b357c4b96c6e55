/* SPDX-License-Identifier: MIT */
/*
 * tote/internal/preload.h - what preload objects share
 *
 * A preload object defines functions of another library. The dynamic linker binds the program to
 * these definitions, which pass each call to the library that the caller would be bound to without
 * the preload object. Each preload object contains its own copy of this code.
 *
 * No function changes errno.
 */
#ifndef TOTE_INTERNAL_PRELOAD_H
#define TOTE_INTERNAL_PRELOAD_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tote/context.h"
#include "tote/start.h"

/* The code that called this function. */
#define TOTE__PRELOAD_CALLER __builtin_extract_return_addr(__builtin_return_address(0))

/*
 * library.c: the libraries of one kind in the process, for example libcurl and libcurl-gnutls.
 */
struct tote__preload_library {
    struct tote__preload_library *next;
    uintptr_t start, end; /* the addresses where it is mapped; it stays mapped */
    bool is_complete;     /* has the optional functions */
};

/* Whether a library must have a function. */
enum tote__preload_need {
    TOTE__PRELOAD_REQUIRED, /* calls cannot be passed on without it */
    TOTE__PRELOAD_OPTIONAL, /* a library without it is not complete */
    TOTE__PRELOAD_EXTRA     /* a library without it is complete */
};

/* A function of a library, and where its address is stored. */
struct tote__preload_function {
    const char *name;
    size_t offset; /* of a pointer in the struct that begins with struct tote__preload_library */
    enum tote__preload_need need;
};

/* A kind of library. Only `first` changes. */
struct tote__preload_kind {
    const char *file; /* part of the names of its files: "libcurl" */
    size_t size;      /* of the struct that begins with struct tote__preload_library */
    const struct tote__preload_function *functions; /* the first identifies a library */
    size_t function_count;
    void (*set_up)(struct tote__preload_library *library); /* for a new struct, or NULL */
    _Atomic(struct tote__preload_library *) first;
};

/*
 * Return the library that the code at `caller` is bound to. Returns NULL if there is none, if it
 * lacks a required function, or if out of memory. Fast for recent call sites.
 */
struct tote__preload_library *tote__preload_library_of(struct tote__preload_kind *kind,
                                                       void *caller);

/* Do the same for any address. Slow, and needs no thread-local storage. */
struct tote__preload_library *tote__preload_library_at(struct tote__preload_kind *kind,
                                                       void *address);

/* Whether `caller` is in a library of the kind or in a library of Tote: a nested call. */
bool tote__preload_is_internal(struct tote__preload_kind *kind, void *caller);

/* Return the function that the code at `caller` is bound to; NULL if there is none. Slow. */
void *tote__preload_find(const struct tote__preload_kind *kind, void *caller, const char *name);

/* Return the library with this file name, and load it if necessary; NULL on failure. */
struct tote__preload_library *tote__preload_load(struct tote__preload_kind *kind, const char *name);

/*
 * handles.c: a table of the handles whose creation was intercepted, by address.
 *
 * Structs stay in the table and are never freed, so that a lookup needs no lock. The struct of a
 * handle that was removed is reused.
 */
struct tote__preload_handle {
    struct tote__preload_handle *next;
    _Atomic(const void *) handle; /* NULL: none */
};

enum { TOTE__PRELOAD_BUCKETS = 256 };

struct tote__preload_table {
    size_t size; /* of the struct that begins with struct tote__preload_handle */
    _Atomic(struct tote__preload_handle *) buckets[TOTE__PRELOAD_BUCKETS];
};

/*
 * Return the state of a handle; NULL if its creation was not intercepted. One thread at a time uses
 * a handle and its state.
 */
struct tote__preload_handle *tote__preload_handle_find(struct tote__preload_table *table,
                                                       const void *handle);

/*
 * Return a struct for a new handle, with zeros after the common part. Replaces that of an earlier
 * handle at this address. Returns NULL if the handle is NULL or if out of memory.
 */
struct tote__preload_handle *tote__preload_handle_add(struct tote__preload_table *table,
                                                      const void *handle);

void tote__preload_handle_remove(struct tote__preload_table *table, const void *handle);

/*
 * sdk.c: the SDK of programs that are not changed. All preload objects use the global provider of
 * the process.
 */
struct tote__preload_sdk {
    tote_sdk *(*start)(const tote_sdk_options *options);
    tote_result (*close)(tote_sdk **sdk, uint32_t timeout_ms);
};

/*
 * Return the parent of the next span: the current context, or that of the environment if none is
 * attached. The first call starts the SDK, unless the program has one. If there is no SDK, spans do
 * not record.
 */
const tote_context *tote__preload_parent(void);

/*
 * Set the function that ends open spans when the program exits. It runs before the SDK is closed.
 * Must be called before the first call of tote__preload_parent().
 */
void tote__preload_at_exit(void (*end_spans)(void));

/*
 * libtote.c: find the functions of the SDK. Returns false, with a diagnostic, on failure. This one
 * loads libtote from the folder of the preload object. An object with another SDK defines its own.
 */
bool tote__preload_find_sdk(struct tote__preload_sdk *sdk);

#endif
