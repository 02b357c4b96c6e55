/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "span.h"

static size_t bytes_of(const tote_span *span) {
    return tote__span_bytes((const struct span *)span);
}

/* Texts of every length up to this, in turn. */
static void overwrite(tote_span *span, const char *key, size_t longest, size_t times) {
    static char text[4096];

    memset(text, 'x', sizeof text);
    for (size_t i = 0; i < times; i++) {
        tote_span_set_attribute(span, key, tote_string_of(text, i % (longest + 1)));
    }
}

/* Replaced values use no space. Spec: trace/sdk.md#span-limits */
static void an_attribute_overwritten_a_million_times_does_not_grow_its_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    tote_span_set_attribute(span, "ahead", tote_int(1));
    overwrite(span, "key", 100, 101);
    tote_span_set_attribute(span, "behind", tote_int(2));
    size_t before = bytes_of(span);
    overwrite(span, "key", 100, 1000000);
    assert_int_equal(bytes_of(span), before);
    tote_span_close(&span);
    size_t count;
    tote_span_data_get_attributes(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 3);
}

/* The same for a span that has outgrown its block. */
static void
a_large_overwritten_attribute_does_not_grow_its_span_beyond_its_largest_value(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    overwrite(span, "key", 4000, 2 * 4001);
    size_t before = bytes_of(span);
    overwrite(span, "key", 4000, 100000);
    assert_int_equal(bytes_of(span), before);
    assert_true(before < (size_t)16 * 4096);
    tote_span_close(&span);
}

/* The former place of a name is reused. */
static void a_name_changed_a_hundred_thousand_times_does_not_grow_its_span(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "w", NULL);
    size_t before = bytes_of(span);
    char name[301];

    for (size_t i = 0; i < 100000; i++) {
        memset(name, 'n', i % 300);
        name[i % 300] = '\0';
        tote_span_update_name(span, name);
    }
    assert_true(bytes_of(span) <= before + 4096);
    tote_span_close(&span);
}

/* The bytes of a large span count for the queue, so it must not reserve much more than it holds. */
static void a_large_span_uses_little_more_memory_than_it_holds(void **state) {
    enum { LARGE = 17 << 20 };
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    char *text = calloc(1, LARGE);

    tote_span_set_attribute(span, "text", tote_string_of(text, LARGE));
    assert_true(bytes_of(span) < LARGE + (1 << 20));
    for (int i = 0; i < 100; i++) {
        char key[] = {(char)('a' + i % 26), (char)('a' + i / 26), '\0'};
        tote_span_set_attribute(span, key, tote_string("more"));
    }
    assert_true(bytes_of(span) < LARGE + LARGE / 2);
    tote_span_close(&span);
    free(text);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(an_attribute_overwritten_a_million_times_does_not_grow_its_span),
        SDK_TEST(a_large_overwritten_attribute_does_not_grow_its_span_beyond_its_largest_value),
        SDK_TEST(a_large_span_uses_little_more_memory_than_it_holds),
        SDK_TEST(a_name_changed_a_hundred_thousand_times_does_not_grow_its_span),
    };
    return RUN_TESTS(tests, argc, argv);
}
