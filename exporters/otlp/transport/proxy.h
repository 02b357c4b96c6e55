/* SPDX-License-Identifier: MIT */
/*
 * proxy.h - the HTTP or SOCKS proxy that the environment names for the endpoint
 *
 * The variables are copied when the exporter is created. libcurl would read them at each new
 * request, on the worker thread, while the host may change its environment.
 */
#ifndef TOTE_OTLP_PROXY_H
#define TOTE_OTLP_PROXY_H

#include <curl/curl.h>

#include "otlp/options.h"

/*
 * Copy the variables that apply to the URL of the settings: http_proxy in lower case only (a CGI
 * program gets HTTP_PROXY from its client), https_proxy, all_proxy and no_proxy in lower or upper
 * case. A Unix socket has no proxy.
 */
void tote__otlp_take_proxy(struct tote__otlp_settings *settings);

/* Set every option that libcurl would otherwise read from the environment. Returns 0 on success. */
int tote__proxy_apply(const struct tote__otlp_settings *settings, CURL *easy);

/*
 * Describe what to do about a proxy that cannot be reached or that refuses a tunnel, from the
 * result and libcurl's message `error`. Returns `text`; NULL if that is not the failure.
 */
const char *tote__proxy_advice(const struct tote__otlp_settings *settings, CURL *easy,
                               CURLcode result, const char *error, char *text, size_t size);

#endif
