/* SPDX-License-Identifier: MIT */
/*
 * main.c - tote-spoa: an agent of HAProxy that traces its requests
 *
 * Tests: tests/hosts/haproxy/test_agent.py
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent.h"
#include "program.h"
#include "tote/start.h"

/* The values of the options. */
struct settings {
    const char *listen;
    enum trust trust;
    unsigned most_connections;
    unsigned most_requests;
    uint64_t request_timeout_ns;
    uint64_t drain_ns;
};

static const char *set_trust(void *arg, const char *value) {
    static const char *const names[] = {
        [TRUST_CONTINUE] = "continue", [TRUST_LINK] = "link", [TRUST_IGNORE] = "ignore"};
    struct settings *settings = arg;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(value, names[i]) == 0) {
            settings->trust = (enum trust)i;
            return NULL;
        }
    }
    return "is not continue, link or ignore";
}

static int serve(const struct program_command *command, const struct settings *settings,
                 struct address_sockets *sockets) {
    const uint64_t ms = 1000000;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    agent_block_signals();
    options.default_service_name = "haproxy";
    tote_sdk *sdk = tote_sdk_start(&options);
    struct requests *requests =
        requests_new(settings->trust, settings->most_requests, settings->request_timeout_ns);
    const struct agent_options agent = {sockets, requests, sdk, settings->most_connections,
                                        settings->drain_ns};
    printf("listening on %s\n", sockets->text);
    fflush(stdout);
    int error = requests ? agent_run(&agent) : ENOMEM;
    requests_free(requests, "shutdown");
    if (error) {
        program_report(command, "%s", strerror(error));
    }
    if (tote_sdk_close(&sdk, (uint32_t)(settings->drain_ns / ms)) != TOTE_RESULT_SUCCESS) {
        program_report(command, "not all spans were exported");
        return EXIT_FAILURE;
    }
    return error ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int run(int argc, char **argv) {
    struct settings settings = {.listen = "127.0.0.1:4390",
                                .trust = TRUST_CONTINUE,
                                .most_connections = 1024,
                                .most_requests = 65536,
                                .request_timeout_ns = UINT64_C(3600000000000),
                                .drain_ns = UINT64_C(5000000000)};
    struct program_call trust = {set_trust, &settings};
    const struct program_option options[] = {
        {"listen", 'l', PROGRAM_TEXT, "ADDRESS", &settings.listen, 0, 0,
         "HOST:PORT with a numeric host, or unix:PATH (127.0.0.1:4390); the log is read from the "
         "same port with UDP, or from PATH.log"},
        {"trust", 't', PROGRAM_CALL, "MODE", &trust, 0, 0,
         "what becomes of the trace context of clients: continue, link to a new trace, or ignore "
         "(continue)"},
        {"max-connections", 0, PROGRAM_NUMBER, "N", &settings.most_connections, 1, 4096,
         "connections of HAProxy at a time; one more replaces the one that is silent for the "
         "longest time (1024)"},
        {"max-requests", 0, PROGRAM_NUMBER, "N", &settings.most_requests, 1, 1048576,
         "requests at a time; one more ends the oldest one (65536)"},
        {"request-timeout", 0, PROGRAM_DURATION, "DURATION", &settings.request_timeout_ns,
         UINT64_C(1000000), UINT64_C(604800000000000),
         "end a request with an error if HAProxy has not logged its end (1h)"},
        {"drain", 0, PROGRAM_DURATION, "DURATION", &settings.drain_ns, 0, UINT64_C(3600000000000),
         "after SIGTERM, wait for the end of requests, then again for the export (5s)"},
    };
    const struct program_command command = {
        .program = "tote-spoa",
        .arguments = "",
        .summary = "Trace the requests of HAProxy: an agent for its filter \"spoe\".",
        .help = "The variables OTEL_* say where spans go. SIGHUP exports what is queued.\n",
        .options = options,
        .option_count = sizeof options / sizeof *options};
    struct address_sockets sockets;
    int status;
    int first = program_parse_few(&command, argc, argv, 0, &status);

    if (first < 0) {
        return status;
    }
    const char *problem = address_open(settings.listen, &sockets);
    if (problem) {
        program_report(&command, "cannot listen on '%s': %s", settings.listen, problem);
        return EXIT_FAILURE;
    }
    status = serve(&command, &settings, &sockets);
    address_close(&sockets);
    return status;
}

int main(int argc, char **argv) {
    program_begin();
    return program_end(run(argc, argv));
}
