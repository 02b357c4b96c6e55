/* SPDX-License-Identifier: MIT */
/*
 * response_reader.c - reads a response in the pieces that curl delivers
 *
 * Tests: tests/unit/test_otlp_transport.c, tests/fuzz/fuzz_http_response.c
 */
#include "response_reader.h"

#include <string.h>

#include "tote/internal/text.h"

enum { KEPT_BODY_BYTES = 64 << 10 }; /* larger memory is released after the response */

static void keep_header(char *out, size_t size, const char *value, size_t length) {
    while (length && (value[length - 1] == '\r' || value[length - 1] == '\n')) {
        length--;
    }
    tote__trim(&value, &length);
    length = tote__min(length, size - 1);
    memcpy(out, value, length);
    out[length] = '\0';
}

/* A status line starts another response: the previous one was an interim response. */
size_t tote__response_reader_take_header(char *line, size_t one, size_t size, void *arg) {
    static const char status_line[] = "HTTP/";
    struct tote__response_reader_headers *headers = &((struct tote__response_reader *)arg)->headers;
    const struct {
        const char *name;
        char *value;
        size_t size;
    } wanted[] = {
        {"content-type", headers->content_type, sizeof headers->content_type},
        {"retry-after", headers->retry_after, sizeof headers->retry_after},
        {"grpc-status", headers->grpc_status, sizeof headers->grpc_status},
        {"grpc-message", headers->grpc_message, sizeof headers->grpc_message},
        {"grpc-status-details-bin", headers->grpc_details, sizeof headers->grpc_details},
    };
    const char *colon = memchr(line, ':', size);

    (void)one;
    if (size >= sizeof status_line - 1 && memcmp(line, status_line, sizeof status_line - 1) == 0) {
        *headers = (struct tote__response_reader_headers){.content_type = ""};
    }
    if (size && (*line == '\r' || *line == '\n')) {
        headers->have_ended = true;
    }
    for (size_t i = 0; colon && i < TOTE_COUNT_OF(wanted); i++) {
        if (tote__equals_ignoring_case(line, (size_t)(colon - line), wanted[i].name,
                                       strlen(wanted[i].name))) {
            keep_header(wanted[i].value, wanted[i].size, colon + 1,
                        size - (size_t)(colon + 1 - line));
        }
    }
    return size;
}

size_t tote__response_reader_take_body(char *bytes, size_t one, size_t size, void *arg) {
    struct tote__response_reader *incoming = arg;

    (void)one;
    incoming->is_too_large = size > incoming->max_size - incoming->body.size;
    return !incoming->is_too_large &&
                   tote__buffer_append(&incoming->body,
                                       (struct tote__slice){(const uint8_t *)bytes, size})
               ? size
               : 0;
}

void tote__response_reader_begin(struct tote__response_reader *incoming) {
    if (incoming->body.capacity > KEPT_BODY_BYTES) {
        tote__buffer_clear(&incoming->body);
    }
    incoming->body.size = 0;
    incoming->is_too_large = false;
    incoming->headers = (struct tote__response_reader_headers){.content_type = ""};
}

void tote__response_reader_read(const struct tote__response_reader *incoming,
                                struct tote__response *response) {
    const struct tote__response_reader_headers *headers = &incoming->headers;

    response->body = tote__buffer_slice(&incoming->body);
    response->content_type = headers->content_type;
    response->retry_after = headers->retry_after;
    response->grpc_status = headers->grpc_status;
    response->grpc_message = headers->grpc_message;
    response->grpc_details = headers->grpc_details;
}

static bool is_grpc(const struct tote__response_reader *incoming) {
    return TOTE_HAS_GRPC && incoming->is_grpc;
}

static bool has_final_head(const struct tote__response_reader *incoming, long status) {
    return incoming->headers.have_ended && status >= TOTE__FIRST_FINAL_STATUS;
}

bool tote__response_reader_is_response(const struct tote__response_reader *incoming, long status) {
    return has_final_head(incoming, status) &&
           (!is_grpc(incoming) || incoming->headers.grpc_status[0] != '\0' || status >= 300);
}

