/* SPDX-License-Identifier: MIT */
/*
 * validate.c - compares a tree with the tables of schema.c, and reports all differences
 *
 * Messages contain names of keys, never values of texts, which may be secret. The depth of the
 * recursion is the depth of the tree, which is limited.
 *
 * Tests: tests/unit/test_configuration_schema.c
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "file.h"
#include "schema.h"

enum { TEXT_BYTES = 512 };

static const char no_blank[] = "; a blank is missing after the \"-\"";

/* A text that is built in pieces, and cut at its size. */
struct text {
    char at[TEXT_BYTES];
    struct tote__writer writer;
};

static void add(struct text *text, const char *more) {
    tote__write(&text->writer, more, strlen(more));
}

static void begin(struct text *text) {
    text->writer = (struct tote__writer){text->at, sizeof text->at - 1, 0};
}

static const char *finish(struct text *text) {
    text->at[tote__min(text->writer.length, text->writer.size)] = '\0';
    return text->at;
}

static void add_names(struct text *text, const void *names, size_t stride) {
    const char *separator = "";

    for (const char *at = names; at && *(const char *const *)at; at += stride) {
        add(text, separator);
        add(text, *(const char *const *)at);
        separator = ", ";
    }
}

/* Add " from 0 to 1". */
static void add_bounds(struct text *text, const struct tote__schema *schema) {
    char bound[64];

    if (isfinite(schema->least)) {
        snprintf(bound, sizeof bound, " from %.0f", schema->least);
        add(text, bound);
    }
    if (isfinite(schema->most)) {
        snprintf(bound, sizeof bound, " to %.0f", schema->most);
        add(text, bound);
    }
}

/* Describe the values that are right, for example "an integer from 0, or null". */
static const char *describe(struct text *text, const struct tote__schema *schema) {
    static const struct {
        unsigned type;
        const char *name;
    } types[] = {
        {TOTE__IS_BOOL, "true or false"}, {TOTE__IS_INTEGER, "an integer"},
        {TOTE__IS_NUMBER, "a number"},    {TOTE__IS_STRING, "a text"},
        {TOTE__IS_SEQUENCE, "a list"},    {TOTE__IS_MAPPING, "a mapping"},
        {TOTE__OR_NULL, "null"},
    };
    const char *separator = "";

    begin(text);
    for (size_t i = 0; i < TOTE_COUNT_OF(types); i++) {
        if (!(schema->types & types[i].type)) {
            continue;
        }
        add(text, separator);
        if (types[i].type == TOTE__IS_STRING && schema->names) {
            add(text, "one of ");
            add_names(text, schema->names, sizeof *schema->names);
        } else {
            add(text, types[i].name);
        }
        if (types[i].type & (TOTE__IS_INTEGER | TOTE__IS_NUMBER)) {
            add_bounds(text, schema);
        }
        separator = ", or ";
    }
    return finish(text);
}

static const char *type_name(const tote_configuration_node *node) {
    static const char *const names[] = {
        [TOTE_CONFIGURATION_TYPE_MISSING] = "nothing",
        [TOTE_CONFIGURATION_TYPE_NULL] = "null",
        [TOTE_CONFIGURATION_TYPE_BOOL] = "a boolean",
        [TOTE_CONFIGURATION_TYPE_INT] = "an integer",
        [TOTE_CONFIGURATION_TYPE_DOUBLE] = "a number",
        [TOTE_CONFIGURATION_TYPE_STRING] = "a text",
        [TOTE_CONFIGURATION_TYPE_SEQUENCE] = "a list",
        [TOTE_CONFIGURATION_TYPE_MAPPING] = "a mapping",
    };
    return names[node->type];
}

/* A part of a message that names the variable of the value; empty if the file has the value. */
struct origin {
    char text[256];
};

static struct origin origin_of(const tote_configuration_node *node) {
    struct origin origin = {""};

    if (node->variable) {
        snprintf(origin.text, sizeof origin.text, ", from ${%s}", node->variable);
    }
    return origin;
}

/* Return the types of the schema that the node has. */
static unsigned types_of(const tote_configuration_node *node) {
    int64_t integer;

    switch (node->type) {
    case TOTE_CONFIGURATION_TYPE_NULL:
        return TOTE__OR_NULL;
    case TOTE_CONFIGURATION_TYPE_BOOL:
        return TOTE__IS_BOOL;
    case TOTE_CONFIGURATION_TYPE_INT:
    case TOTE_CONFIGURATION_TYPE_DOUBLE:
        return TOTE__IS_NUMBER |
               (tote_configuration_node_read_int(node, &integer) ? TOTE__IS_INTEGER : 0);
    case TOTE_CONFIGURATION_TYPE_STRING:
        return TOTE__IS_STRING;
    case TOTE_CONFIGURATION_TYPE_SEQUENCE:
        return TOTE__IS_SEQUENCE;
    default:
        return TOTE__IS_MAPPING;
    }
}

