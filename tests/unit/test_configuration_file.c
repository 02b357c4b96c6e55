/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_file.c - YAML, types, positions and limits of a configuration file
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "tote/configuration.h"
#include "tote/diagnostics.h"

/* The text begins with the key that every file needs. */
#define HEAD "file_format: \"1.1\"\n"

enum { MOST_SEEN = 200 };

static struct {
    size_t count;
    size_t errors;
    uint32_t lines[MOST_SEEN];
    uint32_t columns[MOST_SEEN];
    char paths[MOST_SEEN][128];
    char messages[MOST_SEEN][256];
    char file[64];
} seen;

static void see(const tote_configuration_problem *problem, void *user_data) {
    (void)user_data;
    if (strstr(problem->message, "unknown key, which has no effect")) {
        return; /* the tests use keys of their own */
    }
    assert_true(seen.count < MOST_SEEN);
    assert_int_equal(problem->struct_size, sizeof *problem);
    seen.errors += problem->level == TOTE_LEVEL_ERROR;
    seen.lines[seen.count] = problem->line;
    seen.columns[seen.count] = problem->column;
    snprintf(seen.file, sizeof seen.file, "%s", problem->file);
    snprintf(seen.paths[seen.count], sizeof seen.paths[0], "%s", problem->path);
    snprintf(seen.messages[seen.count], sizeof seen.messages[0], "%s", problem->message);
    seen.count++;
}

static tote_configuration_options seeing_options(void) {
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;

    memset(&seen, 0, sizeof seen);
    options.report = see;
    return options;
}

static tote_configuration *parse_bytes(const char *text, size_t length) {
    tote_configuration_options options = seeing_options();

    return tote_configuration_parse(text, length, &options);
}

static tote_configuration *parse(const char *text) {
    return parse_bytes(text, strlen(text));
}

static const tote_configuration_node *get(const tote_configuration *configuration,
                                          const char *key) {
    return tote_configuration_node_get(tote_configuration_get_root(configuration), key);
}

/* Assert that the text is refused with one error at this position, whose message has these words.
 */
static void assert_refused(const char *text, uint32_t line, uint32_t column, const char *words) {
    tote_configuration *configuration = parse(text);

    if (configuration || seen.errors != 1 || seen.lines[0] != line || seen.columns[0] != column ||
        !strstr(seen.messages[0], words)) {
        fail_msg("%s\nhas %zu errors, the first in %u:%u: %s", text, seen.errors, seen.lines[0],
                 seen.columns[0], seen.messages[0]);
    }
}

