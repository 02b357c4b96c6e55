/* SPDX-License-Identifier: MIT */
/*
 * pq_modes.c - each way in which a program can use libpq
 *
 * pq_modes [MODE...]: connects by the PG* variables, and prints what libpq returns. Built twice:
 * without Tote, and, with TRACED, by a header that replaces the calls.
 */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef TRACED
#include <tote/tote.h>
#define TOTE_PQ_TRACE_CALLS
#include <tote/instrumentation/pq.h>
static tote_sdk *sdk;

/* With PQ_MODES_FAIL=7 each seventh allocation of Tote fails after the start of the SDK. */
static atomic_long fail_every;

static bool fails(void) {
    static atomic_long allocations;
    long every = atomic_load(&fail_every);

    return every && atomic_fetch_add(&allocations, 1) % every == 0;
}

static void *allocate(void *self, size_t size) {
    (void)self;
    return fails() ? NULL : malloc(size);
}

static void *reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self;
    (void)old_size;
    return fails() ? NULL : realloc(memory, size);
}

static void release(void *self, void *memory, size_t size) {
    (void)self;
    (void)size;
    free(memory);
}

static void start(void) {
    const char *every = getenv("PQ_MODES_FAIL");
    tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};

    if (every) {
        tote_allocator_set(&allocator);
    }
    sdk = tote_sdk_start(NULL);
    atomic_store(&fail_every, every ? atol(every) : 0);
}
#else
#include <libpq-fe.h>
#endif

/* Stop tracing, before an exit. */
static int stop(void) {
#ifdef TRACED
    tote_sdk_close(&sdk, 5000);
#endif
    return 0;
}

static void fail(PGconn *conn, const char *what) {
    fprintf(stderr, "%s: %s", what, PQerrorMessage(conn));
    exit(1);
}

static PGconn *open_with(const char *options) {
    PGconn *conn = PQconnectdb(options);

    if (PQstatus(conn) != CONNECTION_OK) {
        fail(conn, "connect");
    }
    return conn;
}

/* Print a result, and free it. */
static void show(PGresult *result) {
    printf("%s", PQresStatus(PQresultStatus(result)));
    const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (code) {
        printf(" %s", code);
    }
    for (int row = 0; row < PQntuples(result); row++) {
        for (int column = 0; column < PQnfields(result); column++) {
            printf(" %s", PQgetvalue(result, row, column));
        }
    }
    printf(" %s\n", result ? PQcmdStatus(result) : "none");
    PQclear(result);
}

/* Take all results of a command. */
static void show_all(PGconn *conn) {
    PGresult *result;

    while ((result = PQgetResult(conn))) {
        show(result);
    }
}

static void run(PGconn *conn, const char *query) {
    PQclear(PQexec(conn, query));
}

static void make_table(PGconn *conn) {
    run(conn, "CREATE TEMPORARY TABLE items (id int PRIMARY KEY, name text)");
}

/* Wait for a result as a program with an event loop does. */
static void wait_until_ready(PGconn *conn) {
    while (PQisBusy(conn)) {
        struct pollfd ready = {PQsocket(conn), POLLIN, 0};
        poll(&ready, 1, -1);
        if (!PQconsumeInput(conn)) {
            fail(conn, "consume");
        }
    }
}

static void exec(PGconn *conn) {
    show(PQexec(conn, "SELECT 1 AS one, 'secret' AS two FROM pg_database LIMIT 1"));
    show(PQexec(conn, ""));
    errno = 12345;
    show(PQexec(conn, "SELECT 2"));
    printf("errno %d\n", errno);
}

static void params(PGconn *conn) {
    const char *const values[] = {"32"};

    show(PQexecParams(conn, "SELECT $1::int + 10", 1, NULL, values, NULL, NULL, 0));
    show(PQexecParams(conn, "SELECT 'secret'", 0, NULL, NULL, NULL, NULL, 0));
}

