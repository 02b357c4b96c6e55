/* SPDX-License-Identifier: MIT */
/*
 * resource_detect.h - a resource while it is put together, and who adds to it
 */
#ifndef TOTE_SDK_RESOURCE_DETECT_H
#define TOTE_SDK_RESOURCE_DETECT_H

#include "tote/internal/attribute_list.h"

/* Later ones replace earlier ones of the same key. */
struct tote__resource_builder {
    struct tote__attribute_list attributes;
    bool is_out_of_memory; /* something is missing */
};

/*
 * Set an attribute. The key and what the value points to are borrowed until the resource is
 * interned.
 */
void tote__resource_set(struct tote__resource_builder *builder, const char *key, tote_value value);

/* The same with text that does not live on, up to `length` bytes. */
void tote__resource_set_text(struct tote__resource_builder *builder, const char *key,
                             const char *text, size_t length);

/* The file name in the path of the program, "" when that is not known. */
void tote__resource_executable_name(char *name, size_t size);

/*
 * Run the detectors of this list. Return the schema URL of the attributes that they set, "" if none
 * ran. Spec: resource/sdk.md#detecting-resource-information-from-the-environment
 */
const char *tote__resource_detect(struct tote__resource_builder *builder, const char *names);

/* What distinguishes this process from the one that forked it. */
struct tote__process_identity {
    uint32_t generation; /* 0: not known yet */
    uint32_t pid;
    char creation_time[80]; /* "" if not known */
    char instance_id[40];
};

/* Those of this process: found out at the first call, in a forked child without opening a file. */
void tote__process_identity(struct tote__process_identity *identity);

/* Those that the last call of the above gave, maybe in a parent process. */
void tote__process_identity_known(struct tote__process_identity *identity);

#endif
