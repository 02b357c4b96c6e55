/* SPDX-License-Identifier: MIT */
/*
 * test_hiredis.c - what is recorded of commands of Redis
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "hiredis_parts.h"

/* Describe a copy of exactly this size, so that a read past its end is found. */
static bool describe(const char *text, size_t length,
                     struct tote__hiredis_description *description) {
    char *copy = malloc(length ? length : 1);
    struct tote__hiredis_command command = {.text = {copy, length}};

    assert_non_null(copy);
    memcpy(copy, text, length);
    bool is_described = tote__hiredis_describe(&command, description);
    free(copy);
    return is_described;
}

static void assert_text(const struct tote__hiredis_description *description, const char *expected) {
    assert_int_equal(description->text_length, strlen(expected));
    assert_memory_equal(description->text, expected, strlen(expected));
}

/* Spec: redis.md, db.operation.name and db.query.text */
static void a_command_has_its_name_and_a_placeholder_for_each_argument(void **state) {
    static const struct {
        const char *command, *operation, *text;
    } rows[] = {
        {"*1\r\n$4\r\nPING\r\n", "PING", "PING"},
        {"*3\r\n$3\r\nset\r\n$1\r\nk\r\n$0\r\n\r\n", "set", "set ? ?"},
        {"*2\r\n$3\r\nGET\r\n$4\r\n\r\n*1\r\n", "GET", "GET ?"},
        {"*1\r\n$3\r\na b\r\n", "_OTHER", "_OTHER"},
        {"*2\r\n$4\r\nAUTH\r\n$6\r\nsecret\r\n", "AUTH", "AUTH ?"},
    };
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_true(describe(rows[i].command, strlen(rows[i].command), &description));
        assert_string_equal(description.operation, rows[i].operation);
        assert_text(&description, rows[i].text);
        assert_string_equal(description.procedure, "");
        assert_int_equal(description.database, -1);
        assert_false(description.has_stream);
    }
}

static void malformed_text_is_no_command(void **state) {
    static const char *const rows[] = {
        "",
        "*",
        "*1",
        "*1\r\n",
        "*0\r\n",
        "*-1\r\n",
        "*1\r\n$4\r\nPIN",
        "*1\r\n$4\r\nPING",
        "*1\r\n$4\r\nPING\r",
        "*1\r\n$4294967296\r\nPING\r\n",
        "*1\r\n$99999999999999999999\r\nPING\r\n",
        "*1\r\n$\r\nPING\r\n",
        "*1\r\n$0\r\n\r\n",
        "*2\r\n$4\r\nPING\r\n",
        "*99999999\r\n$4\r\nPING\r\n",
        "PING\r\n",
    };
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_false(describe(rows[i], strlen(rows[i]), &description));
    }
}

static void a_text_may_have_several_commands(void **state) {
    static const char text[] =
        "*1\r\n$5\r\nMULTI\r\n*2\r\n$4\r\nINCR\r\n$1\r\na\r\n*1\r\n$4\r\nEXEC\r\n";
    static const char *const expected[] = {"MULTI", "INCR ?", "EXEC"};
    struct tote__hiredis_command command = {.text = {text, sizeof text - 1}};
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(expected); i++) {
        assert_true(tote__hiredis_describe(&command, &description));
        assert_text(&description, expected[i]);
    }
    assert_int_equal(command.text.length, 0);
    assert_false(tote__hiredis_describe(&command, &description));
}

static void arguments_are_read_with_and_without_lengths(void **state) {
    const char *const arguments[] = {"SETx", "key", "a\0b"};
    const size_t lengths[] = {3, 3, 3};
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct tote__hiredis_command command = {
            .argument_count = 3, .arguments = arguments, .lengths = i ? lengths : NULL};
        assert_true(tote__hiredis_describe(&command, &description));
        assert_text(&description, i ? "SET ? ?" : "SETx ? ?");
    }
}

static void many_arguments_are_not_all_recorded(void **state) {
    const char *arguments[40];
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(arguments); i++) {
        arguments[i] = "MGET";
    }
    struct tote__hiredis_command command = {.argument_count = 17, .arguments = arguments};
    assert_true(tote__hiredis_describe(&command, &description));
    assert_text(&description, "MGET ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ?");
    command.argument_count = 40;
    assert_true(tote__hiredis_describe(&command, &description));
    assert_text(&description, "MGET ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ? ...");
}

/* Spec: redis.md, db.stored_procedure.name and db.namespace */
static void scripts_databases_and_subscriptions_are_recognized(void **state) {
    static const struct {
        const char *name, *argument, *procedure;
        int database;
        bool has_stream;
    } rows[] = {
        {"EVALSHA", "0123", "0123", -1, false},
        {"fcall", "report", "report", -1, false},
        {"EVAL", "return 1", "", -1, false},
        {"select", "15", "", 15, false},
        {"SELECT", "", "", -1, false},
        {"SELECT", "1x", "", -1, false},
        {"SELECT", "99999999999", "", -1, false},
        {"SUBSCRIBE", "c", "", -1, true},
        {"punsubscribe", "c", "", -1, true},
    };
    struct tote__hiredis_description description;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        const char *const arguments[] = {rows[i].name, rows[i].argument};
        struct tote__hiredis_command command = {.argument_count = 2, .arguments = arguments};
        assert_true(tote__hiredis_describe(&command, &description));
        assert_string_equal(description.procedure, rows[i].procedure);
        assert_int_equal(description.database, rows[i].database);
        assert_int_equal(description.has_stream, rows[i].has_stream);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_command_has_its_name_and_a_placeholder_for_each_argument),
        TEST(malformed_text_is_no_command),
        TEST(a_text_may_have_several_commands),
        TEST(arguments_are_read_with_and_without_lengths),
        TEST(many_arguments_are_not_all_recorded),
        TEST(scripts_databases_and_subscriptions_are_recognized),
    };

    return RUN_TESTS(tests, argc, argv);
}
