/* SPDX-License-Identifier: MIT */
/* sink.h - a process that accepts HTTP requests and responds with 200 */
#ifndef TOTE_BENCH_SINK_H
#define TOTE_BENCH_SINK_H

#include <stdbool.h>
#include <sys/types.h>

struct sink {
    unsigned delay_ms; /* before each response; set it before the start */
    pid_t process;
    char url[64]; /* "http://127.0.0.1:port" */
};

bool sink_start(struct sink *sink);
void sink_stop(struct sink *sink);

#endif
