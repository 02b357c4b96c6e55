/* SPDX-License-Identifier: MIT */
/* smallest.c - export one span, or BENCH_SPANS spans, to the given URL */
#include <stdlib.h>

#include "tote/exporters/otlp.h"
#include "tote/tote.h"

enum { PACE = 1024 };

int main(int argc, char **argv) {
    tote_otlp_options otlp = TOTE_OTLP_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    const char *wanted = getenv("BENCH_SPANS");
    long count = wanted ? atol(wanted) : 1;

    otlp.endpoint = argc > 1 ? argv[1] : NULL;
    tote_span_exporter *exporter = tote_span_exporter_otlp_new(&otlp);
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_tracer *tracer = tote_get_tracer("smallest", "1.0");
    for (long i = 0; i < count; i++) {
        tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
        tote_span_close(&span);
        if (i % PACE == PACE - 1) {
            tote_sdk_force_flush(sdk, 10000);
        }
    }
    return tote_sdk_close(&sdk, 10000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}
