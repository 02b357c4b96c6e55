/* SPDX-License-Identifier: MIT */
/*
 * sdk.c - start, flush, shutdown and release of an SDK
 *
 * A core's config is freed when its last reference is released and no thread is in a call. A thread
 * marks its calls in its own state by plain stores; the thread that frees runs membarrier(2) to see
 * the stores of all threads. So spans need no fence. Spec: trace/sdk.md#tracer-provider
 */
#include <errno.h>
#include <string.h>

#include "barrier.h"
#include "core.h"
#include "process_context.h"
#include "span_attributes.h"
#include "tote/internal/cancel.h"
#include "tote/internal/clock.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/fork.h"
#include "tote/internal/memory.h"
#include "tote/internal/shared.h"
#include "tote/internal/store.h"
#include "tote/internal/tracer.h"
#include "tote/internal/unrecorded.h"
#include "wait.h"

struct tote_sdk tote__cores[TOTE__SDK_SLOTS];

static struct tote__lock cores_lock; /* protects the allocation of cores */
_Atomic(bool) tote__core_needs_fence;

void tote__core_reset_counters(struct span_counters *counters, uint32_t run) {
    for (size_t i = 0; i < PARENT_ORIGINS * SAMPLING_DECISIONS; i++) {
        atomic_store_explicit(&counters->started[0][0] + i, 0, memory_order_relaxed);
    }
    for (size_t is_sampled = 0; is_sampled < 2; is_sampled++) {
        atomic_store_explicit(&counters->finished[is_sampled], 0, memory_order_relaxed);
        atomic_store_explicit(&counters->never_ended[is_sampled], 0, memory_order_relaxed);
    }
    atomic_store_explicit(&counters->late, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->lost_to_memory, 0, memory_order_relaxed);
    atomic_store_explicit(&counters->run, run, memory_order_release);
}

enum { SHORTEST_WAIT_MS = 50, LONGEST_WAIT_MS = 1000 };

bool tote__core_wait_for_others(uint32_t wait_ms) {
    uint64_t deadline = tote__clock_monotonic() + wait_ms * 1000000ULL;
    const struct thread_state *own = tote__thread_state();

    if (!atomic_load(&tote__core_needs_fence) && !tote__barrier_all_threads()) {
        return false;
    }
    for (const struct thread_state *state = tote__thread_states(); state;
         state = tote__thread_state_next(state)) {
        while (atomic_load(&state->inside) != 0) {
            if (state == own || tote__clock_monotonic() > deadline) {
                return false; /* this thread is in a callback, or another callback is slow */
            }
            tote__barrier_pause();
        }
    }
    return true;
}

static void free_config(struct core_config *config) {
    if (!config) {
        return;
    }
    tote__core_loop_close(config); /* uses the processors */
    for (size_t i = 0; config->processors && i < config->processor_count; i++) {
        tote_span_processor_free(config->processors[i]);
    }
    tote__release(config->processors, config->processor_count * sizeof(tote_span_processor *));
    tote__name_list_clear(&config->store_export_keys);
    tote__tracer_rules_end(config);
    tote_sampler_free(config->sampler);
    tote_id_generator_free(config->id_generator);
    tote__release(config, sizeof *config);
}

void tote__core_renew_resource(struct core_config *config) {
    tote__lock_take(&config->resource_lock);
    uint32_t before = config->origin.resource;
    tote__lock_drop(&config->resource_lock);
    uint32_t renewed = tote__resource_renew(before);
    tote__lock_take(&config->resource_lock);
    bool is_renewed = atomic_load(&config->resource_generation) != tote__generation();
    if (is_renewed) {
        config->origin.resource = renewed;
        atomic_store_explicit(&config->counts_since, tote__core_clock(config),
                              memory_order_relaxed);
        atomic_store_explicit(&config->resource_generation, tote__generation(),
                              memory_order_release);
    }
    tote__lock_drop(&config->resource_lock);
    if (is_renewed) {
        tote__process_context_update(config, renewed);
    }
}