static void prepared(PGconn *conn) {
    const char *const values[] = {"postgres"};

    show(PQprepare(conn, "find", "SELECT datname FROM pg_database WHERE datname = $1 AND 7 = 7", 0,
                   NULL));
    show(PQexecPrepared(conn, "find", 1, values, NULL, NULL, 0));
    show(PQdescribePrepared(conn, "find"));
    show(PQprepare(conn, "", "SELECT 'unnamed'", 0, NULL));
    show(PQexecPrepared(conn, "", 0, NULL, NULL, NULL, 0));
    show(PQexecPrepared(conn, "find", 1, values, NULL, NULL, 0));
    show(PQexecPrepared(conn, "unknown", 1, values, NULL, NULL, 0));
    show(PQdescribePortal(conn, "nowhere"));
}

static void sent(PGconn *conn) {
    const char *const values[] = {"5"};

    PQsendPrepare(conn, "add", "SELECT $1::int + 1", 0, NULL);
    show_all(conn);
    PQsendQueryPrepared(conn, "add", 1, values, NULL, NULL, 0);
    show_all(conn);
    PQsendDescribePrepared(conn, "add");
    show_all(conn);
    PQsendQueryParams(conn, "SELECT $1::int + 2", 1, NULL, values, NULL, NULL, 0);
    show_all(conn);
    PQsendDescribePortal(conn, "nowhere");
    show_all(conn);
}

static void error(PGconn *conn) {
    show(PQexec(conn, "SELECT * FROM missing WHERE name = 'secret'"));
    show(PQexec(conn, "SELECT 'secret'::int"));
}

static void async(PGconn *conn) {
    PQsendQuery(conn, "SELECT 1 FROM pg_sleep(0.05)");
    wait_until_ready(conn);
    show_all(conn);
}

static void single_row(PGconn *conn) {
    PQsendQuery(conn, "SELECT n FROM generate_series(1, 5) AS n");
    PQsetSingleRowMode(conn);
    show_all(conn);
}

static void multi(PGconn *conn) {
    show(PQexec(conn, "SELECT 1; SELECT 2"));
    show(PQexec(conn, "SELECT 1; SELECT 1/0; SELECT 3"));
    PQsendQuery(conn, "SELECT 4; SELECT 5");
    show_all(conn);
}

/* Results come in order, with NULL behind those of each command. */
static void show_pipeline(PGconn *conn, int syncs) {
    for (int nulls = 0; syncs && nulls < 20;) {
        PGresult *result = PQgetResult(conn);
        if (!result) {
            nulls++;
            continue;
        }
        syncs -= PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        show(result);
    }
}

static void pipeline(PGconn *conn) {
    const char *const values[] = {"1"};

    PQenterPipelineMode(conn);
    for (int i = 0; i < 3; i++) {
        PQsendQueryParams(conn, "SELECT $1::int", 1, NULL, values, NULL, NULL, 0);
    }
    PQpipelineSync(conn);
    PQsendQueryParams(conn, "SELECT $1::int + 1", 1, NULL, values, NULL, NULL, 0);
    PQsendQueryParams(conn, "SELECT 'secret' FROM missing", 0, NULL, NULL, NULL, NULL, 0);
    PQsendQueryParams(conn, "SELECT $1::int + 3", 1, NULL, values, NULL, NULL, 0);
    PQpipelineSync(conn);
    PQpipelineSync(conn); /* an empty batch */
    PQsendQueryParams(conn, "SELECT 4 + $1::int", 1, NULL, values, NULL, NULL, 0);
    PQpipelineSync(conn);
    show(PQexec(conn, "SELECT 'not allowed'"));
    show_pipeline(conn, 4);
    PQsendQueryParams(conn, "SELECT 5 + $1::int", 1, NULL, values, NULL, NULL, 0);
    PQsendFlushRequest(conn);
    PQflush(conn);
    show_all(conn);
    printf("left %d\n", PQexitPipelineMode(conn));
    show(PQexec(conn, "SELECT 6"));
}

