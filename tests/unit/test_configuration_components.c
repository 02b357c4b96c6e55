/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_components.c - a file creates components of the program by their names
 */
#include "support.h"

#include "file_fixture.h"
#include "tote/sdk/id_generator.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_exporter.h"
#include "tote/sdk/span_processor.h"

/* What the constructors got. */
static struct {
    int64_t number;
    const char *text;
    tote_configuration_type type;
    void *self;
    int calls;
    int started;
    int destroyed;
} seen;

static int own; /* its address is `self` */

static void read_properties(void *self, const tote_configuration_node *properties) {
    seen.calls++;
    seen.self = self;
    seen.type = tote_configuration_node_get_type(properties);
    tote_configuration_node_read_int(tote_configuration_node_get(properties, "number"),
                                     &seen.number);
}

static tote_sampler *make_sampler(void *self, const tote_configuration_node *properties) {
    bool is_off = false;

    read_properties(self, properties);
    tote_configuration_node_read_bool(tote_configuration_node_get(properties, "off"), &is_off);
    return is_off ? tote_sampler_always_off_new() : tote_sampler_always_on_new();
}

static void count_started(void *self, tote_span *span, const tote_context *parent) {
    (void)self, (void)span, (void)parent;
    seen.started++;
}

static void count_destroyed(void *self) {
    (void)self;
    seen.destroyed++;
}

static tote_span_processor *make_processor(void *self, const tote_configuration_node *properties) {
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops, .on_start = count_started, .destroy = count_destroyed};

    read_properties(self, properties);
    return tote_span_processor_new(&ops, NULL);
}

static void new_trace_id(void *self, tote_trace_id *id) {
    (void)self;
    memset(id, 0x17, sizeof *id);
}

static void new_span_id(void *self, tote_span_id *id) {
    (void)self;
    memset(id, 0x18, sizeof *id);
}

static tote_id_generator *make_id_generator(void *self, const tote_configuration_node *properties) {
    static const tote_id_generator_ops ops = {.struct_size = sizeof ops,
                                              .new_trace_id = new_trace_id,
                                              .new_span_id = new_span_id,
                                              .destroy = count_destroyed};

    read_properties(self, properties);
    return tote_id_generator_new(&ops, NULL);
}

static tote_propagator *make_propagator(void *self, const tote_configuration_node *properties) {
    read_properties(self, properties);
    return tote_propagator_b3_multi_new();
}

static tote_sampler *refuse(void *self, const tote_configuration_node *properties) {
    (void)self;
    tote_configuration_node_report(tote_configuration_node_get(properties, "number"),
                                   TOTE_LEVEL_ERROR, NULL, "this number is odd");
    return NULL;
}

static int register_all(void **state) {
    (void)state;
    file_set_up(state);
    memset(&seen, 0, sizeof seen);
    static bool is_done;
    if (!is_done) {
        is_done = true;
        assert_int_equal(tote_configuration_register_sampler("mine", make_sampler, &own),
                         TOTE_RESULT_SUCCESS);
        assert_int_equal(tote_configuration_register_sampler("refused", refuse, NULL),
                         TOTE_RESULT_SUCCESS);
        assert_int_equal(tote_configuration_register_processor("mine", make_processor, &own),
                         TOTE_RESULT_SUCCESS);
        assert_int_equal(tote_configuration_register_propagator("mine", make_propagator, &own),
                         TOTE_RESULT_SUCCESS);
        assert_int_equal(tote_configuration_register_id_generator("mine", make_id_generator, &own),
                         TOTE_RESULT_SUCCESS);
    }
    return 0;
}

#define COMPONENT_TEST(test) cmocka_unit_test_setup(test, register_all)

/*
 * Spec: configuration/sdk.md#create-component. Compliance: DC-12
 */
static void a_sampler_of_the_program_gets_its_properties(void **state) {
    (void)state;
    assert_null(
        end_span(start_text(KEPT "  sampler: {mine: {number: 7, off: true}}\n", NULL), "one"));
    assert_int_equal(seen.number, 7);
    assert_ptr_equal(seen.self, &own);
    assert_int_equal(seen.calls, 1);
    assert_non_null(end_span(
        start_text(KEPT "  sampler: {parent_based: {root: {mine: {off: false}}}}\n", NULL), "two"));
}

static void properties_can_be_null(void **state) {
    (void)state;
    assert_non_null(end_span(start_text(KEPT "  sampler: {mine: }\n", NULL), "one"));
    assert_int_equal(seen.type, TOTE_CONFIGURATION_TYPE_NULL);
}

static void a_processor_of_the_program_runs_and_is_released(void **state) {
    (void)state;
    assert_null(end_span(start_text("file_format: '1.1'\n"
                                    "tracer_provider: {processors: [{mine: {number: 1}}]}\n",
                                    NULL),
                         "one"));
    assert_int_equal(seen.started, 1);
    assert_int_equal(seen.destroyed, 1);
}