/* Configs that were not freed because a thread was in a call. The next release frees them. */
static _Atomic(struct core_config *) unfreed;

static void defer_free(struct core_config *configs) {
    struct core_config *last = configs;

    while (last->next) {
        last = last->next;
    }
    last->next = atomic_load_explicit(&unfreed, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&unfreed, &last->next, configs,
                                                  memory_order_release, memory_order_relaxed)) {
    }
}

/* Add the threads' counts of this run. */
static void add_thread_counts(const tote_sdk *sdk, const struct core_config *config,
                              tote_stats *stats) {
    struct counter_sums sums;

    tote__core_sum_counters(sdk->slot, config->origin.run, &sums);
    for (size_t origin = 0; origin < PARENT_ORIGINS; origin++) {
        stats->started += sums.started[origin][TOTE_SAMPLING_DECISION_RECORD_ONLY] +
                          sums.started[origin][TOTE_SAMPLING_DECISION_RECORD_AND_SAMPLE];
    }
    stats->never_ended += sums.never_ended[0] + sums.never_ended[1];
    stats->started_after_shutdown += sums.late;
    stats->ended += sums.lost_to_memory;
    stats->dropped_out_of_memory += sums.lost_to_memory;
    uint64_t done = sums.finished[0] + sums.finished[1] + stats->never_ended;
    stats->open = stats->started > done ? stats->started - done : 0;
    stats->started_before_sdk = config->early;
    uint64_t unrecorded = tote__unrecorded_count();
    uint64_t at_shutdown =
        atomic_load_explicit(&config->unrecorded_at_shutdown, memory_order_relaxed);
    stats->started_after_shutdown += unrecorded > at_shutdown ? unrecorded - at_shutdown : 0;
}

static void report_open(const struct core_config *config, uint64_t open) {
    struct tote__few_names names = {0};
    char text[TOTE__FEW_NAMES_TEXT];

    tote__open_span_names(&config->origin, &names);
    tote__diagnose_each(TOTE_LEVEL_WARN, "sdk",
                        "shut down while %llu %s open%s%s: not exported; end every span before "
                        "tote_sdk_close()",
                        (unsigned long long)open, open == 1 ? "span is" : "spans are",
                        names.count ? ": " : "", tote__few_names_text(&names, open, text));
}

/* Report what the processors do not report. */
static void report_end(const tote_sdk *sdk, const struct core_config *config) {
    tote_stats stats = TOTE_STATS_INIT;

    add_thread_counts(sdk, config, &stats);
    if (stats.open) {
        report_open(config, stats.open);
    }
    if (stats.dropped_out_of_memory) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "sdk",
                            "shut down: %llu spans were not recorded: out of memory",
                            (unsigned long long)stats.dropped_out_of_memory);
    }
    tote__report_suppressed();
}

/* Stop recording new spans. Returns false if that was done before. */
static bool end_starting(tote_sdk *sdk, struct core_config *config) {
    bool is_first = !atomic_exchange(&config->is_shut_down, true);

    uint64_t unrecorded = tote__unrecorded_count();
    if (is_first) {
        tote__process_context_withdraw(config);
        tote__unrecorded_expect_late(&sdk->provider);
    }
    if (tote__tracer_provider_leave_global(&sdk->provider)) {
        atomic_store(&config->unrecorded_at_shutdown, unrecorded);
        tote__unrecorded_expect_late(NULL);
    }
    return is_first;
}

/* Release the core: its last reference is released. */
static void stop(tote_sdk *sdk, uint32_t wait_ms) {
    struct core_config *config = atomic_load(&sdk->config);
    int cancel = tote__cancel_disable();

    end_starting(sdk, config);
    atomic_store(&sdk->config, NULL);
    config->next = atomic_exchange(&unfreed, NULL);
    if (tote__core_wait_for_others(wait_ms)) {
        while (config) {
            struct core_config *next = config->next;
            free_config(config);
            config = next;
        }
    } else {
        defer_free(config);
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "sdk",
            "released while another thread is in a call to an SDK: its memory is "
            "freed when the next SDK is released");
    }
    atomic_store_explicit(&sdk->is_in_use, false, memory_order_release);
    tote__cancel_restore(cancel);
}

