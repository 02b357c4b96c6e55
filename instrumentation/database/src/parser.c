/* SPDX-License-Identifier: MIT */
/*
 * parser.c - operations and targets among the tokens of SQL text
 *
 * This is no grammar: it knows after which words of which commands the name of a table stands.
 *
 * Tests: tests/unit/test_database_summary.c
 */
#include "database_parts.h"

enum flags {
    FOLLOWS = 1 << 0, /* the target follows the command */
    FROM = 1 << 1,    /* targets follow FROM */
    USING = 1 << 2,   /* targets follow USING */
    LIST = 1 << 3,    /* a comma separates targets */
    NESTS = 1 << 4,   /* SELECT may follow */
    PREFIX = 1 << 5,  /* another command follows */
    TYPE = 1 << 6,    /* a type of object follows, then the target */
    INNER = 1 << 7,   /* may start in parentheses */
    HIDDEN = 1 << 8,  /* is not part of the summary */
    INTO = 1 << 9     /* the target may follow INTO */
};

struct tote__sql_command {
    const char *word;
    unsigned flags;
};

/* Commands without flags have no target that says much: names of users, cursors or settings. */
static const struct tote__sql_command commands[] = {
    {"SELECT", FROM | LIST | NESTS | INNER},
    {"INSERT", FOLLOWS | INTO | NESTS | INNER},
    {"UPDATE", FOLLOWS | FROM | LIST | NESTS | INNER},
    {"DELETE", FROM | USING | LIST | NESTS | INNER},
    {"MERGE", FOLLOWS | INTO | USING | NESTS | INNER},
    {"REPLACE", FOLLOWS | INTO | NESTS},
    {"VALUES", NESTS | INNER},
    {"WITH", PREFIX | NESTS | INNER | HIDDEN},
    {"EXPLAIN", PREFIX | NESTS},
    {"PREPARE", PREFIX | NESTS},
    {"DECLARE", PREFIX | NESTS},
    {"CREATE", TYPE | NESTS},
    {"ALTER", TYPE},
    {"DROP", TYPE | LIST},
    {"REINDEX", TYPE},
    {"REFRESH", TYPE},
    {"TRUNCATE", FOLLOWS | LIST},
    {"COPY", FOLLOWS | PREFIX},
    {"LOCK", FOLLOWS | LIST},
    {"ANALYZE", FOLLOWS | LIST},
    {"VACUUM", FOLLOWS | LIST},
    {"CLUSTER", FOLLOWS},
    {"TABLE", FOLLOWS},
    {"CALL", FOLLOWS},
    {"EXEC", FOLLOWS},
    {"PRAGMA", FOLLOWS},
    {"ABORT", 0},
    {"ATTACH", 0},
    {"BEGIN", 0},
    {"CHECKPOINT", 0},
    {"CLOSE", 0},
    {"COMMENT", 0},
    {"COMMIT", 0},
    {"DEALLOCATE", 0},
    {"DETACH", 0},
    {"DISCARD", 0},
    {"DO", 0},
    {"END", 0},
    {"EXECUTE", 0},
    {"FETCH", 0},
    {"GRANT", 0},
    {"LISTEN", 0},
    {"LOAD", 0},
    {"MOVE", 0},
    {"NOTIFY", 0},
    {"RELEASE", 0},
    {"RESET", 0},
    {"REVOKE", 0},
    {"ROLLBACK", 0},
    {"SAVEPOINT", 0},
    {"SET", 0},
    {"SHOW", 0},
    {"START", 0},
    {"UNLISTEN", 0},
    {"USE", 0},
};

/* A word that is no known command. */
static const struct tote__sql_command unknown = {"", NESTS | HIDDEN};

static const char *const types[] = {
    "AGGREGATE",    "DATABASE",  "DOMAIN",      "EVENT",   "EXTENSION", "FUNCTION",
    "INDEX",        "PROCEDURE", "PUBLICATION", "SCHEMA",  "SEQUENCE",  "STATISTICS",
    "SUBSCRIPTION", "TABLE",     "TABLESPACE",  "TRIGGER", "TYPE",      "VIEW"};

/* Between a command and its type. */
static const char *const type_modifiers[] = {
    "CONSTRAINT", "EXTERNAL", "FOREIGN", "FULLTEXT",  "GLOBAL", "LOCAL",    "OR",     "RECURSIVE",
    "REPLACE",    "SPATIAL",  "TEMP",    "TEMPORARY", "UNIQUE", "UNLOGGED", "VIRTUAL"};

