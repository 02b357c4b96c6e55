/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "handle.h"
#include "moment.h"
#include "variables.h"

static const uint64_t now = 1764363845250000000;

static void times_are_read_in_all_forms(void **state) {
    static const struct {
        const char *text;
        uint64_t time;
    } times[] = {
        {"now", 1764363845250000000},
        {"-5s", 1764363840250000000},
        {"-1.5m", 1764363755250000000},
        {"+250ms", 1764363845500000000},
        {"0", 0},
        {"1764363845", 1764363845000000000},
        {"1764363845.25", 1764363845250000000},
        {"1764363845.0000000019", 1764363845000000001},
        {"1764363845250", 1764363845250000000},
        {"1764363845250000", 1764363845250000000},
        {"1764363845250000001", 1764363845250000001},
        /* Spec: RFC 3339 */
        {"2025-11-28T21:04:05.25Z", 1764363845250000000},
        {"2025-11-28t21:04:05z", 1764363845000000000},
        {"2025-11-28 22:34:05.250000000+01:30", 1764363845250000000},
        {"2000-02-29T00:00:00Z", 951782400000000000},
        {"2100-03-01T00:00:00Z", 4107542400000000000},
    };

    (void)state;
    for (size_t i = 0; i < sizeof times / sizeof *times; i++) {
        uint64_t time = 1;
        assert_true(moment_read(times[i].text, now, &time));
        assert_int_equal(time, times[i].time);
    }
}

static void a_text_that_is_no_time_is_refused(void **state) {
    static const char *const texts[] = {
        "",
        "x",
        "-",
        "-x",
        "-100000d",
        "1.",
        "1x",
        "99999999999999999999",
        "9999999999999999999",
        "99999999999",
        "2025-11-28",
        "2025-13-28T21:04:05Z",
        "2025-00-28T21:04:05Z",
        "2025-11-28T24:04:05Z",
        "2025-11-28T21:04:05",
        "2025-11-28T21:04:05.Z",
        "2025-11-28T21:04:05+1:00",
        "1969-12-31T23:59:59Z",
        "2025-11-28T21:04",
        "9999-11-28T21:04:05Z",
    };
    uint64_t time;

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        assert_false(moment_read(texts[i], now, &time));
    }
}

static void a_file_of_variables_is_read_as_it_was_written(void **state) {
    char path[] = "/tmp/tote-variables-XXXXXX";
    char a[] = "TRACEPARENT=00-1";
    char b[] = "BAGGAGE=k=a'$(x)`y`\\\"; z";
    struct variables variables = {.count = 0};
    struct variables read;

    (void)state;
    close(mkstemp(path));
    variables_set(&variables, a);
    variables_set(&variables, b);
    assert_true(variables_write(&variables, path));
    assert_true(variables_read(&read, path));
    assert_int_equal(read.count, 2);
    assert_string_equal(variables_get(&read, "TRACEPARENT"), "00-1");
    assert_string_equal(variables_get(&read, "BAGGAGE"), "k=a'$(x)`y`\\\"; z");
    assert_null(variables_get(&read, "TRACE"));
    variables_clear(&read);
    unlink(path);
    assert_true(variables_read(&read, path));
    assert_int_equal(read.count, 0);
    variables_clear(&read);
}

static void a_handle_returns_what_was_pushed(void **state) {
    char set[] = "BAGGAGE=k=a b,c;'%";
    char unset[] = "TRACESTATE";
    struct variables around = {.count = 0};
    struct handle handle;

    (void)state;
    variables_set(&around, set);
    variables_set(&around, unset);
    char *outer = handle_push(NULL, "/a b/outer", &(struct variables){.count = 0});
    char *inner = handle_push(strchr(outer, '=') + 1, "", &around);
    const char *value = strchr(inner, '=') + 1;
    assert_null(strpbrk(value, "'\"\\$`;&|<>()\n\t"));

    assert_true(handle_read(value, &handle));
    assert_string_equal(handle.path, "");
    assert_string_equal(variables_get(&handle.around, "BAGGAGE"), "k=a b,c;'%");
    assert_null(variables_get(&handle.around, "TRACESTATE"));
    assert_int_equal(handle.around.count, 2);
    assert_string_equal(handle.outer, outer);
    variables_clear(&handle.around);

    assert_true(handle_read(strchr(outer, '=') + 1, &handle));
    assert_string_equal(handle.path, "/a b/outer");
    assert_string_equal(handle.outer, "TOTE_SPAN");
    variables_clear(&handle.around);
    free(outer);
    free(inner);
}

static void a_malformed_handle_is_refused(void **state) {
    static const char *const values[] = {"/a%", "/a,B=%zz", "%00x", "/a,B=x%0"};
    struct handle handle;

    (void)state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        assert_false(handle_read(values[i], &handle));
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(times_are_read_in_all_forms),
        TEST(a_text_that_is_no_time_is_refused),
        TEST(a_file_of_variables_is_read_as_it_was_written),
        TEST(a_handle_returns_what_was_pushed),
        TEST(a_malformed_handle_is_refused),
    };

    return RUN_TESTS(tests, argc, argv);
}
