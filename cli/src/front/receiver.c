/* SPDX-License-Identifier: MIT */
/*
 * receiver.c - options of the command line for the receiver of spans
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "receiver.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAME_BYTES = 64 };

static const char no_memory[] = "does not fit: out of memory";

/* The variable for traces alone would override the general one. */
const char *receiver_set(void *name, const char *value) {
    char variable[NAME_BYTES];

    snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_TRACES_%s", (const char *)name);
    unsetenv(variable);
    snprintf(variable, sizeof variable, "OTEL_EXPORTER_OTLP_%s", (const char *)name);
    return setenv(variable, value, 1) == 0 ? NULL : no_memory;
}

/* Write a value in the percent-encoding of the variable. Returns its end. */
static char *encode(char *out, const char *value) {
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-._~!$&'()*+/:;=?@";

    for (; *value; value++) {
        if (strchr(plain, *value)) {
            *out++ = *value;
        } else {
            out += sprintf(out, "%%%02X", (unsigned char)*value);
        }
    }
    *out = '\0';
    return out;
}

const char *receiver_add_header(void *name, const char *header) {
    static char *headers; /* of this command line */
    static size_t length;
    const char *value = strchr(header, '=');

    if (!value || value == header) {
        return "is not NAME=VALUE";
    }
    char *longer = realloc(headers, length + 3 * strlen(header) + 2);
    if (!longer) {
        return no_memory;
    }
    headers = longer;
    char *end = headers + length;
    end += sprintf(end, "%s%.*s", length ? "," : "", (int)(value + 1 - header), header);
    length = (size_t)(encode(end, value + 1) - headers);
    return receiver_set(name, headers);
}
