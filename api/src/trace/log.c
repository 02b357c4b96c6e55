/* SPDX-License-Identifier: MIT */
/*
 * log.c - the fields that tie a log line to its trace
 *
 * A field is written as far as it fits, counted in full, and taken back when it did not fit.
 */
#include "tote/log.h"

#include <errno.h>

#include "tote/internal/context.h"
#include "tote/internal/export_rules.h"
#include "tote/internal/span.h"
#include "tote/internal/store.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"

struct line {
    char *buffer;
    size_t size; /* with the NUL */
    size_t used; /* of whole fields */
    size_t at;   /* of the field being written; may be beyond `size` */
    size_t all;  /* the length of all fields, those that did not fit too */
    bool is_json;
    bool has_trace; /* its fields are written; entries of the same name are not */
    struct tote__export_budget budget;
};

static void put(struct line *line, char c) {
    if (line->at + 1 < line->size) {
        line->buffer[line->at] = c;
    }
    line->at++;
}

static void put_all(struct line *line, const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        put(line, text[i]);
    }
}

static void put_escaped(struct line *line, uint32_t code_point) {
    static const char digits[] = "0123456789abcdef";

    put_all(line, "\\u", 2);
    for (int shift = 12; shift >= 0; shift -= 4) {
        put(line, digits[code_point >> shift & 0x0F]);
    }
}

/*
 * In quotes, escaped as JSON is; logfmt has taken that over. What controls a terminal or the layout
 * of the line is escaped, too. Spec: RFC 8259 section 7
 */
static void put_quoted(struct line *line, const char *text, size_t length) {
    uint32_t code_point;

    put(line, '"');
    for (size_t i = 0; i < length;) {
        char c = text[i];
        size_t control = tote__control_size(text + i, length - i, &code_point);
        if (c == '"' || c == '\\') {
            put(line, '\\');
            put(line, c);
        } else if (c == '\n' || c == '\r' || c == '\t') {
            put(line, '\\');
            put(line, c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
        } else if (control) {
            put_escaped(line, code_point);
        } else {
            put(line, c);
        }
        i += control ? control : 1;
    }
    put(line, '"');
}

/* How many bytes at the start logfmt has to quote; 0: none. */
static size_t special_size(const char *text, size_t length) {
    uint32_t code_point;

    return *text == ' ' || *text == '=' || *text == '"'
               ? 1
               : tote__control_size(text, length, &code_point);
}

static void put_percent(struct line *line, unsigned char byte) {
    static const char digits[] = "0123456789ABCDEF";

    put(line, '%');
    put(line, digits[byte >> 4]);
    put(line, digits[byte & 0x0F]);
}

/*
 * A name in logfmt cannot be quoted. It is percent-encoded, so that different keys stay different.
 */
static void put_name(struct line *line, const char *name, size_t length) {
    if (line->is_json) {
        put_quoted(line, name, length);
        put(line, ':');
        return;
    }
    for (size_t i = 0; i < length;) {
        size_t special = name[i] == '%' ? 1 : special_size(name + i, length - i);
        if (!special) {
            put(line, name[i++]);
        }
        for (; special; special--) {
            put_percent(line, (unsigned char)name[i++]);
        }
    }
    put(line, '=');
}

static bool needs_quotes(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (special_size(text + i, length - i)) {
            return true;
        }
    }
    return length == 0;
}

static void begin_field(struct line *line, const char *name, size_t length) {
    line->at = line->used;
    if (line->used) {
        put(line, line->is_json ? ',' : ' ');
    }
    put_name(line, name, length);
}

static void end_field(struct line *line) {
    bool has_separator = line->used != 0;

    line->all += line->at - line->used - has_separator + (line->all != 0);
    if (line->at < line->size) {
        line->used = line->at;
    }
}

