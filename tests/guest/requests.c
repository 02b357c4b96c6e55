/* SPDX-License-Identifier: MIT */
/*
 * requests.c - run by test_system_calls.sh: a receiver, and a program that sends to it
 *
 *   requests receive http|grpc          print the URL, and serve until the end of standard input
 *   requests send URL MODE COUNT        send this many requests; MODE: worker, host, grpc
 *
 * Before each measured request, the sender writes a line to standard output; earlier requests are
 * for memory to be allocated. It waits only by nanosleep() and select(), which Tote does not use.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <time.h>
#include <unistd.h>

#include "grpc_receiver.h"
#include "receiver.h"
#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { BATCH = 512, FIRST_REQUESTS = 100, NS_PER_MS = 1000000 };

static int receive(bool is_grpc) {
    struct receiver *http = is_grpc ? NULL : receiver_start();
    struct grpc_receiver *grpc =
        is_grpc ? grpc_receiver_start((struct grpc_manner){.limit = 0}) : NULL;

    if (!http && !grpc) {
        return 1;
    }
    printf("%s\n", http ? receiver_url(http) : grpc_receiver_url(grpc));
    fflush(stdout);
    while (getchar() != EOF) {
    }
    receiver_stop(http);
    if (grpc) {
        grpc_receiver_stop(grpc);
    }
    return 0;
}

static uint64_t exported(tote_sdk *sdk) {
    tote_stats stats = TOTE_STATS_INIT;

    return tote_sdk_get_stats(sdk, &stats) ? stats.exported : 0;
}

static void end_spans(void) {
    const tote_attribute attributes[] = {
        {"http.request.method", tote_string("GET-0123456789ab")},
        {"url.path", tote_string("/checkout/012345")},
        {"http.response.status_code", tote_int(200)},
    };
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.attributes = attributes;
    options.attribute_count = 3;
    for (size_t i = 0; i < BATCH; i++) {
        tote_span *span =
            tote_tracer_start_span(tote_get_tracer("requests", NULL), "work", &options);
        tote_span_close(&span);
    }
}

/* As a host's loop does. */
static void turn(tote_sdk *sdk) {
    int fd = tote_sdk_get_poll_fd(sdk);
    int due_ms = tote_sdk_get_poll_timeout_ms(sdk);
    long retry_after_ms = due_ms < 0 || due_ms > 100 ? 100 : due_ms;
    struct timeval timeout = {retry_after_ms / 1000, retry_after_ms % 1000 * 1000};
    fd_set readable;

    FD_ZERO(&readable);
    FD_SET(fd, &readable);
    if (retry_after_ms) {
        select(fd + 1, &readable, NULL, NULL, &timeout);
    }
    tote_sdk_poll(sdk);
}

static void wait_for(tote_sdk *sdk, uint64_t count, bool is_host_driven) {
    while (exported(sdk) < count) {
        const struct timespec moment = {.tv_nsec = NS_PER_MS};
        if (is_host_driven) {
            turn(sdk);
        } else {
            nanosleep(&moment, NULL);
        }
    }
}

static int send_requests(const char *url, const char *mode, size_t count) {
    static const char line[] = "request\n";
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    bool is_host_driven = strcmp(mode, "host") == 0;

    otlp.ignore_environment = true;
    otlp.endpoint = url;
    otlp.protocol =
        strcmp(mode, "grpc") == 0 ? TOTE_OTLP_PROTOCOL_GRPC : TOTE_OTLP_PROTOCOL_HTTP_PROTOBUF;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    batch.mode = is_host_driven ? TOTE_EXPORT_MODE_HOST_DRIVEN : TOTE_EXPORT_MODE_WORKER;
    batch.max_export_batch_size = BATCH;
    batch.schedule_delay_ms = 3600000;
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    tote_sdk *sdk = tote_sdk_start(&options);
    for (size_t i = 0; i < FIRST_REQUESTS + count; i++) {
        if (i >= FIRST_REQUESTS && write(STDOUT_FILENO, line, sizeof line - 1) < 0) {
            return 1;
        }
        end_spans();
        wait_for(sdk, (i + 1) * BATCH, is_host_driven);
    }
    return tote_sdk_close(&sdk, 10000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}

int main(int argc, char **argv) {
    if (argc == 3 && strcmp(argv[1], "receive") == 0) {
        return receive(strcmp(argv[2], "grpc") == 0);
    }
    if (argc == 5 && strcmp(argv[1], "send") == 0) {
        return send_requests(argv[2], argv[3], strtoul(argv[4], NULL, 10));
    }
    fprintf(stderr, "usage: requests receive http|grpc\n       requests send URL MODE COUNT\n");
    return 2;
}
