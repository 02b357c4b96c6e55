#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""check_configuration.py - docs/configuration.md names all variables and options, and no others;
docs/delivery.md the counters

Variables are the literals in calls of the functions that read the environment. A call whose name
is no literal is listed in COMPUTED, with the function that knows its names: a new one fails here
until the check knows it. Options are the fields of the public structs.
"""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs/configuration.md"
COMPONENTS = ("api", "propagators", "sdk", "delivery", "exporters", "configuration",
              "instrumentation", "cli")
READERS = ("tote__env", "tote__env_number", "tote__env_boolean", "tote__environment_number",
           "getenv", "secure_getenv", "choose", "choose_size", "is_set",
           "user_variable")
VARIABLE = re.compile(r"[A-Z][A-Z0-9_]+")
STRUCTS = {
    "tote_sdk_options": "configuration/include/tote/start.h",
    "tote_batch_options": "configuration/include/tote/start.h",
    "tote_span_limits": "sdk/include/tote/sdk.h",
    "tote_otlp_options": "exporters/include/tote/exporters/otlp.h",
    "tote_otlp_file_options": "exporters/include/tote/exporters/otlp_file.h",
    "tote_delivery_options": "delivery/include/tote/delivery.h",
}


def otlp_variables(text):
    """PROTOCOL, ...: each for traces and for all signals."""
    assert '"OTEL_EXPORTER_OTLP_%s%s"' in text
    words = set(re.findall(r'\{"([A-Z_]+)",', text))
    return {f"OTEL_EXPORTER_OTLP_{form}{word}" for word in words for form in ("", "TRACES_")}


def proxy_variables(text):
    return set(re.findall(r'"([a-z]+_proxy|[A-Z]+_PROXY)"', text))


def database_variables(text):
    return set(re.findall(r'"(OTEL_C_DB_\w+)"', text))


# The file of a call without a literal: what its names are, and how many such calls there are.
COMPUTED = {
    "sdk/src/env.c": (None, 3),                         # the readers themselves
    "configuration/src/configuration.c": (None, 4),     # choose() and its like; limits without one
    "configuration/src/environment.c": (None, 2),       # tote__environment_number()
    "configuration/src/settings.c": (None, 2),          # the table: see settings()
    "exporters/otlp/options.c": (otlp_variables, 4),
    "exporters/otlp/transport/proxy.c": (proxy_variables, 1),
    "instrumentation/database/src/config.c": (database_variables, 1),
    "cli/src/common/terminal.c": (None, 1),             # user_variable() itself
    "cli/src/front/parent.c": (None, 4),                # is_set() of its own: the propagators' names
    "cli/src/front/run_environment.c": (None, 1),       # names of OpenTelemetry
    "cli/src/front/span_open.c": (None, 1),             # is_set() of its own
    "cli/src/front/variables.c": (None, 1),             # the propagators' names
    "cli/src/queue/queue_path.c": (None, 2),            # parts of the name of the directory
    "cli/src/view/tui/overview.c": (None, 1),           # is_set() of its own
}


SETTINGS = ROOT / "configuration/src/settings.c"
# Variables of programs and instrumentation, which the SDK does not read, and ignored ones: the
# table has none of them.
NO_SETTINGS = {"OTEL_INSTRUMENTATION_HTTP_KNOWN_METHODS", "OTEL_C_DB_QUERY_TEXT",
               "OTEL_C_DB_COMMENTER", "OTEL_C_DB_RETURNED_ROWS", "OTEL_C_KAFKA_CAPTURE_KEYS",
               "OTEL_C_KAFKA_PROCESS_SPANS", "COLUMNS", "NO_COLOR", "TERM",
               "HOME", "LD_PRELOAD", "PATH", "TMPDIR", "TOTE_VIEW_URL", "XDG_STATE_HOME",
               "OTEL_EXPORTER_ZIPKIN_ENDPOINT", "OTEL_EXPORTER_ZIPKIN_TIMEOUT"}


def settings(problems):
    """The variables of the table that maps variables, keys of a file and fields."""
    found = set()
    for row in re.findall(r"^    \{(.*?)\},$", SETTINGS.read_text(), flags=re.M | re.S):
        row = re.sub(r"\s+", " ", row)
        traces = re.match(r'FOR_TRACES\("(\w+)"\), (.*)', row)
        names = re.match(r'(?:NULL|"(\w+)"), (?:NULL|"(\w+)"), (.*)', row)
        if traces:
            found |= {f"OTEL_EXPORTER_OTLP_{form}{traces[1]}" for form in ("", "TRACES_")}
        elif names:
            found |= {name for name in names.groups()[:2] if name}
            if (names[1] or "").startswith("OTEL_C_") and not names[3].startswith('"'):
                problems.append(f"{names[1]} has no key in a configuration file")
    return found


def without_comments(text):
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def calls(text):
    """The arguments of each call of a reader; not of its definition or declaration."""
    for match in re.finditer(r"(?<![\w.>])(%s)\(" % "|".join(READERS), text):
        depth, end = 1, match.end()
        while depth and end < len(text):
            depth += {"(": 1, ")": -1}.get(text[end], 0)
            end += 1
        is_definition = text[end:].lstrip().startswith("{")
        is_declared = re.search(r"(bool|char \*|uint32_t) ?$", text[:match.start()].split("\n")[-1])
        if not is_definition and not is_declared:
            yield text[match.end():end - 1]


def user_variables(problems):
    found = set()
    for path in sorted(path for name in COMPONENTS for path in (ROOT / name).rglob("*.[ch]")):
        name = str(path.relative_to(ROOT))
        text = without_comments(path.read_text())
        computed = 0
        for arguments in calls(text):
            names = {literal for literal in re.findall(r'"([^"]*)"', arguments)
                     if VARIABLE.fullmatch(literal)}
            found |= names
            computed += not names
        collect, expected = COMPUTED.get(name, (None, 0))
        if collect:
            found |= collect(text)
        if computed != expected:
            problems.append(f"{name} reads {computed} variables whose names are no literals, not "
                            f"{expected}: adapt COMPUTED in {pathlib.Path(__file__).name}")
    return found


def fields(struct, header, problems):
    text = without_comments((ROOT / header).read_text())
    match = re.search(r"typedef struct %s \{(.*?)\n\} %s;" % (struct, struct), text, re.S)
    if not match:
        problems.append(f"{header} has no struct {struct}")
        return set()
    names = set()
    for member in match.group(1).split(";"):
        pointer = re.search(r"\(\*(\w+)\)", member)
        name = pointer or re.search(r"(\w+)(\[\w*\])?\s*$", member)
        if name:
            names.add(name.group(1))
    return names - {"struct_size"}


def read_page(problems):
    """The variables of the tables, and the fields of each section's table."""
    variables, options, section, header = set(), {}, "", None
    text = PAGE.read_text()
    for number, line in enumerate(text.split("\n"), 1):
        if line.startswith("#"):
            section = line.strip("# ")
        if not line.startswith("|"):
            header = None
            continue
        cells = [cell.strip() for cell in line.strip().strip("|").split("|")]
        if header is None:
            header = cells
        elif len(cells) != len(header):
            problems.append(f"{PAGE.name}:{number}: {len(cells)} cells instead of {len(header)}")
        names = re.findall(r"`(\w+)`", cells[0])
        if header[0] == "variable":
            variables |= set(names)
        elif header[0] == "field":
            options.setdefault(section, set()).update(names)
    mentioned = set(re.findall(r"\bOTEL_[A-Z0-9_]+[A-Z0-9]\b(?!\*)", text))
    return variables, options, mentioned


