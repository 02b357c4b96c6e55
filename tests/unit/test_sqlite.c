/* SPDX-License-Identifier: MIT */
/*
 * test_sqlite.c - spans for the statements of SQLite, in a program that is linked with it
 */
#include "support.h"

#include <pthread.h>
#include <semaphore.h>
#include <sqlite3.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "span_text.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/sqlite.h"
#include "tote/scope.h"
#include "tote/tote.h"

static tote_in_memory_spans *memory;
static tote_sdk *sdk;
static sqlite3 *db;
static char path[] = "/tmp/tote-sqlite-XXXXXX";

static int set_up(void **state) {
    (void)state;
    memory = tote_in_memory_spans_new();
    sdk = tote_in_memory_sdk_start(memory);
    strcpy(path + sizeof path - 7, "XXXXXX");
    int file = mkstemp(path);
    if (file < 0 || close(file) != 0 || sqlite3_open(path, &db) != SQLITE_OK ||
        sqlite3_exec(db, "CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT UNIQUE)", NULL, NULL,
                     NULL) != SQLITE_OK ||
        !tote_sqlite_trace(db, NULL)) {
        return -1;
    }
    return sdk ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    sqlite3_close(db);
    unlink(path);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return 0;
}

static int run(const char *sql) {
    return tote_sqlite_exec(db, sql, NULL, NULL, NULL);
}

static sqlite3_stmt *prepare(const char *sql) {
    sqlite3_stmt *statement = NULL;

    assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &statement, NULL), SQLITE_OK);
    return statement;
}

static void assert_count(size_t count) {
    assert_int_equal(tote_in_memory_spans_get_count(memory), count);
}

static const tote_span_data *span_at(size_t index) {
    const tote_span_data *span = tote_in_memory_spans_get_at(memory, index);

    assert_non_null(span);
    return span;
}

static void assert_name(size_t index, const char *name) {
    assert_string_equal(tote_span_data_get_name(span_at(index)), name);
}

/* `expected`: NULL if the span has no such attribute. */
static void assert_text(size_t index, const char *key, const char *expected) {
    assert_span_text(span_at(index), key, expected);
}

static bool is_child_of(size_t child, size_t parent) {
    const tote_span_context *context = tote_span_data_get_context(span_at(parent));
    const tote_span_context *of_child = tote_span_data_get_parent(span_at(child));

    return of_child && memcmp(tote_span_context_get_span_id(context),
                              tote_span_context_get_span_id(of_child), sizeof(tote_span_id)) == 0;
}

/* Spec: semantic-conventions database-spans.md#common-attributes */
static void a_statement_is_a_client_span_with_the_attributes_of_the_conventions(void **state) {
    (void)state;
    assert_int_equal(run("INSERT INTO t VALUES (1, 'secret')"), SQLITE_OK);
    assert_count(1);
    assert_name(0, "INSERT t");
    assert_int_equal(tote_span_data_get_kind(span_at(0)), TOTE_SPAN_KIND_CLIENT);
    assert_text(0, "db.system.name", "sqlite");
    assert_text(0, "db.namespace", path);
    assert_text(0, "db.query.text", "INSERT INTO t VALUES (?, ?)");
    assert_text(0, "error.type", NULL);
}

/* Spec: semantic-conventions database-spans.md#sanitization-of-dbquerytext */
static void a_statement_with_parameters_is_recorded_as_it_is(void **state) {
    (void)state;
    sqlite3_stmt *statement = prepare("SELECT b, 7 FROM t WHERE a = ?1");
    for (int i = 0; i < 3; i++) {
        sqlite3_bind_int(statement, 1, i);
        assert_int_equal(sqlite3_step(statement), SQLITE_DONE);
        sqlite3_reset(statement);
    }
    sqlite3_finalize(statement);
    assert_count(3);
    assert_text(2, "db.query.text", "SELECT b, 7 FROM t WHERE a = ?1");
}

static void a_span_ends_when_an_unfinished_statement_is_reset(void **state) {
    (void)state;
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x'), (2, 'y')"), SQLITE_OK);
    sqlite3_stmt *statement = prepare("SELECT * FROM t");
    assert_int_equal(tote_sqlite_step(statement), SQLITE_ROW);
    assert_count(1);
    sqlite3_reset(statement);
    assert_count(2);
    assert_text(1, "error.type", NULL);
    sqlite3_finalize(statement);
    assert_count(2);
}

/* Spec: semantic-conventions database-spans.md#recording-errors */
static void a_failed_step_sets_the_extended_result_code(void **state) {
    (void)state;
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x')"), SQLITE_OK);
    sqlite3_stmt *statement = prepare("INSERT INTO t VALUES (2, 'x')");
    assert_int_equal(tote_sqlite_step(statement), SQLITE_CONSTRAINT);
    assert_int_equal(sqlite3_finalize(statement), SQLITE_CONSTRAINT);
    assert_count(2);
    assert_text(1, "db.response.status_code", "2067");
    assert_text(1, "error.type", "2067");
    assert_int_equal(tote_span_data_get_status_code(span_at(1)), TOTE_STATUS_CODE_ERROR);
}

