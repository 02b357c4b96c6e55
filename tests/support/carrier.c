/* SPDX-License-Identifier: MIT */
/*
 * carrier.c - headers in memory
 */
#include "carrier.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

static char *copy(const char *text, size_t length) {
    char *made = malloc(length + 1);

    if (!made) {
        abort();
    }
    memcpy(made, text, length);
    made[length] = '\0';
    return made;
}

void carrier_add_bytes(struct carrier *carrier, const char *name, const char *value,
                       size_t length) {
    if (carrier->count == CARRIER_MOST_HEADERS) {
        abort();
    }
    carrier->headers[carrier->count].name = copy(name, strlen(name));
    carrier->headers[carrier->count].value = copy(value, length);
    carrier->headers[carrier->count].value_length = length;
    carrier->count++;
}

void carrier_add(struct carrier *carrier, const char *name, const char *value) {
    carrier_add_bytes(carrier, name, value, strlen(value));
}

const char *carrier_get(const struct carrier *carrier, const char *name) {
    for (size_t i = 0; i < carrier->count; i++) {
        if (strcasecmp(carrier->headers[i].name, name) == 0) {
            return carrier->headers[i].value;
        }
    }
    return NULL;
}

static void drop(struct carrier *carrier, const char *name) {
    size_t kept = 0;

    for (size_t i = 0; i < carrier->count; i++) {
        if (!name || strcasecmp(carrier->headers[i].name, name) == 0) {
            free(carrier->headers[i].name);
            free(carrier->headers[i].value);
        } else {
            carrier->headers[kept++] = carrier->headers[i];
        }
    }
    carrier->count = kept;
}

void carrier_clear(struct carrier *carrier) {
    drop(carrier, NULL);
    carrier->calls = 0;
}

static void get_all(const void *self, const char *key, tote_header_visitor visit, void *arg) {
    const struct carrier *carrier = self;

    (void)key; /* passing all of them is permitted */
    for (size_t i = 0; i < carrier->count; i++) {
        if (!visit(arg, carrier->headers[i].name, strlen(carrier->headers[i].name),
                   carrier->headers[i].value, carrier->headers[i].value_length)) {
            return;
        }
    }
}

static void set(void *self, const char *key, const char *value, size_t value_length) {
    struct carrier *carrier = self;

    carrier->calls++;
    drop(carrier, key);
    if (value) {
        carrier_add_bytes(carrier, key, value, value_length);
    }
}

const tote_text_map_getter carrier_getter = {sizeof carrier_getter, get_all};
const tote_text_map_setter carrier_setter = {sizeof carrier_setter, set};
