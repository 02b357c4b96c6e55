/* SPDX-License-Identifier: MIT */
/*
 * hostile.c - the rows about large headers from an attacker: the cost of a kilobyte of each, in
 * three sizes
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "tote/instrumentation/xray.h"
#include "tote/propagators.h"

enum { KILOBYTE = 1000, LONGEST = 1000 * KILOBYTE, MOST_HEADERS = LONGEST / 16, ROUNDS = 9 };

/* The text that is repeated until the header is long; several headers if `is_many`. */
static const struct hostile {
    const char *header;
    const char *part;
    bool is_many;
} kinds[] = {
    {"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-", false},
    {"tracestate", "k=v,", false},
    {"baggage", "k=%41;p,", false},
    {"baggage", "k=1", true},
    {"b3", "80f198ee56343ba864fe8b2a57d3eff7-", false},
    {"x-b3-traceid", "80f198ee56343ba8", false},
    {"uber-trace-id", "1:%3A", false},
    {"uberctx-k", "%41+b", true},
    {"jaeger-baggage", "k=%41,", false},
    {"ot-tracer-traceid", "80f198ee56343ba8", false},
    {"grpc-trace-bin", "AACA8ZjuVjQ7", false},
    {"x-amzn-trace-id", "Sampled=1;", false},
};

static void ignore(tote_level level, const char *component, const char *message, void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

/*
 * ns for extracting `size` bytes of the header of row `bench_argument` / 10; the best of several.
 */
static double cost(size_t size) {
    static char text[LONGEST];
    static tote_header headers[MOST_HEADERS + 1];
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct hostile *kind = &kinds[bench_argument / 10];
    size_t part_length = strlen(kind->part), name_length = strlen(kind->header);
    tote_header_array carrier = {.headers = headers};
    double best = 1e18;

    tote_propagator_xray_register();
    tote_propagator *propagator =
        tote_propagator_from_names("tracecontext,baggage,b3,jaeger,ottrace,opencensus,xray");
    if (strcmp(kind->header, "tracestate") == 0) {
        headers[carrier.count++] = (tote_header){"traceparent", 11, parent, sizeof parent - 1};
    }
    if (kind->is_many) {
        for (size_t at = 0; at + name_length + part_length <= size && carrier.count < MOST_HEADERS;
             at += name_length + part_length) {
            headers[carrier.count++] =
                (tote_header){kind->header, name_length, kind->part, part_length};
        }
    } else {
        for (size_t i = 0; i < size; i++) {
            text[i] = kind->part[i % part_length];
        }
        headers[carrier.count++] = (tote_header){kind->header, name_length, text, size};
    }
    for (int round = 0; round < ROUNDS; round++) {
        size_t repetitions = LONGEST / size;
        uint64_t start = floor_clock();
        for (size_t i = 0; i < repetitions; i++) {
            tote_context_unref(tote_propagator_extract(propagator, tote_context_root(), &carrier,
                                                       tote_header_array_getter()));
        }
        double each = (double)(floor_clock() - start) / (double)repetitions;
        best = each < best ? each : best;
    }
    tote_propagator_unref(propagator);
    return best;
}

/* ns per kilobyte; the last digit of the argument selects 10, 100 or 1,000 kilobytes. */
static double cost_of_kilobyte(void) {
    size_t kilobytes = bench_argument % 10 == 0 ? 10 : bench_argument % 10 == 1 ? 100 : 1000;

    tote_diagnostics_set_handler(ignore, TOTE_LEVEL_WARN, NULL);
    double each = cost(kilobytes * KILOBYTE) / (double)kilobytes;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
    return each;
}

#define HOSTILE(kind, letter, what)                                                                \
    {.id = "H" letter "10",                                                                        \
     .name = "a kilobyte of 10 of " what,                                                          \
     .argument = (kind)*10,                                                                        \
     .value = cost_of_kilobyte,                                                                    \
     .unit = "ns"},                                                                                \
        {.id = "H" letter "100",                                                                   \
         .name = "a kilobyte of 100 of " what,                                                     \
         .argument = (kind)*10 + 1,                                                                \
         .value = cost_of_kilobyte,                                                                \
         .unit = "ns"},                                                                            \
    {                                                                                              \
        .id = "H" letter "1000", .name = "a kilobyte of 1,000 of " what,                           \
        .argument = (kind)*10 + 2, .value = cost_of_kilobyte, .unit = "ns"                         \
    }

static const struct bench_row rows[] = {
    HOSTILE(0, "t", "traceparent"),
    HOSTILE(1, "s", "tracestate"),
    HOSTILE(2, "b", "baggage"),
    HOSTILE(3, "m", "many headers of baggage"),
    HOSTILE(4, "z", "b3"),
    HOSTILE(5, "y", "x-b3-traceid"),
    HOSTILE(6, "j", "uber-trace-id"),
    HOSTILE(7, "u", "many headers uberctx-k"),
    HOSTILE(8, "l", "jaeger-baggage"),
    HOSTILE(9, "o", "ot-tracer-traceid"),
    HOSTILE(10, "g", "grpc-trace-bin"),
    HOSTILE(11, "x", "x-amzn-trace-id"),
};
const struct bench_table bench_hostile = BENCH_TABLE(rows);
