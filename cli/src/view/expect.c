/* SPDX-License-Identifier: MIT */
/*
 * expect.c - the expectations of tote test
 *
 * Tests: tests/cli/test_test.sh
 */
#include "expect.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "junit.h"
#include "terminal.h"

enum { NEAREST = 3, VALUE_BYTES = 256 };

struct expect_result *expect_parse(const struct program_command *command,
                                   const struct run_options *options) {
    struct expect_result *results = calloc(options->expectation_count + 1, sizeof *results);
    struct query_problem problem;

    if (!options->expectation_count) {
        program_usage_error(command, "--expect is missing");
        free(results);
        return NULL;
    }
    for (size_t i = 0; i < options->expectation_count && results; i++) {
        results[i].wanted = &options->expectations[i];
        results[i].query = query_parse(results[i].wanted->query, &problem);
        if (results[i].query && query_is_empty(results[i].query)) {
            program_usage_error(command, "the query of an expectation is empty");
            expect_free(results, i + 1);
            return NULL;
        }
        if (!results[i].query) {
            program_usage_error(command, "'%s': %s (column %zu)", results[i].wanted->query,
                                problem.text, problem.column);
            expect_free(results, i);
            return NULL;
        }
    }
    return results;
}

void expect_free(struct expect_result *results, size_t count) {
    for (size_t i = 0; i < count && results; i++) {
        query_free(results[i].query);
    }
    free(results);
}

static bool is_satisfied(const struct expect_result *result) {
    return result->count >= result->wanted->least && result->count <= result->wanted->most;
}

size_t expect_check(struct expect_result *results, size_t count, const struct model *model) {
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        results[i].count = 0;
        for (const struct trace *trace = model_newest(model); trace; trace = trace->older) {
            results[i].count += query_count(results[i].query, trace);
        }
        failed += !is_satisfied(&results[i]);
    }
    return failed;
}

/* Describe what is wanted, for example "1 or more". */
static void describe_wanted(const struct expect_result *result, char *text, size_t size) {
    unsigned least = result->wanted->least;
    unsigned most = result->wanted->most;

    if (most == 0) {
        snprintf(text, size, "none");
    } else if (most == UINT_MAX) {
        snprintf(text, size, "%u or more", least);
    } else if (least == most) {
        snprintf(text, size, "%u", least);
    } else {
        snprintf(text, size, "%u to %u", least, most);
    }
}

/* --- the nearest spans --- */

struct near {
    const struct trace_span *span;
    size_t matched; /* terms */
};

static size_t count_terms(const struct query *query, const struct trace_span *span) {
    size_t matched = 0;

    for (size_t i = 0; i < query_term_count(query); i++) {
        matched += query_term_matches(query, i, span);
    }
    return matched;
}

/* Insert a span by its rank. Of spans with the same name and service, the best one is kept. */
static void rank(struct near near[NEAREST], struct near candidate) {
    size_t at = 0;
    size_t end = NEAREST - 1;

    while (at < NEAREST && near[at].span && near[at].matched >= candidate.matched) {
        if (strcmp(near[at].span->name, candidate.span->name) == 0 &&
            strcmp(near[at].span->service, candidate.span->service) == 0) {
            return;
        }
        at++;
    }
    if (at == NEAREST) {
        return;
    }
    for (size_t i = at; i < NEAREST && near[i].span; i++) {
        if (strcmp(near[i].span->name, candidate.span->name) == 0 &&
            strcmp(near[i].span->service, candidate.span->service) == 0) {
            end = i;
        }
    }
    memmove(&near[at + 1], &near[at], (end - at) * sizeof *near);
    near[at] = candidate;
}

/* Find spans that match all terms, or those that match most. */
static void find_near(struct near near[NEAREST], const struct query *query,
                      const struct model *model, bool is_match) {
    for (const struct trace *trace = model_newest(model); trace; trace = trace->older) {
        for (const struct trace_span *span = trace->spans; span; span = span->next) {
            if (query_matches_span(query, span) == is_match) {
                rank(near, (struct near){span, count_terms(query, span)});
            }
        }
    }
}

/* Print a span, and the values that do not match. */
static void print_near(FILE *out, const struct query *query, const struct trace_span *span) {
    const char *before = ": ";
    char value[VALUE_BYTES];
    char id[FORMAT_ID_BYTES];

    fprintf(out, "%s (%s, span %s)", span->name, span->service,
            format_id(id, span->id, sizeof span->id));
    for (size_t i = 0; i < query_term_count(query); i++) {
        if (!query_term_matches(query, i, span)) {
            bool is_found = query_term_value(query, i, span, value, sizeof value);
            fprintf(out, "%s%s: %s%s%s", before, query_term_text(query, i),
                    is_found ? "found '" : "not found", is_found ? value : "", is_found ? "'" : "");
            before = "; ";
        }
    }
    fputc('\n', out);
}

