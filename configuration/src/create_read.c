/* SPDX-License-Identifier: MIT */
/*
 * create_read.c - reads the keys of a configuration file, and creates named components
 *
 * Tests: tests/unit/test_configuration_create.c
 */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "create.h"
#include "file/schema.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/propagators.h"

enum { PATH_BYTES = 512, VALUE_BYTES = 512 };

void tote__create_report(struct tote__creation *creation, tote_level level,
                         const tote_configuration_node *node, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    tote__file_node_problem(&creation->problems, level, node, false, format, arguments);
    va_end(arguments);
}

void tote__create_error(struct tote__creation *creation, const tote_configuration_node *node,
                        const char *format, ...) {
    va_list arguments;

    creation->errors++;
    va_start(arguments, format);
    tote__file_node_problem(&creation->problems, TOTE_LEVEL_ERROR, node, false, format, arguments);
    va_end(arguments);
}

void tote__create_unknown_name(struct tote__creation *creation, const tote_configuration_node *node,
                               const char *kind, const char *name, const char *nearest,
                               const char *names) {
    const char *key = tote_configuration_node_get_key(node);
    bool is_key = key && strcmp(key, name) == 0;
    const char *known = nearest ? nearest : names;
    const char *format =
        nearest ? "unknown %s '%s'; did you mean \"%s\"?" : "unknown %s '%s': known are %s";

    creation->errors++;
    if (is_key) {
        tote__file_key_problem(&creation->problems, TOTE_LEVEL_ERROR, node, format, kind, name,
                               known);
    } else {
        tote__file_error(&creation->problems, node, format, kind, name, known);
    }
}

void tote__create_unknown(struct tote__creation *creation, const tote_configuration_node *node,
                          enum tote__component_kind kind, const char *name) {
    char names[TOTE__NAMES_BYTES];
    char buffer[TOTE__NAMES_BYTES];

    tote__component_list(kind, names, sizeof names);
    tote__create_unknown_name(creation, node, tote__component_kind_name(kind), name,
                              tote__component_nearest(kind, name, buffer), names);
}

void *tote__create_registered(struct tote__creation *creation, enum tote__component_kind kind,
                              const char *name, const tote_configuration_node *properties) {
    bool is_refused = creation->problems.is_refused;

    creation->problems.is_refused = false;
    tote__file_collect(&creation->problems);
    void *made = tote__component_create(kind, name, properties);
    tote__file_collect(NULL);
    creation->errors += !made && creation->problems.is_refused; /* it says why itself */
    creation->problems.is_refused |= is_refused;
    return made;
}

void *tote__create_memory(struct tote__creation *creation, size_t size) {
    void *memory = tote__arena_allocate(&creation->memory, size ? size : 1);

    if (!memory) {
        creation->errors++;
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "configuration", "out of memory");
    }
    return memory;
}

static void observe(const struct tote__creation *creation, const char *path,
                    const tote_configuration_node *node, const char *value,
                    enum tote__setting_kind kind) {
    char origin[VALUE_BYTES];
    const char *name = creation->problems.name;
    const char *slash = strrchr(name, '/');

    snprintf(origin, sizeof origin, "%s:%u", slash ? slash + 1 : name,
             tote_configuration_node_get_line(node));
    tote__check->observe(tote__check->self, &(struct tote__shown){
                                                .name = path,
                                                .value = value,
                                                .origin = node ? origin : "default",
                                                .line = tote_configuration_node_get_line(node),
                                                .kind = kind,
                                            });
}

void tote__note(const struct tote__creation *creation, const tote_configuration_node *node,
                const char *value) {
    char path[PATH_BYTES];

    if (tote__check) {
        tote_configuration_node_get_path(node, path, sizeof path);
        observe(creation, path, node, value, TOTE__SETTING_TEXT);
    }
}

void tote__note_default(const char *path, const char *value) {
    if (tote__check) {
        tote__check->observe(tote__check->self, &(struct tote__shown){
                                                    .name = path,
                                                    .value = value,
                                                    .origin = "default",
                                                });
    }
}

