/* SPDX-License-Identifier: MIT */
/*
 * receiver.c - an HTTP receiver on libmicrohttpd
 *
 * `lock` guards everything that the daemon does not get at start. All requests are kept.
 *
 * The daemon works in a thread of ours that holds `at_work`, and a fork waits for it. So no lock of
 * the allocator, or of a sanitizer's, is left locked in the child by a thread that does not exist
 * there.
 */
#include "receiver.h"

#include <arpa/inet.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { MAX_REQUESTS = 32768, MAX_HEADERS = 32, MAX_HANGING = 256, DRIP_MS = 50 };

struct request {
    char *method;
    char *path;
    char *body;
    size_t body_size;
    bool is_taken;
    size_t header_count;
    char *names[MAX_HEADERS];
    char *values[MAX_HEADERS];
};

struct receiver {
    struct MHD_Daemon *daemon;
    pthread_t thread;
    bool has_thread;
    sem_t serves; /* its thread does nothing else */
    int stops;    /* an event descriptor, readable when the thread must end */
    char url[64];
    pthread_mutex_t lock;
    pthread_cond_t has_more;
    struct receiver_response response;
    struct request *requests[MAX_REQUESTS];
    size_t request_count;
    size_t connection_count;
    struct MHD_Connection *hanging[MAX_HANGING];
    size_t hanging_count;
};

/* The body of one response being sent. */
struct body {
    struct receiver_response response;
};

static void pause_ms(unsigned ms) {
    struct timespec time = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000};

    nanosleep(&time, NULL);
}

static void request_free(struct request *request) {
    for (size_t i = 0; i < request->header_count; i++) {
        free(request->names[i]);
        free(request->values[i]);
    }
    free(request->method);
    free(request->path);
    free(request->body);
    free(request);
}

static enum MHD_Result note_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct request *request = arg;

    (void)kind;
    if (request->header_count < MAX_HEADERS) {
        request->names[request->header_count] = strdup(name);
        request->values[request->header_count++] = strdup(value ? value : "");
    }
    return MHD_YES;
}

static ssize_t give_body(void *arg, uint64_t position, char *buffer, size_t room) {
    const struct body *body = arg;
    const struct receiver_response *response = &body->response;
    size_t left = response->body_size - (size_t)position;

    if (response->manner == RECEIVER_CLOSES_MIDWAY && position >= response->body_size / 2) {
        return MHD_CONTENT_READER_END_WITH_ERROR;
    }
    if (response->manner == RECEIVER_DRIPS) {
        pause_ms(DRIP_MS);
        room = 1;
    }
    size_t size = left < room ? left : room;
    if (response->manner == RECEIVER_CLOSES_MIDWAY && size > response->body_size / 2) {
        size = response->body_size / 2;
    }
    if (response->body) {
        memcpy(buffer, (const char *)response->body + position, size);
    } else {
        memset(buffer, 'x', size);
    }
    return (ssize_t)size;
}

static void add_headers(struct MHD_Response *mhd_response, const char *const *headers) {
    for (; *headers; headers++) {
        const char *colon = strchr(*headers, ':');
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)(colon - *headers), *headers);
        MHD_add_response_header(mhd_response, name, colon + 2);
    }
}

static enum MHD_Result respond(struct MHD_Connection *connection,
                               const struct receiver_response *response) {
    struct body *body = malloc(sizeof *body);

    if (!body) {
        return MHD_NO;
    }
    body->response = *response;
    struct MHD_Response *mhd_response =
        MHD_create_response_from_callback(response->body_size, 16384, give_body, body, free);
    add_headers(mhd_response, response->headers);
    enum MHD_Result result =
        MHD_queue_response(connection, response->status ? response->status : 200, mhd_response);
    MHD_destroy_response(mhd_response);
    return result;
}

static enum MHD_Result finish(struct receiver *receiver, struct MHD_Connection *connection,
                              struct request *request, void **state) {
    pthread_mutex_lock(&receiver->lock);
    struct receiver_response response = receiver->response;
    bool has_room = receiver->request_count < MAX_REQUESTS;
    request->is_taken = response.manner != RECEIVER_HANGS && response.manner != RECEIVER_CLOSES &&
                        (response.status == 0 || response.status / 100 == 2);
    if (has_room) {
        receiver->requests[receiver->request_count++] = request;
        *state = NULL;
    }
    bool hangs = response.manner == RECEIVER_HANGS && receiver->hanging_count < MAX_HANGING;
    if (hangs) {
        receiver->hanging[receiver->hanging_count++] = connection;
        MHD_suspend_connection(connection);
    }
    pthread_cond_broadcast(&receiver->has_more);
    pthread_mutex_unlock(&receiver->lock);

    if (hangs) {
        return MHD_YES;
    }
    pause_ms(response.delay_ms);
    return response.manner == RECEIVER_CLOSES || !has_room ? MHD_NO
                                                           : respond(connection, &response);
}