static void provider_ref(tote_tracer_provider *provider) {
    atomic_fetch_add_explicit(&((tote_sdk *)provider)->provider_references, 1,
                              memory_order_relaxed);
}

static void provider_unref(tote_tracer_provider *provider) {
    atomic_fetch_sub_explicit(&((tote_sdk *)provider)->provider_references, 1,
                              memory_order_release);
}

static bool provider_is_enabled(tote_tracer_provider *provider, tote_tracer *tracer,
                                const tote_span_options *options) {
    struct thread_state *state = tote__thread_state();

    (void)options;
    if (!state) {
        return false;
    }
    struct core_config *config = tote__core_enter((tote_sdk *)provider, state);
    bool is_enabled = tote__core_serves(config, tracer) && config->processor_count > 0 &&
                      tote__core_enables(config, tracer);
    tote__core_leave(state);
    return is_enabled;
}

bool tote__core_exports(const struct core_config *config, const struct tote__entry *entry) {
    switch (config->store_export) {
    case TOTE_STORE_EXPORT_NONE:
        return false;
    case TOTE_STORE_EXPORT_LOCAL:
        return !(entry->flags & TOTE__REMOTE);
    case TOTE_STORE_EXPORT_ALLOWED:
        return tote__name_list_allows(&config->store_export_keys, entry->key);
    case TOTE_STORE_EXPORT_ALL:
    default:
        return true;
    }
}

/* Without the thread's state (out of memory) the options are not available: export nothing. */
static bool provider_exports(tote_tracer_provider *provider, const struct tote__entry *entry) {
    struct thread_state *state = tote__thread_state();

    if (!state) {
        return false;
    }
    struct core_config *config = tote__core_enter((tote_sdk *)provider, state);
    bool is_exported = !config || tote__core_exports(config, entry);
    tote__core_leave(state);
    return is_exported;
}

static const struct tote__provider_ops provider_ops = {
    .start_span = tote__core_start_span,
    .is_enabled = provider_is_enabled,
    .ref = provider_ref,
    .unref = provider_unref,
    .exports = provider_exports,
};

/* Allocate a core that has no references. Returns NULL if all are in use. */
static tote_sdk *claim_core(void) {
    tote_sdk *claimed = NULL;

    tote__lock_take(&cores_lock);
    for (uint32_t slot = 0; slot < TOTE__SDK_SLOTS && !claimed; slot++) {
        tote_sdk *sdk = &tote__cores[slot];
        if (!atomic_load_explicit(&sdk->is_in_use, memory_order_acquire) &&
            !atomic_load_explicit(&sdk->provider_references, memory_order_acquire)) {
            atomic_store(&sdk->is_in_use, true);
            sdk->slot = slot;
            if (!sdk->provider.ops) {
                sdk->provider.ops =
                    &provider_ops; /* set only once, because tracers read it without a lock */
            }
            claimed = sdk;
        }
    }
    tote__lock_drop(&cores_lock);
    return claimed;
}

/* Copy the keys; without keys the list is empty, which allows none. */
static bool copy_keys(struct core_config *config, const struct tote__sdk_settings *settings) {
    static const char *const none[1];
    const char *const *keys = settings->store_export_keys;

    return tote__name_list_copy(&config->store_export_keys, keys ? keys : none,
                                keys ? settings->store_export_key_count : 0);
}

