/* SPDX-License-Identifier: MIT */
/*
 * traces.c - tote traces and tote trace: questions to a running viewer, or to files
 *
 * Files are read into a model in this process. Either way the answer is the same JSON, which is
 * printed as it is, or as a table or a picture.
 *
 * Tests: tests/cli/test_traces.sh
 */
#include "traces.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client.h"
#include "export.h"
#include "format.h"
#include "list.h"
#include "requests.h"
#include "terminal.h"
#include "waterfall.h"

enum {
    FOUND = 0,
    NOT_FOUND = 1,
    OK = 200,
    ID_COLUMNS = 16,
    START_COLUMNS = 12,
    DURATION_COLUMNS = 9,
    COUNT_COLUMNS = 6,
    MOST_SERVICE = 24,
    LEAST_NAME = 8,
    LEAST_NAME_WITH_NOTE = 24,
    NARROW = 80,
    GAP = 2
};

/* Read files into a new model; NULL after an error, which is reported. */
static struct model *read_files(const struct program_command *command, char *const *files,
                                size_t count) {
    struct model *model = model_new(NULL);
    struct receipt receipt = {.outcome = TAKEN};
    char text[RECEIPT_TEXT_BYTES];
    bool are_read = model;

    for (size_t i = 0; i < count && model; i++) {
        are_read &= requests_from_file(files[i], model_take_file, model, &receipt);
    }
    receipt_describe(&receipt, text);
    if (*text) {
        program_report(command, "%s", text);
    }
    if (!are_read) {
        model_free(model);
        model = NULL;
    }
    return model;
}

static bool print_bytes(const void *bytes, size_t size) {
    return fwrite(bytes, 1, size, stdout) == size && putchar('\n') != EOF;
}

/* --- tote traces --- */

static uint64_t number_of(const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);
    const char *text = json_string_value(value);

    return text ? strtoull(text, NULL, 10) : (uint64_t)json_integer_value(value);
}

/* Return a text of the response that is safe to display. A viewer may be of another version. */
static const char *text_of(struct tote__arena *arena, const json_t *object, const char *key) {
    const json_t *value = json_object_get(object, key);

    return json_is_string(value)
               ? terminal_clean(arena, json_string_value(value), json_string_length(value))
               : "";
}

/* Print the time of today, or the date and the time. */
static void put_start(const struct terminal *terminal, uint64_t unix_nano) {
    time_t start = (time_t)(unix_nano / 1000000000);
    time_t now = time(NULL);
    struct tm then = {.tm_year = 0};
    struct tm today = {.tm_year = 0};
    char text[START_COLUMNS + 1] = "";

    localtime_r(&start, &then);
    localtime_r(&now, &today);
    bool is_today = then.tm_year == today.tm_year && then.tm_yday == today.tm_yday;
    bool is_this_year = then.tm_year == today.tm_year;
    strftime(text, sizeof text,
             is_today       ? "%H:%M:%S"
             : is_this_year ? "%b %d %H:%M"
                            : "%Y-%m-%d",
             &then);
    terminal_put_cell(terminal, text, START_COLUMNS);
}

/* The width of the texts. */
struct columns {
    bool has_start; /* false on a narrow terminal */
    size_t service;
    size_t name;
};

/* Lay out the columns of texts. The rest of the line is for the name. */
static struct columns lay_out(const struct terminal *terminal, const json_t *traces) {
    const bool has_start = terminal->width >= NARROW;
    const size_t fixed = ID_COLUMNS + DURATION_COLUMNS + 2 * COUNT_COLUMNS + 5 * GAP +
                         (has_start ? START_COLUMNS + GAP : 0);
    struct columns columns = {has_start, sizeof "SERVICE" - 1, LEAST_NAME};
    struct tote__arena arena = {.chunks = NULL};
    const json_t *trace;
    size_t i;

    json_array_foreach(traces, i, trace) {
        size_t width = terminal_columns(text_of(&arena, trace, "service"));
        width = tote__min(width, MOST_SERVICE);
        columns.service = width > columns.service ? width : columns.service;
    }
    tote__arena_clear(&arena);
    if (terminal->width > fixed + columns.service + LEAST_NAME) {
        columns.name = terminal->width - fixed - columns.service;
    }
    return columns;
}

