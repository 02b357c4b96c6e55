/* SPDX-License-Identifier: MIT */
/*
 * ngx_http_tote_headers.c - the headers of a request as a carrier, and those for its upstreams
 *
 * nginx builds the request to an upstream from the list of incoming headers. The module replaces
 * the trace headers in this list, with the ids of the server span, before the content phase. Values
 * with the id of the span are kept: ngx_http_tote_upstream.c writes the id of each try into them.
 *
 * Subrequests share the elements of the list with their parents. All of them get the same values.
 *
 * Tests: tests/hosts/nginx/test_nginx.py
 */
#include "ngx_http_tote.h"

static bool is_named(const ngx_table_elt_t *header, const char *name, size_t length) {
    return header->key.len == length &&
           ngx_strncasecmp(header->key.data, (u_char *)name, length) == 0;
}

/* Return a header that nginx has found already, and that occurs once; NULL: it is another one. */
static const ngx_table_elt_t *known_header(const ngx_http_request_t *r, const char *name,
                                           size_t length) {
    return length == 4 && ngx_strncmp(name, "host", 4) == 0 ? r->headers_in.host : NULL;
}

/* Call `visit` for headers with this name; NULL: for all. HTTP/2 has no pseudo-headers here. */
static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    const ngx_http_request_t *r = carrier;
    size_t length = key ? ngx_strlen(key) : 0;
    const ngx_table_elt_t *known = key ? known_header(r, key, length) : NULL;

    if (known) {
        visit(arg, key, length, (char *)known->value.data, known->value.len);
    }
    if (known || (key && key[0] == ':')) {
        return;
    }
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part; part = part->next) {
        const ngx_table_elt_t *headers = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            const ngx_table_elt_t *header = &headers[i];
            if ((!key || is_named(header, key, length)) &&
                !visit(arg, (char *)header->key.data, header->key.len, (char *)header->value.data,
                       header->value.len)) {
                return;
            }
        }
    }
}

const tote_text_map_getter *ngx_http_tote_getter(void) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};

    return &getter;
}

/* Headers that carry the trace context of W3C. */
static const ngx_str_t w3c[] = {ngx_string("traceparent"), ngx_string("tracestate"),
                                ngx_string("baggage")};

enum { W3C_COUNT = sizeof w3c / sizeof w3c[0] };

bool ngx_http_tote_reads_w3c_only(void) {
    tote_propagator *propagator = tote_propagator_ref_global();
    const char *field = tote_propagator_get_field(propagator, 0);
    ngx_uint_t is_other = !field;

    for (size_t i = 0; (field = tote_propagator_get_field(propagator, i)) != NULL; i++) {
        ngx_uint_t at = 0;
        while (at < W3C_COUNT && ngx_strcmp(field, w3c[at].data) != 0) {
            at++;
        }
        is_other |= at == W3C_COUNT;
    }
    tote_propagator_unref(propagator);
    return !is_other;
}

bool ngx_http_tote_has_w3c(const ngx_http_request_t *r) {
    for (const ngx_list_part_t *part = &r->headers_in.headers.part; part; part = part->next) {
        const ngx_table_elt_t *headers = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            for (ngx_uint_t at = 0; at < W3C_COUNT; at++) {
                if (is_named(&headers[i], (char *)w3c[at].data, w3c[at].len)) {
                    return true;
                }
            }
        }
    }
    return false;
}

/* Return the number of headers with this name, and the first one. */
static ngx_uint_t count_headers(ngx_http_request_t *r, const char *name, size_t length,
                                ngx_table_elt_t **first) {
    ngx_uint_t count = 0;

    for (ngx_list_part_t *part = &r->headers_in.headers.part; part; part = part->next) {
        ngx_table_elt_t *headers = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (is_named(&headers[i], name, length) && count++ == 0) {
                *first = &headers[i];
            }
        }
    }
    return count;
}

/*
 * Replace the list by a copy without headers of this name. Pointers to elements of the old list
 * stay valid: its memory belongs to the pool.
 */