static enum MHD_Result take(void *arg, struct MHD_Connection *connection, const char *url,
                            const char *method, const char *version, const char *bytes,
                            size_t *size, void **state) {
    struct receiver *receiver = arg;
    struct request *request = *state;

    (void)url, (void)version;
    if (!request) { /* the path is set already; a request that hung gets here a second time and ends
                     */
        return MHD_NO;
    }
    if (!request->method) {
        request->method = strdup(method);
        MHD_get_connection_values(connection, MHD_HEADER_KIND, note_header, request);
        return MHD_YES;
    }
    if (*size) {
        char *body = realloc(request->body, request->body_size + *size);
        if (!body) {
            return MHD_NO;
        }
        memcpy(body + request->body_size, bytes, *size);
        request->body = body;
        request->body_size += *size;
        *size = 0;
        return MHD_YES;
    }
    return finish(receiver, connection, request, state);
}

/* The only callback with the whole URI; what it returns is the state of the request. */
static void *begin(void *arg, const char *uri, struct MHD_Connection *connection) {
    struct request *request = calloc(1, sizeof *request);

    (void)arg, (void)connection;
    if (request) {
        request->path = strdup(uri);
    }
    return request;
}

static void end(void *arg, struct MHD_Connection *connection, void **state,
                enum MHD_RequestTerminationCode code) {
    (void)arg, (void)connection, (void)code;
    if (*state) {
        request_free(*state);
        *state = NULL;
    }
}

static void note_connection(void *arg, struct MHD_Connection *connection, void **state,
                            enum MHD_ConnectionNotificationCode code) {
    struct receiver *receiver = arg;

    (void)connection, (void)state;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        pthread_mutex_lock(&receiver->lock);
        receiver->connection_count++;
        pthread_mutex_unlock(&receiver->lock);
    }
}

static pthread_mutex_t at_work = PTHREAD_MUTEX_INITIALIZER;

static void rest_for_a_fork(void) {
    pthread_mutex_lock(&at_work);
}

static void continue_after_fork(void) {
    pthread_mutex_unlock(&at_work);
}

static void watch_forks(void) {
    pthread_atfork(rest_for_a_fork, continue_after_fork, continue_after_fork);
}

static int descriptor_of(struct receiver *receiver) {
    return MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

static void *serve(void *arg) {
    struct receiver *receiver = arg;
    struct pollfd fds[] = {{receiver->stops, POLLIN, 0}, {descriptor_of(receiver), POLLIN, 0}};

    sem_post(&receiver->serves);
    while (!fds[0].revents) {
        MHD_UNSIGNED_LONG_LONG timeout_ms;
        pthread_mutex_lock(&at_work);
        bool has_timeout = MHD_run(receiver->daemon) == MHD_YES &&
                           MHD_get_timeout(receiver->daemon, &timeout_ms) == MHD_YES;
        pthread_mutex_unlock(&at_work);
        poll(fds, 2, has_timeout ? (int)timeout_ms : -1);
    }
    return NULL;
}

/* `options` end with MHD_OPTION_END. */
static struct receiver *start(unsigned flags, struct MHD_OptionItem *options) {
    static pthread_once_t is_watching = PTHREAD_ONCE_INIT;
    struct receiver *receiver = calloc(1, sizeof *receiver);

    if (!receiver) {
        return NULL;
    }
    pthread_once(&is_watching, watch_forks);
    pthread_mutex_init(&receiver->lock, NULL);
    sem_init(&receiver->serves, 0, 0);
    pthread_cond_init(&receiver->has_more, NULL);
    receiver->daemon =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | flags, 0, NULL, NULL, take,
                         receiver, MHD_OPTION_ARRAY, options, MHD_OPTION_URI_LOG_CALLBACK, begin,
                         NULL, MHD_OPTION_NOTIFY_COMPLETED, end, NULL, MHD_OPTION_NOTIFY_CONNECTION,
                         note_connection, receiver, MHD_OPTION_END);
    receiver->stops = eventfd(0, EFD_CLOEXEC);
    receiver->has_thread = receiver->daemon && receiver->stops >= 0 &&
                           !pthread_create(&receiver->thread, NULL, serve, receiver);
    if (!receiver->has_thread) {
        receiver_stop(receiver);
        return NULL;
    }
    while (sem_wait(&receiver->serves) != 0) {
    }
    return receiver;
}

