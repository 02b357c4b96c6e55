/* SPDX-License-Identifier: MIT */
/*
 * requests.c - the requests that a file holds
 */
#include "requests.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "json.h"

enum { PORTION = 1 << 16 };

bool requests_from_json(const void *json, size_t size, requests_take *take, void *arg) {
    size_t request_size = 0;
    uint8_t *request = json_to_request(json, size, &request_size);
    bool is_taken = request && take(arg, request, request_size);

    free(request);
    return is_taken;
}

/* All of it, to be freed. NULL, and errno says why. */
static uint8_t *read_all(FILE *file, size_t *size) {
    uint8_t *bytes = NULL;
    size_t count = PORTION;

    *size = 0;
    while (count == PORTION) {
        uint8_t *larger = realloc(bytes, *size + PORTION);
        if (!larger) {
            free(bytes);
            return NULL;
        }
        bytes = larger;
        count = fread(bytes + *size, 1, PORTION, file);
        *size += count;
    }
    if (ferror(file)) {
        free(bytes);
        return NULL;
    }
    return bytes;
}

/* Spec: protocol/file-exporter.md: a request a line; an empty one is none. */
static bool take_lines(const char *path, const uint8_t *bytes, size_t size, requests_take *take,
                       void *arg) {
    size_t number = 0;

    while (size) {
        const uint8_t *end = memchr(bytes, '\n', size);
        size_t length = end ? (size_t)(end - bytes) : size;
        number++;
        if (length && !requests_from_json(bytes, length, take, arg)) {
            fprintf(stderr, "tote: %s:%zu is no request in OTLP/JSON\n", path, number);
            return false;
        }
        length += end != NULL;
        bytes += length;
        size -= length;
    }
    return true;
}

bool requests_from_file(const char *path, requests_take *take, void *arg) {
    bool is_input = strcmp(path, "-") == 0;
    FILE *file = is_input ? stdin : fopen(path, "rb");
    size_t size = 0;
    uint8_t *bytes = file ? read_all(file, &size) : NULL;

    if (!bytes) {
        fprintf(stderr, "tote: %s cannot be read: %s\n", path, strerror(errno));
    }
    if (file && !is_input) {
        fclose(file);
    }
    if (!bytes) {
        return false;
    }
    bool is_json = size && *bytes == '{';
    bool is_taken = is_json ? take_lines(path, bytes, size, take, arg) : take(arg, bytes, size);
    if (!is_taken && !is_json) {
        fprintf(stderr, "tote: %s is neither lines of OTLP/JSON nor a request in protobuf\n", path);
    }
    free(bytes);
    return is_taken;
}