static void put_number(const struct terminal *terminal, uint64_t number) {
    fprintf(terminal->out, "%*" PRIu64 "  ", COUNT_COLUMNS, number);
}

static void put_row(const struct terminal *terminal, const json_t *trace,
                    const struct columns *columns) {
    struct tote__arena arena = {.chunks = NULL};
    uint64_t errors = number_of(trace, "errors");
    bool is_open = number_of(trace, "unfinished");
    const char *name = text_of(&arena, trace, "name");
    bool is_complete = json_is_true(json_object_get(trace, "complete"));
    const char *note = columns->name < LEAST_NAME_WITH_NOTE ? ""
                       : is_open                            ? " (unfinished)"
                       : is_complete                        ? ""
                                                            : " (incomplete)";
    char duration[32];

    format_duration(duration, sizeof duration, number_of(trace, "durationNano"), terminal->is_utf8);
    fprintf(terminal->out, "%-*.*s  ", ID_COLUMNS, ID_COLUMNS, text_of(&arena, trace, "traceId"));
    if (columns->has_start) {
        put_start(terminal, number_of(trace, "startTimeUnixNano"));
        terminal_put_spaces(terminal, GAP);
    }
    terminal_put_spaces(terminal,
                        DURATION_COLUMNS - tote__min(terminal_columns(duration), DURATION_COLUMNS));
    fprintf(terminal->out, "%s  ", duration);
    put_number(terminal, number_of(trace, "spans"));
    terminal_paint(terminal, errors ? "31" : "0");
    put_number(terminal, errors);
    terminal_paint(terminal, "0");
    terminal_put_cell(terminal, text_of(&arena, trace, "service"), columns->service);
    terminal_put_spaces(terminal, GAP);
    size_t width = tote__min(terminal_columns(name), columns->name - strlen(note));
    terminal_put_cell(terminal, name, width ? width : 1);
    fprintf(terminal->out, "%s\n", note);
    tote__arena_clear(&arena);
}

static void print_table(const json_t *root) {
    const json_t *traces = json_object_get(root, "traces");
    const json_t *counts = json_object_get(root, "counts");
    const struct terminal terminal = terminal_of(stdout);
    const struct columns columns = lay_out(&terminal, traces);
    const json_t *trace;
    size_t i;

    printf("%-*s  ", ID_COLUMNS, "TRACE");
    if (columns.has_start) {
        printf("%-*s  ", START_COLUMNS, "START");
    }
    printf("%*s  %*s  %*s  %-*s  NAME\n", DURATION_COLUMNS, "DURATION", COUNT_COLUMNS, "SPANS",
           COUNT_COLUMNS, "ERRORS", (int)columns.service, "SERVICE");
    json_array_foreach(traces, i, trace) {
        put_row(&terminal, trace, &columns);
    }
    uint64_t matched = number_of(counts, "matched");
    if (matched > json_array_size(traces)) {
        printf("%" PRIu64 " more; --limit 0 prints all\n", matched - json_array_size(traces));
    }
}

/* Print the list. Returns the exit status. */
static int print_list(const struct program_command *command, const void *json, size_t size,
                      bool is_json) {
    json_t *root = json_loadb(json, size, 0, NULL);
    size_t count = json_array_size(json_object_get(root, "traces"));

    if (!json_is_array(json_object_get(root, "traces"))) {
        program_report(command, "the response is not a list of traces");
        json_decref(root);
        return NOT_FOUND;
    }
    if (is_json) {
        print_bytes(json, size);
    } else if (count) {
        print_table(root);
    } else {
        program_report(command, "no trace matches");
    }
    json_decref(root);
    return count ? FOUND : NOT_FOUND;
}

