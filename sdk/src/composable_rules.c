/* SPDX-License-Identifier: MIT */
/*
 * composable_rules.c - a composable sampler that chooses another one by rules
 *
 * Rules are copied into one arena when the sampler is created. Spec:
 * trace/sdk.md#composablerulebased
 *
 * Tests: tests/unit/test_sampler_composite.c
 */
#include <string.h>

#include "composable_sampler.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/sampling.h"
#include "tote/internal/tracer.h"
#include "tote/internal/wildcard.h"
#include "wait.h"

enum { SHORT_TEXT = 256 };

struct rule_based {
    tote_sampling_rule *rules;
    size_t count;
    struct tote__arena memory; /* holds the rules and their texts */
};

static bool matches_any(const char *const *patterns, size_t count, const char *text) {
    size_t i = 0;

    while (i < count && !tote__wildcard_matches(patterns[i], text)) {
        i++;
    }
    return i < count;
}

static bool equals_any(const char *const *values, size_t count, const char *text) {
    size_t i = 0;

    while (i < count && strcmp(values[i], text) != 0) {
        i++;
    }
    return i < count;
}

static bool has_value(const tote_sampling_rule *rule, const char *text) {
    return equals_any(rule->values, rule->value_count, text);
}

static bool has_pattern(const tote_sampling_rule *rule, const char *text) {
    return (!rule->included_count || matches_any(rule->included, rule->included_count, text)) &&
           !matches_any(rule->excluded, rule->excluded_count, text);
}

typedef bool (*text_condition)(const tote_sampling_rule *rule, const char *text);

/* Return whether the text of a value meets the condition; false if out of memory. */
static bool check_text(const tote_sampling_rule *rule, text_condition condition, tote_value value) {
    char text[SHORT_TEXT];
    size_t size = tote_value_to_text(value, text, sizeof text) + 1;

    if (size <= sizeof text) {
        return condition(rule, text);
    }
    char *longer = tote__allocate(size);
    if (longer) {
        tote_value_to_text(value, longer, size);
    }
    bool is_met = longer && condition(rule, longer);
    tote__release(longer, size);
    return is_met;
}

/* Return whether the attribute meets the condition: its value, or any element of an array. */
static bool check_attribute(const tote_sampling_rule *rule, text_condition condition,
                            const char *key, const tote_sampling_parameters *parameters) {
    const tote_value *value = NULL;
    bool is_met = false;

    for (size_t i = 0; parameters->attributes && i < parameters->attribute_count; i++) {
        const tote_attribute *attribute = &parameters->attributes[i];
        if (attribute->key && strcmp(attribute->key, key) == 0) {
            value = &attribute->value; /* the last one of a key counts */
        }
    }
    if (!value || value->type != TOTE_VALUE_TYPE_ARRAY) {
        return value && check_text(rule, condition, *value);
    }
    for (size_t i = 0; value->as.items && i < value->size && !is_met; i++) {
        is_met = check_text(rule, condition, value->as.items[i]);
    }
    return is_met;
}

static uint32_t parent_of(const tote_sampling_parameters *parameters) {
    const tote_span_context *parent = tote__sampling_parent(parameters);

    if (!tote__span_context_is_valid(parent)) {
        return TOTE_SAMPLING_PARENT_NONE;
    }
    return parent->is_remote ? TOTE_SAMPLING_PARENT_REMOTE : TOTE_SAMPLING_PARENT_LOCAL;
}

/* The cheap conditions are checked first. */
static bool matches(const tote_sampling_rule *rule, const tote_sampling_parameters *parameters) {
    bool has_kind =
        !rule->span_kinds || (parameters->kind < 32 && rule->span_kinds >> parameters->kind & 1);

    return has_kind && (!rule->parents || rule->parents & parent_of(parameters)) &&
           (!rule->values_key || check_attribute(rule, has_value, rule->values_key, parameters)) &&
           (!rule->patterns_key ||
            check_attribute(rule, has_pattern, rule->patterns_key, parameters)) &&
           (!rule->matches || rule->matches(rule->user_data, parameters));
}

static void propose_by_rules(void *self, const tote_sampling_parameters *parameters,
                             tote_sampling_intent *intent) {
    const struct rule_based *rule_based = self;

    for (size_t i = 0; i < rule_based->count; i++) {
        const tote_sampling_rule *rule = &rule_based->rules[i];
        if (matches(rule, parameters)) {
            tote_composable_sampler_get_sampling_intent(rule->sampler, parameters, intent);
            return;
        }
    }
}

