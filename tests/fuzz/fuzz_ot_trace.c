/* SPDX-License-Identifier: MIT */
/* fuzz_ot_trace.c - OT trace, which drops half of an id, and values that are illegal in headers */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tote_propagator *ot_trace;

    if (!ot_trace) {
        ot_trace = tote_propagator_ot_trace_new(NULL);
    }
    check_format(ot_trace, ot_trace, FORMAT_HALF_TRACE_ID | FORMAT_PLAIN_VALUES, data, size);
    return 0;
}
