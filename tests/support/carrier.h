/* SPDX-License-Identifier: MIT */
/*
 * carrier.h - headers in memory: what tests extract from and inject into
 *
 * Starts out all zero. Setting replaces, as the API asks for; names are kept as they are given.
 */
#ifndef TOTE_TESTS_CARRIER_H
#define TOTE_TESTS_CARRIER_H

#include "tote/propagator.h"

enum { CARRIER_MOST_HEADERS = 32 };

struct carrier {
    struct {
        char *name;
        char *value;
        size_t value_length;
    } headers[CARRIER_MOST_HEADERS];
    size_t count;
    size_t calls; /* of the setter */
};

/* Add a header, also one of a name that is there; a value of strlen() bytes, or so many. */
void carrier_add(struct carrier *carrier, const char *name, const char *value);
void carrier_add_bytes(struct carrier *carrier, const char *name, const char *value, size_t length);

/* The value of the first header called `name`, NULL when there is none. */
const char *carrier_get(const struct carrier *carrier, const char *name);

void carrier_clear(struct carrier *carrier);

extern const tote_text_map_getter carrier_getter;
extern const tote_text_map_setter carrier_setter;

#endif
