/* SPDX-License-Identifier: MIT */
/*
 * query.c - the filter language for spans and traces
 *
 * For a term, the function of its key offers one candidate value after the other: attributes and
 * events may have several. Values of attributes are read from the message, without decoding others.
 *
 * Tests: tests/unit/test_query.c
 */
#include "query.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "decode.h"
#include "details.h"
#include "program.h"
#include "tote/internal/hex.h"
#include "tote/internal/record.h"
#include "tote/internal/text.h"
#include "tree.h"

enum { LONGEST_FILTER = 4096, MOST_TERMS = 64, NUMBER_LENGTH = 64, LONGEST_ID = 16 };

enum operation { EQUAL, NOT_EQUAL, CONTAINS, GREATER, GREATER_EQUAL, LESS, LESS_EQUAL };

/* Longer ones are before their beginnings. */
static const struct {
    const char *text;
    enum operation operation;
    bool is_for_numbers;
} operators[] = {
    {"!=", NOT_EQUAL, false}, {">=", GREATER_EQUAL, true}, {"<=", LESS_EQUAL, true},
    {"=", EQUAL, false},      {"~", CONTAINS, false},      {">", GREATER, true},
    {"<", LESS, true},
};

/* What is asked about. */
struct subject {
    const struct trace_span *span;
    const struct tree_node *node; /* NULL: no tree */
};

struct match;
typedef void offer_values(struct match *match, const struct subject *subject);

enum value_type { TEXT, NUMBER, DURATION, FLAG, KIND, STATUS, ANY };

struct key {
    const char *name;
    enum value_type type;
    offer_values *offer;
};

struct term {
    const char *source; /* as it was written */
    struct key key;     /* of an attribute: its name is in the arena */
    enum operation operation;
    bool is_negated;
    const char *text; /* lower case for CONTAINS */
    size_t length;
    bool is_number;
    double number;
};

struct query {
    struct tote__arena arena;
    struct term terms[MOST_TERMS];
    size_t count;
    bool has_self;
};

/* A term that is compared with the values of a subject. */
struct match {
    const struct term *term;
    char *shown; /* gets the first value, if it is not NULL */
    size_t shown_size;
    bool has_value;
    bool is_found; /* a value for which the comparison is true */
};

static bool contains(const char *text, size_t length, const char *part, size_t part_length) {
    for (size_t at = 0; at + part_length <= length; at++) {
        size_t i = 0;
        while (i < part_length && tote__lower(text[at + i]) == part[i]) {
            i++;
        }
        if (i == part_length) {
            return true;
        }
    }
    return false;
}

static bool compare(enum operation operation, double a, double b) {
    switch (operation) {
    case GREATER:
        return a > b;
    case GREATER_EQUAL:
        return a >= b;
    case LESS:
        return a < b;
    case LESS_EQUAL:
        return a <= b;
    default:
        return a == b;
    }
}

/* Copy a text that may be a number, with a NUL. */
static bool copy_number(char copy[NUMBER_LENGTH], const char *text, size_t length) {
    if (length == 0 || length >= NUMBER_LENGTH || !strchr("+-.0123456789", *text)) {
        return false;
    }
    memcpy(copy, text, length);
    copy[length] = '\0';
    return true;
}

/* Read a text that is a number as a whole. */
static bool read_number(const char *text, size_t length, double *number) {
    char copy[NUMBER_LENGTH];
    char *end;

    if (!copy_number(copy, text, length)) {
        return false;
    }
    *number = strtod(copy, &end);
    return end == copy + length;
}

/* Read a text that is an integer as a whole: a double has only 53 bits for it. */
static bool read_integer(const char *text, size_t length, long long *number) {
    char copy[NUMBER_LENGTH];
    char *end;

    if (!copy_number(copy, text, length)) {
        return false;
    }
    errno = 0;
    *number = strtoll(copy, &end, 10);
    return end == copy + length && errno == 0;
}

/* Store the first value for query_term_value(). */
static void show(struct match *match, const char *text, size_t length) {
    struct tote__arena arena = {NULL, NULL, 0};

    if (match->shown && !match->has_value) {
        const char *clean = terminal_clean(&arena, text, length);
        size_t size = tote__utf8_cut(clean, strlen(clean), match->shown_size - 1);
        memcpy(match->shown, clean, size);
        match->shown[size] = '\0';
        tote__arena_clear(&arena);
    }
}