/*
 * Observe a key; `node` is NULL if it has its default. A default of "" is not shown, nor is one of
 * a missing mapping whose path is not known.
 */
static void note_key(const struct tote__creation *creation, const tote_configuration_node *parent,
                     const char *key, const tote_configuration_node *node, const char *value,
                     enum tote__setting_kind kind) {
    char path[PATH_BYTES];

    if (tote__check && (node || *value) && (parent || creation->missing)) {
        size_t used = parent ? tote_configuration_node_get_path(parent, path, sizeof path)
                             : (size_t)snprintf(path, sizeof path, "%s", creation->missing);
        if (used < sizeof path) {
            snprintf(path + used, sizeof path - used, "%s%s", used ? "." : "", key);
        }
        observe(creation, path, node, value, kind);
    }
}

const tote_configuration_node *tote__read_node(const tote_configuration_node *parent,
                                               const char *key) {
    const tote_configuration_node *node = tote_configuration_node_get(parent, key);

    return tote_configuration_node_get_type(node) == TOTE_CONFIGURATION_TYPE_NULL ? NULL : node;
}

const char *tote__read_text(struct tote__creation *creation, const tote_configuration_node *parent,
                            const char *key, enum tote__setting_kind kind, const char *fallback) {
    const tote_configuration_node *node = tote__read_node(parent, key);
    const char *text = NULL;
    char shown[VALUE_BYTES];

    tote_configuration_node_read_string(node, &text);
    if (text) {
        tote__setting_show(kind, text, shown, sizeof shown);
    }
    note_key(creation, parent, key, text ? node : NULL, text ? shown : fallback, kind);
    return text;
}

bool tote__read_bool(struct tote__creation *creation, const tote_configuration_node *parent,
                     const char *key, bool fallback) {
    const tote_configuration_node *node = tote__read_node(parent, key);
    bool value = fallback;

    tote_configuration_node_read_bool(node, &value);
    note_key(creation, parent, key, node, value ? "true" : "false", TOTE__SETTING_BOOLEAN);
    return value;
}

double tote__read_ratio(struct tote__creation *creation, const tote_configuration_node *parent) {
    const tote_configuration_node *node = tote__read_node(parent, "ratio");
    double ratio = 1;
    char shown[VALUE_BYTES];

    tote_configuration_node_read_double(node, &ratio);
    snprintf(shown, sizeof shown, "%g", ratio);
    note_key(creation, parent, "ratio", node, shown, TOTE__SETTING_RATIO);
    return ratio;
}

/* Returns false if the key has its default. */
static bool read_number(struct tote__creation *creation, const tote_configuration_node *parent,
                        const char *key, const char *fallback, uint64_t *number) {
    const tote_configuration_node *node = tote__read_node(parent, key);
    int64_t value = 0;
    char shown[VALUE_BYTES];

    tote_configuration_node_read_int(node, &value);
    snprintf(shown, sizeof shown, "%lld", (long long)value);
    note_key(creation, parent, key, node, node ? shown : fallback, TOTE__SETTING_NUMBER);
    *number = (uint64_t)value;
    return node;
}

uint32_t tote__read_option(struct tote__creation *creation, const tote_configuration_node *parent,
                           const char *key, uint32_t zero, const char *fallback) {
    uint64_t number = 0;

    if (!read_number(creation, parent, key, fallback, &number)) {
        return 0;
    }
    return !number ? zero : number >= TOTE_OPTION_ZERO ? TOTE_OPTION_UNLIMITED : (uint32_t)number;
}

void tote__read_options(struct tote__creation *creation, const tote_configuration_node *parent,
                        const struct tote__option *table, size_t count, void *options) {
    for (size_t i = 0; i < count; i++) {
        uint32_t *field = (uint32_t *)(void *)((char *)options + table[i].field);
        uint32_t value =
            tote__read_option(creation, parent, table[i].key, table[i].zero, table[i].fallback);
        if (!*field) { /* the program has not set it */
            *field = value;
        }
    }
}