/* More batches than are traced at a time. */
static void long_pipeline(PGconn *conn) {
    PQenterPipelineMode(conn);
    for (int i = 0; i < 100; i++) {
        PQsendQueryParams(conn, "SELECT 1", 0, NULL, NULL, NULL, NULL, 0);
        PQpipelineSync(conn);
    }
    for (int syncs = 0; syncs < 100;) {
        PGresult *result = PQgetResult(conn);
        syncs += PQresultStatus(result) == PGRES_PIPELINE_SYNC;
        PQclear(result);
    }
    PQexitPipelineMode(conn);
    show(PQexec(conn, "SELECT 2 FROM pg_class LIMIT 1"));
}

static void copy_in(PGconn *conn) {
    make_table(conn);
    show(PQexec(conn, "COPY items FROM STDIN"));
    PQputCopyData(conn, "1\tone\n", 6);
    PQputCopyData(conn, "2\ttwo\n", 6);
    PQputCopyEnd(conn, NULL);
    show_all(conn);
    show(PQexec(conn, "COPY items FROM STDIN"));
    PQputCopyEnd(conn, "the program gave up");
    show_all(conn);
    PQsendQuery(conn, "COPY items FROM STDIN");
    show(PQgetResult(conn));
    PQputCopyData(conn, "2\ttwice\n", 8);
    PQputCopyEnd(conn, NULL);
    show_all(conn);
    show(PQexec(conn, "SELECT count(*) FROM items"));
}

static void copy_out(PGconn *conn) {
    char *line = NULL;

    show(PQexec(conn, "COPY (SELECT n FROM generate_series(1, 3) AS n) TO STDOUT"));
    while (PQgetCopyData(conn, &line, 0) > 0) {
        fputs(line, stdout);
        PQfreemem(line);
    }
    show_all(conn);
}

static void old_copy(PGconn *conn) {
    make_table(conn);
    show(PQexec(conn, "COPY items FROM STDIN"));
    PQputline(conn, "1\tone\n");
    PQputline(conn, "\\.\n");
    printf("end %d\n", PQendcopy(conn));
    show(PQexec(conn, "COPY items FROM STDIN"));
    PQputline(conn, "not a number\n");
    PQputline(conn, "\\.\n");
    printf("end %d\n", PQendcopy(conn));
}

static void notices(PGconn *conn) {
    show(PQexec(conn, "DO $$ BEGIN RAISE NOTICE 'said %', 'secret'; RAISE WARNING 'loud'; END $$"));
    show(PQexec(conn, "DO $$ BEGIN FOR i IN 1..100 LOOP RAISE NOTICE 'many'; END LOOP; END $$"));
    PQsendQuery(conn, "DO $$ BEGIN RAISE NOTICE 'async'; PERFORM pg_sleep(0.05); END $$");
    wait_until_ready(conn);
    show_all(conn);
    PGresult *result = PQexec(conn, "SELECT 1");
    PQfinish(conn); /* the result still reports by the receiver of its connection */
    printf("%s\n", PQgetvalue(result, 8, 0) ? "a value" : "no value");
    PQclear(result);
}

static void receive(void *arg, const PGresult *result) {
    printf("%s received %s", (const char *)arg, PQresultErrorMessage(result));
}

static void process(void *arg, const char *message) {
    printf("%s processed %s", (const char *)arg, message);
}

static void receivers(PGconn *conn) {
    const char *notice = "DO $$ BEGIN RAISE NOTICE 'said'; END $$";
    char own[] = "own";

    PQsetNoticeProcessor(conn, process, own);
    show(PQexec(conn, notice));
    PQnoticeReceiver before = PQsetNoticeReceiver(conn, receive, own);
    show(PQexec(conn, notice));
    PQsetNoticeReceiver(conn, before, NULL);
    show(PQexec(conn, notice));
    PGconn *other = open_with("");
    PQsetNoticeReceiver(other, receive, own);
    show(PQexec(other, notice));
    PQfinish(other);
}

