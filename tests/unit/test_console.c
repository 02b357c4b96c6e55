/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdlib.h>
#include <string.h>

#include "tote/exporters/console.h"

/* What the exporter writes for all spans that ended; the caller frees it. */
static char *written(struct sdk_fixture *f) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tote_span_exporter *exporter = tote_span_exporter_console_new(out);

    assert_int_equal(exporter->ops.export_spans(exporter->self,
                                                (const tote_span_data *const *)f->spans, f->ended,
                                                1000, NULL),
                     TOTE_RESULT_SUCCESS);
    tote_span_exporter_free(exporter);
    fclose(out);
    return text;
}

static void assert_contains(const char *text, const char *part) {
    if (!strstr(text, part)) {
        fail_msg("\"%s\" is not in:\n%s", part, text);
    }
}

/* Spec: trace/sdk_exporters/stdout.md. Compliance: EX-03 */
static void everything_that_a_span_recorded_is_written(void **state) {
    const tote_attribute service = {"service.name", tote_string("shop")};
    struct sdk_fixture *f = *state;
    f->settings.resource = sdk_fixture_resource(&service, 1, NULL);
    f->now = 1000000000;
    sdk_fixture_start(state);
    const tote_attribute attribute = {"key", tote_string("of the event")};
    const tote_span_options options = {.struct_size = sizeof options,
                                       .kind = TOTE_SPAN_KIND_SERVER};
    tote_span *span = tote_tracer_start_span(f->tracer, "GET /", &options);

    tote_span_set_attribute(span, "answer", tote_int(42));
    tote_span_add_event(span, "retried", &attribute, 1, 1001500000);
    tote_span_set_status(span, TOTE_STATUS_CODE_ERROR, "no such page");
    tote_span_end(span, 1012345678);
    tote_span_unref(span);

    char *text = written(f);
    assert_contains(text, "GET / (server, 12.345678 ms)\n");
    assert_contains(text, "  start 1970-01-01T00:00:01.000000000Z\n");
    assert_contains(text, "  service shop\n");
    assert_contains(text, "  status error: no such page\n");
    assert_contains(text, "  answer: 42\n");
    assert_contains(text, "  event retried at 1.500000 ms\n    key: of the event\n");
    assert_null(strstr(text, "parent"));
    free(text);
}

/* Spec: trace/sdk_exporters/stdout.md */
static void parents_and_links_are_written_with_their_ids(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *parent = tote_tracer_start_span(f->tracer, "parent", NULL);
    tote_context *context = tote_context_with_span(tote_context_current(), parent);
    const tote_span_options options = {.struct_size = sizeof options, .parent = context};
    tote_span *span = tote_tracer_start_span(f->tracer, "child", &options);
    const tote_span_context *identity = tote_span_get_context(parent);
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];
    char line[128];
    tote_trace_id_to_hex(tote_span_context_get_trace_id(identity), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(identity), span_id);

    tote_span_add_link(span, identity, NULL, 0);
    tote_span_close(&span);

    char *text = written(f);
    snprintf(line, sizeof line, " parent %s\n", span_id);
    assert_contains(text, line);
    snprintf(line, sizeof line, "  link to trace %s span %s\n", trace_id, span_id);
    assert_contains(text, line);
    free(text);
    tote_span_close(&parent);
    tote_context_unref(context);
}

/* Text from another program must not control a terminal. */
static void control_characters_are_escaped(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "\x1B[2Jtwo\nlines\xC2\x9B", NULL);

    tote_span_set_attribute(span, "key", tote_string("h\xC3\xA9llo\x7F"));
    tote_span_close(&span);

    char *text = written(f);
    assert_contains(text, "\\x1b[2Jtwo\\nlines\\u009b (internal");
    assert_contains(text, "  key: h\xC3\xA9llo\\x7f\n");
    free(text);
}

/* Spec: common/README.md#attribute-limits */
static void long_values_are_written_whole(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "long", NULL);
    char value[2001] = {0};
    memset(value, 'v', sizeof value - 1);

    tote_span_set_attribute(span, "key", tote_string(value));
    tote_span_close(&span);

    char *text = written(f);
    assert_contains(text, value);
    free(text);
}

/* Spec: trace/sdk.md#shutdown-2 */
static void after_shutdown_nothing_is_written(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "late", NULL);
    tote_export_outcome report = {.rejected = 0};
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    tote_span_exporter *exporter = tote_span_exporter_console_new(out);
    tote_span_close(&span);

    assert_int_equal(exporter->ops.shutdown(exporter->self, 0), TOTE_RESULT_SUCCESS);
    assert_int_equal(exporter->ops.export_spans(
                         exporter->self, (const tote_span_data *const *)f->spans, 1, 0, &report),
                     TOTE_RESULT_FAILURE);

    tote_span_exporter_free(exporter);
    fclose(out);
    assert_int_equal(report.shut_down, 1);
    assert_int_equal(size, 0);
    free(text);
}

/* The spans are counted and the program's errno is unchanged. */
static void a_write_error_is_a_failed_export(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    FILE *full = fopen("/dev/full", "w");
    tote_span_exporter *exporter = tote_span_exporter_console_new(full);
    tote_span_close(&span);

    assert_int_equal(exporter->ops.export_spans(
                         exporter->self, (const tote_span_data *const *)f->spans, 1, 0, NULL),
                     TOTE_RESULT_FAILURE);
    assert_int_equal(f->diagnostics, 1);
    assert_contains(f->last_diagnostic, "No space left on device");
    tote_span_exporter_free(exporter);
    fclose(full);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(everything_that_a_span_recorded_is_written),
        SDK_TEST(parents_and_links_are_written_with_their_ids),
        SDK_TEST(control_characters_are_escaped),
        SDK_TEST(long_values_are_written_whole),
        SDK_TEST(after_shutdown_nothing_is_written),
        SDK_TEST(a_write_error_is_a_failed_export),
    };
    return RUN_TESTS(tests, argc, argv);
}
