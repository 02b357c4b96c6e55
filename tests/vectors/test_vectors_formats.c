/* SPDX-License-Identifier: MIT */
/*
 * test_vectors_formats.c - the rows about formats that are not W3C's, and about environment
 * variables
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "tote/baggage.h"
#include "tote/environment.h"
#include "tote/instrumentation/xray.h"
#include "tote/internal/context.h"
#include "tote/internal/span.h"
#include "tote/propagator_ops.h"
#include "tote/propagators.h"
#include "vectors.h"

/* The formats whose rows are being checked: each must pass. */
static tote_propagator *propagators[2];

static void check_rows(const char *file, vector_check check, tote_propagator *first,
                       tote_propagator *second) {
    assert_non_null(first);
    propagators[0] = first;
    propagators[1] = second;
    vectors_check(file, check);
    tote_propagator_unref(first);
    tote_propagator_unref(second);
}

/* The lines of a column, each "Name: value". */
static void add_lines(struct carrier *carrier, char *column) {
    char *parts[VECTORS_MOST_PARTS];
    size_t count = vectors_split(column, '|', parts);

    for (size_t i = 0; i < count; i++) {
        char *colon = strchr(parts[i], ':');
        assert_non_null(colon);
        *colon = '\0';
        colon += colon[1] == ' ' ? 2 : 1;
        struct text value = vectors_unescape(colon);
        carrier_add_bytes(carrier, parts[i], value.at, value.length);
    }
}

/* A context that already has both. */
static tote_context *make_base(void) {
    const struct tote_span_context other = {
        .trace_id.bytes = {1}, .span_id.bytes = {2}, .is_remote = true};
    tote_context *with_span = tote__context_with_remote_span(tote_context_root(), &other);
    tote_context *base = tote_context_with_baggage(with_span, "before", tote_string("1"), NULL);

    tote_context_unref(with_span);
    return base;
}

static bool has_ids(const tote_span_context *span, const char *trace_id, const char *span_id,
                    const char *flags) {
    char trace_hex[TOTE_TRACE_ID_HEX_SIZE], span_hex[TOTE_SPAN_ID_HEX_SIZE];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(span), trace_hex);
    tote_span_id_to_hex(tote_span_context_get_span_id(span), span_hex);
    return strcmp(trace_hex, trace_id) == 0 && strcmp(span_hex, span_id) == 0 &&
           tote_span_context_get_trace_flags(span) == strtoul(flags, NULL, 16) &&
           tote_span_context_is_remote(span);
}

/* bag:k\=v\|k2\=v2: exactly these; without it the earlier ones. */
static bool has_baggage(const tote_context *context, char *expected) {
    char *pairs[VECTORS_MOST_PARTS];
    size_t count = 1;
    char before[] = "before\\=1";
    tote_entries *entries = tote_context_get_all_baggage(context);

    if (expected) {
        count = vectors_split(expected, '|', pairs);
    } else {
        pairs[0] = before;
    }
    bool is_good = tote_entries_get_count(entries) == count;
    for (size_t i = 0; i < count; i++) {
        char *sides[VECTORS_MOST_PARTS];
        vectors_split(pairs[i], '=', sides);
        const tote_entry *entry = tote_entries_find(entries, sides[0]);
        is_good = is_good && entry && tote_value_equals(entry->value, tote_string(sides[1]));
    }
    tote_entries_free(entries);
    return is_good;
}

/* Take "debug" or "deferred", which mean a hint of the span, and the space after it. */
static uint8_t take_hints(char **rest) {
    uint8_t hints = vectors_take(rest, "debug")      ? TOTE__DEBUG
                    : vectors_take(rest, "deferred") ? TOTE__DEFERRED
                                                     : 0;

    if (hints) {
        vectors_take(rest, " ");
    }
    return hints;
}

/* Whether the table has a column of hints. */
static bool has_hints;

static bool is_as_expected(const tote_context *context, const tote_context *base, char *expected) {
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
    char *export_result = vectors_word(&expected);

    if (strcmp(export_result, "NONE") == 0) {
        return context == base && !*expected;
    }
    if (strcmp(export_result, "BAGGAGE") == 0) {
        return vectors_take(&expected, "bag:") && has_baggage(context, expected) &&
               span == tote_span_get_context(tote_context_get_span(base));
    }
    char *trace_id = vectors_word(&expected);
    char *span_id = vectors_word(&expected);
    char *flags = vectors_word(&expected);
    bool is_good = strcmp(export_result, "ACCEPT") == 0 && has_ids(span, trace_id, span_id, flags);
    if (has_hints) {
        is_good = span->hints == take_hints(&expected) && is_good;
    }
    bool has_bag = vectors_take(&expected, "bag:");
    return is_good && has_baggage(context, has_bag ? expected : NULL) && (has_bag || !*expected);
}

