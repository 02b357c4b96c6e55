/* SPDX-License-Identifier: MIT */
/*
 * span_open.c - tote span begin, event, set and end: a span of several commands
 *
 * Tests: tests/cli/test_span.sh
 */
#include "span_open.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emit.h"
#include "handle.h"
#include "open_record.h"
#include "parent.h"
#include "receiver.h"
#include "span_values.h"
#include "tote/internal/os.h"

/* A command, and what its options set. */
struct call {
    struct program_command command;
    struct span_values values;
    struct parent_options parent;
    struct variables carrier; /* the content of --carrier */
    struct emit_options options;
    struct handle handle; /* of event, set and end */
    const char *event;    /* name */
    uint32_t owner;       /* of begin; 0: none */
    bool has_owner;       /* it is given */
    const char *problem;  /* why the record was not created; NULL: it was */
    char path[PATH_MAX];  /* begin: of the record */
    struct emit *emit;
    struct program_call set_owner;
};

static const char *set_owner(void *self, const char *text) {
    struct call *call = self;
    char *end = NULL;
    unsigned long number = strtoul(text, &end, 10);
    bool is_none = strcmp(text, "none") == 0;

    call->owner = is_none ? 0 : (uint32_t)number;
    call->has_owner = true;
    return is_none || (number && number < INT32_MAX && !*end && *text >= '0' && *text <= '9')
               ? NULL
               : "is not a process id or none";
}

static void begin_call(struct call *call, const char *name) {
    *call = (struct call){.options.command = name};
    span_values_begin(&call->values);
    call->set_owner = (struct program_call){set_owner, call};
}

static void end_call(struct call *call) {
    variables_clear(&call->handle.around);
    variables_clear(&call->carrier);
    span_values_clear(&call->values);
}

