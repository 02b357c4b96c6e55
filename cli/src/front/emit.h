/* SPDX-License-Identifier: MIT */
/*
 * emit.h - spans of the commands: into the disk queue, and from there to the receiver
 *
 * Spans are created by the SDK, with its variables (OTEL_TRACES_SAMPLER, limits, resource), and
 * written into the disk queue when they end. emit_end() starts their delivery in the background.
 * A failure never changes what a command does: it is one line on standard error.
 */
#ifndef TOTE_CLI_EMIT_H
#define TOTE_CLI_EMIT_H

#include "program.h"
#include "tote/api.h"

struct emit;

/* Initially zero, except `command`. Texts are borrowed until emit_end(). */
struct emit_options {
    const char *command;    /* for messages */
    const char *service;    /* service.name; NULL: the variables */
    bool waits;             /* deliver before emit_end() returns; always as process 1 */
    bool is_quiet;          /* report nothing */
    bool is_strict;         /* a failure changes the exit status */
    uint64_t timeout;       /* of the delivery, in nanoseconds; 0: OTEL_EXPORTER_OTLP_TIMEOUT */
    tote_trace_id trace_id; /* of a new trace; zero: random */
    tote_span_id span_id;   /* zero: random */
};

/* The options that all such commands have, for their tables. */
#define EMIT_OPTIONS(options)                                                                      \
    {.name = "service",                                                                            \
     .letter = 's',                                                                                \
     .kind = PROGRAM_TEXT,                                                                         \
     .value = "NAME",                                                                              \
     .target = &(options).service,                                                                 \
     .help = "service.name of the span (OTEL_SERVICE_NAME)"},                                      \
        {.name = "wait",                                                                           \
         .letter = 'w',                                                                            \
         .kind = PROGRAM_FLAG,                                                                     \
         .target = &(options).waits,                                                               \
         .help = "deliver the span before exit"},                                                  \
        {.name = "quiet",                                                                          \
         .letter = 'q',                                                                            \
         .kind = PROGRAM_FLAG,                                                                     \
         .target = &(options).is_quiet,                                                            \
         .help = "do not report failures"},                                                        \
    {                                                                                              \
        .name = "strict", .kind = PROGRAM_FLAG, .target = &(options).is_strict,                    \
        .help = "exit with 1 if the span was not saved or, with --wait, not delivered"             \
    }

/*
 * Start the SDK, and set the global propagator by OTEL_PROPAGATORS. Returns NULL if out of memory;
 * the other functions accept that, and spans are then not recorded.
 */
struct emit *emit_begin(const struct emit_options *options);

/* Return the tracer of the command's spans. */
tote_tracer *emit_tracer(const struct emit *emit);

/*
 * Deliver the spans that have ended, and free the SDK. Reports failures in one line. Returns 0, or
 * EXIT_FAILURE with `is_strict` after a failure.
 */
int emit_end(struct emit *emit);

#endif
