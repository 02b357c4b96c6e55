/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_no_yaml.c - a build without libyaml refuses every file
 *
 * The program contains no_yaml.c, which replaces yaml.c of the library.
 */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

static void keep(const tote_configuration_problem *problem, void *user_data) {
    snprintf(user_data, 256, "%u %u: %s", problem->level, problem->line, problem->message);
}

/* Spec: configuration/sdk.md#parse */
static void a_file_is_refused_with_the_option_of_the_build(void **state) {
    (void)state;
    static const char text[] = "file_format: \"1.1\"\n";
    char message[256] = "";
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;
    options.report = keep;
    options.user_data = message;

    assert_null(tote_configuration_parse(text, strlen(text), &options));
    assert_string_equal(
        message, "1 0: this build of libtote has no YAML: build it with -DTOTE_WITH_YAML=ON");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_file_is_refused_with_the_option_of_the_build),
    };
    return RUN_TESTS(tests, argc, argv);
}