/* Spec: configuration/data-model.md#yaml-file-format. Compliance: DC-01, DC-02, DC-04 */
static void plain_scalars_have_the_types_of_the_core_schema(void **state) {
    (void)state;
    static const struct {
        const char *text;
        tote_configuration_type type;
        double number;
    } cases[] = {
        {"", TOTE_CONFIGURATION_TYPE_NULL, 0},
        {"~", TOTE_CONFIGURATION_TYPE_NULL, 0},
        {"null", TOTE_CONFIGURATION_TYPE_NULL, 0},
        {"Null", TOTE_CONFIGURATION_TYPE_NULL, 0},
        {"NULL", TOTE_CONFIGURATION_TYPE_NULL, 0},
        {"nULL", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"true", TOTE_CONFIGURATION_TYPE_BOOL, 1},
        {"False", TOTE_CONFIGURATION_TYPE_BOOL, 0},
        {"TRUE", TOTE_CONFIGURATION_TYPE_BOOL, 1},
        {"tRUE", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"yes", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"No", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"on", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"off", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"y", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"0", TOTE_CONFIGURATION_TYPE_INT, 0},
        {"-12", TOTE_CONFIGURATION_TYPE_INT, -12},
        {"+12", TOTE_CONFIGURATION_TYPE_INT, 12},
        {"012", TOTE_CONFIGURATION_TYPE_INT, 12},
        {"0o17", TOTE_CONFIGURATION_TYPE_INT, 15},
        {"0xFf", TOTE_CONFIGURATION_TYPE_INT, 255},
        {"9223372036854775807", TOTE_CONFIGURATION_TYPE_INT, 9223372036854775807.0},
        {"9223372036854775808", TOTE_CONFIGURATION_TYPE_DOUBLE, 9223372036854775808.0},
        {"-0x1", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"0o8", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"0x", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"0b1", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"1_000", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"1:30", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"2001-12-14", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"1.", TOTE_CONFIGURATION_TYPE_DOUBLE, 1},
        {".5", TOTE_CONFIGURATION_TYPE_DOUBLE, .5},
        {"-1.5e+3", TOTE_CONFIGURATION_TYPE_DOUBLE, -1500},
        {"1e3", TOTE_CONFIGURATION_TYPE_DOUBLE, 1000},
        {"1e", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {".", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"-", TOTE_CONFIGURATION_TYPE_SEQUENCE, 0},
        {"+", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"1,5", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"nan", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"inf", TOTE_CONFIGURATION_TYPE_STRING, 0},
        {"-.inf", TOTE_CONFIGURATION_TYPE_DOUBLE, -INFINITY},
        {"+.INF", TOTE_CONFIGURATION_TYPE_DOUBLE, INFINITY},
        {"-.nan", TOTE_CONFIGURATION_TYPE_STRING, 0},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        char text[128];
        bool is_true = false;
        double number = 0;
        snprintf(text, sizeof text, HEAD "key:%s%s\n",
                 cases[i].type == TOTE_CONFIGURATION_TYPE_SEQUENCE ? "\n " : " ", cases[i].text);
        tote_configuration *configuration = parse(text);
        const tote_configuration_node *node = get(configuration, "key");
        if (tote_configuration_node_get_type(node) != cases[i].type) {
            fail_msg("%s has type %d", cases[i].text, tote_configuration_node_get_type(node));
        }
        if (!tote_configuration_node_read_double(node, &number) &&
            tote_configuration_node_read_bool(node, &is_true)) {
            number = is_true;
        }
        if (!(number <= cases[i].number && number >= cases[i].number)) {
            fail_msg("%s is %g", cases[i].text, number);
        }
        tote_configuration_unref(configuration);
    }
}

/* Spec: configuration/data-model.md#environment-variable-substitution */
static void a_quoted_or_block_scalar_is_text(void **state) {
    (void)state;
    tote_configuration *configuration =
        parse(HEAD "a: \"1\"\nb: 'true'\nc: |\n  null\nd: \"\"\ne: >-\n  1\n");
    const char *const keys[] = {"a", "b", "c", "d", "e"};
    const char *const expected[] = {"1", "true", "null\n", "", "1"};

    for (size_t i = 0; i < TOTE_COUNT_OF(keys); i++) {
        const char *text = NULL;
        assert_true(tote_configuration_node_read_string(get(configuration, keys[i]), &text));
        assert_string_equal(text, expected[i]);
    }
    tote_configuration_unref(configuration);
}

/* Spec: configuration/sdk.md#parse */
static void null_is_not_missing(void **state) {
    (void)state;
    tote_configuration *configuration = parse(HEAD "empty:\n");
    int64_t number = 5;

    assert_int_equal(tote_configuration_node_get_type(get(configuration, "empty")),
                     TOTE_CONFIGURATION_TYPE_NULL);
    assert_int_equal(tote_configuration_node_get_type(get(configuration, "missing")),
                     TOTE_CONFIGURATION_TYPE_MISSING);
    assert_false(tote_configuration_node_read_int(get(configuration, "empty"), &number));
    assert_int_equal(number, 5);
    tote_configuration_unref(configuration);
}

/* Spec: configuration/supplementary-guidelines.md, of ConfigProperties. Compliance: DC-05 */
static void a_plug_in_reads_its_properties_by_type(void **state) {
    (void)state;
    tote_configuration *configuration =
        parse(HEAD "plugin:\n  ratio: 2\n  whole: 3.0\n  part: 3.5\n  huge: 1e30\n  is_on: true\n"
                   "  name: x\n  list: [a, b]\n");
    const tote_configuration_node *plugin = get(configuration, "plugin");
    const tote_configuration_node *list = tote_configuration_node_get(plugin, "list");
    double number = 0;
    int64_t integer = 0;
    bool is_on = false;
    const char *text = NULL;

    assert_true(
        tote_configuration_node_read_double(tote_configuration_node_get(plugin, "ratio"), &number));
    assert_true(number >= 2 && number <= 2);
    assert_true(
        tote_configuration_node_read_int(tote_configuration_node_get(plugin, "whole"), &integer));
    assert_int_equal(integer, 3);
    assert_false(
        tote_configuration_node_read_int(tote_configuration_node_get(plugin, "part"), &integer));
    assert_false(
        tote_configuration_node_read_int(tote_configuration_node_get(plugin, "huge"), &integer));
    assert_true(
        tote_configuration_node_read_bool(tote_configuration_node_get(plugin, "is_on"), &is_on));
    assert_true(is_on);
    assert_false(
        tote_configuration_node_read_string(tote_configuration_node_get(plugin, "is_on"), &text));
    assert_int_equal(tote_configuration_node_get_count(plugin), 7);
    assert_string_equal(tote_configuration_node_get_key(tote_configuration_node_get_at(plugin, 5)),
                        "name");
    assert_int_equal(tote_configuration_node_get_count(list), 2);
    assert_true(
        tote_configuration_node_read_string(tote_configuration_node_get_at(list, 1), &text));
    assert_string_equal(text, "b");
    assert_null(tote_configuration_node_get_at(list, 2));
    assert_null(tote_configuration_node_get_key(tote_configuration_node_get_at(list, 1)));
    tote_configuration_unref(configuration);
}

static void a_node_has_a_path_a_line_and_a_column(void **state) {
    (void)state;
    tote_configuration *configuration = parse(HEAD "a:\n  - b\n  - ä: { c: 1 }\n");
    const tote_configuration_node *second =
        tote_configuration_node_get_at(get(configuration, "a"), 1);
    const tote_configuration_node *node =
        tote_configuration_node_get(tote_configuration_node_get(second, "ä"), "c");
    char path[64];
    char cut[6];

    assert_int_equal(tote_configuration_node_get_path(node, path, sizeof path), 9);
    assert_string_equal(path, "a[1].ä.c");
    assert_int_equal(tote_configuration_node_get_line(node), 4);
    assert_int_equal(tote_configuration_node_get_column(node), 13);
    assert_int_equal(tote_configuration_node_get_path(node, cut, sizeof cut), 9);
    assert_string_equal(cut, "a[1].");
    assert_int_equal(tote_configuration_node_get_path(node, NULL, 0), 9);
    tote_configuration_unref(configuration);
}

static void a_node_keeps_its_position_for_later_reports(void **state) {
    (void)state;
    tote_configuration *configuration = parse(HEAD "a:\n  b: 1\n");
    tote_configuration_options options = seeing_options();

    tote_configuration_node_report(tote_configuration_node_get(get(configuration, "a"), "b"),
                                   TOTE_LEVEL_ERROR, &options, "no plug-in is named '%s'", "b");

    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.lines[0], 3);
    assert_int_equal(seen.columns[0], 6);
    assert_string_equal(seen.paths[0], "a.b");
    assert_string_equal(seen.messages[0], "no plug-in is named 'b'");
    assert_string_equal(seen.file, "configuration");
    tote_configuration_unref(configuration);
}

