/* SPDX-License-Identifier: MIT */
/*
 * endpoint.c - from an endpoint to the URL of a request
 *
 * curl's own parser decides what a URL is, because curl will be given it.
 * Spec: protocol/exporter.md#endpoint-urls-for-otlphttp
 */
#include <curl/curl.h>
#include <stdio.h>

#include "options.h"
#include "tote/internal/text.h"

static const char signal_path[] = "v1/traces";
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

static bool append_signal_path(struct tote__otlp_settings *settings, CURLU *url) {
    const char *path = keep_part(settings, url, CURLUPART_PATH);
    size_t length = path ? strlen(path) : 0;
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

static bool take_url(struct tote__otlp_settings *settings, CURLU *url, const char *text,
                     bool is_base) {
    if (!check(settings, curl_url_set(url, CURLUPART_URL, text, CURLU_PATH_AS_IS)) ||
        !is_http(settings, url) || (is_base && !append_signal_path(settings, url)) ||
        !check(settings, curl_url_set(url, CURLUPART_FRAGMENT, NULL, 0))) {
        return false;
    }
    const char *whole = keep_part(settings, url, CURLUPART_URL);
    const char *without_secrets = whole ? shown(settings, url) : NULL;

    if (!without_secrets) {
        return false;
    }
    settings->url = whole;
    settings->shown_url = without_secrets;
    settings->unix_path = NULL;
    return true;
}

/* A socket has no place for a path of the request: it is always the signal's. */
static bool take_unix_path(struct tote__otlp_settings *settings, const char *endpoint,
                           const char *path) {
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
    }
    if (*path != '/') {
        return false;
    }
    settings->url = "http://localhost/v1/traces";
    settings->shown_url = endpoint;
    settings->unix_path = path;
    return true;
}

bool tote__otlp_take_endpoint(struct tote__otlp_settings *settings, const char *text,
                              bool is_base) {
    size_t length = strlen(text);

    tote__trim(&text, &length);
    const char *endpoint = keep(settings, text, length);
    if (!endpoint) {
        return false;
    }
    if (strncmp(endpoint, unix_scheme, sizeof unix_scheme - 1) == 0) {
        return take_unix_path(settings, endpoint, endpoint + sizeof unix_scheme - 1);
    }
    CURLU *url = curl_url();
    bool taken = url && take_url(settings, url, endpoint, is_base);

    settings->is_incomplete |= !url;
    curl_url_cleanup(url);
    return taken;
}
