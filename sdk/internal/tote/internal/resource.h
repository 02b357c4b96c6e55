/* SPDX-License-Identifier: MIT */
/*
 * resource.h - builds the resource of a program
 *
 * Spec: resource/sdk.md
 */
#ifndef TOTE_INTERNAL_RESOURCE_H
#define TOTE_INTERNAL_RESOURCE_H

#include "tote/value.h"

/*
 * Sources in decreasing order of precedence. All may be NULL or 0, and are borrowed for the call.
 */
struct tote__resource_sources {
    const char *service_name; /* from the options; overrides `attributes` */
    const tote_attribute *attributes;
    size_t attribute_count;
    const char *schema_url;
    const char *environment_service_name;         /* OTEL_SERVICE_NAME */
    const tote_attribute *environment_attributes; /* OTEL_RESOURCE_ATTRIBUTES */
    size_t environment_attribute_count;
    const char *detectors; /* list of names or "none"; NULL: all */
};

/* Merge the sources with the SDK's own attributes. Returns an index, see sdk.h. */
uint32_t tote__resource_build(const struct tote__resource_sources *sources);

#endif
