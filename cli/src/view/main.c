/* SPDX-License-Identifier: MIT */
/*
 * main.c - the helper program tote-view: commands that read traces
 *
 * Tests: tests/cli/test_view.sh
 */
#include "program.h"
#include "run_viewer.h"
#include "traces.h"
#include "tui.h"
#include "view.h"

enum {
    OTLP_PORT = 4318,
    OTLP_GRPC_PORT = 4317,
    NO_PORT = 65536,
    MOST_PORT = 65535,
    MOST_COUNT = 1000000
};

static const uint64_t default_late = 2000000000;
static const uint64_t least_memory = (uint64_t)1 << 20;
static const uint64_t most_memory =
    SIZE_MAX / 2 < (uint64_t)1 << 40 ? SIZE_MAX / 2 : (uint64_t)1 << 40;
static const uint64_t hour = 3600000000000;

static int view(int argc, char **argv) {
    struct view_options options = {.port = OTLP_PORT, .grpc_port = NO_PORT};
    uint64_t late = default_late;
    bool is_once = false;
    bool is_plain = false;
    int status;
    const struct program_option table[] = {
        {"port", 'p', PROGRAM_NUMBER, "N", &options.port, 0, MOST_PORT,
         "HTTP port (4318); 0 selects a free port for HTTP and for gRPC"},
        {"grpc-port", 0, PROGRAM_NUMBER, "N", &options.grpc_port, 0, MOST_PORT,
         "gRPC port (4317, or a free one if that is in use); 0 selects a free one"},
        {"once", '1', PROGRAM_FLAG, NULL, &is_once, 0, 0, "exit after the first trace"},
        {"count", 'n', PROGRAM_NUMBER, "N", &options.count, 1, MOST_COUNT, "exit after N traces"},
        {"late", 0, PROGRAM_DURATION, "DURATION", &late, 0, hour,
         "how long to wait for missing spans of a trace (2s)"},
        {"memory", 0, PROGRAM_SIZE, "SIZE", &options.memory, least_memory, most_memory,
         "memory for traces, such as 64M or 2G (512M; 256M if they are printed); more evicts the "
         "oldest"},
        {"web", 'w', PROGRAM_FLAG, NULL, &options.has_page, 0, 0,
         "display traces in a browser: prints the address of the page"},
        {"open", 0, PROGRAM_FLAG, NULL, &options.is_opened, 0, 0,
         "--web, and open the page by xdg-open"},
        {"plain", 0, PROGRAM_FLAG, NULL, &is_plain, 0, 0,
         "print each trace, also in a terminal; --once and --count do so, too"},
    };
    const struct program_command command = {
        .name = "view",
        .arguments = "[FILE]...",
        .summary =
            "Receive traces on 127.0.0.1 (OTLP over HTTP in protobuf or JSON, OTLP over gRPC),\n"
            "and show them. In a terminal the display is interactive: ? shows the keys.\n"
            "Otherwise, print each trace when it is complete, or when none of its spans arrived\n"
            "for a while. With files, show the traces that they contain: OTLP/JSON, or one\n"
            "request in protobuf, optionally compressed with gzip. The file - is standard input.",
        .help =
            "An arrow before a service marks the kind of a span: in for a server, out for a "
            "client,\n"
            "dashed for messages. A number after an ellipsis is the depth of a span that is too\n"
            "deep to be indented.\n\n"
            "Exit status:\n"
            "  0  success\n"
            "  1  a file cannot be read, or a port is in use\n"
            "  2  wrong usage\n",
        .options = table,
        .option_count = sizeof table / sizeof *table,
    };
    int first = program_parse(&command, argc, argv, false, &status);

    if (first < 0) {
        return status;
    }
    options.count = is_once ? 1 : options.count;
    options.quiet_ms = (unsigned)(late / 1000000);
    options.is_grpc_port_wanted = options.grpc_port != NO_PORT;
    if (!options.is_grpc_port_wanted) {
        options.grpc_port = options.port ? OTLP_GRPC_PORT : 0;
    }
    options.has_page |= options.is_opened;
    options.is_interactive = !is_plain && !options.count && !options.has_page && tui_is_possible();
    return first < argc && !options.has_page
               ? view_files(&options, argv + first, (size_t)(argc - first))
               : view_run(&options, argv + first, (size_t)(argc - first));
}

int main(int argc, char **argv) {
    static const struct program_entry entries[] = {
        {"run", run_viewer},        {"test", run_viewer}, {"trace", trace_command},
        {"traces", traces_command}, {"view", view},
    };

    return program_run(entries, sizeof entries / sizeof *entries, argc, argv);
}
