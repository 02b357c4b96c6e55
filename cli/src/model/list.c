/* SPDX-License-Identifier: MIT */
/*
 * list.c - a list of traces: filters, order and JSON
 *
 * Tests: tests/cli/test_traces.sh
 */
#include "list.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "details.h"
#include "json_member.h"
#include "program.h"
#include "tote/internal/clock.h"

static uint64_t duration_of(const struct trace *trace) {
    return trace->end_unix_nano - trace->start_unix_nano;
}

static const char *set_filter(struct list_options *options, const char *value,
                              char problem[LIST_PROBLEM_BYTES]) {
    struct query_problem wrong;

    query_free(options->query);
    options->query = query_parse(value, &wrong);
    if (options->query) {
        return NULL;
    }
    snprintf(problem, LIST_PROBLEM_BYTES, "%s (column %zu of the filter)", wrong.text,
             wrong.column);
    return problem;
}

static const char *set_service(struct list_options *options, const char *value,
                               char problem[LIST_PROBLEM_BYTES]) {
    (void)problem;
    options->service = value;
    return NULL;
}

static const char *set_duration(uint64_t *ns, const char *value) {
    return !*value || program_read_duration(value, ns) ? NULL
                                                       : "is not a duration such as 500ms or 5m";
}

static const char *set_since(struct list_options *options, const char *value,
                             char problem[LIST_PROBLEM_BYTES]) {
    (void)problem;
    return set_duration(&options->since_ns, value);
}

static const char *set_min(struct list_options *options, const char *value,
                           char problem[LIST_PROBLEM_BYTES]) {
    (void)problem;
    return set_duration(&options->min_ns, value);
}

static const char *set_errors(struct list_options *options, const char *value,
                              char problem[LIST_PROBLEM_BYTES]) {
    (void)problem;
    options->errors_only = *value && strcmp(value, "0") != 0 && strcmp(value, "false") != 0;
    return NULL;
}

static const char *set_limit(struct list_options *options, const char *value,
                             char problem[LIST_PROBLEM_BYTES]) {
    size_t digits = strspn(value, "0123456789");

    (void)problem;
    if (!digits || value[digits] || digits > 9) {
        return "is not a number of traces";
    }
    options->limit = (unsigned)strtoul(value, NULL, 10);
    return NULL;
}

static const char *const sorts[] = {
    [LIST_NEWEST] = "newest",   [LIST_START] = "start",   [LIST_DURATION] = "duration",
    [LIST_SPANS] = "spans",     [LIST_ERRORS] = "errors", [LIST_NAME] = "name",
    [LIST_SERVICE] = "service",
};

static const char *set_sort(struct list_options *options, const char *value,
                            char problem[LIST_PROBLEM_BYTES]) {
    (void)problem;
    for (size_t i = 0; i < TOTE_COUNT_OF(sorts); i++) {
        if (strcmp(value, sorts[i]) == 0) {
            options->sort = (enum list_sort)i;
            return NULL;
        }
    }
    return "is not newest, start, duration, spans, errors, name or service";
}

bool list_options_set(struct list_options *options, const char *name, const char *value,
                      char problem[LIST_PROBLEM_BYTES]) {
    static const struct {
        const char *name;
        const char *(*set)(struct list_options *options, const char *value,
                           char problem[LIST_PROBLEM_BYTES]);
    } setters[] = {
        {"filter", set_filter}, {"service", set_service}, {"since", set_since}, {"min", set_min},
        {"errors", set_errors}, {"limit", set_limit},     {"sort", set_sort},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(setters); i++) {
        if (strcmp(name, setters[i].name) == 0) {
            const char *wrong = setters[i].set(options, value, problem);
            if (wrong && wrong != problem) {
                snprintf(problem, LIST_PROBLEM_BYTES, "%s: '%.100s' %s", name, value, wrong);
            }
            return !wrong;
        }
    }
    snprintf(problem, LIST_PROBLEM_BYTES, "'%.100s' is not an option of the list", name);
    return false;
}

void list_options_clear(struct list_options *options) {
    query_free(options->query);
    options->query = NULL;
}

static bool has_service(const struct trace *trace, const char *service) {
    for (size_t i = 0; i < trace->service_count; i++) {
        if (strcmp(trace->services[i], service) == 0) {
            return true;
        }
    }
    return false;
}

/* The cheap conditions are first. */
static bool matches(const struct trace *trace, const struct list_options *options,
                    uint64_t since_unix_nano) {
    return trace->root && trace->end_unix_nano >= since_unix_nano &&
           duration_of(trace) >= options->min_ns && (trace->error_count || !options->errors_only) &&
           (!*options->service || has_service(trace, options->service)) &&
           (!options->query || query_matches_trace(options->query, trace));
}

static int compare_numbers(uint64_t a, uint64_t b) {
    return (a > b) - (a < b);
}

