/* SPDX-License-Identifier: MIT */
/* bench.h - rows of measurements, and the code that runs and prints them */
#ifndef TOTE_BENCH_H
#define TOTE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tote/tote.h"

/* Do the work `count` times. */
typedef void (*bench_work)(size_t count);

struct bench_row {
    const char *id; /* the id in docs/performance.md */
    const char *name;
    size_t count;         /* operations of a repetition */
    size_t argument;      /* the value of bench_argument */
    void (*set_up)(void); /* may be NULL; before the first repetition, not measured */
    bench_work work;
    void (*tear_down)(void); /* may be NULL */
    bench_work floor;        /* the same by hand: the unavoidable work */

    /*
     * Instead of `work`, if only a part of the time counts: do it `count` times. Returns ns per
     * operation.
     */
    double (*timed)(size_t count);

    /* For a figure that is not the time of an operation: in `unit`; work and floor are NULL. */
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

/* The size of the row's work, where it varies. */
extern size_t bench_argument;

/*
 * The main function of the programs, over these tables; `sibling`: the program with more rows, or
 * NULL.
 */
int bench_main(int argc, char **argv, const struct bench_table *const *tables, size_t table_count,
               const char *sibling);

/* An SDK for a row, its tracer, and a context with a recording span as the parent. */
struct bench_sdk {
    tote_sdk *sdk;
    tote_tracer *tracer;
    tote_span *parent;
    tote_context *context;
};
extern struct bench_sdk bench_sdk;

/* Options with a name, without the environment. */
tote_sdk_options bench_options(void);
void bench_start(const tote_sdk_options *options);
void bench_start_with_processor(void); /* a processor that does nothing */
void bench_stop(void);

/* This many children of the parent, with the five attributes. */
void bench_record(size_t count);

/* Two strings of 16 bytes, two integers, a truth value. */
const tote_attribute *bench_five_attributes(void);

/* The path of a program in the directory of this one. Returns false if it does not fit. */
bool bench_beside(const char *name, char *path, size_t size);

/* The median of these figures, which are sorted. */
double bench_median(double *figures, size_t count);

/* Primitives that floors consist of; see floor.c. */
uint64_t floor_clock(void);
uint64_t floor_draw(void);
void floor_copy(size_t size);
void floor_block(void);
void floor_push(void);
void floor_call(void);

/* A use that the compiler cannot remove. */
extern volatile uint64_t bench_sink;

#endif
