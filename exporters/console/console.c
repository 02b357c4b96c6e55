/* SPDX-License-Identifier: MIT */
/*
 * console.c - writes spans as text
 *
 * Control characters are escaped, because the output may be a terminal. Numbers do not depend on
 * the locale. Spec: trace/sdk_exporters/stdout.md
 *
 * Tests: tests/unit/test_console.c
 */
#include <errno.h>
#include <inttypes.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

#include "tote/diagnostics.h"
#include "tote/exporters/console.h"
#include "tote/internal/memory.h"
#include "tote/internal/os.h"
#include "tote/internal/text.h"
#include "tote/internal/write_signals.h"

struct exporter {
    FILE *out;
    atomic_bool is_shut_down;
};

static void put_text(FILE *out, const char *text) {
    size_t length = strlen(text);
    uint32_t code_point = 0;

    for (size_t at = 0; at < length;) {
        size_t size = tote__control_size(text + at, length - at, &code_point);
        if (!size) {
            putc((unsigned char)text[at], out);
        } else if (code_point == '\n') {
            fputs("\\n", out);
        } else {
            fprintf(out, code_point < 0x80 ? "\\x%02x" : "\\u%04x", (unsigned)code_point);
        }
        at += size ? size : 1;
    }
}

static void put_value(FILE *out, tote_value value) {
    char buffer[512];
    size_t length = tote_value_to_text(value, buffer, sizeof buffer);
    char *whole = length < sizeof buffer ? NULL : tote__allocate(length + 1);

    if (whole) {
        tote_value_to_text(value, whole, length + 1);
    }
    put_text(out, whole ? whole : buffer);
    tote__release(whole, length + 1);
}

static void put_attributes(FILE *out, const char *indent, const tote_attribute *attributes,
                           size_t count, size_t dropped) {
    for (size_t i = 0; i < count; i++) {
        fputs(indent, out);
        put_text(out, attributes[i].key);
        fputs(": ", out);
        put_value(out, attributes[i].value);
        putc('\n', out);
    }
    if (dropped) {
        fprintf(out, "%s(%zu dropped)\n", indent, dropped);
    }
}

/* Write a duration in milliseconds with nanosecond precision. A span may end before it starts. */
static void put_ms(FILE *out, uint64_t from, uint64_t to) {
    uint64_t ns = to >= from ? to - from : from - to;

    fprintf(out, "%s%" PRIu64 ".%06" PRIu64 " ms", to >= from ? "" : "-", ns / 1000000,
            ns % 1000000);
}

static void put_time(FILE *out, uint64_t unix_nano) {
    time_t seconds = (time_t)(unix_nano / 1000000000);
    struct tm utc;

    if (gmtime_r(&seconds, &utc)) {
        fprintf(out, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRIu64 "Z", utc.tm_year + 1900,
                utc.tm_mon + 1, utc.tm_mday, utc.tm_hour, utc.tm_min, utc.tm_sec,
                unix_nano % 1000000000);
    }
}

static void put_context(FILE *out, const tote_span_context *context) {
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];

    tote_trace_id_to_hex(tote_span_context_get_trace_id(context), trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(context), span_id);
    fprintf(out, "trace %s span %s", trace_id, span_id);
}

static void put_head(FILE *out, const tote_span_data *span) {
    static const char *const kinds[] = {"internal", "server", "client", "producer", "consumer"};
    const tote_span_context *parent = tote_span_data_get_parent(span);
    size_t kind = (size_t)tote_span_data_get_kind(span);

    put_text(out, tote_span_data_get_name(span));
    fprintf(out, " (%s, ", kind < TOTE_COUNT_OF(kinds) ? kinds[kind] : "of unknown kind");
    put_ms(out, tote_span_data_get_start_time_unix_nano(span),
           tote_span_data_get_end_time_unix_nano(span));
    fputs(")\n  ", out);
    put_context(out, tote_span_data_get_context(span));
    if (tote_span_context_is_valid(parent)) {
        char parent_id[TOTE_SPAN_ID_HEX_SIZE];
        tote_span_id_to_hex(tote_span_context_get_span_id(parent), parent_id);
        fprintf(out, " parent %s%s", parent_id,
                tote_span_context_is_remote(parent) ? " (remote)" : "");
    }
    fputs("\n  start ", out);
    put_time(out, tote_span_data_get_start_time_unix_nano(span));
    putc('\n', out);
}