/* The later, longer, larger or alphabetically first trace is first. */
static int compare_by(enum list_sort sort, const struct trace *a, const struct trace *b) {
    switch (sort) {
    case LIST_START:
        return compare_numbers(b->start_unix_nano, a->start_unix_nano);
    case LIST_DURATION:
        return compare_numbers(duration_of(b), duration_of(a));
    case LIST_SPANS:
        return compare_numbers(b->span_count, a->span_count);
    case LIST_ERRORS:
        return compare_numbers(b->error_count, a->error_count);
    case LIST_NAME:
        return strcmp(a->root->name, b->root->name);
    case LIST_SERVICE:
        return strcmp(a->root->service, b->root->service);
    case LIST_NEWEST:
        break;
    }
    return 0;
}

/* The order of the call of qsort() on this thread. */
static _Thread_local enum list_sort order_of_sort;

static int compare(const void *a, const void *b) {
    const struct trace *first = *(struct trace *const *)a;
    const struct trace *second = *(struct trace *const *)b;
    int order = compare_by(order_of_sort, first, second);

    return order ? order : compare_numbers(second->version, first->version);
}

static bool append(struct list *list, struct trace *trace) {
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 64;
        struct trace **more =
            tote__reallocate(list->traces, list->capacity * sizeof(struct trace *),
                             capacity * sizeof(struct trace *));
        if (!more) {
            return false;
        }
        list->traces = more;
        list->capacity = capacity;
    }
    list->traces[list->count++] = trace;
    return true;
}

bool list_select(struct list *list, const struct model *model, const struct list_options *options,
                 uint64_t now_unix_nano) {
    uint64_t since = options->since_ns && options->since_ns < now_unix_nano
                         ? now_unix_nano - options->since_ns
                         : 0;

    *list = (struct list){.traces = NULL};
    for (struct trace *trace = model_newest(model); trace; trace = trace->older) {
        if (matches(trace, options, since) && !append(list, trace)) {
            return false;
        }
    }
    if (list->count) {
        order_of_sort = options->sort;
        qsort(list->traces, list->count, sizeof *list->traces, compare);
    }
    list->matched = list->count;
    if (options->limit && list->count > options->limit) {
        list->count = options->limit;
    }
    return true;
}

void list_clear(struct list *list) {
    tote__release(list->traces, list->capacity * sizeof(struct trace *));
    *list = (struct list){.traces = NULL};
}

static void put_services(struct tote__json *json, const struct trace *trace) {
    tote__json_put(json, "\"services\":[");
    for (size_t i = 0; i < trace->service_count; i++) {
        json_member_text(json, "", trace->services[i]);
    }
    tote__json_end(json, ']');
}

static void put_trace(struct tote__json *json, const struct trace *trace) {
    tote__json_put(json, "{\"traceId\":");
    tote__json_hex(json, trace->id, sizeof trace->id);
    json_member_text(json, "\"name\":", trace->root->name);
    json_member_text(json, "\"service\":", trace->root->service);
    json_member_text(json, "\"kind\":", trace_kind_name(trace->root->kind));
    put_services(json, trace);
    json_member_count(json, "\"spans\":", trace->span_count);
    json_member_count(json, "\"errors\":", trace->error_count);
    json_member_count(json, "\"unfinished\":", trace->open_count);
    json_member_count(json, "\"missing\":", trace->missing_count);
    tote__json_put(json, trace->is_complete ? "\"complete\":true," : "\"complete\":false,");
    json_member_nanoseconds(json, "\"startTimeUnixNano\":", trace->start_unix_nano);
    json_member_nanoseconds(json, "\"durationNano\":", duration_of(trace));
    tote__json_end(json, '}');
}

static void put_counts(struct tote__json *json, const struct model *model, size_t matched) {
    const struct model_counts counts = model_counts(model);

    tote__json_put(json, "\"counts\":{");
    json_member_count(json, "\"matched\":", matched);
    json_member_count(json, "\"traces\":", counts.traces);
    json_member_count(json, "\"spans\":", counts.spans);
    json_member_count(json, "\"bytes\":", counts.bytes);
    json_member_count(json, "\"evictedTraces\":", counts.evicted_traces);
    json_member_count(json, "\"evictedSpans\":", counts.evicted_spans);
    json_member_count(json, "\"leftOutSpans\":", counts.left_out_spans);
    json_member_count(json, "\"invalidSpans\":", counts.invalid_spans);
    tote__json_end(json, '}');
}

bool export_list_json(const struct model *model, const struct list_options *options,
                      struct tote__buffer *out) {
    struct list list;
    bool is_selected = list_select(&list, model, options, tote__clock_realtime());
    struct tote__json json = tote__json_start(out);

    tote__json_put(&json, "{\"traces\":[");
    for (size_t i = 0; i < list.count && is_selected; i++) {
        put_trace(&json, list.traces[i]);
    }
    tote__json_end(&json, ']');
    put_counts(&json, model, list.matched);
    tote__json_end(&json, '}');
    list_clear(&list);
    return tote__json_finish(&json) && is_selected;
}
