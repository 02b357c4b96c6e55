/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program tote
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_send.sh, tests/cli/test_check.sh
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "send.h"
#include "tote/common.h"
#include "view.h"

enum {
    EXIT_USAGE = 2,
    OTLP_PORT = 4318,
    OTLP_GRPC_PORT = 4317,
    NO_PORT = 65536,
    QUIET_MS = 2000,
    SEND_TIMEOUT_MS = 30000,
    CHECK_TIMEOUT_MS = 10000,
    MOST_TIMEOUT_MS = 86400000
};

static void print_usage(FILE *out) {
    fputs(
        "usage: tote view [--port N] [--grpc-port N] [--once | --count N] [--quiet-ms N]\n"
        "       tote view [--once | --count N] FILE...\n"
        "       tote send [--timeout-ms N] [--crash-safe-directory DIRECTORY] DIRECTORY\n"
        "       tote check [--no-send] [--all] [--json] [--timeout-ms N] [FILE]\n"
        "       tote --version | --help\n"
        "\n"
        "view receives traces on 127.0.0.1 (OTLP over HTTP in protobuf or JSON, OTLP over gRPC).\n"
        "It draws a trace when it is complete, or when none of its spans arrived for a while.\n"
        "With files it draws the traces that they contain: OTLP/JSON, or one request in protobuf,\n"
        "optionally compressed with gzip. The file - is standard input.\n"
        "\n"
        "  --port N       HTTP port (4318); 0 selects a free port for HTTP and for gRPC\n"
        "  --grpc-port N  gRPC port (4317, or a free one if that is in use); 0 selects a free one\n"
        "  --once         exit after the first trace\n"
        "  --count N      exit after N traces, at least 1\n"
        "  --quiet-ms N   wait N milliseconds for missing spans of a trace (2000)\n"
        "\n"
        "An arrow before a service marks the kind of a span: in for a server, out for a client,\n"
        "dashed for messages. A number after an ellipsis is the depth of a span that is too deep\n"
        "to be indented.\n"
        "\n"
        "send delivers the spans in a disk queue (OTEL_C_DISK_QUEUE_DIRECTORY) to the endpoint\n"
        "that OTEL_EXPORTER_OTLP_ENDPOINT and the related variables set. It stops at the first\n"
        "response that shows that the endpoint does not accept requests (401, 403, 404, ...), and\n"
        "leaves the rest in the queue.\n"
        "\n"
        "  --timeout-ms N  stop after N milliseconds (30000)\n"
        "  --crash-safe-directory DIRECTORY\n"
        "                  also deliver from the crash-safe files in DIRECTORY, for programs that\n"
        "                  set the option crash_safe_directory\n"
        "\n"
        "Exit status of send:\n"
        "  0  the disk queue is empty\n"
        "  1  batches are left in the disk queue, or the directory is not a disk queue\n"
        "  2  wrong usage\n"
        "  3  files cannot be opened, are damaged, or belong to another container\n"
        "  4  the receiver rejected spans, or does not accept requests at this endpoint\n"
        "\n"
        "check prints the configuration in effect and where each value came from: a configuration\n"
        "file, the OTEL_* variables or a default. It sends one span to each exporter, and reports\n"
        "each step: name look-up, connect, TLS, response. It uses no disk queue.\n"
        "\n"
        "  FILE            the configuration file (OTEL_CONFIG_FILE; without it the other "
        "variables)\n"
        "  --no-send       send nothing\n"
        "  --all           also print the options of Tote that the file does not set\n"
        "  --json          print the result as JSON\n"
        "  --timeout-ms N  stop after N milliseconds (10000)\n"
        "\n"
        "Exit status of check:\n"
        "  0  every exporter exported the span, or nothing was to be sent\n"
        "  1  an exporter did not export the span\n"
        "  2  wrong usage, or the configuration has an error\n",
        out);
}

struct range {
    unsigned long least;
    unsigned long most;
};

static bool read_number(const char *text, struct range range, unsigned long *number) {
    char *end;

    if (!text || *text < '0' || *text > '9') {
        return false;
    }
    errno = 0;
    *number = strtoul(text, &end, 10);
    return !*end && errno == 0 && *number >= range.least && *number <= range.most;
}

/* Report the error in one line, and where to read more: the whole text would hide the error. */
static int usage_error(const char *what, const char *about) {
    fprintf(stderr, "tote: %s%s%s%s\nTry 'tote --help' for more information.\n", what,
            about ? " '" : "", about ? about : "", about ? "'" : "");
    return EXIT_USAGE;
}

/* Report an option and its value; the value is NULL if it is missing. */
static int number_error(const char *command, char *const option[2], struct range range) {
    char what[96];
    char from[32] = "up";

    if (range.least) {
        snprintf(from, sizeof from, "from %lu", range.least);
    }
    snprintf(what, sizeof what, "%s: %s needs a number %s to %lu%s", command, option[0], from,
             range.most, option[1] ? ", not" : "");
    return usage_error(what, option[1]);
}

/* Return the number that this option sets, and its range. NULL: the option takes no number. */
static unsigned *find_number(struct view_options *options, const char *option,
                             struct range *range) {
    if (strcmp(option, "--port") == 0) {
        *range = (struct range){0, 65535};
        return &options->port;
    }
    if (strcmp(option, "--grpc-port") == 0) {
        *range = (struct range){0, 65535};
        return &options->grpc_port;
    }
    if (strcmp(option, "--count") == 0) {
        *range = (struct range){1, 1000000};
        return &options->count;
    }
    if (strcmp(option, "--quiet-ms") == 0) {
        *range = (struct range){0, 3600000};
        return &options->quiet_ms;
    }
    return NULL;
}

