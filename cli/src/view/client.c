/* SPDX-License-Identifier: MIT */
/*
 * client.c - requests to a running viewer
 *
 * Tests: tests/cli/test_traces.sh
 */
#include "client.h"

#include <curl/curl.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "terminal.h"

enum { CONNECT_MS = 5000, MOST_MS = 60000, OK = 200, NOT_FOUND = 404 };

static size_t on_body(char *at, size_t size, size_t count, void *arg) {
    return bytes_append(arg, at, size * count) == TAKEN ? size * count : 0;
}

static const char *base_of(const char *url) {
    const char *set = getenv("TOTE_VIEW_URL");

    return url ? url : set && *set ? set : "http://127.0.0.1:4318";
}

/* Build the URL of a request. Returns false if it is invalid or if out of memory. */
static bool build(CURLU *built, const char *base, const struct client_request *request) {
    if (curl_url_set(built, CURLUPART_URL, base, CURLU_GUESS_SCHEME) ||
        curl_url_set(built, CURLUPART_PATH, request->path, CURLU_URLENCODE)) {
        return false;
    }
    for (size_t i = 0; i < request->parameter_count; i++) {
        const struct client_parameter *parameter = &request->parameters[i];
        char *pair = NULL;
        if (!parameter->value) {
            continue;
        }
        bool is_set =
            asprintf(&pair, "%s=%s", parameter->name, parameter->value) >= 0 &&
            !curl_url_set(built, CURLUPART_QUERY, pair, CURLU_APPENDQUERY | CURLU_URLENCODE);
        free(pair);
        if (!is_set) {
            return false;
        }
    }
    return true;
}

/* Report an error response: its message, if it has one, is safe to display. */
static void report_status(const struct program_command *command, const char *base, long status,
                          const struct bytes *body) {
    json_t *root = json_loadb((const char *)body->at, body->size, 0, NULL);
    const char *message = json_string_value(json_object_get(root, "message"));
    struct tote__arena arena = {.chunks = NULL};

    if (message) {
        program_report(command, "%s", terminal_clean(&arena, message, strlen(message)));
    } else {
        program_report(command, "%s is not a viewer of this version: HTTP status %ld", base,
                       status);
    }
    tote__arena_clear(&arena);
    json_decref(root);
}

/* Environment variables for proxies do not apply: the viewer is on this machine. */
static CURLcode perform(CURL *curl, CURLU *url, struct bytes *body, long *status) {
    curl_easy_setopt(curl, CURLOPT_CURLU, url);
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "*");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, (long)CONNECT_MS);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, (long)MOST_MS);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return code;
}

/* Report a failed request. */
static void report(const struct client_request *request, const char *base, CURLcode code,
                   long status, const struct bytes *body) {
    if (code == CURLE_COULDNT_CONNECT) {
        program_report(request->command, "no viewer is running at %s: start one with 'tote view'",
                       base);
    } else if (code == CURLE_WRITE_ERROR) {
        program_report(request->command, "the response of %s is larger than %d MB", base,
                       BYTES_MOST >> 20);
    } else if (code) {
        program_report(request->command, "%s: %s", base, curl_easy_strerror(code));
    } else if (status != OK && !(status == NOT_FOUND && request->may_miss)) {
        report_status(request->command, base, status, body);
    }
}

long client_get(const struct client_request *request, struct bytes *body) {
    const char *base = base_of(request->url);
    CURLU *built = curl_url();
    CURL *curl = curl_easy_init();
    long status = 0;

    if (built && curl && build(built, base, request)) {
        CURLcode code = perform(curl, built, body, &status);
        report(request, base, code, status, body);
        status = code ? 0 : status;
    } else {
        program_report(request->command, "'%s' is not a valid URL", base);
    }
    curl_easy_cleanup(curl);
    curl_url_cleanup(built);
    return status;
}
