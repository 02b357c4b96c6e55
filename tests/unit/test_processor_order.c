/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <stdio.h>
#include <string.h>

/* The calls of two processors, in their order: "1s" is the first one's on_start. */
struct order {
    char calls[64];
};

struct ordered {
    struct order *order;
    char name;
};

static void note_call(const struct ordered *self, char call) {
    char *calls = self->order->calls;
    size_t length = strlen(calls);

    snprintf(calls + length, sizeof self->order->calls - length, "%c%c ", self->name, call);
}

static void ordered_on_start(void *self, tote_span *span, const tote_context *parent) {
    (void)span, (void)parent;
    note_call(self, 's');
}

static void ordered_on_ending(void *self, tote_span *span) {
    (void)span;
    note_call(self, 'i');
}

static void ordered_on_end(void *self, const tote_span_data *span) {
    (void)span;
    note_call(self, 'e');
}

static tote_result ordered_force_flush(void *self, uint32_t timeout_ms) {
    (void)timeout_ms;
    note_call(self, 'f');
    return TOTE_RESULT_SUCCESS;
}

static tote_result ordered_shutdown(void *self, uint32_t timeout_ms) {
    (void)timeout_ms;
    note_call(self, 'd');
    return TOTE_RESULT_SUCCESS;
}

/*
 * All OnEnding calls precede all OnEnd calls. After Shutdown no processor is called. Spec:
 * trace/sdk.md#span-processor, #onending, #shutdown-1
 */
static void processors_are_called_in_the_order_in_which_they_were_given(void **state) {
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops,
        .on_start = ordered_on_start,
        .on_ending = ordered_on_ending,
        .on_end = ordered_on_end,
        .force_flush = ordered_force_flush,
        .shutdown = ordered_shutdown,
    };
    struct order order = {.calls = ""};
    struct ordered selves[] = {{&order, '1'}, {&order, '2'}};
    struct sdk_fixture *f = *state;
    tote_span_processor *processors[] = {tote_span_processor_new(&ops, &selves[0]),
                                         tote_span_processor_new(&ops, &selves[1])};
    f->settings.processors = processors;
    f->settings.processor_count = 2;
    sdk_fixture_start(state);

    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span *open = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_close(&span);
    assert_string_equal(order.calls, "1s 2s 1s 2s 1i 2i 1e 2e ");
    order.calls[0] = '\0';
    tote_sdk_force_flush(f->sdk, 1000);
    tote_sdk_shutdown(f->sdk, 1000);
    tote_span_close(&open);
    span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_close(&span);
    tote_sdk_force_flush(f->sdk, 1000);
    tote_sdk_shutdown(f->sdk, 1000);
    assert_string_equal(order.calls, "1f 2f 1d 2d ");
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(processors_are_called_in_the_order_in_which_they_were_given),
    };
    return RUN_TESTS(tests, argc, argv);
}
