/* SPDX-License-Identifier: MIT */
/*
 * exec.c - tote exec: a span around a command
 *
 * The span is a client span of the conventions of command line programs.
 * Spec: semantic-conventions/cli/cli-spans.md
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "exec.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "emit.h"
#include "parent.h"
#include "receiver.h"
#include "span_values.h"
#include "supervise.h"
#include "template.h"
#include "tote/environment.h"
#include "tote/internal/api_os.h"

enum { MOST_INJECTED = 256 };
#define YEAR_NS (365 * UINT64_C(86400000000000))

/* One run of the command. */
struct run {
    const struct program_command *command;
    struct emit_options emit;
    struct parent_options parent;
    struct span_values values;
    struct supervise_options supervise;
    bool has_arguments; /* process.command_args */
    bool is_template;
    bool prints;
    bool exports;
    bool is_verbose;
    char **argv;
    char **environment; /* that this process inherited */
};

static size_t count_of(char *const *items) {
    size_t count = 0;

    while (items[count]) {
        count++;
    }
    return count;
}

/* Return a copy of the array: later changes of variables do not affect it. */
static char **copy_environment(void) {
    size_t size = (count_of(tote__environment()) + 1) * sizeof(char *);
    char **copy = malloc(size);

    if (copy) {
        memcpy(copy, tote__environment(), size);
    }
    return copy;
}

/* List the attributes at the start. Those of the command line are last: they override others. */
static size_t list_attributes(const struct run *run, const char *path, tote_value *arguments,
                              tote_attribute *list) {
    size_t count = 0;

    list[count++] =
        (tote_attribute){"process.executable.name", tote_string(program_base_name(run->argv[0]))};
    if (path) {
        list[count++] = (tote_attribute){"process.executable.path", tote_string(path)};
    }
    if (run->has_arguments) {
        size_t argument_count = count_of(run->argv);
        for (size_t i = 0; i < argument_count; i++) {
            arguments[i] = tote_string(run->argv[i]);
        }
        list[count++] =
            (tote_attribute){"process.command_args", tote_array(arguments, argument_count)};
    }
    for (size_t i = 0; i < run->values.attributes.count; i++) {
        list[count++] = run->values.attributes.items[i];
    }
    return count;
}

/* Start the span. Without memory it has no attributes. */
static tote_span *start_span(const struct run *run, tote_tracer *tracer,
                             const tote_context *parent) {
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    char found[PATH_MAX];
    char *path = supervise_find(run->argv[0], found, sizeof found) ? realpath(found, NULL) : NULL;
    tote_value *arguments = calloc(count_of(run->argv), sizeof *arguments);
    tote_attribute *attributes = calloc(run->values.attributes.count + 3, sizeof *attributes);

    options.parent = parent;
    options.kind = run->values.kind;
    options.links = run->values.links.items;
    options.link_count = run->values.links.count;
    if (arguments && attributes) {
        options.attributes = attributes;
        options.attribute_count = list_attributes(run, path, arguments, attributes);
    }
    tote_span *span = tote_tracer_start_span(
        tracer, run->values.name ? run->values.name : program_base_name(run->argv[0]), &options);
    free(attributes);
    free(arguments);
    free(path);
    return span;
}

/* Describe how the command ended, and end the span. */
static void end_span(tote_span **span, const struct supervise *supervise) {
    int code = supervise->error    ? supervise->status
               : supervise->signal ? SUPERVISE_SIGNAL + supervise->signal
                                   : supervise->exit_code;
    char type[32];
    char problem[64];

    if (supervise->pid) {
        tote_span_set_attribute(*span, "process.pid", tote_int(supervise->pid));
    }
    tote_span_set_attribute(*span, "process.exit.code", tote_int(code));
    if (supervise_error_type(supervise, type, sizeof type)) {
        supervise_problem(supervise, problem, sizeof problem);
        tote_span_set_attribute(*span, "error.type", tote_string(type));
        tote_span_set_status(*span, TOTE_STATUS_CODE_ERROR, problem);
    }
    tote_span_close(span);
}

/* Return the environment of the command with the variables of the context; NULL: out of memory. */
static char **make_environment(const struct run *run, const tote_context *context) {
    size_t capacity = count_of(run->environment) + MOST_INJECTED;
    char **variables = malloc(capacity * sizeof *variables + TOTE_INJECT_BUFFER_BYTES);

    if (variables) {
        tote_inject_environment(context, run->environment, variables, capacity,
                                (char *)(variables + capacity), TOTE_INJECT_BUFFER_BYTES);
    }
    return variables;
}

/* Without memory for them, the command gets its arguments and variables as they are. */
static void run_command(struct run *run, const tote_context *context, struct supervise *supervise) {
    char **arguments = run->is_template ? template_fill(run->argv, context) : NULL;
    char **variables = make_environment(run, context);
    char problem[64];

    run->supervise.argv = arguments ? arguments : run->argv;
    run->supervise.environment = variables ? variables : run->environment;
    if (supervise_start(supervise, &run->supervise)) {
        supervise_wait(supervise, &run->supervise);
    } else {
        program_report(run->command, "cannot run '%s': %s", run->argv[0],
                       supervise_problem(supervise, problem, sizeof problem));
    }
    free(variables);
    template_free(arguments);
}