/* Print spans that match although they should not, or those that nearly match. */
static void explain(FILE *out, const struct expect_result *result, const struct model *model) {
    struct near near[NEAREST] = {{NULL, 0}};
    bool is_match = result->count > result->wanted->most;

    find_near(near, result->query, model, is_match);
    for (size_t i = 0; i < NEAREST && near[i].span; i++) {
        fprintf(out, "          %s", i ? "         " : is_match ? "matches: " : "nearest: ");
        print_near(out, result->query, near[i].span);
    }
}

static void print_result(FILE *out, const struct expect_result *result, const struct model *model) {
    bool is_met = is_satisfied(result);
    struct tote__arena arena = {.chunks = NULL};
    const char *query = result->wanted->query;
    char wanted[32];

    describe_wanted(result, wanted, sizeof wanted);
    fprintf(out, "  %s  %s%s: %zu span%s%s%s\n", is_met ? "ok    " : "FAILED",
            result->wanted->most ? "" : "forbid ", terminal_clean(&arena, query, strlen(query)),
            result->count, result->count == 1 ? "" : "s", is_met ? "" : ", wanted ",
            is_met ? "" : wanted);
    if (!is_met) {
        explain(out, result, model);
    }
    tote__arena_clear(&arena);
}

void expect_print(FILE *out, const struct expect_result *results, size_t count,
                  const struct model *model) {
    size_t failed = 0;

    for (size_t i = 0; i < count; i++) {
        failed += !is_satisfied(&results[i]);
    }
    fprintf(out,
            failed ? "tote: test: %zu of %zu expectations not met\n"
                   : "tote: test: all expectations met\n",
            failed, count);
    for (size_t i = 0; i < count; i++) {
        print_result(out, &results[i], model);
    }
}

/* --- JUnit --- */

/* Return the name of a case, to be freed; NULL if out of memory. */
static char *case_name(const struct expect_result *result) {
    bool is_default = result->wanted->least == 1 && result->wanted->most == UINT_MAX;
    bool is_forbidden = result->wanted->most == 0;
    char wanted[32];
    char *name = NULL;

    describe_wanted(result, wanted, sizeof wanted);
    if (asprintf(&name, is_default || is_forbidden ? "%s %s" : "%s %s: %s",
                 is_forbidden ? "forbid" : "expect", result->wanted->query, wanted) < 0) {
        return NULL;
    }
    return name;
}

/* Return what is wrong, to be freed; NULL if out of memory. */
static char *case_failure(const struct expect_result *result, const struct model *model) {
    char *text = NULL;
    size_t size;
    char wanted[32];
    FILE *out = open_memstream(&text, &size);

    if (!out) {
        return NULL;
    }
    describe_wanted(result, wanted, sizeof wanted);
    fprintf(out, "%zu span%s, wanted %s\n", result->count, result->count == 1 ? "" : "s", wanted);
    explain(out, result, model);
    return fclose(out) == 0 ? text : NULL;
}

static void set_command_case(struct junit_case *first, const struct expect_command *command) {
    char *failure = NULL;

    if (command->status != command->wanted_status &&
        asprintf(&failure, "the exit status is %d", command->status) < 0) {
        failure = NULL;
    }
    *first = (struct junit_case){strdup("the command succeeds"), failure};
}

bool expect_write_junit(FILE *out, const struct expect_result *results, size_t count,
                        const struct expect_command *command, const struct model *model) {
    const char *name = command->argv ? program_base_name(command->argv[0]) : "file";
    size_t offset = command->argv != NULL;
    struct junit_case *cases = calloc(count + 1, sizeof *cases);
    bool is_complete = cases != NULL;

    if (cases && offset) {
        set_command_case(cases, command);
    }
    for (size_t i = 0; i < count && cases; i++) {
        struct junit_case *next = &cases[offset + i];
        next->name = case_name(&results[i]);
        next->failure = is_satisfied(&results[i]) ? NULL : case_failure(&results[i], model);
        is_complete &= next->name && (next->failure || is_satisfied(&results[i]));
    }
    if (is_complete) {
        junit_write(out, name, command->duration_ns, cases, count + offset);
    }
    for (size_t i = 0; i < count + offset && cases; i++) {
        free(cases[i].name);
        free(cases[i].failure);
    }
    free(cases);
    return is_complete;
}
