/* SPDX-License-Identifier: MIT */
/*
 * resource_detect.c - chooses and runs resource detectors
 *
 * Spec: resource/sdk.md#detecting-resource-information-from-the-environment,
 * resource/sdk.md#resource-detector-name
 *
 * Tests: tests/unit/test_resource_detectors.c
 */
#include <string.h>

#include "resource_builder.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/tracer.h"
#include "tote/internal/wildcard.h"

enum { MOST_DETECTORS = 64 };

/* The detectors to run, in this order. */
struct chosen {
    const struct tote_resource_detector *items[MOST_DETECTORS];
    size_t count;
};

tote_resource_detector *
tote_resource_detector_new(const char *name, const tote_resource_detector_ops *ops, void *self) {
    tote_resource_detector *detector = tote__allocate(sizeof *detector);
    tote_resource_detector_ops copy = {.struct_size = sizeof copy};

    TOTE__COPY_OPTIONS(tote_resource_detector_ops, &copy, ops);
    bool is_usable = name && *name && copy.detect;
    char *own_name = detector && is_usable ? tote__copy_text(name, strlen(name)) : NULL;
    if (!own_name) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "resource", "no resource detector is created: %s",
                                is_usable ? "out of memory" : "it needs a name and detect");
        if (copy.destroy) {
            copy.destroy(self);
        }
        tote__release(detector, sizeof *detector);
        return NULL;
    }
    *detector = (struct tote_resource_detector){.name = own_name, .ops = copy, .self = self};
    return detector;
}

void tote_resource_detector_free(tote_resource_detector *detector) {
    if (!detector) {
        return;
    }
    if (detector->ops.destroy) {
        detector->ops.destroy(detector->self);
    }
    tote__release((char *)detector->name, strlen(detector->name) + 1);
    tote__release(detector, sizeof *detector);
}

const char *tote__resource_detector_name(const tote_resource_detector *detector) {
    return detector ? detector->name : NULL;
}

static bool has_name(const struct tote_resource_detector *detector, struct tote__part name) {
    return detector &&
           tote__equals_ignoring_case(name.at, name.length, detector->name, strlen(detector->name));
}

static const struct tote_resource_detector *find(const struct tote__resource_sources *sources,
                                                 struct tote__part name) {
    for (size_t i = 0; i < tote__builtin_detector_count(); i++) {
        if (has_name(&tote__builtin_detectors[i].detector, name)) {
            return &tote__builtin_detectors[i].detector;
        }
    }
    for (size_t i = 0; i < sources->own_detector_count; i++) {
        if (has_name(sources->own_detectors[i], name)) {
            return sources->own_detectors[i];
        }
    }
    return NULL;
}

static bool is_chosen(const struct chosen *chosen, const struct tote_resource_detector *detector) {
    for (size_t i = 0; i < chosen->count; i++) {
        if (chosen->items[i] == detector) {
            return true;
        }
    }
    return false;
}

static void add_chosen(struct chosen *chosen, const struct tote_resource_detector *detector) {
    if (chosen->count < MOST_DETECTORS) {
        chosen->items[chosen->count++] = detector;
        return;
    }
    tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                        "resource detector '%s' does not run: %d detectors run, which is the "
                        "limit; combine detectors",
                        detector->name, MOST_DETECTORS);
}

/* Return whether another detector has the name of this one, and runs instead. */
static bool is_shadowed(const struct tote__resource_sources *sources,
                        const struct tote_resource_detector *own) {
    return find(sources, (struct tote__part){own->name, strlen(own->name)}) != own;
}

static void choose_all(struct chosen *chosen, const struct tote__resource_sources *sources) {
    for (size_t i = 0; i < tote__builtin_detector_count(); i++) {
        if (tote__builtin_detectors[i].is_default) {
            add_chosen(chosen, &tote__builtin_detectors[i].detector);
        }
    }
    for (size_t i = 0; i < sources->own_detector_count; i++) {
        const struct tote_resource_detector *own = sources->own_detectors[i];
        if (own && !is_shadowed(sources, own)) {
            add_chosen(chosen, own);
        }
    }
}

static void choose_named(struct chosen *chosen, const struct tote__resource_sources *sources) {
    static const char *const cure =
        TOTE_HAS_RESOURCE_DETECTORS
            ? "; known are container, host, os, process, service and those of "
              "own_resource_detectors"
            : ": " TOTE__LEFT_OUT("built-in detectors", "TOTE_WITH_RESOURCE_DETECTORS");
    struct tote__part list = {sources->detectors, strlen(sources->detectors)};
    struct tote__part name;

    while (tote__next_part(&list, ',', &name)) {
        tote__trim(&name.at, &name.length);
        const struct tote_resource_detector *detector = find(sources, name);
        if (detector && is_chosen(chosen, detector)) {
            tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                                "resource detector '%.*s' is named twice in resource_detectors and "
                                "runs once; remove one",
                                (int)name.length, name.at);
        } else if (detector) {
            add_chosen(chosen, detector);
        } else if (name.length && !tote__equals_ignoring_case(name.at, name.length, "none", 4)) {
            tote__diagnose_each(TOTE_LEVEL_WARN, "resource",
                                "unknown resource detector '%.*s' is ignored%s", (int)name.length,
                                name.at, cure);
        }
    }
}

