/* SPDX-License-Identifier: MIT */
/*
 * version.c - the version of the running library
 *
 * Tests: tests/unit/test_resource.c
 */
#include "tote/common.h"
#include "tote/internal/shared.h"

const char *tote_version(void) {
    return TOTE_VERSION;
}

void TOTE__RELEASE(void) {}