/* libcurl also reports success if the connection ends within the headers. */
static enum tote__outcome outcome_of_whole(const struct tote__response_reader *incoming, CURL *easy,
                                           long status) {
    long version = CURL_HTTP_VERSION_2_0;

    if (!has_final_head(incoming, status)) {
        return TOTE__NO_RESPONSE;
    }
    if (is_grpc(incoming)) {
        curl_easy_getinfo(easy, CURLINFO_HTTP_VERSION, &version);
    }
    return version == CURL_HTTP_VERSION_2_0 ? TOTE__RESPONDED : TOTE__NOT_HTTP2;
}

enum tote__outcome tote__response_reader_outcome(const struct tote__response_reader *incoming,
                                                 CURL *easy, CURLcode result) {
    long status = 0;

    curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    switch (result) {
    case CURLE_OK:
        return outcome_of_whole(incoming, easy, status);
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_COULDNT_RESOLVE_HOST:
    case CURLE_COULDNT_CONNECT:
    case CURLE_OPERATION_TIMEDOUT: /* curl has a timeout only for connecting */
        return TOTE__NOT_CONNECTED;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_ERROR:
    case CURLE_RECV_ERROR:
    case CURLE_PARTIAL_FILE:
    case CURLE_BAD_CONTENT_ENCODING:
    case CURLE_HTTP2:
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL: /* the response is not HTTP/1 */
        return tote__response_reader_is_response(incoming, status) ? TOTE__RESPONDED
                                                                   : TOTE__NO_RESPONSE;
    case CURLE_HTTP2_STREAM: /* libcurl before 8 loses a response to an incomplete request */
        return tote__response_reader_is_response(incoming, status) ? TOTE__RESPONDED
                                                                   : TOTE__STREAM_RESET;
    case CURLE_WRITE_ERROR:
        return incoming->is_too_large ? TOTE__RESPONSE_TOO_LARGE : TOTE__NOT_SENT;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
    case CURLE_SSL_CACERT_BADFILE:
    case CURLE_SSL_ISSUER_ERROR:
    case CURLE_SSL_ENGINE_INITFAILED:
        return TOTE__TLS_FAILED;
    default:
        return TOTE__NOT_SENT;
    }
}

const char *tote__response_reader_advice(CURLcode result, const char *error) {
    if (strstr(error, "certificate required")) { /* a TLS 1.3 alert at the first read */
        return "; the receiver requires a client certificate: set "
               "OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY, or "
               "cert_file "
               "and key_file in the configuration file";
    }
    if (strstr(error,
               "handshake failure")) { /* a TLS 1.2 alert, also without a client certificate */
        return "; the receiver rejects the TLS handshake: it may require a client certificate "
               "(OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and OTEL_EXPORTER_OTLP_CLIENT_KEY, or "
               "cert_file "
               "and key_file), or "
               "another version of TLS";
    }
    if (strstr(error, "certificate has expired") || strstr(error, "not yet valid")) {
        return "; renew the receiver's certificate, or that of the CA; if it is valid, set the "
               "clock of this machine";
    }
    if (strstr(error, "SSL connection timeout")) {
        return "; the receiver does not finish the TLS handshake: check its log and load, and "
               "whether it uses TLS at that port";
    }
    switch (result) {
    case CURLE_COULDNT_RESOLVE_PROXY:
        return "; check http_proxy, https_proxy, all_proxy and no_proxy";
    case CURLE_COULDNT_RESOLVE_HOST:
        return "; check the host name in the endpoint, and the name server";
    case CURLE_SSL_CONNECT_ERROR:
        return "; check whether the receiver uses TLS at that port: use https: with TLS, http: "
               "without";
    case CURLE_PEER_FAILED_VERIFICATION:
        return "; the receiver's certificate must be for the endpoint's host name, and signed by "
               "the CA in OTEL_EXPORTER_OTLP_CERTIFICATE or ca_file";
    case CURLE_SSL_CACERT_BADFILE:
        return "; check the file that OTEL_EXPORTER_OTLP_CERTIFICATE or ca_file names";
    case CURLE_SSL_CERTPROBLEM:
        return "; check the files that OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE and _CLIENT_KEY name, "
               "or "
               "cert_file and key_file";
    default:
        return "";
    }
}
