/* SPDX-License-Identifier: MIT */
/*
 * interpose.c - client spans and headers for programs that use libcurl and are not changed
 *
 *   LD_PRELOAD=$prefix/lib/tote-preload-curl.so curl http://127.0.0.1/
 *
 * Invariant: a handle belongs to the libcurl that created it, and only functions of that libcurl
 * are called for it. If the creation of a handle was not intercepted, it is not touched: calls are
 * passed to the caller's libcurl unchanged. This happens if the program got curl_easy_init() from
 * dlsym(), or was bound with RTLD_DEEPBIND.
 *
 * Tests: tests/examples/test_preload_curl.sh
 */
#define CURL_DISABLE_TYPECHECK
#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "preload.h"

#define CALLER TOTE__PRELOAD_CALLER

/* Set in curl_easy_perform() and curl_easy_cleanup(), which call the multi interface of libcurl. */
static _Thread_local struct preload_library *entered __attribute__((tls_model("initial-exec")));

static const struct preload_agent *agent;

static struct tote__preload_table handles = {.size = sizeof(struct preload_handle)};

static struct preload_handle *find_handle(const void *handle) {
    return (struct preload_handle *)tote__preload_handle_find(&handles, handle);
}

static struct preload_handle *add_handle(const void *handle, struct preload_library *library) {
    struct preload_handle *added =
        (struct preload_handle *)tote__preload_handle_add(&handles, handle);

    if (added) {
        added->library = library;
    }
    return added;
}

/* Forget the options of the handle. Requires that nothing is attached to it. */
static void reset_handle(struct preload_handle *known) {
    known->headers = NULL;
    known->prereq = NULL;
    known->prereq_data = NULL;
    known->url = NULL;
    known->default_scheme = TOTE__SCHEME_UNKNOWN;
    known->has_api_request = false;
}

/* Write to standard error without SIGPIPE. */
static void report(const char *reason) {
    static const struct timespec at_once = {0, 0};
    sigset_t pipe, pending, old;

    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    sigpending(&pending);
    pthread_sigmask(SIG_BLOCK, &pipe, &old);
    dprintf(2, "tote: preload: transfers are not traced: %s\n", reason ? reason : "no agent");
    if (!sigismember(&pending, SIGPIPE)) {
        sigtimedwait(&pipe, NULL, &at_once);
    }
    pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void load_agent(void) {
    union {
        void *object;
        preload_agent_function *function;
    } cast;
    void *handle = dlopen("tote-preload-curl-agent.so", RTLD_NOW | RTLD_LOCAL);

    cast.object = handle ? dlsym(handle, "tote__preload_agent") : NULL;
    if (!cast.object) {
        report(dlerror());
        return;
    }
    agent = cast.function(preload_load);
}

static bool get_agent(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    pthread_once(&once, load_agent);
    return agent != NULL;
}

/* Return the libcurl that calls itself on this thread, else NULL. */
static struct preload_library *calls_itself(void *caller) {
    uintptr_t address = (uintptr_t)caller;

    return entered && address >= entered->base.start && address < entered->base.end ? entered
                                                                                    : NULL;
}

/* Return the libcurl of the handle, or that of the caller if the handle is unknown. */
static struct preload_library *library_for(const struct preload_handle *known, void *caller) {
    return known ? known->library : preload_library_of(caller);
}

/* Guess the scheme as libcurl does. */
static bool is_guessed_http(const char *text) {
    static const char *const others[] = {"ftp.", "dict.", "ldap.", "imap.", "smtp.", "pop3."};

    for (size_t i = 0; i < TOTE_COUNT_OF(others); i++) {
        if (strncasecmp(text, others[i], strlen(others[i])) == 0) {
            return false;
        }
    }
    return true;
}

static enum tote__scheme scheme_of_parts(const struct preload_handle *known) {
    enum tote__scheme scheme = TOTE__SCHEME_OTHER;
    char *text = NULL;

    if (known->library->url_get((CURLU *)known->url, CURLUPART_SCHEME, &text, 0) == CURLUE_OK) {
        scheme = tote__scheme_of_name(text, strlen(text));
        known->library->free(text);
    }
    return scheme;
}

/* TOTE__SCHEME_UNKNOWN: HTTP, but not according to the URL that libcurl reports now. */
static enum tote__scheme scheme_of(const struct preload_handle *known, CURL *easy) {
    char *text = NULL;
    bool is_http;

    if (known->url) {
        is_http = scheme_of_parts(known) == TOTE__SCHEME_HTTP;
    } else {
        enum tote__scheme scheme = tote__curl_scheme(&known->library->curl, easy);
        if (scheme != TOTE__SCHEME_UNKNOWN) {
            return scheme;
        }
        if (known->default_scheme != TOTE__SCHEME_UNKNOWN) {
            is_http = known->default_scheme == TOTE__SCHEME_HTTP;
        } else {
            known->library->easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &text);
            is_http = text && *text && is_guessed_http(text);
        }
    }
    return is_http ? TOTE__SCHEME_UNKNOWN : TOTE__SCHEME_OTHER;
}