static int list_files(const struct program_command *command, const struct list_options *options,
                      char *const *files, size_t count, bool is_json) {
    struct model *model = read_files(command, files, count);
    struct tote__buffer json = {.bytes = NULL};
    int status = NOT_FOUND;

    if (!model) {
        return status;
    }
    model_lock(model);
    bool is_exported = export_list_json(model, options, &json);
    model_unlock(model);
    if (is_exported) {
        status = print_list(command, json.bytes, json.size, is_json);
    } else {
        program_report(command, "out of memory");
    }
    tote__buffer_clear(&json);
    model_free(model);
    return status;
}

static int list_viewer(const struct program_command *command, const char *url,
                       const struct client_parameter *parameters, size_t count, bool is_json) {
    const struct client_request request = {.command = command,
                                           .url = url,
                                           .path = "/api/traces",
                                           .parameters = parameters,
                                           .parameter_count = count};
    struct bytes body = {.at = NULL};
    int status = NOT_FOUND;

    if (client_get(&request, &body) == OK) {
        status = print_list(command, body.at, body.size, is_json);
    }
    bytes_clear(&body);
    return status;
}

static const char files_help[] =
    "With files, read them instead of asking a viewer: OTLP in JSON or protobuf, as tote view\n"
    "does. The file - is standard input.\n\n"
    "Exit status:\n"
    "  0  a trace was found\n"
    "  1  no trace was found, or an error\n"
    "  2  wrong usage\n";

