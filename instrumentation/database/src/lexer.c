/* SPDX-License-Identifier: MIT */
/*
 * lexer.c - the tokens of SQL text
 *
 * A server reads the same text with settings that are not known here. So a lexer that guesses may
 * take the end of a string for its start, and then everything inverts. Where the dialect or a
 * setting decides, the token is TOTE__SQL_DOUBT, and the lexer ends.
 *
 * Tests: tests/unit/test_database_sanitize.c
 */
#include <string.h>

#include "database_parts.h"

enum {
    POSTGRESQL = TOTE__SQL_E_STRINGS | TOTE__SQL_DOLLAR_STRINGS | TOTE__SQL_NESTED_COMMENTS |
                 TOTE__SQL_HASH_OPERATORS | TOTE__SQL_DASH_COMMENTS | TOTE__SQL_RETURN_ENDS_LINE |
                 TOTE__SQL_QUOTED_NAMES | TOTE__SQL_BRACKET_OPERATORS,
    SQLITE = TOTE__SQL_PLAIN_BACKSLASH | TOTE__SQL_FLAT_COMMENTS | TOTE__SQL_DASH_COMMENTS |
             TOTE__SQL_RETURN_IN_LINE | TOTE__SQL_LAX_QUOTES | TOTE__SQL_BACKTICK_NAMES |
             TOTE__SQL_BRACKET_NAMES | TOTE__SQL_NAMED_PARAMETERS,
    MYSQL = TOTE__SQL_FLAT_COMMENTS | TOTE__SQL_HASH_COMMENTS | TOTE__SQL_DASH_OPERATORS |
            TOTE__SQL_RETURN_IN_LINE | TOTE__SQL_BACKTICK_NAMES
};

unsigned tote__sql_rules_of(const char *system) {
    static const struct {
        const char *system;
        unsigned rules;
    } known[] = {{"postgresql", POSTGRESQL},
                 {"cockroachdb", POSTGRESQL},
                 {"sqlite", SQLITE},
                 {"mysql", MYSQL},
                 {"mariadb", MYSQL}};

    for (size_t i = 0; system && i < TOTE_COUNT_OF(known); i++) {
        if (strcmp(system, known[i].system) == 0) {
            return known[i].rules;
        }
    }
    return 0;
}

struct tote__sql_lexer tote__sql_lexer_over(unsigned rules, const char *text, size_t length) {
    length = text ? length : 0;
    text = text ? text : "";
    size_t usable = tote__utf8_valid_prefix(text, strnlen(text, length));

    return (struct tote__sql_lexer){
        .at = text,
        .end = text + usable,
        .rules = rules,
        .is_cut = usable < length,
    };
}

static bool has(const struct tote__sql_lexer *lexer, enum tote__sql_rules rule) {
    return lexer->rules & (unsigned)rule;
}

/* Return the character at this offset, or NUL after the end. */
static char peek(const struct tote__sql_lexer *lexer, size_t offset) {
    return offset < (size_t)(lexer->end - lexer->at) ? lexer->at[offset] : '\0';
}

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool starts_word(char c) {
    return (tote__lower(c) >= 'a' && tote__lower(c) <= 'z') || c == '_' || (unsigned char)c >= 0x80;
}

static bool continues_word(char c) {
    return starts_word(c) || is_digit(c) || c == '$';
}

static bool is_space(char c) {
    return c == ' ' || (c >= '\t' && c <= '\r');
}

/* Take the token up to `end`; NULL: the rest is in doubt. */
static struct tote__sql_token take(struct tote__sql_lexer *lexer, enum tote__sql_kind kind,
                                   const char *end) {
    struct tote__sql_token token = {end ? kind : TOTE__SQL_DOUBT, lexer->at, 0};

    lexer->at = end ? end : lexer->end;
    lexer->is_cut = lexer->is_cut && end;
    token.length = (size_t)(lexer->at - token.at);
    return token;
}

/* Return the end of what begins at `at` and consists of such characters. */
static const char *span(const struct tote__sql_lexer *lexer, const char *at, bool (*is_in)(char)) {
    while (at < lexer->end && is_in(*at)) {
        at++;
    }
    return at;
}

/*
 * Return the end of what is quoted from `at` on, after the quote that closes it. Two quotes are
 * one. NULL if it is not terminated. `escapes`: a backslash escapes the next character. Otherwise,
 * unless backslashes are plain, NULL if an odd number of them precedes a quote.
 */
static const char *quoted(const struct tote__sql_lexer *lexer, const char *at, char quote,
                          bool escapes, bool is_plain) {
    bool is_odd = false;

    for (; at < lexer->end; at++) {
        if (*at == '\\' && escapes) {
            at += at + 1 < lexer->end;
        } else if (*at == '\\') {
            is_odd = !is_odd;
            continue;
        } else if (*at == quote && is_odd && !is_plain) {
            return NULL;
        } else if (*at == quote && (at + 1 == lexer->end || at[1] != quote)) {
            return at + 1;
        } else if (*at == quote) {
            at++;
        }
        is_odd = false;
    }
    return NULL;
}

