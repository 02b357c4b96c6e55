/* SPDX-License-Identifier: MIT */
/*
 * bench.h - rows of measurements, and what runs and prints them
 */
#ifndef TOTE_BENCH_H
#define TOTE_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Do the work `count` times. */
typedef void (*bench_work)(size_t count);

struct bench_row {
    const char *id; /* as docs/performance.md has it */
    const char *name;
    size_t count;         /* operations of a repetition */
    void (*set_up)(void); /* may be NULL; before the first repetition, not measured */
    bench_work work;
    void (*tear_down)(void); /* may be NULL */
    bench_work floor;        /* the same by hand: what cannot be saved */

    /* For a figure that is not the time of an operation: in `unit`, and work and floor NULL. */
    double (*value)(void);
    const char *unit;
};

extern const struct bench_row bench_spans[];
extern const size_t bench_span_count;

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
