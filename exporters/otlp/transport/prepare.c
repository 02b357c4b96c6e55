/* SPDX-License-Identifier: MIT */
/*
 * prepare.c - what a connection needs from outside, taken beforehand
 */
#include "prepare.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"

enum { MOST_FILE = 4 << 20, MOST_ADDRESSES = 16, LOOK_MS = 1 };

static const char *const component = "otlp";

/*
 * A look-up, on a thread of its own where one may be made: getaddrinfo() knows no deadline. Who
 * comes last frees it.
 */
struct lookup {
    char host[256];
    char port[8];
    struct addrinfo *found;
    int error;
    atomic_bool is_done;
    _Atomic(unsigned) references;
};

static void lookup_unref(struct lookup *lookup) {
    if (atomic_fetch_sub(&lookup->references, 1) == 1) {
        if (lookup->found) {
            freeaddrinfo(lookup->found);
        }
        tote__release(lookup, sizeof *lookup);
    }
}

static void *look_up(void *arg) {
    static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    struct lookup *lookup = arg;

    lookup->error = getaddrinfo(lookup->host, lookup->port, &hints, &lookup->found);
    atomic_store(&lookup->is_done, true);
    lookup_unref(lookup);
    return NULL;
}

static bool start_lookup(struct lookup *lookup) {
    pthread_t thread;
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    bool is_started = pthread_create(&thread, NULL, look_up, lookup) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (is_started) {
        pthread_detach(thread);
    }
    return is_started;
}

/* Takes as long as it takes. */
static bool look_up_here(struct lookup *lookup) {
    look_up(lookup);
    return true;
}

/* "host:port:address,address" */
static struct curl_slist *list_addresses(const struct lookup *lookup) {
    char line[sizeof lookup->host + sizeof lookup->port + MOST_ADDRESSES * (INET6_ADDRSTRLEN + 4)];
    int length = snprintf(line, sizeof line, "%s:%s:", lookup->host, lookup->port);
    int count = 0;

    for (const struct addrinfo *at = lookup->found; at && count < MOST_ADDRESSES;
         at = at->ai_next) {
        char text[INET6_ADDRSTRLEN];
        if (getnameinfo(at->ai_addr, at->ai_addrlen, text, sizeof text, NULL, 0, NI_NUMERICHOST)) {
            continue;
        }
        length += snprintf(line + length, sizeof line - (size_t)length,
                           at->ai_family == AF_INET6 ? "%s[%s]" : "%s%s", count ? "," : "", text);
        count++;
    }
    return count ? curl_slist_append(NULL, line) : NULL;
}

static tote_result await_lookup(struct lookup *lookup, uint64_t deadline,
                                struct tote__prepared *prepared) {
    while (!atomic_load(&lookup->is_done)) {
        const struct timespec moment = {.tv_nsec = LOOK_MS * 1000000L};
        if (tote__clock_monotonic() >= deadline) {
            return TOTE_TIMED_OUT;
        }
        nanosleep(&moment, NULL);
    }
    if (lookup->error) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not prepared: there is no address of %s: %s",
                      lookup->host, gai_strerror(lookup->error));
        return TOTE_FAILURE;
    }
    prepared->addresses = list_addresses(lookup);
    return prepared->addresses ? TOTE_SUCCESS : TOTE_FAILURE;
}

static bool is_address(const char *host) {
    struct in6_addr address;

    return inet_pton(AF_INET, host, &address) == 1 || host[0] == '[';
}

/*
 * Take the URL apart. Returns: false when that cannot be; `host` is empty where there is nothing to
 * look up.
 */
