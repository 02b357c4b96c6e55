/* SPDX-License-Identifier: MIT */
/*
 * file_fixture.h - an SDK that a configuration file in the test starts
 *
 * The exporter `kept` of the file adds each span to `kept_spans`. Include it after support.h, once.
 */
#ifndef TOTE_TESTS_FILE_FIXTURE_H
#define TOTE_TESTS_FILE_FIXTURE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/exporters/in_memory.h"
#include "tote/sdk/span_data.h"
#include "tote/tote.h"

static tote_in_memory_spans *kept_spans;

/* All diagnostics of a test, one a line. */
static char diagnostics[8192];

static inline void keep_diagnostic(tote_level level, const char *component, const char *message,
                                   void *user_data) {
    size_t used = strlen(diagnostics);

    (void)level, (void)component, (void)user_data;
    snprintf(diagnostics + used, sizeof diagnostics - used, "%s\n", message);
}

static tote_span_exporter *make_kept(void *self, const tote_configuration_node *properties) {
    (void)self, (void)properties;
    return tote_span_exporter_in_memory_new(kept_spans);
}

static inline int file_set_up(void **state) {
    (void)state;
    unsetenv("OTEL_CONFIG_FILE");
    diagnostics[0] = '\0';
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, NULL);
    if (!kept_spans) {
        kept_spans = tote_in_memory_spans_new();
        assert_int_equal(tote_configuration_register_exporter("kept", make_kept, NULL),
                         TOTE_RESULT_SUCCESS);
    }
    tote_in_memory_spans_clear(kept_spans);
    tote_propagator_set_global(NULL);
    return 0;
}

#define FILE_TEST(test) cmocka_unit_test_setup(test, file_set_up)

/* The beginning of a file that records spans. */
#define KEPT                                                                                       \
    "file_format: '1.1'\n"                                                                         \
    "tracer_provider:\n"                                                                           \
    "  processors: [{simple: {exporter: {kept: }}}]\n"

/* Start an SDK from a text and options, which may be NULL. Returns NULL if the text has an error.
 */
static inline tote_sdk *start_text(const char *text, const tote_sdk_options *given) {
    tote_configuration_options names = TOTE_CONFIGURATION_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    names.name = "t.yaml";
    tote_configuration *file = tote_configuration_parse(text, strlen(text), &names);
    assert_non_null(file); /* what creation refuses can be parsed */
    options = given ? *given : options;
    options.configuration = file;
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_configuration_unref(file);
    return sdk;
}

/* End a span of this name, and shut down. Returns the span that was exported, or NULL. */
static inline const tote_span_data *end_span(tote_sdk *sdk, const char *name) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), name, NULL);

    tote_span_close(&span);
    tote_sdk_close(&sdk, 10000);
    return tote_in_memory_spans_find(kept_spans, name);
}

/* Start, and expect that nothing is started and that a diagnostic contains this text. */
static inline void expect_refused(const char *text, const char *wanted) {
    diagnostics[0] = '\0';
    tote_diagnostics_set_handler(keep_diagnostic, TOTE_LEVEL_INFO, NULL); /* resets the limits */
    assert_null(start_text(text, NULL));
    if (!strstr(diagnostics, wanted)) {
        print_error("wanted: %s\n%s", wanted, diagnostics);
    }
    assert_non_null(strstr(diagnostics, wanted));
    assert_non_null(strstr(diagnostics, "no SDK is started"));
}

#endif
