/* SPDX-License-Identifier: MIT */
/*
 * agent.h - the libcurl that the exporter uses
 */
#ifndef TOTE_PRELOAD_AGENT_H
#define TOTE_PRELOAD_AGENT_H

#include "preload.h"

/* Set before the SDK starts; then constant. */
extern const struct preload_library *agent_exporters_library;

#endif
