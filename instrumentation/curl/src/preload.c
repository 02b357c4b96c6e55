/* SPDX-License-Identifier: MIT */
/*
 * preload.c - client spans and headers for programs that use libcurl and are not changed
 *
 *   LD_PRELOAD=tote-preload-curl.so curl http://127.0.0.1/
 *
 * The SDK is started by the OTEL_* variables at the first transfer, goes on in the trace that the environment tells, and
 * is closed as the program exits. What an exporter sends is under suppression, and so is left alone.
 */
#define CURL_DISABLE_TYPECHECK
#include <dlfcn.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>

#include "tote/instrumentation/curl.h"
#include "tote/tote.h"

enum { BUCKETS = 256, CLOSE_TIMEOUT_MS = 2000 };

/* What libcurl does not tell of what it was given. */
struct options {
    struct curl_slist *headers;
    curl_prereq_callback prereq;
    void *prereq_data;
};

struct handle {
    struct handle *next;
    CURL *easy;
    struct options options;
    tote_curl_request *request; /* of its transfer */
};

static struct {
    pthread_mutex_t lock;
    struct handle *buckets[BUCKETS];
} handles = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct {
    pthread_once_t once;
    tote_sdk *sdk;
    tote_context *remote; /* as the environment tells */
} sdk = {.once = PTHREAD_ONCE_INIT};

/* In our own calls of libcurl, which come back here. */
static _Thread_local bool is_inside __attribute__((tls_model("initial-exec")));

/* In curl_easy_perform(), which libcurl does with its own multi interface. */
static _Thread_local const CURL *performing __attribute__((tls_model("initial-exec")));

/* The function of libcurl that is behind ours; its type is known where it is called. */
typedef void (*any_function)(void);

static any_function behind(const char *name) {
    union {
        void *object;
        any_function function;
    } cast;

    cast.object = dlsym(RTLD_NEXT, name);
    if (!cast.object) {
        abort(); /* nothing that called this can go on without */
    }
    return cast.function;
}

#define BEHIND(function) ((__typeof__(&(function)))behind(#function))

static struct handle **find(const CURL *easy) {
    struct handle **at = &handles.buckets[((uintptr_t)easy >> 6) % BUCKETS];

    while (*at && (*at)->easy != easy) {
        at = &(*at)->next;
    }
    return at;
}

static struct options options_of(const CURL *easy) {
    pthread_mutex_lock(&handles.lock);
    const struct handle *handle = *find(easy);
    struct options options = handle ? handle->options : (struct options){.headers = NULL};
    pthread_mutex_unlock(&handles.lock);
    return options;
}

/* The handle's, made if need be; NULL when memory is out. Under the lock. */
static struct handle *get(CURL *easy) {
    struct handle **at = find(easy);

    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (*at) {
            (*at)->easy = easy;
        }
    }
    return *at;
}

static void set_options(CURL *easy, struct options options) {
    pthread_mutex_lock(&handles.lock);
    struct handle *handle = get(easy);
    if (handle) {
        handle->options = options;
    }
    pthread_mutex_unlock(&handles.lock);
}

/* What the program sets, of what a span's transfer needs for itself. */
static void note_option(CURL *easy, CURLoption option, void *value) {
    struct options options = options_of(easy);
    union {
        void *object;
        curl_prereq_callback function;
    } cast = {.object = value};

    switch (option) {
    case CURLOPT_HTTPHEADER:
        options.headers = value;
        break;
    case CURLOPT_PREREQFUNCTION:
        options.prereq = cast.function;
        break;
    case CURLOPT_PREREQDATA:
        options.prereq_data = value;
        break;
    default:
        return;
    }
    set_options(easy, options);
}

static void set_request(CURL *easy, tote_curl_request *request) {
    pthread_mutex_lock(&handles.lock);
    struct handle *handle = get(easy);
    if (handle) {
        handle->request = request;
    }
    pthread_mutex_unlock(&handles.lock);
}

static tote_curl_request *take_request(CURL *easy) {
    pthread_mutex_lock(&handles.lock);
    struct handle *handle = *find(easy);
    tote_curl_request *request = handle ? handle->request : NULL;
    if (handle) {
        handle->request = NULL;
    }
    pthread_mutex_unlock(&handles.lock);
    return request;
}

static void forget(const CURL *easy) {
    pthread_mutex_lock(&handles.lock);
    struct handle **at = find(easy);
    struct handle *handle = *at;
    if (handle) {
        *at = handle->next;
    }
    pthread_mutex_unlock(&handles.lock);
    free(handle);
}

