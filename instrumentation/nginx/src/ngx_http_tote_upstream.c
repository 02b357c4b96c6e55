/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote_upstream.c - a client span for each try of an upstream
 *
 * nginx builds the request to an upstream once, and calls the balancer for each try: `get` selects
 * the peer, `free` ends the try. The module wraps both. When `get` has selected a peer, the span of
 * the try starts, and its id replaces the id in the request that was built. So the spans of the
 * upstream are children of the try that reached it.
 *
 * An address that is only known at run time (a variable in proxy_pass) has no balancer to wrap. The
 * spans of these tries are made afterwards, from the times that nginx keeps.
 *
 * Tests: tests/hosts/nginx/test_nginx.py
 */
#include "ngx_http_tote.h"

enum { MOST_ADDRESS = NGX_SOCKADDR_STRLEN + 1, MOST_VALUE = 256 };

/* The tries of one request to an upstream. It wraps the data of the balancer. */
struct tries {
    ngx_http_request_t *r;
    ngx_http_tote_trace_t *trace;
    const ngx_http_upstream_srv_conf_t *upstream;
    tote_span *span; /* of the current try, or NULL */
    ngx_uint_t count;
    char id[TOTE_SPAN_ID_HEX_SIZE]; /* in the request that was built */

    void *data;
    ngx_event_get_peer_pt get;
    ngx_event_free_peer_pt free;
    ngx_event_notify_peer_pt notify;
#if (NGX_SSL || NGX_COMPAT)
    ngx_event_set_peer_session_pt set_session;
    ngx_event_save_peer_session_pt save_session;
#endif
};

/* Write the id of the span into the request, instead of that of the last try. */
static void write_id(struct tries *tries, tote_span *span) {
    const ngx_chain_t *built = tries->r->upstream->request_bufs;
    const ngx_http_tote_trace_t *trace = tries->trace;
    char id[TOTE_SPAN_ID_HEX_SIZE];

    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_get_context(span)), id);
    for (ngx_uint_t i = 0; built && built->buf->temporary && i < trace->sent_count; i++) {
        const struct ngx_http_tote_sent *sent = &trace->sent[i];
        u_char value[MOST_VALUE];
        if (sent->value.len > sizeof value) {
            continue;
        }
        ngx_memcpy(value, sent->value.data, sent->value.len);
        ngx_memcpy(value + sent->id_at, tries->id, NGX_HTTP_TOTE_ID_LENGTH);
        u_char *found = memmem(built->buf->start, (size_t)(built->buf->last - built->buf->start),
                               value, sent->value.len);
        if (found) {
            ngx_memcpy(found + sent->id_at, id, NGX_HTTP_TOTE_ID_LENGTH);
        }
    }
    ngx_memcpy(tries->id, id, sizeof id);
}

/* Split the address of a peer. Returns its text, "" if it has none. */
static const char *read_address(const ngx_peer_connection_t *pc, char text[MOST_ADDRESS],
                                uint16_t *port) {
    size_t length = ngx_sock_ntop(pc->sockaddr, pc->socklen, (u_char *)text, MOST_ADDRESS - 1, 0);

    text[length] = '\0';
    *port = ngx_inet_get_port(pc->sockaddr);
    return ngx_strncmp(text, "unix:", 5) == 0 ? text + 5 : text;
}

/* Whether the upstream is a socket of Unix. Its path has no prefix with grpc_pass. */
static bool is_local(const ngx_str_t *host) {
    return host->len && (host->data[0] == '/' || ngx_strncmp(host->data, "unix:", 5) == 0);
}

/*
 * Return the URL of the request to the upstream: that of the error log, with the name of the
 * upstream instead of the address of the peer.
 */
static const char *url_of(ngx_http_request_t *r, const ngx_str_t *host, ngx_uint_t port) {
    const ngx_http_upstream_t *u = r->upstream;
    const ngx_str_t *uri = u->uri.len ? &u->uri : &r->unparsed_uri;
    static const ngx_str_t local = ngx_string("localhost");
    const ngx_str_t *name = is_local(host) ? &local : host;
    u_char *url = ngx_pnalloc(r->pool, u->schema.len + name->len + sizeof ":65535" + uri->len);

    if (!url) {
        return NULL;
    }
    u_char *end = ngx_cpymem(url, u->schema.data, u->schema.len);
    end = ngx_cpymem(end, name->data, name->len);
    end = port ? ngx_sprintf(end, ":%ui", port) : end;
    end = ngx_cpymem(end, uri->data, uri->len);
    *end = '\0';
    return (char *)url;
}

