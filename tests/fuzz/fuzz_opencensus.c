/* SPDX-License-Identifier: MIT */
/* fuzz_opencensus.c - grpc-trace-bin, in base64 and binary */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tote_propagator *text;

    if (!text) {
        text = tote_propagator_opencensus_new(false);
    }
    check_format(text, text, 0, data, size);
    return 0;
}
