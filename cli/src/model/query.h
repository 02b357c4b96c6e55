/* SPDX-License-Identifier: MIT */
/*
 * query.h - the filter language for spans and traces
 *
 * A filter is a list of terms separated by blanks. All terms must match. "-" before a term negates
 * it. Words and values may be in quotation marks; inside, \" and \\ are a quotation mark and a
 * backslash.
 *
 *   word        the name, the service, the id, the status message, or the value of an attribute
 *               contains it, ignoring the case of ASCII letters
 *   key=value   also !=, ~ (contains, ignoring case), and > >= < <= for numbers and durations
 *
 * Keys: name service kind status error unfinished duration self trace span parent parent.name
 * parent.service root event link scope trace.duration trace.spans trace.errors trace.services. Any
 * other key is an attribute of the span, or else of its resource. A term does not match a span
 * without that attribute, unless it is negated by "-".
 */
#ifndef TOTE_CLI_QUERY_H
#define TOTE_CLI_QUERY_H

#include "trace.h"

struct query;
struct tree_node;

struct query_problem {
    char text[160]; /* safe to display */
    size_t column;  /* in bytes from 1; 0: none */
};

/*
 * Parse a filter; an empty one matches everything. Returns NULL and sets the problem if it is wrong
 * or if out of memory.
 */
struct query *query_parse(const char *text, struct query_problem *problem);
void query_free(struct query *query);

/* Whether the filter has no term. */
bool query_is_empty(const struct query *query);

/*
 * Whether all terms match. They need the lock of the model. The key "self" needs the tree: without
 * it, a span has no self time, and a trace builds it.
 */
bool query_matches_span(const struct query *query, const struct trace_span *span);
bool query_matches_node(const struct query *query, const struct tree_node *node);

/* Whether one span of the trace matches all terms. */
bool query_matches_trace(const struct query *query, const struct trace *trace);

/* Return how many spans of the trace match all terms. */
size_t query_count(const struct query *query, const struct trace *trace);

/* To explain a mismatch: the terms as they were written, and whether each of them matches. */
size_t query_term_count(const struct query *query);
const char *query_term_text(const struct query *query, size_t term);
bool query_term_matches(const struct query *query, size_t term, const struct trace_span *span);

/*
 * Store the first value of the span that a term compares, safe to display. Returns false if the
 * span has none.
 */
bool query_term_value(const struct query *query, size_t term, const struct trace_span *span,
                      char *text, size_t size);

#endif