static void an_id_generator_of_the_program_makes_the_ids(void **state) {
    char hex[TOTE_TRACE_ID_HEX_SIZE];

    (void)state;
    const tote_span_data *span =
        end_span(start_text(KEPT "  id_generator: {mine: }\n", NULL), "one");
    tote_trace_id_to_hex(tote_span_context_get_trace_id(tote_span_data_get_context(span)), hex);
    assert_string_equal(hex, "17171717171717171717171717171717");
    assert_int_equal(seen.destroyed, 1);
    assert_non_null(end_span(start_text(KEPT "  id_generator: {random: }\n", NULL), "two"));
}

static void a_propagator_of_the_program_is_named_in_both_ways(void **state) {
    static const char *const texts[] = {KEPT "propagator: {composite: [{mine: {number: 3}}]}\n",
                                        KEPT "propagator: {composite_list: mine}\n"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(texts); i++) {
        tote_sdk *sdk = start_text(texts[i], NULL);
        tote_propagator *propagator = tote_propagator_ref_global();
        assert_string_equal(tote_propagator_get_field(propagator, 0), "x-b3-traceid");
        tote_propagator_unref(propagator);
        tote_sdk_close(&sdk, 1000);
    }
    assert_int_equal(seen.number, 3);
    assert_int_equal(seen.type, TOTE_CONFIGURATION_TYPE_MISSING);
}

/* Spec: configuration/sdk.md#register-plugincomponentprovider. Compliance: DC-13 */
static void a_name_is_registered_once(void **state) {
    (void)state;
    assert_int_equal(tote_configuration_register_sampler("mine", make_sampler, NULL),
                     TOTE_RESULT_FAILURE);
    assert_non_null(strstr(diagnostics, "tote_configuration_register_sampler('mine') has no "
                                        "effect: this name is registered already"));
    assert_int_equal(tote_configuration_register_exporter("otlp_http", make_kept, NULL),
                     TOTE_RESULT_FAILURE);
    assert_non_null(strstr(diagnostics, "this name is built in"));
    assert_int_equal(tote_configuration_register_exporter(NULL, make_kept, NULL),
                     TOTE_RESULT_FAILURE);
    assert_int_equal(tote_configuration_register_exporter("", make_kept, NULL),
                     TOTE_RESULT_FAILURE);
    assert_int_equal(tote_configuration_register_exporter("empty", NULL, NULL),
                     TOTE_RESULT_FAILURE);
}

static void an_unknown_name_is_an_error_that_lists_the_known_ones(void **state) {
    (void)state;
    expect_refused(KEPT "  sampler: {yours: }\n",
                   "t.yaml:4:13: tracer_provider.sampler.yours: unknown sampler 'yours': known are "
                   "always_on, ");
    assert_non_null(strstr(diagnostics, "; registered: refused, mine\n"));
    expect_refused(KEPT "  id_generator: {yours: }\n", "registered: mine");
    expect_refused(KEPT "resource: {detection/development: {detectors: [{yours: }]}}\n",
                   "tote_configuration_register_resource_detector() registers others");
}

static void a_component_that_is_refused_starts_nothing(void **state) {
    (void)state;
    expect_refused(KEPT "  sampler: {refused: {number: 1}}\n", "this number is odd");
    assert_non_null(strstr(diagnostics, "t.yaml:4:31:"));
    assert_null(strstr(diagnostics, "could not be created")); /* it has reported why itself */
    expect_refused(KEPT "  sampler: {refusde: }\n", "unknown sampler 'refusde'; did you mean "
                                                    "\"refused\"?");
    expect_refused(KEPT "  sampler: {allways_off: }\n", "did you mean \"always_off\"?");
    expect_refused(KEPT "propagator: {composite_list: tracecontex}\n",
                   "did you mean \"tracecontext\"?");
    expect_refused("distribution: {tote: {crash_safe: 5}}\n" KEPT
                   "  sampler: {refused: {number: 1}}\n",
                   "expected true or false");
    const char *later = strstr(diagnostics, "this number is odd");
    assert_true(later > strstr(diagnostics, "expected true or false"));
    expect_refused("file_format: '1.1'\n"
                   "tracer_provider:\n"
                   "  processors: [{mine: }]\n"
                   "  id_generator: {mine: }\n"
                   "  sampler: {refused: }\n",
                   "the sampler 'refused' could not be created");
    assert_int_equal(seen.destroyed, 2); /* what was created is released */
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        COMPONENT_TEST(a_sampler_of_the_program_gets_its_properties),
        COMPONENT_TEST(properties_can_be_null),
        COMPONENT_TEST(a_processor_of_the_program_runs_and_is_released),
        COMPONENT_TEST(an_id_generator_of_the_program_makes_the_ids),
        COMPONENT_TEST(a_propagator_of_the_program_is_named_in_both_ways),
        COMPONENT_TEST(a_name_is_registered_once),
        COMPONENT_TEST(an_unknown_name_is_an_error_that_lists_the_known_ones),
        COMPONENT_TEST(a_component_that_is_refused_starts_nothing),
    };

    return RUN_TESTS(tests, argc, argv);
}