static void put_text_field(struct line *line, const char *name, size_t name_length,
                           const char *text, size_t length) {
    begin_field(line, name, name_length);
    if (line->is_json || needs_quotes(text, length)) {
        put_quoted(line, text, length);
    } else {
        put_all(line, text, length);
    }
    end_field(line);
}

/* The text of a value that is no string, when it is JSON as it stands. */
static bool is_bare_json(tote_value value, const char *text) {
    switch (value.type) {
    case TOTE_TYPE_BOOL:
    case TOTE_TYPE_INT:
    case TOTE_TYPE_ARRAY:
    case TOTE_TYPE_MAP:
        return true;
    case TOTE_TYPE_DOUBLE: /* not NaN, not Infinity */
        return (text[0] >= '0' && text[0] <= '9') ||
               (text[0] == '-' && text[1] >= '0' && text[1] <= '9');
    default:
        return false;
    }
}

static void put_value_field(struct line *line, const struct tote__entry *entry) {
    char small[256];
    struct tote__arena arena = tote__arena_over(small, sizeof small);
    tote_value value = tote__unpack_any_value(entry->value, &arena);
    size_t length = tote_value_to_text(value, NULL, 0);
    char *text = tote__arena_allocate(&arena, length + 1);

    if (!text) {
        return; /* and the line goes out without it */
    }
    tote_value_to_text(value, text, length + 1);
    if (line->is_json && is_bare_json(value, text)) {
        begin_field(line, entry->key, entry->key_length);
        put_all(line, text, length);
        end_field(line);
    } else {
        put_text_field(line, entry->key, entry->key_length, text, length);
    }
    tote__arena_clear(&arena);
}

static bool is_one_of(const struct tote__entry *entry, const char *const *names, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (tote__equals_ignoring_case(entry->key, entry->key_length, names[i], strlen(names[i]))) {
            return true;
        }
    }
    return false;
}

/* What Tote writes itself. */
static bool is_trace_field(const struct tote__entry *entry) {
    static const char *const names[] = {"trace_id", "span_id", "trace_flags"};

    return is_one_of(entry, names, TOTE_COUNT_OF(names));
}

/* What loggers write: another process must not forge it, nor make it a key twice. */
static bool is_logger_field(const struct tote__entry *entry) {
    static const char *const names[] = {
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

    return is_one_of(entry, names, TOTE_COUNT_OF(names));
}

static bool is_left_out(const struct line *line, const struct tote__entry *entry) {
    bool is_remote = entry->flags & TOTE__REMOTE;

    return ((line->has_trace || is_remote) && is_trace_field(entry)) ||
           (is_remote && is_logger_field(entry)) || tote__export_is_reserved(entry) ||
           !tote__tracer_provider_exports(entry);
}

static bool put_entry(void *arg, const struct tote__entry *entry) {
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
    static const char digits[] = "0123456789abcdef";
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];
    char flags[2] = {digits[context->trace_flags >> 4], digits[context->trace_flags & 0x0F]};

    tote_trace_id_to_hex(&context->trace_id, trace_id);
    tote_span_id_to_hex(&context->span_id, span_id);
    put_text_field(line, "trace_id", 8, trace_id, sizeof trace_id - 1);
    put_text_field(line, "span_id", 7, span_id, sizeof span_id - 1);
    put_text_field(line, "trace_flags", 11, flags, sizeof flags);
}

size_t tote_log_fields(const tote_context *context, tote_log_format format, char *buffer,
                       size_t size) {
    struct line line = {
        .buffer = buffer, .size = buffer ? size : 0, .is_json = format == TOTE_LOG_JSON};
    int error = errno;

    context = tote__context_or_current(context);
    const tote_span_context *span = tote_context_get_span_context(context);
    line.has_trace = tote_span_context_is_valid(span);
    if (line.has_trace) {
        put_trace(&line, span);
    }
    tote__store_visit(tote_context_get_store(context), TOTE_EXPORT, put_entry, &line);
    if (buffer && size) {
        buffer[line.used] = '\0';
    }
    errno = error;
    return line.all;
}
