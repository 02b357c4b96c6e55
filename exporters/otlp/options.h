/* SPDX-License-Identifier: MIT */
/*
 * options.h - the resolved settings of an OTLP exporter
 *
 * Precedence: option, OTEL_EXPORTER_OTLP_TRACES_X, OTEL_EXPORTER_OTLP_X, default; each as a whole.
 * Spec: protocol/exporter.md
 */
#ifndef TOTE_OTLP_OPTIONS_H
#define TOTE_OTLP_OPTIONS_H

#include "tote/exporters/otlp.h"
#include "tote/internal/delivery.h"
#include "tote/internal/left_out.h"
#include "tote/internal/memory.h"
#include "tote/internal/otlp.h"

#define TOTE__OTLP_USER_AGENT "OTel-OTLP-Exporter-C/" TOTE_VERSION

struct tote__otlp_header {
    const char *name;
    const char *value;
    const char *line; /* "name: value", for libcurl */
};

/* Names are unique, ignoring case. All texts are valid in a request. */
struct tote__otlp_headers {
    struct tote__otlp_header *items;
    size_t count;
};

enum { TOTE__MOST_CONCURRENT_REQUESTS = 64 };

struct tote__otlp_settings {
    struct tote__arena memory;                    /* memory of the following fields */
    const struct tote__option_reporter *reporter; /* while they are resolved; NULL: none */
    const char *url;
    const char *metrics_url; /* NULL: not resolved */
    const char *shown_url;   /* for diagnostics, without credentials and query */
    const char *host;        /* host of the URL; IPv6 addresses have brackets */
    const char *port;
    const char *unix_path;      /* NULL: TCP */
    const char *proxy;          /* "": none */
    const char *no_proxy;       /* hosts without proxy; "": none */
    const char *proxy_variable; /* NULL: none */
    struct tote__otlp_headers headers;
    const char *ca_file;                 /* NULL: the system's */
    const char *client_certificate_file; /* NULL: none */
    const char *client_key_file;
    tote_otlp_transport transport; /* without functions: libcurl */
    size_t max_response_bytes;     /* SIZE_MAX: no limit */
    struct tote__delivery_settings delivery;
    tote_otlp_protocol protocol;
    bool is_incomplete;    /* out of memory; the other fields are invalid */
    bool sends_no_headers; /* an endpoint variable is not usable */
    bool reads_environment;
    bool is_insecure; /* gRPC without TLS if the endpoint has no scheme */
    bool is_tls;      /* the URL's scheme is https */
    bool is_gzip;
};

static inline bool tote__otlp_is_grpc(const struct tote__otlp_settings *settings) {
    return TOTE_HAS_GRPC && settings->protocol == TOTE_OTLP_PROTOCOL_GRPC;
}

static inline bool tote__otlp_is_json(const struct tote__otlp_settings *settings) {
    return TOTE_HAS_JSON && settings->protocol == TOTE_OTLP_PROTOCOL_HTTP_JSON;
}

/*
 * Resolve options and environment variables. Options and reporter may be NULL. Returns false, with
 * a diagnostic and nothing to clear, on failure.
 */
bool tote__otlp_settings_resolve(struct tote__otlp_settings *settings,
                                 const tote_otlp_options *options,
                                 const struct tote__option_reporter *reporter);
void tote__otlp_settings_clear(struct tote__otlp_settings *settings);

/*
 * Report what concerns a source of a setting: a variable, a proxy, or a field of the options, which
 * begins with TOTE__OTLP_FIELD. `message` begins after the source.
 */
#define TOTE__OTLP_FIELD "tote_otlp_options."
void tote__otlp_diagnose(const struct tote__otlp_settings *settings, tote_level level,
                         const char *source, const char *message, ...) TOTE_PRINTF(4, 5);

/* Return the content type of requests over HTTP. */
const char *tote__otlp_content_type(const struct tote__otlp_settings *settings);

/*
 * endpoint.c: set the endpoint for the protocol of the settings, from a base URL or a complete one.
 * `source` is its name in diagnostics; the text may contain secrets and is not reported. Returns
 * NULL, or why it cannot be used.
 */
const char *tote__otlp_take_endpoint(struct tote__otlp_settings *settings, const char *source,
                                     const char *text, bool is_base);

/*
 * endpoint.c: set the URL for metrics, of the receiver of the spans. `endpoint` is that of
 * OTEL_EXPORTER_OTLP_METRICS_ENDPOINT, or NULL. Returns NULL, or why it cannot be set.
 */
const char *tote__otlp_take_metrics_endpoint(struct tote__otlp_settings *settings,
                                             const char *endpoint);

/*
 * headers.c: replace the headers by those of a variable or of the options. Unusable ones are
 * ignored, with a diagnostic that names `source`.
 */
void tote__otlp_take_header_text(struct tote__otlp_settings *settings, const char *source,
                                 const char *text);
void tote__otlp_take_header_attributes(struct tote__otlp_settings *settings, const char *source,
                                       const tote_attribute *headers, size_t count);

#endif