static void show_number(struct match *match, double number) {
    bool is_duration = match->term->key.type == DURATION;
    char text[NUMBER_LENGTH];

    int length = snprintf(text, sizeof text, is_duration ? "%.6gms" : "%.15g",
                          is_duration ? number / 1e6 : number);
    show(match, text, (size_t)length);
}

static void offer_number(struct match *match, double number) {
    const struct term *term = match->term;

    show_number(match, number);
    match->has_value = true;
    match->is_found |= term->is_number && term->operation != CONTAINS &&
                       compare(term->operation, number, term->number);
}

static void offer_text(struct match *match, const char *text, size_t length) {
    const struct term *term = match->term;
    double number;

    show(match, text, length);
    match->has_value = true;
    switch (term->operation) {
    case EQUAL:
    case NOT_EQUAL:
        match->is_found |=
            length == term->length && (!length || memcmp(text, term->text, length) == 0);
        break;
    case CONTAINS:
        match->is_found |= contains(text, length, term->text, term->length);
        break;
    default:
        if (term->is_number && read_number(text, length, &number)) {
            offer_number(match, number);
        }
        break;
    }
}

static void offer_string(struct match *match, const char *text) {
    offer_text(match, text, strlen(text));
}

static void offer_id(struct match *match, const uint8_t *id, size_t size) {
    char text[2 * LONGEST_ID];

    tote__hex_encode(text, id, size);
    offer_text(match, text, 2 * size);
}

/* Whether a value that is not a string is equal to the number of a term. */
static bool is_equal_number(const struct term *term, const char *text, size_t length) {
    long long a;
    long long b;
    double number;

    if (read_integer(text, length, &a) && read_integer(term->text, term->length, &b)) {
        return a == b;
    }
    return term->is_number && read_number(text, length, &number) && number == term->number;
}

/* Offer the value of an attribute: as a number too, if it is one. */
static void offer_any_value(struct match *match, struct tote__slice any_value) {
    char text[TERMINAL_LONGEST];
    struct tote__slice rest = any_value;
    struct tote__field field;
    const struct term *term = match->term;

    if (tote__next_field(&rest, &field) && tote__field_tag(&field) == TOTE__ANY_STRING) {
        offer_text(match, (const char *)field.content.at, field.content.size);
        return;
    }
    size_t length = trace_value_text(any_value, text);
    offer_text(match, text, length);
    if (term->operation == EQUAL || term->operation == NOT_EQUAL) {
        match->is_found |= is_equal_number(term, text, length);
    }
}

/* Offer the attributes with this key; NULL: all. */
static void offer_attributes(struct match *match, struct tote__slice message, uint32_t tag,
                             const char *key) {
    const size_t length = key ? strlen(key) : 0;
    struct tote__field field;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) != tag) {
            continue;
        }
        struct tote__key_value parts = tote__read_key_value(field.content);
        if (!key || (parts.key.size == length && memcmp(parts.key.at, key, length) == 0)) {
            offer_any_value(match, parts.value);
        }
    }
}

/* Offer the text of a field of the messages with this tag. */
static void offer_parts(struct match *match, struct tote__slice message, uint32_t tag,
                        uint32_t part_tag) {
    struct tote__field field;
    struct tote__field part;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) != tag) {
            continue;
        }
        while (tote__next_field(&field.content, &part)) {
            if (tote__field_tag(&part) == part_tag) {
                offer_text(match, (const char *)part.content.at, part.content.size);
            }
        }
    }
}

static void offer_name(struct match *match, const struct subject *subject) {
    offer_string(match, subject->span->name);
}

static void offer_service(struct match *match, const struct subject *subject) {
    offer_string(match, subject->span->service);
}

static void offer_kind(struct match *match, const struct subject *subject) {
    offer_string(match, trace_kind_name(subject->span->kind));
}

static void offer_status(struct match *match, const struct subject *subject) {
    offer_string(match, trace_status_name(subject->span->status));
}

static void offer_error(struct match *match, const struct subject *subject) {
    offer_number(match, subject->span->is_error);
}

