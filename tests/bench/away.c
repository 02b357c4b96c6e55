/* SPDX-License-Identifier: MIT */
/*
 * away.c - 50,000 spans a second at the default settings, to an unreachable collector
 *
 *   bench-away URL
 *
 * Environment: BENCH_SECONDS    for how long (20)
 *              BENCH_QUEUE      a directory for the disk queue
 *              BENCH_CRASH_SAFE set: crash-safe mode
 */
#include <stdlib.h>
#include <time.h>

#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { SPANS_A_MS = 50, MS_A_S = 1000, NS_A_MS = 1000000 };

static void end_spans(tote_tracer *tracer, size_t count) {
    const tote_attribute attributes[] = {
        {"http.request.method", tote_string("GET-0123456789ab")},
        {"url.path", tote_string("/checkout/012345")},
        {"http.response.status_code", tote_int(200)},
        {"request.size", tote_int(123456)},
        {"cache.hit", tote_bool(true)},
    };
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.attributes = attributes;
    options.attribute_count = TOTE_COUNT_OF(attributes);
    for (size_t i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", &options);
        tote_span_close(&span);
    }
}

int main(int argc, char **argv) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_delivery_options delivery = TOTE_DELIVERY_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    const char *wanted = getenv("BENCH_SECONDS");
    long left_ms = (wanted ? strtol(wanted, NULL, 10) : 20) * MS_A_S;
    struct timespec next;

    otlp.delivery = &delivery;
    otlp.ignore_environment = true;
    otlp.endpoint = argc > 1 ? argv[1] : NULL;
    delivery.disk_queue_directory = getenv("BENCH_QUEUE");
    delivery.crash_safe = getenv("BENCH_CRASH_SAFE") != NULL;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_tracer *tracer = tote_get_tracer("away", "1.0");
    clock_gettime(CLOCK_MONOTONIC, &next);
    for (; left_ms > 0; left_ms--) {
        end_spans(tracer, SPANS_A_MS);
        next.tv_nsec += NS_A_MS;
        next.tv_sec += next.tv_nsec / (NS_A_MS * MS_A_S);
        next.tv_nsec %= NS_A_MS * MS_A_S;
        clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &next, NULL);
    }
    tote_sdk_close(&sdk, 100); /* there is no receiver */
    return 0;
}
