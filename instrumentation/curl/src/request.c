/* SPDX-License-Identifier: MIT */
/*
 * request.c - a client span around each attempt of a transfer
 *
 * libcurl calls before_request() before it sends a request, also for each redirect and each
 * response to an authentication challenge. It ends the span of the last attempt, starts the next
 * one, and injects the headers for the host of the request. Spec: semantic-conventions
 * http-spans.md#http-client
 *
 * Tests: tests/unit/test_curl.c
 */
#define CURL_DISABLE_TYPECHECK
#include <stdatomic.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/clock.h"
#include "tote/internal/memory.h"
#include "tote/internal/tracer.h"

enum { LONGEST_NAME = 256 };

struct tote_curl_request {
    struct tote__live live; /* first: found by the handle */
    struct tote__transfer transfer;
    struct curl_slist *list; /* the current CURLOPT_HTTPHEADER of the handle */
    tote_context *context;   /* the parent of the spans; NULL: no transfer is in progress */
    tote_tracer *tracer;
    tote_span *span; /* of the attempt; NULL until it is known that it is HTTP */
    uint64_t start_unix_nano;
    struct tote__requested requested;
    struct tote__url url; /* the last URL that was read; empty unless is_enabled */
    unsigned attempts;    /* number of connected attempts */
    bool is_connected;    /* the current attempt is connected */
    bool is_enabled;      /* spans have attributes; else they only have a context to inject */
    struct tote__sent sent;
};

static tote_tracer *get_tracer(void) {
    static _Atomic(tote_tracer *) known;

    return tote__tracer_named(&known, "tote-curl");
}

static bool is_known_method(const char *method) {
    return strcmp(tote_http_known_method(method), method) == 0;
}

static const char *get_text(const struct tote__transfer *transfer, CURLINFO info) {
    char *text = NULL;

    if (transfer->curl->easy_getinfo(transfer->easy, info, &text) != CURLE_OK) {
        return NULL;
    }
    return text;
}

/*
 * Return the method before the transfer, or NULL if it is not known. libcurl reports a custom
 * method of the program. Otherwise it reports the method of the last transfer, or GET.
 */
static const char *method_before(const struct tote__transfer *transfer) {
    static const char *const uncertain[] = {"GET", "HEAD", "POST", "PUT"};
    const char *method = get_text(transfer, CURLINFO_EFFECTIVE_METHOD);

    for (size_t i = 0; method && i < TOTE_COUNT_OF(uncertain); i++) {
        if (strcmp(method, uncertain[i]) == 0) {
            return NULL;
        }
    }
    return method && is_known_method(method) ? method : NULL;
}

/*
 * Read a URL, unless it was read before. Returns whether it is a new one.
 */
static bool read_url(tote_curl_request *request, const char *text) {
    const struct tote__transfer *transfer = &request->transfer;

    if (!request->is_enabled) {
        return false;
    }
    if (text && request->url.text && strcmp(text, request->url.text) == 0) {
        return false;
    }
    tote__url_clear(transfer->curl, &request->url);
    tote__url_read(transfer->curl, &request->url, text);
    return true;
}

/* Return the URL during or after a transfer; NULL: not known. */
static const char *get_url(tote_curl_request *request) {
    return tote__requested_url(&request->requested, &request->transfer);
}

/* Later attempts may have another URL. */
static const char *template_of(const tote_curl_request *request) {
    return request->attempts ? NULL : request->transfer.url_template;
}

/* Start the span of the next attempt with the URL that was read last. */
static void start_span(tote_curl_request *request, const char *method, uint64_t start_unix_nano) {
    const struct tote__url *url = &request->url;
    tote_http_client_request attempt = TOTE_HTTP_CLIENT_REQUEST_INIT;

    attempt.method = method;
    attempt.url = url->host ? url->full : NULL;
    attempt.url_template = template_of(request);
    attempt.resend_count = request->attempts;
    attempt.parent = request->context;
    attempt.start_time_unix_nano = start_unix_nano;
    request->span = tote_http_client_start(request->tracer, &attempt);
}

static void set_method(const tote_curl_request *request, const char *method) {
    tote_span *span = request->span;
    char name[LONGEST_NAME];

    if (!method) {
        return;
    }
    if (is_known_method(method)) {
        tote_http_span_name(name, sizeof name, method, template_of(request));
        tote_span_update_name(span, name);
        tote_span_set_attribute(span, "http.request.method", tote_string(method));
        return;
    }
    tote_span_set_attribute(span, "http.request.method", tote_string("_OTHER"));
    tote_span_set_attribute(span, "http.request.method_original", tote_string(method));
}