/* Between a command, or FROM, and its target. */
static const char *const target_modifiers[] = {
    "ABORT", "ANALYZE",       "CONCURRENTLY", "DELAYED", "EXISTS",   "FAIL",         "FREEZE",
    "FULL",  "HIGH_PRIORITY", "IF",           "IGNORE",  "LATERAL",  "LOW_PRIORITY", "NOT",
    "ON",    "ONLY",          "OR",           "REPLACE", "ROLLBACK", "TABLE",        "VERBOSE"};

/* What ends a list of targets. */
static const char *const clauses[] = {"DEFAULT", "DO",     "EXCEPT",    "FETCH",     "FOR",
                                      "GROUP",   "HAVING", "INTERSECT", "INTO",      "LIMIT",
                                      "MINUS",   "OFFSET", "ORDER",     "RETURNING", "SET",
                                      "UNION",   "VALUES", "WHEN",      "WHERE",     "WINDOW"};

static bool is_one_of(const struct tote__sql_token *token, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tote__sql_is(token, words[i])) {
            return true;
        }
    }
    return false;
}

#define IS_ONE_OF(token, words) is_one_of((token), (words), TOTE_COUNT_OF(words))

static const struct tote__sql_command *find(const struct tote__sql_token *token) {
    for (size_t i = 0; i < TOTE_COUNT_OF(commands); i++) {
        if (tote__sql_is(token, commands[i].word)) {
            return &commands[i];
        }
    }
    return &unknown;
}

static bool has(const struct tote__sql_level *level, unsigned flag) {
    return level->command && (level->command->flags & flag);
}

/* Return the command that the word starts here, or NULL if it starts none. */
static const struct tote__sql_command *starting(const struct tote__sql_parser *parser,
                                                const struct tote__sql_level *level,
                                                const struct tote__sql_token *token) {
    const struct tote__sql_command *command;

    if (token->kind != TOTE__SQL_WORD || parser->after_dot) {
        return NULL;
    }
    if (!level->has_started && parser->depth == 0) {
        return find(token);
    }
    if (tote__sql_is(token, "SELECT")) {
        return !level->command || has(level, NESTS) ? &commands[0] : NULL;
    }
    if (level->has_started && !has(level, PREFIX)) {
        return NULL;
    }
    command = find(token);
    return (command->flags & INNER) &&
                   (level->has_started || level->takes_all || tote__sql_is(token, "WITH"))
               ? command
               : NULL;
}

static enum tote__sql_role start(struct tote__sql_level *level,
                                 const struct tote__sql_command *command) {
    *level = (struct tote__sql_level){
        .command = command,
        .has_started = true,
        .expects_type = command->flags & TYPE,
        .expects_target = command->flags & FOLLOWS,
        .is_list = (command->flags & FOLLOWS) && (command->flags & LIST),
    };
    return command->flags & HIDDEN ? TOTE__SQL_OTHER : TOTE__SQL_OPERATION;
}

static enum tote__sql_role take_type(struct tote__sql_level *level,
                                     const struct tote__sql_token *token) {
    if (tote__sql_is(token, "MATERIALIZED")) {
        return TOTE__SQL_OPERATION;
    }
    if (IS_ONE_OF(token, type_modifiers)) {
        return TOTE__SQL_OTHER;
    }
    level->expects_type = false;
    if (!IS_ONE_OF(token, types)) {
        return TOTE__SQL_OTHER;
    }
    level->expects_target = true;
    level->is_list = has(level, LIST);
    level->expects_on = tote__sql_is(token, "INDEX") || tote__sql_is(token, "TRIGGER");
    return TOTE__SQL_OPERATION;
}

static enum tote__sql_role take_target(struct tote__sql_level *level,
                                       const struct tote__sql_token *token) {
    if (IS_ONE_OF(token, target_modifiers) || (has(level, INTO) && tote__sql_is(token, "INTO"))) {
        return TOTE__SQL_OTHER;
    }
    level->expects_target = false;
    bool is_string = *token->at == '\'' && !level->has_from;
    bool is_name = token->kind == TOTE__SQL_NAME ||
                   (token->kind == TOTE__SQL_EITHER && !is_string) ||
                   (token->kind == TOTE__SQL_WORD && !IS_ONE_OF(token, clauses));
    level->is_list = level->is_list && is_name;
    return is_name ? TOTE__SQL_TARGET : TOTE__SQL_OTHER;
}