static void offer_unfinished(struct match *match, const struct subject *subject) {
    offer_number(match, subject->span->is_open);
}

static void offer_root(struct match *match, const struct subject *subject) {
    offer_number(match, !subject->span->has_parent);
}

static void offer_duration(struct match *match, const struct subject *subject) {
    offer_number(match, (double)span_duration(subject->span));
}

static void offer_self(struct match *match, const struct subject *subject) {
    if (subject->node) {
        offer_number(match, (double)subject->node->self_ns);
    }
}

static void offer_trace_id(struct match *match, const struct subject *subject) {
    const struct trace *trace = subject->span->trace;

    offer_id(match, trace->id, sizeof trace->id);
}

static void offer_span_id(struct match *match, const struct subject *subject) {
    offer_id(match, subject->span->id, sizeof subject->span->id);
}

static void offer_parent_id(struct match *match, const struct subject *subject) {
    if (subject->span->has_parent) {
        offer_id(match, subject->span->parent_id, sizeof subject->span->parent_id);
    }
}

static void offer_parent_name(struct match *match, const struct subject *subject) {
    const struct trace_span *parent = subject->span->parent;

    if (parent && !parent->is_missing) {
        offer_string(match, parent->name);
    }
}

static void offer_parent_service(struct match *match, const struct subject *subject) {
    const struct trace_span *parent = subject->span->parent;

    if (parent && !parent->is_missing) {
        offer_string(match, parent->service);
    }
}

static void offer_event(struct match *match, const struct subject *subject) {
    offer_parts(match, subject->span->message, TOTE__SPAN_EVENT, TOTE__EVENT_NAME);
}

static void offer_links(struct match *match, const struct subject *subject) {
    struct tote__slice message = subject->span->message;
    struct tote__field field;
    struct tote__field part;

    while (tote__next_field(&message, &field)) {
        if (tote__field_tag(&field) != TOTE__SPAN_LINK) {
            continue;
        }
        while (tote__next_field(&field.content, &part)) {
            bool is_id = tote__field_tag(&part) == TOTE__LINK_TRACE_ID ||
                         tote__field_tag(&part) == TOTE__LINK_SPAN_ID;
            if (is_id && part.content.size <= LONGEST_ID) {
                offer_id(match, part.content.at, part.content.size);
            }
        }
    }
}

static void offer_scope(struct match *match, const struct subject *subject) {
    offer_string(match, subject->span->scope->name);
}

static void offer_trace_duration(struct match *match, const struct subject *subject) {
    const struct trace *trace = subject->span->trace;

    offer_number(match, (double)(trace->end_unix_nano - trace->start_unix_nano));
}

static void offer_trace_spans(struct match *match, const struct subject *subject) {
    offer_number(match, (double)subject->span->trace->span_count);
}

static void offer_trace_errors(struct match *match, const struct subject *subject) {
    offer_number(match, (double)subject->span->trace->error_count);
}

static void offer_trace_services(struct match *match, const struct subject *subject) {
    offer_number(match, (double)subject->span->trace->service_count);
}

/* Any other key: an attribute of the span, or else of its resource. */
static void offer_attribute(struct match *match, const struct subject *subject) {
    const struct trace_span *span = subject->span;

    offer_attributes(match, span->message, TOTE__SPAN_ATTRIBUTE, match->term->key.name);
    if (!match->has_value) {
        offer_attributes(match, decode_field(span->resource->message, 1),
                         TOTE__TAG_RESOURCE_ATTRIBUTE, match->term->key.name);
    }
}

/* A word without a key. */
static void offer_texts(struct match *match, const struct subject *subject) {
    static offer_values *const simple[] = {offer_name, offer_service, offer_span_id,
                                           offer_trace_id};
    struct tote__slice message = subject->span->message;

    for (size_t i = 0; i < TOTE_COUNT_OF(simple) && !match->is_found; i++) {
        simple[i](match, subject);
    }
    if (!match->is_found) {
        offer_attributes(match, message, TOTE__SPAN_ATTRIBUTE, NULL);
    }
    if (!match->is_found) {
        offer_parts(match, message, TOTE__SPAN_STATUS, TOTE__STATUS_MESSAGE);
    }
}

