/* SPDX-License-Identifier: MIT */
/*
 * create_sampler.c - samplers of a configuration file
 *
 * Tests: tests/unit/test_configuration_create_sampler.c
 */
#include <string.h>

#include "create.h"
#include "tote/sdk/sampler.h"

static void *make_always_on(struct tote__creation *creation, const tote_configuration_node *node) {
    (void)creation, (void)node;
    return tote_sampler_always_on_new();
}

static void *make_always_off(struct tote__creation *creation, const tote_configuration_node *node) {
    (void)creation, (void)node;
    return tote_sampler_always_off_new();
}

static void *make_ratio(struct tote__creation *creation, const tote_configuration_node *node) {
    return tote_sampler_trace_id_ratio_new(tote__read_ratio(creation, node));
}

static void *make_probability(struct tote__creation *creation,
                              const tote_configuration_node *node) {
    return tote_sampler_probability_new(tote__read_ratio(creation, node));
}

static void *make_always_record(struct tote__creation *creation,
                                const tote_configuration_node *node) {
    tote_sampler *root = tote__create_sampler(creation, tote_configuration_node_get(node, "root"));

    return root ? tote_sampler_always_record_new(root) : NULL;
}

static void *make_parent_based(struct tote__creation *creation,
                               const tote_configuration_node *node) {
    tote_parent_based_options options = TOTE_PARENT_BASED_OPTIONS_INIT;
    const struct {
        const char *key;
        tote_sampler **sampler;
    } parts[] = {
        {"root", &options.root},
        {"remote_parent_sampled", &options.remote_parent_sampled},
        {"remote_parent_not_sampled", &options.remote_parent_not_sampled},
        {"local_parent_sampled", &options.local_parent_sampled},
        {"local_parent_not_sampled", &options.local_parent_not_sampled},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(parts); i++) {
        const tote_configuration_node *part = tote_configuration_node_get(node, parts[i].key);
        *parts[i].sampler = part ? tote__create_sampler(creation, part) : NULL;
    }
    return tote_sampler_parent_based_new(&options);
}

static void *refuse_jaeger_remote(struct tote__creation *creation,
                                  const tote_configuration_node *node) {
    tote__create_error(
        creation, node,
        "the sampler jaeger_remote/development is not supported; use parent_based "
        "with the root probability/development, or register a sampler of the program "
        "under another name");
    return NULL;
}

static tote_composable_sampler *make_composable(struct tote__creation *creation,
                                                const tote_configuration_node *mapping);

static tote_composable_sampler *make_parent_threshold(struct tote__creation *creation,
                                                      const tote_configuration_node *node) {
    tote_composable_sampler *root =
        make_composable(creation, tote_configuration_node_get(node, "root"));

    return root ? tote_composable_sampler_parent_threshold_new(root) : NULL;
}

struct bit {
    const char *name;
    uint32_t bit;
};

/* Return the sum of the bits that a sequence names; 0 if there is none. */
static uint32_t read_bits(struct tote__creation *creation, const tote_configuration_node *rule,
                          const char *key, const struct bit *bits, size_t count) {
    struct tote__texts names = tote__read_texts(creation, rule, key);
    uint32_t sum = 0;

    for (size_t i = 0; i < names.count; i++) {
        for (size_t bit = 0; bit < count; bit++) {
            sum |= strcmp(names.items[i], bits[bit].name) == 0 ? bits[bit].bit : 0;
        }
    }
    return sum;
}

