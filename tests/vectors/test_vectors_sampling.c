/* SPDX-License-Identifier: MIT */
/* Each decision is made by an SDK for a child of a remote span, by each kind of sampler. */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "parent.h"
#include "reports.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"
#include "vectors.h"

enum { HEADER_BYTES = 2048 };

static tote_sampler *composite_probability(double ratio) {
    return tote_sampler_composite_new(tote_composable_sampler_probability_new(ratio));
}

/* All kinds of samplers with a ratio. */
static tote_sampler *(*const constructors[])(double ratio) = {
    tote_sampler_probability_new, tote_sampler_trace_id_ratio_new, composite_probability};

/* A context with a remote span, which was sampled. */
static tote_context *remote_context(const tote_trace_id *trace_id, const char *trace_state) {
    static const tote_span_id span_id = {{0xB7, 0xAD}};

    return with_parent(trace_id, &span_id, TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM,
                       trace_state, true);
}

/* Start a span in an SDK with this sampler. Return whether it is sampled, and its trace state. */
static bool sample(tote_sampler *sampler, const tote_trace_id *trace_id, const char *trace_state,
                   char header[HEADER_BYTES]) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops};
    tote_span_processor *processor = tote_span_processor_new(&ops, NULL);
    tote_span_options span_options = TOTE_SPAN_OPTIONS_INIT;
    tote_context *parent = remote_context(trace_id, trace_state);

    tote_sdk *sdk = tote__sdk_new(&(struct tote__sdk_settings){
        .is_global = true, .sampler = sampler, .processors = &processor, .processor_count = 1});
    span_options.parent = parent;
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", &span_options);
    const tote_span_context *context = tote_span_get_context(span);
    bool is_sampled = tote_span_context_is_sampled(context);
    tote_trace_state_to_header(tote_span_context_get_trace_state(context), header, HEADER_BYTES);
    tote_span_close(&span);
    tote_sdk_close(&sdk, 1000);
    tote_context_unref(parent);
    return is_sampled;
}

static bool is_refused(tote_sampler *(*create)(double ratio), double ratio) {
    char description[64];

    reports_reset(TOTE_LEVEL_ERROR);
    tote_sampler *sampler = create(ratio);
    tote_sampler_get_description(sampler, description, sizeof description);
    tote_sampler_free(sampler);
    return reports.count == 1 && strstr(description, "AlwaysOff");
}

static bool check_threshold(const struct vector_row *row) {
    tote_trace_id most_random;
    double ratio = strtod(row->columns[0], NULL);
    bool is_good = true;

    memset(&most_random, 0xFF, sizeof most_random);
    for (size_t i = 0; i < TOTE_COUNT_OF(constructors) && is_good; i++) {
        char header[HEADER_BYTES];
        is_good = strcmp(row->columns[1], "INVALID") == 0
                      ? is_refused(constructors[i], ratio)
                      : sample(constructors[i](ratio), &most_random, "", header) &&
                            strncmp(header, "ot=", 3) == 0 &&
                            strcmp(header + 3, row->columns[1]) == 0;
    }
    return is_good;
}

/* Spec: trace/tracestate-probability-sampling.md. Compliance: TR-62 */
static void every_row_of_sampling_threshold_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("sampling_threshold.tsv", check_threshold);
}

/* The ratio of a threshold: "c" is c0000000000000. */
static double ratio_of(const char *digits) {
    char padded[15] = "00000000000000";

    memcpy(padded, digits, strlen(digits));
    return 1 - (double)strtoull(padded, NULL, 16) / (double)(1ULL << 56);
}

/* Without a trace state in the row, the incoming one is expected. */
static bool check_decision(const struct vector_row *row) {
    char *parts[VECTORS_MOST_PARTS]; /* trace id, trace state, threshold */
    char *expected = row->columns[1];
    bool expects_sample = strcmp(vectors_word(&expected), "SAMPLE") == 0;
    tote_trace_id trace_id;

    if (vectors_split(row->columns[0], '|', parts) != 3 ||
        !tote_trace_id_from_hex(&trace_id, parts[0])) {
        return false;
    }
    bool is_good = expects_sample || strncmp(row->columns[1], "DROP", 4) == 0;
    for (size_t i = 0; i < TOTE_COUNT_OF(constructors) && is_good; i++) {
        char header[HEADER_BYTES];
        bool is_sampled = sample(constructors[i](ratio_of(parts[2])), &trace_id, parts[1], header);
        is_good =
            is_sampled == expects_sample && strcmp(header, *expected ? expected : parts[1]) == 0;
    }
    return is_good;
}

/* Spec: trace/tracestate-probability-sampling.md. Compliance: TR-62 */
static void every_row_of_sampling_decision_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("sampling_decision.tsv", check_decision);
}

/* Returns false for an unknown operation. */
static bool change(const tote_trace_state *list, char *operation, tote_trace_state **changed) {
    char *verb = vectors_word(&operation);
    char *key = vectors_word(&operation);
    const char *value = vectors_unescape(operation).at;

    if (strcmp(verb, "set") == 0) {
        *changed = tote_trace_state_with(list, key, value);
    } else if (strcmp(verb, "delete") == 0) {
        *changed = tote_trace_state_without(list, key);
    } else if (strcmp(verb, "ot-set") == 0) {
        *changed = tote_trace_state_with_ot(list, key, value);
    } else if (strcmp(verb, "ot-unset") == 0) {
        *changed = tote_trace_state_without_ot(list, key);
    } else {
        return false;
    }
    return true;
}

/* KEEP and a header, or EMPTY; after ERROR, with a diagnostic. */
static bool check_operation(const struct vector_row *row) {
    char *parts[VECTORS_MOST_PARTS];
    char header[HEADER_BYTES];
    char *expected = row->columns[1];
    bool is_error = strncmp(expected, "ERROR ", 6) == 0;
    tote_trace_state *after = NULL;

    if (vectors_split(row->columns[0], '|', parts) != 2) {
        return false;
    }
    reports_reset(TOTE_LEVEL_WARN);
    struct text initial = vectors_unescape(parts[0]);
    tote_trace_state *before = tote_trace_state_from_header(initial.at, initial.length);
    bool is_good = change(before, parts[1], &after);
    tote_trace_state_to_header(after, header, sizeof header);
    expected += is_error ? 6 : 0;
    const char *verb = vectors_word(&expected);
    is_good &= strcmp(verb, *expected ? "KEEP" : "EMPTY") == 0 && strcmp(header, expected) == 0 &&
               (after != NULL) == (*expected != '\0') && is_error == (reports.count > 0);
    tote_trace_state_unref(after);
    tote_trace_state_unref(before);
    return is_good;
}

/* Spec: trace/api.md#tracestate, trace/tracestate-handling.md */
static void every_row_of_tracestate_ops_has_the_expected_result(void **state) {
    (void)state;
    vectors_check("tracestate_ops.tsv", check_operation);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_of_sampling_threshold_has_the_expected_result),
        TEST(every_row_of_sampling_decision_has_the_expected_result),
        TEST(every_row_of_tracestate_ops_has_the_expected_result),
    };
    return RUN_TESTS(tests, argc, argv);
}
