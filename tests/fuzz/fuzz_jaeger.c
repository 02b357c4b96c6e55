/* SPDX-License-Identifier: MIT */
/*
 * fuzz_jaeger.c - Jaeger's headers, with their baggage
 */
#include "format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tote_propagator *jaeger;

    if (!jaeger) {
        jaeger = tote_propagator_jaeger_new(NULL);
    }
    check_format(jaeger, jaeger, 0, data, size);
    return 0;
}
