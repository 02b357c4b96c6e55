/* SPDX-License-Identifier: MIT */
/*
 * span.c - tote span: a span from options
 *
 * Tests: tests/cli/test_span.sh
 */
#include "span.h"

#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "parent.h"
#include "receiver.h"
#include "span_open.h"
#include "span_values.h"

struct settings {
    struct program_command command;
    struct span_values values;
    struct parent_options parent;
    struct emit_options options;
    bool prints;  /* print the context */
    bool exports; /* print it as shell code */
};

/* Returns the exit status. */
static int make_span(struct settings *settings) {
    settings->options.trace_id = settings->parent.trace_id;
    settings->options.span_id = settings->parent.span_id;
    struct emit *emit = emit_begin(&settings->options);
    tote_context *parent = parent_read(&settings->command, &settings->parent);
    bool is_good = parent;
    if (parent) {
        tote_span *span = span_values_start(&settings->values, emit_tracer(emit), parent);
        tote_context *context = tote_context_with_span(parent, span);
        span_values_finish(&settings->values, span);
        tote_span_end(span, span_values_end(&settings->values));
        is_good = parent_write_carrier(&settings->command, &settings->parent, context);
        if (settings->prints || settings->exports) {
            parent_print(stdout, context, settings->exports);
        }
        tote_context_unref(context);
        tote_span_unref(span);
        tote_context_unref(parent);
    }
    int status = emit_end(emit);
    return is_good ? status : EXIT_FAILURE;
}

static int run_span(int argc, char **argv) {
    struct settings settings = {.options.command = "span"};
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_NAME(settings.values),
        SPAN_VALUES_KIND(settings.values),
        SPAN_VALUES_START(settings.values),
        SPAN_VALUES_END(settings.values),
        SPAN_VALUES_ATTRIBUTE(settings.values),
        SPAN_VALUES_STATUS(settings.values),
        SPAN_VALUES_EVENT(settings.values),
        SPAN_VALUES_LINK(settings.values),
        PARENT_OPTIONS(settings.parent),
        {.name = "print",
         .kind = PROGRAM_FLAG,
         .target = &settings.prints,
         .help = "print the context of the span: TRACEPARENT=..."},
        {.name = "export",
         .kind = PROGRAM_FLAG,
         .target = &settings.exports,
         .help = "print the context as shell code: export TRACEPARENT=..."},

        EMIT_OPTIONS(settings.options),
        EMIT_TIMEOUT_OPTION(settings.options),
        RECEIVER_OPTIONS,
    };
    settings.command = (struct program_command){
        .name = "span",
        .arguments = "",
        .subcommands = "begin event set end",
        .summary = "Create a span, and deliver it in the background.\n\n"
                   "  tote span begin, event, set, end   a span of several commands; see their "
                   "--help",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };

    span_values_begin(&settings.values);
    if (program_parse_few(&settings.command, argc, argv, 0, &status) >= 0) {
        status = settings.values.name && *settings.values.name
                     ? make_span(&settings)
                     : program_usage_error(&settings.command, "--name is missing");
    }
    span_values_clear(&settings.values);
    return status;
}

int span_run(int argc, char **argv) {
    static const struct program_entry entries[] = {
        {"begin", span_begin},
        {"event", span_event},
        {"set", span_set},
        {"end", span_end},
    };

    for (size_t i = 0; argc > 1 && i < sizeof entries / sizeof *entries; i++) {
        if (strcmp(argv[1], entries[i].name) == 0) {
            return entries[i].run(argc - 1, argv + 1);
        }
    }
    return run_span(argc, argv);
}