static struct span_limits copy_limits(const tote_span_limits *limits) {
    return (struct span_limits){
        .value = {limits->attribute_value_length, limits->attribute_value_depth},
        .attributes = limits->attribute_count,
        .events = limits->event_count,
        .links = limits->link_count,
        .attributes_per_event = limits->attribute_count_per_event,
        .attributes_per_link = limits->attribute_count_per_link,
    };
}

/* Release what the settings own, after a failure. */
static void release_settings(const struct tote__sdk_settings *settings) {
    for (size_t i = 0; i < settings->processor_count; i++) {
        tote_span_processor_free(settings->processors[i]);
    }
    tote_sampler_free(settings->sampler);
    tote_id_generator_free(settings->id_generator);
}

/* The config takes ownership of everything first, so free_config() releases it on failure. */
static struct core_config *make_config(const struct tote__sdk_settings *settings, uint32_t slot,
                                       uint32_t run) {
    struct core_config *config = tote__allocate_zeroed(sizeof *config);
    size_t count = settings->processor_count;
    tote_span_processor **processors = tote__allocate_zeroed(count * sizeof(*processors));

    if (!config || !processors) {
        tote__release(config, sizeof *config);
        tote__release(processors, count * sizeof(*processors));
        release_settings(settings);
        return NULL;
    }
    config->origin.slot = slot;
    config->origin.run = run;
    config->is_disabled = settings->is_disabled;
    atomic_init(&config->unrecorded_at_shutdown, UINT64_MAX);
    config->sampler = settings->sampler ? settings->sampler : tote_sampler_parent_based_new(NULL);
    config->id_generator = settings->id_generator;
    config->origin.resource = settings->resource;
    atomic_init(&config->resource_generation, tote__generation());
    config->origin.limits = copy_limits(&settings->limits);
    config->root_store = tote_store_root();
    config->store_export = settings->store_export;
    config->now_unix_nano = settings->now_unix_nano;
    config->clock = settings->clock;
    atomic_init(&config->counts_since, tote__core_clock(config));
    tote__os_event_init(&config->loop.group);
    config->processors = processors;
    config->processor_count = count;
    for (size_t i = 0; i < count; i++) {
        processors[i] = settings->processors[i];
        config->has_on_start |= TOTE__PROCESSOR_WITH(processors[i], on_start) != NULL;
        config->has_on_ending |= TOTE__PROCESSOR_WITH(processors[i], on_ending) != NULL;
    }
    if (!tote__tracer_rules_begin(config, settings->tracer_configurator) ||
        !copy_keys(config, settings)) {
        free_config(config);
        return NULL;
    }
    return config;
}

/* Count and report spans that were started while no SDK was running. */
static void note_early(struct core_config *config) {
    struct tote__few_names names;
    char text[TOTE__FEW_NAMES_TEXT];

    config->early = tote__unrecorded_take(&names);
    if (config->early && !config->is_disabled) {
        tote__diagnose_each(TOTE_LEVEL_WARN, "sdk",
                            "%llu %s started while no SDK was running%s%s: not recorded; call "
                            "tote_sdk_start() before the first span",
                            (unsigned long long)config->early,
                            config->early == 1 ? "span was" : "spans were", names.count ? ": " : "",
                            tote__few_names_text(&names, config->early, text));
    }
}

/* The first exporter of a batch processor that can send the metrics does. */
static void start_metrics(const struct core_config *config, tote_sdk *sdk,
                          const struct tote__metric_source *settings) {
    const struct tote__metric_source source = {sdk, config->origin.run, settings->interval_ms,
                                               settings->timeout_ms};
    bool has_sender = false;

    if (!settings->interval_ms || config->is_disabled) {
        return;
    }
    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->exporter && processor->start) { /* a batch processor */
            const struct tote__metric_sender sender = tote__metric_sender_of(processor->exporter);
            has_sender |= sender.ops != NULL;
            if (sender.ops && sender.ops->start(sender.self, &source)) {
                return;
            }
        }
    }
    if (!has_sender) {
        tote__diagnose_each(
            TOTE_LEVEL_WARN, "metrics",
            "no metrics are sent: they need a batch processor with an OTLP exporter");
    }
}

