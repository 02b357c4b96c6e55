/* SPDX-License-Identifier: MIT */
/*
 * request.c - a client span around each attempt of a transfer
 *
 * libcurl calls back before it sends a request, again for each redirect and for each answer to a challenge: there one
 * span ends, the next one starts, and the headers are made for the host that gets them.
 * Spec: semantic-conventions http-spans.md#http-client
 */
#include <stdatomic.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"
#include "tote/tracer.h"

struct tote_curl_request {
    CURL *easy;
    tote_context *context;  /* in which the request began */
    tote_span *span;        /* of the attempt */
    unsigned attempts;      /* that were connected, ... */
    bool is_connected;      /* ... of which this is one */
    struct curl_slist *own; /* the user's */
    struct curl_slist
        *sent; /* ours, while the transfer runs; its first line is empty, and is none to libcurl */
};

/* The program's own, or NULL. */
static _Atomic(curl_prereq_callback) users_prereq;

static tote_tracer *get_tracer(void) {
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;

    options.version = tote_version();
    options.schema_url = "https://opentelemetry.io/schemas/1.44.0";
    return tote_tracer_provider_get_tracer(NULL, "tote-curl", &options);
}

static bool is_known_method(const char *method) {
    return strcmp(tote_http_known_method(method), method) == 0;
}

/*
 * The method, where libcurl tells it before the transfer: one that the program named. The others are of
 * the handle's last transfer then, or GET, whatever will be sent. NULL when it is not known.
 */
static const char *method_before(CURL *easy) {
    static const char *const uncertain[] = {"GET", "HEAD", "POST", "PUT"};
    char *method = NULL;

    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_METHOD, &method);
    for (size_t i = 0; method && i < TOTE_COUNT_OF(uncertain); i++) {
        if (strcmp(method, uncertain[i]) == 0) {
            return NULL;
        }
    }
    return method && is_known_method(method) ? method : NULL;
}

/* `resends` attempts came before. */
static tote_span *start_span(const tote_context *context, const struct tote__url *url,
                             const char *method, unsigned resends) {
    tote_attribute attributes[5];
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    size_t count = 0;

    if (method) {
        attributes[count++] = (tote_attribute){"http.request.method", tote_string(method)};
    }
    if (url->full && url->host) {
        attributes[count++] = (tote_attribute){"url.full", tote_string(url->full)};
        attributes[count++] = (tote_attribute){"server.address", tote__url_address(url)};
    }
    if (url->port) {
        attributes[count++] = (tote_attribute){"server.port", tote_int(url->port)};
    }
    if (resends) {
        attributes[count++] = (tote_attribute){"http.request.resend_count", tote_int(resends)};
    }
    options.kind = TOTE_SPAN_KIND_CLIENT;
    options.parent = context;
    options.attributes = attributes;
    options.attribute_count = count;
    return tote_tracer_start_span(get_tracer(), method ? method : "HTTP", &options);
}

static bool read_url(CURL *easy, struct tote__url *url) {
    char *text = NULL;

    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text);
    return tote__url_read(url, text);
}

static void tell_method(tote_span *span, CURL *easy) {
    char *method = NULL;

    if (curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_METHOD, &method) != CURLE_OK || !method) {
        return;
    }
    if (is_known_method(method)) {
        tote_span_update_name(span, method);
        tote_span_set_attribute(span, "http.request.method", tote_string(method));
        return;
    }
    tote_span_set_attribute(span, "http.request.method", tote_string("_OTHER"));
    tote_span_set_attribute(span, "http.request.method_original", tote_string(method));
}

static void tell_version(tote_span *span, CURL *easy) {
    static const struct {
        long version;
        const char *name;
    } versions[] = {{CURL_HTTP_VERSION_1_0, "1.0"},
                    {CURL_HTTP_VERSION_1_1, "1.1"},
                    {CURL_HTTP_VERSION_2_0, "2"},
                    {CURL_HTTP_VERSION_3, "3"}};
    long version = 0;

    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    for (size_t i = 0; i < TOTE_COUNT_OF(versions); i++) {
        if (versions[i].version == version) {
            tote_span_set_attribute(span, "network.protocol.version",
                                    tote_string(versions[i].name));
        }
    }
}

/* Returns: whether headers may go there; the handle may have been led elsewhere than the span says. */
static bool tell_url(tote_span *span, const struct tote__url *url) {
    if (url->full && url->host) {
        tote_span_set_attribute(span, "url.full", tote_string(url->full));
        tote_span_set_attribute(span, "server.address", tote__url_address(url));
        tote_span_set_attribute(span, "server.port", tote_int(url->port));
    }
    return tote__curl_is_allowed(url->host);
}

/* Why there was no answer: few words, the same for the same cause. */
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

/* Of this attempt: where it had no answer, libcurl still tells the last one's. 0 for none. */
static long status_of(const tote_curl_request *request) {
    long status = 0;

    if (request->is_connected &&
        curl_easy_nextheader(request->easy, CURLH_HEADER, (int)request->attempts - 1, NULL)) {
        curl_easy_getinfo(request->easy, CURLINFO_RESPONSE_CODE, &status);
    }
    return status;
}

/* CURLE_ABORTED_BY_CALLBACK is the program's own decision, and no error. */
static void tell_status(tote_span *span, long status, CURLcode result) {
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
        tote_span_set_status(span, TOTE_STATUS_ERROR, curl_easy_strerror(result));
    }
}

