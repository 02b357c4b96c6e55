/* SPDX-License-Identifier: MIT */
/*
 * no_yaml.c - replaces yaml.c in a build without libyaml
 *
 * Tests: tests/unit/test_configuration_no_yaml.c
 */
#include "file.h"

bool tote__yaml_read(const char *text, size_t length, tote_configuration *configuration,
                     struct tote__file *file) {
    (void)text, (void)length, (void)configuration;
    tote__file_problem(file, TOTE_LEVEL_ERROR, 0, 0, NULL,
                       "this libtote cannot read YAML: build it with -DTOTE_WITH_YAML=ON");
    return false;
}
