/* SPDX-License-Identifier: MIT */
/*
 * carrier.h - headers in memory, from which tests extract and into which they inject
 *
 * Initially all zero. Setting replaces, as the API requires; names keep their case.
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

/* Add a header, also if the name exists; a value of strlen() bytes, or of this length. */
void carrier_add(struct carrier *carrier, const char *name, const char *value);
void carrier_add_bytes(struct carrier *carrier, const char *name, const char *value, size_t length);

/* The value of the first header with this name, NULL if there is none. */
const char *carrier_get(const struct carrier *carrier, const char *name);

void carrier_clear(struct carrier *carrier);

extern const tote_text_map_getter carrier_getter;
extern const tote_text_map_setter carrier_setter;

#endif