static void an_alias_is_a_copy_with_its_own_path(void **state) {
    (void)state;
    tote_configuration *configuration =
        parse(HEAD "a: &x\n  b: [1, {c: 2}]\nd: *x\ne: &s text\nf: *s\n");
    char path[64];
    const tote_configuration_node *node = tote_configuration_node_get(
        tote_configuration_node_get_at(tote_configuration_node_get(get(configuration, "d"), "b"),
                                       1),
        "c");
    const char *text = NULL;

    tote_configuration_node_get_path(node, path, sizeof path);
    assert_string_equal(path, "d.b[1].c");
    assert_int_equal(tote_configuration_node_get_line(node), 3);
    assert_true(tote_configuration_node_read_string(get(configuration, "f"), &text));
    assert_string_equal(text, "text");
    tote_configuration_unref(configuration);
}

/* Spec: configuration/data-model.md#yaml-file-format */
static void yaml_that_is_not_a_configuration_is_refused_by_position(void **state) {
    (void)state;

    assert_refused("", 0, 0, "empty");
    assert_refused("# nothing\n", 0, 0, "empty");
    assert_refused("text", 0, 0, "mapping");
    assert_refused("- file_format\n", 0, 0, "mapping");
    assert_refused(HEAD "a: 1\nb: 2\na: 3\n", 4, 1, "already in line 2");
    assert_refused(HEAD "a: !!str 1\n", 2, 4, "tags");
    assert_refused(HEAD "a: !x [1]\n", 2, 4, "tags");
    assert_refused(HEAD "a: ! 1\n", 2, 4, "tags");
    assert_refused(HEAD "a: &x {b: 1}\nc:\n  <<: *x\n", 4, 3, "merge keys");
    assert_refused(HEAD "---\na: 1\n", 2, 1, "more than one document");
    assert_refused(HEAD "a: *x\n", 2, 4, "no anchor");
    assert_refused(HEAD "a: &x [*x]\n", 2, 8, "inside its own anchor");
    assert_refused(HEAD "[a]: 1\n", 2, 1, "key must be text");
    assert_refused(HEAD "a: &x b\n*x : 1\n", 3, 1, "key must be text");
    assert_refused(HEAD "a: [1, 2\nb: 3\n", 3, 2, "not valid YAML");
    assert_refused(HEAD "a:\n\tb: 1\n", 3, 1, "not valid YAML");
    assert_refused(HEAD "a: \"\\0\"\n", 2, 4, "NUL");
    assert_refused(HEAD "a: \xFF\n", 2, 4, "0xFF");
    assert_refused(HEAD "\xC3\xA4: \xC3(\n", 2, 4, "0xC3");
    assert_refused(HEAD "a: \x01\n", 2, 4, "not valid YAML");
    assert_refused("\xFF\xFE"
                   "f\0",
                   1, 1, "UTF-8");
}

