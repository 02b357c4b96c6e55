/* SPDX-License-Identifier: MIT */
/*
 * test_pq_statements.c - the texts of prepared statements that are remembered
 */
#include "support.h"
#include <stdio.h>
#include <string.h>

#include "pq_parts.h"

static void test_a_statement_has_the_text_of_its_last_preparation(void **state) {
    struct tote__pq_statements statements = {0};

    (void)state;
    assert_null(tote__pq_statement_text(&statements, "find"));
    tote__pq_statement_add(&statements, "find", "SELECT 1");
    tote__pq_statement_add(&statements, "", "SELECT 2");
    assert_string_equal(tote__pq_statement_text(&statements, "find"), "SELECT 1");
    tote__pq_statement_add(&statements, "find", "SELECT 3");
    assert_string_equal(tote__pq_statement_text(&statements, "find"), "SELECT 3");
    assert_string_equal(tote__pq_statement_text(&statements, ""), "SELECT 2");
    assert_null(tote__pq_statement_text(&statements, "fin"));
    tote__pq_statements_clear(&statements);
    assert_null(tote__pq_statement_text(&statements, "find"));
    assert_int_equal(statements.bytes, 0);
    assert_int_equal(statements.count, 0);
}

static void test_statements_that_were_not_used_for_long_are_forgotten(void **state) {
    struct tote__pq_statements statements = {0};
    char name[16];

    (void)state;
    for (int i = 0; i < 1000; i++) {
        snprintf(name, sizeof name, "s%d", i);
        tote__pq_statement_add(&statements, name, "SELECT 1");
        assert_non_null(tote__pq_statement_text(&statements, "s0"));
    }
    assert_int_equal(statements.count, 256);
    assert_null(tote__pq_statement_text(&statements, "s1"));
    assert_non_null(tote__pq_statement_text(&statements, "s999"));
    tote__pq_statements_clear(&statements);
    assert_int_equal(statements.bytes, 0);
}

static void test_the_memory_of_texts_is_limited(void **state) {
    struct tote__pq_statements statements = {0};
    char text[TOTE_DATABASE_MAX_TEXT + 2];
    char name[2048];

    (void)state;
    memset(text, 'x', sizeof text);
    text[TOTE_DATABASE_MAX_TEXT] = '\0';
    for (int i = 0; i < 100; i++) {
        snprintf(name, sizeof name, "s%d", i);
        tote__pq_statement_add(&statements, name, text);
        assert_true(statements.bytes <= 256 * 1024);
    }
    assert_non_null(tote__pq_statement_text(&statements, "s99"));

    /* A text or a name that is too long is not remembered, nor is the old text of the name. */
    text[TOTE_DATABASE_MAX_TEXT] = 'x';
    text[TOTE_DATABASE_MAX_TEXT + 1] = '\0';
    tote__pq_statement_add(&statements, "s99", text);
    assert_null(tote__pq_statement_text(&statements, "s99"));
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = '\0';
    tote__pq_statement_add(&statements, name, "SELECT 1");
    assert_null(tote__pq_statement_text(&statements, name));
    tote__pq_statements_clear(&statements);
    assert_int_equal(statements.bytes, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_statement_has_the_text_of_its_last_preparation),
        cmocka_unit_test(test_statements_that_were_not_used_for_long_are_forgotten),
        cmocka_unit_test(test_the_memory_of_texts_is_limited),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
