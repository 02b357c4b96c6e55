/* SPDX-License-Identifier: MIT */
/*
 * parent.h - the parent of a span of the command line, and its context for others
 *
 * The formats are those of OTEL_PROPAGATORS. A carrier file has a line NAME=VALUE for each variable
 * that the propagators read and write, such as TRACEPARENT. A shell can source it: values that are
 * not plain are in single quotes.
 */
#ifndef TOTE_CLI_PARENT_H
#define TOTE_CLI_PARENT_H

#include <stdio.h>

#include "program.h"
#include "tote/api.h"

/* Initially zero. */
struct parent_options {
    const char *traceparent; /* of the parent; NULL: the carrier, then the environment */
    const char *carrier;     /* a file; NULL: none */
    bool is_root;            /* no parent is read */
    bool is_required;        /* it is an error if there is no parent */
    tote_trace_id trace_id;  /* of a new trace; zero: random */
    tote_span_id span_id;    /* of the span; zero: random */
    tote_span_id parent_id;  /* replaces the id of the parent; zero: not */
};

/* Functions of a struct program_call, for the fields above. */
const char *parent_read_trace_id(void *trace_id, const char *text);
const char *parent_read_span_id(void *span_id, const char *text);
const char *parent_read_traceparent(void *traceparent, const char *text);

/* The options that all such commands have, for their tables. `options` is an lvalue. */
#define PARENT_OPTIONS(options)                                                                    \
    {.name = "parent",                                                                             \
     .kind = PROGRAM_CALL,                                                                         \
     .value = "TRACEPARENT",                                                                       \
     .target = &(struct program_call){parent_read_traceparent, &(options).traceparent},            \
     .help = "the parent of the span, instead of the carrier and the environment"},                \
        {.name = "no-parent",                                                                      \
         .kind = PROGRAM_FLAG,                                                                     \
         .target = &(options).is_root,                                                             \
         .help = "start a new trace"},                                                             \
        {.name = "require-parent",                                                                 \
         .kind = PROGRAM_FLAG,                                                                     \
         .target = &(options).is_required,                                                         \
         .help = "fail if there is no parent"},                                                    \
        {.name = "carrier",                                                                        \
         .kind = PROGRAM_TEXT,                                                                     \
         .value = "FILE",                                                                          \
         .target = &(options).carrier,                                                             \
         .help = "read the parent from this file, and write the context of the span to it"},       \
        {.name = "force-trace-id",                                                                 \
         .kind = PROGRAM_CALL,                                                                     \
         .value = "ID",                                                                            \
         .target = &(struct program_call){parent_read_trace_id, &(options).trace_id},              \
         .help = "start a new trace with this id, 32 hexadecimal digits"},                         \
        {.name = "force-span-id",                                                                  \
         .kind = PROGRAM_CALL,                                                                     \
         .value = "ID",                                                                            \
         .target = &(struct program_call){parent_read_span_id, &(options).span_id},                \
         .help = "the id of the span, 16 hexadecimal digits"},                                     \
    {                                                                                              \
        .name = "force-parent-span-id", .kind = PROGRAM_CALL, .value = "ID",                       \
        .target = &(struct program_call){parent_read_span_id, &(options).parent_id},               \
        .help = "the id of the parent of the span, 16 hexadecimal digits"                          \
    }

/*
 * Return the context that the span starts in. Call it after emit_begin(). The caller owns it.
 * Returns NULL after an error, which is reported.
 */
tote_context *parent_read(const struct program_command *command,
                          const struct parent_options *options);

/* Write the context into the carrier, if there is one. Returns false after a reported error. */
bool parent_write_carrier(const struct program_command *command,
                          const struct parent_options *options, const tote_context *context);

/* Print the variables of a context as NAME=VALUE, or for a shell with `export ` in front. */
void parent_print(FILE *out, const tote_context *context, bool for_export);

/* Links of a span, from options of the command line. Initially zero. */
enum { PARENT_MOST_LINKS = 128 };
struct parent_links {
    tote_link items[PARENT_MOST_LINKS];
    size_t count;
};

/* A function of a struct program_call: add a link to the span of a traceparent. */
const char *parent_add_link(void *links, const char *traceparent);
void parent_clear_links(struct parent_links *links);

#endif
