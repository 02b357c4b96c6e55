/* SPDX-License-Identifier: MIT */
/*
 * env.h - environment variables, read by the rules of the specification
 *
 * An empty variable is an unset one, and so is one of blanks alone. What cannot be used is reported
 * once, by name and text, and counts as unset. Spec: configuration/common.md
 *
 * Threads: any, but not while the host changes its environment.
 */
#ifndef TOTE_INTERNAL_ENV_H
#define TOTE_INTERNAL_ENV_H

#include "tote/common.h"

/*
 * The variable's text, borrowed from the environment; NULL if it is unset, empty or blank. Also
 * NULL, with a diagnostic, if the program has more rights than its caller (privilege.h).
 */
const char *tote__env(const char *name);

/*
 * A whole decimal number from `least` to `most`; blanks around it are fine. Returns: false, and
 * `number` as it was, when the variable is unset, or is anything else: that is reported.
 */
bool tote__env_number(const char *name, uint64_t least, uint64_t most, uint64_t *number);

/*
 * Whether the text is this word, ignoring case and blanks around it. Spec:
 * configuration/common.md#enum
 */
bool tote__env_is_word(const char *text, size_t length, const char *word);

/* True for "true" in any case alone. What is neither that nor "false" nor empty is reported. */
bool tote__env_boolean(const char *name);

#endif
