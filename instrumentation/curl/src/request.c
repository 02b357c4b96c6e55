/* SPDX-License-Identifier: MIT */
/*
 * request.c - a client span around a transfer
 *
 * What libcurl tells only afterwards (the method, the status, the peer) is set as the span ends.
 * Spec: semantic-conventions http-spans.md#http-client
 */
#include <string.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/instrumentation/http.h"
#include "tote/internal/memory.h"
#include "tote/tracer.h"

struct tote_curl_request {
    CURL *easy;
    tote_span *span;
    struct curl_slist *own;      /* the user's */
    struct curl_slist *injected; /* ours, while the transfer runs */
    bool is_injected;
};

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

static tote_span *start_span(CURL *easy, const struct tote__url *url) {
    const char *method = method_before(easy);
    tote_attribute attributes[4];
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
    options.kind = TOTE_SPAN_KIND_CLIENT;
    options.attributes = attributes;
    options.attribute_count = count;
    return tote_tracer_start_span(get_tracer(), method ? method : "HTTP", &options);
}

/* Give curl the user's headers and the span's. */
static void inject(tote_curl_request *request, const char *host) {
    if (!tote__curl_copy_list(request->own, &request->injected)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "curl", "headers not injected: no memory");
        return;
    }
    tote_context *with_span = tote_context_with_span(NULL, request->span);
    tote_context *context = tote_context_with_destination(with_span, host);
    request->injected = tote_curl_inject(context, request->injected);
    request->is_injected = true;
    curl_easy_setopt(request->easy, CURLOPT_HTTPHEADER, request->injected);
    tote_context_unref(context);
    tote_context_unref(with_span);
}

tote_curl_request *tote_curl_begin(CURL *easy, struct curl_slist *headers) {
    tote_curl_request *request = easy ? tote__allocate_zeroed(sizeof *request) : NULL;
    struct tote__url url;
    char *text = NULL;
    long redirects = 0;

    if (!request) {
        return NULL;
    }
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text);
    curl_easy_getinfo(easy, CURLINFO_REDIRECT_COUNT, &redirects);
    bool is_url = tote__url_read(&url, text);
    request->easy = easy;
    request->own = headers;
    request->span = start_span(easy, &url);
    /* After redirects the URL may be where they led, and the next transfer goes to where they came from. */
    const char *host = is_url && !redirects ? url.host : NULL;
    if (tote__curl_is_allowed(host)) {
        inject(request, host);
    }
    tote__url_clear(&url);
    return request;
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

static void tell_connection(tote_span *span, CURL *easy) {
    static const struct {
        long version;
        const char *name;
    } versions[] = {{CURL_HTTP_VERSION_1_0, "1.0"},
                    {CURL_HTTP_VERSION_1_1, "1.1"},
                    {CURL_HTTP_VERSION_2_0, "2"},
                    {CURL_HTTP_VERSION_3, "3"}};
    char *address = NULL;
    long version = 0;
    long port = 0;

    curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    for (size_t i = 0; i < TOTE_COUNT_OF(versions); i++) {
        if (versions[i].version == version) {
            tote_span_set_attribute(span, "network.protocol.version",
                                    tote_string(versions[i].name));
        }
    }
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_IP, &address);
    curl_easy_getinfo(easy, CURLINFO_PRIMARY_PORT, &port);
    if (address && *address) {
        tote_span_set_attribute(span, "network.peer.address", tote_string(address));
        tote_span_set_attribute(span, "network.peer.port", tote_int(port));
    }
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

/* CURLE_ABORTED_BY_CALLBACK is the program's own decision, and no error. */
static void tell_status(tote_span *span, CURL *easy, CURLcode result) {
    bool is_failed = result != CURLE_OK && result != CURLE_HTTP_RETURNED_ERROR &&
                     result != CURLE_ABORTED_BY_CALLBACK;
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
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

void tote_curl_end(tote_curl_request **request, CURLcode result) {
    if (!request || !*request) {
        return;
    }
    tote_curl_request *ended = *request;
    *request = NULL;
    if (tote_span_is_recording(ended->span)) {
        tell_method(ended->span, ended->easy);
        tell_connection(ended->span, ended->easy);
        tell_status(ended->span, ended->easy, result);
    }
    tote_span_close(&ended->span);
    if (ended->is_injected) {
        curl_easy_setopt(ended->easy, CURLOPT_HTTPHEADER, ended->own);
        curl_slist_free_all(ended->injected);
    }
    tote__release(ended, sizeof *ended);
}

CURLcode tote_curl_perform(CURL *easy, struct curl_slist *headers) {
    tote_curl_request *request = tote_curl_begin(easy, headers);

    if (!request) {
        if (easy) {
            curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
        }
        return curl_easy_perform(easy);
    }
    if (!request->is_injected) {
        curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers);
    }
    CURLcode result = curl_easy_perform(easy);
    tote_curl_end(&request, result);
    return result;
}
