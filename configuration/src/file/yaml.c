/* SPDX-License-Identifier: MIT */
/*
 * yaml.c - from the events of libyaml to the tree of a configuration
 *
 * The tree is built in the order of the events: `open` is the innermost sequence or mapping that
 * has not ended. Tags, merge keys, duplicate keys and second documents are errors. An alias becomes
 * a copy of its node, so each node has one parent. Spec: configuration/data-model.md
 *
 * Tests: tests/unit/test_configuration_file.c
 */
#include <limits.h>
#include <stdio.h>
#include <yaml.h>

#include "file.h"
#include "tote/internal/api_os.h"

struct anchor {
    struct anchor *next;
    const char *name;
    const tote_configuration_node *node;
};

struct builder {
    struct tote__file *file;
    struct tote__part text;
    struct tote__arena *memory; /* of the configuration */
    tote_configuration_node *root;
    tote_configuration_node *open;
    struct tote__part key; /* of the next value in a mapping; NULL: the next scalar is a key */
    uint32_t key_line;
    uint32_t key_column;
    size_t depth; /* of `open` */
    size_t node_count;
    size_t alias_count;
    size_t substituted; /* bytes that references added */
    size_t document_count;
    struct anchor *anchors; /* the newest first */
    bool is_stopped;        /* what follows cannot be read */
};

static uint32_t line_of(const yaml_event_t *event) {
    return (uint32_t)event->start_mark.line + 1;
}

static uint32_t column_of(const yaml_event_t *event) {
    return (uint32_t)event->start_mark.column + 1;
}

/* Report an error at an event. The path is that of the innermost open node. */
static void error_at(struct builder *builder, const yaml_event_t *event, const char *message) {
    char path[TOTE__PROBLEM_BYTES];

    tote_configuration_node_get_path(builder->open, path, sizeof path);
    tote__file_problem(builder->file, TOTE_LEVEL_ERROR, line_of(event), column_of(event), path,
                       "%s", message);
}

static void stop(struct builder *builder, const yaml_event_t *event, const char *message) {
    error_at(builder, event, message);
    builder->is_stopped = true;
}

static void stop_without_memory(struct builder *builder) {
    builder->file->is_out_of_memory = true;
    builder->is_stopped = true;
}

static void refuse_limit(struct builder *builder, const yaml_event_t *event, const char *what,
                         int limit) {
    char message[128];

    snprintf(message, sizeof message, "the file has more than %d %s", limit, what);
    stop(builder, event, message);
}

/* Report a key that the open mapping has already. */
static void check_key(struct builder *builder, const tote_configuration_node *node) {
    const tote_configuration_node *first = tote_configuration_node_get(builder->open, node->key);

    if (first) {
        tote__file_key_problem(builder->file, TOTE_LEVEL_ERROR, node,
                               "the key is already in line %u: remove one of the two",
                               first->key_line);
    }
}

/* Append a new node to the open one. Returns NULL, and stops, if there is no memory for it. */
static tote_configuration_node *append(struct builder *builder, const yaml_event_t *event) {
    tote_configuration_node *parent = builder->open;
    tote_configuration_node *node = builder->root;

    if (++builder->node_count > TOTE__MOST_NODES) {
        refuse_limit(builder, event, "values", TOTE__MOST_NODES);
        return NULL;
    }
    if (parent) {
        node = tote__arena_allocate(builder->memory, sizeof *node);
    }
    if (!node) {
        stop_without_memory(builder);
        return NULL;
    }
    *node = (tote_configuration_node){
        .parent = parent, .line = line_of(event), .column = column_of(event)};
    if (!parent) {
        return node;
    }
    if (parent->type == TOTE_CONFIGURATION_TYPE_MAPPING) {
        node->key = builder->key.at;
        node->key_line = builder->key_line;
        node->key_column = builder->key_column;
        builder->key = (struct tote__part){NULL, 0};
        check_key(builder, node);
    }
    node->index = parent->as.children.count++;
    if (parent->as.children.last) {
        parent->as.children.last->next = node;
    } else {
        parent->as.children.first = node;
    }
    parent->as.children.last = node;
    return node;
}