/* A request stays attached to the handle until a transfer that is not traced. */
static void begin(struct preload_handle *known, CURL *easy) {
    enum tote__scheme scheme = known->library->base.is_complete && !known->has_api_request
                                   ? scheme_of(known, easy)
                                   : TOTE__SCHEME_OTHER;

    if (scheme == TOTE__SCHEME_OTHER || !get_agent()) {
        if (known->request) {
            agent->detach(&known->request, true);
        }
        return;
    }
    const struct tote__transfer transfer = {
        .curl = &known->library->curl,
        .easy = easy,
        .headers = known->headers,
        .prereq = known->prereq,
        .prereq_data = known->prereq_data,
        .reports_old_urls = known->library->reports_old_urls,
    };
    known->is_transferring =
        agent->begin(&known->request, known->library, &transfer, scheme, known->url);
}

static void end(struct preload_handle *known, CURLcode result) {
    if (known->is_transferring) {
        known->is_transferring = false;
        agent->end(known->request, result);
    }
}

/* Call it before the handle is reset or cleaned up. */
static void abandon(struct preload_handle *known) {
    end(known, CURLE_ABORTED_BY_CALLBACK);
    if (known->request) {
        agent->detach(&known->request, false);
    }
}

static bool is_of_api(const void *function) {
    Dl_info info;

    return function && dladdr(function, &info) && strstr(info.dli_fname, "libtote-curl");
}

/*
 * Keep the value of an option that tracing needs. Returns whether to pass it to libcurl: not while
 * Tote's own value is set.
 */
static bool note_option(struct preload_handle *known, CURLoption option, void *value) {
    union {
        void *object;
        curl_prereq_callback function;
    } cast = {.object = value};

    switch (option) {
    case CURLOPT_HTTPHEADER:
        known->headers = value;
        if (known->request) {
            agent->set_headers(known->request, known->headers);
        }
        return true;
    case CURLOPT_PREREQFUNCTION:
        known->has_api_request = is_of_api(value);
        known->prereq = cast.function;
        break;
    case CURLOPT_PREREQDATA:
        known->prereq_data = value;
        break;
    case CURLOPT_CURLU:
        known->url = value;
        return true;
    case CURLOPT_DEFAULT_PROTOCOL:
        known->default_scheme =
            value ? tote__scheme_of_name(value, strlen(value)) : TOTE__SCHEME_UNKNOWN;
        return true;
    default:
        return true;
    }
    if (known->request) {
        agent->set_prereq(known->request, known->prereq, known->prereq_data);
        return false;
    }
    return true;
}

TOTE_API CURL *curl_easy_init(void) {
    void *caller = CALLER;
    struct preload_library *library = preload_library_of(caller);
    CURL *easy = library ? library->easy_init() : NULL;

    if (easy && !tote__preload_is_internal(&preload_kind, caller)) {
        add_handle(easy, library);
    }
    return easy;
}

TOTE_API CURLcode(curl_easy_setopt)(CURL *easy, CURLoption option, ...) {
    struct preload_handle *known = find_handle(easy);
    struct preload_library *library = library_for(known, CALLER);
    CURLcode result = CURLE_FAILED_INIT;
    va_list list;

    if (!library) {
        return result;
    }
    va_start(list, option);
    if (option >= CURLOPTTYPE_OFF_T && option < CURLOPTTYPE_BLOB) {
        curl_off_t value = va_arg(list, curl_off_t);
        result = library->easy_setopt(easy, option, value);
    } else if (option < CURLOPTTYPE_OBJECTPOINT) {
        result = library->easy_setopt(easy, option, va_arg(list, long));
    } else { /* pointers to functions have the size of void * */
        void *value = va_arg(list, void *);
        result = !known || note_option(known, option, value)
                     ? library->easy_setopt(easy, option, value)
                     : CURLE_OK;
    }
    va_end(list);
    return result;
}

TOTE_API CURLcode curl_easy_perform(CURL *easy) {
    struct preload_handle *known = find_handle(easy);
    struct preload_library *library = library_for(known, CALLER);

    if (!library) {
        return CURLE_FAILED_INIT;
    }
    if (!known || known->is_transferring) {
        return library->easy_perform(easy);
    }
    struct preload_library *around = entered; /* this call may be in one of its callbacks */
    begin(known, easy);
    entered = library;
    CURLcode result = library->easy_perform(easy);
    entered = around;
    end(known, result);
    return result;
}

TOTE_API void curl_easy_reset(CURL *easy) {
    struct preload_handle *known = find_handle(easy);
    struct preload_library *library = library_for(known, CALLER);

    if (known) {
        abandon(known);
        reset_handle(known);
    }
    if (library) {
        library->easy_reset(easy);
    }
}