static void a_mistake_in_the_yaml_is_reported_with_a_cure(void **state) {
    (void)state;

    assert_refused(HEAD "a:\n\tb: 1\n", 3, 1, "; indent by blanks, not by tabs");
    assert_refused(HEAD "a: @shop\n", 2, 4, "a text that begins with @, ` or % in quotes");
    assert_refused(HEAD "a:\n  b: 1\n\tc: 1\n", 4, 1, "; indent by blanks");
    assert_refused(HEAD "a:\n  - b: 1\n  c: 1\n", 4, 3,
                   "; check the indentation: a list begins in line 3, and its items");
    assert_refused(HEAD "a:\n   b: 1\n  c: 1\n", 4, 3,
                   "check the indentation and the quotes: a mapping begins in line 1,");
    assert_refused(HEAD "value: shop: main\n", 2, 12, "; put a text that contains \": \" in");
    assert_refused("file_format:\"1.1\"\na: 1\n", 2, 2, "; check the indentation, and whether");
    assert_refused(HEAD "a:x\nb: 1\n", 2, 1, "; a key ends with a colon and a blank");
    assert_refused(HEAD "a: \"x\nb: 1\n", 2, 4, "; the quote that begins here does not end");
    assert_refused(HEAD "a: [${X}]\n", 2, 6, "; the [ is in line 2; inside [ ] put a text");
    assert_refused(HEAD "a: {b: ${X}}\n", 2, 9, "; the { is in line 2; inside { } put a text");
    assert_refused(HEAD "a: \"C:\\x\"\n", 2, 9, "; write \\\\ for a \\ in double quotes");
}

static void all_mistakes_of_a_text_are_reported_in_its_order(void **state) {
    (void)state;

    assert_null(parse(HEAD "a: ${1}\nb: !x 1\na: 2\nc: [1, \"${2}\"\n"));

    assert_int_equal(seen.errors, 5);
    for (size_t i = 0; i < 4; i++) {
        const uint32_t lines[] = {2, 3, 4, 5};
        assert_int_equal(seen.lines[i], lines[i]);
    }
    assert_string_equal(seen.paths[0], "a");
    assert_string_equal(seen.paths[3], "c[1]");
    assert_non_null(strstr(seen.messages[4], "not valid YAML"));
}

static void a_byte_order_mark_and_line_ends_of_windows_are_accepted(void **state) {
    (void)state;
    tote_configuration *configuration = parse("\xEF\xBB\xBF"
                                              "file_format: \"1.1\"\r\na: x\r\nb:\r\n  - 1\r\n");
    const char *text = NULL;

    assert_int_equal(seen.count, 0);
    assert_true(tote_configuration_node_read_string(get(configuration, "a"), &text));
    assert_string_equal(text, "x");
    assert_int_equal(tote_configuration_node_get_line(get(configuration, "a")), 2);
    assert_int_equal(tote_configuration_node_get_column(get(configuration, "file_format")), 14);
    tote_configuration_unref(configuration);
}

