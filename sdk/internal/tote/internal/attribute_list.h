/* SPDX-License-Identifier: MIT */
/*
 * attribute_list.h - attributes of different keys
 */
#ifndef TOTE_INTERNAL_ATTRIBUTE_LIST_H
#define TOTE_INTERNAL_ATTRIBUTE_LIST_H

#include "tote/internal/memory.h"
#include "tote/value.h"

/* All zero at first. What the attributes point to may be in `memory`, too. */
struct tote__attribute_list {
    struct tote__arena memory;
    tote_attribute *items;
    size_t count;
    size_t capacity;
};

/* Add the attribute, or replace the one of its key. Returns: false if out of memory. */
bool tote__attribute_list_set(struct tote__attribute_list *list, tote_attribute attribute);

#endif
