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
#include "tote/internal/disk_queue.h"

struct emit;

/* Initially zero, except `command`. Texts are borrowed until emit_end(). */
struct emit_options {
    const char *command;    /* for messages */
    const char *service;    /* service.name; NULL: the variables */
    const char *queue;      /* directory of the disk queue; NULL: the default */
    bool waits;             /* deliver before emit_end() returns; always as process 1 */
    bool is_quiet;          /* report nothing */
    bool is_strict;         /* a failure changes the exit status */
    uint64_t timeout;       /* of the delivery, in nanoseconds; 0: OTEL_EXPORTER_OTLP_TIMEOUT */
    tote_trace_id trace_id; /* of a new trace; zero: random */
    tote_span_id span_id;   /* zero: random */
};

/* The options that all such commands have, for their tables. */
#define EMIT_OPTION(option, is, kind_of, what, place, text)                                        \
    {                                                                                              \
        .name = (option), .letter = (is), .kind = (kind_of), .value = (what), .target = &(place),  \
        .most = EMIT_LONGEST, .help = (text)                                                       \
    }
#define EMIT_DELIVERY_OPTIONS(options)                                                             \
    EMIT_OPTION("wait", 'w', PROGRAM_FLAG, NULL, (options).waits, "deliver the span before exit"), \
        EMIT_OPTION("quiet", 'q', PROGRAM_FLAG, NULL, (options).is_quiet,                          \
                    "do not report failures"),                                                     \
        EMIT_OPTION("strict", 0, PROGRAM_FLAG, NULL, (options).is_strict,                          \
                    "fail if the span was not saved or, with --wait, not delivered")
#define EMIT_OPTIONS(options)                                                                      \
    EMIT_OPTION("service", 's', PROGRAM_TEXT, "NAME", (options).service,                           \
                "service.name of the span (OTEL_SERVICE_NAME)"),                                   \
        EMIT_DELIVERY_OPTIONS(options)

/* For the tables of commands that have no other --timeout. */
#define EMIT_TIMEOUT_OPTION(options)                                                               \
    EMIT_OPTION("timeout", 't', PROGRAM_DURATION, "DURATION", (options).timeout,                   \
                "of the delivery (OTEL_EXPORTER_OTLP_TIMEOUT, 10s)")
#define EMIT_LONGEST UINT64_C(86400000000000)

/*
 * Start the SDK, and set the global propagator by OTEL_PROPAGATORS. Returns NULL if out of memory;
 * the other functions accept that, and spans are then not recorded.
 */
struct emit *emit_begin(const struct emit_options *options);

/* Return the tracer of the command's spans. */
tote_tracer *emit_tracer(const struct emit *emit);

/*
 * Pass the request of each span to this function, instead of putting it into the disk queue. It
 * returns whether the span was saved.
 */
void emit_divert(struct emit *emit, bool (*take)(void *self, struct tote__slice request),
                 void *self);

/* Open the disk queue. Returns NULL, after a report, if it cannot be used. Borrowed. */
struct tote__disk_queue *emit_queue(struct emit *emit);

/* Return the absolute path of the open disk queue. */
const char *emit_queue_path(const struct emit *emit);

/* Count a span that was put into the disk queue, or could not be saved. */
void emit_note(struct emit *emit, bool is_saved);

/*
 * Deliver the spans that have ended, and free the SDK. Reports failures in one line. Returns 0, or
 * EXIT_FAILURE with `is_strict` after a failure.
 */
int emit_end(struct emit *emit);

#endif
