/* SPDX-License-Identifier: MIT */
/*
 * memory.c - the rows about memory: peaks and sizes of small programs, M1, and peaks while the
 * collector is unreachable, M3
 *
 * The kernel reports the peak of a program that has ended; the programs are in the directory of
 * this one.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"
#include "sink.h"

/* Run a program with an argument. Returns its peak, in MiB; 0 if it failed. */
static double peak_of(const char *name, const char *argument) {
    char path[4096];
    struct rusage usage;
    int status = 1;

    if (!bench_beside(name, path, sizeof path)) {
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

enum { NO_QUEUE, WITH_QUEUE, CRASH_SAFE };

/* The peak while nothing is delivered; the disk queue is removed afterwards. */
static double away(const char *url, int queue) {
    char folder[] = "/tmp/tote-bench-XXXXXX";
    char command[64];

    if (queue != NO_QUEUE && !mkdtemp(folder)) {
        return 0;
    }
    if (queue != NO_QUEUE) {
        setenv("BENCH_QUEUE", folder, 1);
    }
    if (queue == CRASH_SAFE) {
        setenv("BENCH_CRASH_SAFE", "1", 1);
    }
    double peak = peak_of("bench-away", url);
    unsetenv("BENCH_QUEUE");
    unsetenv("BENCH_CRASH_SAFE");
    if (queue != NO_QUEUE) {
        snprintf(command, sizeof command, "rm -rf '%s'", folder);
        peak = system(command) == 0 ? peak : 0;
    }
    return peak;
}

static double refused(void) {
    return away("http://127.0.0.1:1", NO_QUEUE);
}

/* The kernel accepts connections and requests, and no process reads them. */
static double hanging(void) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    char url[64];
    double peak = 0;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd >= 0 && bind(fd, (struct sockaddr *)&address, size) == 0 && listen(fd, 128) == 0 &&
        getsockname(fd, (struct sockaddr *)&address, &size) == 0) {
        snprintf(url, sizeof url, "http://127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
        peak = away(url, NO_QUEUE);
    }
    if (fd >= 0) {
        close(fd);
    }
    return peak;
}

static double refused_with_queue(void) {
    return away("http://127.0.0.1:1", WITH_QUEUE);
}

static double refused_crash_safe(void) {
    return away("http://127.0.0.1:1", CRASH_SAFE);
}

static double stripped_size(void) {
    char path[4096];
    struct stat file;
    bool is_there =
        bench_beside("bench-smallest-static", path, sizeof path) && stat(path, &file) == 0;

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
    {.id = "M3r",
     .name = "50,000 spans/s for 20 s, collector refuses: peak",
     .value = refused,
     .unit = "MiB"},
    {.id = "M3h", .name = "the same, collector hangs", .value = hanging, .unit = "MiB"},
    {.id = "M3d", .name = "M3r with a disk queue", .value = refused_with_queue, .unit = "MiB"},
    {.id = "M3j", .name = "M3r in crash-safe mode", .value = refused_crash_safe, .unit = "MiB"},
    {.id = "M1n", .name = "W9's 200,000 spans, paced: peak", .value = many_spans, .unit = "MiB"},
};
const struct bench_table bench_memory = BENCH_TABLE(rows);
