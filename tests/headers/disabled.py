#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# disabled.py - the forms of the public functions with TOTE_DISABLED
#
# disabled.py        write api/include/tote/disabled.h from the public headers
# disabled.py check  fail if that would change it, or if a public function is in no list
# disabled.py stay   print the functions that have no disabled form
# disabled.py test   print a program, in C and C++, that calls each disabled form
import pathlib
import re
import sys
import textwrap

top = pathlib.Path(__file__).resolve().parents[2]
target = top / "api/include/tote/disabled.h"

# Functions without a disabled form, without the prefix: those that only compute, and those of
# extension points. A new function belongs here only if it is one of them.
stay = {"tote_" + name for name in """
    version
    value_equals value_to_text
    trace_id_to_hex span_id_to_hex trace_id_from_hex span_id_from_hex
    trace_state_from_header trace_state_to_header trace_state_get trace_state_with
    trace_state_without trace_state_ref trace_state_unref
    trace_state_get_ot trace_state_with_ot trace_state_without_ot
    propagator_new text_map_getter_get_all propagator_register
    id_generator_new id_generator_free
    span_data_get_name span_data_get_kind span_data_get_status_code
    span_data_get_status_description span_data_get_context span_data_get_parent
    span_data_get_start_time_unix_nano span_data_get_end_time_unix_nano span_data_get_attributes
    span_data_get_events span_data_get_links span_data_get_attribute
    span_data_get_dropped_attribute_count span_data_get_dropped_event_count
    span_data_get_dropped_link_count span_data_get_instrumentation_scope span_data_get_resource
    span_data_copy span_data_free
    span_batch_get_count span_batch_get_spans span_batch_get_request span_exporter_new
    span_exporter_export span_exporter_force_flush span_exporter_shutdown span_exporter_free
    span_processor_new span_processor_wrapper_new span_processor_on_start
    span_processor_on_ending span_processor_on_end span_processor_force_flush
    span_processor_shutdown span_get_data span_processor_free
    microhttpd_handle microhttpd_completed
    redis_command redis_vcommand redis_command_argv redis_append_command redis_vappend_command
    redis_append_command_argv redis_get_reply redis_free redis_reconnect redis_async_command
    redis_vasync_command redis_async_command_argv redis_append_formatted_command
    redis_async_formatted_command
""".split()}

# Results that are not 0, false or NULL, and work that must still be done.
values = {
    "tote_sdk_get_poll_fd": "(int)tote__off_number(-1)",
    "tote_sdk_get_poll_timeout_ms": "(int)tote__off_number(-1)",
    "tote_http_known_method": "tote__off_string()",
    "tote_span_context_get_trace_id": "tote__off_trace_id()",
    "tote_span_context_get_span_id": "tote__off_span_id()",
    "tote_context_run": "tote__off_run(run, arg)",
    "tote_run_scoped": "tote__off_run(run, arg)",
    "tote_thread_create": "pthread_create(thread, attributes, start, arg)",
    "tote_inject_environment": "tote__off_environment(base, variables, capacity)",
    "tote_store_get": "tote__off_text(buffer, size), tote__off_number(-1)",
    "tote_context_get_baggage": "tote__off_text(buffer, size), tote__off_number(-1)",
    "tote_log_fields": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_sampler_get_description": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_configuration_node_get_path":
        "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_composable_sampler_get_description":
        "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_http_span_name": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_http_redact_query": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_database_sanitize": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_database_summarize": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_database_inject_comment": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_curl_inject": "(headers)",
    "tote_curl_begin": "tote__off_curl_begin(easy, options)",
    "tote_curl_perform": "tote__off_curl_perform(easy, options)",
    "tote_sqlite_step": "sqlite3_step(statement)",
    "tote_sqlite_exec": "sqlite3_exec(db, sql, callback, user_data, message)",
}

# Functions that only call another one.
calls = {"tote_pq_" + name: function for name, function in {
    "exec": "PQexec", "exec_params": "PQexecParams", "prepare": "PQprepare",
    "exec_prepared": "PQexecPrepared", "describe_prepared": "PQdescribePrepared",
    "describe_portal": "PQdescribePortal", "send_query": "PQsendQuery",
    "send_query_params": "PQsendQueryParams", "send_prepare": "PQsendPrepare",
    "send_query_prepared": "PQsendQueryPrepared",
    "send_describe_prepared": "PQsendDescribePrepared",
    "send_describe_portal": "PQsendDescribePortal", "get_result": "PQgetResult",
    "pipeline_sync": "PQpipelineSync", "endcopy": "PQendcopy", "is_busy": "PQisBusy",
    "put_copy_data": "PQputCopyData", "put_copy_end": "PQputCopyEnd",
    "get_copy_data": "PQgetCopyData"}.items()}

