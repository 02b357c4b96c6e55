/* SPDX-License-Identifier: MIT */
/*
 * request_options.h - headers and options that all requests to a receiver have
 */
#ifndef TOTE_OTLP_REQUEST_OPTIONS_H
#define TOTE_OTLP_REQUEST_OPTIONS_H

#include <curl/curl.h>
#include <stdbool.h>

#include "otlp/options.h"

/* Append the headers. Returns false if out of memory. */
bool tote__add_request_headers(struct curl_slist **list,
                               const struct tote__otlp_settings *settings);

/* libcurl before 8.0 cannot reuse an HTTP/2 connection without TLS: the second request fails. */
bool tote__can_reuse_connection(const struct tote__otlp_settings *settings);

/* Set the options of an easy handle. Returns 0 on success. A header User-Agent overrides it. */
int tote__set_request_options(CURL *easy, const struct tote__otlp_settings *settings);

#endif
