/* SPDX-License-Identifier: MIT */
/*
 * wildcard.h - patterns of names
 */
#ifndef TOTE_INTERNAL_WILDCARD_H
#define TOTE_INTERNAL_WILDCARD_H

#include "tote/common.h"

/*
 * Return whether the pattern matches the whole text: `*` matches any characters, also none; `?`
 * matches one, which may have several bytes of UTF-8. There is no escape.
 */
bool tote__wildcard_matches(const char *pattern, const char *text);

#endif
