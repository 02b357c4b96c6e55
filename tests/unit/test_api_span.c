/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <stdio.h>

#include "fake_provider.h"

static tote_span *span;

static int set_up(void **state) {
    (void)state;
    tote_tracer_provider_set_global(fake_provider());
    span = tote_tracer_start_span(tote_get_tracer("test_api_span", NULL), "work", NULL);
    count_diagnostics();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tote_span_close(&span);
    tote_tracer_provider_set_global(NULL);
    return fake.destroyed == fake.started ? 0 : 1;
}

/* Spec: library-guidelines.md#opentelemetry-client-generic-design */
static void calls_on_a_span_reach_the_sdk(void **state) {
    (void)state;
    const tote_attribute two[] = {{"a", tote_int(1)}, {"b", tote_int(2)}};

    tote_span_set_attribute(span, "a", tote_int(1));
    tote_span_set_attributes(span, two, 2);
    tote_span_add_event(span, "happened", two, 2, 0);
    tote_span_add_link(span, tote_span_get_context(span), NULL, 0);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "broken");
    tote_span_update_name(span, "other");
    tote_span_end(span, 0);

    const struct fake_span *seen = fake_span_of(span);
    assert_int_equal(seen->attributes, 3);
    assert_string_equal(seen->event_name, "happened");
    assert_int_equal(seen->links, 1);
    assert_string_equal(seen->description, "broken");
    assert_string_equal(seen->name, "other");
    assert_int_equal(seen->ends, 1);
    assert_false(tote_span_is_recording(span));
}

/* Spec: trace/api.md#end */
static void an_ended_span_lives_until_its_last_reference_is_released(void **state) {
    (void)state;
    tote_span *second = tote_span_ref(span);

    tote_span_close(&span);
    assert_null(span);
    assert_int_equal(fake_span_of(second)->ends, 1);
    assert_int_equal(fake.destroyed, 0);
    assert_int_equal(tote_span_get_context(second)->trace_id.bytes[15], 7);
    tote_span_unref(second);
    assert_int_equal(fake.destroyed, 1);
}

/* Spec: trace/api.md#wrapping-a-spancontext-in-a-span */
static void a_wrapped_span_context_is_returned_and_records_nothing(void **state) {
    (void)state;
    tote_trace_id trace_id = {{1}};
    tote_span_id span_id = {{2}};
    tote_span_context *context = tote_span_context_new(&trace_id, &span_id, 3, NULL, true);
    tote_span *wrapped = tote_span_non_recording_new(context);
    tote_span_context_unref(context);

    assert_false(tote_span_is_recording(wrapped));
    tote_span_set_attribute(wrapped, "a", tote_int(1));
    tote_span_set_status(wrapped, TOTE_STATUS_CODE_ERROR, "no");
    tote_span_end(wrapped, 0);
    const tote_span_context *seen = tote_span_get_context(wrapped);
    assert_memory_equal(tote_span_context_get_trace_id(seen), &trace_id, sizeof trace_id);
    assert_int_equal(tote_span_context_get_trace_flags(seen), 3);
    assert_true(tote_span_context_is_remote(seen));
    tote_span_close(&wrapped);
}

/* Spec: trace/api.md#record-exception. Compliance: TR-51, TR-52 */
static void an_exception_is_an_event_with_type_and_message(void **state) {
    (void)state;
    const tote_attribute own[] = {{"exception.message", tote_string("mine")},
                                  {"exception.stacktrace", tote_string("here")}};

    tote_span_record_exception(span, "IOError", "theirs", NULL, 0);
    assert_string_equal(fake_span_of(span)->event_name, "exception");
    assert_string_equal(fake_span_of(span)->event_text,
                        "exception.type=IOError;exception.message=theirs;");
    tote_span_record_exception(span, "IOError", "theirs", own, 2);
    assert_string_equal(fake_span_of(span)->event_text,
                        "exception.type=IOError;exception.message=mine;exception.stacktrace=here;");
    tote_span_record_exception(span, NULL, "only this", NULL, 0);
    assert_string_equal(fake_span_of(span)->event_text, "exception.message=only this;");
    assert_int_equal(fake_span_of(span)->status, TOTE_STATUS_CODE_UNSET);
}

/* Spec: error-handling.md */
static void out_of_memory_an_exception_keeps_type_and_message(void **state) {
    (void)state;
    tote_attribute many[40];
    for (size_t i = 0; i < 40; i++) {
        many[i] = (tote_attribute){"key", tote_int(1)};
    }

    errno = EXDEV;
    is_memory_out = true;
    tote_span_record_exception(span, "IOError", "message", many, 40);
    is_memory_out = false;
    assert_string_equal(fake_span_of(span)->event_text,
                        "exception.type=IOError;exception.message=message;");
    assert_int_equal(errno, EXDEV);
}

