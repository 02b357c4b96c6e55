/* SPDX-License-Identifier: MIT */
/*
 * tracer_rules.c - the tracer configurator of an SDK
 *
 * Each tracer keeps the result of the rules that were last applied to it, with their version. The
 * rules are applied again when the version differs. Spec: trace/sdk.md#tracerconfigurator
 */
#include <string.h>

#include "core.h"
#include "tote/internal/cancel.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/wildcard.h"

enum { MOST_VERSIONS = INT32_MAX, WAIT_MS = 50 };

struct tracer_rule {
    const char *name; /* NULL matches none */
    bool is_disabled;
};

/*
 * A copy of a tracer configurator. A thread that is in the core may use the rules that it found
 * there, so replaced rules are freed later.
 */
struct tracer_rules {
    struct tracer_rules *next; /* of those replaced and not freed yet */
    uint32_t version;          /* 1 to MOST_VERSIONS, different for all rules in the process */
    bool disables_others;
    struct tracer_rule *rules;
    size_t count;
    const tote_tracer_config *(*configure)(void *self, const tote_instrumentation_scope *scope);
    void *self;
    struct tote__arena memory;
};

/* Of a disabled SDK: never read. */
static struct tracer_rules all_disabled;

static bool is_disabled_by(const tote_tracer_config *given) {
    tote_tracer_config config = TOTE_TRACER_CONFIG_INIT;

    TOTE__COPY_OPTIONS(tote_tracer_config, &config, given);
    return config.is_disabled;
}

static bool is_disabled(const struct tracer_rules *rules, const tote_instrumentation_scope *scope) {
    for (size_t i = 0; i < rules->count; i++) {
        const struct tracer_rule *rule = &rules->rules[i];
        if (rule->name && tote__wildcard_matches(rule->name, scope->name)) {
            return rule->is_disabled;
        }
    }
    const tote_tracer_config *config =
        rules->configure ? rules->configure(rules->self, scope) : NULL;
    return config ? is_disabled_by(config) : rules->disables_others;
}

bool tote__core_apply_rules(const struct core_config *config, tote_tracer *tracer) {
    const struct tracer_rules *rules =
        atomic_load_explicit(&config->tracer_rules, memory_order_acquire);

    if (config->is_disabled || !rules) {
        return !config->is_disabled;
    }
    uint32_t result = atomic_load_explicit(&tracer->rules_result, memory_order_relaxed);
    if (result >> 1 != rules->version) {
        result = rules->version << 1 | is_disabled(rules, &tracer->scope);
        atomic_store_explicit(&tracer->rules_result, result, memory_order_relaxed);
    }
    return !(result & 1);
}

static void free_rules(struct tracer_rules *rules) {
    while (rules) {
        struct tracer_rules *next = rules->next;
        tote__arena_clear(&rules->memory);
        tote__release(rules, sizeof *rules);
        rules = next;
    }
}

static bool copy_rules(struct tracer_rules *rules, const tote_tracer_configurator *given) {
    rules->count = given->rules ? given->rule_count : 0;
    rules->rules = tote__arena_allocate(&rules->memory, (rules->count + 1) * sizeof *rules->rules);
    for (size_t i = 0; rules->rules && given->rules && i < rules->count; i++) {
        const char *name = given->rules[i].name;
        rules->rules[i].is_disabled = is_disabled_by(given->rules[i].config);
        rules->rules[i].name = name ? tote__arena_text(&rules->memory, name, strlen(name)) : NULL;
        if (name && !rules->rules[i].name) {
            return false;
        }
    }
    return rules->rules != NULL;
}

/* Return a copy of the configurator; NULL if out of memory. */
static struct tracer_rules *make_rules(const tote_tracer_configurator *given) {
    static _Atomic(uint32_t) versions;
    tote_tracer_configurator configurator = TOTE_TRACER_CONFIGURATOR_INIT;
    struct tracer_rules *rules = tote__allocate_zeroed(sizeof *rules);

    TOTE__COPY_OPTIONS(tote_tracer_configurator, &configurator, given);
    if (!rules || !copy_rules(rules, &configurator)) {
        free_rules(rules);
        return NULL;
    }
    rules->version = atomic_fetch_add(&versions, 1) % MOST_VERSIONS + 1;
    rules->disables_others = is_disabled_by(configurator.default_config);
    rules->configure = configurator.configure;
    rules->self = configurator.self;
    return rules;
}

bool tote__tracer_rules_begin(struct core_config *config,
                              const tote_tracer_configurator *configurator) {
    struct tracer_rules *rules = configurator ? make_rules(configurator) : NULL;
    bool is_complete = !configurator || rules;

    if (config->is_disabled) {
        free_rules(rules);
        rules = &all_disabled;
    }
    atomic_init(&config->tracer_rules, rules);
    return is_complete;
}

void tote__tracer_rules_end(struct core_config *config) {
    if (!config->is_disabled) {
        free_rules(atomic_load(&config->tracer_rules));
    }
    free_rules(config->replaced_rules);
}

/*
 * The lock serializes threads that replace and free rules. A fork of another thread may come
 * between any two steps: rules are then in no list of the child, never in two.
 */
static void replace_rules(struct core_config *config, struct tracer_rules *rules) {
    tote__lock_take(&config->rules_lock);
    struct tracer_rules *before = atomic_exchange(&config->tracer_rules, rules);
    struct tracer_rules *replaced = config->replaced_rules;
    if (before) {
        before->next = replaced;
        atomic_signal_fence(memory_order_seq_cst);
        config->replaced_rules = replaced = before;
    }
    if (replaced && tote__core_wait_for_others(WAIT_MS)) {
        config->replaced_rules = NULL;
        atomic_signal_fence(memory_order_seq_cst);
        free_rules(replaced);
    }
    tote__lock_drop(&config->rules_lock);
}

tote_result tote_sdk_set_tracer_configurator(tote_sdk *sdk,
                                             const tote_tracer_configurator *configurator) {
    struct core_config *config = sdk ? atomic_load(&sdk->config) : NULL;

    if (!config || config->is_disabled) {
        return TOTE_RESULT_SUCCESS;
    }
    int cancel = tote__cancel_disable(); /* the lock must not be kept */
    struct tracer_rules *rules = configurator ? make_rules(configurator) : NULL;
    bool is_complete = !configurator || rules;
    if (is_complete) {
        replace_rules(config, rules);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "sdk",
                                "out of memory: the tracer configurator was not replaced");
    }
    tote__cancel_restore(cancel);
    return is_complete ? TOTE_RESULT_SUCCESS : TOTE_RESULT_FAILURE;
}