static void cancel(PGconn *conn) {
    char message[256] = "";
    PGcancel *cancel = PQgetCancel(conn);

    PQsendQuery(conn, "SELECT pg_sleep(60)");
    int is_cancelled = PQcancel(cancel, message, sizeof message);
    struct pollfd ready = {PQsocket(conn), POLLIN, 0};
    while (is_cancelled && poll(&ready, 1, 100) == 0) { /* the query had not begun */
        is_cancelled = PQcancel(cancel, message, sizeof message);
    }
    printf("cancelled %d %s\n", is_cancelled, message);
    PQfreeCancel(cancel);
    show_all(conn);
}

static void finish(PGconn *conn) {
    PQsendQuery(conn, "SELECT pg_sleep(60)");
    PQfinish(conn);
}

static void reset(PGconn *conn) {
    show(PQprepare(conn, "lost", "SELECT 1 FROM pg_class", 0, NULL));
    PQsendQuery(conn, "SELECT pg_sleep(60)");
    PQreset(conn);
    show(PQexec(conn, "SELECT 2"));
    show(PQexecPrepared(conn, "lost", 0, NULL, NULL, NULL, 0));
}

static void lost(PGconn *conn) {
    show(PQexec(conn, "SELECT pg_terminate_backend(pg_backend_pid())"));
    show(PQexec(conn, "SELECT 2"));
}

static void busy(PGconn *conn) {
    PQsendQuery(conn, "SELECT 1");
    printf("sent %d\n", PQsendQuery(conn, "SELECT 2 FROM pg_class"));
    show_all(conn);
}

/* Results that the program does not take. */
static void discarded(PGconn *conn) {
    PQsendQuery(conn, "SELECT n FROM generate_series(1, 9) AS n");
    PQsetSingleRowMode(conn);
    show(PQgetResult(conn));
    show(PQexec(conn, "SELECT 2"));
    PQsendQuery(conn, "SELECT 3");
    show(PQgetResult(conn));
    PQfinish(conn);
}

static void connect_by_steps(PGconn *unused) {
    PGconn *conn = PQconnectStart("");
    PostgresPollingStatusType next;

    (void)unused;
    while ((next = PQconnectPoll(conn)) != PGRES_POLLING_OK) {
        if (next == PGRES_POLLING_FAILED) {
            fail(conn, "poll");
        }
        struct pollfd ready = {PQsocket(conn), next == PGRES_POLLING_READING ? POLLIN : POLLOUT, 0};
        poll(&ready, 1, -1);
    }
    PQsetnonblocking(conn, 1);
    PQsendQuery(conn, "SELECT 1");
    while (PQflush(conn) > 0) {
    }
    wait_until_ready(conn);
    show_all(conn);
    PQfinish(conn);
}

static void schema(PGconn *unused) {
    static const char *const options[] = {"options='-c search_path=app,public'",
                                          "options='-csearch_path=\"$user\",public'"};

    (void)unused;
    for (int i = 0; i < 2; i++) {
        PGconn *conn = open_with(options[i]);
        show(PQexec(conn, "SELECT 1"));
        PQfinish(conn);
    }
}

/* A child that exits before it has taken the result. */
static void leaves(PGconn *unused) {
    (void)unused;
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        PQsendQuery(open_with(""), "SELECT pg_sleep(60)");
        exit(0);
    }
    waitpid(child, NULL, 0);
}

static void nowhere(PGconn *unused) {
    PGconn *conn = PQconnectdb("host=/nowhere");

    (void)unused;
    show(PQexec(conn, "SELECT 1"));
    printf("sent %d\n", PQsendQuery(conn, "SELECT 2"));
    PQfinish(conn);
    show(PQexec(NULL, "SELECT 3"));
    show(PQgetResult(NULL));
    PQfinish(NULL);
}

