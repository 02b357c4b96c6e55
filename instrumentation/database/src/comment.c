/* SPDX-License-Identifier: MIT */
/*
 * comment.c - contexts in comments of queries. Spec: database-spans.md#sql-commenter
 *
 * Tests: tests/unit/test_database_comment.c
 */
#include <stdlib.h>

#include "database_parts.h"
#include "tote/baggage.h"

enum { MOST_HEADERS = 16 };

/*
 * Return the length of the query up to the place of the comment, or 0 if it must not have one: it
 * has a comment, it is empty, or its tokens are in doubt.
 */
static size_t place(unsigned rules, const char *query, size_t length) {
    struct tote__sql_lexer lexer = tote__sql_lexer_over(rules, query, length);
    struct tote__sql_token token;
    size_t end = 0;

    while ((token = tote__sql_next(&lexer)).kind != TOTE__SQL_END) {
        if (token.kind == TOTE__SQL_COMMENT || token.kind == TOTE__SQL_DOUBT) {
            return 0;
        }
        if (token.kind != TOTE__SQL_SPACE && !tote__sql_is_operator(&token, ';')) {
            end = (size_t)(token.at + token.length - query);
        }
    }
    return end;
}

static int by_name(const void *a, const void *b) {
    const tote_header *x = a;
    const tote_header *y = b;
    int order = memcmp(x->name, y->name, tote__min(x->name_length, y->name_length));

    return order ? order : (x->name_length > y->name_length) - (x->name_length < y->name_length);
}

static void write_encoded(struct tote__writer *writer, const char *text, size_t length) {
    char encoded[3];

    for (size_t i = 0; i < length; i++) {
        char *end = tote__percent_encode(encoded, text + i, 1, TOTE__UNRESERVED);
        tote__write(writer, encoded, (size_t)(end - encoded));
    }
}

static void write_comment(struct tote__writer *writer, const tote_header *headers, size_t count) {
    for (size_t i = 0; i < count; i++) {
        tote__write(writer, i ? "," : " /*", i ? 1 : 3);
        write_encoded(writer, headers[i].name, headers[i].name_length);
        tote__write(writer, "='", 2);
        write_encoded(writer, headers[i].value, headers[i].value_length);
        tote__write(writer, "'", 1);
    }
    tote__write(writer, "*/", 2);
}

size_t tote_database_inject_comment(char *buffer, size_t size, const char *system,
                                    const char *query, size_t query_length,
                                    const tote_context *context) {
    tote_header headers[MOST_HEADERS];
    char values[TOTE_DATABASE_COMMENT_BYTES];
    size_t end = query ? place(tote__sql_rules_of(system), query, query_length) : 0;

    if (!buffer || !size) {
        return 0;
    }
    buffer[0] = '\0';
    if (!end) {
        return 0;
    }
    tote_context *without_baggage = tote_context_with_empty_baggage(context);
    size_t count =
        tote_inject_headers(without_baggage, headers, MOST_HEADERS, values, sizeof values);
    tote_context_unref(without_baggage);
    if (!count) {
        return 0;
    }
    qsort(headers, count, sizeof *headers, by_name);
    struct tote__writer writer = {buffer, size, 0};
    tote__write(&writer, query, end);
    write_comment(&writer, headers, count);
    tote__write(&writer, query + end, query_length - end);
    bool fits = writer.length < size;
    buffer[fits ? writer.length : 0] = '\0';
    return fits ? writer.length : 0;
}

/* The pairs of a comment, decoded. */
struct pairs {
    tote_header headers[MOST_HEADERS];
    size_t count;
    struct tote__writer writer; /* of the decoded text */
};

/* Write the decoded text. Returns it; its `at` is NULL if it does not fit. */
static struct tote__part decode(struct pairs *pairs, struct tote__part text) {
    struct tote__writer *writer = &pairs->writer;
    size_t start = writer->length;
    size_t plain = 0;

    if (text.length > writer->size - start) {
        return (struct tote__part){NULL, 0};
    }
    char *out = writer->buffer + start;
    for (size_t i = 0; i < text.length; i++) {
        i += text.at[i] == '\\' && i + 1 < text.length;
        out[plain++] = text.at[i];
    }
    size_t length = tote__percent_decode(out, out, plain, NULL);
    writer->length += length;
    return (struct tote__part){out, length};
}

/* Remove a character from the front of the text. Returns whether it was there. */
static bool skip(struct tote__part *text, char c) {
    bool is_there = text->length && *text->at == c;

    text->at += is_there;
    text->length -= is_there;
    return is_there;
}

static void skip_space(struct tote__part *text) {
    while (text->length && (*text->at == ' ' || (*text->at >= '\t' && *text->at <= '\r'))) {
        text->at++;
        text->length--;
    }
}

/* Remove the text before the first `end` that is not escaped from the front. */
static struct tote__part take_until(struct tote__part *text, char end) {
    struct tote__part taken = {text->at, 0};

    while (taken.length < text->length && taken.at[taken.length] != end) {
        taken.length += taken.at[taken.length] == '\\' && taken.length + 1 < text->length ? 2 : 1;
    }
    text->at += taken.length;
    text->length -= taken.length;
    return taken;
}

/* Read KEY='VALUE'. Returns false if the text does not start with one. */
static bool read_pair(struct pairs *pairs, struct tote__part *text) {
    skip_space(text);
    struct tote__part key = take_until(text, '=');
    if (!key.length || !skip(text, '=') || !skip(text, '\'')) {
        return false;
    }
    struct tote__part value = take_until(text, '\'');
    if (!skip(text, '\'')) {
        return false;
    }
    key = decode(pairs, key);
    value = decode(pairs, value);
    if (!key.at || !value.at || pairs->count == MOST_HEADERS) {
        return false;
    }
    pairs->headers[pairs->count++] = (tote_header){key.at, key.length, value.at, value.length};
    skip_space(text);
    return true;
}

/* Return whether the whole comment consists of pairs. */
static bool read_pairs(struct pairs *pairs, const struct tote__sql_token *comment) {
    struct tote__part text = {comment->at + 2, comment->length - 2};

    if (*comment->at != '/') {
        return false;
    }
    text.length -= 2;
    do {
        if (!read_pair(pairs, &text)) {
            return false;
        }
    } while (skip(&text, ','));
    return text.length == 0;
}

tote_context *tote_database_extract_comment(const tote_context *context, const char *system,
                                            const char *query, size_t query_length) {
    struct tote__sql_lexer lexer =
        tote__sql_lexer_over(tote__sql_rules_of(system), query, query_length);
    tote_context *result = tote_context_ref(context);
    struct tote__sql_token token;
    char text[TOTE_DATABASE_COMMENT_BYTES];

    while ((token = tote__sql_next(&lexer)).kind != TOTE__SQL_END) {
        struct pairs pairs = {.count = 0, .writer = {text, sizeof text, 0}};
        if (token.kind == TOTE__SQL_COMMENT && read_pairs(&pairs, &token)) {
            tote_context *extracted = tote_extract_headers(result, pairs.headers, pairs.count);
            tote_context_unref(result);
            result = extracted;
        }
    }
    return result;
}