static void end_span(tote_curl_request *request, CURLcode result) {
    if (tote_span_is_recording(request->span)) {
        long status = status_of(request);
        if (status) {
            tell_version(request->span, request->easy);
        }
        tell_status(request->span, status, result);
    }
    tote_span_close(&request->span);
}

/* The attempt before this one had an answer, or lost its connection. */
static void start_next(tote_curl_request *request, const struct tote__url *url,
                       const char *method) {
    end_span(request, status_of(request) ? CURLE_OK : CURLE_RECV_ERROR);
    request->is_connected = false;
    request->span = start_span(request->context, url, method, request->attempts);
}

/* The user's headers, and the span's if they may go to this host. */
static void make_headers(tote_curl_request *request, const char *host, bool is_allowed) {
    if (request->attempts) {
        curl_slist_free_all(request->sent->next);
        request->sent->next = NULL;
        if (!tote__curl_copy_list(request->own, &request->sent->next)) {
            tote_diagnose(TOTE_LEVEL_ERROR, "curl", "headers of a resend not sent: no memory");
            return;
        }
    }
    if (is_allowed) {
        tote_context *with_span = tote_context_with_span(request->context, request->span);
        tote_context *context = tote_context_with_destination(with_span, host);
        request->sent =
            tote_curl_inject(context, request->sent); /* the first line stays the first */
        tote_context_unref(context);
        tote_context_unref(with_span);
    }
}

/* A connection is there, and the next that libcurl does is to send the request. */
static int before_request(void *arg, char *peer, char *local, int peer_port, int local_port) {
    tote_curl_request *request = arg;
    curl_prereq_callback users = atomic_load(&users_prereq);
    struct tote__url url;
    char *method = NULL;

    read_url(request->easy, &url);
    if (request->attempts) {
        curl_easy_getinfo(request->easy, CURLINFO_EFFECTIVE_METHOD, &method);
        start_next(request, &url, method && is_known_method(method) ? method : NULL);
    }
    bool is_allowed = tell_url(request->span, &url);
    tell_method(request->span, request->easy);
    if (peer && *peer) {
        tote_span_set_attribute(request->span, "network.peer.address", tote_string(peer));
        tote_span_set_attribute(request->span, "network.peer.port", tote_int(peer_port));
    }
    if (request->sent) {
        make_headers(request, url.host, is_allowed);
    }
    request->attempts++;
    request->is_connected = true;
    tote__url_clear(&url);
    return users ? users(request->easy, peer, local, peer_port, local_port) : CURL_PREREQFUNC_OK;
}

void tote_curl_set_prereq_function(curl_prereq_callback function) {
    atomic_store(&users_prereq, function);
}

/* A list of our own for curl, like the user's by now. */
static void replace_list(tote_curl_request *request) {
    struct curl_slist *list = curl_slist_append(NULL, "");

    if (!list || !tote__curl_copy_list(request->own, &list->next)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "curl", "headers not injected: no memory");
        curl_slist_free_all(list);
        return;
    }
    request->sent = list;
    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, list);
}

tote_curl_request *tote_curl_begin(CURL *easy, struct curl_slist *headers) {
    tote_curl_request *request = easy ? tote__allocate_zeroed(sizeof *request) : NULL;
    struct tote__url url;

    if (!request) {
        return NULL;
    }
    read_url(easy, &url);
    request->easy = easy;
    request->own = headers;
    request->context = tote_context_ref(tote_context_current());
    request->span = start_span(request->context, &url, method_before(easy), 0);
    replace_list(request);
    curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, before_request);
    curl_easy_setopt(easy, CURLOPT_PREREQDATA, request);
    tote__url_clear(&url);
    return request;
}

/* One that was never connected: to where the last answer led, or at all. */
static void tell_unconnected(tote_curl_request *request, CURLcode result) {
    struct tote__url url;
    long redirects = 0;

    curl_easy_getinfo(request->easy, CURLINFO_REDIRECT_COUNT, &redirects);
    if (request->attempts == 0) {
        tell_method(request->span, request->easy);
    } else if (result != CURLE_OK && (unsigned)redirects >= request->attempts) {
        read_url(request->easy, &url);
        start_next(request, &url, NULL);
        tell_method(request->span, request->easy);
        tote__url_clear(&url);
    }
}

void tote_curl_end(tote_curl_request **request, CURLcode result) {
    if (!request || !*request) {
        return;
    }
    tote_curl_request *ended = *request;
    *request = NULL;
    tell_unconnected(ended, result);
    end_span(ended, result);
    if (ended->sent) {
        curl_easy_setopt(ended->easy, CURLOPT_HTTPHEADER, ended->own);
        curl_slist_free_all(ended->sent);
    }
    curl_easy_setopt(ended->easy, CURLOPT_PREREQFUNCTION, NULL);
    curl_easy_setopt(ended->easy, CURLOPT_PREREQDATA, NULL);
    tote_context_unref(ended->context);
    tote__release(ended, sizeof *ended);
}

CURLcode tote_curl_perform(CURL *easy, struct curl_slist *headers) {
    tote_curl_request *request = tote_curl_begin(easy, headers);

    if (easy && (!request || !request->sent)) {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    }
    CURLcode result = curl_easy_perform(easy);
    tote_curl_end(&request, result);
    return result;
}