/* Return the name of an upstream as server.address: its host, or the path of its socket. */
static const char *server_of(ngx_http_request_t *r, const ngx_str_t *host) {
    char *text = ngx_http_tote_text(r->pool, host);

    return text && ngx_strncmp(text, "unix:", 5) == 0 ? text + 5 : text;
}

/* Whether the upstream gets a request of HTTP, in any coding of it. */
static bool is_http(const ngx_http_upstream_t *u) {
    return ngx_strncmp(u->schema.data, "memcached:", ngx_min(u->schema.len, 10)) != 0;
}

static tote_http_client_request describe(ngx_http_request_t *r, const ngx_http_tote_trace_t *trace,
                                         ngx_uint_t try) {
    const ngx_http_upstream_t *u = r->upstream;
    tote_http_client_request request = TOTE_HTTP_CLIENT_REQUEST_INIT;

    request.method = ngx_http_tote_text(r->pool, u->method.len ? &u->method : &r->method_name);
    request.parent = trace->context;
    request.resend_count = (uint32_t)try;
    return request;
}

static void start_try(struct tries *tries, const ngx_peer_connection_t *pc) {
    ngx_http_request_t *r = tries->r;
    const ngx_http_upstream_srv_conf_t *upstream = tries->upstream;
    tote_http_client_request request = describe(r, tries->trace, tries->count++);
    char address[MOST_ADDRESS];

    request.peer_address = read_address(pc, address, &request.peer_port);
    request.url = url_of(r, &upstream->host, upstream->port);
    request.server_address = server_of(r, &upstream->host);
    request.server_port = upstream->port ? upstream->port : request.peer_port;
    tries->span = tote_http_client_start(ngx_http_tote_tracer(), &request);
    write_id(tries, tries->span);
    if (r == r->main) {
        tries->trace->tries++;
    }
}

/* Return the error.type of a try without a response. */
static const char *error_of(const ngx_http_upstream_t *u, ngx_uint_t state) {
    const ngx_connection_t *connection = u->peer.connection;

    if (connection && (connection->read->timedout || connection->write->timedout)) {
        return "timeout";
    }
    if (!(state & NGX_PEER_FAILED)) {
        return "aborted"; /* the client closed its connection */
    }
    return u->request_sent ? "connection_lost" : "connection_failed";
}

static void end_try(struct tries *tries, ngx_uint_t state) {
    const ngx_http_upstream_t *u = tries->r->upstream;
    unsigned status = (unsigned)u->headers_in.status_n;
    bool is_cut = u->pipe && u->pipe->upstream_error;

    if (tries->span) {
        const char *error = !status ? error_of(u, state) : is_cut ? "connection_lost" : NULL;
        tote_http_client_set_status(tries->span, status, error);
        tote_span_close(&tries->span);
        ngx_http_tote_span_ended();
    }
}

static ngx_int_t get_peer(ngx_peer_connection_t *pc, void *data) {
    struct tries *tries = data;
    ngx_int_t rc = tries->get(pc, tries->data);

    end_try(tries, NGX_PEER_FAILED);
    if ((rc == NGX_OK || rc == NGX_DONE) && pc->sockaddr) {
        start_try(tries, pc);
    }
    return rc;
}

static void free_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t state) {
    struct tries *tries = data;

    end_try(tries, state);
    tries->free(pc, tries->data, state);
}

static void notify_peer(ngx_peer_connection_t *pc, void *data, ngx_uint_t type) {
    struct tries *tries = data;

    tries->notify(pc, tries->data, type);
}

#if (NGX_SSL || NGX_COMPAT)
static ngx_int_t set_session(ngx_peer_connection_t *pc, void *data) {
    struct tries *tries = data;

    return tries->set_session(pc, tries->data);
}

static void save_session(ngx_peer_connection_t *pc, void *data) {
    struct tries *tries = data;

    tries->save_session(pc, tries->data);
}
#endif

