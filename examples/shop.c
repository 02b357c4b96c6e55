/* SPDX-License-Identifier: MIT */
/*
 * shop.c - three services that call each other over HTTP, in one program
 *
 *   shop inventory --port 0
 *   shop checkout  --port 0 --next http://127.0.0.1:PORT
 *   shop frontend  --port 0 --next http://127.0.0.1:PORT
 *
 * A request goes frontend -> checkout -> inventory. The frontend adds the user to its store, so the
 * spans of all three services have the user, and the other two services read it from their stores.
 * The frontend also adds the session, which is private and stays in its process.
 *
 * Untrusted clients can reach the frontend: it is a public endpoint, and starts new traces. The
 * other two services continue the trace of their caller. See docs/propagation.md.
 */
#include <curl/curl.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/curl.h>
#include <tote/instrumentation/microhttpd.h>
#include <tote/tote.h>
#include <unistd.h>

static const char *next_service; /* the base URL of the service to call */
static tote_tracer *tracer;

/* A request of a service. */
struct request {
    const char *item;
    unsigned status;
};

static size_t ignore_body(char *bytes, size_t size, size_t count, void *arg) {
    (void)bytes, (void)arg;
    return size * count;
}

/* GET `path` for the item from the next service. Returns the status, or 0 without a response. */
static unsigned call_next(const char *path, const char *item) {
    char url[512];
    long status = 0;
    CURL *easy = curl_easy_init();
    char *escaped = easy ? curl_easy_escape(easy, item, 0) : NULL;

    if (!escaped) {
        curl_easy_cleanup(easy);
        return 0;
    }
    snprintf(url, sizeof url, "%s%s?item=%s", next_service, path, escaped);
    curl_free(escaped);
    curl_easy_setopt(easy, CURLOPT_URL, url);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, ignore_body);
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, 5000L);
    if (tote_curl_perform(easy, NULL) == CURLE_OK) { /* a client span, with headers */
        curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &status);
    }
    curl_easy_cleanup(easy);
    return (unsigned)status;
}

static void work_for(unsigned milliseconds) {
    usleep(milliseconds * 1000);
}

/* frontend: identify the user, and call checkout. */
static int buy(void *arg) {
    struct request *request = arg;
    tote_store *store = tote_store_current();

    tote_store_add(store, "user.id", tote_string("u_123")); /* sent on, and on spans */
    tote_store_add_as(store, "session", tote_string("s3cr3t"), TOTE_VISIBILITY_PRIVATE,
                      NULL); /* stays in this process */
    work_for(2);
    request->status = call_next("/checkout", request->item);
    return 0;
}

static int reserve(void *arg) {
    struct request *request = arg;

    request->status = call_next("/reserve", request->item);
    return request->status == 200 ? 0 : -1;
}

static int charge(void *arg) {
    const tote_store *store = tote_store_current();
    char user[64];

    (void)arg;
    if (tote_store_get(store, "user.id", user, sizeof user) < 0) { /* the frontend added it */
        tote_span_set_status(tote_span_current(), TOTE_STATUS_CODE_ERROR, "no user to charge");
        return -1;
    }
    tote_span_set_attribute(tote_span_current(), "payment.account", tote_string(user));
    work_for(12);
    return 0;
}

/* checkout: reserve the item, charge the user. */
static int checkout(void *arg) {
    struct request *request = arg;

    tote_store_add(tote_store_current(), "cart.item", tote_string(request->item));
    if (tote_run_scoped(tracer, "reserve", NULL, reserve, request) != 0) {
        return 0; /* request->status has the failure */
    }
    if (tote_run_scoped(tracer, "charge", NULL, charge, request) != 0) {
        request->status = 402;
    }
    return 0;
}

static int look_up(void *arg) {
    struct request *request = arg;
    const tote_attribute found[] = {{"stock", tote_int(0)}};

    work_for(5);
    if (strcmp(request->item, "unicorn") == 0) {
        tote_span_add_event(tote_span_current(), "out of stock", found, TOTE_COUNT_OF(found), 0);
        tote_span_set_status(tote_span_current(), TOTE_STATUS_CODE_ERROR, "no unicorns left");
        request->status = 409;
        return 1;
    }
    request->status = 200;
    return 0;
}

/* inventory: look up the stock. */
static int check_stock(void *arg) {
    tote_run_scoped(tracer, "look up stock", NULL, look_up, arg);
    work_for(1);
    return 0;
}

static const struct service {
    const char *name;
    const char *route;
    int (*serve)(void *arg);
} services[] = {
    {"frontend", "/buy", buy},
    {"checkout", "/checkout", checkout},
    {"inventory", "/reserve", check_stock},
};

static enum MHD_Result reply(struct MHD_Connection *connection, unsigned status) {
    static char body[] = "done\n";
    struct MHD_Response *response =
        MHD_create_response_from_buffer(sizeof body - 1, body, MHD_RESPMEM_PERSISTENT);
    enum MHD_Result result = MHD_queue_response(connection, status, response);

    MHD_destroy_response(response);
    return result;
}

/* The handler. libtote-microhttpd calls it in a scope of the request. */
static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state) {
    const struct service *service = cls;
    const char *item = MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "item");
    struct request request = {item ? item : "book", 200};

    (void)version, (void)body, (void)body_size, (void)state;
    if (strcmp(method, "GET") != 0 || strcmp(url, service->route) != 0) {
        return reply(connection, 404);
    }
    service->serve(&request);
    return reply(connection, request.status ? request.status : 502); /* 0: no response */
}

static const char *get_route(void *cls, const char *method, const char *path) {
    const struct service *service = cls;

    (void)method;
    return strcmp(path, service->route) == 0 ? service->route : NULL;
}

static int run(const struct service *service, uint16_t port) {
    sigset_t signals;
    int caught;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* on all threads; sigwait() waits for them */

    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.service_name = service->name;
    tote_sdk *sdk = tote_sdk_start(&options);
    tracer = tote_get_tracer("shop", tote_version());

    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    tote_microhttpd_server server = TOTE_MICROHTTPD_SERVER_INIT;
    server.tracer = tracer;
    server.handle = on_request;
    server.get_route = get_route;
    server.public_endpoint = service->serve == buy; /* the frontend */
    server.handle_cls = server.get_route_cls = (void *)service;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, port, NULL, NULL,
        tote_microhttpd_handle, &server, MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed,
        &server, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "shop: cannot listen on port %u: %s\n", port, strerror(errno));
        tote_sdk_close(&sdk, 0);
        return 1;
    }
    printf("listening on 127.0.0.1:%u\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&signals, &caught);
    MHD_stop_daemon(daemon);
    return tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS ? 0 : 1;
}

int main(int argc, char **argv) {
    const struct service *service = NULL;
    uint16_t port = 0;

    for (size_t i = 0; argc > 1 && i < TOTE_COUNT_OF(services); i++) {
        if (strcmp(argv[1], services[i].name) == 0) {
            service = &services[i];
        }
    }
    for (int i = 2; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--port") == 0) {
            port = (uint16_t)strtoul(argv[i + 1], NULL, 10);
        } else if (strcmp(argv[i], "--next") == 0) {
            next_service = argv[i + 1];
        }
    }
    if (!service || (service->serve != check_stock && !next_service)) {
        fprintf(stderr, "usage: shop frontend|checkout|inventory [--port N] [--next URL]\n");
        return 2;
    }
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int result = run(service, port);
    curl_global_cleanup();
    return result;
}
