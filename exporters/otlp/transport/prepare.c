/* SPDX-License-Identifier: MIT */
/*
 * prepare.c - resolves names and reads TLS files in advance
 *
 * Tests: tests/guest/test_sandbox.c
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
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tote/diagnostics.h"
#include "tote/internal/clock.h"
#include "tote/internal/os.h"
#include "tote/internal/references.h"

enum { MOST_FILE = 4 << 20, MOST_ADDRESSES = 16, LOOK_MS = 1 };

static const char *const component = "otlp";

/*
 * A name lookup, on its own thread if allowed, because getaddrinfo() has no deadline. Freed by the
 * last user.
 */
struct lookup {
    char host[256];
    char port[8];
    struct addrinfo *found;
    int error;
    atomic_bool is_done;
    _Atomic(uint32_t) references;
};

static void lookup_unref(struct lookup *lookup) {
    if (tote__references_drop(&lookup->references)) {
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
            return TOTE_RESULT_TIMEOUT;
        }
        nanosleep(&moment, NULL);
    }
    if (lookup->error) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "not prepared: %s cannot be resolved: %s", lookup->host,
                                gai_strerror(lookup->error));
        return TOTE_RESULT_FAILURE;
    }
    prepared->addresses = list_addresses(lookup);
    return prepared->addresses ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}

static bool needs_lookup(const struct tote__otlp_settings *settings) {
    struct in6_addr address;

    return !settings->unix_path && settings->host[0] != '[' &&
           inet_pton(AF_INET, settings->host, &address) != 1;
}

/* Without a thread the lookup has no deadline. */
static tote_result look_up_host(const struct tote__otlp_settings *settings, uint64_t deadline,
                                bool may_make_thread, struct tote__prepared *prepared) {
    tote_result result = TOTE_RESULT_FAILURE;

    if (may_make_thread && tote__clock_monotonic() >= deadline) {
        return TOTE_RESULT_TIMEOUT;
    }
    struct lookup *lookup = tote__allocate_zeroed(sizeof *lookup);
    if (!lookup) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "not prepared: out of memory");
        return result;
    }
    snprintf(lookup->host, sizeof lookup->host, "%s", settings->host);
    snprintf(lookup->port, sizeof lookup->port, "%s", settings->port);
    atomic_init(&lookup->references, 2);
    if (!may_make_thread) {
        look_up(lookup);
    } else if (!start_lookup(lookup)) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component,
                                "not prepared: no thread can be created");
        lookup_unref(lookup);
        lookup_unref(lookup);
        return result;
    }
    result = await_lookup(lookup, deadline, prepared);
    lookup_unref(lookup);
    return result;
}

/* Read a file. Returns false, with a diagnostic, on failure. A NULL path has no bytes. */
static bool read_file(const char *path, struct curl_blob *blob) {
    int descriptor = path ? tote__os_open_regular(path) : -1;
    int error = errno;
    struct stat status = {.st_size = 0};

    if (descriptor >= 0) {
        fstat(descriptor, &status);
    }
    size_t size = status.st_size <= MOST_FILE ? (size_t)status.st_size : 0;
    char *data = size ? tote__allocate(size) : NULL;
    bool is_read = data && read(descriptor, data, size) == (ssize_t)size;
    if (descriptor >= 0) {
        close(descriptor);
    }
    if (path && !is_read) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, component, "not prepared: %s cannot be read%s%s",
                                path, descriptor < 0 ? ": " : "",
                                descriptor >= 0   ? ""
                                : error == EINVAL ? "it is not a regular file"
                                                  : tote__os_error(error).text);
        tote__release(data, size);
        return false;
    }
    *blob = (struct curl_blob){.data = data, .len = size, .flags = CURL_BLOB_NOCOPY};
    return true;
}

void tote__prepared_clear(struct tote__prepared *prepared) {
    curl_slist_free_all(prepared->addresses);
    for (size_t i = 0; i < TOTE__TLS_FILES; i++) {
        tote__release(prepared->files[i].data, prepared->files[i].len);
    }
    *prepared = (struct tote__prepared){.addresses = NULL};
}

static bool read_files(const struct tote__otlp_settings *settings,
                       struct tote__prepared *prepared) {
    const char *const paths[TOTE__TLS_FILES] = {
        settings->ca_file ? settings->ca_file /* otherwise curl's default */
                          : curl_version_info(CURLVERSION_NOW)->cainfo,
        settings->client_certificate_file, settings->client_key_file};
    bool are_read = true;

    for (size_t i = 0; i < TOTE__TLS_FILES && are_read; i++) {
        are_read = read_file(paths[i], &prepared->files[i]);
    }
    return are_read;
}

/* The C library reads the files of the time zone once. TLS libraries convert times. */
static void read_time_zone(void) {
    const time_t epoch = 0;
    struct tm utc;

    gmtime_r(&epoch, &utc);
}

tote_result tote__prepare(const struct tote__otlp_settings *settings, uint64_t deadline,
                          bool may_make_thread, struct tote__prepared *prepared) {
    tote_result result = TOTE_RESULT_FAILURE;

    *prepared = (struct tote__prepared){.addresses = NULL};
    read_time_zone();
    if (!settings->is_tls || read_files(settings, prepared)) {
        result = needs_lookup(settings)
                     ? look_up_host(settings, deadline, may_make_thread, prepared)
                     : TOTE_RESULT_SUCCESS;
    }
    if (result != TOTE_RESULT_SUCCESS) {
        tote__prepared_clear(prepared);
    }
    return result;
}

int tote__prepared_apply(const struct tote__prepared *prepared, CURL *easy) {
    static const struct {
        CURLoption blob;
        CURLoption unset; /* would open files, too */
    } options[TOTE__TLS_FILES] = {
        [TOTE__CA_FILE] = {CURLOPT_CAINFO_BLOB, CURLOPT_CAPATH},
        [TOTE__CERTIFICATE_FILE] = {CURLOPT_SSLCERT_BLOB, CURLOPT_SSLCERT},
        [TOTE__KEY_FILE] = {CURLOPT_SSLKEY_BLOB, CURLOPT_SSLKEY},
    };
    int failed = (int)curl_easy_setopt(easy, CURLOPT_RESOLVE, prepared->addresses);

    for (size_t i = 0; i < TOTE__TLS_FILES; i++) {
        if (prepared->files[i].data) {
            failed |= (int)curl_easy_setopt(easy, options[i].unset, NULL);
            failed |= (int)curl_easy_setopt(easy, options[i].blob, &prepared->files[i]);
        }
    }
    return failed;
}