static void report_span(const struct run *run, const tote_span *span) {
    const tote_span_context *context = tote_span_get_context(span);
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(context), span_id);
    program_report(run->command, "trace %s, span %s: %s", trace_id, span_id,
                   tote_span_is_recording(span) ? "recorded" : "not recorded");
}

static void run_in_span(struct run *run, tote_tracer *tracer, const tote_context *parent,
                        struct supervise *supervise) {
    tote_span *span = start_span(run, tracer, parent);
    tote_context *context = tote_context_with_span(parent, span);

    parent_write_carrier(run->command, &run->parent, context);
    if (run->prints || run->exports) {
        parent_print(stderr, context, run->exports);
    }
    if (run->is_verbose) {
        report_span(run, span);
    }
    run_command(run, context, supervise);
    tote_context_unref(context);
    end_span(&span, supervise);
}

static int run_all(struct run *run) {
    struct supervise supervise = {.status = SUPERVISE_OWN_FAILURE};

    run->emit.command = run->command->name;
    run->emit.trace_id = run->parent.trace_id;
    run->emit.span_id = run->parent.span_id;
    struct emit *emit = emit_begin(&run->emit);
    tote_context *parent = parent_read(run->command, &run->parent);
    if (parent) {
        run_in_span(run, emit_tracer(emit), parent, &supervise);
    }
    tote_context_unref(parent);
    bool has_failed = emit_end(emit) != 0;
    return has_failed && !supervise.status ? SUPERVISE_OWN_FAILURE : supervise_end(&supervise);
}

static int parse(struct run *run, int argc, char **argv) {
    const struct program_option options[] = {
        SPAN_VALUES_NAME(run->values),
        SPAN_VALUES_CALL("kind", 'k', "KIND", run->values.set_kind,
                         "client (default), internal, server, producer or consumer"),
        SPAN_VALUES_ATTRIBUTE(run->values),
        {.name = "args",
         .kind = PROGRAM_FLAG,
         .target = &run->has_arguments,
         .help = "record the arguments of the command (process.command_args)"},
        SPAN_VALUES_LINK(run->values),
        PARENT_OPTIONS(run->parent),
        {.name = "template",
         .kind = PROGRAM_FLAG,
         .target = &run->is_template,
         .help = "replace {{traceparent}}, {{tracestate}}, {{baggage}}, {{trace_id}} and "
                 "{{span_id}} in the arguments of the command"},
        {.name = "print",
         .kind = PROGRAM_FLAG,
         .target = &run->prints,
         .help = "print the context of the span to standard error: TRACEPARENT=..."},
        {.name = "export",
         .kind = PROGRAM_FLAG,
         .target = &run->exports,
         .help = "the same as shell code: export TRACEPARENT=..."},
        {.name = "timeout",
         .letter = 't',
         .kind = PROGRAM_DURATION,
         .value = "DURATION",
         .target = &run->supervise.timeout_ns,
         .least = 1,
         .most = YEAR_NS,
         .help = "send SIGTERM to the command after this time"},
        {.name = "kill-after",
         .kind = PROGRAM_DURATION,
         .value = "DURATION",
         .target = &run->supervise.kill_after_ns,
         .least = 1,
         .most = YEAR_NS,
         .help = "send SIGKILL this long after a SIGTERM"},
        EMIT_OPTIONS(run->emit),
        RECEIVER_OPTIONS,
        {.name = "verbose",
         .letter = 'v',
         .kind = PROGRAM_FLAG,
         .target = &run->is_verbose,
         .help = "print the ids of the span to standard error"},
    };
    const struct program_command command = {
        .name = "exec",
        .arguments = "[--] COMMAND [ARGUMENT]...",
        .summary = "Run a command in a span. The command gets TRACEPARENT, TRACESTATE and BAGGAGE.",
        .options = options,
        .option_count = sizeof options / sizeof *options,
        .help = "Exit status: that of the command, or\n"
                "  2      wrong usage\n"
                "  124    the command timed out\n"
                "  125    tote failed\n"
                "  126    the command is not executable\n"
                "  127    the command was not found\n"
                "  128+n  signal n killed the command\n",
    };
    int status;
    int first = program_parse(&command, argc, argv, true, &status);

    if (first < 0) {
        return status;
    }
    if (first == argc) {
        return program_usage_error(&command, "the command to run is missing");
    }
    run->command = &command;
    run->argv = argv + first;
    status = run_all(run);
    run->command = NULL;
    return status;
}

int exec_run(int argc, char **argv) {
    struct run run = {.environment = copy_environment()};
    int status = SUPERVISE_OWN_FAILURE;

    span_values_begin(&run.values);
    run.values.kind = TOTE_SPAN_KIND_CLIENT;
    if (run.environment) {
        status = parse(&run, argc, argv);
    } else {
        program_report(NULL, "out of memory");
    }
    free(run.environment);
    span_values_clear(&run.values);
    return status;
}
