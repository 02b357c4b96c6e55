/* SPDX-License-Identifier: MIT */
/*
 * attribute_list.h - a list of attributes with unique keys
 */
#ifndef TOTE_INTERNAL_ATTRIBUTE_LIST_H
#define TOTE_INTERNAL_ATTRIBUTE_LIST_H

#include "tote/internal/memory.h"
#include "tote/value.h"

/* Initially zero. Keys and values may be in `memory`. */
struct tote__attribute_list {
    struct tote__arena memory;
    tote_attribute *items;
    size_t count;
    size_t capacity;
};

/* Add an attribute, or replace the one with its key. Returns false if out of memory. */
bool tote__attribute_list_set(struct tote__attribute_list *list, tote_attribute attribute);

/* Return the value of an attribute; NULL if there is none. */
const tote_value *tote__attribute_list_find(const struct tote__attribute_list *list,
                                            const char *key);

#endif
