/* SPDX-License-Identifier: MIT */
/*
 * target.c - splits request targets and authorities. Spec: RFC 9112 section 3.2
 *
 * Invariant: no part of the result contains the credentials of a URL.
 *
 * Tests: tests/unit/test_http.c
 */
#include "http_parts.h"

static bool is_letter(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

bool tote__http_is_scheme(struct tote__part text) {
    for (size_t i = 0; i < text.length; i++) {
        char c = text.at[i];
        if (!is_letter(c) && (i == 0 || (!is_digit(c) && c != '+' && c != '-' && c != '.'))) {
            return false;
        }
    }
    return text.length;
}

const struct tote__http_scheme *tote__http_known_scheme(struct tote__part text) {
    static const struct tote__http_scheme known[] = {
        {"http", 80}, {"https", 443}, {"ws", 80}, {"wss", 443}};

    for (size_t i = 0; i < TOTE_COUNT_OF(known); i++) {
        if (tote__equals_ignoring_case(text.at, text.length, known[i].name,
                                       strlen(known[i].name))) {
            return &known[i];
        }
    }
    return NULL;
}

struct tote__part tote__http_without_credentials(struct tote__part authority) {
    const char *at = authority.length ? memrchr(authority.at, '@', authority.length) : NULL;

    if (!at) {
        return authority;
    }
    return (struct tote__part){at + 1, authority.length - (size_t)(at + 1 - authority.at)};
}

struct tote__part tote__http_split_host(struct tote__part authority, unsigned *port) {
    struct tote__part host = authority;
    const char *end = authority.at + authority.length;
    const char *colon = NULL;

    *port = 0;
    if (!authority.length) {
        return host;
    }
    if (authority.at[0] == '[') {
        const char *bracket = memchr(authority.at, ']', authority.length);
        if (bracket) {
            host = (struct tote__part){authority.at + 1, (size_t)(bracket - authority.at) - 1};
            colon = bracket + 1 < end && bracket[1] == ':' ? bracket + 1 : NULL;
        }
    } else {
        colon = memchr(authority.at, ':', authority.length);
        if (colon && memchr(colon + 1, ':', (size_t)(end - colon) - 1)) {
            colon = NULL; /* more than one: an IPv6 address */
        }
        host.length = colon ? (size_t)(colon - authority.at) : authority.length;
    }
    for (const char *at = colon ? colon + 1 : end; at < end && is_digit(*at); at++) {
        *port = *port < 100000 ? *port * 10 + (unsigned)(*at - '0') : *port;
    }
    *port = *port <= UINT16_MAX ? *port : 0;
    return host;
}

/* Remove the bytes before the first of `ends` from `*rest`, and return them. */
static struct tote__part take_until(struct tote__part *rest, const char *ends) {
    struct tote__part taken = *rest;

    for (; *ends && taken.length; ends++) {
        const char *end = memchr(taken.at, *ends, taken.length);
        taken.length = end ? (size_t)(end - taken.at) : taken.length;
    }
    rest->at += taken.length;
    rest->length -= taken.length;
    return taken;
}

static struct tote__part whole(const char *text) {
    return (struct tote__part){text, strlen(text)};
}

struct tote__http_target tote__http_read_target(const char *method, const char *target,
                                                const char *query) {
    struct tote__http_target parts = {.scheme = {NULL, 0}};
    struct tote__part rest = whole(target ? target : "");
    const char *colon = rest.length && rest.at[0] != '/' ? strstr(rest.at, "://") : NULL;

    parts.path.at = rest.at;
    if (query) {
        parts.query = whole(query);
    }
    if (tote__part_is(rest, "*")) {
        return parts; /* asterisk-form: the path is empty. Spec: RFC 9112 section 3.3 */
    }
    if (colon && tote__http_is_scheme((struct tote__part){rest.at, (size_t)(colon - rest.at)})) {
        parts.scheme = take_until(&rest, ":");
        rest.at += strlen("://");
        rest.length -= strlen("://");
        parts.authority = tote__http_without_credentials(take_until(&rest, "/?#"));
    } else if (rest.length && rest.at[0] != '/') {
        struct tote__part first = tote__http_without_credentials(take_until(&rest, "/?#"));
        if (method && strcmp(method, "CONNECT") == 0) {
            parts.authority = first; /* authority-form */
            return parts;
        }
        rest = (struct tote__part){first.at, first.length + rest.length};
    }
    parts.path = take_until(&rest, "?#");
    if (!query && rest.length && rest.at[0] == '?') {
        rest.at++;
        rest.length--;
        parts.query = take_until(&rest, "#");
    }
    return parts;
}
