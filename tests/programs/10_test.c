/* (10) a test of a program's own instrumentation. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

#define assert_true(x)                                                                             \
    do {                                                                                           \
        if (!(x))                                                                                  \
            return 1;                                                                              \
    } while (0)

static int charge(void *arg) {
    tote_span_set_attribute(tote_span_current(), "amount", tote_int(*(int *)arg));
    return *(int *)arg > 100 ? -1 : 0;
}

static int a_refused_charge_is_an_error(tote_in_memory_spans *memory) {
    int amount = 101;

    tote_run_scoped(tote_get_tracer("shop", NULL), "charge", NULL, charge, &amount);

    const tote_span_data *span = tote_in_memory_spans_find(memory, "charge");
    assert_true(span);
    assert_true(tote_span_data_get_status_code(span) == TOTE_STATUS_CODE_ERROR);
    assert_true(tote_span_data_get_attribute(span, "amount")->as.integer == 101);
    return 0;
}

int main(void) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);

    int failed = a_refused_charge_is_an_error(memory);

    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return failed;
}
