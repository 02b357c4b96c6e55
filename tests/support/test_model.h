/* SPDX-License-Identifier: MIT */
/* test_model.h - for tests of the viewer: a model, and requests with test spans */
#ifndef TOTE_TESTS_TEST_MODEL_H
#define TOTE_TESTS_TEST_MODEL_H

#include "model.h"
#include "test_spans.h"

static inline int set_up_model(void **state) {
    *state = model_new(NULL);
    return *state ? 0 : -1;
}

static inline int tear_down_model(void **state) {
    model_free(*state);
    return 0;
}

#define MODEL_TEST(test) cmocka_unit_test_setup_teardown(test, set_up_model, tear_down_model)

static inline struct receipt send_at(struct model *model, const struct test_span *spans,
                                     size_t count, uint64_t now_ms) {
    struct tote__buffer request = {.bytes = NULL};

    put_test_request(&request, spans, count);
    struct receipt receipt = model_take(model, request.bytes, request.size, now_ms);
    tote__buffer_clear(&request);
    return receipt;
}

/* Send spans that must be accepted. */
static inline void send_spans(struct model *model, const struct test_span *spans, size_t count) {
    struct receipt receipt = send_at(model, spans, count, 1000);

    assert_int_equal(receipt.outcome, TAKEN);
    assert_int_equal(receipt.left_out, 0);
    assert_int_equal(receipt.invalid_ids, 0);
}

static inline void send_span(struct model *model, struct test_span span) {
    send_spans(model, &span, 1);
}

static inline struct trace *find_trace(struct model *model, unsigned number) {
    uint8_t id[16] = {0};

    for (size_t i = sizeof id; number; number >>= 8) {
        id[--i] = (uint8_t)number;
    }
    return model_find(model, id);
}

static inline struct trace_span *find_span(struct model *model, unsigned trace, uint8_t number) {
    const uint8_t id[8] = {[7] = number};

    assert_non_null(find_trace(model, trace));
    return model_find_span(find_trace(model, trace), id);
}

/* How often a drawing contains a text. */
static inline size_t count_of(const char *text, const char *what) {
    size_t count = 0;

    for (const char *at = strstr(text, what); at; at = strstr(at + 1, what)) {
        count++;
    }
    return count;
}

#endif