static void put_status(FILE *out, const tote_span_data *span) {
    tote_status_code code = tote_span_data_get_status_code(span);
    const char *description = tote_span_data_get_status_description(span);

    if (code == TOTE_STATUS_CODE_UNSET) {
        return;
    }
    fputs(code == TOTE_STATUS_CODE_OK ? "  status ok" : "  status error", out);
    if (*description) {
        fputs(": ", out);
        put_text(out, description);
    }
    putc('\n', out);
}

static void put_events(FILE *out, const tote_span_data *span) {
    size_t count = 0;
    const tote_event *events = tote_span_data_get_events(span, &count);
    size_t dropped = tote_span_data_get_dropped_event_count(span);

    for (size_t i = 0; i < count; i++) {
        fputs("  event ", out);
        put_text(out, events[i].name);
        fputs(" at ", out);
        put_ms(out, tote_span_data_get_start_time_unix_nano(span), events[i].time_unix_nano);
        putc('\n', out);
        put_attributes(out, "    ", events[i].attributes, events[i].attribute_count,
                       events[i].dropped_attribute_count);
    }
    if (dropped) {
        fprintf(out, "  (%zu events dropped)\n", dropped);
    }
}

static void put_links(FILE *out, const tote_span_data *span) {
    size_t count = 0;
    const tote_link *links = tote_span_data_get_links(span, &count);
    size_t dropped = tote_span_data_get_dropped_link_count(span);

    for (size_t i = 0; i < count; i++) {
        fputs("  link to ", out);
        put_context(out, links[i].context);
        putc('\n', out);
        put_attributes(out, "    ", links[i].attributes, links[i].attribute_count,
                       links[i].dropped_attribute_count);
    }
    if (dropped) {
        fprintf(out, "  (%zu links dropped)\n", dropped);
    }
}

static void put_service(FILE *out, const tote_span_data *span) {
    const tote_resource *resource = tote_span_data_get_resource(span);

    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, "service.name") == 0) {
            fputs("  service ", out);
            put_value(out, resource->attributes[i].value);
            putc('\n', out);
        }
    }
}

static void put_span(FILE *out, const tote_span_data *span) {
    size_t count = 0;
    const tote_attribute *attributes = tote_span_data_get_attributes(span, &count);

    put_head(out, span);
    put_service(out, span);
    put_status(out, span);
    put_attributes(out, "  ", attributes, count, tote_span_data_get_dropped_attribute_count(span));
    put_events(out, span);
    put_links(out, span);
}

static tote_result console_export_spans(void *self, const tote_span_data *const *spans,
                                        size_t count, uint32_t timeout_ms,
                                        tote_export_outcome *report) {
    struct exporter *exporter = self;
    struct tote__held_signals signals;
    int error = errno;

    (void)timeout_ms;
    if (!spans || !count) {
        return TOTE_RESULT_SUCCESS;
    }
    if (atomic_load(&exporter->is_shut_down)) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "console", "%zu spans after shutdown are lost",
                                count);
        if (report) {
            report->shut_down += count;
        }
        return TOTE_RESULT_FAILURE;
    }
    flockfile(exporter->out); /* the program may write there, too */
    tote__hold_write_signals(&signals);
    for (size_t i = 0; i < count; i++) {
        put_span(exporter->out, spans[i]);
    }
    bool has_failed = fflush(exporter->out) != 0;
    int reason = errno;
    tote__release_write_signals(&signals);
    funlockfile(exporter->out);
    if (has_failed) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "console", "%zu spans could not be written: %s",
                                count, tote__os_error(reason).text);
    }
    errno = error;
    return has_failed ? TOTE_RESULT_FAILURE : TOTE_RESULT_SUCCESS;
}

static tote_result console_shutdown(void *self, uint32_t timeout_ms) {
    struct exporter *exporter = self;

    (void)timeout_ms;
    atomic_store(&exporter->is_shut_down, true);
    return TOTE_RESULT_SUCCESS;
}

static void console_destroy(void *self) {
    tote__release(self, sizeof(struct exporter));
}

static const tote_span_exporter_ops console_ops = {
    .struct_size = sizeof console_ops,
    .export_spans = console_export_spans,
    .shutdown = console_shutdown,
    .destroy = console_destroy,
};

tote_span_exporter *tote_span_exporter_console_new(FILE *out) {
    struct exporter *exporter = tote__allocate_zeroed(sizeof *exporter);

    if (!exporter) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "console",
                                "out of memory, no exporter is created");
        return NULL;
    }
    exporter->out = out ? out : stdout;
    return tote_span_exporter_new(&console_ops, exporter);
}
