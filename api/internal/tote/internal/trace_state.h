/* SPDX-License-Identifier: MIT */
/*
 * trace_state.h - the layout of a trace state, for samplers
 *
 * A trace state is one allocation: the array of members, then the text of the header. Each `=` and
 * each `,` of the text is replaced by NUL, so that keys and values are C strings. The sub-keys of
 * the member `ot` that samplers use are read once, when it is made.
 */
#ifndef TOTE_INTERNAL_TRACE_STATE_H
#define TOTE_INTERNAL_TRACE_STATE_H

#include <stdatomic.h>

#include "tote/internal/shared.h"
#include "tote/trace_state.h"

struct tote__trace_state_member {
    const char *key;
    size_t key_length;
    const char *value;
    size_t value_length;
};

/* The value of a sub-key that is missing or invalid. Others have 56 bits. */
#define TOTE__NO_SUB_KEY UINT64_MAX

struct tote_trace_state {
    _Atomic(uint32_t) references;
    uint32_t count;
    uint32_t header_length;
    uint32_t size;       /* of the allocation, in bytes */
    uint64_t threshold;  /* `th`, padded with zeros at its end */
    uint64_t randomness; /* `rv` */
    struct tote__trace_state_member members[];
};

/*
 * Return a list with these values of `th` and `rv`, each of which may be TOTE__NO_SUB_KEY. If they
 * do not fit into `ot`, they are left out, with a diagnostic. Returns NULL if out of memory or if
 * the list is empty.
 */
TOTE_SHARED tote_trace_state *tote__trace_state_with_sampling(const tote_trace_state *state,
                                                              uint64_t threshold,
                                                              uint64_t randomness);

#endif
