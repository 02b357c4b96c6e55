/* SPDX-License-Identifier: MIT */
/*
 * scheme.c - which transfers are HTTP
 *
 * Tests: tests/unit/test_curl.c
 */
#define CURL_DISABLE_TYPECHECK
#include <string.h>
#include <strings.h>

#include "curl_parts.h"

enum tote__scheme tote__scheme_of_name(const char *name, size_t length) {
    static const char *const http[] = {"http", "https", "ws", "wss"};

    for (size_t i = 0; i < TOTE_COUNT_OF(http); i++) {
        if (strlen(http[i]) == length && strncasecmp(name, http[i], length) == 0) {
            return TOTE__SCHEME_HTTP;
        }
    }
    return TOTE__SCHEME_OTHER;
}

static bool is_of_scheme(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '+' ||
           c == '-' || c == '.';
}

/* As in libcurl, a scheme is letters, digits, "+", "-" and "." before ":/". */
enum tote__scheme tote__url_scheme(const char *text) {
    size_t length = 0;

    if (text && strncmp(text, "http://", strlen("http://")) == 0) {
        return TOTE__SCHEME_HTTP; /* the usual case, checked fast */
    }
    while (text && is_of_scheme(text[length])) {
        length++;
    }
    if (!length || text[length] != ':' || text[length + 1] != '/') {
        return TOTE__SCHEME_UNKNOWN;
    }
    return tote__scheme_of_name(text, length);
}

/* After a redirect libcurl reports the last URL of that transfer until the next one begins. */
enum tote__scheme tote__curl_scheme(const struct tote__curl *curl, CURL *easy) {
    char *text = NULL;
    long redirects = 0;

    curl->easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text);
    enum tote__scheme scheme = tote__url_scheme(text);
    if (scheme == TOTE__SCHEME_OTHER) {
        curl->easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
    }
    return redirects ? TOTE__SCHEME_UNKNOWN : scheme;
}