/* Index the children of a complete node. */
static void complete(struct builder *builder, tote_configuration_node *node) {
    size_t count = node->as.children.count;
    size_t index = 0;

    if (!count) {
        return;
    }
    node->as.children.at = tote__arena_allocate(builder->memory, count * sizeof(void *));
    if (!node->as.children.at) {
        stop_without_memory(builder);
        return;
    }
    for (const tote_configuration_node *child = node->as.children.first; child;
         child = child->next) {
        node->as.children.at[index++] = child;
    }
}

static void add_anchor(struct builder *builder, const yaml_char_t *name,
                       const tote_configuration_node *node) {
    struct anchor *anchor = name ? tote__arena_allocate(builder->memory, sizeof *anchor) : NULL;

    if (!name) {
        return;
    }
    if (anchor) {
        *anchor = (struct anchor){builder->anchors, NULL, node};
        anchor->name =
            tote__arena_text(builder->memory, (const char *)name, strlen((const char *)name));
    }
    if (!anchor || !anchor->name) {
        stop_without_memory(builder);
        return;
    }
    builder->anchors = anchor;
}

static void check_tag(struct builder *builder, const yaml_event_t *event, const yaml_char_t *tag) {
    if (tag) {
        error_at(builder, event, "tags are not supported: quote a text, and remove any other tag");
    }
}

/* Read a scalar as the key of the next value. Keys are not substituted. */
static void read_key(struct builder *builder, const yaml_event_t *event) {
    const char *text = (const char *)event->data.scalar.value;
    size_t length = event->data.scalar.length;
    char *copy = tote__arena_text(builder->memory, text, length);

    if (!copy) {
        stop_without_memory(builder);
        return;
    }
    if (strlen(copy) != length) {
        error_at(builder, event, "the key contains a NUL character");
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(copy, "<<") == 0) {
        error_at(builder, event, "merge keys are not supported: write the keys themselves");
    }
    check_tag(builder, event, event->data.scalar.tag);
    builder->key = (struct tote__part){copy, length};
    builder->key_line = line_of(event);
    builder->key_column = column_of(event);
}

/* Return the text of a scalar with its references replaced. NULL: it is reported, or no memory. */
static const char *substituted_text(struct builder *builder, const tote_configuration_node *node,
                                    const yaml_event_t *event, size_t *length) {
    const char *text = (const char *)event->data.scalar.value;
    size_t before = event->data.scalar.length;
    struct tote__part malformed = {NULL, 0};
    struct tote__writer out = {NULL, 0, 0};

    if (!tote__substitute(text, before, &out, &malformed)) {
        tote__file_error(builder->file, node,
                         "'%.*s' is not a reference: write ${NAME}, ${env:NAME} or "
                         "${NAME:-default}, and $$ for a $",
                         (int)tote__min(malformed.length, 256), malformed.at);
        return NULL;
    }
    builder->substituted += out.length > before ? out.length - before : 0;
    if (builder->substituted > TOTE__MOST_FILE_BYTES) {
        refuse_limit(builder, event, "bytes of environment variables", TOTE__MOST_FILE_BYTES);
        return NULL;
    }
    out =
        (struct tote__writer){tote__arena_allocate(builder->memory, out.length + 1), out.length, 0};
    if (!out.buffer) {
        stop_without_memory(builder);
        return NULL;
    }
    tote__substitute(text, before, &out, &malformed);
    *length = tote__min(out.length, out.size);
    out.buffer[*length] = '\0';
    if (tote__is_privileged() && tote__find(text, before, "${")) {
        tote__file_problem(builder->file, TOTE_LEVEL_WARN, node->line, node->column, NULL,
                           "variables are not read, because the program is setuid, setgid or has "
                           "file capabilities");
    }
    return out.buffer;
}

