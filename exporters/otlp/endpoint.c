/* SPDX-License-Identifier: MIT */
/*
 * endpoint.c - the URL of an endpoint
 *
 * URLs are parsed by libcurl, which uses them later. Spec:
 * protocol/exporter.md#endpoint-urls-for-otlphttp, and #configuration-options for gRPC
 *
 * Tests: tests/unit/test_otlp_options.c
 */
#include <curl/curl.h>
#include <stdio.h>

#include "options.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/text.h"

static const char signal_path[] = "v1/traces";
static const char grpc_path[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
static const char metrics_path[] = "v1/metrics";
static const char grpc_metrics_path[] =
    "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";
static const char unix_scheme[] = "unix:";

static char *keep(struct tote__otlp_settings *settings, const char *text, size_t length) {
    char *kept = tote__arena_text(&settings->memory, text, length);

    settings->is_incomplete |= !kept;
    return kept;
}

/* Note a failure: out of memory, or the URL is too long. */
static void check(struct tote__otlp_settings *settings, CURLUcode code) {
    settings->is_incomplete |= code != CURLUE_OK;
}

/* Returns "" on failure, which is noted. */
static const char *keep_part(struct tote__otlp_settings *settings, CURLU *url, CURLUPart part) {
    unsigned flags = part == CURLUPART_PORT ? CURLU_DEFAULT_PORT : 0;
    char *text = NULL;

    check(settings, curl_url_get(url, part, &text, flags));
    const char *kept = text ? keep(settings, text, strlen(text)) : NULL;
    curl_free(text);
    return kept ? kept : "";
}

static bool ends_in_signal_path(const char *path, size_t length) {
    const size_t size = sizeof signal_path - 1;

    length -= length && path[length - 1] == '/';
    return length > size && path[length - size - 1] == '/' &&
           memcmp(path + length - size, signal_path, size) == 0;
}

static void append_signal_path(struct tote__otlp_settings *settings, const char *source,
                               CURLU *url) {
    const char *path = keep_part(settings, url, CURLUPART_PATH);
    size_t length = strlen(path);
    size_t size = length + sizeof signal_path + 1;
    char *whole = tote__arena_allocate(&settings->memory, size);

    if (ends_in_signal_path(path, length)) {
        tote__otlp_diagnose(
            settings, TOTE_LEVEL_WARN, source,
            " ends in /v1/traces, and /v1/traces is added to it; leave the path "
            "out, or set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which is used as it is");
    }
    settings->is_incomplete |= !whole;
    if (whole) {
        bool has_slash = length && path[length - 1] == '/';
        snprintf(whole, size, "%s%s%s", path, has_slash ? "" : "/", signal_path);
        check(settings, curl_url_set(url, CURLUPART_PATH, whole, 0));
    }
}

/* gRPC has a fixed path: another one is ignored. */
static void set_grpc_path(struct tote__otlp_settings *settings, const char *source, CURLU *url) {
    if (strcmp(keep_part(settings, url, CURLUPART_PATH), "/") != 0) {
        tote__otlp_diagnose(settings, TOTE_LEVEL_WARN, source,
                            ": gRPC endpoints have no path: it is ignored");
    }
    check(settings, curl_url_set(url, CURLUPART_QUERY, NULL, 0));
    check(settings, curl_url_set(url, CURLUPART_PATH, grpc_path, 0));
}

/* Return the URL without user, password and query, which may contain secrets. */
static const char *shown(struct tote__otlp_settings *settings, CURLU *url) {
    static const CURLUPart hidden[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                       CURLUPART_QUERY};

    for (size_t i = 0; i < TOTE_COUNT_OF(hidden); i++) {
        check(settings, curl_url_set(url, hidden[i], NULL, 0));
    }
    return keep_part(settings, url, CURLUPART_URL);
}

/* Report parts of a URL that are missing, although they are probably wanted. */
static void report_doubts(const struct tote__otlp_settings *settings, const char *source,
                          const char *text, bool is_base) {
    const char *scheme = strstr(text, "://");
    const char *authority = scheme ? scheme + 3 : text;
    size_t length = strcspn(authority, "/?#");

    if (length && authority[length - 1] == ':') {
        tote__otlp_diagnose(settings, TOTE_LEVEL_WARN, source,
                            ": there is no port after the colon, so %s is used: is a variable "
                            "unset?",
                            settings->port);
    }
    if (!is_base && !authority[length] && !tote__otlp_is_grpc(settings)) {
        tote__otlp_diagnose(settings, TOTE_LEVEL_WARN, source,
                            ": the URL has no path and is used as it is: most receivers need "
                            "/v1/traces after the port");
    }
}

/* Returns NULL, or why it cannot be used. */
static const char *take_url(struct tote__otlp_settings *settings, const char *source, CURLU *url,
                            const char *text, bool is_base) {
    bool is_grpc = tote__otlp_is_grpc(settings);
    bool has_scheme = strstr(text, "://");

    if (!has_scheme && !is_grpc) {
        return "it does not begin with http:// or https://";
    }
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text,
                                  CURLU_PATH_AS_IS | (has_scheme ? 0 : CURLU_DEFAULT_SCHEME));
    if (code != CURLUE_OK) {
        return curl_url_strerror(code);
    }
    if (!has_scheme && settings->is_insecure) {
        check(settings, curl_url_set(url, CURLUPART_SCHEME, "http", 0));
    }
    const char *scheme = keep_part(settings, url, CURLUPART_SCHEME);
    settings->is_tls = strcmp(scheme, "https") == 0;
    if (!settings->is_tls && strcmp(scheme, "http") != 0) {
        return "its scheme is neither http nor https";
    }
    if (is_grpc) {
        set_grpc_path(settings, source, url);
    } else if (is_base) {
        append_signal_path(settings, source, url);
    }
    check(settings, curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0));
    settings->url = keep_part(settings, url, CURLUPART_URL);
    settings->host = keep_part(settings, url, CURLUPART_HOST);
    settings->port = keep_part(settings, url, CURLUPART_PORT);
    settings->shown_url = shown(settings, url);
    settings->unix_path = NULL;
    report_doubts(settings, source, text, is_base);
    return NULL;
}

