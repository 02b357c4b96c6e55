/* SPDX-License-Identifier: MIT */
/*
 * trace_options.c - options for the parent of a span, and for its context
 *
 * Tests: tests/cli/test_span.sh
 */
#include "trace_options.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "span_values.h"
#include "tote/internal/os.h"

static bool is_zero(const uint8_t *bytes, size_t size) {
    static const uint8_t none[sizeof(tote_trace_id)];

    return memcmp(bytes, none, size) == 0;
}

static const char *set_trace_id(void *self, const char *text) {
    return strlen(text) == 32 && tote_trace_id_from_hex(self, text)
               ? NULL
               : "is not a trace id: 32 lower-case hexadecimal digits, not all zero";
}

static const char *set_span_id(void *self, const char *text) {
    return strlen(text) == 16 && tote_span_id_from_hex(self, text)
               ? NULL
               : "is not a span id: 16 lower-case hexadecimal digits, not all zero";
}

static const char *set_parent(void *self, const char *text) {
    struct trace_options *options = self;
    tote_span *span = span_values_read_traceparent(text);

    options->parent = text;
    tote_span_unref(span);
    return span ? NULL : "is not a traceparent (00-TRACE_ID-SPAN_ID-FLAGS)";
}

void trace_options_begin(struct trace_options *options) {
    *options = (struct trace_options){.parent = NULL};
    options->set_parent = (struct program_call){set_parent, options};
    options->set_trace_id = (struct program_call){set_trace_id, &options->trace_id};
    options->set_span_id = (struct program_call){set_span_id, &options->span_id};
    options->set_parent_span_id = (struct program_call){set_span_id, &options->parent_span_id};
}

void trace_options_clear(struct trace_options *options) {
    variables_clear(&options->variables);
}

bool trace_options_read_carrier(struct trace_options *options,
                                const struct program_command *command) {
    bool is_read = !options->carrier || variables_read(&options->variables, options->carrier);

    if (!is_read) {
        program_report(command, "cannot read %s: %s", options->carrier, strerror(errno));
    }
    return is_read;
}

const char *trace_options_get(const struct trace_options *options, const char *name) {
    return options->variables.text ? variables_get(&options->variables, name) : getenv(name);
}

/* Return a context with this span, and release the other one. */
static tote_context *with_span(tote_context *context, tote_span *span) {
    tote_context *made = tote_context_with_span(context, span);

    tote_context_unref(context);
    return made;
}

/* Apply --force-trace-id and --force-parent-span-id. */
static tote_context *force_ids(const struct trace_options *options, tote_context *context) {
    const tote_span_context *parent = tote_span_get_context(tote_context_get_span(context));
    tote_trace_id trace_id = *tote_span_context_get_trace_id(parent);
    bool has_trace_id = !is_zero(options->trace_id.bytes, sizeof trace_id.bytes);
    bool is_same = !has_trace_id || memcmp(&trace_id, &options->trace_id, sizeof trace_id) == 0;

    if (is_zero(options->parent_span_id.bytes, sizeof options->parent_span_id.bytes)) {
        return is_same ? context : with_span(context, NULL);
    }
    trace_id = has_trace_id ? options->trace_id : trace_id;
    if (is_zero(trace_id.bytes, sizeof trace_id.bytes)) {
        tote__os_random(&trace_id, sizeof trace_id);
    }
    uint8_t flags = tote_span_context_is_valid(parent) ? tote_span_context_get_trace_flags(parent)
                                                       : TOTE_TRACE_FLAG_SAMPLED;
    tote_span_context *forced =
        tote_span_context_new(&trace_id, &options->parent_span_id, flags,
                              is_same ? tote_span_context_get_trace_state(parent) : NULL, true);
    tote_span *span = tote_span_non_recording_new(forced);
    context = with_span(context, span);
    tote_span_unref(span);
    tote_span_context_unref(forced);
    return context;
}

tote_context *trace_options_parent(const struct trace_options *options,
                                   const struct program_command *command) {
    tote_context *context = tote_extract_environment(
        tote_context_root(),
        options->variables.text ? (char *const *)options->variables.items : NULL);

    if (options->parent) {
        tote_span *span = span_values_read_traceparent(options->parent);
        context = with_span(context, span);
        tote_span_unref(span);
    }
    if (options->has_no_parent) {
        context = with_span(context, NULL);
    }
    context = force_ids(options, context);
    const tote_span_context *parent = tote_span_get_context(tote_context_get_span(context));
    if (options->requires_parent && !tote_span_context_is_valid(parent)) {
        program_report(command, "there is no parent: %s has no valid TRACEPARENT",
                       options->carrier ? options->carrier : "the environment");
        tote_context_unref(context);
        return NULL;
    }
    return context;
}

bool trace_options_put(const struct trace_options *options, const struct program_command *command,
                       const tote_context *context) {
    struct variables variables;
    bool is_put = true;

    if (!options->prints && !options->exports && !options->carrier) {
        return true;
    }
    if (!variables_of_context(&variables, context)) {
        program_report(command, "out of memory");
        return false;
    }
    if (options->prints || options->exports) {
        variables_print(&variables, stdout, options->exports);
    }
    if (options->carrier && !variables_write(&variables, options->carrier)) {
        program_report(command, "cannot write %s: %s", options->carrier, strerror(errno));
        is_put = false;
    }
    variables_clear(&variables);
    return is_put;
}
