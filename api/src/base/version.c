/* SPDX-License-Identifier: MIT */
/*
 * version.c - which version runs
 *
 * Tests: tests/unit/test_resource.c
 */
#include "tote/common.h"

const char *tote_version(void) {
    return TOTE_VERSION;
}
