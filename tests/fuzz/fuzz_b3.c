/* SPDX-License-Identifier: MIT */
/* fuzz_b3.c - Zipkin's headers: both forms are extracted, and each is injected */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tote_propagator *single, *multi;

    if (!single) {
        single = tote_propagator_b3_new();
        multi = tote_propagator_b3_multi_new();
    }
    check_format(single, multi, 0, data, size);
    check_format(multi, single, 0, data, size);
    return 0;
}
