/* SPDX-License-Identifier: MIT */
/*
 * parent.c - the parent of a span of the command line, and its context for others
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "parent.h"

#include <errno.h>
#include <string.h>

#include "tote/internal/context.h"
#include "tote/internal/span.h"
#include "tote/propagators.h"
#include "variables.h"

const char *parent_read_trace_id(void *trace_id, const char *text) {
    return tote_trace_id_from_hex(trace_id, text)
               ? NULL
               : "is not a trace id: 32 lower-case hexadecimal digits, not all 0";
}

const char *parent_read_span_id(void *span_id, const char *text) {
    return tote_span_id_from_hex(span_id, text)
               ? NULL
               : "is not a span id: 16 lower-case hexadecimal digits, not all 0";
}

/* Return `context` with the span of a traceparent; without change if it is not valid. */
static tote_context *with_traceparent(const tote_context *context, const char *traceparent) {
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    tote_header header = {"traceparent", sizeof "traceparent" - 1, traceparent,
                          strlen(traceparent)};
    const tote_header_array carrier = {.headers = &header, .count = 1};
    tote_context *result =
        tote_propagator_extract(propagator, context, &carrier, tote_header_array_getter());

    tote_propagator_unref(propagator);
    return result;
}

static const tote_span_context *span_context_of(const tote_context *context) {
    return tote_span_get_context(tote_context_get_span(context));
}

/* Return the span context of a traceparent; NULL if it is not valid. The caller owns it. */
static tote_span_context *parse(const char *traceparent) {
    tote_context *context = with_traceparent(tote_context_root(), traceparent);
    const tote_span_context *span_context = span_context_of(context);
    tote_span_context *result =
        tote_span_context_is_valid(span_context) ? tote_span_context_copy(span_context) : NULL;

    tote_context_unref(context);
    return result;
}

const char *parent_read_traceparent(void *traceparent, const char *text) {
    tote_span_context *context = parse(text);

    tote_span_context_unref(context);
    *(const char **)traceparent = text;
    return context ? NULL : "is not a traceparent";
}

const char *parent_add_link(void *links, const char *traceparent) {
    struct parent_links *list = links;
    tote_span_context *context = list->count < PARENT_MOST_LINKS ? parse(traceparent) : NULL;

    if (!context) {
        return list->count < PARENT_MOST_LINKS ? "is not a traceparent" : "is one link too many";
    }
    list->items[list->count++] = (tote_link){.context = context};
    return NULL;
}

void parent_clear_links(struct parent_links *links) {
    while (links->count) {
        tote_span_context_unref((tote_span_context *)links->items[--links->count].context);
    }
}

static tote_context *read_context(const struct parent_options *options) {
    const tote_context *root = tote_context_root();
    struct variables variables;

    if (options->is_root) {
        return tote_context_ref(root);
    }
    if (options->carrier) {
        variables_read(&variables, options->carrier);
        tote_context *context = tote_extract_environment(root, variables.items);
        variables_clear(&variables);
        if (tote_span_context_is_valid(span_context_of(context))) {
            return context;
        }
        tote_context_unref(context);
    }
    return tote_extract_environment(root, NULL);
}

static bool is_set(const void *id, size_t size) {
    static const unsigned char zero[sizeof(tote_trace_id)];

    return memcmp(id, zero, size) != 0;
}

/* Apply the ids of the options. Takes ownership of `context`. */
static tote_context *force_ids(const struct parent_options *options, tote_context *context) {
    bool has_trace = is_set(&options->trace_id, sizeof options->trace_id);

    if (is_set(&options->parent_id, sizeof options->parent_id)) {
        const tote_span_context *parent = span_context_of(context);
        uint8_t flags =
            has_trace ? TOTE_TRACE_FLAG_SAMPLED : tote_span_context_get_trace_flags(parent);
        const tote_span_context remote = {
            .trace_id = has_trace ? options->trace_id : *tote_span_context_get_trace_id(parent),
            .span_id = options->parent_id,
            .trace_flags = flags,
            .is_remote = true,
            .trace_state = has_trace ? NULL : parent->trace_state,
        };
        tote_context *result = tote__context_with_remote_span(context, &remote);
        tote_context_unref(context);
        return result;
    }
    if (has_trace) {
        tote_context *result = tote_context_with_span(context, NULL);
        tote_context_unref(context);
        return result;
    }
    return context;
}

tote_context *parent_read(const struct program_command *command,
                          const struct parent_options *options) {
    tote_context *context = read_context(options);

    if (options->traceparent) {
        tote_context *given = with_traceparent(context, options->traceparent);
        tote_context_unref(context);
        context = given;
    }
    bool has_parent = tote_span_context_is_valid(span_context_of(context)) ||
                      is_set(&options->trace_id, sizeof options->trace_id);
    if (is_set(&options->parent_id, sizeof options->parent_id) && !has_parent) {
        program_report(command, "--force-parent-span-id needs --force-trace-id or a parent");
    } else {
        context = force_ids(options, context);
        if (!options->is_required || tote_span_context_is_valid(span_context_of(context))) {
            return context;
        }
        program_report(command, "there is no parent; --require-parent needs one in --parent, in "
                                "--carrier or in the environment");
    }
    tote_context_unref(context);
    return NULL;
}

void parent_print(FILE *out, const tote_context *context, bool for_export) {
    struct variables variables;

    if (variables_of_context(&variables, context)) {
        variables_print(&variables, out, for_export);
    }
    variables_clear(&variables);
}

bool parent_write_carrier(const struct program_command *command,
                          const struct parent_options *options, const tote_context *context) {
    struct variables variables;

    if (!options->carrier) {
        return true;
    }
    errno = ENOMEM;
    bool is_written =
        variables_of_context(&variables, context) && variables_write(&variables, options->carrier);
    int error = errno;
    variables_clear(&variables);
    if (!is_written) {
        program_report(command, "cannot write the carrier %s: %s", options->carrier,
                       strerror(error));
    }
    return is_written;
}
