/* SPDX-License-Identifier: MIT */
/*
 * version.c - which version runs
 */
#include "tote/common.h"

const char *tote_version(void) {
    return TOTE_VERSION;
}
