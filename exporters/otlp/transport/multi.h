/* SPDX-License-Identifier: MIT */
/*
 * multi.h - a multi handle of libcurl whose descriptors a child process does not inherit
 */
#ifndef TOTE_OTLP_MULTI_H
#define TOTE_OTLP_MULTI_H

#include <curl/curl.h>

/* Create a multi handle. `descriptor` is any open descriptor. Returns NULL if out of memory. */
CURLM *tote__make_multi(int descriptor);

#endif
