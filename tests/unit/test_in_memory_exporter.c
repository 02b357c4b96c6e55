/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

#include "tote/exporters/in_memory.h"

/* `count` ended spans, called "0", "1" and so on, in the fixture. */
static struct sdk_fixture *start_with_spans(void **state, int count) {
    struct sdk_fixture *f = sdk_fixture_start(state);

    for (int i = 0; i < count; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        tote_span *span = tote_tracer_start_span(f->tracer, name, NULL);
        tote_span_close(&span);
    }
    return f;
}

static tote_result export_spans(tote_span_exporter *exporter, const struct sdk_fixture *f) {
    return exporter->ops.export_spans(exporter->self, (const tote_span_data *const *)f->spans,
                                      f->ended, 1000, NULL);
}

/* Spec: trace/sdk.md#span-exporter. Compliance: EX-04 */
static void spans_are_kept_in_their_order_and_found_by_name(void **state) {
    struct sdk_fixture *f = start_with_spans(state, 100);
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    assert_int_equal(export_spans(exporter, f), TOTE_RESULT_SUCCESS);
    assert_int_equal(export_spans(exporter, f), TOTE_RESULT_SUCCESS);

    assert_int_equal(tote_in_memory_spans_get_count(memory), 200);
    assert_ptr_equal(tote_in_memory_spans_get_at(memory, 0), f->spans[0]);
    assert_ptr_equal(tote_in_memory_spans_get_at(memory, 199), f->spans[99]);
    assert_null(tote_in_memory_spans_get_at(memory, 200));
    assert_ptr_equal(tote_in_memory_spans_find(memory, "7"), f->spans[7]);
    assert_null(tote_in_memory_spans_find(memory, "none"));
    tote_span_exporter_free(exporter);
    tote_in_memory_spans_unref(memory);
}

static void spans_stay_until_the_memory_is_cleared(void **state) {
    struct sdk_fixture *f = start_with_spans(state, 3);
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    export_spans(exporter, f);
    tote_span_exporter_free(exporter);
    assert_string_equal(tote_span_data_get_name(tote_in_memory_spans_get_at(memory, 2)), "2");

    tote_in_memory_spans_clear(memory);
    assert_int_equal(tote_in_memory_spans_get_count(memory), 0);
    assert_null(tote_in_memory_spans_get_at(memory, 0));
    tote_in_memory_spans_unref(memory);
}

/* The memory outlives the caller's reference and the SDKs. */
static void exporters_share_a_memory_and_hold_a_reference(void **state) {
    struct sdk_fixture *f = start_with_spans(state, 1);
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *one = tote_span_exporter_in_memory_new(memory);
    tote_span_exporter *other = tote_span_exporter_in_memory_new(memory);

    export_spans(one, f);
    tote_span_exporter_free(one);
    export_spans(other, f);
    assert_int_equal(tote_in_memory_spans_get_count(memory), 2);

    tote_in_memory_spans_unref(memory);
    assert_int_equal(export_spans(other, f), TOTE_RESULT_SUCCESS);
    tote_span_exporter_free(other);
}

/* Spec: trace/sdk.md#shutdown-2 */
static void after_shutdown_nothing_is_kept(void **state) {
    struct sdk_fixture *f = start_with_spans(state, 1);
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);
    tote_export_outcome report = {.rejected = 0};

    assert_int_equal(exporter->ops.shutdown(exporter->self, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(exporter->ops.export_spans(
                         exporter->self, (const tote_span_data *const *)f->spans, 1, 0, &report),
                     TOTE_RESULT_FAILURE);

    assert_int_equal(report.shut_down, 1);
    assert_int_equal(tote_in_memory_spans_get_count(memory), 0);
    tote_span_exporter_free(exporter);
    tote_in_memory_spans_unref(memory);
}

static void without_a_memory_nothing_happens(void **state) {
    (void)state;
    assert_null(tote_span_exporter_in_memory_new(NULL));
    assert_int_equal(tote_in_memory_spans_get_count(NULL), 0);
    assert_null(tote_in_memory_spans_get_at(NULL, 0));
    assert_null(tote_in_memory_spans_find(NULL, "0"));
    tote_in_memory_spans_clear(NULL);
    tote_in_memory_spans_unref(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(spans_are_kept_in_their_order_and_found_by_name),
        SDK_TEST(spans_stay_until_the_memory_is_cleared),
        SDK_TEST(exporters_share_a_memory_and_hold_a_reference),
        SDK_TEST(after_shutdown_nothing_is_kept),
        TEST(without_a_memory_nothing_happens),
    };
    return RUN_TESTS(tests, argc, argv);
}