static void remove_headers(ngx_http_request_t *r, const char *name, size_t length) {
    ngx_list_t list;

    if (ngx_list_init(&list, r->pool, 20, sizeof(ngx_table_elt_t)) != NGX_OK) {
        return;
    }
    for (ngx_list_part_t *part = &r->headers_in.headers.part; part; part = part->next) {
        ngx_table_elt_t *headers = part->elts;
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            ngx_table_elt_t *copy =
                is_named(&headers[i], name, length) ? NULL : ngx_list_push(&list);
            if (copy) {
                *copy = headers[i];
            }
        }
    }
    r->headers_in.headers = list;
    if (!list.part.next) {
        r->headers_in.headers.last = &r->headers_in.headers.part;
    }
}

static void add_header(ngx_http_request_t *r, const char *name, size_t length,
                       const ngx_str_t *value) {
    u_char *key = ngx_pnalloc(r->pool, 2 * length);
    ngx_table_elt_t *header = key ? ngx_list_push(&r->headers_in.headers) : NULL;

    if (!header) {
        return;
    }
    ngx_memzero(header, sizeof *header);
    header->key.len = length;
    header->key.data = key;
    header->lowcase_key = key + length;
    header->value = *value;
    ngx_memcpy(key, name, length);
    header->hash = ngx_hash_strlow(header->lowcase_key, key, length);
}

/* The headers of a request that are being replaced. */
struct replaced {
    ngx_http_request_t *r;
    ngx_http_tote_trace_t *trace;
    bool is_recorded; /* tries have spans */
    char id[TOTE_SPAN_ID_HEX_SIZE];
};

/* Keep a value that contains the id of the span. */
static void keep_sent(struct replaced *replaced, const ngx_str_t *value) {
    ngx_http_tote_trace_t *trace = replaced->trace;
    const u_char *id = memmem(value->data, value->len, replaced->id, NGX_HTTP_TOTE_ID_LENGTH);

    if (id && trace->sent_count < NGX_HTTP_TOTE_MOST_SENT) {
        trace->sent[trace->sent_count++] =
            (struct ngx_http_tote_sent){*value, (size_t)(id - value->data)};
    }
}

static void set_header(void *carrier, const char *key, const char *value, size_t value_length) {
    struct replaced *replaced = carrier;
    ngx_http_request_t *r = replaced->r;
    ngx_table_elt_t *first = NULL;
    size_t length = ngx_strlen(key);
    ngx_uint_t count = count_headers(r, key, length, &first);
    ngx_str_t copy = {value_length, value ? ngx_pnalloc(r->pool, value_length) : NULL};

    if (!copy.data && !count) {
        return;
    }
    if (copy.data ? count > 1 || (!count && r != r->main) : true) {
        remove_headers(r, key, length); /* a subrequest gets a list of its own */
        first = NULL;
    }
    if (!copy.data) {
        return;
    }
    ngx_memcpy(copy.data, value, value_length);
    if (first) {
        first->value = copy;
    } else {
        add_header(r, key, length, &copy);
    }
    if (replaced->is_recorded) {
        keep_sent(replaced, &copy);
    }
}

/* Remove what an untrusted client sent, also the headers that inject does not replace. */
static void remove_incoming(struct replaced *replaced) {
    tote_propagator *propagator = tote_propagator_ref_global();
    const char *name;

    for (size_t i = 0; (name = tote_propagator_get_field(propagator, i)) != NULL; i++) {
        set_header(replaced, name, NULL, 0);
    }
    tote_propagator_unref(propagator);
}

ngx_int_t ngx_http_tote_precontent_handler(ngx_http_request_t *r) {
    static const tote_text_map_setter setter = {sizeof setter, set_header};
    const ngx_http_tote_loc_conf_t *conf = ngx_http_get_module_loc_conf(r, ngx_http_tote_module);

    if (!conf->is_on || !r->content_handler) {
        return NGX_DECLINED;
    }
    ngx_http_tote_trace_t *trace = ngx_http_tote_get_trace(r);
    if (!trace) {
        return NGX_DECLINED;
    }
    const tote_span *span = tote_context_get_span(trace->context);
    struct replaced replaced = {r, trace, tote_span_is_recording(span), ""};
    tote_span_id_to_hex(tote_span_context_get_span_id(tote_span_get_context(span)), replaced.id);
    trace->sent_count = 0;
    if (trace->trust != NGX_HTTP_TOTE_CONTINUE) {
        remove_incoming(&replaced);
    }
    tote_inject(trace->context, &replaced, &setter);
    return NGX_DECLINED;
}