/* The program's own, before a request is sent. */
static int ask_program(void *easy, char *peer, char *local, int peer_port, int local_port) {
    struct options options = options_of(easy);

    return options.prereq ? options.prereq(options.prereq_data, peer, local, peer_port, local_port)
                          : CURL_PREREQFUNC_OK;
}

static void start_sdk(void) {
    tote_curl_set_prereq_function(ask_program);
    sdk.sdk = tote_sdk_start(NULL);
    sdk.remote = tote_extract_environment(tote_context_root(), NULL);
}

__attribute__((destructor)) static void close_sdk(void) {
    is_inside = true;
    tote_sdk_close(&sdk.sdk, CLOSE_TIMEOUT_MS);
    tote_context_unref(sdk.remote);
}

/* A span and headers for the handle's transfer; under what the environment tells where nothing else is current. */
static tote_curl_request *begin(CURL *easy) {
    tote_context_token token = 0;
    bool was_inside = is_inside;

    is_inside = true;
    pthread_once(&sdk.once, start_sdk);
    if (tote_context_current() == tote_context_root()) {
        token = tote_context_attach(sdk.remote);
    }
    tote_curl_request *request = tote_curl_begin(easy, options_of(easy).headers);
    if (token) {
        tote_context_detach(token);
    }
    is_inside = was_inside;
    return request;
}

/* The program's function, which the transfer had in its place, is libcurl's again. */
static void end(CURL *easy, tote_curl_request *request, CURLcode result) {
    bool was_inside = is_inside;

    if (!request) {
        return;
    }
    is_inside = true;
    tote_curl_end(&request, result);
    struct options options = options_of(easy);
    if (options.prereq) {
        curl_easy_setopt(easy, CURLOPT_PREREQFUNCTION, options.prereq);
        curl_easy_setopt(easy, CURLOPT_PREREQDATA, options.prereq_data);
    }
    is_inside = was_inside;
}

TOTE_API CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...) {
    __typeof__(&curl_easy_setopt) next = BEHIND(curl_easy_setopt);
    va_list list;
    CURLcode result;

    va_start(list, option);
    if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        curl_off_t value = va_arg(list, curl_off_t);
        result = next(easy, option, value);
    } else if (option < CURLOPTTYPE_OBJECTPOINT) {
        result = next(easy, option, va_arg(list, long));
    } else { /* functions are pointers of the same size wherever libcurl runs */
        void *value = va_arg(list, void *);
        result = next(easy, option, value);
        if (!is_inside) {
            note_option(easy, option, value);
        }
    }
    va_end(list);
    return result;
}

TOTE_API CURLcode curl_easy_perform(CURL *easy) {
    __typeof__(&curl_easy_perform) next = BEHIND(curl_easy_perform);

    if (!easy || is_inside) {
        return next(easy);
    }
    tote_curl_request *request = begin(easy);
    const CURL *around = performing; /* of whose callbacks this is one */
    performing = easy;
    CURLcode result = next(easy);
    performing = around;
    end(easy, request, result);
    return result;
}

TOTE_API void curl_easy_reset(CURL *easy) {
    set_options(easy, (struct options){.headers = NULL});
    BEHIND(curl_easy_reset)(easy);
}

TOTE_API CURL *curl_easy_duphandle(CURL *easy) {
    CURL *copy = BEHIND(curl_easy_duphandle)(easy);

    if (copy) {
        set_options(copy, options_of(easy));
    }
    return copy;
}

TOTE_API void curl_easy_cleanup(CURL *easy) {
    end(easy, take_request(easy), CURLE_ABORTED_BY_CALLBACK);
    forget(easy);
    BEHIND(curl_easy_cleanup)(easy);
}

TOTE_API CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
    __typeof__(&curl_multi_add_handle) next = BEHIND(curl_multi_add_handle);

    if (!easy || is_inside || easy == performing) {
        return next(multi, easy);
    }
    tote_curl_request *request = begin(easy);
    CURLMcode result = next(multi, easy);
    if (result == CURLM_OK) {
        set_request(easy, request);
    } else {
        end(easy, request, CURLE_ABORTED_BY_CALLBACK);
    }
    return result;
}

TOTE_API CURLMsg *curl_multi_info_read(CURLM *multi, int *count) {
    CURLMsg *message = BEHIND(curl_multi_info_read)(multi, count);

    if (message && message->msg == CURLMSG_DONE) {
        CURLcode result = message->data.result;
        end(message->easy_handle, take_request(message->easy_handle), result);
    }
    return message;
}

/* Given up, if its message was not read before. */
TOTE_API CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
    CURLMcode result = BEHIND(curl_multi_remove_handle)(multi, easy);

    end(easy, take_request(easy), CURLE_ABORTED_BY_CALLBACK);
    return result;
}
