/* SPDX-License-Identifier: MIT */
/*
 * fuzz_trace_state.c - a tracestate header that was read is written so that it reads back the same
 */
#include "fuzz.h"
#include "tote/trace_state.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    tote_trace_state *state = tote_trace_state_from_header((const char *)data, size);
    tote_trace_state *with = tote_trace_state_with(state, "tote", "value");
    char first[16384], second[16384];

    size_t length = tote_trace_state_to_header(with, first, sizeof first);
    MUST(strcmp(tote_trace_state_get(with, "tote"), "value") == 0);
    if (length < sizeof first) {
        tote_trace_state *again = tote_trace_state_from_header(first, length);
        MUST(tote_trace_state_to_header(again, second, sizeof second) == length);
        MUST(strcmp(first, second) == 0);
        tote_trace_state_unref(again);
    }
    tote_trace_state_unref(with);
    tote_trace_state_unref(state);
    return 0;
}
