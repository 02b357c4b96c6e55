/* SPDX-License-Identifier: MIT */
#include "sdk_fixture.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/wildcard.h"

static const tote_tracer_config disabled = {.struct_size = sizeof disabled, .is_disabled = true};

/* Return whether the tracer of this name records a span. */
static bool is_recorded(const char *name) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer(name, "1.0"), "work", NULL);
    bool result = tote_span_is_recording(span);

    assert_int_equal(tote_tracer_is_enabled(tote_get_tracer(name, "1.0"), NULL), result);
    tote_span_close(&span);
    return result;
}

static void set_rules(struct sdk_fixture *f, const tote_tracer_rule *rules, size_t count,
                      const tote_tracer_config *default_config) {
    tote_tracer_configurator configurator = TOTE_TRACER_CONFIGURATOR_INIT;

    configurator.rules = rules;
    configurator.rule_count = count;
    configurator.default_config = default_config;
    assert_int_equal(tote_sdk_set_tracer_configurator(f->sdk, &configurator), TOTE_RESULT_SUCCESS);
}

static void a_pattern_matches_whole_names_by_characters(void **state) {
    static const struct {
        const char *pattern;
        const char *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "anything at all", true},
        {"**", "", true},
        {"?", "", false},
        {"?", "a", true},
        {"?", "ab", false},
        {"?", "\xC3\xA9", true},
        {"??", "\xC3\xA9", false},
        {"*??", "\xE2\x82\xAC", false},
        {"?*", "\xF0\x9F\x98\x80", true},
        {"io.example", "io.example", true},
        {"io.example", "IO.example", false},
        {"io.example", "io.example.http", false},
        {"io.example", "ioXexample", false},
        {"io.*", "io.example", true},
        {"io.*", "io.", true},
        {"io.*", "io", false},
        {"*.http", "io.example.http", true},
        {"*.http", "io.http.server", false},
        {"*a*b*c", "xxaxxbxxc", true},
        {"*a*b*c", "xxaxxcxxb", false},
        {"*ab", "aab", true},
        {"*ab?d*", "abcabxde", true},
        {"[a-z]", "a", false},
        {"\\*", "*", false},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        if (tote__wildcard_matches(cases[i].pattern, cases[i].text) != cases[i].matches) {
            fail_msg("'%s' and '%s'", cases[i].pattern, cases[i].text);
        }
    }
}

/* Spec: trace/sdk.md#tracerconfigurator */
static void the_first_rule_that_matches_a_name_applies(void **state) {
    static const tote_tracer_config enabled = TOTE_TRACER_CONFIG_INIT;
    static const tote_tracer_rule rules[] = {
        {"noisy.important", &enabled},
        {"noisy.*", &disabled},
        {NULL, &disabled},
        {"exact", &disabled},
        {"exact", &enabled},
        {"no_config", NULL},
        {"v?", &disabled},
        {"noisy.other", &enabled},
    };
    struct sdk_fixture *f = sdk_fixture_start(state);

    set_rules(f, rules, TOTE_COUNT_OF(rules), NULL);
    assert_true(is_recorded("noisy.important"));
    assert_false(is_recorded("noisy.other"));
    assert_false(is_recorded("exact"));
    assert_false(is_recorded("v1"));
    assert_true(is_recorded("v12"));
    assert_true(is_recorded("no_config"));
    assert_true(is_recorded("other"));
    set_rules(f, rules, TOTE_COUNT_OF(rules), &disabled);
    assert_true(is_recorded("noisy.important"));
    assert_true(is_recorded("no_config"));
    assert_false(is_recorded("other"));
}

static void a_configurator_may_be_set_at_the_start(void **state) {
    static const tote_tracer_rule rules[] = {{"lib*", &disabled}};
    const tote_tracer_configurator configurator = {
        .struct_size = sizeof configurator, .rules = rules, .rule_count = 1};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    options.ignore_environment = true;
    options.tracer_configurator = &configurator;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *const exporters[] = {tote_span_exporter_in_memory_new(memory)};
    options.exporters = exporters;
    options.exporter_count = 1;
    tote_tracer *tracer = tote_get_tracer("app", "1.0"); /* earlier than the SDK */

    (void)state;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
    assert_true(tote_span_is_recording(span));
    assert_false(tote_tracer_is_enabled(tote_get_tracer("libfoo", "1.0"), NULL));
    tote_span_close(&span);
    assert_int_equal(tote_sdk_close(&sdk, 10000), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_in_memory_spans_get_count(memory), 1);
    tote_in_memory_spans_unref(memory);
}

