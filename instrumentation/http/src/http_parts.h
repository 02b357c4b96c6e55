/* SPDX-License-Identifier: MIT */
/*
 * http_parts.h - internal functions of the HTTP instrumentation
 */
#ifndef TOTE_HTTP_PARTS_H
#define TOTE_HTTP_PARTS_H

#include "tote/internal/memory.h"
#include "tote/internal/text.h"
#include "tote/propagator.h"

/* The parts of a request target. A part that the target does not have is empty. */
struct tote__http_target {
    struct tote__part scheme;
    struct tote__part authority; /* host and port, without credentials */
    struct tote__part path;
    struct tote__part query; /* without `?` */
};

/* Split a request target in any of its four forms. The arguments are as in tote_http_request. */
struct tote__http_target tote__http_read_target(const char *method, const char *target,
                                                const char *query);

/* Remove "user:password@". */
struct tote__part tote__http_without_credentials(struct tote__part authority);

/*
 * Split "host", "host:port", "[v6]", "[v6]:port" or an IPv6 address without brackets. Returns the
 * host; `*port` is 0 if there is none.
 */
struct tote__part tote__http_split_host(struct tote__part authority, unsigned *port);

/* A scheme of HTTP, and its default port. */
struct tote__http_scheme {
    const char *name;
    unsigned port;
};

/* Return the scheme, ignoring case; NULL if it is not known. */
const struct tote__http_scheme *tote__http_known_scheme(struct tote__part text);

/* Whether the text is a URI scheme. Spec: RFC 3986 section 3.1 */
bool tote__http_is_scheme(struct tote__part text);

/*
 * Return a parameter of the first element of a Forwarded header, without quotes; empty if there is
 * none. The value is unescaped in place. Spec: RFC 7239 section 4
 */
struct tote__part tote__http_forwarded_parameter(char *header, size_t length, const char *name);

/* Do the same as tote_http_redact_query(). `buffer` may be NULL only if `size` is 0. */
size_t tote__http_redact(char *buffer, size_t size, struct tote__part query);

/* Do the same as tote_http_redact_url(), for the parts of this URL. */
size_t tote__http_redact_url(char *buffer, size_t size, const char *url,
                             const struct tote__http_target *target);

/* The names of headers to be captured, and where they are. */
struct tote__http_headers {
    const char *const *names;
    size_t name_count;
    const void *carrier;
    const tote_text_map_getter *getter;
};

#define TOTE__HTTP_REQUEST_HEADER "http.request.header."

/*
 * Make an attribute of each header that is there: an array of its values, in the arena.
 * `attributes` has space for one per name. Returns their number.
 */
size_t tote__http_capture(struct tote__arena *memory, const char *prefix,
                          const struct tote__http_headers *headers, tote_attribute *attributes);

#endif
