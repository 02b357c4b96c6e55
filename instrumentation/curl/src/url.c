/* SPDX-License-Identifier: MIT */
/*
 * url.c - the URL of a span, without credentials and secrets
 *
 * Spec: semantic-conventions http-spans.md#http-client, url.full
 *
 * Tests: tests/unit/test_curl.c
 */
#include <stdlib.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"

/* Return a copy without credentials and secrets; NULL if out of memory. */
static char *redact(const char *text) {
    size_t size = tote_http_redact_url(NULL, 0, text) + 1;
    char *copy = tote__allocate(size);

    if (copy) {
        tote_http_redact_url(copy, size, text);
    }
    return copy;
}

bool tote__url_read(const struct tote__curl *curl, struct tote__url *url, const char *text) {
    /* libcurl has already resolved dot segments, except if CURLOPT_PATH_AS_IS is set. */
    const unsigned flags = CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME | CURLU_PATH_AS_IS;
    CURLU *handle = curl->url();
    char *port = NULL;
    bool is_read = handle && text && curl->url_set(handle, CURLUPART_URL, text, flags) == CURLUE_OK;
    char *whole = NULL;

    *url = (struct tote__url){.full = NULL};
    if (is_read && curl->url_get(handle, CURLUPART_URL, &whole, 0) == CURLUE_OK) {
        url->text = tote__copy_text(text, strlen(text));
        url->full = redact(whole);
        curl->free(whole);
        curl->url_get(handle, CURLUPART_HOST, &url->host, 0);
        if (curl->url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK) {
            url->port = strtol(port, NULL, 10);
            curl->free(port);
        }
    }
    curl->url_cleanup(handle);
    return is_read && url->full;
}

void tote__url_clear(const struct tote__curl *curl, struct tote__url *url) {
    if (url->text) {
        tote__release(url->text, strlen(url->text) + 1);
    }
    if (url->full) {
        tote__release(url->full, strlen(url->full) + 1);
    }
    curl->free(url->host);
    *url = (struct tote__url){.full = NULL};
}

tote_value tote__url_address(const struct tote__url *url) {
    size_t length = url->host ? strlen(url->host) : 0;

    if (length > 2 && url->host[0] == '[' && url->host[length - 1] == ']') {
        return tote_string_of(url->host + 1, length - 2);
    }
    return tote_string_of(url->host, length);
}
