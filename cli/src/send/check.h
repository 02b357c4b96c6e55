/* SPDX-License-Identifier: MIT */
/*
 * check.h - tote check: the configuration in effect, and the way of one span to its receivers
 */
#ifndef TOTE_CLI_CHECK_H
#define TOTE_CLI_CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "settings.h"
#include "tote/common.h"
#include "tote/diagnostics.h"

enum { EXIT_NOT_DELIVERED = 1, EXIT_NOT_CONFIGURED = 2 };

struct check_options {
    const char *file; /* NULL: OTEL_CONFIG_FILE, else the other variables */
    unsigned timeout_ms;
    bool sends;
    bool is_json;
    bool shows_all; /* also the defaults of `distribution: tote:` */
};

/* Texts of the results are owned; NULL if out of memory. */
struct check_setting {
    enum tote__shown_part part;
    char *name;
    char *value;
    char *origin;  /* "default", "environment", a variable, or "file:line" */
    uint32_t line; /* in the file; 0: none */
    enum tote__setting_kind kind;
    size_t position; /* in the order in which they were observed */
};

struct check_report {
    tote_level level;
    char *text;
};

enum check_state { CHECK_OK, CHECK_FAILED, CHECK_NOT_REACHED };

struct check_step {
    const char *name;
    enum check_state state;
    uint64_t us;
    char *text; /* an address, a status, or what failed and the cure */
};

enum { CHECK_STEPS = 4, CHECK_MOST_RECEIVERS = 16, CHECK_MOST_OUTPUT = 1 << 16 };

/* The first attempt to send to one receiver. */
struct check_receiver {
    const void *exporter;
    char *url;
    const char *protocol;
    struct check_step steps[CHECK_STEPS];
    size_t step_count;
    bool is_delivered;
};

struct check_result {
    const char *file; /* NULL: environment variables */
    bool shows_all;
    char *ignored;                  /* variables that are set and have no effect; NULL: none */
    struct check_setting *settings; /* in the order of the file, then defaults */
    size_t setting_count;
    struct check_report *reports;
    size_t report_count;
    struct check_receiver receivers[CHECK_MOST_RECEIVERS];
    size_t receiver_count;
    char *output; /* of exporters, to standard output; NULL: none */
    bool is_started;
    bool is_disabled;  /* by `disabled` or OTEL_SDK_DISABLED */
    bool has_error;    /* the start of the SDK reported an error */
    bool is_sent;      /* a span was sent */
    uint64_t ended;    /* the span, once for each exporter */
    uint64_t exported; /* of these */
    char trace_id[33];
    bool is_out_of_memory; /* something is missing */
};

/* Check the configuration, print the result, and return the exit status. */
int check_run(const struct check_options *options);

/* check_print.c */
bool check_is_delivered(const struct check_result *result);
void check_print_text(const struct check_result *result);
void check_print_json(const struct check_result *result);

#endif
