/* SPDX-License-Identifier: MIT */
/*
 * test_sampling_counts.c - `th` states the probability of a span, in chains of services
 *
 * In each trace every service starts one span, whose parent is the span of the service before. The
 * sum of the adjusted counts of a service estimates the number of traces. Spans without `th` count
 * once. The random numbers are the same in each run. Spec:
 * trace/tracestate-probability-sampling.md#converting-threshold-to-an-adjusted-count-sampling-rate
 */
#include "support.h"

#include <math.h>
#include <string.h>

#include "thread_state.h"
#include "tote/internal/sampling.h"
#include "tote/internal/trace_state.h"

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || TOTE_TEST_IS_EMULATED
enum { TRACES = 20000 };
#else
enum { TRACES = 1 << 20 };
#endif
enum { SERVICES = 3 };

/* The samplers of the services, in the order of a trace. */
struct chain {
    tote_sampler *samplers[SERVICES];
    bool has_nonrandom_ids; /* the root's generator counts */
};

struct estimate {
    double sum;
    double squares;
};

static void seed(struct tote__random *random) {
    /* Bits that look random. The first numbers after small ones do not. */
    *random = (struct tote__random){
        {0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB, 0x2545F4914F6CDD1D},
        tote__generation()};
}

static void new_trace_id(const struct chain *chain, struct tote__random *random, uint64_t number,
                         tote_trace_id *id) {
    if (chain->has_nonrandom_ids) {
        memset(id, 0, sizeof *id);
        memcpy(id, &number, sizeof number);
        id->bytes[15] = 1;
    } else {
        tote__random_trace_id(random, id);
    }
}

/* Start the span of a service, like start_span.c does. `span` is the parent and becomes the span.
 */
static bool start_span(const struct chain *chain, int service, uint64_t number,
                       const tote_trace_id *trace_id, tote_span *span, tote_context *context) {
    static const char *const routes[] = {"/cart", "/pay", "/health"};
    const tote_attribute attribute = {"http.route", tote_string(routes[number % 3])};
    const tote_sampling_parameters parameters = {
        .struct_size = sizeof parameters,
        .parent = service ? context : tote_context_root(),
        .trace_id = trace_id,
        .name = "work",
        .kind = number % 2 ? TOTE_SPAN_KIND_SERVER : TOTE_SPAN_KIND_CONSUMER,
        .attributes = &attribute,
        .attribute_count = 1,
        .has_nonrandom_trace_id = chain->has_nonrandom_ids && !service};
    struct tote_sampling_result result;

    tote__sampling_result_init(&result, span->context.trace_state);
    bool is_sampled = tote_sampler_should_sample(chain->samplers[service], &parameters, &result) ==
                      TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE;
    tote_trace_state *state = result.trace_state;
    if (state) {
        state = tote__sampling_settle(state, trace_id, is_sampled && result.has_threshold);
    }
    tote__sampling_result_clear(&result);
    tote_trace_state_unref(span->context.trace_state);
    span->context.trace_state = state;
    span->context.trace_id = *trace_id;
    span->context.span_id.bytes[0] = 1;
    span->context.is_remote = true;
    span->context.trace_flags =
        (uint8_t)((chain->has_nonrandom_ids ? 0 : TOTE_TRACE_FLAG_RANDOM) | is_sampled);
    return is_sampled;
}

static double adjusted_count(const tote_trace_state *state) {
    const double all = (double)TOTE_SAMPLING_THRESHOLD_NONE;

    return state && state->threshold != TOTE__NO_SUB_KEY ? all / (all - (double)state->threshold)
                                                         : 1;
}

static void add_trace(const struct chain *chain, uint64_t number, const tote_trace_id *trace_id,
                      tote_span *span, tote_context *context, struct estimate *estimates) {
    for (int service = 0; service < SERVICES; service++) {
        if (start_span(chain, service, number, trace_id, span, context)) {
            double count = adjusted_count(span->context.trace_state);
            estimates[service].sum += count;
            estimates[service].squares += count * count;
        }
    }
    tote_trace_state_unref(span->context.trace_state);
    span->context.trace_state = NULL;
}

/* The sum of a service is the number of traces, within three standard errors. Frees the samplers.
 */
static void assert_counts(struct chain chain) {
    struct estimate estimates[SERVICES] = {{0, 0}};
    struct tote__random random;
    const tote_trace_id trace_id = {{1}};
    const tote_span_id span_id = {{1}};
    tote_span_context *identity = tote_span_context_new(&trace_id, &span_id, 0, NULL, false);
    tote_span *span = tote_span_non_recording_new(identity);
    tote_context *context = tote_context_with_span(tote_context_root(), span);

    seed(&random);
    seed(&tote__thread_state()->random);
    for (uint64_t number = 0; number < TRACES; number++) {
        tote_trace_id id;
        new_trace_id(&chain, &random, number, &id);
        add_trace(&chain, number, &id, span, context, estimates);
    }
    for (int service = 0; service < SERVICES; service++) {
        double mean = estimates[service].sum / TRACES;
        double error = sqrt(TRACES * fmax(estimates[service].squares / TRACES - mean * mean, 0));
        double difference = fabs(estimates[service].sum - TRACES);
        if (difference > 3 * error + 1e-6 * TRACES) {
            fail_msg("service %d: %.0f instead of %d, standard error %.0f", service,
                     estimates[service].sum, TRACES, error);
        }
        tote_sampler_free(chain.samplers[service]);
    }
    tote_context_unref(context);
    tote_span_unref(span);
    tote_span_context_unref(identity);
}

