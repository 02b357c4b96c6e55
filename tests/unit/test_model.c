/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <stdio.h>

#include "details.h"
#include "failing_allocator.h"
#include "otlp/request.pb-c.h"
#include "terminal.h"
#include "test_model.h"
#include "tree.h"

static void spans_are_grouped_by_trace(void **state) {
    const struct test_span spans[] = {
        {.trace = 1,
         .id = 1,
         .name = "root",
         .service = "shop",
         .start_unix_nano = 10,
         .end_unix_nano = 30},
        {.trace = 2, .id = 1, .name = "other", .start_unix_nano = 1, .end_unix_nano = 2},
        {.trace = 1,
         .id = 2,
         .parent = 1,
         .name = "child",
         .service = "stock",
         .start_unix_nano = 20,
         .end_unix_nano = 50,
         .status = TOTE_STATUS_CODE_ERROR},
    };
    struct model *model = *state;

    send_spans(model, spans, 3);
    const struct trace *trace = find_trace(model, 1);
    assert_non_null(trace);
    assert_int_equal(trace->span_count, 2);
    assert_int_equal(trace->error_count, 1);
    assert_int_equal(trace->open_count, 0);
    assert_int_equal(trace->service_count, 2);
    assert_int_equal(trace->start_unix_nano, 10);
    assert_int_equal(trace->end_unix_nano, 50);
    assert_string_equal(trace->root->name, "root");
    assert_true(trace->is_complete);
    assert_string_equal(find_trace(model, 2)->root->service, "?");
    assert_int_equal(model_counts(model).traces, 2);
    assert_int_equal(model_counts(model).spans, 3);
}

static void a_trace_is_complete_when_its_root_and_every_parent_arrived(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2});
    assert_false(find_trace(model, 1)->is_complete);
    assert_int_equal(find_trace(model, 1)->missing_count, 1);
    send_span(model, (struct test_span){.trace = 1, .id = 1});
    assert_false(find_trace(model, 1)->is_complete);
    send_span(model, (struct test_span){.trace = 1, .id = 2, .parent = 1});
    assert_true(find_trace(model, 1)->is_complete);
    assert_int_equal(find_trace(model, 1)->missing_count, 0);
    assert_int_equal(find_trace(model, 1)->span_count, 3);
    assert_ptr_equal(find_span(model, 1, 3)->parent, find_span(model, 1, 2));
}

static void the_root_is_the_earliest_span_without_a_parent(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2, .start_unix_nano = 1});
    assert_int_equal(find_trace(model, 1)->root->id[7], 3);
    send_span(model, (struct test_span){.trace = 1, .id = 4, .start_unix_nano = 9});
    assert_int_equal(find_trace(model, 1)->root->id[7], 4);
    send_span(model, (struct test_span){.trace = 1, .id = 5, .start_unix_nano = 8});
    assert_int_equal(find_trace(model, 1)->root->id[7], 5);
}

static void a_span_that_is_sent_again_is_stored_once(void **state) {
    const struct test_span span = {.trace = 1, .id = 1, .start_unix_nano = 1, .end_unix_nano = 2};
    struct model *model = *state;

    send_span(model, span);
    size_t bytes = model_counts(model).bytes;
    send_span(model, span);
    assert_int_equal(find_trace(model, 1)->span_count, 1);
    assert_int_equal(model_counts(model).bytes, bytes);
}

static void different_spans_with_the_same_id_are_both_kept(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 1, .kind = TOTE_SPAN_KIND_CLIENT});
    send_span(model, (struct test_span){.trace = 1, .id = 1, .kind = TOTE_SPAN_KIND_SERVER});
    assert_int_equal(find_trace(model, 1)->span_count, 2);
}

static void only_a_few_different_spans_with_the_same_id_are_kept(void **state) {
    struct model *model = *state;
    size_t left_out = 0;

    for (unsigned i = 0; i < 100; i++) {
        const struct test_span span = {.trace = 1, .id = 1, .start_unix_nano = i};
        left_out += send_at(model, &span, 1, 1000).left_out;
    }
    assert_int_equal(left_out, 84);
    assert_int_equal(find_trace(model, 1)->span_count, 16);
    assert_int_equal(model_counts(model).left_out_spans, 84);
}

/* tote span begin writes an unfinished span, and its end the finished one. */
static void a_finished_span_replaces_its_unfinished_state(void **state) {
    const struct test_attribute mark = {"tote.span.unfinished", "#1"};
    struct model *model = *state;
    struct test_span span = {
        .trace = 1, .id = 2, .parent = 1, .name = "early", .start_unix_nano = 5};

    send_span(model, span);
    assert_true(find_span(model, 1, 2)->is_open);
    assert_int_equal(find_span(model, 1, 2)->end_unix_nano, 5);
    assert_int_equal(find_trace(model, 1)->open_count, 1);
    span.end_unix_nano = 9;
    span.name = "late";
    span.status = TOTE_STATUS_CODE_ERROR;
    send_span(model, span);
    assert_false(find_span(model, 1, 2)->is_open);
    assert_string_equal(find_span(model, 1, 2)->name, "late");
    assert_int_equal(find_trace(model, 1)->open_count, 0);
    assert_int_equal(find_trace(model, 1)->error_count, 1);
    assert_int_equal(find_trace(model, 1)->end_unix_nano, 9);

    span.end_unix_nano = 0; /* arrives too late */
    span.attributes = &mark;
    span.attribute_count = 1;
    send_span(model, span);
    assert_false(find_span(model, 1, 2)->is_open);
    assert_int_equal(find_trace(model, 1)->span_count, 1);
}

static void parents_in_a_cycle_are_known(void **state) {
    struct model *model = *state;

    send_span(model, (struct test_span){.trace = 1, .id = 1, .parent = 1});
    send_span(model, (struct test_span){.trace = 1, .id = 2, .parent = 3});
    send_span(model, (struct test_span){.trace = 1, .id = 3, .parent = 2});
    assert_int_equal(find_trace(model, 1)->span_count, 3);
    assert_int_equal(find_trace(model, 1)->missing_count, 0);
    assert_false(find_trace(model, 1)->is_complete);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(spans_are_grouped_by_trace),
        MODEL_TEST(a_trace_is_complete_when_its_root_and_every_parent_arrived),
        MODEL_TEST(the_root_is_the_earliest_span_without_a_parent),
        MODEL_TEST(a_span_that_is_sent_again_is_stored_once),
        MODEL_TEST(different_spans_with_the_same_id_are_both_kept),
        MODEL_TEST(only_a_few_different_spans_with_the_same_id_are_kept),
        MODEL_TEST(a_finished_span_replaces_its_unfinished_state),
        MODEL_TEST(parents_in_a_cycle_are_known),
    };

    return RUN_TESTS(tests, argc, argv);
}
