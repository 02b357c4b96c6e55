/* SPDX-License-Identifier: MIT */
/*
 * agent_curl.c - the functions of libcurl that the exporter calls
 *
 * The agent is not linked with libcurl. So it loads no second libcurl into the process, and the
 * interposer does not intercept the calls of the exporter.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#define CURL_DISABLE_TYPECHECK
#include <stdarg.h>

#include "agent.h"

#define LIBRARY (*agent_exporters_library)

CURL *curl_easy_init(void) {
    return LIBRARY.easy_init();
}

void curl_easy_cleanup(CURL *easy) {
    LIBRARY.easy_cleanup(easy);
}

CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...) {
    CURLcode result;
    va_list list;

    va_start(list, option);
    if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        curl_off_t value = va_arg(list, curl_off_t);
        result = LIBRARY.easy_setopt(easy, option, value);
    } else if (option < CURLOPTTYPE_OBJECTPOINT) {
        result = LIBRARY.easy_setopt(easy, option, va_arg(list, long));
    } else {
        void *value = va_arg(list, void *);
        result = LIBRARY.easy_setopt(easy, option, value);
    }
    va_end(list);
    return result;
}

CURLcode(curl_easy_getinfo)(CURL *easy, CURLINFO info, ...) {
    va_list list;

    va_start(list, info);
    CURLcode result = LIBRARY.easy_getinfo(easy, info, va_arg(list, void *));
    va_end(list);
    return result;
}

const char *curl_easy_strerror(CURLcode result) {
    return LIBRARY.easy_strerror(result);
}

void curl_free(void *memory) {
    LIBRARY.free(memory);
}

time_t curl_getdate(const char *text, const time_t *unused) {
    return LIBRARY.getdate(text, unused);
}

CURLcode curl_global_init(long flags) {
    return LIBRARY.global_init(flags);
}

CURLM *curl_multi_init(void) {
    return LIBRARY.multi_init();
}

CURLMcode curl_multi_cleanup(CURLM *multi) {
    return LIBRARY.multi_cleanup(multi);
}

CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
    return LIBRARY.multi_add_handle(multi, easy);
}

CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
    return LIBRARY.multi_remove_handle(multi, easy);
}

CURLMsg *curl_multi_info_read(CURLM *multi, int *count) {
    return LIBRARY.multi_info_read(multi, count);
}

CURLMcode(curl_multi_setopt)(CURLM *multi, CURLMoption option, ...) {
    CURLMcode result;
    va_list list;

    va_start(list, option);
    if (option < (CURLMoption)CURLOPTTYPE_OBJECTPOINT) {
        result = LIBRARY.multi_setopt(multi, option, va_arg(list, long));
    } else {
        void *value = va_arg(list, void *);
        result = LIBRARY.multi_setopt(multi, option, value);
    }
    va_end(list);
    return result;
}

CURLMcode curl_multi_socket_action(CURLM *multi, curl_socket_t socket, int events, int *running) {
    return LIBRARY.multi_socket_action(multi, socket, events, running);
}

CURLMcode curl_multi_wakeup(CURLM *multi) {
    return LIBRARY.multi_wakeup(multi);
}

struct curl_slist *curl_slist_append(struct curl_slist *list, const char *text) {
    return LIBRARY.slist_append(list, text);
}

void curl_slist_free_all(struct curl_slist *list) {
    LIBRARY.slist_free_all(list);
}

curl_version_info_data *curl_version_info(CURLversion age) {
    return LIBRARY.version_info(age);
}

CURLU *curl_url(void) {
    return LIBRARY.url();
}

void curl_url_cleanup(CURLU *url) {
    LIBRARY.url_cleanup(url);
}

/* Versions of curl.h differ in const qualifiers. */
CURLUcode agent_url_get(CURLU *url, CURLUPart part, char **text,
                        unsigned flags) __asm__("curl_url_get");

CURLUcode agent_url_get(CURLU *url, CURLUPart part, char **text, unsigned flags) {
    return LIBRARY.url_get(url, part, text, flags);
}

CURLUcode curl_url_set(CURLU *url, CURLUPart part, const char *text, unsigned flags) {
    return LIBRARY.url_set(url, part, text, flags);
}

const char *curl_url_strerror(CURLUcode result) {
    return LIBRARY.url_strerror(result);
}
