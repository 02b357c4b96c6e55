/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk/resource.h
 * Resource: the entity that produces spans; and resource detectors. Spec: resource/sdk.md
 *
 * tote_sdk_start() builds the resource of an SDK from its options, the environment and detectors,
 * or uses a resource of the program as it is: `resource` of tote_sdk_options. docs/resource.md
 * lists the detectors.
 *
 * Threads:  thread-safe. A resource never changes.
 * Lifetime: reference counted. Arguments are copied.
 * Errors:   functions that return a resource return NULL if out of memory. NULL as an argument is
 *           the empty resource.
 */
#ifndef TOTE_SDK_RESOURCE_H
#define TOTE_SDK_RESOURCE_H

#include "tote/value.h"

TOTE_BEGIN_DECLS

/**
 * An entity: attributes of a resource that have an identity of their own. Frozen: its layout never
 * changes, because Tote returns arrays of it. Status: development. Spec: entities/data-model.md
 */
typedef struct tote_entity {
    const char *type;         /**< For example "host" */
    const char *schema_url;   /**< "" or NULL if there is none */
    const tote_attribute *id; /**< The attributes that identify it, at least one */
    size_t id_count;
    const tote_attribute *description; /**< Its other attributes */
    size_t description_count;
} tote_entity;

/** A resource. Immutable. Only Tote creates it; fields are only added at the end. */
typedef struct tote_resource {
    const tote_attribute *attributes; /**< All, also those of entities; each key once */
    size_t attribute_count;
    const char *schema_url; /**< "" if there is none */
    const tote_entity *entities;
    size_t entity_count;
} tote_resource;

/**
 * Create a resource. The last attribute of a key counts. Attribute limits do not apply.
 * tote_resource_new(NULL, 0, NULL) is the empty resource, which needs no memory. Spec:
 * resource/sdk.md#create
 */
TOTE_API TOTE_MUST_USE tote_resource *
tote_resource_new(const tote_attribute *attributes, size_t attribute_count, const char *schema_url);

/**
 * Create a resource of entities. An entity without a type or an identifying attribute is left out,
 * with a diagnostic. The first entity of a type counts. To combine entities with other attributes,
 * merge two resources. Status: development.
 */
TOTE_API TOTE_MUST_USE tote_resource *tote_resource_from_entities(const tote_entity *entities,
                                                                  size_t entity_count);

/**
 * Merge two resources into a new one, which has the attributes of both. An attribute of `updating`
 * replaces one of `old` with the same key, also if its value is empty.
 *
 * The schema URL is the one that is not empty. If both have one and these differ, the merged
 * resource has none, with a diagnostic.
 *
 * If a resource has entities: an entity of `old` stays if `updating` has one of the same type. An
 * attribute of `updating` that is in no entity removes entities of `old` that have another value
 * for it. The schema URL is that of all entities; "" if these differ.
 * Spec: resource/sdk.md#merge, resource/data-model.md#merging-resources
 */
TOTE_API TOTE_MUST_USE tote_resource *tote_resource_merge(const tote_resource *old,
                                                          const tote_resource *updating);

/** Add a reference. A resource that is borrowed from a span may be copied instead. */
TOTE_API tote_resource *tote_resource_ref(const tote_resource *resource);
TOTE_API void tote_resource_unref(tote_resource *resource);

/**
 * A resource detector: finds attributes in the environment of the process. Spec:
 * resource/sdk.md#detecting-resource-information-from-the-environment
 */
typedef struct tote_resource_detector tote_resource_detector;

/** The functions of a resource detector. */
typedef struct tote_resource_detector_ops {
    size_t struct_size;

    /**
     * Store a resource, of which Tote takes ownership, in `resource`; NULL if nothing was found,
     * which is no error. If its attributes follow semantic conventions, the resource should have
     * their schema URL. Return TOTE_RESULT_SUCCESS; other results are reported as an error.
     *
     * Called once by tote_sdk_start(), on its thread: it should be fast, and not use the network.
     * It does not run again in a forked child. Required.
     */
    tote_result (*detect)(void *self, tote_resource **resource);

    /** Release `self`. Called once, after `detect` has returned. May be NULL. */
    void (*destroy)(void *self);
} tote_resource_detector_ops;

/**
 * Create a detector for `own_resource_detectors` of tote_sdk_options. The name should be in
 * snake_case, and not that of a built-in detector. Takes ownership of `self`, also on failure:
 * `destroy` is called then. Returns NULL, with a diagnostic, on failure. Spec:
 * resource/sdk.md#resource-detector-name
 */
TOTE_API TOTE_MUST_USE tote_resource_detector *
tote_resource_detector_new(const char *name, const tote_resource_detector_ops *ops, void *self);

/** Free a detector that was given to no other function or option. */
TOTE_API void tote_resource_detector_free(tote_resource_detector *detector);

TOTE_END_DECLS

#define TOTE__OFF_SDK_RESOURCE
#include "tote/disabled.h"

#endif
