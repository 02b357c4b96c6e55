/* SPDX-License-Identifier: MIT */
/*
 * sanitize.c - SQL text without literals. Spec: database-spans.md#sanitization-of-dbquerytext
 *
 * Tests: tests/unit/test_database_sanitize.c
 */
#include "database_parts.h"

/* Where the output is in a list of literals, which are collapsed to one. */
enum list { NO_LIST, AFTER_IN, LIST_START, AFTER_LITERAL, AFTER_COMMA };

struct output {
    struct tote__writer writer;
    bool has_space; /* before the next token */
    bool is_full;
    enum list list;
};

/* Write a token as a whole, or nothing. */
static void put(struct output *output, const char *text, size_t length) {
    struct tote__writer *writer = &output->writer;
    bool has_space = output->has_space && writer->length > 0;

    output->has_space = false;
    if (has_space + length > writer->size - writer->length) {
        output->is_full = true;
        return;
    }
    tote__write(writer, " ", has_space);
    tote__write(writer, text, length);
}

/* Note the token in a list. Returns whether it is left out. */
static bool collapse(struct output *output, const struct tote__sql_token *token, bool is_literal) {
    enum list list = output->list;

    output->list = NO_LIST;
    if (tote__sql_is(token, "IN")) {
        output->list = AFTER_IN;
    } else if (list == AFTER_IN && tote__sql_is_operator(token, '(')) {
        output->list = LIST_START;
    } else if (list == LIST_START && is_literal) {
        output->list = AFTER_LITERAL;
    } else if (list == AFTER_LITERAL && tote__sql_is_operator(token, ',')) {
        output->list = AFTER_COMMA;
        return true;
    } else if (list == AFTER_COMMA && is_literal) {
        output->list = AFTER_LITERAL;
        return true;
    } else if (list == AFTER_COMMA) {
        output->has_space = false;
        put(output, ",", 1);
        output->has_space = true;
    }
    return false;
}

/* Whether the token that may be a name or a literal can only be a name. */
static bool is_name(const struct tote__sql_lexer *lexer, const struct tote__sql_token *token,
                    enum tote__sql_role role, bool follows_name_word) {
    bool is_in_path = lexer->at < lexer->end && *lexer->at == '.';

    return *token->at == '"' && (role == TOTE__SQL_TARGET || role == TOTE__SQL_TARGET_PART ||
                                 follows_name_word || is_in_path);
}

static bool is_literal(const struct tote__sql_lexer *lexer, const struct tote__sql_token *token,
                       enum tote__sql_role role, bool follows_name_word) {
    switch (token->kind) {
    case TOTE__SQL_LITERAL:
    case TOTE__SQL_DOUBT:
        return true;
    case TOTE__SQL_EITHER:
        return !is_name(lexer, token, role, follows_name_word);
    case TOTE__SQL_WORD:
        return !(lexer->rules & TOTE__SQL_PROSE) &&
               (tote__sql_is(token, "TRUE") || tote__sql_is(token, "FALSE"));
    default:
        return false;
    }
}

size_t tote__sql_sanitize(char *buffer, size_t size, unsigned rules, const char *text,
                          size_t length) {
    struct tote__sql_lexer lexer = tote__sql_lexer_over(rules, text, length);
    struct tote__sql_parser parser = {.depth = 0};
    struct tote__sql_token token;
    bool follows_name_word = false; /* AS or a dot */

    if (!buffer || !size) {
        return 0;
    }
    struct output output = {.writer = {buffer, size - 1, 0}};
    while (!output.is_full && (token = tote__sql_next(&lexer)).kind != TOTE__SQL_END) {
        if (token.kind == TOTE__SQL_SPACE || token.kind == TOTE__SQL_COMMENT) {
            output.has_space = true;
            continue;
        }
        enum tote__sql_role role =
            rules & TOTE__SQL_LAX_QUOTES ? tote__sql_role_of(&parser, &token) : TOTE__SQL_OTHER;
        bool is_hidden = is_literal(&lexer, &token, role, follows_name_word);
        if (collapse(&output, &token, is_hidden)) {
            output.has_space = false;
        } else {
            put(&output, is_hidden ? "?" : token.at, is_hidden ? 1 : token.length);
        }
        follows_name_word = tote__sql_is(&token, "AS") || tote__sql_is_operator(&token, '.');
    }
    buffer[output.writer.length] = '\0';
    return output.writer.length;
}

size_t tote_database_sanitize(char *buffer, size_t size, const char *system, const char *query,
                              size_t query_length) {
    return tote__sql_sanitize(buffer, size, tote__sql_rules_of(system), query, query_length);
}