static int view(int argc, char **argv) {
    struct view_options options = {.port = OTLP_PORT, .grpc_port = NO_PORT, .quiet_ms = QUIET_MS};
    unsigned long number;
    struct range range;
    bool has_options = true; /* until "--" */
    char **files = argv;     /* overwritten with the arguments that are files */
    size_t file_count = 0;

    for (int i = 0; i < argc; i++) {
        if (!has_options || argv[i][0] != '-' || !argv[i][1]) {
            files[file_count++] = argv[i];
            continue;
        }
        unsigned *wanted = find_number(&options, argv[i], &range);
        if (strcmp(argv[i], "--help") == 0) {
            print_usage(stdout);
            return 0;
        }
        if (wanted) {
            const char *value = argv[++i]; /* argv ends with NULL */
            if (!read_number(value, range, &number)) {
                return number_error("view", argv + i - 1, range);
            }
            *wanted = (unsigned)number;
        } else if (strcmp(argv[i], "--once") == 0) {
            options.count = 1;
        } else if (strcmp(argv[i], "--") == 0) {
            has_options = false;
        } else {
            return usage_error("view: unknown option", argv[i]);
        }
    }
    options.is_grpc_port_wanted = options.grpc_port != NO_PORT;
    if (!options.is_grpc_port_wanted) {
        options.grpc_port = options.port ? OTLP_GRPC_PORT : 0;
    }
    return file_count ? view_files(&options, files, file_count) : view_run(&options);
}

static int send_disk_queue(int argc, char **argv) {
    static const struct range timeouts = {0, MOST_TIMEOUT_MS};
    unsigned long timeout_ms = SEND_TIMEOUT_MS;
    const char *directory = NULL;
    const char *crash_files = NULL;
    bool has_options = true; /* until "--" */

    for (int i = 0; i < argc; i++) {
        if (!has_options || argv[i][0] != '-') {
            if (directory) {
                return usage_error("send: only one directory is allowed; unexpected", argv[i]);
            }
            directory = argv[i];
        } else if (strcmp(argv[i], "--help") == 0) {
            print_usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--crash-safe-directory") == 0) {
            crash_files = argv[++i];
            if (!crash_files) {
                return usage_error("send: --crash-safe-directory needs a directory", NULL);
            }
        } else if (strcmp(argv[i], "--timeout-ms") == 0) {
            if (!read_number(argv[++i], timeouts, &timeout_ms)) {
                return number_error("send", argv + i - 1, timeouts);
            }
        } else if (strcmp(argv[i], "--") == 0) {
            has_options = false;
        } else {
            return usage_error("send: unknown option", argv[i]);
        }
    }
    return directory ? send_run(directory, crash_files, (unsigned)timeout_ms)
                     : usage_error("send: the directory of the disk queue is missing", NULL);
}

static int check(int argc, char **argv) {
    static const struct range timeouts = {1, MOST_TIMEOUT_MS};
    struct check_options options = {.sends = true};
    unsigned long timeout_ms = CHECK_TIMEOUT_MS;
    bool has_options = true; /* until "--" */

    for (int i = 0; i < argc; i++) {
        if (!has_options || argv[i][0] != '-') {
            if (options.file) {
                return usage_error("check: only one file is allowed; unexpected", argv[i]);
            }
            options.file = argv[i];
        } else if (strcmp(argv[i], "--help") == 0) {
            print_usage(stdout);
            return 0;
        } else if (strcmp(argv[i], "--no-send") == 0) {
            options.sends = false;
        } else if (strcmp(argv[i], "--all") == 0) {
            options.shows_all = true;
        } else if (strcmp(argv[i], "--json") == 0) {
            options.is_json = true;
        } else if (strcmp(argv[i], "--timeout-ms") == 0) {
            if (!read_number(argv[++i], timeouts, &timeout_ms)) {
                return number_error("check", argv + i - 1, timeouts);
            }
        } else if (strcmp(argv[i], "--") == 0) {
            has_options = false;
        } else {
            return usage_error("check: unknown option", argv[i]);
        }
    }
    options.timeout_ms = (unsigned)timeout_ms;
    return check_run(&options);
}

/*
 * Open descriptors 0 to 2 if they are closed, so that no file or socket gets one of their numbers.
 * They are read-only: output to a descriptor that was closed still fails.
 */
static void open_stdio(void) {
    while (true) {
        int descriptor = open("/dev/null", O_RDONLY);
        if (descriptor > STDERR_FILENO || descriptor < 0) {
            close(descriptor);
            return;
        }
    }
}

/* Report output that could not be written, for example because the disk is full. */
static int end(int code) {
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "tote: cannot write to standard output%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        return code ? code : EXIT_FAILURE;
    }
    return code;
}

static int run(int argc, char **argv) {
    if (argc > 1 && strcmp(argv[1], "view") == 0) {
        return view(argc - 2, argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "send") == 0) {
        return send_disk_queue(argc - 2, argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "check") == 0) {
        return check(argc - 2, argv + 2);
    }
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("tote %s\n", tote_version());
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    return argc > 1 ? usage_error("unknown command", argv[1])
                    : usage_error("a command is missing", NULL);
}

int main(int argc, char **argv) {
    open_stdio();
    setlocale(LC_CTYPE, "");
    return end(run(argc, argv));
}
