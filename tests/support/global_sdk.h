/* SPDX-License-Identifier: MIT */
/* global_sdk.h - a failed test leaves no SDK to the next ones */
#ifndef TOTE_TESTS_GLOBAL_SDK_H
#define TOTE_TESTS_GLOBAL_SDK_H

#include "support.h"

#include "tote/internal/sdk.h"

static inline int close_global_sdk(void **state) {
    tote_sdk *sdk = tote__sdk_ref_global();

    (void)state;
    tote_sdk_shutdown(sdk, 0);
    tote_sdk_unref(sdk);
    return 0;
}

/* For the table of tests, of a program whose tests each start an SDK. */
#define SDK_TEST(test) cmocka_unit_test_teardown(test, close_global_sdk)

#endif