/* Add how the items of a list are written: "- batch:", or "- name: ..." with the required keys. */
static void add_item_form(struct text *text, const struct tote__schema *items) {
    const char *separator = "; write ";
    bool is_first = true;

    if (items->is_choice) {
        add(text, "; write \"- \" before each name");
        return;
    }
    for (const struct tote__schema_key *key = items->keys; key && key->name; key++) {
        if (key->is_required) {
            add(text, separator);
            add(text, is_first ? "\"- " : "\"");
            add(text, key->name);
            add(text, ": ...\"");
            is_first = false;
            separator = " and ";
        }
    }
    add(text, is_first ? "" : " for each item");
}

/* Add the cure for a name where a mapping with that name as its key is expected. */
static void add_name_form(struct text *text, const tote_configuration_node *node,
                          const struct tote__schema *schema) {
    const char *known = tote__nearest_name(node->as.text.at, schema->keys, sizeof *schema->keys);

    add(text, "; write \"");
    add(text, node->key ? "" : "- ");
    add(text, known ? known : "NAME");
    add(text, ":\" on a line of its own");
}

/* Return a cure for a value of the wrong type. */
static const char *cure_of(struct text *cure, const tote_configuration_node *node,
                           const struct tote__schema *schema) {
    tote_configuration_node unquoted;
    const tote_configuration_node *first =
        node->type == TOTE_CONFIGURATION_TYPE_MAPPING ? node->as.children.first : NULL;

    begin(cure);
    if ((schema->types & TOTE__IS_STRING) && (types_of(node) & (TOTE__IS_NUMBER | TOTE__IS_BOOL))) {
        add(cure, "; put it in quotes");
    } else if (node->type == TOTE_CONFIGURATION_TYPE_STRING) {
        tote__scalar_resolve(&unquoted, node->as.text.at, node->as.text.length);
        if (types_of(&unquoted) & schema->types) {
            add(cure, "; remove the quotes");
        } else if (schema->is_choice) {
            add_name_form(cure, node, schema);
        }
    } else if (first && first->key[0] == '-') {
        add(cure, no_blank);
    } else if (first && schema->items) {
        add_item_form(cure, schema->items);
    }
    return finish(cure);
}

static void check_text(struct tote__file *file, const tote_configuration_node *node,
                       const struct tote__schema *schema) {
    const char *const *names = schema->names;
    struct text expected;

    while (names && *names && strcmp(*names, node->as.text.at) != 0) {
        names++;
    }
    if (names && !*names) {
        const char *nearest =
            tote__nearest_name(node->as.text.at, schema->names, sizeof *schema->names);
        tote__file_error(file, node, "unknown value%s; %s%s%sexpected %s", origin_of(node).text,
                         nearest ? "did you mean \"" : "", nearest ? nearest : "",
                         nearest ? "\"? " : "", describe(&expected, schema));
    }
}

static void check(struct tote__file *file, const tote_configuration_node *node,
                  const struct tote__schema *schema);

static void check_sequence(struct tote__file *file, const tote_configuration_node *node,
                           const struct tote__schema *schema) {
    const tote_configuration_node *first = node->as.children.first;

    if (node->as.children.count < schema->least_count) {
        tote__file_error(file, node, "the list is empty; give at least %zu item, or remove the key",
                         schema->least_count);
    }
    for (const tote_configuration_node *item = first; item; item = item->next) {
        check(file, item, schema->items);
        if (schema->is_uniform && (types_of(item) & types_of(first) & schema->items->types) == 0 &&
            (types_of(item) & schema->items->types) && (types_of(first) & schema->items->types)) {
            tote__file_error(file, item,
                             "this is %s, but the list begins with %s; give all items "
                             "the same type",
                             type_name(item), type_name(first));
        }
    }
}

static const struct tote__schema_key *find_key(const struct tote__schema *schema,
                                               const char *name) {
    const struct tote__schema_key *key = schema->keys;

    while (key && key->name && strcmp(key->name, name) != 0) {
        key++;
    }
    return key && key->name ? key : NULL;
}

/* Return the key that has the meaning of `name`, a name of the OTEL_* variables or of C; or NULL.
 */
static const char *synonym_of(const char *name, const struct tote__schema *schema) {
    static const struct {
        const char *name;
        const char *key;
    } synonyms[] = {{"protocol", "encoding"}, {"url", "endpoint"}, {"insecure", "tls"},
                    {"certificate", "tls"},   {"ca_file", "tls"},  {"file", "output_stream"},
                    {"path", "output_stream"}};

    for (size_t i = 0; i < TOTE_COUNT_OF(synonyms); i++) {
        if (strcmp(synonyms[i].name, name) == 0 && find_key(schema, synonyms[i].key)) {
            return synonyms[i].key;
        }
    }
    return NULL;
}

