/* SPDX-License-Identifier: MIT */
/*
 * components.c - the components of the program that a configuration file can name
 *
 * Spec: configuration/sdk.md#register-plugincomponentprovider
 *
 * Tests: tests/unit/test_configuration_components.c
 */
#include "components.h"

#include <stdio.h>
#include <string.h>

#include "file/file.h"
#include "tote/diagnostics.h"
#include "tote/internal/lock.h"
#include "tote/internal/memory.h"
#include "tote/internal/text.h"

/* A function of any kind; it is called by the type of its kind. */
union constructor {
    tote_configuration_exporter_constructor exporter;
    tote_configuration_sampler_constructor sampler;
    tote_configuration_processor_constructor processor;
    tote_configuration_propagator_constructor propagator;
    tote_configuration_resource_detector_constructor resource_detector;
    tote_configuration_id_generator_constructor id_generator;
};

struct component {
    struct component *next;
    const char *name;
    union constructor create;
    void *self;
};

/* Writers hold the lock; an entry is complete before it is in its list, and stays there. */
static struct tote__lock lock;
static _Atomic(struct component *) registered[TOTE__COMPONENT_KINDS];

static const struct {
    const char *name;
    const char *function;
    const char *built_in; /* separated by blanks */
} kinds[] = {
    [TOTE__COMPONENT_EXPORTER] = {"exporter", "tote_configuration_register_exporter",
                                  "otlp_http otlp_grpc otlp_file/development console"},
    [TOTE__COMPONENT_SAMPLER] = {"sampler", "tote_configuration_register_sampler",
                                 "always_on always_off always_record parent_based "
                                 "trace_id_ratio_based probability/development "
                                 "composite/development jaeger_remote/development"},
    [TOTE__COMPONENT_PROCESSOR] = {"processor", "tote_configuration_register_processor",
                                   "batch simple"},
    [TOTE__COMPONENT_PROPAGATOR] = {"propagator", "tote_configuration_register_propagator",
                                    "tracecontext baggage b3 b3multi jaeger ottrace opencensus"},
    [TOTE__COMPONENT_RESOURCE_DETECTOR] = {"resource detector",
                                           "tote_configuration_register_resource_detector",
                                           "container host os process service"},
    [TOTE__COMPONENT_ID_GENERATOR] = {"id generator", "tote_configuration_register_id_generator",
                                      "random"},
};

const char *tote__component_kind_name(enum tote__component_kind kind) {
    return kinds[kind].name;
}

static const struct component *find(enum tote__component_kind kind, const char *name) {
    const struct component *component = atomic_load(&registered[kind]);

    while (component && strcmp(component->name, name) != 0) {
        component = component->next;
    }
    return component;
}

static bool is_built_in(enum tote__component_kind kind, const char *name) {
    struct tote__part list = {kinds[kind].built_in, strlen(kinds[kind].built_in)};
    struct tote__part one;
    bool is_one = false;

    while (!is_one && tote__next_part(&list, ' ', &one)) {
        is_one = tote__part_is(one, name);
    }
    return is_one;
}

bool tote__component_is_registered(enum tote__component_kind kind, const char *name) {
    return find(kind, name);
}

/* Add a component; the lock is held. Returns NULL, or why that failed. */
static const char *add(enum tote__component_kind kind, const char *name, union constructor create,
                       void *self) {
    if (is_built_in(kind, name)) {
        return "this name is built in";
    }
    if (find(kind, name)) {
        return "this name is registered already";
    }
    size_t size = strlen(name) + 1;
    struct component *component = tote__allocate(sizeof *component + size);
    if (!component) {
        return "out of memory";
    }
    char *copy = (char *)(component + 1);
    memcpy(copy, name, size);
    *component = (struct component){atomic_load(&registered[kind]), copy, create, self};
    atomic_store(&registered[kind], component);
    return NULL;
}

static tote_result add_component(enum tote__component_kind kind, const char *name, bool has_create,
                                 union constructor create, void *self) {
    const char *obstacle = !name || !*name ? "the name is missing"
                           : !has_create   ? "the function is missing"
                                           : NULL;

    if (!obstacle) {
        tote__lock_take(&lock);
        obstacle = add(kind, name, create, self);
        tote__lock_drop(&lock);
    }
    if (obstacle) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "configuration",
                                "%s('%s') has no effect: %s; use another name",
                                kinds[kind].function, name ? name : "", obstacle);
    }
    return obstacle ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS;
}

/* The public functions differ by the type of the constructor alone. */
#define REGISTER(member, KIND)                                                                     \
    tote_result tote_configuration_register_##member(                                              \
        const char *name, tote_configuration_##member##_constructor create, void *self) {          \
        return add_component(TOTE__COMPONENT_##KIND, name, create,                                 \
                             (union constructor){.member = create}, self);                         \
    }

REGISTER(exporter, EXPORTER)
REGISTER(sampler, SAMPLER)
REGISTER(processor, PROCESSOR)
REGISTER(propagator, PROPAGATOR)
REGISTER(resource_detector, RESOURCE_DETECTOR)
REGISTER(id_generator, ID_GENERATOR)

void *tote__component_create(enum tote__component_kind kind, const char *name,
                             const tote_configuration_node *properties) {
    const struct component *component = find(kind, name);

    if (!component) {
        return NULL;
    }
    switch (kind) {
    case TOTE__COMPONENT_EXPORTER:
        return component->create.exporter(component->self, properties);
    case TOTE__COMPONENT_SAMPLER:
        return component->create.sampler(component->self, properties);
    case TOTE__COMPONENT_PROCESSOR:
        return component->create.processor(component->self, properties);
    case TOTE__COMPONENT_PROPAGATOR:
        return component->create.propagator(component->self, properties);
    case TOTE__COMPONENT_RESOURCE_DETECTOR:
        return component->create.resource_detector(component->self, properties);
    default:
        return component->create.id_generator(component->self, properties);
    }
}

const char *tote__component_nearest(enum tote__component_kind kind, const char *name,
                                    char buffer[TOTE__NAMES_BYTES]) {
    enum { MOST_NAMES = 63 };
    const char *names[MOST_NAMES + 1];
    const struct component *component = atomic_load(&registered[kind]);
    struct tote__part list = {buffer, strlen(kinds[kind].built_in)};
    struct tote__part one;
    size_t count = 0;

    snprintf(buffer, TOTE__NAMES_BYTES, "%s", kinds[kind].built_in);
    while (tote__next_part(&list, ' ', &one) && count < MOST_NAMES) {
        buffer[(size_t)(one.at - buffer) + one.length] = '\0';
        names[count++] = one.at;
    }
    for (; component && count < MOST_NAMES; component = component->next) {
        names[count++] = component->name;
    }
    names[count] = NULL;
    return tote__nearest_name(name, names, sizeof *names);
}

void tote__component_list(enum tote__component_kind kind, char *text, size_t size) {
    const struct component *component = atomic_load(&registered[kind]);
    struct tote__part list = {kinds[kind].built_in, strlen(kinds[kind].built_in)};
    struct tote__part one;
    size_t used = 0;

    while (tote__next_part(&list, ' ', &one) && used < size) {
        used += (size_t)snprintf(text + used, size - used, "%s%.*s", used ? ", " : "",
                                 (int)one.length, one.at);
    }
    for (const char *before = "; registered: "; used < size && component;
         component = component->next, before = ", ") {
        used += (size_t)snprintf(text + used, size - used, "%s%s", before, component->name);
    }
    if (used < size && !atomic_load(&registered[kind])) {
        snprintf(text + used, size - used, "; %s() registers others", kinds[kind].function);
    }
}
