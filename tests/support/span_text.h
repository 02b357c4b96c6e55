/* SPDX-License-Identifier: MIT */
/* span_text.h - for tests: the text of an attribute */
#ifndef TOTE_TESTS_SPAN_TEXT_H
#define TOTE_TESTS_SPAN_TEXT_H

#include "support.h"

#include "tote/sdk/span_data.h"

/* `expected`: NULL if the span has no such attribute. */
static inline void assert_span_text(const tote_span_data *span, const char *key,
                                    const char *expected) {
    const tote_value *value = tote_span_data_get_attribute(span, key);
    char text[512];

    if (!expected) {
        assert_null(value);
        return;
    }
    assert_non_null(value);
    assert_true(tote_value_to_text(*value, text, sizeof text) < sizeof text);
    assert_string_equal(text, expected);
}

#endif
