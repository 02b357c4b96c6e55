/* SPDX-License-Identifier: MIT */
/*
 * attributes.h - attributes of a command line
 *
 * KEY=VALUE is a string. KEY:=JSON is a value of its type: 42, 1.5, true, "text", [1,2], {"a":1}.
 */
#ifndef TOTE_CLI_ATTRIBUTES_H
#define TOTE_CLI_ATTRIBUTES_H

#include "tote/internal/memory.h"
#include "tote/value.h"

/* Initially zero. */
struct attributes {
    tote_attribute *items;
    size_t count;
    size_t capacity;
    struct tote__arena memory; /* of keys and values */
};

/*
 * Add an attribute; `attributes` is a struct attributes. A function of a struct program_call.
 * Returns NULL, or what is wrong with the text.
 */
const char *attributes_add(void *attributes, const char *text);

void attributes_clear(struct attributes *attributes);

#endif
