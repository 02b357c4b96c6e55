/* SPDX-License-Identifier: MIT */
/** @file tote/tote.h The API and tote/start.h: all that a program needs. */
#ifndef TOTE_TOTE_H
#define TOTE_TOTE_H

#include "tote/api.h"
#include "tote/propagators.h"
#include "tote/start.h"

#endif
