/* SPDX-License-Identifier: MIT */
/*
 * resource_detect.h - building a resource, and its detectors
 */
#ifndef TOTE_SDK_RESOURCE_DETECT_H
#define TOTE_SDK_RESOURCE_DETECT_H

#include "tote/internal/attribute_list.h"

/* Later values replace earlier ones of the same key. */
struct tote__resource_builder {
    struct tote__attribute_list attributes;
    bool is_out_of_memory; /* an attribute could not be added */
};

/* Set an attribute. The key and the value's memory are borrowed until the resource is interned. */
void tote__resource_set(struct tote__resource_builder *builder, const char *key, tote_value value);

/* Set an attribute to a copy of at most `length` bytes of text. */
void tote__resource_set_text(struct tote__resource_builder *builder, const char *key,
                             const char *text, size_t length);

/* Return the file name of the program's executable, "" if it is unknown. */
void tote__resource_executable_name(char *name, size_t size);

/*
 * Run the detectors of this list. Returns the schema URL of their attributes, "" if none ran. Spec:
 * resource/sdk.md#detecting-resource-information-from-the-environment
 */
const char *tote__resource_detect(struct tote__resource_builder *builder, const char *names);

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