/* Keep the name of the variable that a node has its value from. */
static void note_variable(struct builder *builder, tote_configuration_node *node,
                          const yaml_event_t *event) {
    struct tote__part name =
        tote__reference_name((const char *)event->data.scalar.value, event->data.scalar.length);

    if (!name.length) {
        return;
    }
    node->variable = tote__arena_text(builder->memory, name.at, name.length);
    if (!node->variable) {
        stop_without_memory(builder);
    }
}

static void read_scalar(struct builder *builder, const yaml_event_t *event) {
    tote_configuration_node *node;
    const char *text;
    size_t length = 0;

    if (builder->open && builder->open->type == TOTE_CONFIGURATION_TYPE_MAPPING &&
        !builder->key.at) {
        read_key(builder, event);
        return;
    }
    node = append(builder, event);
    if (!node) {
        return;
    }
    node->type = TOTE_CONFIGURATION_TYPE_MISSING; /* without a text: already reported */
    check_tag(builder, event, event->data.scalar.tag);
    add_anchor(builder, event->data.scalar.anchor, node);
    note_variable(builder, node, event);
    text = substituted_text(builder, node, event, &length);
    if (!text) {
        return;
    }
    if (event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE) {
        tote__scalar_resolve(node, text, length);
    } else {
        node->type = TOTE_CONFIGURATION_TYPE_STRING;
        node->as.text.at = text;
        node->as.text.length = length;
    }
    if (strlen(text) != length) {
        tote__file_error(builder->file, node, "the text contains a NUL character");
    } else if (tote__utf8_valid_prefix(text, length) != length) {
        tote__file_error(builder->file, node,
                         "the text is not valid UTF-8 after environment variables are inserted");
    }
}

/* Begin a sequence or mapping. */
static void read_start(struct builder *builder, const yaml_event_t *event,
                       tote_configuration_type type, const yaml_char_t *tag,
                       const yaml_char_t *name) {
    tote_configuration_node *node;

    if (builder->open && builder->open->type == TOTE_CONFIGURATION_TYPE_MAPPING &&
        !builder->key.at) {
        stop(builder, event, "a key must be text");
        return;
    }
    if (builder->depth == TOTE__MOST_DEPTH) {
        refuse_limit(builder, event, "levels of nested values", TOTE__MOST_DEPTH);
        return;
    }
    node = append(builder, event);
    if (!node) {
        return;
    }
    node->type = type;
    check_tag(builder, event, tag);
    add_anchor(builder, name, node);
    builder->open = node;
    builder->depth++;
}

static void read_end(struct builder *builder) {
    tote_configuration_node *node = builder->open;

    if (!node) {
        return;
    }
    complete(builder, node);
    builder->open = (tote_configuration_node *)node->parent; /* built here, so not constant */
    builder->depth--;
}

/* Copy what `from` contains into `to`, whose parent is open. The recursion is limited by depth. */
static void copy_node(struct builder *builder, const yaml_event_t *event,
                      tote_configuration_node *to, const tote_configuration_node *from) {
    to->type = from->type;
    to->line = from->line;
    to->column = from->column;
    to->variable = from->variable;
    if (from->type != TOTE_CONFIGURATION_TYPE_SEQUENCE &&
        from->type != TOTE_CONFIGURATION_TYPE_MAPPING) {
        to->as = from->as;
        return;
    }
    if (builder->depth == TOTE__MOST_DEPTH) {
        refuse_limit(builder, event, "levels of nested values", TOTE__MOST_DEPTH);
        return;
    }
    builder->open = to;
    builder->depth++;
    for (const tote_configuration_node *child = from->as.children.first;
         child && !builder->is_stopped; child = child->next) {
        builder->key = (struct tote__part){child->key, 0};
        builder->key_line = child->key_line;
        builder->key_column = child->key_column;
        tote_configuration_node *copy = append(builder, event);
        if (copy) {
            copy_node(builder, event, copy, child);
        }
    }
    if (!builder->is_stopped) {
        read_end(builder);
    }
}

