/* SPDX-License-Identifier: MIT */
/*
 * name_list.h - lists of allowed names
 */
#ifndef TOTE_INTERNAL_NAME_LIST_H
#define TOTE_INTERNAL_NAME_LIST_H

#include "tote/internal/memory.h"

/* A list of allowed names. All zero: there is no list, and every name is allowed. */
struct tote__name_list {
    const char **names;
    size_t count;
    struct tote__arena memory;
};

/* Copy `names`; NULL: no list. Returns false and leaves the list unchanged if out of memory. */
TOTE_SHARED bool tote__name_list_copy(struct tote__name_list *list, const char *const *names,
                                      size_t count);
TOTE_SHARED void tote__name_list_clear(struct tote__name_list *list);

/* Return whether `name` is in the list, or there is none. */
TOTE_SHARED bool tote__name_list_allows(const struct tote__name_list *list, const char *name);

#endif