static bool check_extract(const struct vector_row *row) {
    struct carrier in = {.count = 0};
    tote_context *base = make_base();
    bool is_good = true;

    add_lines(&in, row->columns[0]);
    for (size_t i = 0; i < TOTE_COUNT_OF(propagators) && propagators[i]; i++) {
        char expected[4096];
        assert_in_range(strlen(row->columns[1]), 0, sizeof expected - 1);
        snprintf(expected, sizeof expected, "%s", row->columns[1]);
        tote_context *context = tote_propagator_extract(propagators[i], base, &in, &carrier_getter);
        is_good = is_as_expected(context, base, expected) && is_good;
        tote_context_unref(context);
    }
    tote_context_unref(base);
    carrier_clear(&in);
    return is_good;
}

/* Both configurations read either form. Compliance: CP-10 */
static void every_row_of_b3_has_the_expected_result(void **state) {
    (void)state;
    has_hints = true;
    check_rows("b3.tsv", check_extract, tote_propagator_b3_new(), tote_propagator_b3_multi_new());
}

/* Spec: context/api-propagators.md#propagators-distribution. Compliance: CP-11 */
static void every_row_of_jaeger_has_the_expected_result(void **state) {
    (void)state;
    has_hints = true;
    check_rows("jaeger.tsv", check_extract, tote_propagator_jaeger_new(NULL), NULL);
}

/* Spec: context/api-propagators.md#propagators-distribution. Compliance: CP-12 */
static void every_row_of_ot_trace_has_the_expected_result(void **state) {
    (void)state;
    has_hints = true;
    check_rows("ottrace.tsv", check_extract, tote_propagator_ot_trace_new(NULL), NULL);
}

/* Spec: AWS X-Ray developer guide, "Tracing header" */
static void every_row_of_xray_has_the_expected_result(void **state) {
    (void)state;
    has_hints = false;
    check_rows("xray.tsv", check_extract, tote_propagator_xray_new(), NULL);
}

static bool check_inject(const struct vector_row *row) {
    char *state = row->columns[0];
    char *format = vectors_word(&state);
    bool is_multi = strcmp(format, "multi") == 0;
    struct tote_span_context span = {.is_remote = true};
    struct carrier expected = {.count = 0}, out = {.count = 0};

    tote_trace_id_from_hex(&span.trace_id, vectors_word(&state)); /* 0 if it is not valid */
    tote_span_id_from_hex(&span.span_id, vectors_word(&state));
    span.trace_flags = (uint8_t)strtoul(vectors_word(&state), NULL, 16);
    span.hints = take_hints(&state);
    if ((!is_multi && strcmp(format, "single") != 0) || *state) {
        return false;
    }
    tote_context *context = tote__context_with_remote_span(tote_context_root(), &span);
    if (strcmp(row->columns[1], "NOTHING") != 0) {
        add_lines(&expected, row->columns[1]);
    }
    carrier_add(&out, "X-B3-ParentSpanId", "05e3ac9a4f6e3b90");
    carrier_add(&out, "B3", "old");
    tote_propagator_inject(propagators[is_multi], context, &out, &carrier_setter);
    /* A header of the other form is ignored; without a value nothing is changed. */
    size_t kept = expected.count ? 1 : 2;
    bool is_good = out.count == expected.count + kept;
    for (size_t i = 0; i < expected.count; i++) {
        const char *sent = carrier_get(&out, expected.headers[i].name);
        is_good = is_good && sent && strcmp(sent, expected.headers[i].value) == 0;
    }
    carrier_clear(&out);
    carrier_clear(&expected);
    tote_context_unref(context);
    return is_good;
}

/* Spec: context/api-propagators.md#b3-requirements. Compliance: CP-10 */
static void every_row_of_b3_inject_has_the_expected_result(void **state) {
    (void)state;
    check_rows("b3_inject.tsv", check_inject, tote_propagator_b3_new(),
               tote_propagator_b3_multi_new());
}

static bool take_value(void *arg, const char *name, size_t name_length, const char *value,
                       size_t value_length) {
    (void)name, (void)name_length;
    snprintf(arg, 16, "%.*s", (int)value_length, value);
    return true;
}

static bool check_key(const struct vector_row *row) {
    char *key = vectors_unescape(row->columns[0]).at;
    char *variables[4], buffer[64], expected[64], value[16] = "";
    tote_environment environment = {variables, 0, TOTE_COUNT_OF(variables), buffer, sizeof buffer};

    snprintf(expected, sizeof expected, "%s=value", row->columns[1]);
    tote_environment_setter()->set(&environment, key, "value", 5);
    tote_text_map_getter_get_all(tote_environment_getter(), &environment, key, take_value, value);
    return environment.count == 1 && strcmp(variables[0], expected) == 0 && !variables[1] &&
           strcmp(value, "value") == 0;
}

/* Spec: context/env-carriers.md. Compliance: CP-19 */
static void every_row_of_env_carrier_keys_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("env_carrier_keys.tsv", check_key);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_of_b3_has_the_expected_result),
        TEST(every_row_of_b3_inject_has_the_expected_result),
        TEST(every_row_of_jaeger_has_the_expected_result),
        TEST(every_row_of_ot_trace_has_the_expected_result),
        TEST(every_row_of_xray_has_the_expected_result),
        TEST(every_row_of_env_carrier_keys_has_the_expected_result),
    };
    return RUN_TESTS(tests, argc, argv);
}
