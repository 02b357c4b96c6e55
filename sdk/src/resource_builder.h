/* SPDX-License-Identifier: MIT */
/*
 * resource_builder.h - building a resource, and its detectors
 */
#ifndef TOTE_SDK_RESOURCE_BUILDER_H
#define TOTE_SDK_RESOURCE_BUILDER_H

#include "tote/internal/attribute_list.h"
#include "tote/internal/left_out.h"
#include "tote/internal/resource.h"
#include "tote/internal/text.h"
#include "tote/sdk/resource.h"

/*
 * A resource that is being built. Initially zero; tote__resource_finish() releases it. An attribute
 * of an entity is in `attributes` only if it was also set outside the entity, to the same value.
 */
struct tote__resource_builder {
    struct tote__attribute_list attributes; /* its arena holds the other fields */
    tote_entity *entities;                  /* in decreasing order of priority */
    size_t entity_count;
    size_t entity_capacity;
    const char *schema_url;     /* NULL or "": none */
    const char *own_schema_url; /* of the program: replaces those of the sources */
    bool has_url_conflict;      /* merged resources have different schema URLs */
    bool is_out_of_memory;      /* something could not be added */
    struct tote__kept_resource *kept;
};

/*
 * Set an attribute that belongs to no entity. Entities that have another value for it are removed.
 * The key and the value's memory are borrowed until tote__resource_finish().
 */
void tote__resource_set(struct tote__resource_builder *builder, const char *key, tote_value value);

/* Set an attribute to a copy of at most `length` bytes of text. */
void tote__resource_set_text(struct tote__resource_builder *builder, const char *key,
                             const char *text, size_t length);

/*
 * Add an entity; those in the builder have a higher priority. Its attributes are borrowed. Spec:
 * resource/data-model.md#merging-entities-into-a-resource
 */
void tote__resource_add_entity(struct tote__resource_builder *builder, const tote_entity *entity);

/*
 * Merge a resource into the builder. Without `with_entities`, its entities are plain attributes.
 * Spec: resource/sdk.md#merge
 */
void tote__resource_add(struct tote__resource_builder *builder, const tote_resource *resource,
                        bool with_entities);

/* Create the resource and clear the builder. Returns NULL if out of memory. */
tote_resource *tote__resource_finish(struct tote__resource_builder *builder);

/*
 * Create a resource from its parts. Of the entities only type, schema URL and keys are used; the
 * text is valid UTF-8. Returns NULL if out of memory.
 */
tote_resource *tote__resource_make(const tote_attribute *attributes, size_t count,
                                   const tote_entity *entities, size_t entity_count,
                                   const char *schema_url);

/* A resource detector. */
struct tote_resource_detector {
    const char *name;
    tote_resource_detector_ops ops;
    void *self; /* the sources, if it is built in */
};

/* The built-in detectors. Those that are not `is_default` run only if they are named. */
struct tote__builtin_detector {
    struct tote_resource_detector detector;
    bool is_default;
};
enum { TOTE__BUILTIN_DETECTORS = 5 };
extern const struct tote__builtin_detector tote__builtin_detectors[TOTE__BUILTIN_DETECTORS];

static inline size_t tote__builtin_detector_count(void) {
    return TOTE_HAS_RESOURCE_DETECTORS ? TOTE__BUILTIN_DETECTORS : 0;
}

/*
 * Run the detectors of `sources` and merge their resources into the builder. Spec:
 * resource/sdk.md#detecting-resource-information-from-the-environment
 */
void tote__resource_detect(struct tote__resource_builder *builder,
                           const struct tote__resource_sources *sources);

/* The longest container id, with a NUL. */
enum { TOTE__CONTAINER_ID_BYTES = 65 };

/* Find the id of the container of this process. Returns false if it is in none. */
bool tote__container_id(char id[TOTE__CONTAINER_ID_BYTES]);

/*
 * Find the id in the text of /proc/self/cgroup, or in that of /proc/self/mountinfo. Returns false
 * if there is none.
 */
bool tote__container_id_of_cgroup(const char *text, char id[TOTE__CONTAINER_ID_BYTES]);
bool tote__container_id_of_mounts(const char *text, char id[TOTE__CONTAINER_ID_BYTES]);

/* Return whether a service.name is neither NULL nor blank. */
bool tote__resource_has_name(const char *name);

/* Return the file name of the program's executable, "" if it is unknown. */
void tote__resource_executable_name(char *name, size_t size);

/* Values that distinguish this process from the one that forked it. */
struct tote__process_identity {
    uint32_t generation; /* 0: not known yet */
    uint32_t pid;
    char creation_time[80]; /* "" if not known */
    char instance_id[40];
};

/*
 * Return the values of this process. Determined once per process; a forked child opens no file for
 * it.
 */
void tote__process_identity(struct tote__process_identity *identity);

/* Return the values of the last call, possibly those of a parent process. */
void tote__process_identity_known(struct tote__process_identity *identity);

#endif
