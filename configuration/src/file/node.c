/* SPDX-License-Identifier: MIT */
/*
 * node.c - reading the values of a configuration
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <stdarg.h>
#include <stdio.h>

#include "file.h"
#include "tote/internal/references.h"

tote_configuration *tote_configuration_ref(tote_configuration *configuration) {
    if (configuration) {
        tote__references_add(&configuration->references);
    }
    return configuration;
}

void tote_configuration_unref(tote_configuration *configuration) {
    if (configuration && tote__references_drop(&configuration->references)) {
        tote__arena_clear(&configuration->memory);
        tote__release(configuration, sizeof *configuration);
    }
}

const tote_configuration_node *
tote_configuration_get_root(const tote_configuration *configuration) {
    return configuration ? &configuration->root : NULL;
}

tote_configuration_type tote_configuration_node_get_type(const tote_configuration_node *node) {
    return node ? node->type : TOTE_CONFIGURATION_TYPE_MISSING;
}

static bool has_children(const tote_configuration_node *node) {
    return node && (node->type == TOTE_CONFIGURATION_TYPE_SEQUENCE ||
                    node->type == TOTE_CONFIGURATION_TYPE_MAPPING);
}

const tote_configuration_node *tote_configuration_node_get(const tote_configuration_node *mapping,
                                                           const char *key) {
    if (!key || !mapping || mapping->type != TOTE_CONFIGURATION_TYPE_MAPPING) {
        return NULL;
    }
    const tote_configuration_node *node = mapping->as.children.first;
    while (node && strcmp(node->key, key) != 0) {
        node = node->next;
    }
    return node;
}

size_t tote_configuration_node_get_count(const tote_configuration_node *node) {
    return has_children(node) ? node->as.children.count : 0;
}

const tote_configuration_node *tote_configuration_node_get_at(const tote_configuration_node *node,
                                                              size_t index) {
    return index < tote_configuration_node_get_count(node) ? node->as.children.at[index] : NULL;
}

const char *tote_configuration_node_get_key(const tote_configuration_node *node) {
    return node ? node->key : NULL;
}

bool tote_configuration_node_read_bool(const tote_configuration_node *node, bool *value) {
    if (!value || tote_configuration_node_get_type(node) != TOTE_CONFIGURATION_TYPE_BOOL) {
        return false;
    }
    *value = node->as.boolean;
    return true;
}

bool tote_configuration_node_read_int(const tote_configuration_node *node, int64_t *value) {
    const double limit = 9223372036854775808.0; /* 2^63 */

    if (!node || !value) {
        return false;
    }
    if (node->type == TOTE_CONFIGURATION_TYPE_INT) {
        *value = node->as.integer;
        return true;
    }
    if (node->type != TOTE_CONFIGURATION_TYPE_DOUBLE || !(node->as.number >= -limit) ||
        !(node->as.number < limit) || (double)(int64_t)node->as.number != node->as.number) {
        return false;
    }
    *value = (int64_t)node->as.number;
    return true;
}

bool tote_configuration_node_read_double(const tote_configuration_node *node, double *value) {
    if (!node || !value ||
        (node->type != TOTE_CONFIGURATION_TYPE_DOUBLE &&
         node->type != TOTE_CONFIGURATION_TYPE_INT)) {
        return false;
    }
    *value = node->type == TOTE_CONFIGURATION_TYPE_INT ? (double)node->as.integer : node->as.number;
    return true;
}

bool tote_configuration_node_read_string(const tote_configuration_node *node, const char **value) {
    if (!value || tote_configuration_node_get_type(node) != TOTE_CONFIGURATION_TYPE_STRING) {
        return false;
    }
    *value = node->as.text.at;
    return true;
}

uint32_t tote_configuration_node_get_line(const tote_configuration_node *node) {
    return node ? node->line : 0;
}

uint32_t tote_configuration_node_get_column(const tote_configuration_node *node) {
    return node ? node->column : 0;
}

/* The depth of the recursion is the depth of the tree, which is limited. */
static void write_path(const tote_configuration_node *node, struct tote__writer *out) {
    if (!node || !node->parent) {
        return;
    }
    write_path(node->parent, out);
    if (node->key) {
        tote__write(out, ".", out->length ? 1 : 0);
        tote__write(out, node->key, strlen(node->key));
    } else {
        char index[32];
        int length = snprintf(index, sizeof index, "[%zu]", node->index);
        tote__write(out, index, (size_t)length);
    }
}

size_t tote_configuration_node_get_path(const tote_configuration_node *node, char *buffer,
                                        size_t size) {
    char none[1];
    struct tote__writer out = {buffer ? buffer : none, buffer ? size : 0, 0};

    write_path(node, &out);
    if (out.size) {
        out.size--;
        out.buffer[tote__written(&out)] = '\0';
    }
    return out.length;
}