/* An endpoint of a Unix socket has no path for the request: it is always /v1/traces. */
static const char *take_unix_path(struct tote__otlp_settings *settings, CURLU *url,
                                  const char *endpoint, const char *path) {
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
    }
    if (*path != '/') {
        return "what follows unix: is not an absolute path";
    }
    take_url(settings, endpoint, url, "http://localhost", true);
    settings->shown_url = endpoint;
    settings->unix_path = path;
    return NULL;
}

const char *tote__otlp_take_endpoint(struct tote__otlp_settings *settings, const char *source,
                                     const char *text, bool is_base) {
    size_t length = strlen(text);

    tote__trim_lines(&text, &length);
    const char *endpoint = keep(settings, text, length);
    if (!endpoint) {
        return "out of memory";
    }
    if (*endpoint == '"' || *endpoint == '\'') {
        return "it begins with a quotation mark; remove the quotation marks around the value, "
               "which "
               "some readers of env files keep";
    }
    CURLU *url = curl_url();
    if (!url) {
        settings->is_incomplete = true;
        return "out of memory";
    }
    const char *obstacle =
        strncmp(endpoint, unix_scheme, sizeof unix_scheme - 1) == 0
            ? take_unix_path(settings, url, endpoint, endpoint + sizeof unix_scheme - 1)
            : take_url(settings, source, url, endpoint, is_base);
    curl_url_cleanup(url);
    return obstacle;
}

/* Return whether both URLs have the same scheme, host and port. */
static bool have_same_receiver(struct tote__otlp_settings *settings, CURLU *a, CURLU *b) {
    static const CURLUPart parts[] = {CURLUPART_SCHEME, CURLUPART_HOST, CURLUPART_PORT};
    bool are_same = true;

    for (size_t i = 0; i < TOTE_COUNT_OF(parts) && are_same; i++) {
        are_same = strcmp(keep_part(settings, a, parts[i]), keep_part(settings, b, parts[i])) == 0;
    }
    return are_same;
}

/* Replace v1/traces at the end of the path. Returns false if the path is another one. */
static bool set_metrics_path(struct tote__otlp_settings *settings, CURLU *url) {
    const char *path = keep_part(settings, url, CURLUPART_PATH);
    size_t length = strlen(path);
    char *whole = tote__arena_allocate(&settings->memory, length + sizeof metrics_path);

    if (tote__otlp_is_grpc(settings)) {
        return curl_url_set(url, CURLUPART_PATH, grpc_metrics_path, 0) == CURLUE_OK;
    }
    if (!whole || !ends_in_signal_path(path, length)) {
        return false;
    }
    length -= sizeof signal_path - 1 + (path[length - 1] == '/');
    memcpy(whole, path, length);
    memcpy(whole + length, metrics_path, sizeof metrics_path);
    return curl_url_set(url, CURLUPART_PATH, whole, 0) == CURLUE_OK;
}

static const char *take_metrics_url(struct tote__otlp_settings *settings, CURLU *url, CURLU *given,
                                    const char *endpoint) {
    bool is_grpc = tote__otlp_is_grpc(settings);

    if (curl_url_set(url, CURLUPART_URL, settings->url, CURLU_PATH_AS_IS) != CURLUE_OK) {
        return "out of memory";
    }
    if (endpoint) {
        unsigned flags = CURLU_PATH_AS_IS | (is_grpc ? CURLU_DEFAULT_SCHEME : 0);
        if (settings->unix_path || curl_url_set(given, CURLUPART_URL, endpoint, flags) ||
            !have_same_receiver(settings, url, given)) {
            return "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not the receiver of the spans, and "
                   "metrics use the connection of the spans; set OTEL_EXPORTER_OTLP_ENDPOINT "
                   "for both";
        }
    }
    CURLU *own = endpoint && !is_grpc ? given : url;
    if (own == url && !set_metrics_path(settings, url)) {
        return "the path of the spans does not end in /v1/traces; set "
               "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT";
    }
    settings->metrics_url = keep_part(settings, own, CURLUPART_URL);
    return *settings->metrics_url ? NULL : "out of memory";
}

const char *tote__otlp_take_metrics_endpoint(struct tote__otlp_settings *settings,
                                             const char *endpoint) {
    CURLU *url = curl_url();
    CURLU *given = curl_url();
    const char *obstacle =
        url && given ? take_metrics_url(settings, url, given, endpoint) : "out of memory";

    curl_url_cleanup(url);
    curl_url_cleanup(given);
    return obstacle;
}
