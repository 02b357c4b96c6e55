/* SPDX-License-Identifier: MIT */
/*
 * redact.c - redacts secrets in URLs and queries. Spec: http-spans.md, url.full and url.query
 *
 * Tests: tests/unit/test_http.c
 */
#include <string.h>

#include "http_parts.h"
#include "tote/instrumentation/http.h"

static const char redacted[] = "REDACTED";

/* Whether the value of the parameter, "name=value", is a secret. Case-sensitive. */
static bool is_secret(struct tote__part parameter) {
    static const char *const names[] = {
        "X-Amz-Signature", "X-Amz-Credential", "X-Amz-Security-Token",
        "AWSAccessKeyId",  "Signature",        "sig",
        "X-Goog-Signature"};
    const char *equals = memchr(parameter.at, '=', parameter.length);

    if (!equals) {
        return false;
    }
    parameter.length = (size_t)(equals - parameter.at);
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        if (tote__part_is(parameter, names[i])) {
            return true;
        }
    }
    return false;
}

/* Text in a buffer. Text that does not fit is cut; `length` is the full length. */
struct cut {
    char *buffer;
    size_t size;
    size_t length;
};

static void put(struct cut *cut, const char *text, size_t length) {
    if (cut->length + 1 < cut->size) {
        memcpy(cut->buffer + cut->length, text, tote__min(length, cut->size - 1 - cut->length));
    }
    cut->length += length;
}

static void end(const struct cut *cut) {
    if (cut->size) {
        cut->buffer[tote__min(cut->length, cut->size - 1)] = '\0';
    }
}

static void put_query(struct cut *cut, struct tote__part query) {
    while (query.length) {
        const char *end = memchr(query.at, '&', query.length);
        struct tote__part parameter = {query.at, end ? (size_t)(end - query.at) : query.length};
        if (is_secret(parameter)) {
            const char *equals = memchr(parameter.at, '=', parameter.length);
            put(cut, parameter.at, (size_t)(equals - parameter.at) + 1);
            put(cut, redacted, sizeof redacted - 1);
        } else {
            put(cut, parameter.at, parameter.length);
        }
        if (end) {
            put(cut, end, 1);
        }
        query.at += parameter.length + (end != NULL);
        query.length -= parameter.length + (end != NULL);
    }
}

size_t tote__http_redact(char *buffer, size_t size, struct tote__part query) {
    struct cut cut = {buffer, size, 0};

    put_query(&cut, query);
    end(&cut);
    return cut.length;
}

size_t tote_http_redact_query(char *buffer, size_t size, const char *query) {
    return tote__http_redact(buffer, buffer ? size : 0,
                             (struct tote__part){query, query ? strlen(query) : 0});
}

/* Put "user:password@". */
static void put_credentials(struct cut *cut, struct tote__part credentials) {
    if (!credentials.length) {
        return;
    }
    put(cut, redacted, sizeof redacted - 1);
    if (memchr(credentials.at, ':', credentials.length)) {
        put(cut, ":", 1);
        put(cut, redacted, sizeof redacted - 1);
    }
    put(cut, "@", 1);
}

size_t tote__http_redact_url(char *buffer, size_t size, const char *url,
                             const struct tote__http_target *target) {
    const char *authority = target->scheme.at + target->scheme.length + strlen("://");
    const char *tail = target->query.at ? target->query.at : target->path.at + target->path.length;
    struct cut cut = {buffer, size, 0};

    put(&cut, url, (size_t)(authority - url));
    put_credentials(&cut,
                    (struct tote__part){authority, (size_t)(target->authority.at - authority)});
    put(&cut, target->authority.at, (size_t)(tail - target->authority.at));
    if (target->query.at) {
        put_query(&cut, target->query);
        tail += target->query.length;
    }
    put(&cut, tail, strlen(tail));
    end(&cut);
    return cut.length;
}

size_t tote_http_redact_url(char *buffer, size_t size, const char *url) {
    struct tote__http_target target = tote__http_read_target(NULL, url, NULL);

    size = buffer ? size : 0;
    if (!target.scheme.length || !target.authority.length) {
        end(&(struct cut){buffer, size, 0});
        return 0;
    }
    return tote__http_redact_url(buffer, size, url, &target);
}
