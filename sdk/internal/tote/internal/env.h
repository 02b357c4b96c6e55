/* SPDX-License-Identifier: MIT */
/*
 * env.h - environment variables, read by the rules of the specification
 *
 * An empty or blank variable is unset. An unusable value is reported once, by name and text, and
 * counts as unset. Spec: configuration/common.md
 *
 * Threads: thread-safe, except while the host changes its environment.
 */
#ifndef TOTE_INTERNAL_ENV_H
#define TOTE_INTERNAL_ENV_H

#include "tote/common.h"

/*
 * Return the variable's text, borrowed from the environment. Returns NULL if it is unset, empty or
 * blank; also, with a diagnostic, if the program has more rights than its caller (privilege.h).
 */
const char *tote__env(const char *name);

/*
 * Read a decimal integer from `least` to `most`. Blanks around it are ignored. Returns false, and
 * leaves `number` unchanged, if the variable is unset, or with a diagnostic if it is anything else.
 */
bool tote__env_number(const char *name, uint64_t least, uint64_t most, uint64_t *number);

/*
 * Return whether the text is this word, ignoring case and blanks around it. Spec:
 * configuration/common.md#enum
 */
bool tote__env_is_word(const char *text, size_t length, const char *word);

/* Return true for "true" in any case. Any other value except "false" and "" is reported. */
bool tote__env_boolean(const char *name);

/*
 * Return the value of an option with an enum type. A value above `last` is reported and replaced by
 * 0, the default. `name` is the field, as "tote_batch_options.mode".
 */
uint32_t tote__known_value(const char *name, uint32_t value, uint32_t last);

#endif
