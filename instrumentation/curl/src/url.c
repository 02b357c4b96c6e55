/* SPDX-License-Identifier: MIT */
/*
 * url.c - a URL as a span may tell it: without credentials and secrets
 *
 * Spec: semantic-conventions http-spans.md#http-client, url.full
 */
#include <stdlib.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"

static const char redacted[] = "REDACTED";

static bool redact(CURLU *handle) {
    char *part = NULL;
    bool is_done = true;

    if (curl_url_get(handle, CURLUPART_USER, &part, 0) == CURLUE_OK) {
        is_done = curl_url_set(handle, CURLUPART_USER, redacted, 0) == CURLUE_OK;
        curl_free(part);
        part = NULL;
    }
    if (is_done && curl_url_get(handle, CURLUPART_PASSWORD, &part, 0) == CURLUE_OK) {
        is_done = curl_url_set(handle, CURLUPART_PASSWORD, redacted, 0) == CURLUE_OK;
        curl_free(part);
        part = NULL;
    }
    if (is_done && curl_url_get(handle, CURLUPART_QUERY, &part, 0) == CURLUE_OK) {
        size_t size = tote_http_redact_query(NULL, 0, part) + 1;
        char *query = tote__allocate(size);
        if (query) {
            tote_http_redact_query(query, size, part);
        }
        is_done = query && curl_url_set(handle, CURLUPART_QUERY, query, 0) == CURLUE_OK;
        tote__release(query, size);
        curl_free(part);
    }
    return is_done;
}

bool tote__url_read(struct tote__url *url, const char *text) {
    /* libcurl has already resolved dot segments, except if CURLOPT_PATH_AS_IS is set. */
    const unsigned flags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
    CURLU *handle = curl_url();
    char *port = NULL;
    bool is_read = handle && text &&
                   curl_url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK && redact(handle);

    *url = (struct tote__url){NULL, NULL, 0};
    if (is_read) {
        curl_url_get(handle, CURLUPART_URL, &url->full, 0);
        curl_url_get(handle, CURLUPART_HOST, &url->host, 0);
        if (curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
            url->port = strtol(port, NULL, 10);
            curl_free(port);
        }
    }
    curl_url_cleanup(handle);
    return is_read && url->full;
}

void tote__url_clear(struct tote__url *url) {
    curl_free(url->full);
    curl_free(url->host);
    *url = (struct tote__url){NULL, NULL, 0};
}

tote_value tote__url_address(const struct tote__url *url) {
    size_t length = url->host ? strlen(url->host) : 0;

    if (length > 2 && url->host[0] == '[' && url->host[length - 1] == ']') {
        return tote_string_of(url->host + 1, length - 2);
    }
    return tote_string_of(url->host, length);
}
