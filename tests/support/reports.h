/* SPDX-License-Identifier: MIT */
/*
 * reports.h - the diagnostics of a test: how many there were, and the last one
 */
#ifndef TOTE_TESTS_REPORTS_H
#define TOTE_TESTS_REPORTS_H

#include <stdio.h>

#include "tote/diagnostics.h"

static struct {
    unsigned count;
    char component[64];
    char message[1024];
} reports;

static inline void reports_keep(tote_level level, const char *component, const char *message,
                                void *user_data) {
    (void)level, (void)user_data;
    reports.count++;
    snprintf(reports.component, sizeof reports.component, "%s", component);
    snprintf(reports.message, sizeof reports.message, "%s", message);
}

/* Count from 0, reports up to this level; each kind is reported once. */
static inline void reports_reset(tote_level level) {
    reports.count = 0;
    reports.component[0] = reports.message[0] = '\0';
    tote_diagnostics_set_handler(reports_keep, level, NULL);
}

#endif