def compare(what, in_code, on_page, problems):
    problems += [f"{what} {name} is missing on the page" for name in sorted(in_code - on_page)]
    problems += [f"{what} {name} is on the page, and not in the code"
                 for name in sorted(on_page - in_code)]


def main():
    problems = []
    variables, options, mentioned = read_page(problems)
    in_code = user_variables(problems)
    compare("variable", in_code, variables, problems)
    problems += [f"variable {name} is mentioned, and the code does not read it"
                 for name in sorted(mentioned - in_code - variables)]
    compare(f"variable in {SETTINGS.name}", settings(problems), variables - NO_SETTINGS, problems)
    for struct, header in STRUCTS.items():
        compare(f"field {struct}", fields(struct, header, problems), options.pop(struct, set()),
                problems)
    counters = re.findall(r"^\| `(\w+)` \|", (ROOT / "docs/delivery.md").read_text()
                          .partition("| counter |")[2].partition("\n\n")[0], flags=re.M)
    compare("counter (docs/delivery.md)", fields("tote_stats", "sdk/include/tote/sdk.h", problems),
            set(counters), problems)
    problems += [f"section {name} has options, and is about no known struct" for name in options]
    for problem in problems:
        print(f"{PAGE.relative_to(ROOT)}: {problem}", file=sys.stderr)
    return bool(problems)


if __name__ == "__main__":
    sys.exit(main())
