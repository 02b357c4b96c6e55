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
#include "span_open.h"
#include "span_values.h"
#include "trace_options.h"

/* Returns the exit status. */
static int make_span(const struct program_command *command, const struct span_values *values,
                     struct trace_options *trace, struct emit_options *options) {
    if (!trace_options_read_carrier(trace, command)) {
        return EXIT_FAILURE;
    }
    options->trace_id = trace->trace_id;
    options->span_id = trace->span_id;
    struct emit *emit = emit_begin(options);
    tote_context *parent = trace_options_parent(trace, command);
    bool is_good = parent;
    if (parent) {
        tote_span *span = span_values_start(values, emit_tracer(emit), parent);
        tote_context *context = tote_context_with_span(parent, span);
        span_values_finish(values, span);
        tote_span_end(span, span_values_end(values));
        is_good = trace_options_put(trace, command, context);
        tote_context_unref(context);
        tote_span_unref(span);
        tote_context_unref(parent);
    }
    int status = emit_end(emit);
    return is_good ? status : EXIT_FAILURE;
}

static int run_span(int argc, char **argv) {
    struct emit_options options = {.command = "span"};
    struct trace_options trace;
    struct span_values values;
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_NAME(values),   SPAN_VALUES_KIND(values),      SPAN_VALUES_START(values),
        SPAN_VALUES_END(values),    SPAN_VALUES_ATTRIBUTE(values), SPAN_VALUES_STATUS(values),
        SPAN_VALUES_EVENT(values),  SPAN_VALUES_LINK(values),      TRACE_OPTIONS(trace),
        TRACE_OPTIONS_PRINT(trace), EMIT_OPTIONS(options),         EMIT_TIMEOUT_OPTION(options),
    };
    const struct program_command command = {
        .name = "span",
        .arguments = "",
        .summary = "Create a span, and deliver it in the background.\n\n"
                   "  tote span begin, event, set, end   a span of several commands; see their "
                   "--help",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };

    span_values_begin(&values);
    trace_options_begin(&trace);
    int first = program_parse(&command, argc, argv, false, &status);
    if (first >= 0) {
        status = first < argc ? program_usage_error(&command, "unexpected '%s'", argv[first])
                 : !values.name || !*values.name
                     ? program_usage_error(&command, "--name is missing")
                     : make_span(&command, &values, &trace, &options);
    }
    trace_options_clear(&trace);
    span_values_clear(&values);
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
