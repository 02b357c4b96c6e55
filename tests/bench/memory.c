/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the rows about memory: peaks and sizes of small programs, M1
 *
 * A program's peak is asked of the kernel when it has ended; programs lie beside this one.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "sink.h"

/* The path of a program in this one's folder. */
static bool beside(const char *name, char *path, size_t size) {
    ssize_t length = readlink("/proc/self/exe", path, size - 1);

    if (length < 0) {
        return false;
    }
    path[length] = '\0';
    char *slash = strrchr(path, '/');
    size_t left = size - (size_t)(slash + 1 - path);
    return (size_t)snprintf(slash + 1, left, "%s", name) < left;
}

/* Run a program with an argument. Returns: its peak, in MiB; 0 when it failed. */
static double peak_of(const char *name, const char *argument) {
    char path[4096];
    struct rusage usage;
    int status = 1;

    if (!beside(name, path, sizeof path)) {
        return 0;
    }
    pid_t process = fork();
    if (process == 0) {
        execl(path, path, argument, (char *)NULL);
        _exit(1);
    }
    bool has_ended = process > 0 && wait4(process, &status, 0, &usage) == process;
    if (!has_ended || status != 0) {
        fprintf(stderr, "bench: %s failed\n", name);
        return 0;
    }
    return (double)usage.ru_maxrss / 1024;
}

static double peak_with_sink(const char *name, const char *argument) {
    struct sink sink = {0};
    double peak = 0;

    if (sink_start(&sink)) {
        char url[128];
        snprintf(url, sizeof url, "%s", sink.url);
        setenv("BENCH_SPANS", argument, 1);
        peak = peak_of(name, url);
        sink_stop(&sink);
    }
    return peak;
}

static double one_span(void) {
    return peak_with_sink("bench-smallest", "1");
}

static double curl_alone(void) {
    return peak_with_sink("bench-curl", "1");
}

static double many_spans(void) {
    return peak_with_sink("bench-smallest", "200000");
}

static double stripped_size(void) {
    char path[4096];
    struct stat file;
    bool is_there = beside("bench-smallest-static", path, sizeof path) && stat(path, &file) == 0;

    return is_there ? (double)file.st_size / 1000 : 0;
}

static const struct bench_row rows[] = {
    {.id = "M1",
     .name = "smallest program that exports one span: peak",
     .value = one_span,
     .unit = "MiB"},
    {.id = "M1c",
     .name = "one that posts once with libcurl: peak",
     .value = curl_alone,
     .unit = "MiB"},
    {.id = "M1s",
     .name = "smallest program, libtote static, stripped",
     .value = stripped_size,
     .unit = "KB"},
    {.id = "M1n", .name = "W9's 200,000 spans, paced: peak", .value = many_spans, .unit = "MiB"},
};
const struct bench_table bench_memory = BENCH_TABLE(rows);
