/* SPDX-License-Identifier: MIT */
/*
 * test.c - a test of your own instrumentation
 *
 * The in-memory exporter keeps ended spans, and the test checks them. Use any test framework.
 */
#include <stdio.h>
#include <string.h>
#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

/* The code under test: charges over 100 are refused. */
static int charge(void *arg) {
    const int *amount = arg;

    tote_span_set_attribute(tote_span_current(), "amount", tote_int(*amount));
    return *amount > 100 ? -1 : 0;
}

static int failures;

static void expect(int condition, const char *what) {
    printf("%s - %s\n", condition ? "ok" : "not ok", what);
    failures += !condition;
}

int main(void) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    int amount = 101;

    tote_run_scoped(tote_get_tracer("shop", NULL), "charge", NULL, charge, &amount);

    const tote_span_data *span = tote_in_memory_spans_find(memory, "charge");
    const tote_value *value = tote_span_data_get_attribute(span, "amount");
    expect(span != NULL, "a charge creates a span");
    expect(value && value->as.integer == 101, "the span has the amount");
    expect(tote_span_data_get_status_code(span) == TOTE_STATUS_CODE_ERROR,
           "a refused charge is an error");

    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return failures != 0;
}
