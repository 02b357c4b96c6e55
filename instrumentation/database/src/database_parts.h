/* SPDX-License-Identifier: MIT */
/*
 * database_parts.h - internal functions of the database instrumentation
 */
#ifndef TOTE_DATABASE_PARTS_H
#define TOTE_DATABASE_PARTS_H

#include "tote/instrumentation/database.h"
#include "tote/internal/text.h"

/*
 * What a dialect reads in its own way. Where a dialect has none of the rules for a character,
 * literals after it are in doubt.
 */
enum tote__sql_rules {
    TOTE__SQL_PLAIN_BACKSLASH = 1 << 0,    /* a backslash in a string has no meaning */
    TOTE__SQL_E_STRINGS = 1 << 1,          /* E'...' has backslash escapes */
    TOTE__SQL_DOLLAR_STRINGS = 1 << 2,     /* $tag$...$tag$ */
    TOTE__SQL_NESTED_COMMENTS = 1 << 3,    /* block comments nest */
    TOTE__SQL_FLAT_COMMENTS = 1 << 4,      /* block comments end at the first end */
    TOTE__SQL_HASH_COMMENTS = 1 << 5,      /* # starts a comment */
    TOTE__SQL_HASH_OPERATORS = 1 << 6,     /* # is an operator */
    TOTE__SQL_DASH_COMMENTS = 1 << 7,      /* "--" starts a comment */
    TOTE__SQL_DASH_OPERATORS = 1 << 8,     /* "--" starts a comment only before white space */
    TOTE__SQL_RETURN_ENDS_LINE = 1 << 9,   /* a carriage return ends the comment of a line */
    TOTE__SQL_RETURN_IN_LINE = 1 << 10,    /* it does not */
    TOTE__SQL_QUOTED_NAMES = 1 << 11,      /* "name" */
    TOTE__SQL_LAX_QUOTES = 1 << 12,        /* "x" and 'x' are names or literals */
    TOTE__SQL_BACKTICK_NAMES = 1 << 13,    /* `name` */
    TOTE__SQL_BRACKET_NAMES = 1 << 14,     /* [name] */
    TOTE__SQL_BRACKET_OPERATORS = 1 << 15, /* [ and ] are operators */
    TOTE__SQL_NAMED_PARAMETERS = 1 << 16,  /* ?1, :name, @name and $name */
    TOTE__SQL_PROSE = 1 << 17              /* a message: any quotes enclose literals */
};

/* Return the rules for a db.system.name. Without any rule, more text is in doubt. */
unsigned tote__sql_rules_of(const char *system);

enum tote__sql_kind {
    TOTE__SQL_END,
    TOTE__SQL_DOUBT, /* the rest, in which literals cannot be told apart from other text */
    TOTE__SQL_SPACE,
    TOTE__SQL_COMMENT,
    TOTE__SQL_WORD,
    TOTE__SQL_NAME,   /* quoted */
    TOTE__SQL_EITHER, /* quoted; a name or a literal */
    TOTE__SQL_LITERAL,
    TOTE__SQL_PARAMETER,
    TOTE__SQL_OPERATOR /* one character */
};

struct tote__sql_token {
    enum tote__sql_kind kind;
    const char *at;
    size_t length;
};

struct tote__sql_lexer {
    const char *at;
    const char *end;
    unsigned rules;
    bool is_cut; /* the text goes on after `end`, with NUL or invalid UTF-8 */
};

struct tote__sql_lexer tote__sql_lexer_over(unsigned rules, const char *text, size_t length);

/* Return the next token. After TOTE__SQL_END and TOTE__SQL_DOUBT there is no other one. */
struct tote__sql_token tote__sql_next(struct tote__sql_lexer *lexer);

static inline bool tote__sql_is(const struct tote__sql_token *token, const char *word) {
    enum { CASE = 'a' - 'A' };

    return token->kind == TOTE__SQL_WORD && (*token->at | CASE) == (*word | CASE) &&
           tote__equals_ignoring_case(token->at, token->length, word, strlen(word));
}

static inline bool tote__sql_is_operator(const struct tote__sql_token *token, char c) {
    return token->kind == TOTE__SQL_OPERATOR && *token->at == c;
}

/*
 * Follows the tokens of a query and recognizes operations and their targets. A level is what is
 * between parentheses. Targets in deeper levels are not recognized.
 */
enum { TOTE__SQL_MOST_LEVELS = 64 };

struct tote__sql_level {
    const struct tote__sql_command *command; /* NULL: none yet */
    bool has_started;                        /* a token was seen that is not a parenthesis */
    bool takes_all;    /* any nested command may start here, not only SELECT */
    bool expects_type; /* TABLE of CREATE TABLE, and words before it */
    bool expects_target;
    bool expects_on; /* the target follows ON */
    bool is_list;    /* a comma separates targets */
    bool has_from;
    bool has_using;
};

enum tote__sql_role {
    TOTE__SQL_OTHER,
    TOTE__SQL_OPERATION, /* a command, or TABLE of CREATE TABLE */
    TOTE__SQL_TARGET,
    TOTE__SQL_TARGET_PART /* after the dot of a target */
};

struct tote__sql_parser {
    struct tote__sql_level levels[TOTE__SQL_MOST_LEVELS];
    size_t depth;
    enum tote__sql_role last_role;
    bool after_dot; /* of any path */
    bool in_target; /* after the dot of a target */
    bool after_distinct;
    bool has_body; /* what follows is the body of a trigger or a function */
};

/* Return the role of a token. The parser starts as all zero. White space is not passed. */
enum tote__sql_role tote__sql_role_of(struct tote__sql_parser *parser,
                                      const struct tote__sql_token *token);

/* How query texts are recorded. */
enum tote__database_text {
    TOTE__DATABASE_TEXT_SANITIZED,
    TOTE__DATABASE_TEXT_RAW,
    TOTE__DATABASE_TEXT_NONE
};

struct tote__database_config {
    enum tote__database_text text;
    bool wants_comment;
    bool wants_rows;
};

/* Return what the environment sets. It is read once. */
const struct tote__database_config *tote__database_config(void);

/* Sanitize by these rules. As tote_database_sanitize(). */
size_t tote__sql_sanitize(char *buffer, size_t size, unsigned rules, const char *text,
                          size_t length);

#endif
