/* SPDX-License-Identifier: MIT */
/*
 * process_context.h - the resource of this process, published to profilers
 *
 * Linux only. A failure is reported at level debug. Errors: errno is preserved.
 */
#ifndef TOTE_SDK_PROCESS_CONTEXT_H
#define TOTE_SDK_PROCESS_CONTEXT_H

#include "tote/common.h"

/* Publish a resource (an index, see sdk.h) for `owner`. It replaces what another one published. */
void tote__process_context_publish(const void *owner, uint32_t resource);

/* Publish a new resource, if `owner` is the last that published one. Also in a forked child. */
void tote__process_context_update(const void *owner, uint32_t resource);

/* Remove what `owner` published. Does nothing if another owner has replaced it. */
void tote__process_context_withdraw(const void *owner);

#endif
