/* SPDX-License-Identifier: MIT */
/*
 * parse.c - from a file or a text to a configuration
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "file.h"
#include "tote/internal/cancel.h"
#include "tote/internal/os.h"
#include "tote/internal/tracer.h"

/* Return whether the text has a length and an encoding that yaml.c accepts. */
static bool check_text(struct tote__file *file, const char *text, size_t length) {
    size_t valid = tote__utf8_valid_prefix(text, length);
    uint32_t line;
    uint32_t column;

    if (length > TOTE__MOST_FILE_BYTES) {
        tote__file_problem(file, TOTE_LEVEL_ERROR, 0, 0, NULL, "the file is longer than %d bytes",
                           TOTE__MOST_FILE_BYTES);
        return false;
    }
    if (valid == length) {
        return true;
    }
    tote__file_position(text, valid, &line, &column);
    tote__file_problem(file, TOTE_LEVEL_ERROR, line, column, NULL,
                       "the byte 0x%02X is not valid here: save the file as UTF-8",
                       (unsigned)(unsigned char)text[valid]);
    return false;
}

static tote_configuration *new_configuration(const char *name) {
    tote_configuration *configuration = tote__allocate_zeroed(sizeof *configuration);

    if (configuration) {
        configuration->references = 1;
        configuration->name = tote__arena_text(&configuration->memory, name, strlen(name));
    }
    if (configuration && !configuration->name) {
        tote_configuration_unref(configuration);
        return NULL;
    }
    return configuration;
}

/* Parse the text and report all problems, also those that `file` has already. */
static tote_configuration *parse(struct tote__file *file, const char *text, size_t length,
                                 const tote_configuration_options *options) {
    static const char bom[] = "\xEF\xBB\xBF";
    tote_configuration *configuration = text ? new_configuration(file->name) : NULL;
    size_t skipped = 0;
    int error = errno;

    if (!configuration) {
        file->is_out_of_memory = file->is_out_of_memory || text;
    } else if (check_text(file, text, length)) {
        if (length >= strlen(bom) && memcmp(text, bom, strlen(bom)) == 0) {
            skipped = strlen(bom);
        }
        if (tote__yaml_read(text + skipped, length - skipped, configuration, file)) {
            tote__validate(&configuration->root, file);
        }
    }
    bool is_usable = configuration && !file->is_refused && !file->is_out_of_memory;
    tote__file_report(file, options);
    if (!is_usable) {
        tote_configuration_unref(configuration);
        configuration = NULL;
    }
    errno = error;
    return configuration;
}

tote_configuration *tote_configuration_parse(const char *text, size_t length,
                                             const tote_configuration_options *options) {
    tote_configuration_options own = TOTE_CONFIGURATION_OPTIONS_INIT;

    if (!text) {
        return NULL;
    }
    TOTE__COPY_OPTIONS(tote_configuration_options, &own, options);
    int cancel = tote__cancel_disable();
    struct tote__file file = {.name = own.name ? own.name : "configuration"};
    tote_configuration *configuration = parse(&file, text, length, &own);
    tote__cancel_restore(cancel);
    return configuration;
}

static bool has_extension(const char *path) {
    const char *dot = strrchr(path, '.');

    return dot && (strcmp(dot, ".yaml") == 0 || strcmp(dot, ".yml") == 0);
}

/* Read a file into a buffer of TOTE__MOST_FILE_BYTES + 1 bytes. Returns why it failed, or NULL. */
static const char *read_file(const char *path, char *buffer, size_t *length) {
    int error = errno;
    const char *problem = NULL;
    int descriptor = tote__os_open_regular(path);

    errno = descriptor < 0 ? errno : 0;
    if (descriptor >= 0) {
        *length = tote__os_read(descriptor, buffer, TOTE__MOST_FILE_BYTES + 1);
    }
    if (errno) {
        problem = errno == EINVAL ? "it is not a regular file" : strerror(errno);
    }
    tote__os_close(descriptor);
    errno = error;
    return problem;
}

tote_configuration *tote_configuration_parse_file(const char *path,
                                                  const tote_configuration_options *options) {
    tote_configuration_options own = TOTE_CONFIGURATION_OPTIONS_INIT;
    size_t length = 0;

    if (!path) {
        return NULL;
    }
    TOTE__COPY_OPTIONS(tote_configuration_options, &own, options);
    int cancel = tote__cancel_disable();
    struct tote__file file = {.name = own.name ? own.name : path};
    char *buffer = tote__allocate(TOTE__MOST_FILE_BYTES + 1);
    file.is_out_of_memory = !buffer;
    const char *problem = buffer ? read_file(path, buffer, &length) : NULL;
    if (problem) {
        tote__file_problem(&file, TOTE_LEVEL_ERROR, 0, 0, NULL, "cannot read the file: %s",
                           problem);
    } else if (!has_extension(path)) {
        tote__file_problem(&file, TOTE_LEVEL_WARN, 0, 0, NULL,
                           "the name of a configuration file ends with .yaml or .yml");
    }
    tote_configuration *configuration = parse(&file, problem ? NULL : buffer, length, &own);
    tote__release(buffer, TOTE__MOST_FILE_BYTES + 1);
    tote__cancel_restore(cancel);
    return configuration;
}
