/* SPDX-License-Identifier: MIT */
/*
 * test_database_sanitize.c - SQL text without literals
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "tote/instrumentation/database.h"

/* Sanitize a copy of exactly this size, so that a read past its end is found. */
static void assert_sanitized(const char *system, const char *text, size_t length,
                             const char *expected) {
    char *copy = malloc(length ? length : 1);
    char result[512];

    assert_non_null(copy);
    memcpy(copy, text, length);
    size_t written = tote_database_sanitize(result, sizeof result, system, copy, length);
    assert_string_equal(result, expected);
    assert_int_equal(written, strlen(expected));
    free(copy);
}

struct row {
    const char *text;
    const char *expected;
};

static void assert_rows(const char *system, const struct row *rows, size_t count) {
    for (size_t i = 0; i < count; i++) {
        assert_sanitized(system, rows[i].text, strlen(rows[i].text), rows[i].expected);
    }
}

static const char *const systems[] = {"postgresql", "cockroachdb", "sqlite", "mysql",
                                      "mariadb",    "other_sql",   NULL};

/* Spec: database-spans.md#sanitization-of-dbquerytext */
static void literals_of_every_kind_become_a_placeholder(void **state) {
    static const struct row rows[] = {
        {"SELECT 1", "SELECT ?"},
        {"SELECT 12.5e-3, .5, 1e10, 0x1F, 0b101, 1_000", "SELECT ?, ?, ?, ?, ?, ?"},
        {"SELECT -5+3", "SELECT -?+?"},
        {"SELECT 'a', 'it''s', ''", "SELECT ?, ?, ?"},
        {"SELECT X'4D2a', b'01', N'text'", "SELECT ?, ?, ?"},
        {"SELECT DATE '2020-01-01', INTERVAL '1 day'", "SELECT DATE ?, INTERVAL ?"},
        {"SELECT TRUE, false, NULL", "SELECT ?, ?, NULL"},
        {"SELECT a1, t2.b3 FROM t2", "SELECT a1, t2.b3 FROM t2"},
        {"SELECT 'a\\\\'", "SELECT ?"},
        {"SELECT 'C:\\dir'", "SELECT ?"},
        {"WHERE id = ? AND x = :name", "WHERE id = ? AND x = :name"},
        {"", ""},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_rows(systems[i], rows, TOTE_COUNT_OF(rows));
    }
}