static const struct key keys[] = {
    {"name", TEXT, offer_name},
    {"service", TEXT, offer_service},
    {"kind", KIND, offer_kind},
    {"status", STATUS, offer_status},
    {"error", FLAG, offer_error},
    {"unfinished", FLAG, offer_unfinished},
    {"root", FLAG, offer_root},
    {"duration", DURATION, offer_duration},
    {"self", DURATION, offer_self},
    {"trace", TEXT, offer_trace_id},
    {"span", TEXT, offer_span_id},
    {"parent", TEXT, offer_parent_id},
    {"parent.name", TEXT, offer_parent_name},
    {"parent.service", TEXT, offer_parent_service},
    {"event", TEXT, offer_event},
    {"link", TEXT, offer_links},
    {"scope", TEXT, offer_scope},
    {"trace.duration", DURATION, offer_trace_duration},
    {"trace.spans", NUMBER, offer_trace_spans},
    {"trace.errors", NUMBER, offer_trace_errors},
    {"trace.services", NUMBER, offer_trace_services},
};

/* Parsing. */

struct parser {
    const char *text;
    const char *at;
    struct query *query;
    struct query_problem *problem;
};

/* Describe a problem at this place. Returns false. */
__attribute__((format(printf, 3, 4))) static bool fail(struct parser *parser, const char *at,
                                                       const char *format, ...) {
    struct query_problem *problem = parser->problem;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(problem->text, sizeof problem->text, format, arguments);
    va_end(arguments);
    problem->text[tote__utf8_valid_prefix(problem->text, strlen(problem->text))] = '\0';
    problem->text[tote__replace_controls(problem->text, strlen(problem->text))] = '\0';
    problem->column = at ? (size_t)(at - parser->text) + 1 : 0;
    return false;
}

static bool fail_for_memory(struct parser *parser) {
    return fail(parser, NULL, "out of memory");
}

static bool is_blank(char c) {
    return c && strchr(" \t\r\n", c);
}

static bool is_key_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           (c && strchr("._-/:@", c));
}

/* Read a word or a value, in quotation marks or up to a blank. */
static bool read_text(struct parser *parser, const char **text, size_t *length) {
    const char *start = parser->at;
    bool is_quoted = *start == '"';
    char *out = tote__arena_allocate(&parser->query->arena, strlen(start) + 1);

    if (!out) {
        return fail_for_memory(parser);
    }
    *text = out;
    parser->at += is_quoted;
    while (*parser->at && (is_quoted ? *parser->at != '"' : !is_blank(*parser->at))) {
        bool is_escape =
            is_quoted && *parser->at == '\\' && (parser->at[1] == '"' || parser->at[1] == '\\');
        parser->at += is_escape;
        *out++ = *parser->at++;
    }
    *out = '\0';
    *length = (size_t)(out - *text);
    if (is_quoted && *parser->at != '"') {
        return fail(parser, start, "the quotation mark is not closed");
    }
    parser->at += is_quoted;
    if (is_quoted && *parser->at && !is_blank(*parser->at)) {
        return fail(parser, parser->at, "a blank is missing after the quotation mark");
    }
    return true;
}

/* Read a duration into nanoseconds. It needs a unit. */
static bool read_duration(const char *text, double *nanoseconds) {
    size_t length = strlen(text);
    uint64_t number = 0;
    bool is_read = program_read_duration(text, &number);

    *nanoseconds = (double)number;
    return is_read && (number == 0 || text[length - 1] > '9');
}

static bool read_flag(const char *text, double *number) {
    static const char *const values[] = {"0", "1", "false", "true", "no", "yes"};

    for (size_t i = 0; i < TOTE_COUNT_OF(values); i++) {
        if (strcmp(text, values[i]) == 0) {
            *number = (double)(i % 2);
            return true;
        }
    }
    return false;
}

