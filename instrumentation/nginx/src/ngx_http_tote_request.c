/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote_request.c - a server span for each request of a client
 *
 * The span starts in the rewrite phase, when the location is known, or later: a request that nginx
 * refuses before gets it in the log phase, with the time of its first byte. It ends in the log
 * phase, which every request reaches. A subrequest has no span of its own.
 *
 * Tests: tests/hosts/nginx/test_nginx.py
 */
#include "ngx_http_tote.h"

static void end_trace(void *data) {
    ngx_http_tote_trace_t *trace = data;

    if (trace->context) {
        tote_span_end(tote_context_get_span(trace->context), 0);
        tote_context_unref(trace->context);
        trace->context = NULL;
        ngx_http_tote_span_ended();
    }
}

char *ngx_http_tote_text(ngx_pool_t *pool, const ngx_str_t *text) {
    u_char *copy = text->len ? ngx_pnalloc(pool, text->len + 1) : NULL;

    if (copy) {
        ngx_memcpy(copy, text->data, text->len);
        copy[text->len] = '\0';
    }
    return (char *)copy;
}

/* An internal redirect clears the contexts of modules. The pool keeps them. */
static ngx_http_tote_trace_t *find(ngx_http_request_t *r) {
    ngx_http_tote_trace_t *trace = ngx_http_get_module_ctx(r, ngx_http_tote_module);

    if (!trace && (r->internal || r->filter_finalize)) {
        for (ngx_pool_cleanup_t *at = r->pool->cleanup; at; at = at->next) {
            if (at->handler == end_trace) {
                trace = at->data;
                ngx_http_set_ctx(r, trace, ngx_http_tote_module);
                break;
            }
        }
    }
    return trace;
}

ngx_http_tote_trace_t *ngx_http_tote_find_trace(ngx_http_request_t *r) {
    ngx_http_tote_trace_t *trace = find(r->main);

    return trace && trace->context ? trace : NULL;
}

static ngx_http_tote_trace_t *add_trace(ngx_http_request_t *r) {
    ngx_pool_cleanup_t *cleanup = ngx_pool_cleanup_add(r->pool, sizeof(ngx_http_tote_trace_t));

    if (!cleanup) {
        return NULL;
    }
    ngx_memzero(cleanup->data, sizeof(ngx_http_tote_trace_t));
    cleanup->handler = end_trace;
    ngx_http_set_ctx(r, cleanup->data, ngx_http_tote_module);
    return cleanup->data;
}

/* Whether the request continues a trace. */
static bool continues(ngx_http_request_t *r, const ngx_http_tote_loc_conf_t *conf) {
    if (conf->trust != NGX_HTTP_TOTE_CONTINUE || !ngx_http_tote_may_continue(r)) {
        return false;
    }
    tote_context *incoming = tote_extract(tote_context_root(), r, ngx_http_tote_getter());
    bool is_valid =
        tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(incoming)));
    tote_context_unref(incoming);
    return is_valid;
}

/* Whether tote_sample leaves the decision to the sampler. */
static bool is_sampled(ngx_http_request_t *r, const ngx_http_tote_loc_conf_t *conf) {
    ngx_str_t value;

    if (conf->share < NGX_HTTP_TOTE_ALL) {
        return (ngx_uint_t)ngx_random() % NGX_HTTP_TOTE_ALL < conf->share || continues(r, conf);
    }
    if (!conf->sample || ngx_http_complex_value(r, conf->sample, &value) != NGX_OK) {
        return true;
    }
    return value.len && !(value.len == 1 && value.data[0] == '0') &&
           !(value.len == 3 && ngx_strncasecmp(value.data, (u_char *)"off", 3) == 0);
}

/* Fill words of 4 bytes, of which the generator gives 31 bits. */
static void fill(uint8_t *bytes, size_t size) {
    for (size_t at = 0; at < size; at += 4) {
        uint32_t word = (uint32_t)ngx_random();
        ngx_memcpy(bytes + at, &word, sizeof word);
    }
}

/*
 * Return the context of a request that is not recorded: the incoming one, or that of a new trace
 * that is not sampled. So the upstreams do not start traces of their own.
 */