static void read_rule(struct tote__creation *creation, const tote_configuration_node *node,
                      tote_sampling_rule *rule) {
    static const struct bit kinds[] = {
        {"internal", 1U << TOTE_SPAN_KIND_INTERNAL}, {"server", 1U << TOTE_SPAN_KIND_SERVER},
        {"client", 1U << TOTE_SPAN_KIND_CLIENT},     {"producer", 1U << TOTE_SPAN_KIND_PRODUCER},
        {"consumer", 1U << TOTE_SPAN_KIND_CONSUMER},
    };
    static const struct bit parents[] = {
        {"none", TOTE_SAMPLING_PARENT_NONE},
        {"remote", TOTE_SAMPLING_PARENT_REMOTE},
        {"local", TOTE_SAMPLING_PARENT_LOCAL},
    };
    const tote_configuration_node *values = tote_configuration_node_get(node, "attribute_values");
    const tote_configuration_node *patterns =
        tote_configuration_node_get(node, "attribute_patterns");

    if (values) {
        struct tote__texts texts = tote__read_texts(creation, values, "values");
        rule->values_key = tote__read_text(creation, values, "key", TOTE__SETTING_TEXT, "");
        rule->values = texts.items;
        rule->value_count = texts.count;
    }
    if (patterns) {
        struct tote__texts included = tote__read_texts(creation, patterns, "included");
        struct tote__texts excluded = tote__read_texts(creation, patterns, "excluded");
        rule->patterns_key = tote__read_text(creation, patterns, "key", TOTE__SETTING_TEXT, "");
        rule->included = included.items;
        rule->included_count = included.count;
        rule->excluded = excluded.items;
        rule->excluded_count = excluded.count;
    }
    rule->span_kinds = read_bits(creation, node, "span_kinds", kinds, TOTE_COUNT_OF(kinds));
    rule->parents = read_bits(creation, node, "parent", parents, TOTE_COUNT_OF(parents));
    rule->sampler = make_composable(creation, tote_configuration_node_get(node, "sampler"));
}

static tote_composable_sampler *make_rule_based(struct tote__creation *creation,
                                                const tote_configuration_node *node) {
    const tote_configuration_node *list = tote_configuration_node_get(node, "rules");
    size_t count = tote_configuration_node_get_count(list);
    unsigned errors = creation->errors;
    tote_sampling_rule *rules = tote__create_memory(creation, count * sizeof *rules);
    const tote_sampling_rule **pointers = tote__create_memory(creation, count * sizeof *pointers);

    if (!rules || !pointers) {
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        rules[i] = (tote_sampling_rule)TOTE_SAMPLING_RULE_INIT;
        read_rule(creation, tote_configuration_node_get_at(list, i), &rules[i]);
        pointers[i] = &rules[i];
    }
    if (creation->errors > errors) { /* reported already */
        for (size_t i = 0; i < count; i++) {
            tote_composable_sampler_free(rules[i].sampler);
        }
        return NULL;
    }
    return tote_composable_sampler_rule_based_new(pointers, count);
}

/* The schema allows no components of the program here. */
static tote_composable_sampler *make_composable(struct tote__creation *creation,
                                                const tote_configuration_node *mapping) {
    static const char *const known[] = {"always_on",        "always_off", "probability",
                                        "parent_threshold", "rule_based", NULL};
    const tote_configuration_node *node = tote_configuration_node_get_at(mapping, 0);
    const char *name = tote_configuration_node_get_key(node);

    if (name && !tote_configuration_node_get_count(node)) {
        tote__note(creation, mapping, name);
    }
    if (!name) {
        tote__create_error(creation, mapping, "this must be a mapping with one key");
    } else if (strcmp(name, "always_on") == 0) {
        return tote_composable_sampler_always_on_new();
    } else if (strcmp(name, "always_off") == 0) {
        return tote_composable_sampler_always_off_new();
    } else if (strcmp(name, "probability") == 0) {
        return tote_composable_sampler_probability_new(tote__read_ratio(creation, node));
    } else if (strcmp(name, "parent_threshold") == 0) {
        return make_parent_threshold(creation, node);
    } else if (strcmp(name, "rule_based") == 0) {
        return make_rule_based(creation, node);
    } else {
        tote__create_unknown_name(creation, node, "composable sampler", name,
                                  tote__nearest_name(name, known, sizeof *known),
                                  "always_on, always_off, probability, "
                                  "parent_threshold, rule_based");
    }
    return NULL;
}

static void *make_composite(struct tote__creation *creation, const tote_configuration_node *node) {
    tote_composable_sampler *root = make_composable(creation, node);

    return root ? tote_sampler_composite_new(root) : NULL;
}

tote_sampler *tote__create_sampler(struct tote__creation *creation,
                                   const tote_configuration_node *node) {
    static const struct tote__builder builders[] = {
        {"always_on", make_always_on},
        {"always_off", make_always_off},
        {"always_record", make_always_record},
        {"parent_based", make_parent_based},
        {"trace_id_ratio_based", make_ratio},
        {"probability/development", make_probability},
        {"composite/development", make_composite},
        {"jaeger_remote/development", refuse_jaeger_remote},
        {NULL, NULL},
    };

    return tote__create_component(creation, TOTE__COMPONENT_SAMPLER, builders, node);
}