/* Return the end of a string whose quote is at this offset. */
static const char *string(const struct tote__sql_lexer *lexer, size_t offset, bool escapes) {
    return quoted(lexer, lexer->at + offset + 1, lexer->at[offset], escapes,
                  has(lexer, TOTE__SQL_PLAIN_BACKSLASH));
}

/* Return the end of a quoted name. Backslashes have no meaning in names. */
static const char *name(const struct tote__sql_lexer *lexer, char quote) {
    return quoted(lexer, lexer->at + 1, quote, false, true);
}

static const char *bracketed(const struct tote__sql_lexer *lexer) {
    const char *end = memchr(lexer->at, ']', (size_t)(lexer->end - lexer->at));

    return end ? end + 1 : NULL;
}

/*
 * Return the end of a comment of a line. NULL if it depends on the meaning of a carriage return.
 */
static const char *line_comment(const struct tote__sql_lexer *lexer) {
    const char *at = lexer->at;

    for (; at < lexer->end && *at != '\n'; at++) {
        if (*at == '\r' && has(lexer, TOTE__SQL_RETURN_ENDS_LINE)) {
            return at;
        }
        if (*at == '\r' && !has(lexer, TOTE__SQL_RETURN_IN_LINE) &&
            (at + 1 == lexer->end || at[1] != '\n')) {
            return NULL;
        }
    }
    return at;
}

/*
 * Return the end of a comment of a block. NULL if it is not terminated, if it depends on the
 * dialect, or if it is executable: MySQL reads strings in such a comment.
 */
static const char *block_comment(const struct tote__sql_lexer *lexer) {
    size_t depth = 1;
    size_t offset = 2;
    size_t length = (size_t)(lexer->end - lexer->at);

    if (peek(lexer, 2) == '!' || (peek(lexer, 2) == 'M' && peek(lexer, 3) == '!')) {
        return NULL;
    }
    for (; offset < length; offset++) {
        char c = lexer->at[offset];
        if (c == '*' && peek(lexer, offset + 1) == '/') {
            offset++;
            if (--depth == 0) {
                return lexer->at + offset + 1;
            }
        } else if (c == '/' && peek(lexer, offset + 1) == '*' &&
                   !has(lexer, TOTE__SQL_FLAT_COMMENTS)) {
            if (!has(lexer, TOTE__SQL_NESTED_COMMENTS)) {
                return NULL;
            }
            offset++;
            depth++;
        }
    }
    return NULL;
}

/* Return the token of a dollar: a string, a parameter or an operator. */
static struct tote__sql_token dollar(struct tote__sql_lexer *lexer) {
    const char *next = lexer->at + 1;
    const char *digits = span(lexer, next, is_digit);
    const char *tag = next;

    if (digits > next) {
        bool is_in_doubt =
            digits < lexer->end && continues_word(*digits) && !has(lexer, TOTE__SQL_DOLLAR_STRINGS);
        return take(lexer, TOTE__SQL_PARAMETER, is_in_doubt ? NULL : digits);
    }
    while (tag < lexer->end && *tag != '$' && continues_word(*tag)) {
        tag++;
    }
    if (!has(lexer, TOTE__SQL_DOLLAR_STRINGS) || tag == lexer->end) {
        return take(lexer, TOTE__SQL_DOUBT, NULL);
    }
    if (*tag != '$') {
        return take(lexer, TOTE__SQL_OPERATOR, next);
    }
    size_t tag_length = (size_t)(tag + 1 - lexer->at);
    const char *close = memmem(tag + 1, (size_t)(lexer->end - tag - 1), lexer->at, tag_length);
    return take(lexer, TOTE__SQL_LITERAL, close ? close + tag_length : NULL);
}

/*
 * Return the end of a number. Letters that follow it belong to it. NULL if a string follows: it is
 * in doubt where its prefix starts.
 */
static const char *number(const struct tote__sql_lexer *lexer) {
    const char *at = lexer->at;

    while (at < lexer->end && (starts_word(*at) || is_digit(*at) || *at == '.' ||
                               ((*at == '+' || *at == '-') && tote__lower(at[-1]) == 'e' &&
                                at + 1 < lexer->end && is_digit(at[1])))) {
        at++;
    }
    return at < lexer->end && *at == '\'' ? NULL : at;
}

/* Return a word, or the string that it is the prefix of: E'...', B'...', X'...' and N'...'. */
static struct tote__sql_token word(struct tote__sql_lexer *lexer) {
    const char *end = span(lexer, lexer->at, continues_word);
    size_t length = (size_t)(end - lexer->at);
    char first = tote__lower(*lexer->at);