/* Return a text of `head`, then `count` times `part`. The caller frees it. */
static char *repeated(const char *head, const char *part, size_t count) {
    size_t step = strlen(part);
    char *text = malloc(strlen(head) + count * step + 1);
    char *at = text + strlen(head);

    strcpy(text, head);
    for (size_t i = 0; i < count; i++, at += step) {
        memcpy(at, part, step);
    }
    *at = '\0';
    return text;
}

static void assert_limited(char *text, const char *words) {
    assert_null(parse(text));
    assert_int_equal(seen.errors, 1);
    if (!strstr(seen.messages[0], words)) {
        fail_msg("not limited by %s: %s", words, seen.messages[0]);
    }
    free(text);
}

static void size_depth_and_number_of_values_are_limited(void **state) {
    (void)state;
    setenv("LONG_VALUE", "0123456789012345678901234567890123456789", 1);

    assert_limited(repeated(HEAD "a: ", "x", 1 << 20), "longer than");
    assert_limited(repeated(HEAD "a:\n", "- x\n", 10000), "values");
    assert_limited(repeated(HEAD "a: ", "[", 100), "levels");
    assert_limited(repeated(HEAD "a: &x 1\nb:\n", "- *x\n", 1001), "aliases");
    assert_limited(repeated(HEAD "a: ", "${LONG_VALUE}", 50000), "environment variables");
}

/* In time that is not quadratic in the size of the file. */
static void a_text_of_unfinished_references_is_read_in_bounded_time(void **state) {
    (void)state;
    char *text = repeated(HEAD "a: ", "${", 500000);
    clock_t before = clock();
    tote_configuration *configuration = parse(text);

    assert_non_null(configuration);
    assert_true((clock() - before) / CLOCKS_PER_SEC < 4);
    tote_configuration_unref(configuration);
    free(text);
}

static void aliases_cannot_multiply_a_file(void **state) {
    (void)state;
    char text[1024] = HEAD "a0: &a0 [x, x, x, x, x, x, x, x, x]\n";

    for (int i = 1; i < 9; i++) {
        char line[100];
        snprintf(line, sizeof line, "a%d: &a%d [*a%d, *a%d, *a%d, *a%d, *a%d, *a%d]\n", i, i, i - 1,
                 i - 1, i - 1, i - 1, i - 1, i - 1);
        strcat(text, line);
    }
    assert_null(parse(text));
    assert_int_equal(seen.errors, 1);
    assert_non_null(strstr(seen.messages[0], "values"));
}

static void more_than_a_hundred_problems_are_counted(void **state) {
    (void)state;
    char *text = repeated(HEAD "a:\n", "- ${1}\n", 150);

    assert_null(parse(text));
    assert_int_equal(seen.count, 101);
    assert_string_equal(seen.messages[100], "there are 51 more problems");
    free(text);
}

static void write_text(const char *path, const char *text) {
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Spec: configuration/sdk.md#parse */
static void only_a_regular_file_is_read(void **state) {
    (void)state;
    char folder[] = "/tmp/tote-configuration-XXXXXX";
    tote_configuration_options options;
    assert_non_null(mkdtemp(folder));
    assert_int_equal(chdir(folder), 0);
    write_text("good.yaml", HEAD);
    write_text("named.txt", HEAD);
    assert_int_equal(mkfifo("fifo.yaml", 0600), 0);
    const char *const refused[] = {"missing.yaml", "fifo.yaml", "/dev/zero", folder};

    options = seeing_options();
    errno = 42;
    tote_configuration *good = tote_configuration_parse_file("good.yaml", &options);
    assert_non_null(good);
    assert_int_equal(errno, 42);
    assert_int_equal(seen.count, 0);
    tote_configuration_unref(good);
    options = seeing_options();
    tote_configuration *named = tote_configuration_parse_file("named.txt", &options);
    assert_non_null(named);
    assert_int_equal(seen.count, 1);
    assert_int_equal(seen.errors, 0);
    assert_non_null(strstr(seen.messages[0], ".yaml"));
    tote_configuration_unref(named);
    for (size_t i = 0; i < TOTE_COUNT_OF(refused); i++) {
        options = seeing_options();
        assert_null(tote_configuration_parse_file(refused[i], &options));
        assert_int_equal(seen.errors, 1);
        assert_string_equal(seen.file, refused[i]);
        assert_non_null(strstr(seen.messages[0], "cannot read the file"));
        assert_int_equal(errno, 42);
    }
    unlink("good.yaml");
    unlink("named.txt");
    unlink("fifo.yaml");
    assert_int_equal(chdir("/"), 0);
    rmdir(folder);
}

static char diagnostic[1024];

static void keep_diagnostic(tote_level level, const char *component, const char *message,
                            void *user_data) {
    (void)level, (void)user_data;
    snprintf(diagnostic, sizeof diagnostic, "%s: %s", component, message);
}

static void without_a_handler_problems_are_diagnostics(void **state) {
    (void)state;
    static const char text[] = HEAD "a: [1, \"${x y}\"]\n";
    tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;
    options.name = "my.yaml";
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, NULL);

    assert_null(tote_configuration_parse(text, strlen(text), &options));
    assert_string_equal(diagnostic,
                        "configuration: my.yaml:2:8: a[1]: '${x y}' is not a reference: "
                        "write ${NAME}, ${env:NAME} or ${NAME:-default}, and $$ for a $");
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_INFO, NULL);
}

