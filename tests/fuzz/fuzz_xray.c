/* SPDX-License-Identifier: MIT */
/* fuzz_xray.c - the trace header of AWS X-Ray */
#include "format.h"
#include "tote/instrumentation/xray.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static tote_propagator *xray;

    if (!xray) {
        xray = tote_propagator_xray_new();
    }
    check_format(xray, xray, 0, data, size);
    return 0;
}