/* Open spans are not changed. Spec: trace/sdk.md#tracer */
static void tracers_follow_a_configurator_that_is_set_while_they_are_in_use(void **state) {
    static const tote_tracer_rule rules[] = {{"te?t", &disabled}};
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *open = tote_tracer_start_span(f->tracer, "open", NULL);

    for (size_t round = 0; round < 3; round++) {
        set_rules(f, rules, 1, NULL);
        assert_false(is_recorded("test"));
        assert_int_equal(tote_sdk_set_tracer_configurator(f->sdk, NULL), TOTE_RESULT_SUCCESS);
        assert_true(is_recorded("test"));
    }
    set_rules(f, rules, 1, NULL);
    assert_true(tote_span_is_recording(open));
    tote_span_close(&open);
    assert_int_equal(f->ended, 4);
}

/*
 * Like a tracer without an SDK. Spec:
 * trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk
 */
static void spans_of_a_disabled_tracer_carry_the_context_of_their_parent(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    tote_span *parent = tote_tracer_start_span(f->tracer, "parent", NULL);
    tote_context *context = tote_context_with_span(tote_context_root(), parent);
    static const tote_tracer_rule rules[] = {{"lib", &disabled}};
    set_rules(f, rules, 1, NULL);
    tote_tracer *lib = tote_get_tracer("lib", NULL);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    tote_span *between = tote_tracer_start_span(lib, "between", &options);
    assert_false(tote_span_is_recording(between));
    assert_memory_equal(tote_span_context_get_span_id(tote_span_get_context(between)),
                        tote_span_context_get_span_id(tote_span_get_context(parent)), 8);
    tote_context *below = tote_context_with_span(context, between);
    options.parent = below;
    tote_span *child = tote_tracer_start_span(f->tracer, "child", &options);
    options.parent = tote_context_root();
    tote_span *root = tote_tracer_start_span(lib, "root", &options);
    assert_false(tote_span_context_is_valid(tote_span_get_context(root)));

    tote_span_close(&root);
    tote_span_close(&child);
    tote_span_close(&between);
    assert_int_equal(f->started, 2);
    assert_memory_equal(
        tote_span_context_get_span_id(tote_span_data_get_parent(sdk_fixture_only_span(f))),
        tote_span_context_get_span_id(tote_span_get_context(parent)), 8);
    tote_span_close(&parent);
    tote_context_unref(below);
    tote_context_unref(context);
}

struct function {
    size_t calls;
};

static const tote_tracer_config *disable_old_versions(void *self,
                                                      const tote_instrumentation_scope *scope) {
    struct function *function = self;

    function->calls++;
    return strcmp(scope->version, "0.9") == 0 ? &disabled : NULL;
}

/* Spec: trace/sdk.md#tracerconfigurator */
static void a_function_decides_by_the_whole_scope_and_once_for_each_tracer(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    static const tote_tracer_rule rules[] = {{"ruled", NULL}};
    struct function function = {0};
    tote_tracer_configurator configurator = TOTE_TRACER_CONFIGURATOR_INIT;
    configurator.rules = rules;
    configurator.rule_count = 1;
    configurator.configure = disable_old_versions;
    configurator.self = &function;
    tote_sdk_set_tracer_configurator(f->sdk, &configurator);

    for (size_t round = 0; round < 2; round++) {
        assert_true(tote_tracer_is_enabled(tote_get_tracer("ruled", "0.9"), NULL));
        assert_false(tote_tracer_is_enabled(tote_get_tracer("lib", "0.9"), NULL));
        assert_true(tote_tracer_is_enabled(tote_get_tracer("lib", "1.0"), NULL));
    }
    assert_int_equal(function.calls, 2);
    configurator.default_config = &disabled;
    tote_sdk_set_tracer_configurator(f->sdk, &configurator);
    assert_false(tote_tracer_is_enabled(tote_get_tracer("lib", "1.0"), NULL));
    assert_int_equal(function.calls, 3);
}

static void each_sdk_has_its_own_configurator(void **state) {
    const tote_tracer_configurator configurator = {.struct_size = sizeof configurator,
                                                   .default_config = &disabled};
    struct sdk_fixture *f = sdk_fixture_start(state);
    struct tote__sdk_settings settings = f->settings;
    settings.is_global = false;
    settings.sampler = NULL;
    settings.processor_count = 0;
    settings.tracer_configurator = &configurator;
    tote_sdk *other = tote__sdk_new(&settings);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(other);
    tote_tracer *tracer = tote_tracer_provider_get_tracer(provider, "test", NULL);
    tote_span_options root = TOTE_SPAN_OPTIONS_INIT;

    root.root = true;
    for (size_t round = 0; round < 2; round++) {
        tote_span *span = tote_tracer_start_span(tracer, "other", &root);
        assert_false(tote_span_is_recording(span));
        tote_span_close(&span);
        assert_true(is_recorded("test"));
    }
    tote_sdk_set_tracer_configurator(other, NULL);
    tote_span *span = tote_tracer_start_span(tracer, "other", &root);
    assert_true(tote_span_is_recording(span));
    tote_span_close(&span);
    tote_tracer_provider_unref(provider);
    tote_sdk_close(&other, 1000);
}