# The helper functions that a header's results need.
helpers = {
    "tote/environment.h": """
TOTE_BEGIN_DECLS
extern char **environ; /* as <unistd.h> declares it with _GNU_SOURCE */
TOTE_END_DECLS
/* The child still gets its environment. */
static inline size_t tote__off_environment(char *const *base, char **variables, size_t capacity) {
    size_t count = 0;

    for (base = base ? base : environ; base && base[count] && count + 1 < capacity; count++) {
        variables[count] = base[count];
    }
    if (base && base[count]) {
        count = 0;
    }
    if (capacity) {
        variables[count] = NULL;
    }
    return count;
}
""",
    "tote/instrumentation/curl.h": """
/* The handle still gets the options of the program. */
static inline tote_curl_request *tote__off_curl_begin(CURL *easy,
                                                      const tote_curl_options *options) {
    static const tote_curl_options defaults = TOTE_CURL_OPTIONS_INIT;

    options = options ? options : &defaults;
    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, options->headers);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, options->prereq_function);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, options->prereq_data);
    return NULL;
}
static inline CURLcode tote__off_curl_perform(CURL *easy, const tote_curl_options *options) {
    tote__off_curl_begin(easy, options);
    return curl_easy_perform(easy);
}
""",
    "tote/span_context.h": """
static inline const tote_trace_id *tote__off_trace_id(void) {
    static const tote_trace_id none = {{0}};
    return &none;
}
static inline const tote_span_id *tote__off_span_id(void) {
    static const tote_span_id none = {{0}};
    return &none;
}
""",
}

head = """/* SPDX-License-Identifier: MIT */
/**
 * @file tote/disabled.h
 * What the functions of all headers become if TOTE_DISABLED is defined: see tote/common.h. Each
 * header includes it at its end.
 */
/* Generated from the public headers by tests/headers/disabled.py: do not edit. */
#include "tote/common.h"

#ifdef TOTE_DISABLED
#ifndef TOTE_DISABLED_H
#define TOTE_DISABLED_H
#define TOTE__OFF(call) ((void)(0 ? ((call), 0) : 0))
#define TOTE__OFF_POINTER(type, call) (TOTE__OFF(call), (type)tote__off_pointer())
#define TOTE__OFF_NUMBER(type, call) (TOTE__OFF(call), (type)tote__off_number(0))
#define TOTE__OFF_BOOL(call) (TOTE__OFF(call), tote__off_false())
static inline bool tote__off_false(void) { return false; }
static inline ptrdiff_t tote__off_number(ptrdiff_t value) { return value; }
static inline void *tote__off_pointer(void) { return NULL; }
static inline const char *tote__off_string(void) { return ""; }
static inline int tote__off_run(int (*run)(void *arg), void *arg) { return run ? run(arg) : 0; }
static inline void tote__off_text(char *buffer, size_t size) {
    if (buffer && size) {
        buffer[0] = '\\0';
    }
}
#endif
"""


def headers():
    """The public headers, as name and path. Builds and installations in the tree are not read."""
    folders = [*top.glob("*/include"), *top.glob("instrumentation/*/include")]
    paths = [path for folder in folders for path in folder.glob("tote/**/*.h") if path != target]
    return [(str(path).split("/include/")[1], path)
            for path in sorted(paths, key=lambda path: path.name)]


def without_comments(text):
    return re.sub(r"/\*.*?\*/|^#.*?(?<!\\)$", "", text, flags=re.S | re.M)


def parameters_of(text):
    """The declaration and the name of each parameter; text ends before the closing parenthesis."""
    depth, start, parts = 0, 0, []
    for at, letter in enumerate(text + ","):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if letter == "," and depth == 0:
            parts.append(" ".join(text[start:at].split()))
            start = at + 1
    names = [re.search(r"\(\*(\w+)\)|(\w+)\W*$", part) for part in parts if "." not in part]
    return [(part, name[1] or name[2]) for part, name in zip(parts, names) if part != "void"]


