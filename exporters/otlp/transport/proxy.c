/* SPDX-License-Identifier: MIT */
/*
 * proxy.c - the HTTP or SOCKS proxy that the environment names for the endpoint
 *
 * Tests: tests/unit/test_otlp_proxy.c
 */
#include "proxy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/internal/env.h"

/* Return the first variable that is set, and a copy of its value in `value`; NULL if none is. */
static const char *take_first(struct tote__otlp_settings *settings, const char *const names[],
                              size_t count, const char **value) {
    for (size_t i = 0; i < count; i++) {
        const char *text = tote__env(names[i]);
        if (text) {
            *value = tote__arena_text(&settings->memory, text, strlen(text));
            settings->is_incomplete |= !*value;
            return names[i];
        }
    }
    return NULL;
}

void tote__otlp_take_proxy(struct tote__otlp_settings *settings) {
    static const char *const of_https[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    static const char *const of_http[] = {"http_proxy", "all_proxy", "ALL_PROXY"};
    static const char *const exceptions[] = {"no_proxy", "NO_PROXY"};

    settings->proxy = settings->no_proxy = "";
    settings->proxy_variable = NULL;
    if (settings->unix_path) {
        return;
    }
    settings->proxy_variable =
        settings->is_tls ? take_first(settings, of_https, TOTE_COUNT_OF(of_https), &settings->proxy)
                         : take_first(settings, of_http, TOTE_COUNT_OF(of_http), &settings->proxy);
    if (settings->proxy_variable) {
        take_first(settings, exceptions, TOTE_COUNT_OF(exceptions), &settings->no_proxy);
    }
}

/* Empty text is no proxy. A proxy forwards only HTTP/1 requests: gRPC needs a tunnel. */
int tote__proxy_apply(const struct tote__otlp_settings *settings, CURL *easy) {
    long needs_tunnel = tote__otlp_is_grpc(settings);
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_PROXY, settings->proxy);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_NOPROXY, settings->no_proxy);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_HTTPPROXYTUNNEL, needs_tunnel);
    return failed;
}

/* Before 8.7, libcurl names the host that it cannot reach: the proxy, if it used one. */
static bool names_other_host(const char *error, const struct tote__otlp_settings *settings) {
    static const char beginning[] = "Failed to connect to ";
    const char *named = error + sizeof beginning - 1;
    const char *host = settings->host + (settings->host[0] == '[');

    if (strncmp(error, beginning, sizeof beginning - 1) != 0) {
        return false;
    }
    size_t length = strcspn(named, " ");
    const char *port = strstr(named, " port ");
    return !port || strstr(named, " via ") || strncmp(host, named, length) != 0 ||
           (host[length] && host[length] != ']') ||
           strtol(port + 6, NULL, 10) != strtol(settings->port, NULL, 10);
}

/* CURLINFO_USED_PROXY of libcurl 8.7 and later. Earlier versions do not know it. */
static const CURLINFO used_proxy = (CURLINFO)(CURLINFO_LONG + 66);

static bool has_used_proxy(CURL *easy, const char *error,
                           const struct tote__otlp_settings *settings) {
    long is_used = 0;

    return curl_easy_getinfo(easy, used_proxy, &is_used) == CURLE_OK
               ? is_used != 0
               : names_other_host(error, settings);
}

enum { FIRST_REFUSAL = 300, NEEDS_CREDENTIALS = 407 };

const char *tote__proxy_advice(const struct tote__otlp_settings *settings, CURL *easy,
                               CURLcode result, const char *error, char *text, size_t size) {
    const char *format = NULL;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_HTTP_CONNECTCODE, &status);
    if (result != CURLE_OK && status == NEEDS_CREDENTIALS) {
        format = "; give the proxy in %s its user and password (http://user:password@host:port), "
                 "or add the endpoint's host to no_proxy";
    } else if (result != CURLE_OK && (status >= FIRST_REFUSAL || strstr(error, "CONNECT"))) {
        /* also if the proxy does not respond to the request for a tunnel */
        format = "; allow the endpoint's host and port for CONNECT at the proxy in %s, or add the "
                 "host to no_proxy";
    } else if (result == CURLE_COULDNT_CONNECT && has_used_proxy(easy, error, settings)) {
        format = "; that is the proxy in %s: correct it, or add the endpoint's host to no_proxy";
    }
    if (!format || !settings->proxy_variable) {
        return NULL;
    }
    snprintf(text, size, format, settings->proxy_variable);
    return text;
}