static void wrap(ngx_http_request_t *r, ngx_http_tote_trace_t *trace,
                 const ngx_http_upstream_srv_conf_t *upstream) {
    ngx_peer_connection_t *peer = &r->upstream->peer;
    struct tries *tries = ngx_pcalloc(r->pool, sizeof *tries);

    if (!tries) {
        return;
    }
    tries->r = r;
    tries->trace = trace;
    tries->upstream = upstream;
    tote_span_id_to_hex(
        tote_span_context_get_span_id(tote_span_get_context(tote_context_get_span(trace->context))),
        tries->id);
    tries->data = peer->data;
    tries->get = peer->get;
    tries->free = peer->free;
    tries->notify = peer->notify;
    peer->data = tries;
    peer->get = get_peer;
    peer->free = free_peer;
    peer->notify = peer->notify ? notify_peer : NULL;
#if (NGX_SSL || NGX_COMPAT)
    tries->set_session = peer->set_session;
    tries->save_session = peer->save_session;
    peer->set_session = peer->set_session ? set_session : NULL;
    peer->save_session = peer->save_session ? save_session : NULL;
#endif
}

static int compare(const void *a, const void *b) {
    uintptr_t left = (uintptr_t)((const struct ngx_http_tote_balancer *)a)->upstream;
    uintptr_t right = (uintptr_t)((const struct ngx_http_tote_balancer *)b)->upstream;

    return (left > right) - (left < right);
}

/* Prepare the balancer of a request, and wrap it if the request is recorded. */
static ngx_int_t init_peer(ngx_http_request_t *r, ngx_http_upstream_srv_conf_t *upstream) {
    const ngx_http_tote_main_conf_t *conf = ngx_http_get_module_main_conf(r, ngx_http_tote_module);
    const struct ngx_http_tote_balancer key = {upstream, NULL};
    const struct ngx_http_tote_balancer *balancer =
        bsearch(&key, conf->upstreams.elts, conf->upstreams.nelts, sizeof key, compare);
    ngx_int_t rc = balancer ? balancer->init(r, upstream) : NGX_ERROR;
    const ngx_http_tote_loc_conf_t *location =
        ngx_http_get_module_loc_conf(r, ngx_http_tote_module);
    ngx_http_tote_trace_t *trace =
        rc == NGX_OK && location->is_on ? ngx_http_tote_find_trace(r) : NULL;

    if (trace && tote_span_is_recording(tote_context_get_span(trace->context)) &&
        is_http(r->upstream)) {
        wrap(r, trace, upstream);
    }
    return rc;
}

ngx_int_t ngx_http_tote_init_upstreams(ngx_conf_t *cf, ngx_http_tote_main_conf_t *conf) {
    ngx_http_upstream_main_conf_t *upstreams =
        ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module);
    ngx_http_upstream_srv_conf_t **all = upstreams->upstreams.elts;

    if (ngx_array_init(&conf->upstreams, cf->pool, upstreams->upstreams.nelts + 1,
                       sizeof(struct ngx_http_tote_balancer)) != NGX_OK) {
        return NGX_ERROR;
    }
    for (ngx_uint_t i = 0; i < upstreams->upstreams.nelts; i++) {
        struct ngx_http_tote_balancer *balancer = ngx_array_push(&conf->upstreams);
        if (!balancer) {
            return NGX_ERROR;
        }
        balancer->upstream = all[i];
        balancer->init = all[i]->peer.init;
        all[i]->peer.init = init_peer;
    }
    qsort(conf->upstreams.elts, conf->upstreams.nelts, sizeof(struct ngx_http_tote_balancer),
          compare);
    return NGX_OK;
}

/* Add the span of a try from the times that nginx keeps. */
static void add_try(ngx_http_request_t *r, const ngx_http_tote_trace_t *trace,
                    const ngx_http_upstream_state_t *state, ngx_uint_t try, uint64_t end) {
    tote_http_client_request request = describe(r, trace, try);

    request.url = url_of(r, state->peer, 0);
    request.start_time_unix_nano = end - (uint64_t)state->response_time * 1000000;
    tote_span *span = tote_http_client_start(ngx_http_tote_tracer(), &request);
    tote_http_client_set_status(span, (unsigned)state->status, NULL);
    tote_span_end(span, end);
    tote_span_unref(span);
}

void ngx_http_tote_add_tries(ngx_http_request_t *r, ngx_http_tote_trace_t *trace) {
    const ngx_http_upstream_state_t *states = r->upstream_states ? r->upstream_states->elts : NULL;
    struct timespec now;

    if (!states || !r->upstream || trace->tries || !is_http(r->upstream)) {
        return;
    }
    clock_gettime(CLOCK_REALTIME, &now);
    uint64_t end = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    for (ngx_uint_t i = r->upstream_states->nelts; i-- > 0;) {
        if (states[i].peer && states[i].response_time != (ngx_msec_t)-1) {
            add_try(r, trace, &states[i], i, end);
            end -= (uint64_t)states[i].response_time * 1000000;
        }
    }
}