static bool read_url(const char *url, struct lookup *lookup, bool *is_https) {
    CURLU *handle = curl_url();
    char *host = NULL, *port = NULL, *scheme = NULL;
    bool is_read = handle && curl_url_set(handle, CURLUPART_URL, url, 0) == CURLUE_OK &&
                   curl_url_get(handle, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   curl_url_get(handle, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
                   curl_url_get(handle, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
                   strlen(host) < sizeof lookup->host && strlen(port) < sizeof lookup->port;

    if (is_read) {
        *is_https = strcmp(scheme, "https") == 0;
        snprintf(lookup->host, sizeof lookup->host, "%s", is_address(host) ? "" : host);
        snprintf(lookup->port, sizeof lookup->port, "%s", port);
    }
    curl_free(host);
    curl_free(port);
    curl_free(scheme);
    curl_url_cleanup(handle);
    return is_read;
}

/*
 * The file's bytes. Returns: false, with a diagnostic, when it cannot be read; a NULL path has
 * none.
 */
static bool read_file(const char *path, struct curl_blob *blob) {
    int descriptor = path ? tote__os_open_regular(path) : -1;
    FILE *file = descriptor >= 0 ? fdopen(descriptor, "rb") : NULL;
    int error = errno;
    long size = -1;

    if (!path) {
        return true;
    }
    if (file && fseek(file, 0, SEEK_END) == 0) {
        size = ftell(file);
        rewind(file);
    }
    char *data = size > 0 && size <= MOST_FILE ? tote__allocate((size_t)size) : NULL;
    bool is_read = data && fread(data, 1, (size_t)size, file) == (size_t)size;
    if (file) {
        fclose(file);
    } else if (descriptor >= 0) {
        close(descriptor);
    }
    if (!is_read) {
        char text[TOTE__OS_ERROR_BYTES];
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not prepared: %s cannot be read%s%s", path,
                      descriptor < 0 ? ": " : "",
                      descriptor >= 0   ? ""
                      : error == EINVAL ? "it is no regular file"
                                        : tote__os_error(error, text));
        tote__release(data, (size_t)size);
        return false;
    }
    *blob = (struct curl_blob){.data = data, .len = (size_t)size, .flags = CURL_BLOB_NOCOPY};
    return true;
}

static void clear_blob(struct curl_blob *blob) {
    tote__release(blob->data, blob->len);
    *blob = (struct curl_blob){.data = NULL};
}

void tote__prepared_clear(struct tote__prepared *prepared) {
    curl_slist_free_all(prepared->addresses);
    prepared->addresses = NULL;
    clear_blob(&prepared->ca);
    clear_blob(&prepared->certificate);
    clear_blob(&prepared->key);
}

static bool read_files(const struct tote__otlp_settings *settings,
                       struct tote__prepared *prepared) {
    const char *ca = settings->ca_file;

    if (!ca) {
        ca = curl_version_info(CURLVERSION_NOW)->cainfo; /* where curl looks by itself */
    }
    return read_file(ca, &prepared->ca) &&
           read_file(settings->client_certificate_file, &prepared->certificate) &&
           read_file(settings->client_key_file, &prepared->key);
}

tote_result tote__prepare(const struct tote__otlp_settings *settings, uint64_t deadline,
                          bool may_make_thread, struct tote__prepared *prepared) {
    struct lookup *lookup = tote__allocate_zeroed(sizeof *lookup);
    tote_result result = TOTE_FAILURE;
    bool is_https = false;

    *prepared = (struct tote__prepared){.addresses = NULL};
    if (!lookup) {
        tote_diagnose(TOTE_LEVEL_ERROR, component, "not prepared: no memory");
        return result;
    }
    atomic_init(&lookup->references, 1);
    if (read_url(settings->url, lookup, &is_https) &&
        (!is_https || read_files(settings, prepared))) {
        result = TOTE_SUCCESS;
    }
    if (result == TOTE_SUCCESS && !settings->unix_path && lookup->host[0]) {
        atomic_fetch_add(&lookup->references, 1);
        if (may_make_thread ? start_lookup(lookup) : look_up_here(lookup)) {
            result = await_lookup(lookup, deadline, prepared);
        } else {
            atomic_fetch_sub(&lookup->references, 1);
            tote_diagnose(TOTE_LEVEL_ERROR, component, "not prepared: no thread can be made");
            result = TOTE_FAILURE;
        }
    }
    lookup_unref(lookup);
    if (result != TOTE_SUCCESS) {
        tote__prepared_clear(prepared);
    }
    return result;
}

int tote__prepared_apply(const struct tote__prepared *prepared, CURL *easy) {
    int failed = 0;

    failed |= (int)curl_easy_setopt(easy, CURLOPT_RESOLVE, prepared->addresses);
    if (prepared->ca.data) {
        failed |= (int)curl_easy_setopt(easy, CURLOPT_CAINFO_BLOB, &prepared->ca);
        failed |= (int)curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    }
    if (prepared->certificate.data) {
        failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLCERT, NULL);
        failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLCERT_BLOB, &prepared->certificate);
    }
    if (prepared->key.data) {
        failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLKEY, NULL);
        failed |= (int)curl_easy_setopt(easy, CURLOPT_SSLKEY_BLOB, &prepared->key);
    }
    return failed;
}
