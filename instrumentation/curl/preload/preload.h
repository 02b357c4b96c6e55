/* SPDX-License-Identifier: MIT */
/*
 * preload.h - declarations for tote-preload-curl.so and its agent
 *
 * tote-preload-curl.so intercepts functions of libcurl and needs only libc. At the first transfer
 * that is traced it loads tote-preload-curl-agent.so, which contains the SDK and calls libcurl
 * through struct preload_library.
 */
#ifndef TOTE_PRELOAD_H
#define TOTE_PRELOAD_H

#include "curl_parts.h"
#include "tote/internal/preload.h"

/* Functions that a libcurl must have: without them its handles are not intercepted. */
#define PRELOAD_REQUIRED(X)                                                                        \
    X(easy_init)                                                                                   \
    X(easy_duphandle)                                                                              \
    X(easy_setopt)                                                                                 \
    X(easy_getinfo)                                                                                \
    X(easy_perform)                                                                                \
    X(easy_reset)                                                                                  \
    X(easy_cleanup)                                                                                \
    X(easy_strerror)                                                                               \
    X(free)                                                                                        \
    X(getdate)                                                                                     \
    X(global_init)                                                                                 \
    X(multi_add_handle)                                                                            \
    X(multi_cleanup)                                                                               \
    X(multi_info_read)                                                                             \
    X(multi_init)                                                                                  \
    X(multi_remove_handle)                                                                         \
    X(multi_setopt)                                                                                \
    X(multi_socket_action)                                                                         \
    X(slist_append)                                                                                \
    X(slist_free_all)                                                                              \
    X(version_info)

/* Functions that tracing also needs: libcurl 7.84 has them all. */
#define PRELOAD_TRACING(X)                                                                         \
    X(easy_nextheader)                                                                             \
    X(multi_wakeup)                                                                                \
    X(url)                                                                                         \
    X(url_cleanup)                                                                                 \
    X(url_get)                                                                                     \
    X(url_set)                                                                                     \
    X(url_strerror)

#define PRELOAD_FIELD(name) __typeof__ (&curl_##name)(name);

/* A libcurl of the process. It stays mapped. */
struct preload_library {
    struct tote__preload_library base; /* complete: it has all functions that tracing needs */
    PRELOAD_REQUIRED(PRELOAD_FIELD)
    PRELOAD_TRACING(PRELOAD_FIELD)
    bool reports_old_urls; /* see tote__curl_reports_old_urls() */
    bool is_customized;    /* uses the allocator of the program: curl_global_init_mem() */
    struct tote__curl curl;
};

extern struct tote__preload_kind preload_kind;

/* Return the libcurl that the code at `caller` is bound to; NULL if there is none. */
static inline struct preload_library *preload_library_of(void *caller) {
    return (struct preload_library *)tote__preload_library_of(&preload_kind, caller);
}

/* Return the libcurl with this file name, and load it if necessary; NULL on failure. */
struct preload_library *preload_load(const char *name);

/* An easy or a multi handle since its creation. */
struct preload_handle {
    struct tote__preload_handle base;
    struct preload_library *library;
    struct curl_slist *headers; /* CURLOPT_HTTPHEADER, which libcurl does not report */
    curl_prereq_callback prereq;
    void *prereq_data;
    const CURLU *url;
    enum tote__scheme default_scheme;
    bool has_api_request;       /* libtote-curl traces the transfer */
    bool is_transferring;       /* `request` traces a transfer */
    tote_curl_request *request; /* attached at the first traced transfer, until a reset */
};

/* The functions of the agent. */
struct preload_agent {
    /*
     * Begin to trace a transfer. Attaches `*request` to the handle if it is NULL. Returns false if
     * out of memory.
     */
    bool (*begin)(tote_curl_request **request, const struct preload_library *library,
                  const struct tote__transfer *transfer, enum tote__scheme scheme,
                  const CURLU *parts);
    void (*end)(tote_curl_request *request, CURLcode result);
    void (*detach)(tote_curl_request **request, bool is_handle_kept);
    void (*set_headers)(tote_curl_request *request, struct curl_slist *headers);
    void (*set_prereq)(tote_curl_request *request, curl_prereq_callback prereq, void *data);
};

typedef const struct preload_agent *
preload_agent_function(struct preload_library *(*load)(const char *name));

/* The only exported function of the agent. */
TOTE_API preload_agent_function tote__preload_agent;

#endif
