/* SPDX-License-Identifier: MIT */
/*
 * main.c - the program tote
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_send.sh
 */
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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
    MOST_TIMEOUT_MS = 86400000
};

static void print_usage(FILE *out) {
    fputs(
        "usage: tote view [--port N] [--grpc-port N] [--once | --count N] [--quiet-ms N]\n"
        "       tote view FILE...\n"
        "       tote send [--timeout-ms N] [--crash-safe-directory DIRECTORY] DIRECTORY\n"
        "       tote --version | --help\n"
        "\n"
        "view receives traces (OTLP over HTTP, protobuf or JSON, and over gRPC) on loopback and\n"
        "draws each one when all of it has come, or when nothing has for a while. With files it\n"
        "draws what they contain: JSON or a request in protobuf, perhaps compressed with gzip;\n"
        "- is standard input.\n"
        "\n"
        "  --port N       listen on this port for HTTP (4318); 0: a free one, for gRPC, too\n"
        "  --grpc-port N  and on this one for gRPC (4317, a free one if that is in use)\n"
        "  --once         end after the first trace\n"
        "  --count N      end after so many, at least one\n"
        "  --quiet-ms N   how long to wait for the rest of a trace (2000)\n"
        "\n"
        "send delivers what programs left in a disk queue (OTEL_C_DISK_QUEUE_DIRECTORY), to where\n"
        "OTEL_EXPORTER_OTLP_ENDPOINT and the like say. It stops at the first answer that\n"
        "the receiver does not accept requests there (401, 403, 404, ...), and leaves the rest.\n"
        "It exits with 0 if nothing is left in the disk queue, with 1 if something is, with 3 if "
        "files\n"
        "cannot be opened, are damaged or belong to another container, and with 4 if the\n"
        "receiver rejected spans or does not accept them there.\n"
        "\n"
        "  --timeout-ms N  how long to try (30000)\n"
        "  --crash-safe-directory DIR  where the crash-safe files of killed programs are, if not "
        "in memory\n"
        "\n"
        "An arrow before a service: in for a server, out for a client, dashed for messages.\n"
        "A number behind an ellipsis: the depth of a span for which there is no room to indent.\n",
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

/* One line about what is wrong, and where to read more: the whole text would hide it. */
static int usage_error(const char *what, const char *about) {
    fprintf(stderr, "tote: %s%s%s%s\nTry 'tote --help' for more information.\n", what,
            about ? " '" : "", about ? about : "", about ? "'" : "");
    return EXIT_USAGE;
}

/* For an option and its value, which is NULL if it is missing. */
static int number_error(const char *command, char *const option[2], struct range range) {
    char what[96];
    char from[32] = "up";

    if (range.least) {
        snprintf(from, sizeof from, "from %lu", range.least);
    }
    snprintf(what, sizeof what, "%s: %s needs a number %s to %lu%s", command, option[0], from,
             range.most, option[1] ? ", which is not" : "");
    return usage_error(what, option[1]);
}

/* The number for this option, and its range; NULL: it is none of those that take one. */
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
    char **files = argv;     /* those of the arguments that are some, one behind the other */
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
                return usage_error("send: one directory at a time, not also", argv[i]);
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
                     : usage_error("send: which directory?", NULL);
}

/*
 * Have descriptors 0 to 2 open, so that no file or socket gets one of their numbers. Output that
 * was closed still fails.
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

/* A full disk is an error that nobody would see otherwise. */
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
    if (argc > 1 && strcmp(argv[1], "--version") == 0) {
        printf("tote %s\n", tote_version());
        return 0;
    }
    if (argc > 1 && strcmp(argv[1], "--help") == 0) {
        print_usage(stdout);
        return 0;
    }
    return argc > 1 ? usage_error("unknown command", argv[1]) : usage_error("which command?", NULL);
}

int main(int argc, char **argv) {
    open_stdio();
    setlocale(LC_CTYPE, "");
    return end(run(argc, argv));
}