static struct receiver *start_on_loopback(const char *certificate, const char *key) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_SOCK_ADDR, 0, &address},
        {certificate ? MHD_OPTION_HTTPS_MEM_CERT : MHD_OPTION_END, 0,
         (void *)(uintptr_t)certificate},
        {MHD_OPTION_HTTPS_MEM_KEY, 0, (void *)(uintptr_t)key},
        {MHD_OPTION_END, 0, NULL},
    };
    struct receiver *receiver = start(certificate ? MHD_USE_TLS : 0, options);

    if (receiver) {
        const union MHD_DaemonInfo *info =
            MHD_get_daemon_info(receiver->daemon, MHD_DAEMON_INFO_BIND_PORT);
        snprintf(receiver->url, sizeof receiver->url, "http%s://127.0.0.1:%u",
                 certificate ? "s" : "", (unsigned)info->port);
    }
    return receiver;
}

struct receiver *receiver_start(void) {
    return start_on_loopback(NULL, NULL);
}

struct receiver *receiver_start_tls(const char *certificate, const char *key) {
    return start_on_loopback(certificate, key);
}

struct receiver *receiver_start_unix(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) || listen(fd, 8)) {
        close(fd);
        return NULL;
    }
    struct MHD_OptionItem options[] = {
        {MHD_OPTION_LISTEN_SOCKET, fd, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    return start(0, options);
}

const char *receiver_url(const struct receiver *receiver) {
    return receiver->url;
}

void receiver_set_response(struct receiver *receiver, struct receiver_response response) {
    pthread_mutex_lock(&receiver->lock);
    receiver->response = response;
    pthread_mutex_unlock(&receiver->lock);
}

size_t receiver_wait(struct receiver *receiver, size_t count) {
    struct timespec until;
    int error = 0;

    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 60;
    pthread_mutex_lock(&receiver->lock);
    while (receiver->request_count < count && !error) {
        error = pthread_cond_timedwait(&receiver->has_more, &receiver->lock, &until);
    }
    size_t have = receiver->request_count;
    pthread_mutex_unlock(&receiver->lock);
    return have;
}

static const struct request *request_at(struct receiver *receiver, size_t index) {
    pthread_mutex_lock(&receiver->lock);
    const struct request *request =
        index < receiver->request_count ? receiver->requests[index] : NULL;
    pthread_mutex_unlock(&receiver->lock);
    return request;
}

struct received receiver_request(struct receiver *receiver, size_t index) {
    const struct request *request = request_at(receiver, index);

    if (!request) {
        return (struct received){.method = NULL};
    }
    return (struct received){.method = request->method,
                             .path = request->path,
                             .body = request->body,
                             .body_size = request->body_size,
                             .is_taken = request->is_taken};
}

const char *receiver_header(struct receiver *receiver, size_t index, const char *name) {
    const struct request *request = request_at(receiver, index);

    for (size_t i = 0; request && i < request->header_count; i++) {
        if (strcasecmp(request->names[i], name) == 0) {
            return request->values[i];
        }
    }
    return NULL;
}

size_t receiver_connection_count(struct receiver *receiver) {
    pthread_mutex_lock(&receiver->lock);
    size_t count = receiver->connection_count;
    pthread_mutex_unlock(&receiver->lock);
    return count;
}

void receiver_stop(struct receiver *receiver) {
    if (!receiver) {
        return;
    }
    pthread_mutex_lock(&receiver->lock);
    receiver->response.manner = RECEIVER_CLOSES; /* no request hangs from here on */
    for (size_t i = 0; i < receiver->hanging_count; i++) {
        MHD_resume_connection(receiver->hanging[i]);
    }
    pthread_mutex_unlock(&receiver->lock);
    if (receiver->has_thread) {
        eventfd_write(receiver->stops, 1);
        pthread_join(receiver->thread, NULL);
    }
    close(receiver->stops);
    if (receiver->daemon) {
        MHD_stop_daemon(receiver->daemon);
    }
    pthread_mutex_lock(&receiver->lock);
    for (size_t i = 0; i < receiver->request_count; i++) {
        request_free(receiver->requests[i]);
    }
    pthread_mutex_unlock(&receiver->lock);
    pthread_cond_destroy(&receiver->has_more);
    pthread_mutex_destroy(&receiver->lock);
    sem_destroy(&receiver->serves);
    free(receiver);
}