static void set_version(tote_span *span, const struct tote__transfer *transfer) {
    static const struct {
        long version;
        const char *name;
    } versions[] = {{CURL_HTTP_VERSION_1_0, "1.0"},
                    {CURL_HTTP_VERSION_1_1, "1.1"},
                    {CURL_HTTP_VERSION_2_0, "2"},
                    {CURL_HTTP_VERSION_3, "3"}};
    long version = 0;

    transfer->curl->easy_getinfo(transfer->easy, CURLINFO_HTTP_VERSION, &version);
    for (size_t i = 0; i < TOTE_COUNT_OF(versions); i++) {
        if (versions[i].version == version) {
            tote_span_set_attribute(span, "network.protocol.version",
                                    tote_string(versions[i].name));
        }
    }
}

static void set_url(tote_span *span, const struct tote__url *url) {
    if (url->full && url->host) {
        tote_span_set_attribute(span, "url.full", tote_string(url->full));
        tote_span_set_attribute(span, "server.address", tote__url_address(url));
        tote_span_set_attribute(span, "server.port", tote_int(url->port));
    }
}

/* Return the error.type of a transfer without response, which has few different values. */
static const char *error_type(CURLcode result) {
    switch (result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
        return "name_not_resolved";
    case CURLE_COULDNT_CONNECT:
        return "connection_failed";
    case CURLE_OPERATION_TIMEDOUT:
        return "timeout";
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
        return "tls_failed";
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_GOT_NOTHING:
    case CURLE_PARTIAL_FILE:
        return "connection_lost";
    case CURLE_TOO_MANY_REDIRECTS:
        return "too_many_redirects";
    case CURLE_WRITE_ERROR:
    case CURLE_READ_ERROR:
        return "aborted";
    default:
        return "_OTHER";
    }
}