/* Check the value of a term, and convert it. Returns what the key needs; NULL: it is right. */
static const char *convert_value(struct term *term) {
    switch (term->key.type) {
    case NUMBER:
        term->is_number = read_number(term->text, term->length, &term->number);
        return term->is_number ? NULL : "a number";
    case DURATION:
        term->is_number = read_duration(term->text, &term->number);
        return term->is_number ? NULL : "a duration such as 100ms";
    case FLAG:
        term->is_number = read_flag(term->text, &term->number);
        return term->is_number ? NULL : "0 or 1";
    case KIND:
        for (tote_span_kind kind = TOTE_SPAN_KIND_INTERNAL; kind <= TOTE_SPAN_KIND_CONSUMER;
             kind++) {
            if (strcmp(term->text, trace_kind_name(kind)) == 0) {
                return NULL;
            }
        }
        return "internal, server, client, producer or consumer";
    case STATUS:
        for (tote_status_code code = TOTE_STATUS_CODE_UNSET; code <= TOTE_STATUS_CODE_ERROR;
             code++) {
            if (strcmp(term->text, trace_status_name(code)) == 0) {
                return NULL;
            }
        }
        return "unset, ok or error";
    default:
        term->is_number = read_number(term->text, term->length, &term->number);
        return NULL;
    }
}

/* Read "=value" after a key. */
static bool read_comparison(struct parser *parser, struct term *term) {
    const char *operator_at = parser->at;
    enum value_type type = term->key.type;
    size_t i = 0;

    while (strncmp(parser->at, operators[i].text, strlen(operators[i].text)) != 0) {
        i++; /* the caller has seen one */
    }
    term->operation = operators[i].operation;
    parser->at += strlen(operators[i].text);
    const char *value_at = parser->at;
    if (!*value_at || is_blank(*value_at)) {
        return fail(parser, value_at, "a value is missing after '%s'; \"\" is the empty one",
                    operators[i].text);
    }
    if (!read_text(parser, &term->text, &term->length)) {
        return false;
    }
    bool is_text = type == TEXT || type == KIND || type == STATUS || type == FLAG;
    bool is_number = type == NUMBER || type == DURATION || type == FLAG;
    if (is_text && operators[i].is_for_numbers) {
        return fail(parser, operator_at, "'%s' compares numbers, but '%s' is not one",
                    operators[i].text, term->key.name);
    }
    if (is_number && term->operation == CONTAINS) {
        return fail(parser, operator_at, "'~' searches texts, but '%s' is not one", term->key.name);
    }
    if (term->operation == CONTAINS) {
        return true;
    }
    const char *needed = convert_value(term);
    if (needed) {
        return fail(parser, value_at, "'%s' needs %s", term->key.name, needed);
    }
    if (type == ANY && operators[i].is_for_numbers && !term->is_number) {
        return fail(parser, value_at, "'%s' needs a number", operators[i].text);
    }
    return true;
}

/* Find the key, or make one for an attribute. */
static bool find_key(struct parser *parser, struct term *term, const char *name, size_t length) {
    for (size_t i = 0; i < TOTE_COUNT_OF(keys); i++) {
        if (strlen(keys[i].name) == length && memcmp(keys[i].name, name, length) == 0) {
            term->key = keys[i];
            parser->query->has_self |= keys[i].offer == offer_self;
            return true;
        }
    }
    const char *copy = tote__arena_text(&parser->query->arena, name, length);
    term->key = (struct key){copy, ANY, offer_attribute};
    return copy || fail_for_memory(parser);
}

/* Text is compared in lower case. */
static bool lower(struct parser *parser, struct term *term) {
    char *text = tote__arena_text(&parser->query->arena, term->text, term->length);

    for (size_t i = 0; text && i < term->length; i++) {
        text[i] = tote__lower(text[i]);
    }
    term->text = text;
    return text || fail_for_memory(parser);
}

