/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote.h - what the files of the nginx module share
 *
 * The module runs in the workers of nginx, each of which has one thread. It changes no structure of
 * nginx, except for the request headers that tracing replaces.
 */
#ifndef NGX_HTTP_TOTE_H
#define NGX_HTTP_TOTE_H

#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>

#include <tote/exporters/otlp.h>
#include <tote/instrumentation/http.h>
#include <tote/sdk/span_exporter.h>
#include <tote/tote.h>

/* What an incoming trace context is worth. */
enum {
    NGX_HTTP_TOTE_CONTINUE, /* the request continues the trace */
    NGX_HTTP_TOTE_LINK,     /* the request starts a trace, linked to the incoming span */
    NGX_HTTP_TOTE_IGNORE    /* the request starts a trace */
};

/* The directives of the http block: the SDK of each worker. */
typedef struct {
    ngx_str_t endpoint;
    ngx_str_t ca_file;
    ngx_str_t certificate;
    ngx_str_t certificate_key;
    uint32_t protocol;    /* a tote_otlp_protocol */
    uint32_t compression; /* a tote_otlp_compression */
    ngx_array_t headers;  /* tote_attribute */
    ngx_str_t service_name;
    ngx_array_t resource_attributes; /* tote_attribute */
    ngx_str_t config_file;
    tote_batch_options batch;
    ngx_path_t *disk_queue;
    size_t disk_queue_max_bytes;
    ngx_flag_t crash_safe;
    ngx_flag_t is_used;    /* a location is traced */
    ngx_array_t upstreams; /* struct ngx_http_tote_balancer, ordered by address */
} ngx_http_tote_main_conf_t;

/* The function of an upstream that the module calls for it. */
struct ngx_http_tote_balancer {
    ngx_http_upstream_srv_conf_t *upstream;
    ngx_http_upstream_init_peer_pt init;
};

/* The value of tote_span_attribute. */
struct ngx_http_tote_attribute {
    const char *name;
    ngx_http_complex_value_t value;
};

typedef struct {
    ngx_flag_t is_on;
    ngx_uint_t trust;
    ngx_http_complex_value_t *sample;    /* NULL: the share or the sampler decides */
    ngx_uint_t share;                    /* of NGX_HTTP_TOTE_ALL new traces */
    ngx_http_complex_value_t *span_name; /* NULL: the method and the route */
    ngx_array_t *attributes;             /* struct ngx_http_tote_attribute */
} ngx_http_tote_loc_conf_t;

enum { NGX_HTTP_TOTE_ALL = 1000000 };

/* A value that the request sends to its upstreams, with an id of a span in it. */
struct ngx_http_tote_sent {
    ngx_str_t value;
    size_t id_at;
};

enum { NGX_HTTP_TOTE_MOST_SENT = 4, NGX_HTTP_TOTE_ID_LENGTH = TOTE_SPAN_ID_HEX_SIZE - 1 };

/*
 * The trace of a request: of the client's request, shared by its subrequests and kept over internal
 * redirects.
 */
typedef struct {
    tote_context *context; /* of the server span; NULL: it is not needed yet */
    ngx_uint_t trust;
    ngx_uint_t tries; /* of the request itself, that have a client span */
    struct ngx_http_tote_sent sent[NGX_HTTP_TOTE_MOST_SENT];
    ngx_uint_t sent_count;
    unsigned is_unsampled : 1; /* by tote_sample */
} ngx_http_tote_trace_t;

extern ngx_module_t ngx_http_tote_module;

/* Export: start in a worker, and stop. A request is traced only between these. */
ngx_int_t ngx_http_tote_start(ngx_cycle_t *cycle);
void ngx_http_tote_stop(ngx_cycle_t *cycle);

/* Return the tracer; NULL: no SDK runs in this process. */
tote_tracer *ngx_http_tote_tracer(void);

/* Let the event loop export the span that has just ended. */
void ngx_http_tote_span_ended(void);

/* Check the options of the exporter, or the file. Report errors by ngx_conf_log_error(). */
char *ngx_http_tote_check_exporter(ngx_conf_t *cf, const ngx_http_tote_main_conf_t *conf);
char *ngx_http_tote_check_file(ngx_conf_t *cf, const ngx_http_tote_main_conf_t *conf);

/* Return a text that ends with NUL, in the pool; NULL if it is empty or out of memory. */
char *ngx_http_tote_text(ngx_pool_t *pool, const ngx_str_t *text);

/*
 * Return the trace of a request. Starts it if the location is traced and it has not started. NULL:
 * the request is not traced.
 */
ngx_http_tote_trace_t *ngx_http_tote_get_trace(ngx_http_request_t *r);

/* Return the trace if it has started. */
ngx_http_tote_trace_t *ngx_http_tote_find_trace(ngx_http_request_t *r);

ngx_int_t ngx_http_tote_rewrite_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_tote_log_handler(ngx_http_request_t *r);
ngx_int_t ngx_http_tote_add_variables(ngx_conf_t *cf);

/* Replace the trace headers of a request before it goes to an upstream. */
ngx_int_t ngx_http_tote_precontent_handler(ngx_http_request_t *r);

/* Read the headers of a request. */
const tote_text_map_getter *ngx_http_tote_getter(void);

/* Whether the global propagator reads the headers of W3C only, and whether a request has one. */
bool ngx_http_tote_reads_w3c_only(void);
bool ngx_http_tote_has_w3c(const ngx_http_request_t *r);

/* Whether a request may have a trace context. */
bool ngx_http_tote_may_continue(const ngx_http_request_t *r);

/* Make a client span for each try of the upstreams of this configuration. */
ngx_int_t ngx_http_tote_init_upstreams(ngx_conf_t *cf, ngx_http_tote_main_conf_t *conf);

/* Add the spans of tries that had no span, because their upstream has no configuration. */
void ngx_http_tote_add_tries(ngx_http_request_t *r, ngx_http_tote_trace_t *trace);

#endif
