/* SPDX-License-Identifier: MIT */
/*
 * requested.c - the URL that libcurl really requests
 *
 * CURLINFO_EFFECTIVE_URL is that, except before libcurl 8.12 if the program set CURLOPT_CURLU: the
 * handle has one text of its URL, set by CURLOPT_URL or, if there is none, by the first transfer
 * with CURLOPT_CURLU, and reports that text for later transfers with CURLOPT_CURLU too. The
 * preload object sees CURLOPT_CURLU and reads it.
 *
 * libtote-curl does not see it. It marks the text before the transfer: the first letter of the
 * scheme is a capital. For a transfer without CURLOPT_CURLU these versions report a new,
 * normalized text, with a scheme in small letters. So a text with the mark is an old one. Where
 * the marked text is the handle's CURLOPT_URL, only case differs, which counts nowhere in a scheme.
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

/* A text with the mark is in use by the handle: libcurl has not replaced it. */
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
 * A redirect is reported as it is. A request that is sent again on another connection has a new
 * text, which is as old: so what is unknown stays so.
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