static bool read_term(struct parser *parser) {
    struct term *term = &parser->query->terms[parser->query->count];
    const char *start = parser->at;

    if (parser->query->count == MOST_TERMS) {
        return fail(parser, start, "the filter has too many terms");
    }
    *term = (struct term){.key = {NULL, ANY, offer_texts}, .operation = CONTAINS};
    if (*parser->at == '-') {
        term->is_negated = true;
        parser->at++;
    }
    const char *word = parser->at;
    if (!*word || is_blank(*word)) {
        return fail(parser, start, "a term is missing after '-'");
    }
    size_t key_length = 0;
    while (is_key_character(word[key_length])) {
        key_length++;
    }
    bool has_operator = word[key_length] && (strchr("=~<>", word[key_length]) ||
                                             strncmp(word + key_length, "!=", 2) == 0);
    bool is_read;
    if (!has_operator) {
        is_read = read_text(parser, &term->text, &term->length);
    } else if (key_length == 0) {
        return fail(parser, word,
                    "a key is missing; write a word like this one in quotation marks");
    } else {
        parser->at += key_length;
        is_read = find_key(parser, term, word, key_length) && read_comparison(parser, term);
    }
    if (!is_read || (term->operation == CONTAINS && !lower(parser, term))) {
        return false;
    }
    term->source = tote__arena_text(&parser->query->arena, start, (size_t)(parser->at - start));
    parser->query->count++;
    return term->source || fail_for_memory(parser);
}

struct query *query_parse(const char *text, struct query_problem *problem) {
    struct parser parser = {.text = text, .at = text, .problem = problem};
    bool is_read = true;

    *problem = (struct query_problem){.column = 0};
    if (strlen(text) > LONGEST_FILTER) {
        fail(&parser, NULL, "the filter is too long");
        return NULL;
    }
    parser.query = tote__allocate_zeroed(sizeof *parser.query);
    if (!parser.query) {
        fail_for_memory(&parser);
        return NULL;
    }
    while (is_read) {
        while (is_blank(*parser.at)) {
            parser.at++;
        }
        if (!*parser.at) {
            return parser.query;
        }
        is_read = read_term(&parser);
    }
    query_free(parser.query);
    return NULL;
}

void query_free(struct query *query) {
    if (query) {
        tote__arena_clear(&query->arena);
        tote__release(query, sizeof *query);
    }
}

bool query_is_empty(const struct query *query) {
    return query->count == 0;
}

/* Matching. */

static bool matches_term(const struct term *term, const struct subject *subject) {
    struct match match = {.term = term};

    term->key.offer(&match, subject);
    bool is_true =
        term->operation == NOT_EQUAL ? match.has_value && !match.is_found : match.is_found;
    return is_true != term->is_negated;
}

size_t query_term_count(const struct query *query) {
    return query->count;
}

const char *query_term_text(const struct query *query, size_t term) {
    return query->terms[term].source;
}

bool query_term_matches(const struct query *query, size_t term, const struct trace_span *span) {
    return matches_term(&query->terms[term], &(struct subject){span, NULL});
}

bool query_term_value(const struct query *query, size_t term, const struct trace_span *span,
                      char *text, size_t size) {
    struct match match = {.term = &query->terms[term], .shown = text, .shown_size = size};

    *text = '\0';
    match.term->key.offer(&match, &(struct subject){span, NULL});
    return match.has_value;
}

static bool matches(const struct query *query, const struct subject *subject) {
    for (size_t i = 0; i < query->count; i++) {
        if (!matches_term(&query->terms[i], subject)) {
            return false;
        }
    }
    return true;
}

bool query_matches_span(const struct query *query, const struct trace_span *span) {
    return matches(query, &(struct subject){span, NULL});
}

bool query_matches_node(const struct query *query, const struct tree_node *node) {
    return matches(query, &(struct subject){node->span, node});
}

/* Count the spans that match, up to a limit. With the tree, for the key "self". */
static size_t count_in_tree(const struct query *query, const struct trace *trace, size_t most) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct tree tree = tree_make(trace, &arena);
    size_t found = 0;

    for (size_t i = 0; i < tree.count && found < most; i++) {
        found += query_matches_node(query, &tree.nodes[i]);
    }
    tote__arena_clear(&arena);
    return found;
}

static size_t count_up_to(const struct query *query, const struct trace *trace, size_t most) {
    size_t found = 0;

    if (query->has_self) {
        return count_in_tree(query, trace, most);
    }
    for (const struct trace_span *span = trace->spans; span && found < most; span = span->next) {
        found += query_matches_span(query, span);
    }
    return found;
}

bool query_matches_trace(const struct query *query, const struct trace *trace) {
    return query->count == 0 || count_up_to(query, trace, 1) > 0;
}

size_t query_count(const struct query *query, const struct trace *trace) {
    return count_up_to(query, trace, SIZE_MAX);
}
