/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <string.h>

#include "tote/internal/span.h"
#include "tote/span_context.h"

static const char trace_hex[] = "0af7651916cd43dd8448eb211c80319c";
static const char span_hex[] = "b7ad6b7169203331";

static const tote_trace_id trace_id = {{0x0a, 0xf7, 0x65, 0x19, 0x16, 0xcd, 0x43, 0xdd, 0x84, 0x48,
                                        0xeb, 0x21, 0x1c, 0x80, 0x31, 0x9c}};
static const tote_span_id span_id = {{0xb7, 0xad, 0x6b, 0x71, 0x69, 0x20, 0x33, 0x31}};

/* Spec: trace/api.md#retrieving-the-traceid-and-spanid */
static void ids_are_written_as_lower_case_hex(void **state) {
    char hex[TOTE_TRACE_ID_HEX_SIZE];

    (void)state;
    tote_trace_id_to_hex(&trace_id, hex);
    assert_string_equal(hex, trace_hex);
    tote_span_id_to_hex(&span_id, hex);
    assert_string_equal(hex, span_hex);
    tote_span_id_to_hex(NULL, hex);
    assert_string_equal(hex, "0000000000000000");
}

/* Spec: trace/api.md#retrieving-the-traceid-and-spanid */
static void every_byte_survives_conversion_to_hex_and_back(void **state) {
    (void)state;
    for (int byte = 0; byte < 256; byte++) {
        char hex[TOTE_SPAN_ID_HEX_SIZE];
        tote_span_id id = {{1, 0, (uint8_t)byte, 0xFF, (uint8_t)byte, 0, 0, (uint8_t)byte}};
        tote_span_id read;
        tote_span_id_to_hex(&id, hex);
        assert_true(tote_span_id_from_hex(&read, hex));
        assert_memory_equal(&read, &id, sizeof id);
    }
}

/* Spec: w3c/trace-context, trace-id */
static void only_lower_case_digits_are_read(void **state) {
    char hex[TOTE_SPAN_ID_HEX_SIZE];
    tote_span_id id;

    (void)state;
    for (int c = 1; c < 256; c++) {
        memcpy(hex, span_hex, sizeof hex);
        hex[c % 16] = (char)c;
        assert_int_equal(tote_span_id_from_hex(&id, hex),
                         c < 128 && strchr("0123456789abcdef", c) != NULL);
    }
}

/* Spec: w3c/trace-context, trace-id */
static void ids_of_another_length_or_all_zero_leave_the_id_unchanged(void **state) {
    tote_trace_id id = trace_id;

    (void)state;
    assert_false(tote_trace_id_from_hex(&id, ""));
    assert_false(tote_trace_id_from_hex(&id, span_hex));
    assert_false(tote_trace_id_from_hex(&id, "0af7651916cd43dd8448eb211c80319c0"));
    assert_false(tote_trace_id_from_hex(&id, "00000000000000000000000000000000"));
    assert_false(tote_trace_id_from_hex(&id, NULL));
    assert_false(tote_trace_id_from_hex(NULL, trace_hex));
    assert_memory_equal(&id, &trace_id, sizeof id);
}

/* Spec: trace/api.md#isremote. Compliance: TR-17 */
static void a_span_context_keeps_its_fields(void **state) {
    tote_trace_state *list = tote_trace_state_from_header("a=1", 3);
    tote_span_context *context =
        tote_span_context_new(&trace_id, &span_id, TOTE_TRACE_FLAG_RANDOM, list, true);

    (void)state;
    tote_trace_state_unref(list);
    assert_memory_equal(tote_span_context_get_trace_id(context), &trace_id, sizeof trace_id);
    assert_memory_equal(tote_span_context_get_span_id(context), &span_id, sizeof span_id);
    assert_int_equal(tote_span_context_get_trace_flags(context), TOTE_TRACE_FLAG_RANDOM);
    assert_string_equal(tote_trace_state_get(tote_span_context_get_trace_state(context), "a"), "1");
    assert_true(tote_span_context_is_valid(context));
    assert_true(tote_span_context_is_remote(context));
    assert_false(tote_span_context_is_sampled(context));
    tote_span_context_unref(context);
}

/* Spec: trace/api.md#isvalid. Compliance: TR-16 */
static void both_ids_must_be_set_for_a_valid_context(void **state) {
    tote_span_context *no_span = tote_span_context_new(&trace_id, NULL, 0, NULL, false);
    tote_span_context *no_trace = tote_span_context_new(NULL, &span_id, 0, NULL, false);

    (void)state;
    assert_false(tote_span_context_is_valid(no_span));
    assert_false(tote_span_context_is_valid(no_trace));
    assert_memory_equal(tote_span_context_get_trace_id(no_span), &trace_id, sizeof trace_id);
    tote_span_context_unref(no_span);
    tote_span_context_unref(no_trace);
}

static void null_is_the_invalid_context(void **state) {
    (void)state;
    assert_false(tote_span_context_is_valid(NULL));
    assert_false(tote_span_context_is_remote(NULL));
    assert_false(tote_span_context_is_sampled(NULL));
    assert_null(tote_span_context_get_trace_state(NULL));
    assert_int_equal(tote_span_context_get_trace_flags(NULL), 0);
    assert_ptr_equal(tote_span_context_get_trace_id(NULL), &tote__invalid_span_context.trace_id);
    assert_null(tote_span_context_copy(NULL));
    tote_span_context_unref(NULL);
}

/* A reference to a span's context does not keep the span. */
static void a_reference_to_an_embedded_context_is_a_copy(void **state) {
    tote_trace_state *list = tote_trace_state_from_header("a=1", 3);
    const tote_span_context embedded = {
        .trace_id = trace_id, .span_id = span_id, .trace_flags = 3, .trace_state = list};

    (void)state;
    tote_span_context *copy = tote_span_context_copy(&embedded);
    tote_span_context *same = tote_span_context_copy(copy);
    tote_trace_state_unref(list);

    assert_ptr_not_equal(copy, &embedded);
    assert_ptr_equal(same, copy);
    assert_memory_equal(tote_span_context_get_trace_id(copy), &trace_id, sizeof trace_id);
    assert_int_equal(tote_span_context_get_trace_flags(copy), 3);
    tote_span_context_unref(copy);
    assert_string_equal(tote_trace_state_get(tote_span_context_get_trace_state(same), "a"), "1");
    tote_span_context_unref(same);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(ids_are_written_as_lower_case_hex),
        TEST(every_byte_survives_conversion_to_hex_and_back),
        TEST(only_lower_case_digits_are_read),
        TEST(ids_of_another_length_or_all_zero_leave_the_id_unchanged),
        TEST(a_span_context_keeps_its_fields),
        TEST(both_ids_must_be_set_for_a_valid_context),
        TEST(null_is_the_invalid_context),
        TEST(a_reference_to_an_embedded_context_is_a_copy),
    };
    return RUN_TESTS(tests, argc, argv);
}
