#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
#
# disabled.py - the forms of the public functions with TOTE_DISABLED
#
# disabled.py        write api/include/tote/disabled.h from the public headers
# disabled.py check  fail if that would change it
import pathlib
import re
import sys

top = pathlib.Path(__file__).resolve().parents[2]
target = top / "api/include/tote/disabled.h"

# Functions that only compute, and functions of extension points.
stay = re.compile(
    r"tote_(version|value_\w+|trace_state_\w+|\w+_(to|from)_hex|text_map_getter_get_all|propagator_(new|register)"
    r"|span_(batch|data)_\w+|span_(exporter|processor)_(new|wrapper_new|on_\w+|export|force_flush|shutdown|free)"
    r"|span_get_data|id_generator_\w+|microhttpd_(handle|completed))$")

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
    "tote_http_span_name": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_http_redact_query": "tote__off_text(buffer, size), (size_t)tote__off_number(0)",
    "tote_curl_inject": "(headers)",
    "tote_curl_begin": "tote__off_curl_begin(easy, options)",
    "tote_curl_perform": "(void)tote__off_curl_begin(easy, options), curl_easy_perform(easy)",
}

# The helper functions that a header's results need.
helpers = {
    "tote/environment.h": """
/* The child still gets its environment. */
static inline size_t tote__off_environment(char *const *base, char **variables, size_t capacity) {
    extern char **environ;
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


def functions(text):
    """The result, name and parameters' names of each function that a header declares."""
    text = re.sub(r"/\*.*?\*/|^#.*?(?<!\\)$", "", text, flags=re.S | re.M)
    for found in re.finditer(r"TOTE_API\s+(?:TOTE_MUST_USE\s+)?([\w\s]*?[\s*]+)(tote_\w+)\(", text):
        rest = text[found.end():text.index(";", found.end())]
        rest = re.sub(r"\(\*(\w+)\)\s*\([^()]*\)", r"\1", rest[:rest.rindex(")")])
        rest = re.sub(r"\)\s*TOTE_PRINTF.*", "", rest, flags=re.S)
        names = [re.search(r"(\w+)\W*$", part).group(1) for part in rest.split(",") if "." not in part]
        yield " ".join(found[1].split()), found[2], names


def define(name, parameters, *parts):
    """A macro in one line, or with each part in a line of its own if that is over 100 columns."""
    line = f"#define {name}({parameters}) " + " ".join(parts)
    if len(line) > 100:
        line = f" \\\n{4 * ' '}".join([f"#define {name}({parameters})", *parts])
    return line + "\n"


def macro(result, name, parameters):
    if name in values:
        names = ", ".join(parameters)
        return define(name, names, f"(TOTE__OFF(({name})({names})),", f"{values[name]})")
    call = f"({name})(__VA_ARGS__)"
    if result == "void":
        return define(name, "...", f"TOTE__OFF({call})")
    if result == "bool":
        return define(name, "...", f"TOTE__OFF_BOOL({call})")
    kind = "POINTER" if result.endswith("*") else "NUMBER"
    return define(name, "...", f"TOTE__OFF_{kind}({result}, {call})")


def public_headers():
    """The public headers of the sources, without the copies in build directories."""
    builds = [cache.parent for cache in top.glob("*/CMakeCache.txt")]
    return [path for path in top.glob("**/include/tote/**/*.h")
            if not any(build in path.parents for build in builds)]


def generate():
    sections = []
    missing = []
    for path in sorted(public_headers(), key=lambda path: path.name):
        header = str(path).split("/include/")[1]
        text = path.read_text()
        off = [macro(*function) for function in functions(text) if not stay.match(function[1])]
        if not off or path == target:
            continue
        mark = "TOTE__OFF_" + re.sub(r"\W", "_", header[len("tote/"):-len(".h")]).upper()
        if f'#define {mark}\n#include "tote/disabled.h"\n' not in text:
            missing.append(f"{path}: its end lacks #define {mark} and #include \"tote/disabled.h\"")
        helper = helpers.get(header, "").lstrip()
        once = f"#undef {mark}\n" if helper else ""
        sections.append(f"\n#ifdef {mark}\n{once}{helper}{''.join(off)}#endif\n")
    return head + "".join(sections) + "#endif\n", missing


made, wrong = generate()
if sys.argv[1:] != ["check"]:
    target.write_text(made)
elif target.read_text() != made:
    wrong.append(f"{target} is not up to date: run {__file__}")
print("\n".join(wrong))
sys.exit(bool(wrong))