/* The copy gets the options of the program, also during a transfer of the original. */
TOTE_API CURL *curl_easy_duphandle(CURL *easy) {
    struct preload_handle *known = find_handle(easy);
    struct preload_library *library = library_for(known, CALLER);
    CURL *copy = library ? library->easy_duphandle(easy) : NULL;
    struct preload_handle *added = copy && known ? add_handle(copy, library) : NULL;

    if (copy && known && known->request) {
        library->easy_setopt(copy, CURLOPT_HTTPHEADER, known->headers);
        library->easy_setopt(copy, CURLOPT_PREREQFUNCTION, known->prereq);
        library->easy_setopt(copy, CURLOPT_PREREQDATA, known->prereq_data);
    }
    if (added) {
        added->headers = known->headers;
        added->prereq = known->prereq;
        added->prereq_data = known->prereq_data;
        added->url = known->url;
        added->default_scheme = known->default_scheme;
    }
    return copy;
}

TOTE_API void curl_easy_cleanup(CURL *easy) {
    struct preload_handle *known = find_handle(easy);
    struct preload_library *library = library_for(known, CALLER);

    if (known) {
        abandon(known);
        tote__preload_handle_remove(&handles, easy);
    }
    if (library) {
        struct preload_library *around = entered;
        entered = library;
        library->easy_cleanup(easy);
        entered = around;
    }
}

TOTE_API CURLM *curl_multi_init(void) {
    void *caller = CALLER;
    struct preload_library *library = preload_library_of(caller);
    CURLM *multi = library ? library->multi_init() : NULL;

    if (multi && !tote__preload_is_internal(&preload_kind, caller)) {
        add_handle(multi, library);
    }
    return multi;
}

TOTE_API CURLMcode curl_multi_cleanup(CURLM *multi) {
    struct preload_library *library = calls_itself(CALLER);

    if (library) {
        return library->multi_cleanup(multi);
    }
    library = library_for(find_handle(multi), CALLER);
    tote__preload_handle_remove(&handles, multi);
    return library ? library->multi_cleanup(multi) : CURLM_BAD_HANDLE;
}

TOTE_API CURLMcode curl_multi_add_handle(CURLM *multi, CURL *easy) {
    struct preload_library *library = calls_itself(CALLER);

    if (library) {
        return library->multi_add_handle(multi, easy);
    }
    struct preload_handle *known = find_handle(easy);
    library = library_for(find_handle(multi), CALLER);
    if (!library) {
        return CURLM_BAD_HANDLE;
    }
    if (!known || known->library != library || known->is_transferring) {
        return library->multi_add_handle(multi, easy);
    }
    begin(known, easy);
    CURLMcode result = library->multi_add_handle(multi, easy);
    if (result != CURLM_OK) {
        end(known, CURLE_ABORTED_BY_CALLBACK);
    }
    return result;
}

TOTE_API CURLMsg *curl_multi_info_read(CURLM *multi, int *count) {
    struct preload_library *library = calls_itself(CALLER);

    if (library) {
        return library->multi_info_read(multi, count);
    }
    library = library_for(find_handle(multi), CALLER);
    CURLMsg *message = library ? library->multi_info_read(multi, count) : NULL;
    if (message && message->msg == CURLMSG_DONE) {
        struct preload_handle *known = find_handle(message->easy_handle);
        if (known) {
            end(known, message->data.result);
        }
    }
    return message;
}

/* A transfer whose message was not read is canceled. */
TOTE_API CURLMcode curl_multi_remove_handle(CURLM *multi, CURL *easy) {
    struct preload_library *library = calls_itself(CALLER);

    if (library) {
        return library->multi_remove_handle(multi, easy);
    }
    struct preload_handle *known = find_handle(easy);
    library = library_for(find_handle(multi), CALLER);
    if (!library) {
        return CURLM_BAD_HANDLE;
    }
    CURLMcode result = library->multi_remove_handle(multi, easy);
    if (known && result == CURLM_OK) {
        end(known, CURLE_ABORTED_BY_CALLBACK);
    }
    return result;
}

/*
 * The allocator of the program may not be thread-safe, so the exporter, which has its own thread,
 * does not use this libcurl.
 */
TOTE_API CURLcode curl_global_init_mem(long flags, curl_malloc_callback allocate,
                                       curl_free_callback release, curl_realloc_callback resize,
                                       curl_strdup_callback copy, curl_calloc_callback clear) {
    void *caller = CALLER;
    struct preload_library *library = preload_library_of(caller);
    union {
        void *object;
        __typeof__(&curl_global_init_mem) function;
    } cast = {.object = tote__preload_find(&preload_kind, caller, "curl_global_init_mem")};

    if (library) {
        library->is_customized = true;
    }
    return cast.object ? cast.function(flags, allocate, release, resize, copy, clear)
                       : CURLE_FAILED_INIT;
}
