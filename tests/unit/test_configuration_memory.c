/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_memory.c - every allocation while a configuration file is read fails once,
 * those of libyaml too
 *
 * libyaml allocates with functions of its own, which this program replaces.
 */
#include "support.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/configuration.h"
#include "tote/diagnostics.h"

TOTE_API void *yaml_malloc(size_t size);
TOTE_API void *yaml_realloc(void *memory, size_t size);
TOTE_API char *yaml_strdup(const char *text);
TOTE_API void yaml_free(void *memory);

static struct {
    long left;     /* allocations until the one that fails; negative: none fails */
    bool fails_on; /* and all later ones fail, too */
    long failures;
    long blocks; /* in use */
    long yaml_calls;
} memory;

static bool is_to_fail(void) {
    bool fails = memory.left == 0 || (memory.failures && memory.fails_on);

    memory.left--;
    memory.failures += fails;
    errno = fails ? ENOMEM : errno;
    return fails;
}

static void *allocate(size_t size) {
    void *block = is_to_fail() ? NULL : malloc(size ? size : 1);

    memory.blocks += block != NULL;
    return block;
}

static void *reallocate(void *old, size_t size) {
    void *block = is_to_fail() ? NULL : realloc(old, size);

    memory.blocks += block && !old;
    return block;
}

static void release(void *block) {
    memory.blocks -= block != NULL;
    free(block);
}

void *yaml_malloc(size_t size) {
    memory.yaml_calls++;
    return allocate(size);
}

void *yaml_realloc(void *old, size_t size) {
    return reallocate(old, size);
}

char *yaml_strdup(const char *text) {
    size_t size = text ? strlen(text) + 1 : 0;
    char *copy = text ? allocate(size) : NULL;

    return copy ? memcpy(copy, text, size) : NULL;
}

void yaml_free(void *block) {
    release(block);
}

static void *tote_allocate(void *self, size_t size) {
    (void)self;
    void *block = allocate(size);
    return block ? memset(block, 0xA5, size) : NULL;
}

static void *tote_reallocate(void *self, void *old, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return reallocate(old, size);
}

static void tote_release(void *self, void *block, size_t size) {
    (void)self, (void)size;
    release(block);
}

static void count_error(const tote_configuration_problem *problem, void *user_data) {
    *(size_t *)user_data += problem->level == TOTE_LEVEL_ERROR;
}

/* Parse with each allocation failing. Returns the number of errors when none fails. */
static size_t exhaust(const char *text, bool fails_on) {
    for (long n = 0; n < 100000; n++) {
        size_t errors = 0;
        tote_configuration_options options = TOTE_CONFIGURATION_OPTIONS_INIT;
        options.report = count_error;
        options.user_data = &errors;
        memory.left = n;
        memory.fails_on = fails_on;
        memory.failures = 0;
        errno = 42;

        tote_configuration *configuration = tote_configuration_parse(text, strlen(text), &options);

        assert_int_equal(errno, 42);
        assert_int_equal(configuration == NULL, errors > 0);
        assert_true(!memory.failures || !configuration);
        tote_configuration_unref(configuration);
        assert_int_equal(memory.blocks, 0);
        if (!memory.failures) {
            print_message("%ld allocations, %ld of libyaml\n", n, memory.yaml_calls);
            assert_true(n > 10);
            return errors;
        }
    }
    fail_msg("no end of allocations");
    return 0;
}

/* Spec: error-handling.md#basic-error-handling-principles */
static void every_allocation_may_fail_while_a_file_is_parsed(void **state) {
    (void)state;
    static const char good[] = "file_format: \"1.1\"\n"
                               "resource:\n"
                               "  attributes: &list [{name: a, value: [1.5, 2]}]\n"
                               "propagator: {composite_list: \"${UNDEFINED_KEY:-b3},baggage\"}\n"
                               "copy: *list\n";
    static const char bad[] = "file_format: 1.1\n"
                              "resource: {attributes: \"${1}\", detector: !x [1]}\n"
                              "resource: [1, 2\n";
    memory.left = -1;

    for (int fails_on = 0; fails_on < 2; fails_on++) {
        assert_int_equal(exhaust(good, fails_on), 0);
        assert_int_equal(exhaust(bad, fails_on), 4);
    }
    assert_true(memory.yaml_calls > 100);
}

int main(int argc, char **argv) {
    const tote_allocator allocator = {sizeof allocator, tote_allocate, tote_reallocate,
                                      tote_release, NULL};
    const struct CMUnitTest tests[] = {
        TEST(every_allocation_may_fail_while_a_file_is_parsed),
    };

    memory.left = -1;
    return tote_allocator_set(&allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
