/* SPDX-License-Identifier: MIT */
/*
 * summary.c - summaries of queries. Spec: database-spans.md#generating-a-summary-of-the-query
 *
 * Tests: tests/unit/test_database_summary.c
 */
#include "database_parts.h"

/* A summary, in which names are not cut. */
struct summary {
    struct tote__writer writer;
    size_t complete; /* length up to the last complete name */
    bool is_full;
};

/* Write one part of a name. `separator`: NUL, or what precedes it. */
static void put(struct summary *summary, char separator, const struct tote__sql_token *token) {
    struct tote__writer *writer = &summary->writer;
    bool has_separator = writer->length > 0;

    if (separator == ' ') {
        summary->complete = writer->length;
    }
    if (has_separator + token->length > writer->size - writer->length) {
        writer->length = summary->complete;
        summary->is_full = true;
        return;
    }
    tote__write(writer, &separator, has_separator);
    tote__write(writer, token->at, token->length);
}

size_t tote_database_summarize(char *buffer, size_t size, const char *system, const char *query,
                               size_t query_length) {
    struct tote__sql_lexer lexer =
        tote__sql_lexer_over(tote__sql_rules_of(system), query, query_length);
    struct tote__sql_parser parser = {.depth = 0};
    struct tote__sql_token token;

    if (!buffer || !size) {
        return 0;
    }
    struct summary summary = {
        .writer = {buffer, tote__min(size, TOTE_DATABASE_SUMMARY_BYTES) - 1, 0}};
    while (!summary.is_full && (token = tote__sql_next(&lexer)).kind != TOTE__SQL_END &&
           token.kind != TOTE__SQL_DOUBT) {
        if (token.kind == TOTE__SQL_SPACE || token.kind == TOTE__SQL_COMMENT) {
            continue;
        }
        enum tote__sql_role role = tote__sql_role_of(&parser, &token);
        if (role != TOTE__SQL_OTHER) {
            put(&summary, role == TOTE__SQL_TARGET_PART ? '.' : ' ', &token);
        }
    }
    buffer[summary.writer.length] = '\0';
    return summary.writer.length;
}
