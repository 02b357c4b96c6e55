/* SPDX-License-Identifier: MIT */
/*
 * raw.h - what a request costs without Tote and libcurl: a socket, sendmsg() and recv()
 */
#ifndef TOTE_BENCH_RAW_H
#define TOTE_BENCH_RAW_H

#include <stdbool.h>
#include <stddef.h>

/* Encode a request of this many spans with the five attributes, for raw_post(). */
bool raw_encode(size_t spans);

/*
 * Post it this many times to "http://127.0.0.1:port" on one connection. Returns false if that
 * fails.
 */
bool raw_post(const char *url, size_t count);

#endif
