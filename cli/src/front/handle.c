/* SPDX-License-Identifier: MIT */
/*
 * handle.c - the variable TOTE_SPAN: the spans that a script has begun and not ended
 *
 * Tests: tests/unit/test_command_line.c, tests/cli/test_span.sh
 */
#include "handle.h"

#include <stdlib.h>
#include <string.h>

#include "tote/internal/text.h"

static void encode(const char *text, FILE *out) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "_-./:";

    for (; *text; text++) {
        fprintf(out, strchr(plain, *text) ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

char *handle_push(const char *outer, const char *path, const struct variables *around) {
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        return NULL;
    }
    fputs(HANDLE_VARIABLE "=", out);
    encode(path, out);
    for (size_t i = 0; i < around->count; i++) {
        const char *equals = strchr(around->items[i], '=');
        fprintf(out, ",%.*s%s", (int)strcspn(around->items[i], "="), around->items[i],
                equals ? "=" : "");
        if (equals) {
            encode(equals + 1, out);
        }
    }
    if (outer && *outer) {
        fprintf(out, " %s", outer);
    }
    if (fclose(out) != 0) {
        free(text);
        return NULL;
    }
    return text;
}

/* Decode in place. Returns false if it is malformed. */
static bool decode(char *text) {
    bool is_malformed = false;
    size_t length = tote__percent_decode(text, text, strlen(text), &is_malformed);

    text[length] = '\0';
    return !is_malformed && strlen(text) == length;
}

bool handle_read(const char *value, struct handle *handle) {
    size_t length = strcspn(value, " ");
    size_t size = strlen(value) + sizeof HANDLE_VARIABLE + 1;
    char *text = malloc(2 * size);

    *handle = (struct handle){.around.text = text};
    if (!text) {
        return false;
    }
    const char *outer = value + length + (value[length] == ' ');
    handle->outer = text + size;
    snprintf(handle->outer, size, HANDLE_VARIABLE "%s%s", *outer ? "=" : "", outer);
    memcpy(text, value, length);
    text[length] = '\0';
    char *next = strchr(text, ',');
    if (next) {
        *next++ = '\0';
    }
    bool is_good = decode(text) && strlen(text) < sizeof handle->path;
    snprintf(handle->path, sizeof handle->path, "%s", text);
    while (is_good && next) {
        char *item = next;
        next = strchr(item, ',');
        if (next) {
            *next++ = '\0';
        }
        is_good = decode(item);
        variables_set(&handle->around, item);
    }
    if (!is_good) {
        variables_clear(&handle->around);
    }
    return is_good;
}