int traces_command(int argc, char **argv) {
    struct client_parameter parameters[] = {
        {"filter", NULL}, {"service", NULL}, {"since", NULL}, {"min", NULL},
        {"errors", NULL}, {"limit", NULL},   {"sort", NULL},
    };
    bool errors = false;
    bool is_json = false;
    const char *url = NULL;
    int status;
    const struct program_option table[] = {
        {"filter", 'f', PROGRAM_TEXT, "QUERY", &parameters[0].value, 0, 0,
         "with a span that matches, for example 'name~GET duration>100ms'"},
        {"service", 's', PROGRAM_TEXT, "NAME", &parameters[1].value, 0, 0,
         "with a span of this service"},
        {"since", 0, PROGRAM_TEXT, "DURATION", &parameters[2].value, 0, 0,
         "that ended at most so long ago, for example 5m"},
        {"min", 'm', PROGRAM_TEXT, "DURATION", &parameters[3].value, 0, 0,
         "that took at least so long, for example 100ms"},
        {"errors", 'e', PROGRAM_FLAG, NULL, &errors, 0, 0, "with a failed span"},
        {"limit", 'n', PROGRAM_TEXT, "N", &parameters[5].value, 0, 0,
         "at most N traces (100); 0: all"},
        {"sort", 0, PROGRAM_TEXT, "KEY", &parameters[6].value, 0, 0,
         "newest (default), start, duration, spans, errors, name or service"},
        {"json", 'j', PROGRAM_FLAG, NULL, &is_json, 0, 0, "print JSON"},
        {"url", 'u', PROGRAM_TEXT, "URL", &url, 0, 0,
         "of the viewer (TOTE_VIEW_URL, or http://127.0.0.1:4318)"},
    };
    const struct program_command command = {
        .name = "traces",
        .arguments = "[FILE]...",
        .summary = "List the traces of a running viewer ('tote view').",
        .help = files_help,
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    const size_t count = sizeof parameters / sizeof *parameters;
    struct list_options options = LIST_OPTIONS_INIT;
    char problem[LIST_PROBLEM_BYTES];
    int first = program_parse(&command, argc, argv, false, &status);

    if (first < 0) {
        return status;
    }
    parameters[4].value = errors ? "1" : NULL;
    for (size_t i = 0; i < count; i++) {
        if (parameters[i].value &&
            !list_options_set(&options, parameters[i].name, parameters[i].value, problem)) {
            list_options_clear(&options);
            return program_usage_error(&command, "%s%s", i ? "--" : "", problem);
        }
    }
    status = first < argc
                 ? list_files(&command, &options, argv + first, (size_t)(argc - first), is_json)
                 : list_viewer(&command, url, parameters, count, is_json);
    list_options_clear(&options);
    return status;
}

/* --- tote trace --- */

static bool print_otlp_json(const struct program_command *command, struct model *model,
                            struct trace *trace) {
    struct tote__buffer json = {.bytes = NULL};

    model_lock(model);
    bool is_exported = export_otlp_json(trace, &json);
    model_unlock(model);
    if (is_exported) {
        print_bytes(json.bytes, json.size);
    } else {
        program_report(command, "out of memory");
    }
    tote__buffer_clear(&json);
    return is_exported;
}

/* Report that an id selects no trace, or more than one. Returns the exit status. */
static int report_missing(const struct program_command *command, const char *id) {
    program_report(command,
                   "no trace, or more than one, has an id that begins with %s; 'tote traces' lists "
                   "the ids",
                   id);
    return NOT_FOUND;
}

/* Print a trace. Returns the exit status. */
static int print_trace(const struct program_command *command, struct model *model, const char *id,
                       bool is_json) {
    const struct terminal terminal = terminal_of(stdout);
    bool is_printed = true;

    model_lock(model);
    struct trace *trace = model_find_text(model, id);
    if (trace) {
        model_pin(trace);
    }
    model_unlock(model);
    if (!trace) {
        return report_missing(command, id);
    }
    if (is_json) {
        is_printed = print_otlp_json(command, model, trace);
    } else {
        waterfall_draw(&terminal, model, trace);
    }
    return is_printed ? FOUND : NOT_FOUND;
}

static int print_trace_of_viewer(const struct program_command *command, const char *url,
                                 const char *id, bool is_json) {
    char path[64];
    const struct client_request request = {
        .command = command, .url = url, .path = path, .may_miss = true};
    struct bytes body = {.at = NULL};
    int status = NOT_FOUND;

    snprintf(path, sizeof path, "/api/traces/%s", id);
    long code = client_get(&request, &body);
    if (code == OK && is_json) {
        status = print_bytes(body.at, body.size) ? FOUND : NOT_FOUND;
    } else if (code == OK) {
        struct model *model = model_new(NULL);
        struct receipt receipt = {.outcome = TAKEN};
        if (model &&
            requests_from_content(NULL, body.at, body.size, model_take_file, model, &receipt)) {
            status = print_trace(command, model, id, false);
        } else {
            program_report(command, model ? "the response is not a trace" : "out of memory");
        }
        model_free(model);
    } else if (code) {
        status = report_missing(command, id);
    }
    bytes_clear(&body);
    return status;
}

static bool is_id(const char *text) {
    enum { LEAST = 4, MOST = 32 };
    size_t length = strlen(text);

    return length >= LEAST && length <= MOST && strspn(text, "0123456789abcdefABCDEF") == length;
}

int trace_command(int argc, char **argv) {
    bool is_json = false;
    const char *url = NULL;
    int status;
    const struct program_option table[] = {
        {"json", 'j', PROGRAM_FLAG, NULL, &is_json, 0, 0, "print OTLP/JSON"},
        {"url", 'u', PROGRAM_TEXT, "URL", &url, 0, 0,
         "of the viewer (TOTE_VIEW_URL, or http://127.0.0.1:4318)"},
    };
    const struct program_command command = {
        .name = "trace",
        .arguments = "ID [FILE]...",
        .summary = "Draw a trace of a running viewer ('tote view'). ID is its id, or the first "
                   "digits\nof it: at least 4.",
        .help = files_help,
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    int first = program_parse(&command, argc, argv, false, &status);

    if (first < 0) {
        return status;
    }
    if (first == argc) {
        return program_usage_error(&command, "the id of the trace is missing");
    }
    const char *id = argv[first++];
    if (!is_id(id)) {
        return program_usage_error(&command, "'%s' is not a trace id: 4 to 32 hex digits", id);
    }
    if (first == argc) {
        return print_trace_of_viewer(&command, url, id, is_json);
    }
    struct model *model = read_files(&command, argv + first, (size_t)(argc - first));
    status = model ? print_trace(&command, model, id, is_json) : NOT_FOUND;
    model_free(model);
    return status;
}