/* Start the processors, unless the SDK is disabled and records no spans. */
static void start_processors(const struct core_config *config, const tote_thread_factory *factory) {
    for (size_t i = 0; !config->is_disabled && i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->start) {
            processor->start(processor->self, factory);
        }
    }
}

tote_sdk *tote__sdk_new(const struct tote__sdk_settings *settings) {
    TOTE__RELEASE();
    tote_sdk *sdk = claim_core();

    if (!sdk) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "sdk",
                                "not started: %d SDKs are running or their tracer providers are "
                                "in use, which is the limit; close one, or use one SDK for several "
                                "components",
                                TOTE__SDK_SLOTS);
        release_settings(settings);
        return NULL;
    }
    uint32_t run = atomic_load(&sdk->provider.run) + 1;
    struct core_config *config = make_config(settings, sdk->slot, run);
    if (!config) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "sdk", "not started: out of memory");
        atomic_store(&sdk->is_in_use, false);
        return NULL;
    }
    tote__span_attributes_prepare();
    start_metrics(config, sdk, &settings->metrics);
    start_processors(config, &settings->thread_factory);
    atomic_store(&tote__core_needs_fence, !tote__barrier_is_available());
    atomic_store(&sdk->references, 1);
    atomic_store(&sdk->starts, 1);
    atomic_store(&sdk->provider.run, run);
    atomic_store(&sdk->provider.expects_late, false);
    atomic_store(&sdk->provider.ignores_start,
                 config->sampler->ignores_attributes && !config->has_on_start);
    atomic_store_explicit(&sdk->config, config, memory_order_release);
    if (settings->is_global) {
        note_early(config);
        tote_tracer_provider_set_global(&sdk->provider);
    }
    if (settings->has_process_context) {
        tote__process_context_publish(config, settings->resource);
    }
    return sdk;
}

/* Increment the count, unless it is 0. */
static bool count_up(_Atomic(uint32_t) *count) {
    uint32_t seen = atomic_load_explicit(count, memory_order_relaxed);

    while (seen && !atomic_compare_exchange_weak(count, &seen, seen + 1)) {
    }
    return seen != 0;
}

/*
 * The provider's reference keeps the slot from being reused; the SDK in it may be closed meanwhile.
 */
tote_sdk *tote__sdk_ref_global(void) {
    tote_tracer_provider *global = tote_tracer_provider_ref_global();
    tote_sdk *sdk = global && global->ops == &provider_ops ? (tote_sdk *)global : NULL;

    if (sdk && !count_up(&sdk->references)) {
        sdk = NULL;
    }
    if (sdk && !count_up(&sdk->starts)) {
        tote_sdk_unref(sdk);
        sdk = NULL;
    }
    tote_tracer_provider_unref(global);
    return sdk;
}

tote_tracer_provider *tote_sdk_ref_tracer_provider(tote_sdk *sdk) {
    return sdk ? tote_tracer_provider_ref(&sdk->provider) : NULL;
}

tote_sdk *tote_sdk_ref(tote_sdk *sdk) {
    if (sdk) {
        atomic_fetch_add_explicit(&sdk->references, 1, memory_order_relaxed);
    }
    return sdk;
}

static void drop_reference(tote_sdk *sdk, uint32_t wait_ms) {
    if (atomic_fetch_sub_explicit(&sdk->references, 1, memory_order_acq_rel) == 1) {
        stop(sdk, wait_ms);
    }
}

void tote_sdk_unref(tote_sdk *sdk) {
    if (sdk) {
        drop_reference(sdk, LONGEST_WAIT_MS);
    }
}

