/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "carrier.h"
#include "reports.h"
#include "tote/internal/propagators.h"
#include "tote/propagator_ops.h"

static const char *calls[8];
static unsigned call_count;
static unsigned destroyed;
static int set_up(void **state) {
    (void)state;
    call_count = destroyed = 0;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

static const tote_context_key last_key = {"last", NULL};

static void note_inject(void *self, const tote_context *context, void *carrier,
                        const tote_text_map_setter *setter) {
    (void)context, (void)carrier, (void)setter;
    calls[call_count++] = self;
}

static tote_context *note_extract(void *self, const tote_context *context, const void *carrier,
                                  const tote_text_map_getter *getter) {
    (void)carrier, (void)getter;
    calls[call_count++] = self;
    return tote_context_with_value(context, &last_key, self);
}

/* Two fields: one of its own and one that all share. */
static const char *field(void *self, size_t index) {
    return index == 0 ? self : index == 1 ? "shared" : NULL;
}

static void note_destroy(void *self) {
    (void)self;
    destroyed++;
}

static const tote_propagator_ops noting = {sizeof noting, note_inject, note_extract, field,
                                           note_destroy};

static tote_propagator *first_and_second(void) {
    static char first[] = "first", second[] = "second";
    tote_propagator *both[] = {tote_propagator_new(&noting, first), NULL,
                               tote_propagator_new(&noting, second)};

    return tote_propagator_composite_new(both, 3);
}

/* Spec: context/api-propagators.md#composite-propagator. Compliance: CP-07 */
static void propagators_work_in_order_and_the_last_one_extracted_wins(void **state) {
    tote_propagator *composite = first_and_second();
    struct carrier carrier = {.count = 0};

    (void)state;
    tote_propagator_inject(composite, tote_context_root(), &carrier, &carrier_setter);
    tote_context *context =
        tote_propagator_extract(composite, tote_context_root(), &carrier, &carrier_getter);
    assert_int_equal(call_count, 4);
    assert_string_equal(calls[0], "first");
    assert_string_equal(calls[1], "second");
    assert_string_equal(calls[2], "first");
    assert_string_equal(calls[3], "second");
    assert_string_equal(tote_context_get_value(context, &last_key), "second");
    tote_context_unref(context);
    tote_propagator_unref(composite);
}

/* Spec: context/api-propagators.md#fields. Compliance: CP-15 */
static void fields_are_the_union(void **state) {
    tote_propagator *composite = first_and_second();

    (void)state;
    assert_string_equal(tote_propagator_get_field(composite, 0), "first");
    assert_string_equal(tote_propagator_get_field(composite, 1), "shared");
    assert_string_equal(tote_propagator_get_field(composite, 2), "second");
    assert_null(tote_propagator_get_field(composite, 3));
    tote_propagator_unref(composite);
}

static void references_are_kept_and_released(void **state) {
    (void)state;
    tote_propagator_unref(first_and_second());
    assert_int_equal(destroyed, 2);
}

static void a_composite_of_no_propagators_does_nothing(void **state) {
    tote_propagator *composite = tote_propagator_composite_new(NULL, 7);
    struct carrier carrier = {.count = 0};

    (void)state;
    assert_non_null(composite);
    assert_null(tote_propagator_get_field(composite, 0));
    tote_propagator_inject(composite, tote_context_root(), &carrier, &carrier_setter);
    assert_int_equal(carrier.calls, 0);
    tote_propagator_unref(composite);
}

static size_t count_fields(tote_propagator *propagator) {
    size_t count = 0;

    while (tote_propagator_get_field(propagator, count)) {
        count++;
    }
    tote_propagator_unref(propagator);
    return count;
}

/* Spec: configuration/sdk-environment-variables.md#general-sdk-configuration, OTEL_PROPAGATORS */
static void names_are_trimmed_deduplicated_and_case_insensitive(void **state) {
    (void)state;
    assert_int_equal(count_fields(tote_propagator_from_names("tracecontext,baggage")), 3);
    assert_int_equal(count_fields(tote_propagator_from_names(" Baggage\t,,baggage ")), 1);
    assert_int_equal(count_fields(tote_propagator_from_names("none")), 0);
    assert_int_equal(count_fields(tote_propagator_from_names("none,tracecontext")), 2);
    assert_int_equal(count_fields(tote_propagator_from_names("")), 0);
    assert_int_equal(count_fields(tote_propagator_from_names(NULL)), 0);
    assert_int_equal(reports.count, 0);
}

static void an_unknown_name_is_left_out_and_reported(void **state) {
    (void)state;
    assert_int_equal(count_fields(tote_propagator_from_names("baggage,tracecontex")), 1);
    assert_int_equal(reports.count, 1);
    assert_int_equal(count_fields(tote_propagator_from_names("b4,foo,baggage,bar")), 1);
    assert_int_equal(reports.count, 1 + 3);
    assert_non_null(strstr(reports.message, "'bar'"));
}

static tote_propagator *new_noting(void) {
    static char name[] = "noting";

    return tote_propagator_new(&noting, name);
}

/* A propagator of a separate library is found by its name. */
static void a_registered_propagator_is_found_by_its_name(void **state) {
    (void)state;
    assert_true(tote_propagator_register("noting", new_noting));
    assert_true(tote_propagator_register("noting", new_noting));
    assert_true(tote_propagator_register("baggage", new_noting));
    assert_int_equal(count_fields(tote_propagator_from_names("NOTING")), 2);
    assert_int_equal(count_fields(tote_propagator_from_names("baggage")), 1);
    assert_int_equal(reports.count, 0);
    assert_false(tote_propagator_register("a,b", new_noting));
    assert_false(tote_propagator_register("", new_noting));
    assert_false(tote_propagator_register(NULL, new_noting));
    assert_false(tote_propagator_register("noting", NULL));
}

/* The diagnostic for a list without a known name states its consequence. */
static void a_list_without_a_known_name_propagates_nothing_and_is_reported(void **state) {
    (void)state;
    assert_int_equal(count_fields(tote__propagator_from_names("OTEL_PROPAGATORS", "w3c")), 0);
    assert_int_equal(reports.count, 2);
    assert_string_equal(reports.component, "OTEL_PROPAGATORS");
    assert_non_null(
        strstr(reports.message, "'w3c' names no known propagator: no headers are sent"));
    assert_int_equal(count_fields(tote__propagator_from_names("OTEL_PROPAGATORS", "none, ")), 0);
    assert_int_equal(count_fields(tote__propagator_from_names("OTEL_PROPAGATORS", "trace,baggage")),
                     1);
    assert_int_equal(reports.count, 3); /* of trace alone */
}

#define COMPOSITE_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        COMPOSITE_TEST(propagators_work_in_order_and_the_last_one_extracted_wins),
        COMPOSITE_TEST(fields_are_the_union),
        COMPOSITE_TEST(references_are_kept_and_released),
        COMPOSITE_TEST(a_composite_of_no_propagators_does_nothing),
        COMPOSITE_TEST(names_are_trimmed_deduplicated_and_case_insensitive),
        COMPOSITE_TEST(an_unknown_name_is_left_out_and_reported),
        COMPOSITE_TEST(a_registered_propagator_is_found_by_its_name),
        COMPOSITE_TEST(a_list_without_a_known_name_propagates_nothing_and_is_reported),
    };
    return RUN_TESTS(tests, argc, argv);
}
