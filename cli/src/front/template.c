/* SPDX-License-Identifier: MIT */
/*
 * template.c - the context of a span in the arguments of a command
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "template.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/propagators.h"

enum { FIELDS = 5, MOST_HEADERS = 16 };

/* A name in double braces, and its value. */
struct field {
    const char *name;
    size_t name_length;
    const char *value;
    size_t value_length;
};

struct fields {
    struct field items[FIELDS];
    tote_header headers[MOST_HEADERS];
    char text[TOTE_INJECT_BUFFER_BYTES];
    char trace_id[TOTE_TRACE_ID_HEX_SIZE];
    char span_id[TOTE_SPAN_ID_HEX_SIZE];
};

static void inject(struct fields *fields, const tote_context *context, tote_header_array *headers) {
    tote_propagator *formats[] = {tote_propagator_tracecontext_new(),
                                  tote_propagator_baggage_new(NULL)};
    tote_propagator *propagator = tote_propagator_composite_new(formats, TOTE_COUNT_OF(formats));

    *headers =
        (tote_header_array){fields->headers, 0, MOST_HEADERS, fields->text, sizeof fields->text};
    tote_propagator_inject(propagator, context, headers, tote_header_array_setter());
    tote_propagator_unref(propagator);
}

static void read_fields(struct fields *fields, const tote_context *context) {
    static const char *const names[FIELDS] = {"trace_id", "span_id", "traceparent", "tracestate",
                                              "baggage"};
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
    tote_header_array headers;

    inject(fields, context, &headers);
    for (size_t i = 0; i < FIELDS; i++) {
        struct field *field = &fields->items[i];
        *field = (struct field){names[i], strlen(names[i]), "", 0};
        for (size_t header = 0; header < headers.count; header++) {
            const tote_header *at = &headers.headers[header];
            if (at->name_length == field->name_length &&
                memcmp(at->name, field->name, at->name_length) == 0) {
                field->value = at->value;
                field->value_length = at->value_length;
            }
        }
    }
    tote_trace_id_to_hex(tote_span_context_get_trace_id(span), fields->trace_id);
    tote_span_id_to_hex(tote_span_context_get_span_id(span), fields->span_id);
    fields->items[0].value = fields->trace_id;
    fields->items[0].value_length = sizeof fields->trace_id - 1;
    fields->items[1].value = fields->span_id;
    fields->items[1].value_length = sizeof fields->span_id - 1;
}

/* Return the field whose name in braces is at the start of the text, or NULL. */
static const struct field *field_at(const struct fields *fields, const char *text) {
    for (size_t i = 0; strncmp(text, "{{", 2) == 0 && i < FIELDS; i++) {
        const struct field *field = &fields->items[i];
        if (strncmp(text + 2, field->name, field->name_length) == 0 &&
            strncmp(text + 2 + field->name_length, "}}", 2) == 0) {
            return field;
        }
    }
    return NULL;
}

static char *fill(const struct fields *fields, const char *text) {
    size_t size;
    char *filled = NULL;
    FILE *out = open_memstream(&filled, &size);

    if (!out) {
        return NULL;
    }
    while (*text) {
        const struct field *field = field_at(fields, text);
        if (field) {
            fwrite(field->value, 1, field->value_length, out);
            text += field->name_length + 4;
        } else {
            putc(*text++, out);
        }
    }
    if (fclose(out) != 0) {
        free(filled);
        return NULL;
    }
    return filled;
}

char **template_fill(char *const *arguments, const tote_context *context) {
    struct fields fields;
    size_t count = 0;

    while (arguments[count]) {
        count++;
    }
    char **filled = calloc(count + 1, sizeof *filled);
    read_fields(&fields, context);
    for (size_t i = 0; filled && i < count; i++) {
        filled[i] = fill(&fields, arguments[i]);
        if (!filled[i]) {
            template_free(filled);
            return NULL;
        }
    }
    return filled;
}

void template_free(char **arguments) {
    for (size_t i = 0; arguments && arguments[i]; i++) {
        free(arguments[i]);
    }
    free(arguments);
}
