/* SPDX-License-Identifier: MIT */
/*
 * bench.c - run the rows, print a table or JSON
 *
 *   bench [--json] [ID...]
 *
 * A row is measured nine times, floor and product in turns, with a second thread in the process
 * that sleeps: glibc takes cheap ways when there is only one.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPETITIONS = 9 };

static atomic_bool is_counting;
static atomic_size_t allocations;

void *__libc_malloc(size_t size);
void *__libc_calloc(size_t count, size_t size);
void *__libc_realloc(void *memory, size_t size);

static void count_one(void) {
    if (atomic_load_explicit(&is_counting, memory_order_relaxed)) {
        atomic_fetch_add_explicit(&allocations, 1, memory_order_relaxed);
    }
}

/* In place of libc's, to count what Tote and what it stands on ask for. */
void *malloc(size_t size) {
    count_one();
    return __libc_malloc(size);
}

void *calloc(size_t count, size_t size) {
    count_one();
    return __libc_calloc(count, size);
}

void *realloc(void *memory, size_t size) {
    count_one();
    return __libc_realloc(memory, size);
}

struct figures {
    double median;
    double least;
    double floor;
    double allocations;
    double value;
};

static double time_of(bench_work work, size_t count) {
    uint64_t start = floor_clock();

    work(count);
    return (double)(floor_clock() - start) / (double)count;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

static double median_of(double *times) {
    qsort(times, REPETITIONS, sizeof *times, compare);
    return times[REPETITIONS / 2];
}

static struct figures measure(const struct bench_row *row) {
    double times[REPETITIONS];
    double floors[REPETITIONS];
    struct figures figures = {0};

    if (row->value) {
        figures.value = row->value();
        return figures;
    }
    if (row->set_up) {
        row->set_up();
    }
    size_t portion = row->count / 10;
    row->work(portion); /* warm */
    atomic_store(&allocations, 0);
    atomic_store(&is_counting, true);
    row->work(portion);
    atomic_store(&is_counting, false);
    figures.allocations = (double)atomic_load(&allocations) / (double)portion;
    for (int i = 0; i < REPETITIONS; i++) {
        floors[i] = row->floor ? time_of(row->floor, row->count) : 0;
        times[i] = time_of(row->work, row->count);
    }
    if (row->tear_down) {
        row->tear_down();
    }
    figures.median = median_of(times);
    figures.least = times[0];
    figures.floor = median_of(floors);
    return figures;
}

static void print_text(const struct bench_row *row, const struct figures *figures) {
    if (row->value) {
        printf("%-4s %-58s %9.1f %s\n", row->id, row->name, figures->value, row->unit);
    } else {
        printf("%-4s %-58s %9.1f %9.1f %9.1f %7.2f %8.3f\n", row->id, row->name, figures->median,
               figures->least, figures->floor,
               figures->floor > 0 ? figures->median / figures->floor : 0, figures->allocations);
    }
    fflush(stdout);
}

static void print_json(const struct bench_row *row, const struct figures *figures, bool is_first) {
    printf("%s\n  {\"id\": \"%s\", \"name\": \"%s\", ", is_first ? "" : ",", row->id, row->name);
    if (row->value) {
        printf("\"value\": %.3f, \"unit\": \"%s\"}", figures->value, row->unit);
    } else {
        printf("\"median_ns\": %.2f, \"min_ns\": %.2f, \"floor_ns\": %.2f, \"mallocs\": %.4f}",
               figures->median, figures->least, figures->floor, figures->allocations);
    }
}

static bool is_wanted(const char *id, int argc, char **argv) {
    bool names_any = false;

    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-') {
            continue;
        }
        names_any = true;
        if (strcmp(argv[i], id) == 0) {
            return true;
        }
    }
    return !names_any;
}

static void *sleep_for_ever(void *arg) {
    (void)arg;
    for (;;) {
        pause();
    }
    return NULL;
}

int main(int argc, char **argv) {
    bool is_json = argc > 1 && strcmp(argv[1], "--json") == 0;
    bool is_first = true;
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0) {
        fprintf(stderr, "bench: no second thread\n");
        return 1;
    }
    if (is_json) {
        printf("[");
    } else {
        printf("%-4s %-58s %9s %9s %9s %7s %8s\n", "id", "work (ns an operation)", "median", "min",
               "floor", "ratio", "mallocs");
    }
    for (size_t i = 0; i < bench_span_count; i++) {
        const struct bench_row *row = &bench_spans[i];
        if (!is_wanted(row->id, argc, argv)) {
            continue;
        }
        struct figures figures = measure(row);
        if (is_json) {
            print_json(row, &figures, is_first);
        } else {
            print_text(row, &figures);
        }
        is_first = false;
    }
    printf("%s", is_json ? "\n]\n" : "");
    return 0;
}
