/* SPDX-License-Identifier: MIT */
/*
 * no_yaml.c - replaces the reader of configuration files in a build without libyaml
 *
 * Tests: tests/unit/test_configuration_no_yaml.c
 */
#include "../create.h"
#include "file.h"
#include "tote/internal/left_out.h"
#include "tote/internal/tracer.h"

static tote_configuration *refuse(const char *name, const tote_configuration_options *options) {
    tote_configuration_options own = TOTE_CONFIGURATION_OPTIONS_INIT;

    TOTE__COPY_OPTIONS(tote_configuration_options, &own, options);
    struct tote__file file = {.name = own.name ? own.name : name};
    tote__file_problem(&file, TOTE_LEVEL_ERROR, 0, 0, NULL,
                       TOTE__LEFT_OUT("YAML", "TOTE_WITH_YAML"));
    tote__file_report(&file, &own);
    return NULL;
}

tote_configuration *tote_configuration_parse(const char *text, size_t length,
                                             const tote_configuration_options *options) {
    (void)length;
    return text ? refuse("configuration", options) : NULL;
}

tote_configuration *tote_configuration_parse_file(const char *path,
                                                  const tote_configuration_options *options) {
    return path ? refuse(path, options) : NULL;
}

bool tote__create(const tote_configuration *file, struct tote__creation *creation,
                  tote_sdk_options *options) {
    (void)file, (void)creation, (void)options;
    return false;
}

void tote__creation_clear(struct tote__creation *creation) {
    (void)creation;
}
