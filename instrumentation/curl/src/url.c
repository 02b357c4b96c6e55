/* SPDX-License-Identifier: MIT */
/*
 * url.c - a URL as a span may tell it: without credentials and secrets
 *
 * Spec: semantic-conventions http-spans.md#http-client, url.full
 */
#include <stdlib.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/internal/memory.h"

static const char redacted[] = "REDACTED";

/* Whether the parameter at `text` has a name whose value is a secret. Case counts. */
static bool is_secret(const char *text, size_t length) {
    static const char *const names[] = {
        "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
        "AWSAccessKeyId",  "Signature",        "sig",
        "X-Goog-Signature"};
    const char *equals = memchr(text, '=', length);
    size_t name_length = equals ? (size_t)(equals - text) : 0;

    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        if (name_length == strlen(names[i]) && memcmp(text, names[i], name_length) == 0) {
            return true;
        }
    }
    return false;
}

/* The query with REDACTED for the values of secrets. NULL when memory is out. */
static char *redact_query(const char *query, size_t size) {
    char *out = tote__allocate(size);
    char *end = out;

    while (out && *query) {
        size_t length = strcspn(query, "&");
        bool has_secret = is_secret(query, length);
        size_t kept = has_secret ? strcspn(query, "=") + 1 : length;
        memcpy(end, query, kept);
        end += kept;
        if (has_secret) {
            memcpy(end, redacted, sizeof redacted - 1);
            end += sizeof redacted - 1;
        }
        query += length;
        if (*query) {
            *end++ = *query++;
        }
    }
    if (out) {
        *end = '\0';
    }
    return out;
}

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
        /* A name of three letters, `sig`, is the least that makes room for REDACTED necessary. */
        size_t size = strlen(part) * 4 + sizeof redacted;
        char *query = redact_query(part, size);
        is_done = query && curl_url_set(handle, CURLUPART_QUERY, query, 0) == CURLUE_OK;
        tote__release(query, size);
        curl_free(part);
    }
    return is_done;
}

bool tote__url_read(struct tote__url *url, const char *text) {
    CURLU *handle = curl_url();
    char *port = NULL;
    bool is_read = handle && text &&
                   curl_url_set(handle, CURLUPART_URL, text,
                                CURLU_GUESS_SCHEME | CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
                   redact(handle);

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