/* Flush or shut down all processors, with one deadline. */
static tote_result for_all_processors(struct core_config *config, bool is_shutdown,
                                      uint32_t timeout_ms) {
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_result result = TOTE_RESULT_SUCCESS;
    tote_result (*call)(tote_span_processor * processor, uint32_t timeout_ms) =
        is_shutdown ? tote_span_processor_shutdown : tote_span_processor_force_flush;

    for (size_t i = 0; i < config->processor_count; i++) {
        result = tote__worse(result, call(config->processors[i], tote__deadline_left_ms(deadline)));
    }
    return result;
}

tote_result tote_sdk_force_flush(tote_sdk *sdk, uint32_t timeout_ms) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;

    if (!config || config->is_disabled || atomic_load(&config->is_shut_down)) {
        return TOTE_RESULT_SUCCESS;
    }
    return for_all_processors(config, false, timeout_ms);
}

tote_result tote_sdk_shutdown(tote_sdk *sdk, uint32_t timeout_ms) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;

    if (!config || !end_starting(sdk, config)) {
        return TOTE_RESULT_SUCCESS;
    }
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_result result = for_all_processors(config, true, timeout_ms);
    result = tote__worse(result,
                         tote_sampler_shutdown(config->sampler, tote__deadline_left_ms(deadline)));
    report_end(sdk, config);
    return result;
}

tote_result tote_sdk_close(tote_sdk **sdk, uint32_t timeout_ms) {
    if (!sdk || !*sdk) {
        return TOTE_RESULT_SUCCESS;
    }
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_sdk *closed = *sdk;
    *sdk = NULL;
    bool is_last = atomic_fetch_sub(&closed->starts, 1) == 1;
    tote_result result =
        is_last ? tote_sdk_shutdown(closed, timeout_ms) : tote_sdk_force_flush(closed, timeout_ms);
    uint32_t left = tote__deadline_left_ms(deadline);
    left = left < LONGEST_WAIT_MS ? left : LONGEST_WAIT_MS;
    drop_reference(closed, left > SHORTEST_WAIT_MS ? left : SHORTEST_WAIT_MS);
    return result;
}

tote_result tote_sdk_prepare(tote_sdk *sdk, uint32_t timeout_ms) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_result result = TOTE_RESULT_SUCCESS;
    int cancel = tote__cancel_disable();

    for (size_t i = 0; config && !config->is_disabled && i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        tote_span_exporter *exporter = processor->exporter;
        if (exporter && exporter->extras && exporter->extras->prepare) {
            result = tote__worse(result, exporter->extras->prepare(exporter->self,
                                                                   tote__deadline_left_ms(deadline),
                                                                   processor->loop == NULL));
        }
        if (processor->loop && tote_sdk_get_poll_fd(sdk) < 0) {
            result = TOTE_RESULT_FAILURE;
        }
    }
    tote__cancel_restore(cancel);
    return result;
}

tote_result tote_sdk_after_fork_child(tote_sdk *sdk, bool adopts_queue) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;
    tote_result result = TOTE_RESULT_SUCCESS;

    if (!config || config->is_disabled || atomic_load(&config->is_shut_down)) {
        return result;
    }
    if (atomic_load(&config->resource_generation) != tote__generation()) {
        tote__core_renew_resource(config);
    }
    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->after_fork && !processor->after_fork(processor->self, adopts_queue)) {
            result = TOTE_RESULT_FAILURE;
        }
    }
    return result;
}

bool tote_sdk_get_stats(const tote_sdk *sdk, tote_stats *stats) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;
    tote_stats all = TOTE_STATS_INIT;

    if (!config || !stats || stats->struct_size < sizeof stats->struct_size) {
        return false;
    }
    add_thread_counts(sdk, config, &all);
    for (size_t i = 0; i < config->processor_count; i++) {
        const tote_span_processor *processor = tote__innermost(config->processors[i]);
        if (processor->add_stats) {
            processor->add_stats(processor->self, &all);
        }
    }
    all.struct_size = stats->struct_size;
    memcpy(stats, &all, tote__min(stats->struct_size, sizeof all));
    return true;
}