def functions(text):
    """The result, name and parameters of each function that a header declares."""
    text = without_comments(text)
    for found in re.finditer(r"TOTE_API\s+(?:TOTE_MUST_USE\s+)?([\w\s*]*?[\s*])(tote_\w+)\(", text):
        rest = text[found.end():text.index(";", found.end())]
        rest = re.sub(r"\)\s*TOTE_PRINTF.*", ")", rest, flags=re.S)
        yield " ".join(found[1].split()), found[2], parameters_of(rest[:rest.rindex(")")])


def define(name, parameters, *parts):
    """A macro in one line, or with each part in lines of its own if that is over 100 columns."""
    line = f"#define {name}({parameters}) " + " ".join(parts)
    if len(line) > 100:
        lines = [piece for part in parts for piece in textwrap.wrap(part, 100 - len("     \\"))]
        line = f" \\\n{4 * ' '}".join([f"#define {name}({parameters})", *lines])
    return line + "\n"


def macro(result, name, parameters):
    names = ", ".join(parameter for _, parameter in parameters)
    if name in calls:
        return define(name, names, f"(TOTE__OFF(({name})({names})),", f"{calls[name]}({names}))")
    if name in values:
        return define(name, names, f"(TOTE__OFF(({name})({names})),", f"{values[name]})")
    call = f"({name})(__VA_ARGS__)"
    if result == "void":
        return define(name, "...", f"TOTE__OFF({call})")
    if result == "bool":
        return define(name, "...", f"TOTE__OFF_BOOL({call})")
    kind = "POINTER" if result.endswith("*") else "NUMBER"
    parts = [f"TOTE__OFF_{kind}({result},", f"{call})"]
    fits = len("    " + " ".join(parts)) <= 100
    return define(name, "...", *([" ".join(parts)] if fits else parts))


def generate():
    sections = []
    wrong = []
    unknown = set(stay)
    for header, path in headers():
        text = path.read_text()
        found = list(functions(text))
        unknown -= {name for _, name, _ in found}
        if len(found) != len(re.findall(r"\bTOTE_API\b", without_comments(text))):
            wrong.append(f"{path}: {__file__} does not find each function in it")
        off = [macro(*function) for function in found if function[1] not in stay]
        if not off:
            continue
        mark = "TOTE__OFF_" + re.sub(r"\W", "_", header[len("tote/"):-len(".h")]).upper()
        if f'#define {mark}\n#include "tote/disabled.h"\n' not in text:
            wrong.append(f"{path}: its end lacks #define {mark} and #include \"tote/disabled.h\"")
        helper = helpers.get(header, "").lstrip()
        once = f"#undef {mark}\n" if helper else ""
        sections.append(f"\n#ifdef {mark}\n{once}{helper}{''.join(off)}#endif\n")
    wrong += [f"{name} is in `stay`, and in no header" for name in sorted(unknown)]
    return head + "".join(sections) + "#endif\n", wrong


# What the program sets up before a call, what it expects instead of 0, false or NULL, and the
# parameters that the disabled form evaluates. Parameters are zero unless they are set up.
text = "static char text[] = \"text\"; buffer = text; size = sizeof text;"
zeros = "returned && memcmp(returned, zeros, sizeof *returned) == 0"
special = {
    "tote_sdk_get_poll_fd": ("", "returned == -1", ""),
    "tote_sdk_get_poll_timeout_ms": ("", "returned == -1", ""),
    "tote_http_known_method": ("", "returned && !*returned", ""),
    "tote_span_context_get_trace_id": ("", zeros, ""),
    "tote_span_context_get_span_id": ("", zeros, ""),
    "tote_context_run": ("run = return_seven;", "returned == 7", "run arg"),
    "tote_run_scoped": ("run = return_seven;", "returned == 7", "run arg"),
    "tote_thread_create": (
        "static pthread_t made; thread = &made; start = start_thread;",
        "returned == 0 && pthread_join(made, NULL) == 0 && has_started",
        "thread attributes start arg"),
    "tote_inject_environment": (
        "static char entry[] = \"A=b\"; static char *const entries[] = {entry, NULL}; "
        "static char *filled[2]; base = entries; variables = filled; capacity = 2;",
        "returned == 1 && filled[0] == entry && !filled[1]", "base variables capacity"),
    "tote_store_get": (text, "returned == -1 && !*text", "buffer size"),
    "tote_context_get_baggage": (text, "returned == -1 && !*text", "buffer size"),
    "tote_log_fields": (text, "returned == 0 && !*text", "buffer size"),
    "tote_configuration_node_get_path": (text, "returned == 0 && !*text", "buffer size"),
    "tote_sampler_get_description": (text, "returned == 0 && !*text", "buffer size"),
    "tote_composable_sampler_get_description": (text, "returned == 0 && !*text", "buffer size"),
    "tote_http_span_name": (text, "returned == 0 && !*text", "buffer size"),
    "tote_http_redact_query": (text, "returned == 0 && !*text", "buffer size"),
    "tote_database_sanitize": (text, "returned == 0 && !*text", "buffer size"),
    "tote_database_summarize": (text, "returned == 0 && !*text", "buffer size"),
    "tote_database_inject_comment": (text, "returned == 0 && !*text", "buffer size"),
    "tote_curl_inject": (
        "static struct curl_slist list; headers = &list;", "returned == &list", "headers"),
    "tote_curl_begin": ("", "!returned", "easy options"),
    "tote_pq_put_copy_data": ("", "returned == -1", ""),
    "tote_pq_put_copy_end": ("", "returned == -1", ""),
    "tote_pq_get_copy_data": ("static char *data; buffer = &data;", "returned == -2", ""),
    "tote_curl_perform": ("", "returned == CURLE_BAD_FUNCTION_ARGUMENT", "easy options"),
    "tote_sqlite_step": ("", "returned == SQLITE_MISUSE", "statement"),
    "tote_sqlite_exec": (
        "", "returned == SQLITE_MISUSE", "db sql callback user_data message"),
}