static tote_sampler *parent_based(tote_sampler *root, tote_sampler *remote_sampled) {
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;

    options.root = root;
    options.remote_parent_sampled = remote_sampled;
    return tote_sampler_parent_based_new(&options);
}

static tote_sampler *parent_threshold(tote_composable_sampler *root) {
    return tote_sampler_composite_new(tote_composable_sampler_parent_threshold_new(root));
}

static tote_composable_sampler *ratio(double value) {
    return tote_composable_sampler_probability_new(value);
}

/* Health checks at 1 %, servers at 30 %, others at 5 %. */
static tote_composable_sampler *rules(void) {
    static const char *const health[] = {"/hea*"};
    tote_sampling_rule list[] = {TOTE_SAMPLING_RULE_INIT, TOTE_SAMPLING_RULE_INIT,
                                 TOTE_SAMPLING_RULE_INIT};
    const tote_sampling_rule *const pointers[] = {&list[0], &list[1], &list[2]};

    list[0].patterns_key = "http.route";
    list[0].included = health;
    list[0].included_count = 1;
    list[0].sampler = ratio(0.01);
    list[1].span_kinds = 1U << TOTE_SPAN_KIND_SERVER;
    list[1].sampler = ratio(0.3);
    list[2].sampler = ratio(0.05);
    return tote_composable_sampler_rule_based_new(pointers, TOTE_COUNT_OF(list));
}

static void counts_are_right_if_all_services_follow_the_root(void **state) {
    (void)state;
    assert_counts((struct chain){.samplers = {parent_based(tote_sampler_probability_new(0.1), NULL),
                                              parent_based(NULL, NULL), parent_based(NULL, NULL)}});
    assert_counts(
        (struct chain){.samplers = {parent_based(tote_sampler_trace_id_ratio_new(0.001), NULL),
                                    parent_threshold(ratio(0.5)), parent_based(NULL, NULL)}});
}

static void counts_are_right_if_each_service_has_a_rate_of_its_own(void **state) {
    (void)state;
    assert_counts((struct chain){.samplers = {tote_sampler_probability_new(0.5),
                                              tote_sampler_probability_new(0.1),
                                              tote_sampler_probability_new(0.25)}});
    assert_counts((struct chain){
        .samplers = {tote_sampler_trace_id_ratio_new(0.02), tote_sampler_composite_new(ratio(0.3)),
                     tote_sampler_always_record_new(tote_sampler_probability_new(0.07))}});
}

static void counts_are_right_if_a_service_samples_always(void **state) {
    (void)state;
    assert_counts(
        (struct chain){.samplers = {tote_sampler_probability_new(0.5), tote_sampler_always_on_new(),
                                    parent_based(NULL, NULL)}});
    assert_counts((struct chain){
        .samplers = {tote_sampler_always_on_new(),
                     tote_sampler_composite_new(tote_composable_sampler_always_on_new()),
                     parent_threshold(ratio(0.5))}});
}

/* The greater threshold of both counts. */
static void counts_are_right_if_a_service_samples_a_share_of_sampled_parents(void **state) {
    (void)state;
    assert_counts(
        (struct chain){.samplers = {tote_sampler_probability_new(0.3),
                                    parent_based(NULL, tote_sampler_probability_new(0.1)),
                                    parent_based(NULL, tote_sampler_composite_new(ratio(0.6)))}});
}

static void counts_are_right_with_rules(void **state) {
    static const tote_attribute annotation = {"sampled.by", {{"test"}, 4, TOTE_VALUE_TYPE_STRING}};

    (void)state;
    assert_counts((struct chain){.samplers = {tote_sampler_composite_new(rules()),
                                              parent_threshold(ratio(0.5)),
                                              tote_sampler_composite_new(rules())}});
    assert_counts((struct chain){
        .samplers = {
            parent_threshold(tote_composable_sampler_annotating_new(&annotation, 1, rules())),
            tote_sampler_probability_new(0.2), parent_threshold(ratio(0.5))}});
}

/* The root sampler sets `rv`, and all services use it. */
static void counts_are_right_if_trace_ids_are_not_random(void **state) {
    (void)state;
    assert_counts((struct chain){.samplers = {tote_sampler_probability_new(0.25),
                                              tote_sampler_composite_new(ratio(0.1)),
                                              parent_based(NULL, NULL)},
                                 .has_nonrandom_ids = true});
    assert_counts(
        (struct chain){.samplers = {parent_threshold(rules()), parent_threshold(ratio(0.5)),
                                    tote_sampler_probability_new(0.5)},
                       .has_nonrandom_ids = true});
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(counts_are_right_if_all_services_follow_the_root),
        TEST(counts_are_right_if_each_service_has_a_rate_of_its_own),
        TEST(counts_are_right_if_a_service_samples_always),
        TEST(counts_are_right_if_a_service_samples_a_share_of_sampled_parents),
        TEST(counts_are_right_with_rules),
        TEST(counts_are_right_if_trace_ids_are_not_random),
    };
    return RUN_TESTS(tests, argc, argv);
}
