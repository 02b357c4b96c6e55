/* SPDX-License-Identifier: MIT */
/*
 * orders.c - a service with two databases: orders are in PostgreSQL, a cache of them is in SQLite
 *
 *   orders "host=127.0.0.1 dbname=shop" cache.db
 *   curl http://127.0.0.1:PORT/orders/7
 *
 * The service makes the server spans with libtote-microhttpd. It has no code for the spans of its
 * database calls: tote-preload-pq.so and tote-preload-sqlite.so make them in the unchanged calls.
 * examples/hosts.sh runs it behind nginx.
 */
#include <errno.h>
#include <libpq-fe.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/instrumentation/microhttpd.h>
#include <tote/tote.h>

#define ROUTE_PREFIX "/orders/"

static const char *server, *cache;

/* Copy the order from the cache. Returns false if it is not there. */
static bool find_cached(sqlite3 *db, const char *id, char *item, size_t size) {
    sqlite3_stmt *statement = NULL;
    bool is_found = false;

    if (sqlite3_prepare_v2(db, "SELECT item FROM cached WHERE id = ?", -1, &statement, NULL) ==
        SQLITE_OK) {
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
        if (sqlite3_step(statement) == SQLITE_ROW) {
            snprintf(item, size, "%s", (const char *)sqlite3_column_text(statement, 0));
            is_found = true;
        }
    }
    sqlite3_finalize(statement);
    return is_found;
}

static void add_cached(sqlite3 *db, const char *id, const char *item) {
    sqlite3_stmt *statement = NULL;

    if (sqlite3_prepare_v2(db, "INSERT OR REPLACE INTO cached VALUES (?, ?)", -1, &statement,
                           NULL) == SQLITE_OK) {
        sqlite3_bind_text(statement, 1, id, -1, SQLITE_STATIC);
        sqlite3_bind_text(statement, 2, item, -1, SQLITE_STATIC);
        sqlite3_step(statement);
    }
    sqlite3_finalize(statement);
}

/* Read the order from PostgreSQL. Returns the status of the response. */
static unsigned find_stored(const char *id, char *item, size_t size) {
    PGconn *connection = PQconnectdb(server);
    PGresult *result = PQexecParams(connection, "SELECT item FROM orders WHERE id = $1", 1, NULL,
                                    &id, NULL, NULL, 0);
    unsigned status = 404;

    if (PQresultStatus(result) != PGRES_TUPLES_OK) {
        fprintf(stderr, "orders: %s", PQerrorMessage(connection));
        status = 500;
    } else if (PQntuples(result) > 0) {
        snprintf(item, size, "%s", PQgetvalue(result, 0, 0));
        status = 200;
    }
    PQclear(result);
    PQfinish(connection);
    return status;
}

static unsigned find_order(const char *id, char *item, size_t size) {
    sqlite3 *db = NULL;
    unsigned status = 200;

    if (sqlite3_open(cache, &db) != SQLITE_OK) {
        fprintf(stderr, "orders: %s\n", sqlite3_errmsg(db));
    }
    sqlite3_busy_timeout(db, 1000);
    if (!find_cached(db, id, item, size)) {
        status = find_stored(id, item, size);
        if (status == 200) {
            add_cached(db, id, item);
        }
    }
    sqlite3_close(db);
    return status;
}

/* Make the empty cache. Returns false with a message. */
static bool make_cache(void) {
    sqlite3 *db = NULL;
    bool is_made =
        sqlite3_open(cache, &db) == SQLITE_OK &&
        sqlite3_exec(db, "CREATE TABLE IF NOT EXISTS cached (id TEXT PRIMARY KEY, item TEXT)", NULL,
                     NULL, NULL) == SQLITE_OK;

    if (!is_made) {
        fprintf(stderr, "orders: %s: %s\n", cache, sqlite3_errmsg(db));
    }
    sqlite3_close(db);
    return is_made;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *connection, const char *url,
                                  const char *method, const char *version, const char *body,
                                  size_t *body_size, void **state) {
    char item[256] = "no such order";
    unsigned status = 404;

    (void)cls, (void)version, (void)body, (void)state;
    *body_size = 0;
    if (strcmp(method, "GET") == 0 && strncmp(url, ROUTE_PREFIX, strlen(ROUTE_PREFIX)) == 0) {
        status = find_order(url + strlen(ROUTE_PREFIX), item, sizeof item);
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(item), item, MHD_RESPMEM_MUST_COPY);
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static const char *get_route(void *cls, const char *method, const char *path) {
    (void)cls, (void)method;
    return strncmp(path, ROUTE_PREFIX, strlen(ROUTE_PREFIX)) == 0 ? "/orders/{id}" : NULL;
}

/* Serve until a signal. Returns false with a message. */
static bool serve(tote_tracer *tracer) {
    sigset_t signals;
    int caught;

    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL); /* on all threads; sigwait() waits for them */

    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    tote_microhttpd_server http = TOTE_MICROHTTPD_SERVER_INIT;
    http.tracer = tracer;
    http.handle = on_request;
    http.get_route = get_route;
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION, 0, NULL, NULL,
        tote_microhttpd_handle, &http, MHD_OPTION_NOTIFY_COMPLETED, tote_microhttpd_completed,
        &http, MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_END);
    if (!daemon) {
        fprintf(stderr, "orders: cannot listen: %s\n", strerror(errno));
        return false;
    }
    printf("listening on 127.0.0.1:%u\n",
           MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT)->port);
    fflush(stdout);
    sigwait(&signals, &caught);
    MHD_stop_daemon(daemon);
    return true;
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: orders CONNINFO CACHE\n");
        return 2;
    }
    server = argv[1];
    cache = argv[2];

    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.service_name = "orders";
    tote_sdk *sdk = tote_sdk_start(&options);
    bool is_served = make_cache() && serve(tote_get_tracer("orders", tote_version()));
    bool is_closed = tote_sdk_close(&sdk, 5000) == TOTE_RESULT_SUCCESS;
    return is_served && is_closed ? 0 : 1;
}
