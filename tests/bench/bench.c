/* SPDX-License-Identifier: MIT */
/*
 * bench.c - run rows, print a table or JSON
 *
 *   bench [--json] [ID...]
 *
 * Rows that need functions which the shared libraries do not export are in bench-static. It is run
 * at the end with --rows, and prints only rows.
 *
 * A row is measured nine times, alternating between floor and product. A second thread sleeps in
 * the process, because glibc has faster paths for a single thread.
 */
#include "bench.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { REPETITIONS = 9 };

size_t bench_argument;

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

/* Replaces libc's function, to count the allocations of Tote and its libraries. */
#pragma GCC visibility push(default)
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
#pragma GCC visibility pop

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

static double time_of_row(const struct bench_row *row, size_t count) {
    return row->timed ? row->timed(count) : time_of(row->work, count);
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a;
    double y = *(const double *)b;

    return (x > y) - (x < y);
}

double bench_median(double *figures, size_t count) {
    qsort(figures, count, sizeof *figures, compare);
    return figures[count / 2];
}

bool bench_beside(const char *name, char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);

    if (length < 0) {
        return false;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    size_t left = size - (size_t)(slash + 1 - path);
    return (size_t)snprintf(slash + 1, left, "%s", name) < left;
}

static struct figures measure(const struct bench_row *row) {
    double times[REPETITIONS];
    double floors[REPETITIONS];
    struct figures figures = {0};

    bench_argument = row->argument;
    if (row->value) {
        figures.value = row->value();
        return figures;
    }
    if (row->set_up) {
        row->set_up();
    }
    size_t portion = row->count / 10;
    time_of_row(row, portion); /* warm */
    atomic_store(&allocations, 0);
    atomic_store(&is_counting, true);
    time_of_row(row, portion);
    atomic_store(&is_counting, false);
    figures.allocations = (double)atomic_load(&allocations) / (double)portion;
    for (int i = 0; i < REPETITIONS; i++) {
        floors[i] = row->floor ? time_of(row->floor, row->count) : 0;
        times[i] = time_of_row(row, row->count);
    }
    if (row->tear_down) {
        row->tear_down();
    }
    figures.median = bench_median(times, REPETITIONS);
    figures.least = times[0];
    figures.floor = bench_median(floors, REPETITIONS);
    return figures;
}

static void print_text(const struct bench_row *row, const struct figures *figures) {
    if (row->value) {
        printf("%-5s %-58s %9.1f %s\n", row->id, row->name, figures->value, row->unit);
    } else {
        printf("%-5s %-58s %9.1f %9.1f %9.1f %7.2f %8.3f\n", row->id, row->name, figures->median,
               figures->least, figures->floor,
               figures->floor > 0 ? figures->median / figures->floor : 0, figures->allocations);
    }
    fflush(stdout);
}

static void print_json(const struct bench_row *row, const struct figures *figures) {
    static bool is_next;

    printf("%s  {\"id\": \"%s\", \"name\": \"%s\", ", is_next ? ",\n" : "", row->id, row->name);
    is_next = true;
    if (row->value) {
        printf("\"value\": %.3f, \"unit\": \"%s\"}", figures->value, row->unit);
    } else {
        printf("\"median_ns\": %.2f, \"min_ns\": %.2f, \"floor_ns\": %.2f, \"mallocs\": %.4f}",
               figures->median, figures->least, figures->floor, figures->allocations);
    }
    fflush(stdout);
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

/* Return how many rows were printed. */
static size_t run_table(const struct bench_table *table, bool is_json, int argc, char **argv) {
    size_t count = 0;

    for (size_t i = 0; i < table->count; i++) {
        const struct bench_row *row = &table->rows[i];
        if (!is_wanted(row->id, argc, argv)) {
            continue;
        }
        struct figures figures = measure(row);
        if (is_json) {
            print_json(row, &figures);
        } else {
            print_text(row, &figures);
        }
        count++;
    }
    return count;
}

/* The output of the program next to this one, with the same arguments. Returns its length. */
static size_t run_sibling(const char *sibling, int argc, char **argv, bool needs_comma) {
    char command[4096];
    char text[4096];
    const char *slash = strrchr(argv[0], '/');
    int length = snprintf(command, sizeof command, "%.*s%s --rows",
                          slash ? (int)(slash - argv[0]) + 1 : 0, argv[0], sibling);

    for (int i = 1; i < argc; i++) {
        length += snprintf(command + length, sizeof command - (size_t)length, " %s", argv[i]);
    }
    FILE *rows = popen(command, "r");
    size_t printed = 0;
    size_t size;
    while (rows && (size = fread(text, 1, sizeof text, rows)) > 0) {
        printf("%s", needs_comma ? ",\n" : "");
        needs_comma = false;
        printed += fwrite(text, 1, size, stdout);
    }
    if (!rows || pclose(rows) != 0) {
        fprintf(stderr, "bench: %s did not run\n", sibling);
    }
    return printed;
}

static bool has_option(int argc, char **argv, const char *option) {
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], option) == 0) {
            return true;
        }
    }
    return false;
}

int bench_main(int argc, char **argv, const struct bench_table *const *tables, size_t table_count,
               const char *sibling) {
    bool is_json = has_option(argc, argv, "--json");
    bool has_frame = !has_option(argc, argv, "--rows");
    size_t count = 0;
    pthread_t thread;

    if (pthread_create(&thread, NULL, sleep_for_ever, NULL) != 0) {
        fprintf(stderr, "bench: no second thread\n");
        return 1;
    }
    if (has_frame && is_json) {
        printf("[\n");
    } else if (has_frame) {
        printf("%-5s %-58s %9s %9s %9s %7s %8s\n", "id", "work (ns an operation)", "median", "min",
               "floor", "ratio", "mallocs");
    }
    fflush(stdout);
    for (size_t i = 0; i < table_count; i++) {
        count += run_table(tables[i], is_json, argc, argv);
    }
    if (sibling) {
        count += run_sibling(sibling, argc, argv, is_json && count);
    }
    printf("%s", has_frame && is_json ? "\n]\n" : "");
    if (has_frame && !count) {
        fprintf(stderr, "bench: there is no such row\n");
    }
    return has_frame && !count ? 2 : 0;
}