static bool is_around(const tote_configuration_node *outer, const tote_configuration_node *node) {
    while (node && node != outer) {
        node = node->parent;
    }
    return node != NULL;
}

static void read_alias(struct builder *builder, const yaml_event_t *event) {
    const char *name = (const char *)event->data.alias.anchor;
    const struct anchor *anchor = builder->anchors;
    tote_configuration_node *node;

    if (builder->open && builder->open->type == TOTE_CONFIGURATION_TYPE_MAPPING &&
        !builder->key.at) {
        stop(builder, event, "a key must be text: an alias is not supported here");
        return;
    }
    while (anchor && strcmp(anchor->name, name) != 0) {
        anchor = anchor->next;
    }
    if (!anchor) {
        stop(builder, event, "there is no anchor of this name before the alias");
    } else if (is_around(anchor->node, builder->open)) {
        stop(builder, event, "the alias is inside its own anchor");
    } else if (++builder->alias_count > TOTE__MOST_ALIASES) {
        refuse_limit(builder, event, "aliases", TOTE__MOST_ALIASES);
    } else if ((node = append(builder, event))) {
        copy_node(builder, event, node, anchor->node);
    }
}

static void read_event(struct builder *builder, const yaml_event_t *event) {
    switch (event->type) {
    case YAML_DOCUMENT_START_EVENT:
        if (++builder->document_count > 1) {
            stop(builder, event, "the file has more than one document: remove the ---");
        }
        break;
    case YAML_SCALAR_EVENT:
        read_scalar(builder, event);
        break;
    case YAML_SEQUENCE_START_EVENT:
        read_start(builder, event, TOTE_CONFIGURATION_TYPE_SEQUENCE, event->data.sequence_start.tag,
                   event->data.sequence_start.anchor);
        break;
    case YAML_MAPPING_START_EVENT:
        read_start(builder, event, TOTE_CONFIGURATION_TYPE_MAPPING, event->data.mapping_start.tag,
                   event->data.mapping_start.anchor);
        break;
    case YAML_SEQUENCE_END_EVENT:
    case YAML_MAPPING_END_EVENT:
        read_end(builder);
        break;
    case YAML_ALIAS_EVENT:
        read_alias(builder, event);
        break;
    default:
        break;
    }
}

static const char after_colon[] = "after a colon"; /* a context that libyaml does not report */

/*
 * What libyaml reports, and what to do. %u is the line where the value began that libyaml was in.
 * A problem of `is_at_start` is reported there.
 */
static const struct cure {
    const char *problem;
    const char *context; /* NULL: any */
    const char *text;
    bool is_at_start;
} cures[] = {
    {"found character that cannot start any token", NULL,
     "indent by blanks, not by tabs; put a text that begins with @, ` or % in quotes", false},
    {"found a tab character", NULL, "indent by blanks, not by tabs", false},
    {"did not find expected '-' indicator", NULL,
     "check the indentation: a list begins in line %u, and its items begin with \"- \" in one "
     "column",
     false},
    {"did not find expected key", "while parsing a block mapping",
     "check the indentation and the quotes: a mapping begins in line %u, and its keys begin in one "
     "column",
     false},
    {"mapping values are not allowed", after_colon, "put a text that contains \": \" in quotes",
     false},
    {"mapping values are not allowed", NULL,
     "check the indentation, and whether the line before lacks a blank after a colon", false},
    {"could not find expected ':'", NULL, "a key ends with a colon and a blank", true},
    {"found unexpected end of stream", "while scanning a quoted scalar",
     "the quote that begins here does not end", true},
    {"did not find expected ',' or ']'", NULL,
     "the [ is in line %u; inside [ ] put a text that contains a brace in quotes", false},
    {"did not find expected ',' or '}'", NULL,
     "the { is in line %u; inside { } put a text that contains a brace in quotes", false},
    {"", "while parsing a quoted scalar",
     "write \\\\ for a \\ in double quotes, or use single quotes", false},
};