static size_t describe_rules(void *self, char *buffer, size_t size) {
    const struct rule_based *rule_based = self;
    struct tote__description description = {buffer, size, 0};

    tote__describe(&description, "ComposableRuleBased{");
    for (size_t i = 0; i < rule_based->count; i++) {
        tote__describe(&description, i ? "," : "");
        tote__describe_composable(&description, rule_based->rules[i].sampler);
    }
    tote__describe(&description, "}");
    return description.length;
}

static void destroy_rules(void *self) {
    struct rule_based *rule_based = self;

    for (size_t i = 0; rule_based->rules && i < rule_based->count; i++) {
        tote_composable_sampler_free(rule_based->rules[i].sampler);
    }
    tote__arena_clear(&rule_based->memory);
    tote__release(rule_based, sizeof *rule_based);
}

static tote_result shutdown_rules(void *self, uint32_t timeout_ms) {
    const struct rule_based *rule_based = self;
    uint64_t deadline = tote__deadline_in(timeout_ms);
    tote_result result = TOTE_RESULT_SUCCESS;

    for (size_t i = 0; i < rule_based->count; i++) {
        result =
            tote__worse(result, tote_composable_sampler_shutdown(rule_based->rules[i].sampler,
                                                                 tote__deadline_left_ms(deadline)));
    }
    return result;
}

/* Replace a text by a copy; NULL stays NULL. Returns false if out of memory. */
static bool copy_text(struct tote__arena *memory, const char **text) {
    *text = *text ? tote__arena_text(memory, *text, strlen(*text)) : NULL;
    return *text != NULL;
}

/* Replace a list of texts by a copy. A NULL text counts as empty. */
static bool copy_texts(struct tote__arena *memory, const char *const **texts, size_t *count) {
    *count = *texts ? *count : 0;
    const char **copies = tote__arena_allocate(memory, (*count + 1) * sizeof *copies);
    bool is_complete = copies != NULL;

    for (size_t i = 0; is_complete && i < *count; i++) {
        copies[i] = (*texts)[i] ? (*texts)[i] : "";
        is_complete = copy_text(memory, &copies[i]);
    }
    *texts = copies;
    return is_complete;
}

/* Replace what the rule borrows by copies. Returns false if out of memory. */
static bool copy_conditions(struct tote__arena *memory, tote_sampling_rule *rule) {
    return (!rule->values_key || copy_text(memory, &rule->values_key)) &&
           (!rule->patterns_key || copy_text(memory, &rule->patterns_key)) &&
           copy_texts(memory, &rule->values, &rule->value_count) &&
           copy_texts(memory, &rule->included, &rule->included_count) &&
           copy_texts(memory, &rule->excluded, &rule->excluded_count);
}

/* Take over the rules. Returns what is wrong, or NULL. */
static const char *take_rules(struct rule_based *self, const tote_sampling_rule *const *rules,
                              size_t count) {
    const char *problem = NULL;

    for (size_t i = 0; i < count; i++) {
        tote_sampling_rule *rule = &self->rules[i];
        *rule = (tote_sampling_rule)TOTE_SAMPLING_RULE_INIT;
        TOTE__COPY_OPTIONS(tote_sampling_rule, rule, rules[i]);
        self->count++;
        if (!rule->sampler) {
            problem = "a rule has no sampler";
        } else if (!copy_conditions(&self->memory, rule)) {
            problem = "out of memory";
        }
    }
    return problem;
}

tote_composable_sampler *
tote_composable_sampler_rule_based_new(const tote_sampling_rule *const *rules, size_t rule_count) {
    static const tote_composable_sampler_ops ops = {sizeof ops, propose_by_rules, describe_rules,
                                                    destroy_rules, shutdown_rules};
    struct rule_based *self = tote__allocate_zeroed(sizeof *self);
    size_t count = rules ? rule_count : 0;
    const char *problem = "out of memory";

    if (self) {
        self->rules = tote__arena_allocate(&self->memory, (count + 1) * sizeof *self->rules);
    }
    if (self && self->rules) {
        problem = take_rules(self, rules, count);
    } else {
        for (size_t i = 0; i < count; i++) {
            tote_composable_sampler_free(rules[i] ? rules[i]->sampler : NULL);
        }
    }
    if (!problem) {
        return tote_composable_sampler_new(&ops, self);
    }
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "sampler",
                            "no rule based sampler is created: %s; it proposes no span", problem);
    if (self) {
        destroy_rules(self);
    }
    return tote_composable_sampler_always_off_new();
}