static void only_the_statement_that_failed_is_an_error(void **state) {
    (void)state;
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x'); INSERT INTO t VALUES (1, 'y');"
                         "INSERT INTO t VALUES (3, 'z')"),
                     SQLITE_CONSTRAINT);
    assert_count(2);
    assert_text(0, "error.type", NULL);
    assert_text(1, "error.type", "1555");
}

static void text_that_cannot_be_prepared_has_a_span_with_the_error(void **state) {
    (void)state;
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x'); SELECT 'secret' FROM missing"),
                     SQLITE_ERROR);
    assert_count(2);
    assert_text(0, "error.type", NULL);
    assert_text(1, "error.type", "1");
    assert_null(strstr(tote_span_data_get_name(span_at(1)), "secret"));
}

static void an_error_of_the_last_statement_is_its_own(void **state) {
    (void)state;
    assert_int_equal(run("SELECT 1; COMMIT; -- the end"), SQLITE_ERROR);
    assert_count(2);
    assert_text(0, "error.type", NULL);
    assert_name(1, "COMMIT");
    assert_text(1, "error.type", "1");
}

static int stop_rows(void *arg, int count, char **values, char **names) {
    (void)arg, (void)count, (void)values, (void)names;
    return 1;
}

static void a_statement_that_a_callback_stops_is_an_error(void **state) {
    (void)state;
    assert_int_equal(tote_sqlite_exec(db, "SELECT 1", stop_rows, NULL, NULL), SQLITE_ABORT);
    assert_count(1);
    assert_text(0, "error.type", "4");
}

static void a_transaction_has_a_span_around_its_statements(void **state) {
    (void)state;
    assert_int_equal(run("BEGIN; INSERT INTO t VALUES (1, 'x'); COMMIT; SELECT 1"), SQLITE_OK);
    assert_count(5);
    assert_name(3, "transaction");
    assert_text(3, "sqlite.transaction.outcome", "commit");
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_child_of(i, 3));
    }
    assert_false(is_child_of(4, 3));
}

static void a_transaction_that_is_undone_has_the_outcome_rollback(void **state) {
    static const char *const ends[] = {"ROLLBACK", "/* no */ rollback",
                                       "INSERT OR ROLLBACK INTO t VALUES (1, 'x')"};
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(ends); i++) {
        assert_int_equal(run("-- first\nSAVEPOINT s; INSERT INTO t VALUES (1, 'x')"), SQLITE_OK);
        run(ends[i]);
        size_t last = tote_in_memory_spans_get_count(memory) - 1;
        assert_name(last, "transaction");
        assert_text(last, "sqlite.transaction.outcome", "rollback");
    }
}

static void a_statement_in_a_scope_inside_of_a_transaction_is_a_child_of_the_scope(void **state) {
    (void)state;
    assert_int_equal(run("BEGIN"), SQLITE_OK);
    tote_scope *scope = tote_scope_open(tote_get_tracer("test", NULL), "work", NULL);
    assert_int_equal(run("SELECT 1"), SQLITE_OK);
    tote_scope_close(&scope);
    assert_int_equal(run("COMMIT"), SQLITE_OK);
    assert_name(2, "work");
    assert_true(is_child_of(1, 2));
}

static void what_a_trigger_executes_has_no_span(void **state) {
    (void)state;
    assert_int_equal(run("CREATE TRIGGER r AFTER INSERT ON t BEGIN DELETE FROM t WHERE a = 9; END"),
                     SQLITE_OK);
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x')"), SQLITE_OK);
    assert_count(2);
}

static void a_statement_after_a_change_of_the_schema_has_one_span(void **state) {
    (void)state;
    sqlite3_stmt *statement = prepare("SELECT * FROM t");
    sqlite3 *other = NULL;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "ALTER TABLE t ADD COLUMN c", NULL, NULL, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_int_equal(tote_sqlite_step(statement), SQLITE_DONE);
    assert_int_equal(sqlite3_column_count(statement), 3);
    sqlite3_finalize(statement);
    assert_count(1);
    assert_text(0, "error.type", NULL);
}

static void spans_end_when_the_connection_is_closed(void **state) {
    (void)state;
    assert_int_equal(run("BEGIN"), SQLITE_OK);
    sqlite3_stmt *statement = prepare("SELECT 1 UNION SELECT 2");
    assert_int_equal(tote_sqlite_step(statement), SQLITE_ROW);
    assert_int_equal(sqlite3_close_v2(db), SQLITE_OK);
    db = NULL;
    assert_count(3);
    assert_name(2, "transaction");
    assert_int_equal(tote_sqlite_step(statement), SQLITE_ROW);
    sqlite3_finalize(statement);
    assert_count(3);
}

static int (*original_sleep)(sqlite3_vfs *vfs, int microseconds);
static sem_t has_slept;

static int count_sleep(sqlite3_vfs *vfs, int microseconds) {
    int slept = original_sleep(vfs, microseconds);

    sem_post(&has_slept);
    return slept;
}

