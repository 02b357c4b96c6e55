/* SPDX-License-Identifier: MIT */
/*
 * requested.c - the URL that libcurl requests
 *
 * CURLINFO_EFFECTIVE_URL reports it, with one exception: libcurl before 8.12, if CURLOPT_CURLU is
 * set. Such a handle has one text of its URL. It is set by CURLOPT_URL, or else by the first
 * transfer with CURLOPT_CURLU, and is also reported for later transfers with CURLOPT_CURLU. The
 * preload object knows the value of CURLOPT_CURLU and reads it.
 *
 * libtote-curl does not know the value. It marks the text before the transfer: the first letter of
 * the scheme becomes upper case. For a transfer without CURLOPT_CURLU these versions report a new,
 * normalized text, with a lower-case scheme. So a text with the mark is an old one. If the marked
 * text is the program's CURLOPT_URL, only the case of the scheme differs, which has no meaning.
 *
 * Tests: tests/unit/test_curl.c
 */
#define CURL_DISABLE_TYPECHECK
#include <string.h>

#include "curl_parts.h"

enum { CASE = 'a' ^ 'A' };

static char *reported(const struct tote__transfer *transfer) {
    char *text = NULL;

    transfer->curl->easy_getinfo(transfer->easy, CURLINFO_EFFECTIVE_URL, &text);
    return text;
}

static bool sees_parts(const struct tote__transfer *transfer) {
    return !transfer->reports_old_urls || transfer->curl->sees_calls;
}

static bool has_scheme(const char *text) {
    return text && tote__url_scheme(text) != TOTE__SCHEME_UNKNOWN;
}

static bool is_capital(char c) {
    return c >= 'A' && c <= 'Z';
}

void tote__requested_start(struct tote__requested *requested, const struct tote__transfer *transfer,
                           const CURLU *parts) {
    char *text = sees_parts(transfer) ? NULL : reported(transfer);

    *requested = (struct tote__requested){.parts = NULL};
    if (transfer->reports_old_urls && parts) {
        requested->is_unknown = transfer->curl->url_get((CURLU *)(uintptr_t)parts, CURLUPART_URL,
                                                        &requested->parts, 0) != CURLUE_OK;
    }
    if (has_scheme(text) && !is_capital(*text)) {
        *text ^= CASE;
        requested->is_marked = true;
    }
}

/* If the text still has the mark, libcurl has not replaced it. */
static void remove_mark(struct tote__requested *requested, char *text) {
    if (requested->is_marked && is_capital(*text)) {
        *text ^= CASE;
    }
    requested->is_marked = false;
}

void tote__requested_clear(struct tote__requested *requested,
                           const struct tote__transfer *transfer) {
    char *text = requested->is_marked ? reported(transfer) : NULL;

    if (has_scheme(text)) {
        remove_mark(requested, text);
    }
    if (requested->parts) {
        transfer->curl->free(requested->parts);
    }
    *requested = (struct tote__requested){.parts = NULL};
}

const char *tote__requested_guess(const struct tote__requested *requested,
                                  const struct tote__transfer *transfer) {
    return requested->parts ? requested->parts : reported(transfer);
}

/*
 * The URL of a redirect is always reported. If a request is retried on another connection, the text
 * is replaced by an equally old one: an unknown URL stays unknown.
 */
const char *tote__requested_url(struct tote__requested *requested,
                                const struct tote__transfer *transfer) {
    char *text = reported(transfer);
    long redirects = 0;

    if (!transfer->reports_old_urls) {
        return text;
    }
    transfer->curl->easy_getinfo(transfer->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (redirects) {
        return text;
    }
    if (!sees_parts(transfer) && text && *text && (is_capital(*text) || !has_scheme(text))) {
        requested->is_unknown = true;
        remove_mark(requested, text);
    }
    if (requested->is_unknown) {
        return NULL;
    }
    return requested->parts ? requested->parts : text;
}