struct tote__texts tote__read_texts(struct tote__creation *creation,
                                    const tote_configuration_node *parent, const char *key) {
    const tote_configuration_node *node = tote__read_node(parent, key);
    size_t count = tote_configuration_node_get_count(node);
    const char **items = node ? tote__create_memory(creation, count * sizeof *items) : NULL;
    struct tote__texts texts = {items, 0};

    for (size_t i = 0; items && i < count; i++) {
        const tote_configuration_node *item = tote_configuration_node_get_at(node, i);
        if (tote_configuration_node_read_string(item, &items[texts.count])) {
            tote__note(creation, item, items[texts.count]);
            texts.count++;
        }
    }
    return texts;
}

void *tote__create_component(struct tote__creation *creation, enum tote__component_kind kind,
                             const struct tote__builder *table,
                             const tote_configuration_node *mapping) {
    const tote_configuration_node *properties = tote_configuration_node_get_at(mapping, 0);
    const char *name = tote_configuration_node_get_key(properties);
    unsigned errors = creation->errors;
    bool is_known = false;
    void *made = NULL;

    if (!name) {
        tote__create_error(creation, mapping, "this must be a mapping with one key, the name of %s",
                           tote__component_kind_name(kind));
        return NULL;
    }
    for (; table->name && !is_known; table++) {
        if (strcmp(table->name, name) == 0) {
            is_known = true;
            made = table->make(creation, properties);
        }
    }
    if (!is_known && tote__component_is_registered(kind, name)) {
        is_known = true;
        made = tote__create_registered(creation, kind, name, properties);
    }
    if (!is_known) {
        tote__create_unknown(creation, properties, kind, name);
    } else if (!made && creation->errors == errors) {
        tote__create_error(creation, properties,
                           "the %s '%s' could not be created from these properties",
                           tote__component_kind_name(kind), name);
    } else if (!tote_configuration_node_get_count(properties)) {
        tote__note(creation, mapping, name);
    }
    return made;
}

/* Read a value of `distribution: tote:` into its field. */
static void read_own(struct tote__creation *creation, const tote_configuration_node *parent,
                     const struct tote__setting *setting) {
    void *field = (char *)&creation->own + setting->field;
    const char *text;
    uint64_t number;

    switch (setting->kind) {
    case TOTE__SETTING_BOOLEAN:
        *(bool *)field = tote__read_bool(creation, parent, setting->key, false);
        break;
    case TOTE__SETTING_TEXTS:
        *(struct tote__texts *)field = tote__read_texts(creation, parent, setting->key);
        break;
    case TOTE__SETTING_NUMBER:
    case TOTE__SETTING_SIZE:
        if (!read_number(creation, parent, setting->key, setting->fallback, &number)) {
            return;
        }
        if (setting->kind == TOTE__SETTING_SIZE) {
            *(size_t *)field = (size_t)(number < SIZE_MAX ? number : SIZE_MAX);
        } else {
            *(uint32_t *)field =
                (uint32_t)(number < TOTE_OPTION_UNLIMITED ? number : TOTE_OPTION_UNLIMITED);
        }
        break;
    default:
        text = tote__read_text(creation, parent, setting->key, setting->kind, setting->fallback);
        size_t position =
            text && setting->words ? tote__setting_find_word(setting->words, text) : 0;
        if (setting->words) {
            *(uint32_t *)field = (uint32_t)position;
        } else {
            *(const char **)field = text;
        }
    }
}

