/* SPDX-License-Identifier: MIT */
/* weak_model.h - the two halves of the checker of weak.h: executions (weak.c), and memory */
#ifndef TOTE_TESTS_WEAK_MODEL_H
#define TOTE_TESTS_WEAK_MODEL_H

#include "weak.h"

/* weak.c */

/* Whether it is in the memory of the running thread alone, whose accesses are not checked. */
bool weak_is_on_stack(const void *address);

/* Before an atomic operation: another thread may run now. */
void weak_point(void);

/* After a store: threads that pause look again. */
void weak_wrote(void);

/* The executions so far were not all: a load was no point, although its object is written. */
void weak_begin_anew(void);

uint32_t weak_choose(uint32_t options);

/* The same, if the execution may still read an old store; else 0. */
uint32_t weak_choose_old(uint32_t options);

void weak_note(const void *pc, const char *what, const void *object, uint64_t value);
int weak_order(const void *pc, int order);

/* weak_model.c */

void weak_model_begin(int threads);
void weak_allocated(void *block, size_t size, bool is_freed);

#endif