/* Spec: trace/api.md#context-interaction. Compliance: TR-09, TR-10, TR-13 */
static void the_current_span_is_the_span_of_the_current_context(void **state) {
    (void)state;
    tote_context *context = tote_context_with_span(tote_context_current(), span);
    tote_context_token token = tote_context_attach(context);
    tote_span_id id;

    assert_ptr_equal(tote_span_current(), span);
    assert_true(tote_context_get_current_ids(NULL, &id, NULL));
    assert_memory_equal(&id, &span->context.span_id, sizeof id);
    tote_context_detach(token);
    assert_null(tote_span_current());
    tote_context_unref(context);
}

/* Spec: error-handling.md */
static void out_of_memory_a_wrapped_span_is_the_invalid_span(void **state) {
    (void)state;
    is_memory_out = true;
    tote_span *wrapped = tote_span_non_recording_new(tote_span_get_context(span));
    is_memory_out = false;

    assert_ptr_equal(wrapped, &tote__invalid_span);
    assert_int_equal(diagnostics, 1);
    tote_span_close(&wrapped);
}

/* Spec: error-handling.md */
static void null_is_harmless_everywhere(void **state) {
    (void)state;
    tote_span *none = NULL;
    tote_span *const spans[] = {NULL, &tote__invalid_span, span};

    for (size_t i = 0; i < TOTE_COUNT_OF(spans); i++) {
        tote_span_set_attribute(spans[i], NULL, tote_int(1));
        tote_span_set_attributes(spans[i], NULL, 3);
        tote_span_add_event(spans[i], NULL, NULL, 3, 0);
        tote_span_add_link(spans[i], NULL, NULL, 3);
        tote_span_set_status(spans[i], TOTE_STATUS_CODE_UNSET, NULL);
        tote_span_record_exception(spans[i], NULL, NULL, NULL, 3);
        tote_span_update_name(spans[i], NULL);
        assert_non_null(tote_span_get_context(spans[i]));
    }
    tote_span_end(NULL, 0);
    assert_null(tote_span_ref(NULL));
    tote_span_unref(NULL);
    tote_span_close(&none);
    tote_span_close(NULL);
    assert_false(tote_span_is_recording(NULL));
    assert_ptr_equal(tote_span_non_recording_new(NULL), &tote__invalid_span);
    assert_string_equal(fake_span_of(span)->name, "work");
}

#define SPAN_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* Return the text of a public header of the API. */
static char *read_header(const char *name) {
    char path[1024];
    char *text = NULL;
    size_t size = 0;

    snprintf(path, sizeof path, "%s/../api/include/tote/%s", TOTE_TEST_SOURCE_DIR, name);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_true(getdelim(&text, &size, '\0', file) > 0);
    fclose(file);
    return text;
}

/* Spec: trace/api.md#set-attributes. Compliance: TR-12 */
static void the_header_prefers_attributes_that_are_given_at_the_start(void **state) {
    char *text = read_header("span.h");
    const char *comment = strstr(text, "Prefer the attributes of tote_span_options");

    (void)state;
    assert_non_null(comment);
    const char *function = strstr(comment, "TOTE_API");
    assert_non_null(function);
    assert_ptr_equal(function, strstr(comment, "TOTE_API void tote_span_set_attribute("));
    free(text);
}

/* Neither a span nor a span context. Spec: trace/api.md#span-creation. Compliance: TR-23 */
static void the_parent_of_a_span_is_given_only_by_a_context(void **state) {
    const tote_span_options options = TOTE_SPAN_OPTIONS_INIT;
    char *text = read_header("tracer.h");
    char *begin = strstr(text, "typedef struct tote_span_options {");

    (void)state;
    assert_true(_Generic(options.parent, const tote_context * : true, default : false));
    assert_non_null(begin);
    char *end = strstr(begin, "} tote_span_options;");
    assert_non_null(end);
    *end = '\0';
    assert_null(strstr(begin, "tote_span *"));
    assert_null(strstr(begin, "tote_span_context"));
    free(text);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SPAN_TEST(calls_on_a_span_reach_the_sdk),
        SPAN_TEST(an_ended_span_lives_until_its_last_reference_is_released),
        SPAN_TEST(a_wrapped_span_context_is_returned_and_records_nothing),
        SPAN_TEST(an_exception_is_an_event_with_type_and_message),
        SPAN_TEST(out_of_memory_an_exception_keeps_type_and_message),
        SPAN_TEST(the_current_span_is_the_span_of_the_current_context),
        SPAN_TEST(out_of_memory_a_wrapped_span_is_the_invalid_span),
        SPAN_TEST(null_is_harmless_everywhere),
        SPAN_TEST(the_header_prefers_attributes_that_are_given_at_the_start),
        SPAN_TEST(the_parent_of_a_span_is_given_only_by_a_context),
    };
    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
