/* SPDX-License-Identifier: MIT */
/*
 * few_names.h - the first few of many names, for a diagnostic
 */
#ifndef TOTE_INTERNAL_FEW_NAMES_H
#define TOTE_INTERNAL_FEW_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "tote/internal/shared.h"

enum { TOTE__FEW_NAMES = 3, TOTE__FEW_NAMES_BYTES = 48, TOTE__FEW_NAMES_TEXT = 256 };

/* All zero at first. */
struct tote__few_names {
    uint32_t count;
    char names[TOTE__FEW_NAMES][TOTE__FEW_NAMES_BYTES]; /* UTF-8, cut to the size, ends with NUL */
};

/* Add the name. Returns false and adds nothing if the list is full. */
TOTE_SHARED bool tote__few_names_add(struct tote__few_names *few, const char *name, size_t length);

/* Write `"a", "b" and 3 more`; `all` is the total number of names. Returns `text`. */
TOTE_SHARED const char *tote__few_names_text(const struct tote__few_names *few, uint64_t all,
                                             char text[TOTE__FEW_NAMES_TEXT]);

#endif
