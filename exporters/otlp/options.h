/* SPDX-License-Identifier: MIT */
/*
 * options.h - what an OTLP exporter goes by, once options and environment are put together
 *
 * An option that is set wins over OTEL_EXPORTER_OTLP_TRACES_X, that one over
 * OTEL_EXPORTER_OTLP_X, that one over the default; each as a whole. Spec: protocol/exporter.md
 */
#ifndef TOTE_OTLP_OPTIONS_H
#define TOTE_OTLP_OPTIONS_H

#include "tote/exporters/otlp.h"
#include "tote/internal/delivery.h"
#include "tote/internal/memory.h"

struct tote__otlp_header {
    const char *name;
    const char *value;
    const char *line; /* both, as libcurl takes them */
};

/* No two names are equal, ignoring case; all of it may go over the wire as it is. */
struct tote__otlp_headers {
    struct tote__otlp_header *items;
    size_t count;
};

struct tote__otlp_settings {
    struct tote__arena memory; /* of all that follows */
    const char *url;
    const char *shown_url; /* for diagnostics: without credentials and query */
    const char *host;      /* of the URL; an address of IPv6 has brackets */
    const char *port;
    const char *unix_path;      /* NULL: TCP */
    const char *proxy;          /* "": none */
    const char *no_proxy;       /* the hosts without it; "": none */
    const char *proxy_variable; /* NULL: none */
    struct tote__otlp_headers headers;
    const char *ca_file;                 /* NULL: the system's */
    const char *client_certificate_file; /* NULL: none; so is the key */
    const char *client_key_file;
    tote_otlp_transport transport; /* without functions: libcurl */
    size_t max_response_bytes;     /* SIZE_MAX: no limit */
    struct tote__delivery_settings delivery;
    tote_otlp_protocol protocol;
    bool is_incomplete; /* memory ran out; the rest means nothing */
    bool has_unusable_endpoint;
    bool is_insecure; /* gRPC without TLS where the endpoint has no scheme */
    bool is_tls;      /* the URL's scheme is https */
    bool is_gzip;
};

/*
 * Put options, which may be NULL, and environment together. Returns: false, with a diagnostic and
 * nothing to clear, when the options ask for what cannot be had.
 */
bool tote__otlp_settings_resolve(struct tote__otlp_settings *settings,
                                 const tote_otlp_options *options);
void tote__otlp_settings_clear(struct tote__otlp_settings *settings);

/* Of the bytes of a request over HTTP. */
const char *tote__otlp_content_type(const struct tote__otlp_settings *settings);

/*
 * endpoint.c: take a base URL, or one that is used as it is, for the protocol of the settings.
 * `source` names it in diagnostics; its text may contain secrets, and appears in none. Returns:
 * NULL, or why it cannot be used.
 */
const char *tote__otlp_take_endpoint(struct tote__otlp_settings *settings, const char *source,
                                     const char *text, bool is_base);

/*
 * headers.c: take the headers of a variable, or of the options, instead of what there is. What
 * cannot be sent is left out, with a diagnostic. `source` is for that.
 */
void tote__otlp_take_header_text(struct tote__otlp_settings *settings, const char *source,
                                 const char *text);
void tote__otlp_take_header_attributes(struct tote__otlp_settings *settings, const char *source,
                                       const tote_attribute *headers, size_t count);

#endif
