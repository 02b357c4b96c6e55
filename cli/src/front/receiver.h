/* SPDX-License-Identifier: MIT */
/*
 * receiver.h - options of the command line for the receiver of spans
 *
 * They override the variables OTEL_EXPORTER_OTLP_*, which the sender reads: they replace them in
 * the environment of this process. Take the environment of a command before they are parsed.
 */
#ifndef TOTE_CLI_RECEIVER_H
#define TOTE_CLI_RECEIVER_H

#include "program.h"

/* Functions of a struct program_call. The argument is the name behind OTEL_EXPORTER_OTLP_. */
const char *receiver_set(void *name, const char *value);
const char *receiver_add_header(void *name, const char *header);

#define RECEIVER_CALL(function, name) (&(struct program_call){function, (char[]){name}})

/* The options that all such commands have, for their tables. */
#define RECEIVER_OPTIONS                                                                           \
    {.name = "endpoint",                                                                           \
     .kind = PROGRAM_CALL,                                                                         \
     .value = "URL",                                                                               \
     .target = RECEIVER_CALL(receiver_set, "ENDPOINT"),                                            \
     .help = "deliver to this receiver (OTEL_EXPORTER_OTLP_ENDPOINT)"},                            \
        {.name = "protocol",                                                                       \
         .kind = PROGRAM_CALL,                                                                     \
         .value = "NAME",                                                                          \
         .target = RECEIVER_CALL(receiver_set, "PROTOCOL"),                                        \
         .help = "http/protobuf, http/json or grpc (OTEL_EXPORTER_OTLP_PROTOCOL)"},                \
        {.name = "header",                                                                         \
         .kind = PROGRAM_CALL,                                                                     \
         .value = "NAME=VALUE",                                                                    \
         .target = RECEIVER_CALL(receiver_add_header, "HEADERS"),                                  \
         .help = "send this header, instead of those of OTEL_EXPORTER_OTLP_HEADERS; repeatable"},  \
        {.name = "compression",                                                                    \
         .kind = PROGRAM_CALL,                                                                     \
         .value = "NAME",                                                                          \
         .target = RECEIVER_CALL(receiver_set, "COMPRESSION"),                                     \
         .help = "gzip or none (OTEL_EXPORTER_OTLP_COMPRESSION)"},                                 \
    {                                                                                              \
        .name = "certificate", .kind = PROGRAM_CALL, .value = "FILE",                              \
        .target = RECEIVER_CALL(receiver_set, "CERTIFICATE"),                                      \
        .help = "CA of the receiver (OTEL_EXPORTER_OTLP_CERTIFICATE)"                              \
    }

#endif
