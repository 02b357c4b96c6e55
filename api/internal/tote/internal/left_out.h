/* SPDX-License-Identifier: MIT */
/*
 * left_out.h - what diagnostics say of a part of libtote that was not built
 *
 * Code of a part is behind a condition with its TOTE_HAS_ constant, so that every build compiles it
 * and a build without the part leaves it out.
 */
#ifndef TOTE_INTERNAL_LEFT_OUT_H
#define TOTE_INTERNAL_LEFT_OUT_H

#include "tote/parts.h"

#define TOTE__LEFT_OUT(part, option)                                                               \
    "this build of libtote has no " part ": build it with -D" option "=ON"

#endif