static tote_context *unsampled_context(ngx_http_request_t *r, ngx_uint_t trust) {
    tote_context *incoming = trust == NGX_HTTP_TOTE_CONTINUE && ngx_http_tote_may_continue(r)
                                 ? tote_extract(tote_context_root(), r, ngx_http_tote_getter())
                                 : tote_context_ref(tote_context_root());
    tote_trace_id trace_id;
    tote_span_id span_id;

    if (tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(incoming)))) {
        return incoming;
    }
    fill(trace_id.bytes, sizeof trace_id.bytes);
    fill(span_id.bytes, sizeof span_id.bytes);
    tote_span_context *ids =
        tote_span_context_new(&trace_id, &span_id, TOTE_TRACE_FLAG_RANDOM, NULL, false);
    tote_span *span = tote_span_non_recording_new(ids);
    tote_context *context = tote_context_with_span(incoming, span);
    tote_span_unref(span);
    tote_span_context_unref(ids);
    tote_context_unref(incoming);
    return context;
}

/* Return the version; NULL: the request line was refused before nginx had read it. */
static const char *version_of(const ngx_http_request_t *r) {
    if (!r->http_protocol.len) {
        return NULL;
    }
    switch (r->http_version) {
    case NGX_HTTP_VERSION_10:
        return "1.0";
    case NGX_HTTP_VERSION_11:
        return "1.1";
    case NGX_HTTP_VERSION_20:
        return "2";
    default:
        return NULL;
    }
}

/* Start the server span. `is_late`: nginx has handled the request before. */
static tote_context *start_span(ngx_http_request_t *r, const ngx_http_tote_loc_conf_t *conf,
                                bool is_late) {
    const ngx_http_core_loc_conf_t *location =
        ngx_http_get_module_loc_conf(r, ngx_http_core_module);
    const ngx_connection_t *connection = r->connection;
    char address[NGX_SOCKADDR_STRLEN + 1];
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;

    request.method = ngx_http_tote_text(r->pool, &r->method_name);
    request.target = ngx_http_tote_text(r->pool, &r->unparsed_uri);
    request.protocol_version = version_of(r);
    if (connection->sockaddr->sa_family != AF_UNIX) { /* whose client has no address */
        size_t length = ngx_min(connection->addr_text.len, sizeof address - 1);
        *ngx_cpymem(address, connection->addr_text.data, length) = '\0';
        request.peer_address = address;
        request.peer_port = ngx_inet_get_port(connection->sockaddr);
    }
    request.carrier = r;
    request.getter = ngx_http_tote_getter();
    request.ignore_forwarded = true; /* nginx decides by real_ip which proxies it trusts */
    request.public_endpoint = conf->trust == NGX_HTTP_TOTE_LINK;
    request.ignore_context = conf->trust == NGX_HTTP_TOTE_IGNORE || !ngx_http_tote_may_continue(r);
#if (NGX_HTTP_SSL)
    request.scheme = connection->ssl ? "https" : "http";
#endif
    if (is_late) {
        request.start_time_unix_nano =
            ((uint64_t)r->start_sec * 1000 + (uint64_t)r->start_msec) * 1000000;
    }
    if (!r->internal) { /* else the location is that of a redirect */
        request.route = location->name.len ? (const char *)location->name.data : NULL;
    }
    return tote_http_server_start(ngx_http_tote_tracer(), &request);
}

static ngx_http_tote_trace_t *start_trace(ngx_http_request_t *r, bool is_late) {
    const ngx_http_tote_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_tote_module);
    ngx_http_tote_trace_t *trace = conf->is_on && ngx_http_tote_tracer() ? add_trace(r) : NULL;

    if (!trace) {
        return NULL;
    }
    trace->trust = conf->trust;
    trace->is_unsampled = !is_sampled(r, conf);
    if (!trace->is_unsampled) {
        trace->context = start_span(r, conf, is_late || r->internal);
    }
    return trace;
}

ngx_http_tote_trace_t *ngx_http_tote_get_trace(ngx_http_request_t *r) {
    ngx_http_tote_trace_t *trace = find(r->main);

    if (!trace && r == r->main) {
        trace = start_trace(r, false);
    }
    if (trace && !trace->context && trace->is_unsampled) {
        trace->context = unsampled_context(r->main, trace->trust);
    }
    return trace && trace->context ? trace : NULL;
}

ngx_int_t ngx_http_tote_rewrite_handler(ngx_http_request_t *r) {
    if (r == r->main && !find(r)) {
        start_trace(r, false);
    }
    return NGX_DECLINED;
}

static ngx_uint_t status_of(const ngx_http_request_t *r) {
    return r->err_status ? r->err_status : r->headers_out.status;
}