static void loose_strings(PGconn *conn) {
    run(conn, "SET standard_conforming_strings = off");
    run(conn, "SET escape_string_warning = off");
    show(PQexec(conn, "SELECT 'a\\' secret '"));
}

/* The text that the server got. */
static void seen(PGconn *conn) {
    const char *query = "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid()";

    show(PQexec(conn, query));
    show(PQexecParams(conn, query, 0, NULL, NULL, NULL, NULL, 0));
    show(PQprepare(conn, "own", query, 0, NULL));
    show(PQexecPrepared(conn, "own", 0, NULL, NULL, NULL, 0));
    PQsendQuery(conn, "SELECT query FROM pg_stat_activity WHERE pid = pg_backend_pid();");
    show_all(conn);
}

static void *query_often(void *arg) {
    PGconn *conn = open_with("");

    for (int i = 0; i < 20; i++) {
        run(conn, "SELECT n FROM generate_series(1, 3) AS n");
    }
    PQfinish(conn);
    return arg;
}

static void threads(PGconn *unused) {
    pthread_t threads[4];

    (void)unused;
    for (int i = 0; i < 4; i++) {
        pthread_create(&threads[i], NULL, query_often, NULL);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
}

static void forks(PGconn *conn) {
    show(PQexec(conn, "SELECT 1"));
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        PGconn *own = open_with("");
        show(PQexec(own, "SELECT 2 FROM pg_class LIMIT 1"));
        PQfinish(own);
        exit(stop());
    }
    waitpid(child, NULL, 0);
    show(PQexec(conn, "SELECT 3 FROM pg_database LIMIT 1"));
}

static const struct {
    const char *name;
    void (*run)(PGconn *conn);
    enum { CONNECT, CLOSES, NONE, ONLY_NAMED } connection;
} modes[] = {
    {"exec", exec, CONNECT},
    {"params", params, CONNECT},
    {"prepared", prepared, CONNECT},
    {"sent", sent, CONNECT},
    {"error", error, CONNECT},
    {"async", async, CONNECT},
    {"single_row", single_row, CONNECT},
    {"multi", multi, CONNECT},
    {"pipeline", pipeline, CONNECT},
    {"long_pipeline", long_pipeline, CONNECT},
    {"copy_in", copy_in, CONNECT},
    {"copy_out", copy_out, CONNECT},
    {"old_copy", old_copy, CONNECT},
    {"notices", notices, CLOSES},
    {"receivers", receivers, CONNECT},
    {"cancel", cancel, CONNECT},
    {"finish", finish, CLOSES},
    {"reset", reset, CONNECT},
    {"lost", lost, CONNECT},
    {"busy", busy, CONNECT},
    {"discarded", discarded, CLOSES},
    {"connect_by_steps", connect_by_steps, NONE},
    {"schema", schema, NONE},
    {"nowhere", nowhere, NONE},
    {"loose_strings", loose_strings, CONNECT},
    {"seen", seen, CONNECT},
    {"threads", threads, NONE},
    {"forks", forks, CONNECT},
    {"leaves", leaves, ONLY_NAMED},
};

/* The span of LISTEN stands before those of the mode. */
static void run_mode(size_t index) {
    PGconn *marker = open_with("");
    PGconn *conn = modes[index].connection >= NONE ? NULL : open_with("");
    char query[64];

    printf("mode %s\n", modes[index].name);
    snprintf(query, sizeof query, "LISTEN %s", modes[index].name);
    run(marker, query);
    modes[index].run(conn);
    PQfinish(modes[index].connection == CONNECT ? conn : NULL);
    PQfinish(marker);
}

int main(int argc, char **argv) {
    setvbuf(stdout, NULL, _IOLBF, 0);
#ifdef TRACED
    start();
#endif
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        bool is_named = argc == 1 && modes[i].connection != ONLY_NAMED;
        for (int at = 1; at < argc; at++) {
            is_named = is_named || strcmp(argv[at], modes[i].name) == 0;
        }
        if (is_named) {
            run_mode(i);
        }
    }
    return stop();
}
