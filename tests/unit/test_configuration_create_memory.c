/* SPDX-License-Identifier: MIT */
/*
 * test_configuration_create_memory.c - every allocation while a file starts an SDK fails once
 */
#include "support.h"

#include "failing_allocator.h"
#include "file_fixture.h"

static const char full_file[] =
    "file_format: '1.1'\n"
    "resource:\n"
    "  attributes: [{name: a, value: [1, 2], type: int_array}]\n"
    "  attributes_list: b=c\n"
    "  detection/development: {attributes: {included: ['*']}, detectors: [{service: }]}\n"
    "propagator: {composite: [{tracecontext: }], composite_list: 'b3,baggage'}\n"
    "tracer_provider:\n"
    "  processors:\n"
    "    - simple: {exporter: {kept: }}\n"
    "    - batch:\n"
    "        exporter:\n"
    "          otlp_http:\n"
    "            endpoint: http://127.0.0.1:1/\n"
    "            headers: [{name: a, value: b}]\n"
    "            headers_list: c=d\n"
    "  sampler:\n"
    "    parent_based:\n"
    "      root:\n"
    "        composite/development:\n"
    "          rule_based:\n"
    "            rules:\n"
    "              - {attribute_values: {key: k, values: [v]}, sampler: {always_off: }}\n"
    "              - {sampler: {parent_threshold: {root: {probability: }}}}\n"
    "  tracer_configurator/development: {tracers: [{name: x, config: {enabled: false}}]}\n"
    "distribution: {tote: {store_export_keys: [a, b], propagation_allowed_hosts: [h.example]}}\n";

/* It starts nothing, or an SDK that records. With a sanitizer or valgrind, nothing leaks. */
static void any_allocation_of_a_start_may_fail(void **state) {
    tote_configuration *file = tote_configuration_parse(full_file, strlen(full_file), NULL);
    long refused = 0;
    bool has_failed = true;

    (void)state;
    assert_non_null(file);
    for (long n = 0; has_failed; n++) {
        tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
        options.configuration = file;
        memory.failures = 0;
        memory.countdown = n;
        tote_sdk *sdk = tote_sdk_start(&options);
        memory.countdown = -1;
        has_failed = memory.failures > 0;
        refused += !sdk;
        assert_true(sdk || has_failed);
        tote_sdk_close(&sdk, 0);
    }
    assert_true(refused > 10);
    tote_configuration_unref(file);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {FILE_TEST(any_allocation_of_a_start_may_fail)};

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