/* Note a word, or a comma, after which a target stands. */
static void note(struct tote__sql_parser *parser, struct tote__sql_level *level,
                 const struct tote__sql_token *token) {
    if (tote__sql_is_operator(token, ',')) {
        level->expects_target = level->is_list;
    } else if (IS_ONE_OF(token, clauses)) {
        level->is_list = false;
    } else if (tote__sql_is(token, "JOIN") || tote__sql_is(token, "STRAIGHT_JOIN")) {
        level->expects_target = true;
    } else if (tote__sql_is(token, "FROM")) {
        bool is_clause = has(level, FROM) && !level->has_from && !parser->after_distinct;
        level->expects_target = is_clause;
        level->is_list = is_clause;
        level->has_from = level->has_from || is_clause;
    } else if (tote__sql_is(token, "USING")) {
        level->expects_target = has(level, USING) && !level->has_using;
        level->is_list = level->expects_target && has(level, LIST);
        level->has_using = true;
    } else if (level->expects_on && tote__sql_is(token, "ON")) {
        level->expects_on = false;
        level->expects_target = true;
    } else if (has(level, TYPE) && tote__sql_is(token, "BEGIN")) {
        parser->has_body = true;
    }
}

static void open_level(struct tote__sql_parser *parser, struct tote__sql_level *level) {
    bool expects_target = level && level->expects_target;
    bool takes_all = level && (expects_target || level->takes_all || has(level, PREFIX));

    if (level) {
        level->expects_target = false;
    }
    if (++parser->depth < TOTE__SQL_MOST_LEVELS) {
        parser->levels[parser->depth] = (struct tote__sql_level){
            .takes_all = takes_all,
            .expects_target = expects_target,
            .is_list = expects_target,
        };
    }
}

static enum tote__sql_role take_part(struct tote__sql_parser *parser,
                                     const struct tote__sql_token *token) {
    parser->in_target = false;
    return token->kind == TOTE__SQL_WORD || token->kind == TOTE__SQL_NAME ||
                   token->kind == TOTE__SQL_EITHER
               ? TOTE__SQL_TARGET_PART
               : TOTE__SQL_OTHER;
}

static bool is_target(enum tote__sql_role role) {
    return role == TOTE__SQL_TARGET || role == TOTE__SQL_TARGET_PART;
}

static enum tote__sql_role take(struct tote__sql_parser *parser,
                                const struct tote__sql_token *token) {
    bool is_deep = parser->depth >= TOTE__SQL_MOST_LEVELS;
    struct tote__sql_level *level = is_deep ? NULL : &parser->levels[parser->depth];

    if (parser->in_target) {
        return take_part(parser, token);
    }
    if (tote__sql_is_operator(token, '.') && is_target(parser->last_role)) {
        parser->in_target = true;
        return TOTE__SQL_OTHER;
    }
    if (tote__sql_is_operator(token, '(')) {
        open_level(parser, level);
        return TOTE__SQL_OTHER;
    }
    if (tote__sql_is_operator(token, ')')) {
        parser->depth -= parser->depth > 0;
        return TOTE__SQL_OTHER;
    }
    if (!level) {
        return TOTE__SQL_OTHER;
    }
    if (tote__sql_is_operator(token, ';') && parser->depth == 0) {
        *level = (struct tote__sql_level){.command = NULL};
        return TOTE__SQL_OTHER;
    }
    const struct tote__sql_command *command = starting(parser, level, token);
    level->has_started = true;
    if (command) {
        return start(level, command);
    }
    if (level->expects_type) {
        return take_type(level, token);
    }
    if (level->expects_target) {
        return take_target(level, token);
    }
    note(parser, level, token);
    return TOTE__SQL_OTHER;
}

enum tote__sql_role tote__sql_role_of(struct tote__sql_parser *parser,
                                      const struct tote__sql_token *token) {
    enum tote__sql_role role = parser->has_body ? TOTE__SQL_OTHER : take(parser, token);

    parser->last_role = role;
    parser->after_dot = tote__sql_is_operator(token, '.');
    parser->after_distinct = tote__sql_is(token, "DISTINCT");
    return role;
}
