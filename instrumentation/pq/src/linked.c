/* SPDX-License-Identifier: MIT */
/*
 * linked.c - the wrappers, for the libpq that libtote-pq is linked with
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include "pq_parts.h"
#include "tote/instrumentation/pq.h"

#define LINKED_CALL(type, pq_name, name, parameters, arguments) .name = (pq_name),
#define LINKED(pq_name, name) .name = (pq_name),

static const tote_context *get_parent(void) {
    return TOTE_CONTEXT_CURRENT;
}

static struct tote__pq linked = {TOTE__PQ_CALLS(LINKED_CALL) TOTE__PQ_REQUIRED(LINKED).parent =
                                     get_parent};

#define WRAPPER(type, pq_name, name, parameters, arguments)                                        \
    type tote_pq_##name(TOTE__PQ_UNPACK parameters) {                                              \
        return tote__pq_##name(&linked, TOTE__PQ_UNPACK arguments);                                \
    }

TOTE__PQ_CALLS(WRAPPER)
