/* SPDX-License-Identifier: MIT */
/*
 * name_list.h - lists of names that something is allowed for
 */
#ifndef TOTE_INTERNAL_NAME_LIST_H
#define TOTE_INTERNAL_NAME_LIST_H

#include "tote/internal/memory.h"

/* All zero: there is no list, and everything is allowed. */
struct tote__name_list {
    const char **names;
    size_t count;
    struct tote__arena memory;
};

/* Copy `names`, NULL for no list. Returns false, and an unchanged list, if out of memory. */
TOTE_SHARED bool tote__name_list_copy(struct tote__name_list *list, const char *const *names,
                                      size_t count);
TOTE_SHARED void tote__name_list_clear(struct tote__name_list *list);

/* Return whether `name` is in the list, or there is none. */
TOTE_SHARED bool tote__name_list_allows(const struct tote__name_list *list, const char *name);

#endif