/* Report values that an option of Tote cannot have. */
static void check_own(struct tote__creation *creation, const tote_configuration_node *node) {
    static const char *const paths[] = {"disk_queue_directory", "crash_safe_directory"};
    const tote_configuration_node *hosts =
        tote_configuration_node_get(node, "propagation_allowed_hosts");
    const char *text;

    for (size_t i = 0; i < TOTE_COUNT_OF(paths); i++) {
        const tote_configuration_node *path = tote_configuration_node_get(node, paths[i]);
        if (tote_configuration_node_read_string(path, &text) && *text && *text != '/') {
            tote__create_error(creation, path, "this is not an absolute path: begin it with /");
        }
    }
    for (size_t i = 0; i < tote_configuration_node_get_count(hosts); i++) {
        const tote_configuration_node *host = tote_configuration_node_get_at(hosts, i);
        if (tote_configuration_node_read_string(host, &text) && !tote__is_allowed_host(text)) {
            tote__create_error(creation, host,
                               "this matches no host: write the host of a URL without scheme, port "
                               "and path, or .example.com for all hosts below that domain");
        }
    }
}

/* Split words at the blanks, into an array that ends with NULL. */
static const char **split_words(struct tote__creation *creation, const char *words) {
    struct tote__part rest = {words, strlen(words)};
    struct tote__part one;
    size_t count = 0;
    const char **names = tote__create_memory(creation, (rest.length + 1) * sizeof *names);

    while (names && tote__next_part(&rest, ' ', &one)) {
        names[count] = tote__arena_text(&creation->memory, one.at, one.length);
        if (!names[count++]) {
            creation->problems.is_out_of_memory = true;
            return NULL;
        }
    }
    if (names) {
        names[count] = NULL;
    }
    return names;
}

/* Return the schema of an option of Tote. Null is the default, as in the rest of the file. */
static struct tote__schema schema_of(struct tote__creation *creation,
                                     const struct tote__setting *setting) {
    static const struct tote__schema text = {.types = TOTE__IS_STRING};
    struct tote__schema schema = {.types = TOTE__OR_NULL | TOTE__IS_STRING};

    if (setting->kind == TOTE__SETTING_BOOLEAN) {
        schema.types = TOTE__OR_NULL | TOTE__IS_BOOL;
    } else if (setting->kind == TOTE__SETTING_TEXTS) {
        schema.types = TOTE__OR_NULL | TOTE__IS_SEQUENCE;
        schema.items = &text;
    } else if (setting->kind == TOTE__SETTING_NUMBER || setting->kind == TOTE__SETTING_SIZE) {
        schema.types = TOTE__OR_NULL | TOTE__IS_INTEGER;
        schema.least = setting->least;
        schema.most = INFINITY;
    } else if (setting->words) {
        schema.names = split_words(creation, setting->words);
    }
    return schema;
}

/* Returns false, with counted errors, if the options have an error. */
static bool validate_own(struct tote__creation *creation, const tote_configuration_node *node) {
    size_t setting_count;
    const struct tote__setting *settings = tote__settings(&setting_count);
    struct tote__schema_key *keys =
        tote__create_memory(creation, (setting_count + 1) * sizeof *keys);
    struct tote__schema *schemas = tote__create_memory(creation, setting_count * sizeof *schemas);
    struct tote__schema all = {.types = TOTE__OR_NULL | TOTE__IS_MAPPING, .keys = keys};
    size_t count = 0;

    if (!keys || !schemas) {
        return false;
    }
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].field != TOTE__NO_FIELD) {
            schemas[count] = schema_of(creation, &settings[i]);
            keys[count] = (struct tote__schema_key){settings[i].key, &schemas[count], false};
            count++;
        }
    }
    keys[count] = (struct tote__schema_key){NULL, NULL, false};
    tote__validate_node(node, &all, &creation->problems);
    creation->errors += creation->problems.is_refused;
    return !creation->problems.is_refused;
}

void tote__create_own(struct tote__creation *creation, const tote_configuration_node *node) {
    size_t setting_count;
    const struct tote__setting *settings = tote__settings(&setting_count);

    if (node && !validate_own(creation, node)) {
        return;
    }
    for (size_t i = 0; i < setting_count; i++) {
        if (settings[i].field != TOTE__NO_FIELD) {
            read_own(creation, node, &settings[i]);
        }
    }
    check_own(creation, node);
}
