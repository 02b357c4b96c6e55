/* SPDX-License-Identifier: MIT */
/*
 * library.c - calls one library of Tote; -DUSE_<name> selects it
 *
 * A library without a section here cannot be compiled, so each library that is installed has one.
 */
#include <stdio.h>
#include <string.h>

#if defined(USE_api)

#include <tote/api.h>

static bool works(void) {
    char text[8];

    tote_store_add(tote_store_current(), "key", tote_int(7));
    return tote_store_get(tote_store_current(), "key", text, sizeof text) == 1 && *text == '7';
}

#elif defined(USE_tote)

#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

static bool works(void) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("consumer", NULL), "work", NULL);

    tote_span_close(&span);
    bool is_recorded = tote_in_memory_spans_find(memory, "work");
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return is_recorded;
}

#elif defined(USE_curl)

#include <tote/instrumentation/curl.h>

static bool works(void) {
    return tote_curl_list_getter() && !tote_curl_inject(tote_context_root(), NULL);
}

#elif defined(USE_database)

#include <tote/instrumentation/database.h>

static bool works(void) {
    static const char query[] = "SELECT name FROM customers WHERE id = 7";
    char text[sizeof query];

    tote_database_sanitize(text, sizeof text, "sqlite", query, sizeof query - 1);
    return strcmp(text, "SELECT name FROM customers WHERE id = ?") == 0;
}

#elif defined(USE_hiredis)

#include <tote/instrumentation/hiredis.h>

static bool works(void) {
    redisContext *context = redisConnect("127.0.0.1", 1); /* no server has this port */
    bool is_refused = context && !tote_redis_command(context, "PING");

    tote_redis_free(context);
    return is_refused;
}

#elif defined(USE_http)

#include <tote/instrumentation/http.h>

static bool works(void) {
    char name[32];

    tote_http_span_name(name, sizeof name, "GET", "/orders/{id}");
    return strcmp(name, "GET /orders/{id}") == 0;
}

#elif defined(USE_microhttpd)

#include <tote/instrumentation/microhttpd.h>

static bool works(void) {
    return tote_microhttpd_getter() && tote_microhttpd_setter();
}

#elif defined(USE_pq)

#include <tote/instrumentation/pq.h>

static bool works(void) {
    PGconn *connection = PQconnectdb("host=/nonexistent");
    PGresult *result = tote_pq_exec(connection, "SELECT 1");

    PQclear(result);
    PQfinish(connection);
    return !result;
}

#elif defined(USE_sqlite)

#include <tote/instrumentation/sqlite.h>

static bool works(void) {
    sqlite3 *db = NULL;
    bool is_good = sqlite3_open(":memory:", &db) == SQLITE_OK && tote_sqlite_trace(db, NULL) &&
                   tote_sqlite_exec(db, "CREATE TABLE a(b)", NULL, NULL, NULL) == SQLITE_OK;

    sqlite3_close(db);
    return is_good;
}

#elif defined(USE_xray)

#include <tote/instrumentation/xray.h>

static bool works(void) {
    return tote_propagator_xray_register();
}

#elif defined(USE_preload_threads)

#include <pthread.h>
#include <tote/api.h>

static void *run(void *arg) {
    return tote_context_current() == arg ? arg : NULL;
}

/* The object has plain pthread_create() carry the context. */
static bool works(void) {
    tote_scope *scope = tote_scope_open(NULL, "work", NULL);
    pthread_t thread;
    void *same = NULL;

    if (pthread_create(&thread, NULL, run, (void *)tote_context_current()) == 0) {
        pthread_join(thread, &same);
    }
    tote_scope_close(&scope);
    return same;
}

#elif defined(USE_preload_curl) || defined(USE_preload_hiredis) || defined(USE_preload_pq) ||      \
    defined(USE_preload_sqlite)

#include <stdbool.h>

/* The object is linked instead of preloaded. What it does is tested elsewhere. */
static bool works(void) {
    return true;
}

#else
#error "add a section for this library"
#endif

int main(void) {
    if (!works()) {
        fprintf(stderr, "the library does not work\n");
        return 1;
    }
    return 0;
}
