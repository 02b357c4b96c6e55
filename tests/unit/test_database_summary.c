/* SPDX-License-Identifier: MIT */
/*
 * test_database_summary.c - summaries of queries
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "tote/instrumentation/database.h"

struct row {
    const char *text;
    const char *expected;
};

/* Summarize a copy of exactly this size, so that a read past its end is found. */
static void assert_rows(const char *system, const struct row *rows, size_t count) {
    char result[TOTE_DATABASE_SUMMARY_BYTES];

    for (size_t i = 0; i < count; i++) {
        size_t length = strlen(rows[i].text);
        char *copy = malloc(length ? length : 1);
        assert_non_null(copy);
        memcpy(copy, rows[i].text, length);
        size_t written = tote_database_summarize(result, sizeof result, system, copy, length);
        assert_string_equal(result, rows[i].expected);
        assert_int_equal(written, strlen(result));
        free(copy);
    }
}

/* Spec: database-spans.md#generating-a-summary-of-the-query, its examples */
static void the_examples_of_the_specification_have_their_summaries(void **state) {
    static const struct row rows[] = {
        {"SELECT *\nFROM wuser_table\nWHERE username = ?", "SELECT wuser_table"},
        {"INSERT INTO shipping_details\n(order_id,\naddress)\nSELECT order_id,\naddress\nFROM "
         "orders\nWHERE order_id = ?",
         "INSERT shipping_details SELECT orders"},
        {"SELECT * FROM songs,\n artists\n WHERE songs.artist_id == artists.id",
         "SELECT songs artists"},
        {"SELECT order_date FROM (SELECT * FROM orders o JOIN customers c ON o.customer_id = "
         "c.customer_id)",
         "SELECT SELECT orders customers"},
        {"SELECT * FROM \"song list\",\n 'artists'", "SELECT \"song list\" 'artists'"},
        {"call some_stored_procedure", "call some_stored_procedure"},
    };

    (void)state;
    assert_rows("sqlite", rows, TOTE_COUNT_OF(rows));
}

static void queries_have_their_operations_and_targets_in_order(void **state) {
    static const struct row rows[] = {
        {"select 1", "select"},
        {"SELECT a FROM s.t x LEFT JOIN u y ON x.a = f(y.b, 1), v WHERE a IN (1, 2)",
         "SELECT s.t u v"},
        {"SELECT a, b FROM t GROUP BY a, b ORDER BY a, b", "SELECT t"},
        {"SELECT a FROM t FOR UPDATE", "SELECT t"},
        {"SELECT a FROM t UNION ALL SELECT b FROM u", "SELECT t SELECT u"},
        {"(SELECT a FROM t) UNION (SELECT b FROM u)", "SELECT t SELECT u"},
        {"SELECT (SELECT max(a) FROM t), b FROM u", "SELECT SELECT t u"},
        {"SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.a = t.a)", "SELECT t SELECT u"},
        {"SELECT a FROM (t JOIN u USING (a))", "SELECT t u"},
        {"SELECT extract(year FROM d), trim(a FROM b) FROM t", "SELECT t"},
        {"SELECT a IS DISTINCT FROM b FROM t", "SELECT t"},
        {"SELECT t.select, end FROM t", "SELECT t"},
        {"SELECT a FROM f(1, 2) AS x(a int, b int), t", "SELECT f t"},
        {"SELECT a FROM ONLY t, LATERAL (SELECT 1) x", "SELECT t SELECT"},
        {"INSERT INTO t (a, b) VALUES (1, 2), (3, 4)", "INSERT t"},
        {"INSERT INTO t VALUES (1) ON CONFLICT DO UPDATE SET a = 1 RETURNING a", "INSERT t"},
        {"INSERT OR REPLACE INTO t DEFAULT VALUES", "INSERT t"},
        {"REPLACE INTO t SELECT a FROM u", "REPLACE t SELECT u"},
        {"UPDATE t SET a = 1, b = 2 FROM u WHERE t.a = u.a", "UPDATE t u"},
        {"UPDATE OR IGNORE t SET a = 1", "UPDATE t"},
        {"DELETE FROM t USING u JOIN v USING (a) WHERE t.a = u.a", "DELETE t u v"},
        {"MERGE INTO t USING u ON t.a = u.a WHEN MATCHED THEN UPDATE SET a = 1", "MERGE t u"},
        {"WITH a AS (SELECT 1 FROM t), b AS (DELETE FROM u RETURNING x) SELECT * FROM a, b",
         "SELECT t DELETE u SELECT a b"},
        {"WITH RECURSIVE a(n) AS (VALUES (1) UNION SELECT n FROM a) SELECT n FROM a",
         "VALUES SELECT a SELECT a"},
        {"EXPLAIN (ANALYZE, VERBOSE) SELECT a FROM t", "EXPLAIN SELECT t"},
        {"EXPLAIN ANALYZE UPDATE t SET a = 1", "EXPLAIN UPDATE t"},
        {"PREPARE p (int) AS SELECT a FROM t", "PREPARE SELECT t"},
        {"EXECUTE p(1)", "EXECUTE"},
        {"DECLARE c CURSOR FOR SELECT a FROM t", "DECLARE SELECT t"},
        {"COPY t (a, b) FROM STDIN", "COPY t"},
        {"COPY (SELECT a FROM t) TO STDOUT", "COPY SELECT t"},
        {"TRUNCATE TABLE ONLY t, u CASCADE", "TRUNCATE t u"},
        {"CREATE TABLE IF NOT EXISTS t (a int REFERENCES u ON DELETE CASCADE)", "CREATE TABLE t"},
        {"CREATE TEMP TABLE t AS SELECT a FROM u", "CREATE TABLE t SELECT u"},
        {"CREATE UNIQUE INDEX CONCURRENTLY i ON t (a)", "CREATE INDEX i t"},
        {"CREATE OR REPLACE VIEW v AS SELECT a FROM t", "CREATE VIEW v SELECT t"},
        {"REFRESH MATERIALIZED VIEW v", "REFRESH MATERIALIZED VIEW v"},
        {"CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE u SET a = 1; DELETE FROM v; END",
         "CREATE TRIGGER g t"},
        {"CREATE USER bob PASSWORD 'x'", "CREATE"},
        {"DROP TABLE IF EXISTS t, u", "DROP TABLE t u"},
        {"ALTER TABLE t ADD COLUMN a int", "ALTER TABLE t"},
        {"GRANT SELECT ON t TO u", "GRANT"},
        {"SET a = (SELECT b FROM t)", "SET SELECT t"},
        {"BEGIN; SELECT a FROM t; COMMIT", "BEGIN SELECT t COMMIT"},
        {"PRAGMA journal_mode = WAL", "PRAGMA journal_mode"},
        {"VACUUM FULL t", "VACUUM t"},
        {"VACUUM", "VACUUM"},
        {"SAVEPOINT s1", "SAVEPOINT"},
        {"hunter2 SELECT", "SELECT"},
        {"hunter2", ""},
        {"", ""},
        {";;", ""},
        {"-- x\nSELECT a FROM t", "SELECT t"},
        {"SELECT a FROM t WHERE a = 'FROM u JOIN v'", "SELECT t"},
        {"SELECT a FROM t WHERE a = 'x", "SELECT t"},
    };
    static const char *const systems[] = {"postgresql", "sqlite", "mysql", NULL};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_rows(systems[i], rows, TOTE_COUNT_OF(rows));
    }
}

