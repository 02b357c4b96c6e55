/* SPDX-License-Identifier: MIT */
/*
 * log.c - the fields that correlate a log line with its trace
 *
 * A field that does not fit completely is counted, but not written.
 */
#include "tote/log.h"

#include <errno.h>
#include <math.h>

#include "tote/internal/context.h"
#include "tote/internal/export_rules.h"
#include "tote/internal/hex.h"
#include "tote/internal/span.h"
#include "tote/internal/store.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

struct line {
    struct tote__writer out; /* the field being written; its length may exceed the buffer */
    size_t used;             /* length of the complete fields in the buffer */
    size_t all;              /* length of all fields, including those that did not fit */
    bool is_json;
    bool has_trace; /* the trace fields are written; entries with their names are not */
    struct tote__export_budget budget;
};

/* Return the number of bytes at the start that logfmt must quote; 0: none. */
static size_t special_size(const char *text, size_t length) {
    uint32_t code_point;

    return *text == ' ' || *text == '=' || *text == '"'
               ? 1
               : tote__control_size(text, length, &code_point);
}

/* Return the length of the prefix that logfmt needs not quote. In a name, a % is encoded. */
static size_t unescaped_size(const char *text, size_t length, bool is_name) {
    size_t size = 0;

    while (size < length && !special_size(text + size, length - size) &&
           !(is_name && text[size] == '%')) {
        size++;
    }
    return size;
}

/* Write a name. logfmt cannot quote names; percent-encoding keeps different names different. */
static void put_name(struct line *line, const char *name, size_t length) {
    char encoded[3 * sizeof(uint32_t)]; /* of one code point */

    if (line->is_json) {
        tote__write_quoted(&line->out, name, length);
        tote__write(&line->out, ":", 1);
        return;
    }
    for (size_t size; length; name += size, length -= size) {
        size = unescaped_size(name, length, true);
        if (size) {
            tote__write(&line->out, name, size);
            continue;
        }
        size = *name == '%' ? 1 : special_size(name, length);
        const char *end = tote__percent_encode(encoded, name, size, TOTE__NO_CHARACTERS);
        tote__write(&line->out, encoded, (size_t)(end - encoded));
    }
    tote__write(&line->out, "=", 1);
}

static void begin_field(struct line *line, const char *name, size_t length) {
    line->out.length = line->used;
    if (line->used) {
        tote__write(&line->out, line->is_json ? "," : " ", 1);
    }
    put_name(line, name, length);
}

static void end_field(struct line *line) {
    bool has_separator = line->used != 0;

    line->all += line->out.length - line->used - has_separator + (line->all != 0);
    if (line->out.length < line->out.size) {
        line->used = line->out.length;
    }
}

static void put_text_field(struct line *line, const char *name, size_t name_length,
                           const char *text, size_t length) {
    begin_field(line, name, name_length);
    if (line->is_json || !length || unescaped_size(text, length, false) < length) {
        tote__write_quoted(&line->out, text, length);
    } else {
        tote__write(&line->out, text, length);
    }
    end_field(line);
}

/* Return whether the text of a value that is not a string is valid JSON. */
static bool is_bare_json(tote_value value) {
    return value.type == TOTE_VALUE_TYPE_DOUBLE
               ? isfinite(value.as.real)
               : value.type != TOTE_VALUE_TYPE_EMPTY && value.type != TOTE_VALUE_TYPE_BYTES;
}

static void put_value_field(struct line *line, const struct tote__entry *entry) {
    char small[256];
    struct tote__arena arena = tote__arena_over(small, sizeof small);
    tote_value value = tote__unpack_any_value(entry->value, &arena);
    size_t length = tote_value_to_text(value, NULL, 0);
    char *text = tote__arena_allocate(&arena, length + 1);

    if (!text) {
        return; /* the log line lacks the entry */
    }
    tote_value_to_text(value, text, length + 1);
    if (line->is_json && is_bare_json(value)) {
        begin_field(line, entry->key, entry->key_length);
        tote__write(&line->out, text, length);
        end_field(line);
    } else {
        put_text_field(line, entry->key, entry->key_length, text, length);
    }
    tote__arena_clear(&arena);
}

/* The names of fields that Tote writes. */
static const char *const trace_fields[] = {"trace_id", "span_id", "trace_flags"};

/* The names that loggers write. Remote baggage must not forge or duplicate them. */
static const char *const logger_fields[] = {
    "level",    "lvl",        "severity", "severity_text", "severity_number",
    "loglevel", "log.level",  "msg",      "message",       "body",
    "time",     "timestamp",  "ts",       "@timestamp",    "@version",
    "logger",   "log.logger", "caller",   "file",          "line",
    "func",     "function",   "source",   "thread",        "error",
    "err",      "exception",  "stack",    "stacktrace",    "pid",
    "host",     "hostname",   "service",  "app",           "env",
    "name",     "traceid",    "spanid",   "traceflags",    "trace.id",
    "span.id",  "tag",        "event",    "span",          "trace",
    "fields"};

static bool is_one_of(const struct tote__entry *entry, const char *const *names, size_t count) {
    size_t i = 0;

    while (i < count &&
           !tote__equals_ignoring_case(entry->key, entry->key_length, names[i], strlen(names[i]))) {
        i++;
    }
    return i < count;
}

static bool is_left_out(const struct line *line, const struct tote__entry *entry) {
    bool is_remote = entry->flags & TOTE__REMOTE;

    return ((line->has_trace || is_remote) &&
            is_one_of(entry, trace_fields, TOTE_COUNT_OF(trace_fields))) ||
           (is_remote && is_one_of(entry, logger_fields, TOTE_COUNT_OF(logger_fields))) ||
           tote__export_is_reserved(entry) || !tote__tracer_provider_exports(entry);
}

static bool log_entry(void *arg, const struct tote__entry *entry) {
    struct line *line = arg;
    struct tote__slice text;

    if (is_left_out(line, entry) || !tote__export_take(&line->budget, entry)) {
        return true;
    }
    if (tote__any_value_string(entry->value, &text)) {
        put_text_field(line, entry->key, entry->key_length, (const char *)text.at, text.size);
    } else {
        put_value_field(line, entry);
    }
    return true;
}

/* Spec: compatibility/logging_trace_context.md */
static void put_trace(struct line *line, const tote_span_context *context) {
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];
    char flags[2];

    tote_trace_id_to_hex(&context->trace_id, trace_id);
    tote_span_id_to_hex(&context->span_id, span_id);
    tote__hex_encode(flags, &context->trace_flags, 1);
    put_text_field(line, "trace_id", 8, trace_id, sizeof trace_id - 1);
    put_text_field(line, "span_id", 7, span_id, sizeof span_id - 1);
    put_text_field(line, "trace_flags", 11, flags, sizeof flags);
}

size_t tote_log_fields(const tote_context *context, tote_log_format format, char *buffer,
                       size_t size) {
    struct line line = {.out = {buffer, buffer ? size : 0, 0},
                        .is_json = format == TOTE_LOG_FORMAT_JSON};
    int error = errno;

    context = tote__context_of(context);
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
    line.has_trace = tote_span_context_is_valid(span);
    if (line.has_trace) {
        put_trace(&line, span);
    }
    tote__store_visit(tote_context_get_store(context), TOTE_VISIBILITY_TELEMETRY, log_entry, &line);
    if (buffer && size) {
        buffer[line.used] = '\0';
    }
    errno = error;
    return line.all;
}
