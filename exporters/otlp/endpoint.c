/* SPDX-License-Identifier: MIT */
/*
 * endpoint.c - from an endpoint to the URL of a request
 *
 * curl's own parser decides what a URL is, because curl will be given it.
 * Spec: protocol/exporter.md#endpoint-urls-for-otlphttp, and #configuration-options for gRPC
 */
#include <curl/curl.h>
#include <stdio.h>

#include "options.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/text.h"

static const char signal_path[] = "v1/traces";
static const char grpc_path[] = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
static const char unix_scheme[] = "unix:";

static char *keep(struct tote__otlp_settings *settings, const char *text, size_t length) {
    char *kept = tote__arena_text(&settings->memory, text, length);

    settings->is_incomplete |= !kept;
    return kept;
}

/* Note whether memory ran out. Returns: true when all is well. */
static bool check(struct tote__otlp_settings *settings, CURLUcode code) {
    settings->is_incomplete |= code == CURLUE_OUT_OF_MEMORY;
    return code == CURLUE_OK;
}

static const char *keep_part(struct tote__otlp_settings *settings, CURLU *url, CURLUPart part) {
    char *text = NULL;
    const char *kept = NULL;

    if (check(settings, curl_url_get(url, part, &text, 0))) {
        kept = keep(settings, text, strlen(text));
    }
    curl_free(text);
    return kept;
}

static bool is_http(struct tote__otlp_settings *settings, CURLU *url) {
    const char *scheme = keep_part(settings, url, CURLUPART_SCHEME);

    return scheme && (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
}

static bool ends_in_signal_path(const char *path, size_t length) {
    const size_t size = sizeof signal_path - 1;

    length -= length && path[length - 1] == '/';
    return length > size && path[length - size - 1] == '/' &&
           memcmp(path + length - size, signal_path, size) == 0;
}

static bool append_signal_path(struct tote__otlp_settings *settings, const char *source,
                               CURLU *url) {
    const char *path = keep_part(settings, url, CURLUPART_PATH);
    size_t length = path ? strlen(path) : 0;
    if (path && ends_in_signal_path(path, length)) {
        tote__diagnose_each(
            TOTE_LEVEL_WARN, "otlp",
            "%s ends in /v1/traces, and /v1/traces is added to it; leave the path "
            "out, or set OTEL_EXPORTER_OTLP_TRACES_ENDPOINT, which is used as it is",
            source);
    }
    char *whole =
        path ? tote__arena_allocate(&settings->memory, length + sizeof signal_path + 1) : NULL;

    if (!whole) {
        settings->is_incomplete = true;
        return false;
    }
    memcpy(whole, path, length);
    if (!length || whole[length - 1] != '/') {
        whole[length++] = '/';
    }
    memcpy(whole + length, signal_path, sizeof signal_path);
    return check(settings, curl_url_set(url, CURLUPART_PATH, whole, 0));
}

/* gRPC has one path for everybody: another one is left out. */
static bool set_grpc_path(struct tote__otlp_settings *settings, const char *source, CURLU *url) {
    const char *path = keep_part(settings, url, CURLUPART_PATH);

    if (path && strcmp(path, "/") != 0) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "otlp",
                            "%s: gRPC has no use for the path of an endpoint, it is left out",
                            source);
    }
    return path && check(settings, curl_url_set(url, CURLUPART_QUERY, NULL, 0)) &&
           check(settings, curl_url_set(url, CURLUPART_PATH, grpc_path, 0));
}

static bool set_path(struct tote__otlp_settings *settings, const char *source, CURLU *url,
                     bool is_base) {
    if (settings->protocol == TOTE_OTLP_GRPC) {
        return set_grpc_path(settings, source, url);
    }
    return !is_base || append_signal_path(settings, source, url);
}

/* Secrets may stand in the user part and in the query. */
static const char *shown(struct tote__otlp_settings *settings, CURLU *url) {
    static const CURLUPart hidden[] = {CURLUPART_USER, CURLUPART_PASSWORD, CURLUPART_OPTIONS,
                                       CURLUPART_QUERY};

    for (size_t i = 0; i < TOTE_COUNT_OF(hidden); i++) {
        if (!check(settings, curl_url_set(url, hidden[i], NULL, 0))) {
            return NULL;
        }
    }
    return keep_part(settings, url, CURLUPART_URL);
}

/* Returns: NULL, or why it cannot be used. */
static const char *take_url(struct tote__otlp_settings *settings, const char *source, CURLU *url,
                            const char *text, bool is_base) {
    static const char no_memory[] = "out of memory";

    if (!strstr(text, "://")) {
        return "it does not begin with http:// or https://";
    }
    CURLUcode code = curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS);
    if (!check(settings, code)) {
        return curl_url_strerror(code);
    }
    if (!is_http(settings, url)) {
        return "its scheme is neither http nor https";
    }
    if (!set_path(settings, source, url, is_base) ||
        !check(settings, curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0))) {
        return no_memory;
    }
    const char *whole = keep_part(settings, url, CURLUPART_URL);
    const char *without_secrets = whole ? shown(settings, url) : NULL;
    if (!without_secrets) {
        return no_memory;
    }
    settings->url = whole;
    settings->shown_url = without_secrets;
    settings->unix_path = NULL;
    return NULL;
}

/* A socket has no place for a path of the request: it is always the signal's. */
static const char *take_unix_path(struct tote__otlp_settings *settings, const char *endpoint,
                                  const char *path) {
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
    }
    if (*path != '/') {
        return "what follows unix: is not an absolute path";
    }
    settings->url = settings->protocol == TOTE_OTLP_GRPC
                        ? "http://localhost/opentelemetry.proto.collector.trace.v1.TraceService/"
                          "Export"
                        : "http://localhost/v1/traces";
    settings->shown_url = endpoint;
    settings->unix_path = path;
    return NULL;
}

/* "host:port" is enough for gRPC; whether that means TLS says `insecure`. */
static const char *add_scheme(struct tote__otlp_settings *settings, const char *endpoint) {
    const char *scheme = settings->is_insecure ? "http://" : "https://";
    size_t size = strlen(scheme) + strlen(endpoint) + 1;

    if (settings->protocol != TOTE_OTLP_GRPC || strstr(endpoint, "://")) {
        return endpoint;
    }
    char *whole = tote__arena_allocate(&settings->memory, size);
    settings->is_incomplete |= !whole;
    if (whole) {
        snprintf(whole, size, "%s%s", scheme, endpoint);
    }
    return whole ? whole : endpoint;
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
    if (strncmp(endpoint, unix_scheme, sizeof unix_scheme - 1) == 0) {
        return take_unix_path(settings, endpoint, endpoint + sizeof unix_scheme - 1);
    }
    CURLU *url = curl_url();
    settings->is_incomplete |= !url;
    const char *obstacle =
        url ? take_url(settings, source, url, add_scheme(settings, endpoint), is_base)
            : "out of memory";
    curl_url_cleanup(url);
    return obstacle;
}