/* Hold a lock until another connection has slept for it. */
static void *hold(void *arg) {
    sqlite3 *other = NULL;

    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    pthread_barrier_wait(arg);
    while (sem_wait(&has_slept) != 0) {
    }
    assert_int_equal(sqlite3_exec(other, "COMMIT", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(other);
    return NULL;
}

static void the_time_that_a_statement_waits_for_a_lock_is_recorded(void **state) {
    pthread_barrier_t barrier;
    pthread_t thread;

    (void)state;
    sqlite3_busy_timeout(db, 60000);
    pthread_barrier_init(&barrier, NULL, 2);
    assert_int_equal(pthread_create(&thread, NULL, hold, &barrier), 0);
    pthread_barrier_wait(&barrier);
    assert_int_equal(run("INSERT INTO t VALUES (1, 'x')"), SQLITE_OK);
    pthread_join(thread, NULL);
    pthread_barrier_destroy(&barrier);
    assert_count(1);
    const tote_value *count = tote_span_data_get_attribute(span_at(0), "sqlite.busy.wait_count");
    const tote_value *waited =
        tote_span_data_get_attribute(span_at(0), "sqlite.busy.wait_duration");
    assert_non_null(count);
    assert_non_null(waited);
    assert_true(count->as.integer >= 1);
    assert_true(waited->as.real > 0);
    assert_int_equal(run("SELECT 1"), SQLITE_OK);
    assert_text(1, "sqlite.busy.wait_count", NULL);
}

static void a_locked_database_is_an_error(void **state) {
    sqlite3 *other = NULL;

    (void)state;
    assert_int_equal(sqlite3_open(path, &other), SQLITE_OK);
    assert_int_equal(sqlite3_exec(other, "BEGIN EXCLUSIVE", NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(run("BEGIN IMMEDIATE"), SQLITE_BUSY);
    assert_int_equal(sqlite3_close(other), SQLITE_OK);
    assert_count(2);
    assert_text(0, "error.type", "5");
    assert_text(1, "sqlite.transaction.outcome", "rollback");
}

static void a_connection_that_is_traced_again_has_one_span_per_statement(void **state) {
    (void)state;
    assert_true(tote_sqlite_trace(db, NULL));
    assert_int_equal(run("SELECT 1"), SQLITE_OK);
    assert_count(1);
}

static void many_unfinished_statements_are_limited(void **state) {
    enum { COUNT = 300, MOST = 256 };
    sqlite3_stmt *statements[COUNT];

    (void)state;
    for (size_t i = 0; i < COUNT; i++) {
        statements[i] = prepare("SELECT 1 UNION SELECT 2");
        assert_int_equal(tote_sqlite_step(statements[i]), SQLITE_ROW);
    }
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(sqlite3_finalize(statements[i]), SQLITE_OK);
    }
    assert_count(MOST);
}

static void null_is_accepted(void **state) {
    (void)state;
    assert_false(tote_sqlite_trace(NULL, NULL));
    assert_int_equal(tote_sqlite_step(NULL), SQLITE_MISUSE);
    assert_int_equal(tote_sqlite_exec(NULL, "SELECT 1", NULL, NULL, NULL), SQLITE_MISUSE);
    assert_int_equal(run(NULL), SQLITE_OK);
    assert_count(0);
}

#define SQLITE_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(int argc, char **argv) {
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    const struct CMUnitTest tests[] = {
        SQLITE_TEST(a_statement_is_a_client_span_with_the_attributes_of_the_conventions),
        SQLITE_TEST(a_statement_with_parameters_is_recorded_as_it_is),
        SQLITE_TEST(a_span_ends_when_an_unfinished_statement_is_reset),
        SQLITE_TEST(a_failed_step_sets_the_extended_result_code),
        SQLITE_TEST(only_the_statement_that_failed_is_an_error),
        SQLITE_TEST(text_that_cannot_be_prepared_has_a_span_with_the_error),
        SQLITE_TEST(an_error_of_the_last_statement_is_its_own),
        SQLITE_TEST(a_statement_that_a_callback_stops_is_an_error),
        SQLITE_TEST(a_transaction_has_a_span_around_its_statements),
        SQLITE_TEST(a_transaction_that_is_undone_has_the_outcome_rollback),
        SQLITE_TEST(a_statement_in_a_scope_inside_of_a_transaction_is_a_child_of_the_scope),
        SQLITE_TEST(what_a_trigger_executes_has_no_span),
        SQLITE_TEST(a_statement_after_a_change_of_the_schema_has_one_span),
        SQLITE_TEST(spans_end_when_the_connection_is_closed),
        SQLITE_TEST(the_time_that_a_statement_waits_for_a_lock_is_recorded),
        SQLITE_TEST(a_locked_database_is_an_error),
        SQLITE_TEST(a_connection_that_is_traced_again_has_one_span_per_statement),
        SQLITE_TEST(many_unfinished_statements_are_limited),
        SQLITE_TEST(null_is_accepted),
    };

    original_sleep = vfs->xSleep;
    vfs->xSleep = count_sleep;
    sem_init(&has_slept, 0, 0);
    return RUN_TESTS(tests, argc, argv);
}