static void quoted_names_keep_their_quotes(void **state) {
    static const struct row postgresql[] = {
        {"SELECT a FROM \"S\".\"my t\", u", "SELECT \"S\".\"my t\" u"},
        {"SELECT a FROM 'secret'", "SELECT"},
    };
    static const struct row sqlite[] = {
        {"SELECT a FROM 's t'", "SELECT 's t'"},
        {"UPDATE 'secret' SET a = 1", "UPDATE"},
        {"VACUUM INTO 'secret'", "VACUUM"},
        {"VACUUM INTO \"secret\"", "VACUUM"},
        {"SELECT a WHERE a IS NOT DISTINCT FROM 'secret'", "SELECT"},
    };
    static const struct row mysql[] = {
        {"SELECT a FROM `d`.`my t`", "SELECT `d`.`my t`"},
        {"SELECT a FROM \"secret\"", "SELECT"},
    };

    (void)state;
    assert_rows("postgresql", postgresql, TOTE_COUNT_OF(postgresql));
    assert_rows("sqlite", sqlite, TOTE_COUNT_OF(sqlite));
    assert_rows("mysql", mysql, TOTE_COUNT_OF(mysql));
}

/* Spec: database-spans.md: at most 255 characters, no name is cut */
static void a_long_summary_ends_with_a_complete_name(void **state) {
    char query[1024] = "SELECT a FROM s.t0";
    char result[512];

    (void)state;
    for (size_t i = 0; i < 60; i++) {
        strcat(query, ", schema.table");
    }
    memset(result, 'x', sizeof result);
    size_t length = tote_database_summarize(result, sizeof result, "sqlite", query, strlen(query));
    assert_int_equal(length, strlen("SELECT s.t0") + 18 * strlen(" schema.table"));
    assert_string_equal(result + length - 6, ".table");
    for (size_t size = 1; size < 26; size++) {
        length = tote_database_summarize(result, size, "sqlite", query, strlen(query));
        assert_string_equal(result, size <= 6    ? ""
                                    : size <= 11 ? "SELECT"
                                    : size <= 24 ? "SELECT s.t0"
                                                 : "SELECT s.t0 schema.table");
        assert_int_equal(length, strlen(result));
    }
    assert_int_equal(tote_database_summarize(NULL, 9, "sqlite", "SELECT", 6), 0);
    assert_int_equal(tote_database_summarize(result, 9, "sqlite", NULL, 6), 0);
}

static void deep_parentheses_hide_their_targets_only(void **state) {
    char query[512] = "SELECT a FROM ";
    char result[64];

    (void)state;
    memset(query + strlen(query), '(', 200);
    strcat(query, "SELECT 1 FROM u");
    memset(query + strlen(query), ')', 200);
    strcat(query, ", t");
    tote_database_summarize(result, sizeof result, "sqlite", query, strlen(query));
    assert_string_equal(result, "SELECT t");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_examples_of_the_specification_have_their_summaries),
        TEST(queries_have_their_operations_and_targets_in_order),
        TEST(quoted_names_keep_their_quotes),
        TEST(a_long_summary_ends_with_a_complete_name),
        TEST(deep_parentheses_hide_their_targets_only),
    };

    return RUN_TESTS(tests, argc, argv);
}