/* Allocations until one fails; negative: none fails. */
static atomic_int allocations_left = -1;

static void *test_allocate(void *self, size_t size) {
    (void)self;
    return atomic_load(&allocations_left) >= 0 && atomic_fetch_sub(&allocations_left, 1) == 0
               ? NULL
               : malloc(size);
}

static void *test_reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return realloc(memory, size);
}

static void test_release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

static void out_of_memory_the_earlier_configurator_stays_in_use(void **state) {
    static const tote_tracer_rule rules[] = {{"test", &disabled}, {"other", &disabled}};
    const tote_tracer_configurator others = {
        .struct_size = sizeof others, .rules = rules, .rule_count = 2};
    struct sdk_fixture *f = sdk_fixture_start(state);
    int failures = 0;

    set_rules(f, rules, 1, NULL);
    assert_false(is_recorded("test"));
    assert_true(is_recorded("other"));
    for (;; failures++) {
        atomic_store(&allocations_left, failures);
        tote_result result = tote_sdk_set_tracer_configurator(f->sdk, &others);
        bool has_failed = atomic_exchange(&allocations_left, -1) < 0;
        if (!has_failed) {
            assert_int_equal(result, TOTE_RESULT_SUCCESS);
            break;
        }
        assert_int_equal(result, TOTE_RESULT_FAILURE);
        assert_non_null(strstr(f->last_diagnostic, "out of memory: the tracer configurator"));
        assert_true(is_recorded("other"));
    }
    assert_in_range(failures, 2, 10);
    assert_false(is_recorded("test"));
    assert_false(is_recorded("other"));
}

static void nothing_happens_without_an_sdk_and_in_a_disabled_one(void **state) {
    struct sdk_fixture *f = *state;
    f->settings.is_disabled = true;
    sdk_fixture_start(state);

    assert_int_equal(tote_sdk_set_tracer_configurator(NULL, NULL), TOTE_RESULT_SUCCESS);
    assert_int_equal(tote_sdk_set_tracer_configurator(f->sdk, NULL), TOTE_RESULT_SUCCESS);
    assert_false(is_recorded("test"));
}

struct worker {
    struct sdk_fixture *fixture;
    atomic_bool is_done;
};

static void *start_spans(void *arg) {
    struct worker *worker = arg;

    while (!atomic_load(&worker->is_done)) {
        tote_span *span = tote_tracer_start_span(worker->fixture->tracer, "work", NULL);
        tote_span_close(&span);
    }
    return NULL;
}

/* The replaced rules are freed while other threads read them at the start of spans. */
static void a_configurator_may_be_replaced_while_threads_start_spans(void **state) {
    enum { THREADS = 3, ROUNDS = 200 };
    static const tote_tracer_rule rules[] = {{"a*", &disabled}, {"test", &disabled}};
    struct worker worker = {.fixture = sdk_fixture_start(state)};
    pthread_t threads[THREADS];

    for (size_t i = 0; i < THREADS; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, start_spans, &worker), 0);
    }
    for (size_t i = 0; i < ROUNDS; i++) {
        set_rules(worker.fixture, rules, i % 3, NULL);
    }
    atomic_store(&worker.is_done, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    set_rules(worker.fixture, rules, 2, NULL);
    assert_false(is_recorded("test"));
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pattern_matches_whole_names_by_characters),
        SDK_TEST(the_first_rule_that_matches_a_name_applies),
        cmocka_unit_test(a_configurator_may_be_set_at_the_start),
        SDK_TEST(tracers_follow_a_configurator_that_is_set_while_they_are_in_use),
        SDK_TEST(spans_of_a_disabled_tracer_carry_the_context_of_their_parent),
        SDK_TEST(a_function_decides_by_the_whole_scope_and_once_for_each_tracer),
        SDK_TEST(each_sdk_has_its_own_configurator),
        SDK_TEST(out_of_memory_the_earlier_configurator_stays_in_use),
        SDK_TEST(nothing_happens_without_an_sdk_and_in_a_disabled_one),
        SDK_TEST(a_configurator_may_be_replaced_while_threads_start_spans),
    };

    const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                      test_release, NULL};
    if (!tote_allocator_set(&allocator)) {
        return EXIT_FAILURE;
    }
    return RUN_TESTS(tests, argc, argv);
}