/* Return the error.type of a response that was not sent completely; NULL: it was. */
static const char *error_of(const ngx_http_request_t *r, ngx_uint_t status) {
    if (status == NGX_HTTP_CLIENT_CLOSED_REQUEST) {
        return "client_abort";
    }
    if (r->connection->timedout) {
        return "timeout";
    }
    return r->connection->error ? "connection_lost" : NULL;
}

static void set_name(ngx_http_request_t *r, tote_span *span, ngx_http_complex_value_t *name) {
    ngx_str_t value;

    if (name && ngx_http_complex_value(r, name, &value) == NGX_OK && value.len) {
        char *text = ngx_http_tote_text(r->pool, &value);
        tote_span_update_name(span, text);
    }
}

static void set_attributes(ngx_http_request_t *r, tote_span *span, const ngx_array_t *attributes) {
    struct ngx_http_tote_attribute *all = attributes ? attributes->elts : NULL;

    for (ngx_uint_t i = 0; all && i < attributes->nelts; i++) {
        ngx_str_t value;
        if (ngx_http_complex_value(r, &all[i].value, &value) == NGX_OK && value.len) {
            tote_span_set_attribute(span, all[i].name,
                                    tote_string_of((char *)value.data, value.len));
        }
    }
}

ngx_int_t ngx_http_tote_log_handler(ngx_http_request_t *r) {
    const ngx_http_tote_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_tote_module);

    if (r != r->main) {
        return NGX_OK;
    }
    ngx_http_tote_trace_t *trace = find(r);
    trace = trace ? trace : start_trace(r, true);
    if (!trace || !trace->context) {
        return NGX_OK;
    }
    tote_span *span = tote_context_get_span(trace->context);
    if (tote_span_is_recording(span)) {
        ngx_uint_t status = status_of(r);
        ngx_http_tote_add_tries(r, trace);
        tote_http_server_set_status(span, (unsigned)status, error_of(r, status));
        set_name(r, span, conf->span_name);
        set_attributes(r, span, conf->attributes);
    }
    end_trace(trace);
    return NGX_OK;
}

enum { TRACE_ID, SPAN_ID, SAMPLED, TRACEPARENT };

static ngx_int_t get_variable(ngx_http_request_t *r, ngx_http_variable_value_t *value,
                              uintptr_t which) {
    ngx_http_tote_trace_t *trace = ngx_http_tote_get_trace(r);
    const tote_span_context *ids =
        trace ? tote_span_get_context(tote_context_get_span(trace->context)) : NULL;
    char trace_id[TOTE_TRACE_ID_HEX_SIZE], span_id[TOTE_SPAN_ID_HEX_SIZE];
    const size_t size = sizeof "00--" + sizeof trace_id + sizeof span_id + 2;

    if (!tote_span_context_is_valid(ids)) {
        value->not_found = 1;
        return NGX_OK;
    }
    tote_trace_id_to_hex(tote_span_context_get_trace_id(ids), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(ids), span_id);
    u_char *text = ngx_pnalloc(r->pool, size);
    u_char *end = text;
    if (!text) {
        return NGX_ERROR;
    }
    switch (which) {
    case TRACE_ID:
        end = ngx_snprintf(text, size, "%s", trace_id);
        break;
    case SPAN_ID:
        end = ngx_snprintf(text, size, "%s", span_id);
        break;
    case SAMPLED:
        end = ngx_snprintf(text, size, "%d", tote_span_context_is_sampled(ids));
        break;
    default:
        end = ngx_snprintf(text, size, "00-%s-%s-%02xd", trace_id, span_id,
                           tote_span_context_get_trace_flags(ids));
    }
    value->data = text;
    value->len = (unsigned)(end - text);
    value->valid = 1;
    value->no_cacheable = 0;
    value->not_found = 0;
    return NGX_OK;
}

ngx_int_t ngx_http_tote_add_variables(ngx_conf_t *cf) {
    static const struct {
        ngx_str_t name;
        uintptr_t which;
    } variables[] = {
        {ngx_string("tote_trace_id"), TRACE_ID},
        {ngx_string("tote_span_id"), SPAN_ID},
        {ngx_string("tote_sampled"), SAMPLED},
        {ngx_string("tote_traceparent"), TRACEPARENT},
    };

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++) {
        ngx_str_t name = variables[i].name;
        ngx_http_variable_t *variable = ngx_http_add_variable(cf, &name, NGX_HTTP_VAR_NOCACHEABLE);
        if (!variable) {
            return NGX_ERROR;
        }
        variable->get_handler = get_variable;
        variable->data = variables[i].which;
    }
    return NGX_OK;
}