    if (end == lexer->end || *end != '\'' || length > 2 || has(lexer, TOTE__SQL_PROSE)) {
        return take(lexer, TOTE__SQL_WORD, end);
    }
    if (length == 1 && strchr("ebxn", first)) {
        bool escapes = first == 'e' && has(lexer, TOTE__SQL_E_STRINGS);
        return take(lexer, TOTE__SQL_LITERAL, string(lexer, length, escapes));
    }
    if (!lexer->rules && tote__lower(end[-1]) == 'q') { /* q'[...]' of Oracle */
        return take(lexer, TOTE__SQL_DOUBT, NULL);
    }
    return take(lexer, TOTE__SQL_WORD, end);
}

static struct tote__sql_token quote(struct tote__sql_lexer *lexer) {
    char c = *lexer->at;
    bool is_name = c == '`' ? has(lexer, TOTE__SQL_BACKTICK_NAMES)
                            : c == '"' && has(lexer, TOTE__SQL_QUOTED_NAMES);

    if (is_name) {
        return take(lexer, TOTE__SQL_NAME, name(lexer, c));
    }
    if (c == '`' && !has(lexer, TOTE__SQL_PROSE)) {
        return take(lexer, TOTE__SQL_DOUBT, NULL);
    }
    return take(lexer, has(lexer, TOTE__SQL_LAX_QUOTES) ? TOTE__SQL_EITHER : TOTE__SQL_LITERAL,
                string(lexer, 0, false));
}

/* Return a comment of a line that starts with "--" or #, or an operator. */
static struct tote__sql_token dashes(struct tote__sql_lexer *lexer) {
    char next = peek(lexer, 2);

    if (has(lexer, TOTE__SQL_DASH_COMMENTS) || is_space(next) || !next) {
        return take(lexer, TOTE__SQL_COMMENT, line_comment(lexer));
    }
    return take(lexer, TOTE__SQL_OPERATOR,
                has(lexer, TOTE__SQL_DASH_OPERATORS) ? lexer->at + 1 : NULL);
}

static struct tote__sql_token hash(struct tote__sql_lexer *lexer) {
    if (has(lexer, TOTE__SQL_HASH_COMMENTS)) {
        return take(lexer, TOTE__SQL_COMMENT, line_comment(lexer));
    }
    return take(lexer, TOTE__SQL_OPERATOR,
                has(lexer, TOTE__SQL_HASH_OPERATORS) ? lexer->at + 1 : NULL);
}

static struct tote__sql_token bracket(struct tote__sql_lexer *lexer) {
    if (has(lexer, TOTE__SQL_BRACKET_NAMES)) {
        return take(lexer, TOTE__SQL_NAME, bracketed(lexer));
    }
    return take(lexer, TOTE__SQL_OPERATOR,
                has(lexer, TOTE__SQL_BRACKET_OPERATORS) ? lexer->at + 1 : NULL);
}

/*
 * Return a parameter: `?`, or with a name. A name may be followed by any text in parentheses, which
 * is in doubt.
 */
static struct tote__sql_token marked(struct tote__sql_lexer *lexer) {
    bool has_name = has(lexer, TOTE__SQL_NAMED_PARAMETERS);
    const char *next = lexer->at + 1;
    const char *end = has_name ? span(lexer, next, continues_word) : next;
    bool is_parameter = *lexer->at == '?' || end > next;
    bool is_in_doubt = end > next && end < lexer->end && *end == '(';

    return take(lexer, is_parameter ? TOTE__SQL_PARAMETER : TOTE__SQL_OPERATOR,
                is_in_doubt ? NULL : end);
}

/* Return a token that starts with a character that has a meaning only in SQL. */
static struct tote__sql_token sql(struct tote__sql_lexer *lexer) {
    char c = *lexer->at;
    char next = peek(lexer, 1);

    if (c == '/' && next == '*') {
        return take(lexer, TOTE__SQL_COMMENT, block_comment(lexer));
    }
    if (c == '-' && next == '-') {
        return dashes(lexer);
    }
    switch (c) {
    case '#':
        return hash(lexer);
    case '$':
        return has(lexer, TOTE__SQL_NAMED_PARAMETERS) ? marked(lexer) : dollar(lexer);
    case '[':
        return bracket(lexer);
    case '?':
    case ':':
    case '@':
        return marked(lexer);
    default:
        return take(lexer, TOTE__SQL_OPERATOR, lexer->at + 1);
    }
}

struct tote__sql_token tote__sql_next(struct tote__sql_lexer *lexer) {
    if (lexer->at == lexer->end) {
        return take(lexer, TOTE__SQL_END, lexer->is_cut ? NULL : lexer->end);
    }
    char c = *lexer->at;
    if (is_space(c)) {
        return take(lexer, TOTE__SQL_SPACE, span(lexer, lexer->at, is_space));
    }
    if (starts_word(c)) {
        return word(lexer);
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(lexer, 1)))) {
        return take(lexer, TOTE__SQL_LITERAL, number(lexer));
    }
    if (c == '\'' || c == '"' || c == '`') {
        return quote(lexer);
    }
    return has(lexer, TOTE__SQL_PROSE) ? take(lexer, TOTE__SQL_OPERATOR, lexer->at + 1)
                                       : sql(lexer);
}
