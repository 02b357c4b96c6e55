/* SPDX-License-Identifier: MIT */
/*
 * sqlite_callbacks.c - a program that knows nothing of Tote and registers callbacks of its own
 *
 * sqlite_callbacks FILE: prints each call, and each result that a program can see.
 */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>

/* sqlite3_trace() and sqlite3_profile() are still in use. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

enum { THREADS = 8, ROUNDS = 200 };

static const char *path;

static int on_event(unsigned event, void *data, void *subject, void *detail) {
    printf("%s: %u", (const char *)data, event);
    if (event == SQLITE_TRACE_STMT) {
        printf(" %s", (const char *)detail);
    } else if (event != SQLITE_TRACE_CLOSE) {
        printf(" %s", sqlite3_sql(subject));
    }
    puts("");
    return 0;
}

static void on_trace(void *data, const char *sql) {
    printf("%s: %s\n", (const char *)data, sql);
}

static void on_profile(void *data, const char *sql, sqlite3_uint64 nanoseconds) {
    (void)nanoseconds;
    printf("%s: %s\n", (const char *)data, sql);
}

static void run(sqlite3 *db, const char *sql) {
    char *message = NULL;
    int result = sqlite3_exec(db, sql, NULL, NULL, &message);

    printf("%s = %d %d %s\n", sql, result, sqlite3_extended_errcode(db), message ? message : "");
    sqlite3_free(message);
}

static void use_callbacks(sqlite3 *db) {
    static char first[] = "first", second[] = "second", third[] = "third";
    const unsigned all =
        SQLITE_TRACE_STMT | SQLITE_TRACE_PROFILE | SQLITE_TRACE_ROW | SQLITE_TRACE_CLOSE;

    printf("v2 = %d\n", sqlite3_trace_v2(db, all, on_event, first));
    run(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b UNIQUE)");
    run(db, "CREATE TABLE log (a)");
    run(db, "CREATE TRIGGER r AFTER INSERT ON t BEGIN INSERT INTO log VALUES (new.a); END");
    run(db, "INSERT INTO t VALUES (1, 'x'), (2, 'y'); SELECT * FROM t");
    run(db, "INSERT INTO t VALUES (3, 'x')");
    run(db, "SELECT * FROM missing");
    printf("before trace = %s\n", (const char *)sqlite3_trace(db, on_trace, second));
    run(db, "INSERT INTO t VALUES (4, 'z')");
    printf("before profile = %s\n",
           (const char *)sqlite3_profile(db, on_profile, third) ? "?" : "none");
    run(db, "SELECT count(*) FROM log");
    printf("before none = %s\n", (const char *)sqlite3_trace(db, NULL, NULL));
    run(db, "SELECT 7");
    printf("before profile = %s\n", (const char *)sqlite3_profile(db, on_profile, third));
    run(db, "SELECT 8");
    printf("v2 = %d\n", sqlite3_trace_v2(db, SQLITE_TRACE_STMT, on_event, second));
    run(db, "SELECT 9");
    printf("v2 = %d\n", sqlite3_trace_v2(db, 0, on_event, second));
    run(db, "SELECT 10");
    printf("v2 = %d\n", sqlite3_trace_v2(db, SQLITE_TRACE_CLOSE, on_event, first));
}

/* Close a connection that SQLite refuses to close first. */
static void use_unfinished(sqlite3 *db) {
    sqlite3_stmt *statement = NULL;

    printf("prepared = %d\n",
           sqlite3_prepare_v2(db, "SELECT a FROM t WHERE a > ?", -1, &statement, NULL));
    for (int i = 0; i < 3; i++) {
        sqlite3_bind_int(statement, 1, i);
        printf("step = %d\n", sqlite3_step(statement));
        printf("reset = %d\n", sqlite3_reset(statement));
    }
    printf("step = %d\n", sqlite3_step(statement));
    printf("close = %d\n", sqlite3_close(db));
    printf("step = %d\n", sqlite3_step(statement));
    run(db, "SELECT 11");
    printf("zombie = %d\n", sqlite3_close_v2(db));
    printf("finalize = %d\n", sqlite3_finalize(statement));
}

static void *work(void *arg) {
    sqlite3_stmt *statement = NULL;
    sqlite3 *db = NULL;
    int *failed = arg;

    *failed = sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK;
    sqlite3_busy_timeout(db, 60000);
    *failed |= sqlite3_prepare_v2(db, "INSERT INTO log VALUES (?)", -1, &statement, NULL);
    for (int i = 0; i < ROUNDS && !*failed; i++) {
        *failed |= i % 20 == 0 && sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL);
        sqlite3_bind_int(statement, 1, i);
        errno = 77;
        *failed |= sqlite3_step(statement) != SQLITE_DONE;
        *failed |= sqlite3_reset(statement);
        *failed |= i % 20 == 19 && sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
    }
    *failed |= sqlite3_finalize(statement);
    *failed |= sqlite3_close(db);
    return NULL;
}

static void use_threads(void) {
    pthread_t threads[THREADS];
    int failed[THREADS];

    for (int i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work, &failed[i]);
    }
    for (int i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        printf("thread %d: %d\n", i, failed[i]);
    }
}

int main(int argc, char **argv) {
    sqlite3 *db = NULL;

    if (argc != 2) {
        return 2;
    }
    path = argv[1];
    printf("missing = %d\n", sqlite3_open_v2("/missing/file", &db, SQLITE_OPEN_READONLY, NULL));
    printf("close = %d\n", sqlite3_close(db));
    printf("open = %d\n", sqlite3_open(path, &db));
    use_callbacks(db);
    use_unfinished(db);
    use_threads();
    printf("null = %d %d %d\n", sqlite3_step(NULL), sqlite3_finalize(NULL), sqlite3_close(NULL));
    return 0;
}
