/* SPDX-License-Identifier: MIT */
#include "tui_fixture.h"

static void a_key_has_one_function_on_a_screen(void **state) {
    (void)state;
    for (unsigned view = SCREEN_LIST; view <= SCREEN_HELP; view *= 2) {
        for (size_t i = 0; i < key_group_count; i++) {
            for (size_t j = 0; j < key_groups[i].count; j++) {
                const struct key_binding *binding = &key_groups[i].bindings[j];
                for (size_t k = 0; binding->screens & view && k < MOST_KEYS && binding->keys[k];
                     k++) {
                    assert_ptr_equal(key_find((enum ui_screen)view, binding->keys[k]), binding);
                }
            }
        }
    }
}

static void the_help_shows_every_key(void **state) {
    struct fixture *f = *state;

    resize(f, 100, 100);
    keys(f, "?");
    for (size_t i = 0; i < key_group_count; i++) {
        assert_shows(f, key_groups[i].title);
        for (size_t j = 0; j < key_groups[i].count; j++) {
            assert_shows(f, key_groups[i].bindings[j].help);
        }
    }
    resize(f, 10, 40);
    keys(f, "G");
    assert_shows(f, key_groups[key_group_count - 1].title);
    keys(f, "q");
    assert_shows(f, "no traces");
}

/* Return the text of a file, to be freed. */
static char *read_file(const char *path) {
    FILE *file = fopen(path, "rb");
    char *text = calloc(1, TEXT_BYTES);

    assert_non_null(file);
    assert_non_null(text);
    assert_in_range(fread(text, 1, TEXT_BYTES - 1, file), 1, TEXT_BYTES - 2);
    fclose(file);
    return text;
}

static void the_documentation_lists_every_key(void **state) {
    char *text = read_file(TOTE_TEST_SOURCE_DIR "/../docs/tote.md");
    size_t missing = 0;

    (void)state;
    for (size_t i = 0; i < key_group_count; i++) {
        for (size_t j = 0; j < key_groups[i].count; j++) {
            const struct key_binding *binding = &key_groups[i].bindings[j];
            char line[256];
            snprintf(line, sizeof line, "\n| `%s` | %s |\n", binding->shown, binding->help);
            if (!strstr(text, line)) {
                print_message("missing: %s", line + 1);
                missing++;
            }
        }
    }
    free(text);
    assert_int_equal(missing, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_has_one_function_on_a_screen),
        SHOWING(the_help_shows_every_key),
        cmocka_unit_test(the_documentation_lists_every_key),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