/* Return whether the line of a mark has a colon before it. */
static bool has_colon_before(struct tote__part text, const yaml_mark_t *mark) {
    for (size_t line = 0; line < mark->line; line++) {
        const char *end = text.length ? memchr(text.at, '\n', text.length) : NULL;
        size_t skipped = end ? (size_t)(end - text.at) + 1 : text.length;
        text = (struct tote__part){text.at + skipped, text.length - skipped};
    }
    return memchr(text.at, ':', tote__min(text.length, mark->column)) != NULL;
}

static const struct cure *find_cure(const char *problem, const char *context) {
    for (size_t i = 0; i < TOTE_COUNT_OF(cures); i++) {
        if (strstr(problem, cures[i].problem) &&
            (!cures[i].context || strcmp(context, cures[i].context) == 0)) {
            return &cures[i];
        }
    }
    return NULL;
}

/* Report why libyaml failed, at the position that it names or where the value began, and a cure. */
static void report_syntax(struct builder *builder, const yaml_parser_t *parser) {
    const char *problem = parser->problem ? parser->problem : "unknown problem";
    const char *context = parser->context ? parser->context : "";
    bool is_after_colon = !*context && has_colon_before(builder->text, &parser->problem_mark);

    const struct cure *cure = find_cure(problem, is_after_colon ? after_colon : context);
    const yaml_mark_t *mark =
        cure && cure->is_at_start ? &parser->context_mark : &parser->problem_mark;
    uint32_t line = (uint32_t)mark->line + 1;
    uint32_t column = (uint32_t)mark->column + 1;
    const char *gap = cure ? strstr(cure->text, "%u") : NULL;
    char start[16];

    if (parser->error == YAML_MEMORY_ERROR) {
        stop_without_memory(builder);
        return;
    }
    if (parser->error == YAML_READER_ERROR) {
        tote__file_position(builder->text.at, parser->problem_offset, &line, &column);
    }
    snprintf(start, sizeof start, "%zu", parser->context_mark.line + 1);
    tote__file_problem(builder->file, TOTE_LEVEL_ERROR, line, column, NULL,
                       "this is not valid YAML: %s%s%.*s%s%s", problem, cure ? "; " : "",
                       cure ? (int)(gap ? gap - cure->text : INT_MAX) : 0, cure ? cure->text : "",
                       gap ? start : "", gap ? gap + 2 : "");
    builder->is_stopped = true;
}

static void build(struct builder *builder, yaml_parser_t *parser) {
    bool is_at_end = false;

    while (!is_at_end && !builder->is_stopped) {
        yaml_event_t event;
        if (!yaml_parser_parse(parser, &event)) {
            report_syntax(builder, parser);
            return;
        }
        is_at_end = event.type == YAML_STREAM_END_EVENT;
        read_event(builder, &event);
        yaml_event_delete(&event);
    }
}

bool tote__yaml_read(const char *text, size_t length, tote_configuration *configuration,
                     struct tote__file *file) {
    struct builder builder = {.file = file,
                              .text = {text, length},
                              .memory = &configuration->memory,
                              .root = &configuration->root};
    yaml_parser_t parser;

    if (!yaml_parser_initialize(&parser)) {
        file->is_out_of_memory = true;
        return false;
    }
    yaml_parser_set_encoding(&parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&parser, (const unsigned char *)text, length);
    build(&builder, &parser);
    yaml_parser_delete(&parser);
    if (builder.is_stopped) {
        return false;
    }
    bool is_mapping = configuration->root.type == TOTE_CONFIGURATION_TYPE_MAPPING;
    if (!is_mapping) {
        tote__file_problem(file, TOTE_LEVEL_ERROR, 0, 0, NULL,
                           builder.document_count
                               ? "the file must contain a mapping that begins with file_format"
                               : "the file is empty");
    }
    return is_mapping;
}
