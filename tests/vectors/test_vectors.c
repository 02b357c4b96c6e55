/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "tote/baggage.h"
#include "tote/propagators.h"
#include "vectors.h"

static const char good_traceparent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

/* The lines of a column, each a header with that name. */
static void add_lines(struct carrier *carrier, const char *name, char *column) {
    char *parts[VECTORS_MOST_PARTS];
    size_t count = vectors_split(column, '|', parts);

    for (size_t i = 0; i < count; i++) {
        struct text line = vectors_unescape(parts[i]);
        carrier_add_bytes(carrier, name, line.at, line.length);
    }
}

static bool equals(const char *text, const char *expected) {
    return text && expected ? strcmp(text, expected) == 0 : text == expected;
}

/* The headers injected from `context`, into a carrier that has old headers. Releases nothing. */
static struct carrier injected(const tote_propagator *propagator, const tote_context *context) {
    struct carrier out = {.count = 0};

    carrier_add(&out, "Traceparent", "old");
    carrier_add(&out, "TraceState", "old=1");
    carrier_add(&out, "Baggage", "old=1");
    tote_propagator_inject(propagator, context, &out, &carrier_setter);
    return out;
}

/* ACCEPT trace-id span-id flags: these, remote, and written as version 00. */
static bool is_accepted(const tote_propagator *propagator, const tote_context *context,
                        char *expected) {
    const tote_span_context *span_context = tote_span_get_context(tote_context_get_span(context));
    char header[64];
    char ids[64];
    char *trace_id = vectors_word(&expected);
    char *span_id = vectors_word(&expected);

    snprintf(header, sizeof header, "00-%s-%s-%s", trace_id, span_id, expected);
    tote_trace_id_to_hex(tote_span_context_get_trace_id(span_context), ids);
    bool is_good = equals(ids, trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(span_context), ids);
    is_good = is_good && equals(ids, span_id) && tote_span_context_is_remote(span_context) &&
              tote_span_context_get_trace_flags(span_context) == strtoul(expected, NULL, 16);
    struct carrier out = injected(propagator, context);
    is_good = is_good && equals(carrier_get(&out, "traceparent"), header) && out.count == 3;
    carrier_clear(&out);
    return is_good;
}

static bool check_traceparent(const struct vector_row *row) {
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    struct carrier in = {.count = 0};
    char *rest = row->columns[1];
    char *export_result = vectors_word(&rest);

    add_lines(&in, "TraceParent", row->columns[0]);
    carrier_add(&in, "tracestate", "foo=1");
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    bool is_good =
        strcmp(export_result, "ACCEPT") == 0
            ? is_accepted(propagator, context, rest)
            : strcmp(export_result, "REJECT") == 0 && !*rest && context == tote_context_root();
    tote_context_unref(context);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return is_good;
}

/* Compliance: TR-18, CP-09 */
static void every_row_of_traceparent_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("traceparent.tsv", check_traceparent);
}

static bool check_tracestate(const struct vector_row *row) {
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    struct carrier in = {.count = 0};
    char *rest = row->columns[1];
    char *export_result = vectors_word(&rest);
    const char *expected = strcmp(export_result, "KEEP") == 0 ? vectors_unescape(rest).at : NULL;

    carrier_add(&in, "traceparent", good_traceparent);
    add_lines(&in, "tracestate", row->columns[0]);
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    struct carrier out = injected(propagator, context);
    bool is_known =
        expected ||
        ((strcmp(export_result, "EMPTY") == 0 || strcmp(export_result, "DISCARD") == 0) && !*rest);
    bool is_good = is_known && equals(carrier_get(&out, "traceparent"), good_traceparent) &&
                   equals(carrier_get(&out, "tracestate"), expected);
    carrier_clear(&out);
    tote_context_unref(context);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return is_good;
}

/* Compliance: TR-18, CP-09 */
static void every_row_of_tracestate_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("tracestate.tsv", check_tracestate);
}

/* name\=value\;metadata */
struct pair {
    struct text name;
    struct text value;
    struct text metadata;
};

