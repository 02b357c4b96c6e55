/* SPDX-License-Identifier: MIT */
/*
 * wait.h - wait for a change of a word, with a deadline
 *
 * All functions preserve errno.
 */
#ifndef TOTE_SDK_WAIT_H
#define TOTE_SDK_WAIT_H

#include <stdatomic.h>

#include "tote/internal/clock.h"

/* Sleep while `word` is `value`, until the deadline. May return early. */
void tote__wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline);

/* Wake all threads that wait for the word. */
void tote__wake(_Atomic(uint32_t) *word);

/*
 * Return the time until the deadline in whole milliseconds; 0 if it has passed, UINT32_MAX for
 * TOTE__NEVER.
 */
uint32_t tote__deadline_left_ms(uint64_t deadline);

#endif
