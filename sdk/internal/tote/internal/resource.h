/* SPDX-License-Identifier: MIT */
/*
 * resource.h - builds the resource of a program
 *
 * Spec: resource/sdk.md
 */
#ifndef TOTE_INTERNAL_RESOURCE_H
#define TOTE_INTERNAL_RESOURCE_H

#include "tote/sdk/resource.h"

/*
 * Sources in decreasing order of precedence. All may be NULL or 0, and are borrowed for the call.
 */
struct tote__resource_sources {
    const char *service_name;         /* from the options; overrides `attributes` */
    const char *default_service_name; /* NULL: unknown_service:PROGRAM */
    const tote_attribute *attributes;
    size_t attribute_count;
    const char *schema_url;
    const char *environment_service_name;         /* OTEL_SERVICE_NAME */
    const tote_attribute *environment_attributes; /* OTEL_RESOURCE_ATTRIBUTES */
    size_t environment_attribute_count;
    const tote_resource *environment_entities; /* OTEL_ENTITIES; used if `with_entities` */

    /* List of names or "none", in increasing order of precedence; NULL: all */
    const char *detectors;
    tote_resource_detector *const *own_detectors; /* NULL elements are ignored */
    size_t own_detector_count;
    const char *detected_service_name; /* the detector `service` sets it */
    /*
     * Wildcards for keys of detected attributes. An attribute is used if it matches one of
     * `included` (or if there are none) and none of `excluded`.
     */
    const char *const *included;
    size_t included_count;
    const char *const *excluded;
    size_t excluded_count;
    bool with_entities; /* detectors and the environment create entities */
};

/*
 * Merge the sources with the SDK's own attributes, in increasing order of precedence. Returns NULL
 * if out of memory.
 */
tote_resource *tote__resource_build(const struct tote__resource_sources *sources);

/* Return NULL for NULL. */
const char *tote__resource_detector_name(const tote_resource_detector *detector);

#endif
