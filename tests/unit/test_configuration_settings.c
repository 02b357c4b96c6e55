/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_settings.c - the table of settings by variable, key and field
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "create.h"

static const char *valid_value(const struct tote__setting *setting) {
    switch (setting->kind) {
    case TOTE__SETTING_NUMBER:
    case TOTE__SETTING_SIZE:
        return "7";
    case TOTE__SETTING_BOOLEAN:
        return "true";
    case TOTE__SETTING_TEXTS:
        return "[a, b]";
    case TOTE__SETTING_WORD:
        return strrchr(setting->words, ' ') + 1;
    default:
        return "/text"; /* directories are absolute */
    }
}

/* Read `distribution: tote:` with one key. */
static void read_key(const struct tote__setting *setting, struct tote__creation *creation) {
    char text[256];

    snprintf(text, sizeof text, "file_format: '1.1'\ndistribution: {tote: {%s: %s}}\n",
             setting->key, valid_value(setting));
    tote_configuration *file = tote_configuration_parse(text, strlen(text), NULL);
    assert_non_null(file);
    const tote_configuration_node *distribution =
        tote_configuration_node_get(tote_configuration_get_root(file), "distribution");
    tote__create_own(creation, tote_configuration_node_get(distribution, "tote"));
    tote_configuration_unref(file);
    tote__creation_clear(creation);
}

/* Only the field of the setting changes. */
static void each_key_sets_its_field_and_no_other(void **state) {
    size_t count;
    const struct tote__setting *settings = tote__settings(&count);
    size_t own = 0;

    (void)state;
    for (size_t i = 0; i < count; i++) {
        struct tote__creation creation = {.problems.name = "t.yaml"};
        static const char nothing[sizeof creation.own];
        if (settings[i].field == TOTE__NO_FIELD) {
            continue;
        }
        own++;
        read_key(&settings[i], &creation);
        assert_int_equal(creation.errors, 0);
        const char *bytes = (const char *)&creation.own;
        assert_memory_equal(bytes, nothing, settings[i].field);
        size_t rest = sizeof nothing - settings[i].field;
        size_t size = rest < sizeof(struct tote__texts) ? rest : sizeof(struct tote__texts);
        assert_memory_not_equal(bytes + settings[i].field, nothing, size);
        if (size < rest) {
            assert_memory_equal(bytes + settings[i].field + size, nothing, rest - size);
        }
    }
    assert_true(own > 12);
}

static void no_key_and_no_variable_is_there_twice(void **state) {
    size_t count;
    const struct tote__setting *settings = tote__settings(&count);

    (void)state;
    for (size_t i = 0; i < count; i++) {
        for (size_t k = 0; k < i; k++) {
            bool is_same_key = settings[i].field != TOTE__NO_FIELD &&
                               settings[k].field != TOTE__NO_FIELD &&
                               strcmp(settings[i].key, settings[k].key) == 0;
            bool is_same_variable = settings[i].variable && settings[k].variable &&
                                    strcmp(settings[i].variable, settings[k].variable) == 0;
            assert_false(is_same_key || is_same_variable);
        }
    }
}

static void expect_shown(enum tote__setting_kind kind, const char *text, const char *wanted) {
    char shown[128];

    tote__setting_show(kind, text, shown, sizeof shown);
    assert_string_equal(shown, wanted);
}

static void secrets_are_not_shown(void **state) {
    (void)state;
    expect_shown(TOTE__SETTING_HEADERS, "a=secret,b=x%20y", "a=***,b=***");
    expect_shown(TOTE__SETTING_HEADERS, "secret", "=***");
    expect_shown(TOTE__SETTING_URL, "http://user:p@ss@host/path", "http://***@host/path");
    expect_shown(TOTE__SETTING_URL, "http://host/a@b", "http://host/a@b");
    expect_shown(TOTE__SETTING_URL, "unix:/run/x", "unix:/run/x");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(each_key_sets_its_field_and_no_other),
        TEST(no_key_and_no_variable_is_there_twice),
        TEST(secrets_are_not_shown),
    };

    return RUN_TESTS(tests, argc, argv);
}
