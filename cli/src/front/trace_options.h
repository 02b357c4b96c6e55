/* SPDX-License-Identifier: MIT */
/*
 * trace_options.h - options for the parent of a span, and for its context
 */
#ifndef TOTE_CLI_TRACE_OPTIONS_H
#define TOTE_CLI_TRACE_OPTIONS_H

#include "program.h"
#include "variables.h"

/* Begin with trace_options_begin(). */
struct trace_options {
    const char *parent;   /* a traceparent; NULL: not given */
    const char *carrier;  /* a file; NULL: the environment */
    bool has_no_parent;   /* start a trace */
    bool requires_parent; /* fail without a parent */
    bool prints;          /* print the context of the span */
    bool exports;         /* the same as shell code */
    tote_trace_id trace_id;
    tote_span_id span_id;
    tote_span_id parent_span_id;
    struct program_call set_parent, set_trace_id, set_span_id, set_parent_span_id;
    struct variables variables; /* of the carrier */
};

void trace_options_begin(struct trace_options *options);
void trace_options_clear(struct trace_options *options);

#define TRACE_OPTION(option, is, what, call, text)                                                 \
    {                                                                                              \
        .name = (option), .letter = (is), .kind = PROGRAM_CALL, .value = (what),                   \
        .target = &(call), .help = (text)                                                          \
    }
#define TRACE_OPTIONS_FLAG(option, is, field, text)                                                \
    { .name = (option), .letter = (is), .kind = PROGRAM_FLAG, .target = &(field), .help = (text) }
#define TRACE_OPTIONS_CARRIER(options)                                                             \
    {                                                                                              \
        .name = "carrier", .letter = 'c', .kind = PROGRAM_TEXT, .value = "FILE",                   \
        .target = &(options).carrier,                                                              \
        .help = "read the parent from FILE, if it exists, instead of the environment, and write "  \
                "the context of the span into it"                                                  \
    }

/* For the tables of commands that start a span. */
#define TRACE_OPTIONS(options)                                                                     \
    TRACE_OPTION("parent", 'p', "TRACEPARENT", (options).set_parent, "parent of the span"),        \
        TRACE_OPTIONS_FLAG("no-parent", 0, (options).has_no_parent, "start a new trace"),          \
        TRACE_OPTIONS_FLAG("require-parent", 0, (options).requires_parent,                         \
                           "exit with 1 if there is no parent"),                                   \
        TRACE_OPTION("force-trace-id", 0, "ID", (options).set_trace_id,                            \
                     "trace id, instead of a random one; a parent of another trace is ignored"),   \
        TRACE_OPTION("force-span-id", 0, "ID", (options).set_span_id,                              \
                     "span id, instead of a random one"),                                          \
        TRACE_OPTION("force-parent-span-id", 0, "ID", (options).set_parent_span_id,                \
                     "span id of the parent"),                                                     \
        TRACE_OPTIONS_CARRIER(options)

/* For the tables of commands that print the context of the span. */
#define TRACE_OPTIONS_PRINT(options)                                                               \
    TRACE_OPTIONS_FLAG("print", 0, (options).prints, "print the context: TRACEPARENT=..."),        \
        TRACE_OPTIONS_FLAG("export", 0, (options).exports,                                         \
                           "print the context as shell code: export TRACEPARENT=...")

/*
 * Read the file of --carrier into `variables`; without the option nothing is read. Returns false,
 * after a report, if it cannot be read.
 */
bool trace_options_read_carrier(struct trace_options *options,
                                const struct program_command *command);

/* Return a variable of the carrier, else of the environment; NULL if it is not set. */
const char *trace_options_get(const struct trace_options *options, const char *name);

/*
 * Return the context of the parent, after emit_begin(). Returns NULL, after a report, if
 * --require-parent is not fulfilled.
 */
tote_context *trace_options_parent(const struct trace_options *options,
                                   const struct program_command *command);

/*
 * Print the context and write it into the carrier, as the options demand. Returns false, after a
 * report, if it cannot be written.
 */
bool trace_options_put(const struct trace_options *options, const struct program_command *command,
                       const tote_context *context);

#endif