/* Return the status of this attempt, or 0 without a response: libcurl reports the last status. */
static long status_of(const tote_curl_request *request) {
    const struct tote__transfer *transfer = &request->transfer;
    long status = 0;

    if (request->is_connected &&
        transfer->curl->easy_nextheader(transfer->easy, CURLH_HEADER, (int)request->attempts - 1,
                                        NULL)) {
        transfer->curl->easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    return status;
}

/* CURLE_ABORTED_BY_CALLBACK is a decision of the program, not an error. */
static void set_status(const tote_curl_request *request, long status, CURLcode result) {
    tote_span *span = request->span;
    bool is_failed = result != CURLE_OK && result != CURLE_HTTP_RETURNED_ERROR &&
                     result != CURLE_ABORTED_BY_CALLBACK;

    if (result == CURLE_ABORTED_BY_CALLBACK) {
        if (status) {
            tote_span_set_attribute(span, "http.response.status_code", tote_int(status));
        }
        return;
    }
    tote_http_client_set_status(span, (unsigned)status, is_failed ? error_type(result) : NULL);
    if (is_failed) {
        tote_span_set_status(span, TOTE_STATUS_CODE_ERROR,
                             request->transfer.curl->easy_strerror(result));
    }
}

static void end_span(tote_curl_request *request, CURLcode result) {
    if (request->is_enabled && tote_span_is_recording(request->span)) {
        long status = status_of(request);
        if (status) {
            set_version(request->span, &request->transfer);
        }
        set_status(request, status, result);
    }
    tote_span_close(&request->span);
}

/* End the span of the previous attempt, which had a response or lost its connection. */
static void end_last(tote_curl_request *request) {
    end_span(request, status_of(request) ? CURLE_OK : CURLE_RECV_ERROR);
    request->is_connected = false;
}

static void use_list(tote_curl_request *request, struct curl_slist *list) {
    if (request->list != list) {
        request->transfer.curl->easy_setopt(request->transfer.easy, CURLOPT_HTTPHEADER, list);
        request->list = list;
    }
}

/* Send only the program's headers. */
static void use_own_headers(tote_curl_request *request) {
    use_list(request, tote__sent_reset(&request->sent, request->transfer.headers));
}

/* Send the program's headers and those that the propagator injects for the host of the URL. */
static void send_headers(tote_curl_request *request, const char *url) {
    tote_context *context = tote_http_client_context(request->context, request->span, url);

    use_list(request, tote__sent_make(&request->sent, request->transfer.headers, context));
    tote_context_unref(context);
}

/*
 * Stop tracing: the transfer is not HTTP, from the start or because of a redirect.
 */
static void leave_alone(tote_curl_request *request) {
    if (request->attempts) {
        end_last(request);
    }
    tote_span_unref(request->span); /* a span that is not ended is not exported */
    request->span = NULL;
    use_own_headers(request);
}

/* Remove the URL that was reported before the transfer from the span: it may be wrong. */
static void forget_url(tote_curl_request *request) {
    static const char *const keys[] = {"url.full", "server.address", "server.port"};

    for (size_t i = 0; request->url.full && i < TOTE_COUNT_OF(keys); i++) {
        tote_span_set_attribute(request->span, keys[i], tote_string(NULL));
    }
    tote__url_clear(request->transfer.curl, &request->url);
}

static void start_attempt(tote_curl_request *request, const char *url, const char *peer,
                          int peer_port) {
    const char *method =
        request->is_enabled ? get_text(&request->transfer, CURLINFO_EFFECTIVE_METHOD) : NULL;

    if (!url && !request->attempts) {
        forget_url(request);
    }
    bool is_other_url = read_url(request, url);

    if (request->attempts) {
        end_last(request);
    }
    if (!request->span) {
        start_span(request, method && is_known_method(method) ? method : NULL,
                   request->attempts ? 0 : request->start_unix_nano);
    } else if (is_other_url) {
        set_url(request->span, &request->url);
    }
    set_method(request, method);
    if (request->is_enabled && *peer) {
        tote_span_set_attribute(request->span, "network.peer.address", tote_string(peer));
        tote_span_set_attribute(request->span, "network.peer.port", tote_int(peer_port));
    }
    send_headers(request, url);
    request->attempts++;
    request->is_connected = true;
}

/*
 * A copy of a handle, made by curl_easy_duphandle() during a traced transfer, has before_request()
 * and maybe the list of an attempt. clean_copy() sets the program's list. The copy is found by the
 * offset of the peer's address in a handle.
 */
static struct {
    _Atomic(const struct tote__curl *) curl;
    _Atomic(ptrdiff_t) address_at;
} copies;

static void clean_copy(char *peer, struct curl_slist *own) {
    const struct tote__curl *curl = atomic_load(&copies.curl);

    if (curl && peer) {
        CURL *copy = peer - atomic_load(&copies.address_at);
        curl->easy_setopt(copy, CURLOPT_HTTPHEADER, own);
        curl->easy_setopt(copy, CURLOPT_PREREQFUNCTION, NULL);
        curl->easy_setopt(copy, CURLOPT_PREREQDATA, NULL);
    }
}

/* Whether the next request is HTTP. If the URL is not known, the connection decides. */
static bool is_http(const tote_curl_request *request, const char *url) {
    if (url) {
        return tote__url_scheme(url) == TOTE__SCHEME_HTTP;
    }
    const char *name = get_text(&request->transfer, CURLINFO_SCHEME);
    return name && tote__scheme_of_name(name, strlen(name)) == TOTE__SCHEME_HTTP;
}

/* The CURLOPT_PREREQFUNCTION: libcurl is connected, and sends the request next. */
static int before_request(void *arg, char *peer, char *local, int peer_port, int local_port) {
    tote_curl_request *request = (tote_curl_request *)tote__live_find(peer);

    if (!request) {
        clean_copy(peer, arg);
        return CURL_PREREQFUNC_OK;
    }
    const struct tote__transfer *transfer = &request->transfer;
    if (!transfer->curl->sees_calls) {
        atomic_store(&copies.address_at, peer - (char *)transfer->easy);
        atomic_store(&copies.curl, transfer->curl);
    }
    if (request->context) {
        const char *url = get_url(request);
        if (is_http(request, url)) {
            if (!url) {
                tote_diagnostics_report(
                    TOTE_LEVEL_WARN, "curl",
                    "unknown URL in CURLOPT_CURLU, because libcurl before 8.12 reports an old "
                    "one: the span has no URL, and a list of allowed hosts does not allow the "
                    "request; set CURLOPT_URL to NULL whenever you set CURLOPT_CURLU");
            }
            start_attempt(request, url, peer, peer_port);
        } else {
            leave_alone(request);
        }
    }
    if (!transfer->prereq) {
        return CURL_PREREQFUNC_OK;
    }
    return transfer->prereq(transfer->prereq_data, peer, local, peer_port, local_port);
}

tote_curl_request *tote__curl_attach(const struct tote__transfer *transfer) {
    const char *address = get_text(transfer, CURLINFO_PRIMARY_IP);
    tote_curl_request *request = address ? tote__allocate_zeroed(sizeof *request) : NULL;

    if (!request) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "curl",
                                "out of memory: a transfer has no span and no trace headers");
        return NULL;
    }
    request->live.address = address;
    request->transfer = *transfer;
    request->list = transfer->headers;
    tote__live_add(&request->live);
    transfer->curl->easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, before_request);
    transfer->curl->easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer->headers);
    return request;
}