static void report_unknown_key(struct tote__file *file, const tote_configuration_node *node,
                               const struct tote__schema *schema) {
    const char *synonym = synonym_of(node->key, schema);
    const char *nearest =
        synonym ? synonym : tote__nearest_name(node->key, schema->keys, sizeof *schema->keys);
    tote_level level = schema->warns_of_others ? TOTE_LEVEL_WARN : TOTE_LEVEL_ERROR;
    const char *effect = schema->warns_of_others ? ", which has no effect" : "";
    struct text known;

    begin(&known);
    add_names(&known, schema->keys, sizeof *schema->keys);
    finish(&known);
    if (node->key[0] == '-') {
        tote__file_key_problem(file, level, node, "unknown key%s%s", effect, no_blank);
    } else if (nearest) {
        tote__file_key_problem(file, level, node, "unknown key%s; did you mean \"%s\"?", effect,
                               nearest);
    } else if (schema->keys) {
        tote__file_key_problem(file, level, node, "unknown key%s; known keys are %s", effect,
                               known.at);
    } else {
        tote__file_key_problem(file, level, node, "unknown key%s; there are no keys here", effect);
    }
}

/* Check that a choice has exactly one key. */
static void check_choice(struct tote__file *file, const tote_configuration_node *node,
                         const struct tote__schema *schema) {
    size_t count = node->as.children.count;
    struct text known;

    if (count == 1) {
        return;
    }
    begin(&known);
    add_names(&known, schema->keys, sizeof *schema->keys);
    tote__file_error(file, node, "there are %zu keys, expected exactly one of %s%s", count,
                     finish(&known), schema->others ? ", or a component of the program" : "");
}

static void check_mapping(struct tote__file *file, const tote_configuration_node *node,
                          const struct tote__schema *schema) {
    if (schema->is_choice) {
        check_choice(file, node, schema);
    } else if (node->as.children.count < schema->least_count) {
        tote__file_error(file, node, "the mapping is empty; give at least %zu key, or remove it",
                         schema->least_count);
    }
    for (const tote_configuration_node *child = node->as.children.first; child;
         child = child->next) {
        const struct tote__schema_key *key = find_key(schema, child->key);
        if (!key && (schema->warns_of_others || !schema->others)) {
            report_unknown_key(file, child, schema);
        }
        if (key || schema->others) {
            check(file, child, key ? key->schema : schema->others);
        }
    }
    for (const struct tote__schema_key *key = schema->keys; key && key->name; key++) {
        if (key->is_required && !tote_configuration_node_get(node, key->name)) {
            tote__file_error(file, node, "the key \"%s\" is missing", key->name);
        }
    }
}

/* Report a value of the wrong type, or out of bounds. Apart from the recursion: texts are large. */
static __attribute__((noinline)) void report_value(struct tote__file *file,
                                                   const tote_configuration_node *node,
                                                   const struct tote__schema *schema,
                                                   bool is_out_of_bounds) {
    struct text expected;
    struct text cure;

    tote__file_error(file, node, "%s%s%s; expected %s%s", is_out_of_bounds ? "" : "this is ",
                     is_out_of_bounds ? "out of bounds" : type_name(node), origin_of(node).text,
                     describe(&expected, schema), cure_of(&cure, node, schema));
}

static void check(struct tote__file *file, const tote_configuration_node *node,
                  const struct tote__schema *schema) {
    unsigned types = types_of(node) & schema->types;
    double number;

    if (node->type == TOTE_CONFIGURATION_TYPE_MISSING) {
        return; /* its text was refused */
    }
    if (!types) {
        report_value(file, node, schema, false);
    } else if (tote_configuration_node_read_double(node, &number)) {
        if (!(number >= schema->least && number <= schema->most)) {
            report_value(file, node, schema, true);
        }
    } else if (types & TOTE__IS_STRING) {
        check_text(file, node, schema);
    } else if (types & TOTE__IS_SEQUENCE) {
        check_sequence(file, node, schema);
    } else if (types & TOTE__IS_MAPPING) {
        check_mapping(file, node, schema);
    }
}

void tote__validate_node(const tote_configuration_node *node, const struct tote__schema *schema,
                         struct tote__file *file) {
    check(file, node, schema);
}

/* Spec: opentelemetry-configuration/VERSIONING.md */
static void check_version(struct tote__file *file, const tote_configuration_node *node) {
    enum { MAJOR = 1, LAST_MINOR = 2 };
    static const char digits[] = "0123456789";
    const char *text;

    if (!tote_configuration_node_read_string(node, &text)) {
        return; /* reported by the table */
    }
    size_t major = strspn(text, digits);
    size_t minor = text[major] == '.' ? strspn(text + major + 1, digits) : 0;
    if (!major || !minor || text[major + 1 + minor] || strtoul(text, NULL, 10) != MAJOR) {
        tote__file_error(file, node,
                         "unknown version%s; this libtote reads versions \"%d.0\" to "
                         "\"%d.%d\"",
                         origin_of(node).text, MAJOR, MAJOR, LAST_MINOR);
    } else if (strtoul(text + major + 1, NULL, 10) > LAST_MINOR) {
        tote__file_problem(file, TOTE_LEVEL_WARN, node->line, node->column, node->key,
                           "the version is newer than \"%d.%d\"; keys that it adds are errors "
                           "or have no effect",
                           MAJOR, LAST_MINOR);
    }
}

void tote__validate(const tote_configuration_node *root, struct tote__file *file) {
    check(file, root, &tote__file_schema);
    check_version(file, tote_configuration_node_get(root, "file_format"));
}
