/* SPDX-License-Identifier: MIT */
/* test_vectors_substitution.c - environment variables in the scalars of a configuration file */
#include "support.h"
#include "vectors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

static void set_variables(void) {
    static const char *const variables[][2] = {
        {"STRING_VALUE", "value"},
        {"BOOL_VALUE", "true"},
        {"INT_VALUE", "1"},
        {"FLOAT_VALUE", "1.1"},
        {"HEX_VALUE", "0xdeadbeef"},
        {"INVALID_MAP_VALUE", "value\nkey:value"},
        {"DO_NOT_REPLACE_ME", "Never use this value"},
        {"REPLACE_ME", "${DO_NOT_REPLACE_ME}"},
        {"VALUE_WITH_ESCAPE", "value$$"},
        {"EMPTY_VALUE", ""},
        {"env", "environment"},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(variables); i++) {
        setenv(variables[i][0], variables[i][1], 1);
    }
    unsetenv("UNDEFINED_KEY");
}

static void count_error(const tote_configuration_problem *problem, void *user_data) {
    *(unsigned *)user_data += problem->level == TOTE_LEVEL_ERROR;
}

static bool is_number(const tote_configuration_node *node, const char *expected) {
    double number = 0;

    return tote_configuration_node_read_double(node, &number) &&
           fabs(number - strtod(expected, NULL)) < 1e-12;
}

static bool is_text(const tote_configuration_node *node, struct text expected) {
    const char *text = NULL;

    return tote_configuration_node_read_string(node, &text) && strlen(text) == expected.length &&
           strcmp(text, expected.at) == 0;
}

/* Return whether the node has the type `tag` and the value of the text. */
static bool has_value(const tote_configuration_node *node, const char *tag, struct text expected) {
    bool is_true = false;

    switch (tote_configuration_node_get_type(node)) {
    case TOTE_CONFIGURATION_TYPE_NULL:
        return strcmp(tag, "null") == 0;
    case TOTE_CONFIGURATION_TYPE_BOOL:
        return strcmp(tag, "bool") == 0 && tote_configuration_node_read_bool(node, &is_true) &&
               is_true == (strcmp(expected.at, "true") == 0);
    case TOTE_CONFIGURATION_TYPE_INT:
        return strcmp(tag, "int") == 0 && is_number(node, expected.at);
    case TOTE_CONFIGURATION_TYPE_DOUBLE:
        return strcmp(tag, "float") == 0 && is_number(node, expected.at);
    default:
        return strcmp(tag, "str") == 0 && is_text(node, expected);
    }
}

static bool check_row(const struct vector_row *row) {
    char *parts[VECTORS_MOST_PARTS];
    char yaml[1024];
    unsigned errors = 0;
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;

    options.report = count_error;
    options.user_data = &errors;
    snprintf(yaml, sizeof yaml, "file_format: \"1.1\"\nkey: %s\n",
             vectors_unescape(row->columns[0]).at);
    size_t count = vectors_split(row->columns[1], '|', parts);
    tote_configuration *configuration = tote_configuration_parse(yaml, strlen(yaml), &options);
    const tote_configuration_node *node =
        tote_configuration_node_get(tote_configuration_get_root(configuration), "key");
    bool holds = count == 2 ? !errors && has_value(node, parts[1], vectors_unescape(parts[0]))
                            : strcmp(parts[0], "ERROR") == 0 && errors == 1 && !configuration;
    tote_configuration_unref(configuration);
    return holds;
}

/* Spec: configuration/data-model.md#environment-variable-substitution. Compliance: DC-03 */
static void references_to_environment_variables_are_replaced_in_scalars(void **state) {
    (void)state;
    set_variables();

    vectors_check("env_substitution.tsv", check_row);
}

/* Spec: configuration/data-model.md#environment-variable-substitution */
static void each_form_of_a_reference_is_replaced_or_refused(void **state) {
    (void)state;
    set_variables();

    vectors_check("substitution_forms.tsv", check_row);
}

/* Spec: configuration/data-model.md#environment-variable-substitution */
static void a_key_is_not_substituted(void **state) {
    (void)state;
    static const char yaml[] = "file_format: \"1.1\"\n${STRING_VALUE}: value\n";
    set_variables();

    tote_configuration *configuration = tote_configuration_parse(yaml, strlen(yaml), NULL);
    const tote_configuration_node *root = tote_configuration_get_root(configuration);

    assert_non_null(tote_configuration_node_get(root, "${STRING_VALUE}"));
    assert_null(tote_configuration_node_get(root, "value"));
    tote_configuration_unref(configuration);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(references_to_environment_variables_are_replaced_in_scalars),
        TEST(each_form_of_a_reference_is_replaced_or_refused),
        TEST(a_key_is_not_substituted),
    };
    return RUN_TESTS(tests, argc, argv);
}