/* Also detectors that are not chosen are checked. */
static void report_duplicates(const struct tote__resource_sources *sources) {
    for (size_t i = 0; i < sources->own_detector_count; i++) {
        const struct tote_resource_detector *own = sources->own_detectors[i];
        if (own && is_shadowed(sources, own)) {
            tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                                "another resource detector has the name '%s', too: the one that "
                                "was added last does not run; rename it",
                                own->name);
        }
    }
}

static bool matches_one(const char *const *patterns, size_t count, const char *key) {
    for (size_t i = 0; i < count; i++) {
        if (tote__wildcard_matches(patterns[i], key)) {
            return true;
        }
    }
    return false;
}

static bool passes(const struct tote__resource_sources *sources, const char *key) {
    return (!sources->included_count ||
            matches_one(sources->included, sources->included_count, key)) &&
           !matches_one(sources->excluded, sources->excluded_count, key);
}

/* Return those of the attributes that pass, in the builder's arena. */
static const tote_attribute *filter_attributes(struct tote__resource_builder *builder,
                                               const struct tote__resource_sources *sources,
                                               const tote_attribute *attributes, size_t *count) {
    size_t given = *count;
    tote_attribute *passed =
        tote__arena_allocate(&builder->attributes.memory, given * sizeof *passed);

    *count = 0;
    builder->is_out_of_memory |= !passed;
    for (size_t i = 0; passed && i < given; i++) {
        if (passes(sources, attributes[i].key)) {
            passed[(*count)++] = attributes[i];
        }
    }
    return passed;
}

/* An entity without one of its identifying attributes is none. Returns NULL if out of memory. */
static tote_resource *filter(const struct tote__resource_sources *sources,
                             const tote_resource *resource) {
    struct tote__resource_builder builder = {.schema_url = resource->schema_url};

    for (size_t i = 0; i < resource->attribute_count; i++) {
        const tote_attribute *attribute = &resource->attributes[i];
        if (passes(sources, attribute->key)) {
            tote__resource_set(&builder, attribute->key, attribute->value);
        }
    }
    for (size_t i = 0; i < resource->entity_count; i++) {
        tote_entity entity = resource->entities[i];
        entity.id = filter_attributes(&builder, sources, entity.id, &entity.id_count);
        entity.description =
            filter_attributes(&builder, sources, entity.description, &entity.description_count);
        if (entity.id_count == resource->entities[i].id_count) {
            tote__resource_add_entity(&builder, &entity);
        }
    }
    return tote__resource_finish(&builder);
}

/* Only a configuration file has patterns. */
static bool has_patterns(const struct tote__resource_sources *sources) {
    return TOTE_HAS_YAML && (sources->included_count || sources->excluded_count);
}

static bool is_builtin(const struct tote_resource_detector *detector) {
    for (size_t i = 0; i < tote__builtin_detector_count(); i++) {
        if (detector == &tote__builtin_detectors[i].detector) {
            return true;
        }
    }
    return false;
}

static void run(struct tote__resource_builder *builder,
                const struct tote__resource_sources *sources,
                const struct tote_resource_detector *detector) {
    tote_resource *found = NULL;
    void *self = is_builtin(detector) ? (void *)sources : detector->self;
    tote_result result = detector->ops.detect(self, &found);

    if (result != TOTE_RESULT_SUCCESS) {
        tote__diagnose_each(TOTE_LEVEL_ERROR, "resource",
                            "resource detector '%s' failed: its attributes are missing in the "
                            "resource of all spans",
                            detector->name);
    } else if (found && has_patterns(sources)) {
        tote_resource *passed = filter(sources, found);
        builder->is_out_of_memory |= !passed;
        tote__resource_add(builder, passed, sources->with_entities);
        tote_resource_unref(passed);
    } else {
        tote__resource_add(builder, found, sources->with_entities);
    }
    tote_resource_unref(found);
}

void tote__resource_detect(struct tote__resource_builder *builder,
                           const struct tote__resource_sources *sources) {
    struct chosen chosen = {.count = 0};

    report_duplicates(sources);
    if (sources->detectors) {
        choose_named(&chosen, sources);
    } else {
        choose_all(&chosen, sources);
    }
    for (size_t i = 0; i < chosen.count; i++) {
        run(builder, sources, chosen.items[i]);
    }
}
