/* SPDX-License-Identifier: MIT */
/*
 * wait.h - sleep until a word changes, or a deadline
 *
 * All of it keeps errno.
 */
#ifndef TOTE_SDK_WAIT_H
#define TOTE_SDK_WAIT_H

#include <stdatomic.h>

#include "tote/internal/clock.h"

/* Sleep while `word` is `value`, until the deadline at most; may return early for no reason. */
void tote__wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);

/* Wake all that sleep on the word. */
void tote__wake(_Atomic(uint32_t) *word);

/*
 * What is left of it, in whole milliseconds; 0 when it has passed, UINT32_MAX when it never does.
 */
uint32_t tote__deadline_left_ms(uint64_t deadline);

#endif