static struct pair read_pair(char *text) {
    char *sides[VECTORS_MOST_PARTS];
    char *parts[VECTORS_MOST_PARTS] = {NULL};
    struct pair pair = {.metadata = {"", 0}};

    vectors_split(text, '=', sides);
    size_t count = vectors_split(sides[1], ';', parts);
    pair.name = vectors_unescape(sides[0]);
    pair.value = vectors_unescape(parts[0]);
    if (count > 1) {
        pair.metadata = vectors_unescape(parts[1]);
    }
    return pair;
}

static bool has_pair(const tote_entries *entries, const struct pair *pair) {
    const tote_entry *entry = tote_entries_find(entries, pair->name.at);

    return entry && entry->visibility == TOTE_VISIBILITY_ALL &&
           tote_value_equals(entry->value, tote_string_of(pair->value.at, pair->value.length)) &&
           equals(entry->metadata, pair->metadata.at);
}

/* SET n pairs: exactly these. */
static bool has_pairs(const tote_context *context, char *expected) {
    char *parts[VECTORS_MOST_PARTS];
    size_t count = strtoul(vectors_word(&expected), NULL, 10);
    tote_entries *entries = tote_store_get_all(tote_context_get_store(context));
    bool is_good =
        vectors_split(expected, '|', parts) == count && tote_entries_get_count(entries) == count;

    for (size_t i = 0; is_good && i < count; i++) {
        struct pair pair = read_pair(parts[i]);
        is_good = has_pair(entries, &pair);
    }
    tote_entries_free(entries);
    return is_good;
}

static bool check_baggage(const struct vector_row *row) {
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);
    struct carrier in = {.count = 0};
    char *rest = row->columns[1];
    char *export_result = vectors_word(&rest);
    tote_context *before =
        tote_context_with_baggage(tote_context_root(), "before", tote_string("1"), NULL);

    add_lines(&in, "Baggage", row->columns[0]);
    tote_context *context = tote_propagator_extract(propagator, before, &in, &carrier_getter);
    bool is_good = strcmp(export_result, "SET") == 0
                       ? has_pairs(context, rest)
                       : strcmp(export_result, "NONE") == 0 && !*rest && context == before;
    tote_context_unref(context);
    tote_context_unref(before);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return is_good;
}

/* Spec: baggage/api.md#propagation. Compliance: BG-02 */
static void every_row_of_baggage_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("baggage.tsv", check_baggage);
}

static tote_context *with_pairs(char *column) {
    char *parts[VECTORS_MOST_PARTS];
    tote_context *context = tote_context_ref(tote_context_root());
    size_t count = *column ? vectors_split(column, '|', parts) : 0;

    for (size_t i = 0; i < count; i++) {
        struct pair pair = read_pair(parts[i]);
        tote_context *before = context;
        context = tote_context_with_baggage(before, pair.name.at,
                                            tote_string_of(pair.value.at, pair.value.length),
                                            pair.metadata.at);
        tote_context_unref(before);
    }
    return context;
}

static bool check_baggage_inject(const struct vector_row *row) {
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);
    char *rest = row->columns[1];
    char *export_result = vectors_word(&rest);
    bool is_sent = strcmp(export_result, "HEADER") == 0;

    tote_context *context = with_pairs(row->columns[0]);
    struct carrier out = injected(propagator, context);
    /* A context with nothing to send leaves the carrier unchanged. */
    bool is_good = (is_sent || (strcmp(export_result, "OMIT") == 0 && !*rest)) &&
                   equals(carrier_get(&out, "baggage"), is_sent ? rest : "old=1");
    carrier_clear(&out);
    tote_context_unref(context);
    tote_propagator_unref(propagator);
    return is_good;
}

/* Spec: baggage/api.md#propagation. Compliance: BG-02 */
static void every_row_of_baggage_inject_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("baggage_inject.tsv", check_baggage_inject);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_of_traceparent_has_the_expected_result),
        TEST(every_row_of_tracestate_has_the_expected_result),
        TEST(every_row_of_baggage_has_the_expected_result),
        TEST(every_row_of_baggage_inject_has_the_expected_result),
    };
    return RUN_TESTS(tests, argc, argv);
}