/* Report a failure. Returns the exit status: a script does not fail because of a span. */
static int fail(const struct call *call, const char *problem) {
    if (!call->options.is_quiet) {
        program_report(&call->command, "%s", problem);
    }
    return call->options.is_strict ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Read the file of --carrier. Returns false, after a report, if it cannot be read. */
static bool read_carrier(struct call *call) {
    bool is_read = !call->parent.carrier || variables_read(&call->carrier, call->parent.carrier);

    if (!is_read) {
        program_report(&call->command, "cannot read %s: %s", call->parent.carrier, strerror(errno));
    }
    return is_read;
}

/* Return a variable of the carrier, or without --carrier of the environment. */
static const char *get(const struct call *call, const char *name) {
    return call->parent.carrier ? variables_get(&call->carrier, name) : getenv(name);
}

/* Write the variables to the carrier, or print shell code. Returns the exit status. */
static int put_variables(const struct call *call, const struct variables *variables) {
    if (!call->parent.carrier) {
        variables_print(variables, stdout, true);
    } else if (!variables_write(variables, call->parent.carrier)) {
        program_report(&call->command, "cannot write %s: %s", call->parent.carrier,
                       strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

/* Create the record of a span that begins. */
static bool create_record(void *self, struct tote__slice request) {
    struct call *call = self;
    struct tote__disk_queue *queue = emit_queue(call->emit);
    char name[OPEN_RECORD_NAME_BYTES];
    struct tote__folder folder;
    struct tote__batch batch = {.message = request};
    tote_span_id span_id;
    struct owner owner =
        owner_of(call->has_owner || call->parent.carrier ? call->owner : owner_find_shell());

    if (!queue) {
        call->problem = "";
        return false;
    }
    if (!tote__folder_borrow(tote__disk_queue_descriptor(queue), &folder) ||
        !open_record_span_id(batch.message, &span_id)) {
        call->problem = "out of memory";
        return false;
    }
    enum open_record_result result = open_record_create(&folder, &owner, &span_id, request, name);
    if (result != OPEN_RECORD_DONE) {
        call->problem = open_record_problem(result, errno);
    } else if ((size_t)snprintf(call->path, sizeof call->path, "%s/%s", emit_queue_path(call->emit),
                                name) >= sizeof call->path) {
        call->problem = "the path of the disk queue is too long";
        call->path[0] = '\0';
    }
    return !call->problem;
}

struct around {
    const struct call *call;
    FILE *out;
};

static void write_around(void *arg, const char *name) {
    const struct around *around = arg;
    const char *value = get(around->call, name);

    fprintf(around->out, value ? "%s=%s%c" : "%s%s%c", name, value ? value : "", '\0');
}

/* Set the variables of the context around the span. Returns false if out of memory. */
static bool get_around(const struct call *call, struct variables *variables) {
    size_t size = 0;
    struct around around = {call, NULL};

    *variables = (struct variables){.count = 0};
    around.out = open_memstream(&variables->text, &size);
    if (!around.out) {
        return false;
    }
    variables_each_name(write_around, &around);
    if (fclose(around.out) != 0) {
        return false;
    }
    for (char *item = variables->text; item < variables->text + size; item += strlen(item) + 1) {
        variables_set(variables, item);
    }
    return true;
}

/* Print the context of the new span, and its handle. */
static int put_begun(const struct call *call, const tote_context *context) {
    struct variables around;
    struct variables variables = {.count = 0};
    char *handle = get_around(call, &around)
                       ? handle_push(get(call, HANDLE_VARIABLE), call->path, &around)
                       : NULL;
    int status = EXIT_FAILURE;

    if (handle && variables_of_context(&variables, context)) {
        variables_set(&variables, handle);
        status = put_variables(call, &variables);
    } else {
        program_report(&call->command, "out of memory");
    }
    variables_clear(&variables);
    variables_clear(&around);
    free(handle);
    return status;
}

static int begin(struct call *call) {
    int status = EXIT_FAILURE;

    if (!read_carrier(call)) {
        return EXIT_FAILURE;
    }
    call->options.trace_id = call->parent.trace_id;
    call->options.span_id = call->parent.span_id;
    call->emit = emit_begin(&call->options);
    emit_divert(call->emit, create_record, call);
    tote_context *parent = parent_read(&call->command, &call->parent);
    if (parent) {
        tote_span *span = span_values_start(&call->values, emit_tracer(call->emit), parent);
        tote_context *context = tote_context_with_span(parent, span);
        span_values_finish(&call->values, span);
        tote_span_end(span, 0);
        status = put_begun(call, context);
        tote_context_unref(context);
        tote_span_unref(span);
        tote_context_unref(parent);
    }
    if (call->problem && *call->problem && !call->options.is_quiet) {
        program_report(&call->command, "the span is not recorded: %s", call->problem);
    }
    emit_end(call->emit);
    return call->problem && call->options.is_strict ? EXIT_FAILURE : status;
}

int span_begin(int argc, char **argv) {
    struct call call;
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_NAME(call.values),
        SPAN_VALUES_KIND(call.values),
        SPAN_VALUES_START(call.values),
        SPAN_VALUES_ATTRIBUTE(call.values),
        SPAN_VALUES_LINK(call.values),
        PARENT_OPTIONS(call.parent),
        SPAN_VALUES_CALL("owner", 0, "PID", call.set_owner,
                         "process whose end leaves the span unfinished, or none (the shell; with "
                         "--carrier none)"),
        EMIT_OPTIONS(call.options),
    };

    begin_call(&call, "span begin");
    call.command = (struct program_command){
        .name = "span begin",
        .arguments = "",
        .summary =
            "Begin a span, and print shell code that makes it the parent of what follows:\n\n"
            "  eval \"$(tote span begin --name build)\"\n"
            "  make\n"
            "  eval \"$(tote span end)\"\n\n"
            "With --carrier FILE, nothing is printed: FILE gets the variables.",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    if (program_parse_few(&call.command, argc, argv, 0, &status) >= 0) {
        status = call.values.name && *call.values.name
                     ? begin(&call)
                     : program_usage_error(&call.command, "--name is missing");
    }
    end_call(&call);
    return status;
}

/* Read the handle of the innermost span. Returns false, with the exit status, if there is none. */
static bool find_span(struct call *call, int *status) {
    if (!read_carrier(call)) {
        *status = EXIT_FAILURE;
        return false;
    }
    const char *value = get(call, HANDLE_VARIABLE);
    if (!value || !*value) {
        *status = fail(call, "there is no open span: the variable " HANDLE_VARIABLE " is not set");
        return false;
    }
    if (!handle_read(value, &call->handle)) {
        *status = fail(call, "the variable " HANDLE_VARIABLE " is malformed");
        return false;
    }
    return true;
}

/* Split the path of the record. Returns the name of the file, or NULL if there is no directory. */
static char *split_path(char *path) {
    char *slash = strrchr(path, '/');

    if (slash && slash > path) {
        *slash = '\0';
        return slash + 1;
    }
    return NULL;
}

static void fill_part(void *self, tote_span *span) {
    const struct call *call = self;
    const struct span_values *values = &call->values;

    if (call->event) {
        tote_span_add_event(span, call->event, values->attributes.items, values->attributes.count,
                            values->start ? values->start : values->now);
    } else {
        tote_span_set_attributes(span, values->attributes.items, values->attributes.count);
        for (size_t i = 0; i < values->links.count; i++) {
            tote_span_add_link(span, values->links.items[i].context, NULL, 0);
        }
        span_values_finish(values, span);
    }
}

/* Add a part to the record of the innermost span. Returns the exit status. */
static int add_part(struct call *call) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__buffer part = {NULL, 0, 0};
    struct tote__folder folder;
    int status;

    if (!find_span(call, &status)) {
        return status;
    }
    if (!*call->handle.path) {
        return EXIT_SUCCESS; /* it is not sampled */
    }
    const char *name = split_path(call->handle.path);
    struct owner owner;
    if (!name || !open_record_read_name(name, &owner)) {
        return fail(call, "the variable " HANDLE_VARIABLE " is malformed");
    }
    if (!tote__folder_open(call->handle.path, tote__os_user_id(), false, &folder, problem)) {
        return fail(call, problem);
    }
    enum open_record_result result = OPEN_RECORD_FAILED;
    errno = ENOMEM;
    if (open_record_part(fill_part, call, &part)) {
        result = open_record_add(&folder, name, tote__buffer_slice(&part));
    }
    const char *cause = open_record_problem(result, errno);
    tote__buffer_clear(&part);
    tote__folder_close(&folder);
    return result == OPEN_RECORD_DONE ? EXIT_SUCCESS : fail(call, cause);
}

#define CARRIER_OPTION(call)                                                                       \
    {                                                                                              \
        .name = "carrier", .kind = PROGRAM_TEXT, .value = "FILE",                                  \
        .target = &(call).parent.carrier,                                                          \
        .help = "the file of 'tote span begin --carrier', instead of the environment"              \
    }

/* Options of event and set. */
#define REPORT_OPTIONS(call)                                                                       \
    CARRIER_OPTION(call),                                                                          \
        {.name = "quiet",                                                                          \
         .letter = 'q',                                                                            \
         .kind = PROGRAM_FLAG,                                                                     \
         .target = &(call).options.is_quiet,                                                       \
         .help = "do not report failures"},                                                        \
    {                                                                                              \
        .name = "strict", .kind = PROGRAM_FLAG, .target = &(call).options.is_strict,               \
        .help = "exit with 1 if nothing was saved"                                                 \
    }

int span_event(int argc, char **argv) {
    struct call call;
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_ATTRIBUTE(call.values),
        SPAN_VALUES_CALL("time", 0, "TIME", call.values.set_start, "time of the event (now)"),
        REPORT_OPTIONS(call),
    };

    begin_call(&call, "span event");
    call.command = (struct program_command){
        .name = "span event",
        .arguments = "NAME",
        .summary = "Add an event to the span that 'tote span begin' has begun.",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    int first = program_parse_few(&call.command, argc, argv, 1, &status);
    if (first >= 0) {
        call.event = argv[first];
        status = call.event && *call.event
                     ? add_part(&call)
                     : program_usage_error(&call.command, "the name of the event is missing");
    }
    end_call(&call);
    return status;
}

int span_set(int argc, char **argv) {
    struct call call;
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_ATTRIBUTE(call.values),
        SPAN_VALUES_STATUS(call.values),
        SPAN_VALUES_LINK(call.values),
        REPORT_OPTIONS(call),
    };

    begin_call(&call, "span set");
    call.command = (struct program_command){
        .name = "span set",
        .arguments = "",
        .summary = "Set attributes or the status of the span that 'tote span begin' has begun.",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    if (program_parse_few(&call.command, argc, argv, 0, &status) >= 0) {
        status = add_part(&call);
    }
    end_call(&call);
    return status;
}

static uint64_t complete(void *self, tote_span *span, uint64_t last) {
    const struct call *call = self;

    (void)last;
    fill_part(self, span);
    return span_values_end(&call->values);
}

/* Put the span into the queue, and deliver it. Returns the exit status. */
static int end_span(struct call *call) {
    const struct open_record_end end = {complete, call};
    const char *name = split_path(call->handle.path);
    struct tote__folder folder;
    struct owner owner;

    if (!name || !open_record_read_name(name, &owner)) {
        return fail(call, "the variable " HANDLE_VARIABLE " is malformed");
    }
    call->options.queue = call->handle.path;
    call->emit = emit_begin(&call->options);
    struct tote__disk_queue *queue = emit_queue(call->emit);
    bool is_saved = false;
    if (queue && tote__folder_borrow(tote__disk_queue_descriptor(queue), &folder)) {
        enum open_record_result result = open_record_end(queue, &folder, name, &end);
        is_saved = result == OPEN_RECORD_DONE;
        if (!is_saved) {
            fail(call, open_record_problem(result, errno));
        }
    }
    emit_note(call->emit, is_saved);
    return emit_end(call->emit);
}

/* Restore the context around the span, even if the span is lost. */
static int end(struct call *call) {
    int status = EXIT_SUCCESS;

    if (!find_span(call, &status)) {
        return status;
    }
    variables_set(&call->handle.around, call->handle.outer);
    int put_status = put_variables(call, &call->handle.around);
    if (*call->handle.path) {
        status = end_span(call);
    }
    return status ? status : put_status;
}

int span_end(int argc, char **argv) {
    struct call call;
    int status;
    const struct program_option table[] = {
        SPAN_VALUES_END(call.values),
        SPAN_VALUES_ATTRIBUTE(call.values),
        SPAN_VALUES_STATUS(call.values),
        SPAN_VALUES_EVENT(call.values),
        SPAN_VALUES_LINK(call.values),
        CARRIER_OPTION(call),
        EMIT_DELIVERY_OPTIONS(call.options),
        EMIT_TIMEOUT_OPTION(call.options),
        RECEIVER_OPTIONS,
    };

    begin_call(&call, "span end");
    call.command = (struct program_command){
        .name = "span end",
        .arguments = "",
        .summary = "End the span that 'tote span begin' has begun, and deliver it. Print shell "
                   "code that\nrestores the context around it: eval \"$(tote span end)\"",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    if (program_parse_few(&call.command, argc, argv, 0, &status) >= 0) {
        status = end(&call);
    }
    end_call(&call);
    return status;
}
