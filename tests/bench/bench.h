/* SPDX-License-Identifier: MIT */
/*
 * bench.h - rows of measurements, and what runs and prints them
 */
#ifndef TOTE_BENCH_H
#define TOTE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tote/tote.h"

/* Do the work `count` times. */
typedef void (*bench_work)(size_t count);

struct bench_row {
    const char *id; /* as docs/performance.md has it */
    const char *name;
    size_t count;         /* operations of a repetition */
    size_t argument;      /* what bench_argument is for it */
    void (*set_up)(void); /* may be NULL; before the first repetition, not measured */
    bench_work work;
    void (*tear_down)(void); /* may be NULL */
    bench_work floor;        /* the same by hand: what cannot be saved */

    /*
     * Instead of `work`, where not all of the time counts: does it `count` times. Returns: ns of
     * one.
     */
    double (*timed)(size_t count);

    /* For a figure that is not the time of an operation: in `unit`, and work and floor NULL. */
    double (*value)(void);
    const char *unit;
};

/* The rows of a file. */
struct bench_table {
    const struct bench_row *rows;
    size_t count;
};
#define BENCH_TABLE(rows)                                                                          \
    { (rows), sizeof(rows) / sizeof *(rows) }

extern const struct bench_table bench_spans;
extern const struct bench_table bench_growth;
extern const struct bench_table bench_contexts;
extern const struct bench_table bench_propagation;
extern const struct bench_table bench_delivery;
extern const struct bench_table bench_memory;
extern const struct bench_table bench_hostile;
extern const struct bench_table bench_encoding; /* of bench-static */

/* How large the row's work is, where that varies. */
extern size_t bench_argument;

/* The runner's main, over these tables; `sibling`: the program with more rows, or NULL. */
int bench_main(int argc, char **argv, const struct bench_table *const *tables, size_t table_count,
               const char *sibling);

/* An SDK for a row, its tracer, and a context with a recording span to be the parent. */
struct bench_sdk {
    tote_sdk *sdk;
    tote_tracer *tracer;
    tote_span *parent;
    tote_context *context;
};
extern struct bench_sdk bench_sdk;

/* Options with a name and nothing of the environment. */
tote_sdk_options bench_options(void);
void bench_start(const tote_sdk_options *options);
void bench_start_with_processor(void); /* that is there and does nothing */
void bench_stop(void);

/* So many children of the parent, with the five attributes. */
void bench_record(size_t count);

/* Two strings of 16 bytes, two integers, a truth value. */
const tote_attribute *bench_five_attributes(void);

/* The path of a program in this one's folder. Returns false if it does not fit. */
bool bench_beside(const char *name, char *path, size_t size);

/* Median of so many figures, that are put in order. */
double bench_median(double *figures, size_t count);

/* Primitives that make the floors up; see floor.c. */
uint64_t floor_clock(void);
uint64_t floor_draw(void);
void floor_copy(size_t size);
void floor_block(void);
void floor_push(void);
void floor_call(void);

/* A use that the compiler cannot see through. */
extern volatile uint64_t bench_sink;

#endif
