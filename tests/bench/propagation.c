/* SPDX-License-Identifier: MIT */
/*
 * propagation.c - the rows about headers: W5 and W6
 */
#include <string.h>

#include "bench.h"
#include "tote/propagators.h"

enum { MILLION = 1000000 };

static const tote_header headers[] = {
    {"traceparent", 11, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", 55},
    {"baggage", 7, "user.id=u_0123456789,tenant=acme,attempt=1", 42},
};

static tote_propagator *propagator;
static tote_context *context;

/* The first headers, as many as the row needs; all are passed, whichever is requested. */
static void pass_all(const void *carrier, const char *key, tote_header_visitor visit, void *arg) {
    const tote_header *header = carrier;

    (void)key;
    for (size_t i = 0; i < bench_argument; i++) {
        if (!visit(arg, header[i].name, header[i].name_length, header[i].value,
                   header[i].value_length)) {
            return;
        }
    }
}

static void set_nothing(void *carrier, const char *key, const char *value, size_t value_length) {
    (void)carrier, (void)key;
    bench_sink = (uint64_t)(uintptr_t)value + value_length;
}

static const tote_text_map_getter getter = {sizeof getter, pass_all};
static const tote_text_map_setter setter = {sizeof setter, set_nothing};

static void extract_once(void) {
    propagator = bench_argument == 1 ? tote_propagator_tracecontext_new()
                                     : tote_propagator_from_names("tracecontext,baggage");
    context = tote_propagator_extract(propagator, tote_context_root(), headers, &getter);
}

static void drop(void) {
    tote_context_unref(context);
    tote_propagator_unref(propagator);
}

static void inject(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_propagator_inject(propagator, context, NULL, &setter);
    }
}

static void extract(size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote_context_unref(
            tote_propagator_extract(propagator, tote_context_root(), headers, &getter));
    }
}

/* The bytes of the headers, copied by calls to the carrier. */
static void header_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t header = 0; header < bench_argument; header++) {
            floor_call();
            floor_copy(headers[header].value_length);
        }
    }
}

/* The same, and its own context and store. */
static void extract_floor(size_t count) {
    for (size_t i = 0; i < count; i++) {
        for (size_t header = 0; header < bench_argument; header++) {
            floor_call();
            floor_call();
            floor_copy(headers[header].value_length);
            floor_block();
            floor_block();
        }
    }
}

static const struct bench_row rows[] = {
    {.id = "W5",
     .name = "inject traceparent into a carrier that does nothing",
     .count = 5 * MILLION,
     .argument = 1,
     .set_up = extract_once,
     .work = inject,
     .tear_down = drop,
     .floor = header_floor},
    {.id = "W5b",
     .name = "the same and baggage of 3",
     .count = MILLION,
     .argument = 2,
     .set_up = extract_once,
     .work = inject,
     .tear_down = drop,
     .floor = header_floor},
    {.id = "W6",
     .name = "extract traceparent",
     .count = 2 * MILLION,
     .argument = 1,
     .set_up = extract_once,
     .work = extract,
     .tear_down = drop,
     .floor = extract_floor},
    {.id = "W6b",
     .name = "the same and baggage of 3",
     .count = MILLION,
     .argument = 2,
     .set_up = extract_once,
     .work = extract,
     .tear_down = drop,
     .floor = extract_floor},
};
const struct bench_table bench_propagation = BENCH_TABLE(rows);