program = """
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { MOST_PARAMETERS = 16 };

static int evaluated[MOST_PARAMETERS];
static int failures;
static int has_started;
static const char zeros[64] = {0};

#define PASS(index, argument) (evaluated[index]++, (argument))

static int return_seven(void *arg) {
    (void)arg;
    return 7;
}

static void *start_thread(void *arg) {
    has_started = 1;
    return arg;
}

static void begin(void) {
    memset(evaluated, 0, sizeof evaluated);
}

static void expect(const char *name, int is_right) {
    if (!is_right) {
        fprintf(stderr, "%s: its disabled form returns another value\\n", name);
        failures++;
    }
}

/* `times` has a digit for each parameter. */
static void expect_evaluated(const char *name, const char *times) {
    for (size_t i = 0; times[i]; i++) {
        if (evaluated[i] != times[i] - '0') {
            fprintf(stderr, "%s: parameter %d is evaluated %d times\\n", name, (int)i,
                    evaluated[i]);
            failures++;
        }
    }
}
"""


def call(number, result, name, parameters):
    """A function of the program that calls the disabled form of a function."""
    setup, expected, names = special.get(name, ("", "!returned", ""))
    if name in calls:
        names = " ".join(parameter for _, parameter in parameters)
    literals = {"const char *format"}
    lines = [f"static {declaration};" for declaration, _ in parameters
             if declaration not in literals]
    # A format that is not a literal is a warning of its own.
    arguments = ['"text"' if declaration in literals else f"PASS({index}, {parameter})"
                 for index, (declaration, parameter) in enumerate(parameters)]
    times = "".join(str(int(parameter in names.split())) for _, parameter in parameters)
    value = "" if result == "void" else f"{result} returned = "
    lines += [setup, "begin();", f"{value}{name}({', '.join(arguments)});"]
    lines += [f'expect("{name}", {expected});'] if value else []
    lines += [f'expect_evaluated("{name}", "{times}");']
    body = "".join(f"    {line}\n" for line in lines if line)
    return f"\nstatic void call_{number}(void) {{\n{body}}}\n"


def generate_test():
    off = [function for _, path in headers() for function in functions(path.read_text())
           if function[1] not in stay]
    includes = "".join(f'#include "{header}"\n' for header, _ in headers())
    calls = "".join(call(number, *function) for number, function in enumerate(off))
    main = "".join(f"    call_{number}();\n" for number in range(len(off)))
    return (f"#define TOTE_DISABLED\n{includes}{program}{calls}\nint main(void) {{\n{main}"
            f'    printf("{len(off)} disabled functions called\\n");\n'
            "    return failures != 0;\n}\n")


made, wrong = generate()
action = sys.argv[1:]
if not action:
    target.write_text(made)
elif action == ["stay"]:
    print("\n".join(sorted(stay)))
elif action == ["test"]:
    print(generate_test())
elif target.read_text() != made:
    wrong.append(f"{target} is not up to date: run {__file__}")
if wrong:
    print("\n".join(wrong), file=sys.stderr)
sys.exit(bool(wrong))