void tote__curl_detach(tote_curl_request **request, bool is_handle_kept) {
    tote_curl_request *detached = *request;
    const struct tote__transfer *transfer = &detached->transfer;

    *request = NULL;
    tote__live_remove(&detached->live);
    if (is_handle_kept) {
        use_list(detached, transfer->headers);
        transfer->curl->easy_setopt(transfer->easy, CURLOPT_PREREQFUNCTION, transfer->prereq);
        transfer->curl->easy_setopt(transfer->easy, CURLOPT_PREREQDATA, transfer->prereq_data);
    }
    tote__sent_clear(&detached->sent, transfer->headers);
    tote__release(detached, sizeof *detached);
}

void tote__curl_start(tote_curl_request *request, const tote_context *parent,
                      enum tote__scheme scheme, const CURLU *parts) {
    const struct tote__transfer *transfer = &request->transfer;

    tote__requested_start(&request->requested, transfer, parts);
    request->context = tote_context_ref(parent);
    request->tracer = transfer->tracer ? transfer->tracer : get_tracer();
    request->is_enabled = tote_tracer_is_enabled(request->tracer, NULL);
    request->attempts = 0;
    request->is_connected = false;
    request->start_unix_nano = 0;
    if (scheme == TOTE__SCHEME_HTTP) {
        read_url(request, tote__requested_guess(&request->requested, transfer));
        start_span(request, request->is_enabled ? method_before(transfer) : NULL, 0);
    } else {
        request->start_unix_nano = tote__clock_realtime();
    }
}

/* Complete the span of the last attempt if it was never connected. */
static void end_unconnected(tote_curl_request *request, CURLcode result) {
    const struct tote__transfer *transfer = &request->transfer;
    long redirects = 0;

    if (request->attempts) {
        if (result == CURLE_OK) {
            return;
        }
        transfer->curl->easy_getinfo(transfer->easy, CURLINFO_REDIRECT_COUNT, &redirects);
        if ((unsigned)redirects < request->attempts) {
            return;
        }
        end_last(request);
    }
    const char *url = get_url(request);
    if (!url && request->span) {
        forget_url(request);
    } else if (tote__url_scheme(url) != TOTE__SCHEME_HTTP) {
        tote_span_unref(request->span);
        request->span = NULL;
        return;
    }
    if (!request->span) {
        read_url(request, url);
        start_span(request, NULL, request->attempts ? 0 : request->start_unix_nano);
    }
    set_method(request, get_text(transfer, CURLINFO_EFFECTIVE_METHOD));
}

void tote__curl_stop(tote_curl_request *request, CURLcode result) {
    end_unconnected(request, result);
    if (request->span) {
        end_span(request, result);
    }
    tote__sent_reset(&request->sent, request->transfer.headers);
    tote__url_clear(request->transfer.curl, &request->url);
    tote__requested_clear(&request->requested, &request->transfer);
    tote_context_unref(request->context);
    request->context = NULL;
}

/* curl_easy_reset() removes the URL, and with it all other options. */
static bool was_reset(const tote_curl_request *request) {
    const char *text = get_text(&request->transfer, CURLINFO_EFFECTIVE_URL);

    return (request->attempts || request->url.text) && (!text || !*text);
}

void tote_curl_end(tote_curl_request **request, CURLcode result) {
    if (!request || !*request) {
        return;
    }
    bool is_handle_kept = !was_reset(*request);

    tote__curl_stop(*request, result);
    tote__curl_detach(request, is_handle_kept);
}

void tote__curl_set_headers(tote_curl_request *request, struct curl_slist *headers) {
    request->transfer.headers = headers;
    request->list = headers;
}

void tote__curl_set_prereq(tote_curl_request *request, curl_prereq_callback prereq, void *data) {
    request->transfer.prereq = prereq;
    request->transfer.prereq_data = data;
}