static void a_configuration_lives_until_its_last_reference(void **state) {
    (void)state;
    tote_configuration *configuration = parse(HEAD);

    assert_ptr_equal(tote_configuration_ref(configuration), configuration);
    tote_configuration_unref(configuration);
    assert_int_equal(tote_configuration_node_get_count(tote_configuration_get_root(configuration)),
                     1);
    tote_configuration_unref(configuration);
}

/* Spec: error-handling.md#basic-error-handling-principles */
static void null_is_accepted_everywhere(void **state) {
    (void)state;
    int64_t number = 0;

    assert_null(tote_configuration_parse(NULL, 3, NULL));
    assert_null(tote_configuration_parse_file(NULL, NULL));
    assert_null(tote_configuration_ref(NULL));
    tote_configuration_unref(NULL);
    assert_null(tote_configuration_get_root(NULL));
    assert_int_equal(tote_configuration_node_get_type(NULL), TOTE_CONFIGURATION_TYPE_MISSING);
    assert_null(tote_configuration_node_get(NULL, "a"));
    assert_int_equal(tote_configuration_node_get_count(NULL), 0);
    assert_null(tote_configuration_node_get_at(NULL, 0));
    assert_null(tote_configuration_node_get_key(NULL));
    assert_false(tote_configuration_node_read_bool(NULL, NULL));
    assert_false(tote_configuration_node_read_int(NULL, &number));
    assert_false(tote_configuration_node_read_double(NULL, NULL));
    assert_false(tote_configuration_node_read_string(NULL, NULL));
    assert_int_equal(tote_configuration_node_get_line(NULL), 0);
    assert_int_equal(tote_configuration_node_get_column(NULL), 0);
    assert_int_equal(tote_configuration_node_get_path(NULL, NULL, 0), 0);
    tote_configuration_node_report(NULL, TOTE_LEVEL_ERROR, NULL, "nothing");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(plain_scalars_have_the_types_of_the_core_schema),
        TEST(a_quoted_or_block_scalar_is_text),
        TEST(null_is_not_missing),
        TEST(a_plug_in_reads_its_properties_by_type),
        TEST(a_node_has_a_path_a_line_and_a_column),
        TEST(a_node_keeps_its_position_for_later_reports),
        TEST(an_alias_is_a_copy_with_its_own_path),
        TEST(yaml_that_is_not_a_configuration_is_refused_by_position),
        TEST(a_mistake_in_the_yaml_is_reported_with_a_cure),
        TEST(all_mistakes_of_a_text_are_reported_in_its_order),
        TEST(a_byte_order_mark_and_line_ends_of_windows_are_accepted),
        TEST(size_depth_and_number_of_values_are_limited),
        TEST(a_text_of_unfinished_references_is_read_in_bounded_time),
        TEST(aliases_cannot_multiply_a_file),
        TEST(more_than_a_hundred_problems_are_counted),
        TEST(only_a_regular_file_is_read),
        TEST(without_a_handler_problems_are_diagnostics),
        TEST(a_configuration_lives_until_its_last_reference),
        TEST(null_is_accepted_everywhere),
    };
    return RUN_TESTS(tests, argc, argv);
}