/* Spec: database-spans.md#sanitization-of-dbquerytext: IN-clauses may be collapsed */
static void a_list_of_literals_is_collapsed(void **state) {
    static const struct row rows[] = {
        {"WHERE a IN (1, 2, 3) AND b = 4", "WHERE a IN (?) AND b = ?"},
        {"WHERE a in(1,'x' , 0.5)", "WHERE a in(?)"},
        {"WHERE a IN (1, b, 3)", "WHERE a IN (?, b, ?)"},
        {"WHERE a IN (1, 2 + 3, 4)", "WHERE a IN (? + ?, ?)"},
        {"WHERE a IN (1, 2, (SELECT 3))", "WHERE a IN (?, (SELECT ?))"},
        {"WHERE a IN (SELECT 1)", "WHERE a IN (SELECT ?)"},
        {"VALUES (1, 2), (3, 4)", "VALUES (?, ?), (?, ?)"},
        {"WHERE a IN (1, 2", "WHERE a IN (?"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_rows(systems[i], rows, TOTE_COUNT_OF(rows));
    }
}

static void comments_and_white_space_become_one_space(void **state) {
    static const struct row rows[] = {
        {"  SELECT\n\t a , b  ", "SELECT a , b"},
        {"SELECT/* secret */a", "SELECT a"},
        {"SELECT a -- it's secret\n, b", "SELECT a , b"},
        {"SELECT a -- secret", "SELECT a"},
        {"SELECT - /* x */ -a", "SELECT - -a"},
        {"/* 'a */ SELECT a /* \" */", "SELECT a"},
        {"SELECT '/* no comment */', '-- none'", "SELECT ?, ?"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_rows(systems[i], rows, TOTE_COUNT_OF(rows));
    }
}

/* Spec: PostgreSQL documentation, section 4.1 */
static void the_text_of_postgresql_is_read_as_its_server_reads_it(void **state) {
    static const struct row rows[] = {
        {"SELECT \"Na'me\" FROM \"t\"\"1\"", "SELECT \"Na'me\" FROM \"t\"\"1\""},
        {"SELECT E'it\\'s' , e'\\\\'", "SELECT ? , ?"},
        {"SELECT E'a''\\'b'", "SELECT ?"},
        {"SELECT U&'\\0061', U&\"d\\0061t\"", "SELECT U&?, U&\"d\\0061t\""},
        {"SELECT $$it's$$, $a$ $b$ $$ $a$ , x", "SELECT ?, ? , x"},
        {"SELECT $1, $23 + 1", "SELECT $1, $23 + ?"},
        {"SELECT a$b$ FROM t", "SELECT a$b$ FROM t"},
        {"SELECT 1$t$it's$t$", "SELECT ??"},
        {"SELECT $a FROM t", "SELECT $a FROM t"},
        {"SELECT a::text, b::int4", "SELECT a::text, b::int4"},
        {"SELECT a[1:2], ARRAY[1,2]", "SELECT a[?:?], ARRAY[?,?]"},
        {"SELECT a #> '{b}', c ->> 'd', e ? 'f'", "SELECT a #> ?, c ->> ?, e ? ?"},
        {"SELECT 1 /* a /* b */ 'c' */ , 2", "SELECT ? , ?"},
        {"SELECT 1 --x\r, 2", "SELECT ? , ?"},
        {"SELECT 'a'\n'b'", "SELECT ? ?"},
        {"DO $$ BEGIN RAISE 'x'; END $$", "DO ?"},
        {"SELECT a--5\n", "SELECT a"},
    };

    (void)state;
    assert_rows("postgresql", rows, TOTE_COUNT_OF(rows));
    assert_rows("cockroachdb", rows, TOTE_COUNT_OF(rows));
}

/* Spec: SQLite documentation, lang_expr.html and quirks.html#dblquote */
static void the_text_of_sqlite_is_read_as_its_parser_reads_it(void **state) {
    static const struct row rows[] = {
        {"SELECT [it's], `it's` FROM \"it's\"", "SELECT [it's], `it's` FROM \"it's\""},
        {"SELECT a FROM t WHERE a = \"secret\"", "SELECT a FROM t WHERE a = ?"},
        {"SELECT \"t\".\"a\" AS \"b\" FROM main.\"t\"",
         "SELECT \"t\".\"a\" AS \"b\" FROM main.\"t\""},
        {"INSERT INTO \"t\" VALUES (\"x\")", "INSERT INTO \"t\" VALUES (?)"},
        {"SELECT a FROM 'secret'", "SELECT a FROM ?"},
        {"SELECT 1 WHERE a IS DISTINCT FROM \"x\"", "SELECT ? WHERE a IS DISTINCT FROM ?"},
        {"SELECT 'it\\', 'x'", "SELECT ?, ?"},
        {"SELECT ?1, :a, @b, $c, ?", "SELECT ?1, :a, @b, $c, ?"},
        {"SELECT /* a /* b */ c", "SELECT c"},
        {"SELECT a --x\r'secret'\n, 2", "SELECT a , ?"},
        {"SELECT a--5", "SELECT a"},
        {"SELECT $a(') , 'secret'", "SELECT ?"},
        {"SELECT @a(') , 'secret'", "SELECT ?"},
    };

    (void)state;
    assert_rows("sqlite", rows, TOTE_COUNT_OF(rows));
}

/* Spec: MySQL reference manual, sections 9.1, 9.2 and 9.7 */
static void the_text_of_mysql_is_read_as_its_server_reads_it(void **state) {
    static const struct row rows[] = {
        {"SELECT \"secret\", `it's` FROM `t`", "SELECT ?, `it's` FROM `t`"},
        {"SELECT 1 # it's\n, 2", "SELECT ? , ?"},
        {"SELECT 5--1", "SELECT ?--?"},
        {"SELECT 5 --'secret\nsecret'", "SELECT ? --?"},
        {"SELECT _utf8'x'", "SELECT _utf8?"},
        {"SELECT /*!50000 'a*/b' */, 'secret'", "SELECT ?"},
        {"SELECT /*M!100 'a*/b' */, 'secret'", "SELECT ?"},
        {"SELECT 'it\\'s', secret", "SELECT ?"}, /* depends on NO_BACKSLASH_ESCAPES */
    };

    (void)state;
    assert_rows("mysql", rows, TOTE_COUNT_OF(rows));
    assert_rows("mariadb", rows, TOTE_COUNT_OF(rows));
}

static void text_is_dropped_where_the_dialect_decides(void **state) {
    static const struct row rows[] = {
        {"SELECT \"secret\"", "SELECT ?"},           {"SELECT a # secret", "SELECT a ?"},
        {"SELECT a --secret", "SELECT a ?"},         {"SELECT -- a\r secret", "SELECT ?"},
        {"SELECT /* /* */ secret", "SELECT ?"},      {"SELECT $a$ secret $a$", "SELECT ?"},
        {"SELECT $1, $1secret", "SELECT $1, ?"},     {"SELECT [it's], 'secret'", "SELECT ?"},
        {"SELECT `it's`, 'secret'", "SELECT ?"},     {"SELECT q'[it's]', 'secret'", "SELECT ?"},
        {"SELECT nq'[it's]', 'secret'", "SELECT ?"}, {"SELECT 'it\\'s', secret", "SELECT ?"},
    };

    (void)state;
    assert_rows(NULL, rows, TOTE_COUNT_OF(rows));
    assert_rows("other_sql", rows, TOTE_COUNT_OF(rows));
}

static void nothing_follows_a_literal_that_is_not_terminated(void **state) {
    static const struct row rows[] = {
        {"SELECT a, 'secret", "SELECT a, ?"},   {"SELECT a, 'secret''", "SELECT a, ?"},
        {"SELECT a, X'secret", "SELECT a, ?"},  {"SELECT a /* secret", "SELECT a ?"},
        {"SELECT a /* secret *", "SELECT a ?"}, {"SELECT 1'secret'", "SELECT ?"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_rows(systems[i], rows, TOTE_COUNT_OF(rows));
    }
    assert_sanitized("postgresql", "SELECT E'secret\\", 16, "SELECT ?");
    assert_sanitized("postgresql", "SELECT E'secret\\'", 17, "SELECT ?");
    assert_sanitized("postgresql", "SELECT $$secret$", 16, "SELECT ?");
    assert_sanitized("postgresql", "SELECT $a$secret$", 17, "SELECT ?");
    assert_sanitized("postgresql", "SELECT $secret", 14, "SELECT ?");
    assert_sanitized("postgresql", "SELECT \"secret", 14, "SELECT ?");
    assert_sanitized("postgresql", "SELECT 'a\\', secret, 'b'", 24, "SELECT ?");
    assert_sanitized("sqlite", "SELECT [secret", 14, "SELECT ?");
}

static void nothing_follows_bytes_that_a_server_may_read_in_another_encoding(void **state) {
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(systems); i++) {
        assert_sanitized(systems[i], "SELECT a\0secret", 15, "SELECT a?");
        assert_sanitized(systems[i], "SELECT '\x95\\', secret", 19, "SELECT ?");
        assert_sanitized(systems[i], "SELECT \xc3\xa4 \xc3", 12, "SELECT \xc3\xa4 ?");
    }
}

static void the_result_is_cut_between_tokens(void **state) {
    char result[16];

    (void)state;
    for (size_t size = 1; size <= sizeof result; size++) {
        memset(result, 'x', sizeof result);
        size_t length = tote_database_sanitize(result, size, "sqlite", "SELECT \"a\".b", 12);
        assert_int_equal(length, size > 12   ? 12
                                 : size > 11 ? 11
                                 : size > 10 ? 10
                                 : size > 6  ? 6
                                             : 0);
        assert_int_equal(strlen(result), length);
        assert_true(size == sizeof result || result[size] == 'x');
    }
    assert_int_equal(tote_database_sanitize(NULL, 9, "sqlite", "SELECT", 6), 0);
    assert_int_equal(tote_database_sanitize(result, 0, "sqlite", "SELECT", 6), 0);
    assert_int_equal(tote_database_sanitize(result, 9, "sqlite", NULL, 6), 0);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(literals_of_every_kind_become_a_placeholder),
        TEST(a_list_of_literals_is_collapsed),
        TEST(comments_and_white_space_become_one_space),
        TEST(the_text_of_postgresql_is_read_as_its_server_reads_it),
        TEST(the_text_of_sqlite_is_read_as_its_parser_reads_it),
        TEST(the_text_of_mysql_is_read_as_its_server_reads_it),
        TEST(text_is_dropped_where_the_dialect_decides),
        TEST(nothing_follows_a_literal_that_is_not_terminated),
        TEST(nothing_follows_bytes_that_a_server_may_read_in_another_encoding),
        TEST(the_result_is_cut_between_tokens),
    };

    return RUN_TESTS(tests, argc, argv);
}
