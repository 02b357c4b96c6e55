/* SPDX-License-Identifier: MIT */
/*
 * baggage_rules.c - what the formats with baggage share
 *
 * Tests: tests/unit/test_trust.c
 */
#include "baggage_rules.h"

#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/tracer.h"

static void destroy(void *self) {
    struct baggage_rules *rules = self;

    if (rules) {
        tote__name_list_clear(&rules->names);
        tote__release(rules, sizeof *rules);
    }
}

tote_propagator *tote__baggage_propagator_new(const struct format *format,
                                              const tote_baggage_propagator_options *given,
                                              size_t usual_members) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    struct baggage_rules *rules = tote__allocate_zeroed(sizeof *rules);

    TOTE__COPY_OPTIONS(tote_baggage_propagator_options, &options, given);
    if (!rules ||
        !tote__name_list_copy(&rules->names, options.allowed_names, options.allowed_name_count)) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "baggage",
            "propagator not created: out of memory; baggage is neither sent nor read");
        destroy(rules);
        return tote__propagator_of_nothing();
    }
    rules->format = *format;
    rules->ignore_incoming = options.ignore_incoming;
    rules->max_members = options.max_members ? options.max_members : usual_members;
    rules->max_members = tote__min(rules->max_members, BAGGAGE_MOST_BYTES_EVER / 2);
    rules->max_bytes = options.max_bytes ? options.max_bytes : BAGGAGE_USUAL_BYTES;
    rules->max_bytes = tote__min(rules->max_bytes, BAGGAGE_MOST_BYTES_EVER);
    return tote__format_new(&rules->format, destroy);
}

bool tote__baggage_value(const struct tote__entry *entry, char buffer[BAGGAGE_SCALAR_SIZE],
                         struct tote__slice *value) {
    struct tote__arena none = {NULL, NULL, 0};
    struct tote__slice rest = entry->value;
    struct tote__field field;

    if (tote__any_value_string(entry->value, value)) {
        return true;
    }
    *value = (struct tote__slice){(const uint8_t *)buffer, 0};
    if (!tote__next_field(&rest, &field)) {
        return true; /* empty */
    }
    if (field.type == 2) {
        return false; /* bytes, an array or a map */
    }
    value->size = tote_value_to_text(tote__unpack_any_value(entry->value, &none), buffer,
                                     BAGGAGE_SCALAR_SIZE);
    return true;
}

/* Each cause has its own format, so that the rate limit of one does not suppress another. */
void tote__baggage_report(const struct baggage_rules *rules, const char *header,
                          const struct tote__entry *entry, enum baggage_problem problem) {
    static const char *const formats[] = {
        [BAGGAGE_NAME] = "entry '%.64s' is not sent in '%s': its name is not a token; use letters, "
                         "digits, '.', '-' and '_'",
        [BAGGAGE_VALUE] = "entry '%.64s' is not sent in '%s': the header cannot carry its value; "
                          "use text, a number or a boolean",
        [BAGGAGE_LIMIT] = "entry '%.64s' is not sent in '%s': the limit of %zu entries and %zu "
                          "bytes is reached; see tote_baggage_propagator_options",
        [BAGGAGE_MEMORY] = "entry '%.64s' is not sent in '%s': out of memory",
        [BAGGAGE_CARRIER] = "entry '%.64s' is not sent as '%s' in the environment: the name of a "
                            "variable does not keep the name of an entry; use the propagator "
                            "'baggage'",
    };

    if (problem != BAGGAGE_NO_PROBLEM) {
        tote_diagnostics_report(problem == BAGGAGE_MEMORY ? TOTE_LEVEL_ERROR : TOTE_LEVEL_WARN,
                                "baggage", formats[problem], entry->key, header, rules->max_members,
                                rules->max_bytes);
    }
}

struct baggage_reader tote__baggage_reader_begin(const struct baggage_rules *rules,
                                                 const tote_context *context) {
    return (struct baggage_reader){
        .rules = rules, .context = context, .parent = tote_context_get_store(context)};
}

static size_t decode(char *out, const char *text, size_t length, enum baggage_encoding encoding) {
    if (encoding == BAGGAGE_FORM) {
        for (size_t i = 0; i < length; i++) {
            out[i] = text[i] == '+' ? ' ' : text[i];
        }
        text = out;
    }
    return tote__percent_decode(out, text, length, NULL);
}

static bool keep(struct baggage_reader *reader, struct tote__overlay_entry *entry,
                 const char *value, size_t length) {
    if (!reader->overlay) {
        reader->overlay = tote__overlay_begin(reader->parent);
    }
    entry->value = tote_string_of(value, length);
    entry->flags = TOTE_VISIBILITY_ALL | TOTE__REMOTE;
    return reader->overlay && tote__overlay_put(reader->overlay, entry);
}

static __attribute__((noinline)) bool keep_decoded(struct baggage_reader *reader,
                                                   struct tote__overlay_entry *entry,
                                                   const char *value, size_t length,
                                                   enum baggage_encoding encoding) {
    char usual[256];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    char *decoded = tote__arena_allocate(&arena, length);
    bool is_kept =
        decoded && keep(reader, entry, decoded, decode(decoded, value, length, encoding));

    tote__arena_clear(&arena);
    return is_kept;
}

void tote__baggage_keep(struct baggage_reader *reader, struct tote__overlay_entry *entry,
                        const char *value, size_t length, enum baggage_encoding encoding,
                        size_t bytes) {
    if (baggage_is_full(reader, bytes)) {
        reader->over_limit++;
        return;
    }
    bool is_kept = encoding == BAGGAGE_PLAIN ? keep(reader, entry, value, length)
                                             : keep_decoded(reader, entry, value, length, encoding);
    if (is_kept) {
        reader->count++;
        reader->bytes += bytes;
    } else {
        reader->is_out_of_memory = true;
    }
}

tote_context *tote__baggage_reader_end(struct baggage_reader *reader,
                                       const tote_span_context *remote) {
    /* One report for each message, because the sender controls the number of entries. */
    if (reader->is_out_of_memory) {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "baggage",
                                "entries of a received message are ignored: out of memory");
    } else if (reader->over_limit) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "baggage",
            "entries of a received message are ignored: it has more than %zu entries or "
            "%zu bytes; see tote_baggage_propagator_options",
            reader->rules->max_members, reader->rules->max_bytes);
    }
    if (!reader->count) {
        tote_store_unref(reader->overlay);
        reader->overlay = NULL;
    }
    tote_context *changed = tote__context_with_overlay(reader->context, reader->overlay);
    if (!remote) {
        return changed;
    }
    tote_context *extracted = tote__context_with_remote_span(changed, remote);
    tote_context_unref(changed);
    return extracted;
}
