/* SPDX-License-Identifier: MIT */
/*
 * resource.h - what the program, its environment and its system say about the program
 *
 * Spec: resource/sdk.md
 */
#ifndef TOTE_INTERNAL_RESOURCE_H
#define TOTE_INTERNAL_RESOURCE_H

#include "tote/value.h"

/* In the order of their say. All of it may be NULL or 0, and is borrowed for the call. */
struct tote__resource_sources {
    const char *service_name; /* the program's; before `attributes` */
    const tote_attribute *attributes;
    size_t attribute_count;
    const char *schema_url;
    const char *environment_service_name;         /* OTEL_SERVICE_NAME */
    const tote_attribute *environment_attributes; /* OTEL_RESOURCE_ATTRIBUTES */
    size_t environment_attribute_count;
    const char *detectors; /* names in a list; NULL: all there are; "none" */
};

/* Merge it all, over what the SDK says about itself. Returns: an index, see sdk.h. */
uint32_t tote__resource_build(const struct tote__resource_sources *sources);

#endif
