/* SPDX-License-Identifier: MIT */
/*
 * request_options.c - headers and options that all requests to a receiver have
 *
 * Tests: tests/unit/test_otlp_transport.c
 */
#include "request_options.h"

#include <stdio.h>

#include "proxy.h"

/* A usual request is sent at once; unused pages cost nothing. */
enum { UPLOAD_BUFFER_BYTES = 512 << 10 };

static bool add_header(struct curl_slist **list, const char *line) {
    struct curl_slist *longer = curl_slist_append(*list, line);

    *list = longer ? longer : *list;
    return longer;
}

bool tote__add_request_headers(struct curl_slist **list,
                               const struct tote__otlp_settings *settings) {
    bool has_timeout = tote__otlp_is_grpc(settings) && settings->delivery.timeout_ms &&
                       settings->delivery.timeout_ms != UINT32_MAX;
    char type[64];
    char timeout[32];

    snprintf(type, sizeof type, "Content-Type: %s", tote__otlp_content_type(settings));
    snprintf(timeout, sizeof timeout, "grpc-timeout: %um",
             settings->delivery.timeout_ms % 100000000);
    bool are_added =
        add_header(list, "Expect:") && /* do not wait for "100 Continue" */
        add_header(list, tote__otlp_is_grpc(settings) ? "Content-Type: application/grpc" : type) &&
        (!tote__otlp_is_grpc(settings) || add_header(list, "TE: trailers")) &&
        (!settings->is_gzip ||
         add_header(list, tote__otlp_is_grpc(settings) ? "grpc-encoding: gzip"
                                                       : "Content-Encoding: gzip")) &&
        (!has_timeout || add_header(list, timeout)); /* at most 8 digits */
    for (size_t i = 0; i < settings->headers.count && are_added; i++) {
        are_added = add_header(list, settings->headers.items[i].line);
    }
    return are_added;
}

bool tote__can_reuse_connection(const struct tote__otlp_settings *settings) {
    enum { VERSION_8_0 = 0x080000 };
    return !tote__otlp_is_grpc(settings) || settings->is_tls ||
           curl_version_info(CURLVERSION_NOW)->version_num >= VERSION_8_0;
}

static long http_version(const struct tote__otlp_settings *settings) {
    if (!tote__otlp_is_grpc(settings)) {
        return CURL_HTTP_VERSION_1_1;
    }
    return settings->is_tls ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE;
}

int tote__set_request_options(CURL *easy, const struct tote__otlp_settings *settings) {
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_PATH_AS_IS, 1L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    failed |= (int)curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, http_version(settings));
    failed |= (int)curl_easy_setopt(easy, CURLOPT_FORBID_REUSE,
                                    tote__can_reuse_connection(settings) ? 0L : 1L);
    if (!tote__otlp_is_grpc(settings)) { /* the limit applies to the decompressed response, too */
        failed |= (int)curl_easy_setopt(easy, CURLOPT_ACCEPT_ENCODING, "gzip");
    }
    failed |= (int)curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_POST, 1L);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER_BYTES);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_USERAGENT, TOTE__OTLP_USER_AGENT);
    if (settings->ca_file) { /* NULL would mean none instead of the system's */
        failed |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO, settings->ca_file);
    }
    failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLCERT, settings->client_certificate_file);
    failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLKEY, settings->client_key_file);
    if (settings->unix_path) {
        failed |= (int)curl_easy_setopt(easy, CURLOPT_UNIX_SOCKET_PATH, settings->unix_path);
    }
    return failed | tote__proxy_apply(settings, easy);
}
