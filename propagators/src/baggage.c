/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - the baggage header. Spec: w3c/baggage, baggage/api.md#propagation
 *
 * A member that is invalid or does not fit is left out; the others are kept. Inject and extract
 * take linear time and bounded memory.
 *
 * Tests: tests/unit/test_baggage_propagator.c, tests/fuzz/fuzz_baggage.c
 */
#include <string.h>

#include "baggage_rules.h"

enum { USUAL_MEMBERS = 180, ON_STACK = 1024 };

/* The value of the header while it is written. */
struct writer {
    const struct baggage_rules *rules;
    char usual[ON_STACK + 1];
    char *text;
    size_t length;
    size_t capacity;
    size_t members;
    struct tote__arena arena;
};

/* Reserve space for `size` bytes. */
static enum baggage_problem reserve(struct writer *writer, size_t size) {
    if (size > writer->rules->max_bytes - writer->length) {
        return BAGGAGE_LIMIT;
    }
    if (size > writer->capacity - writer->length) {
        char *larger = tote__arena_allocate(&writer->arena, writer->rules->max_bytes + 1);
        if (!larger) {
            return BAGGAGE_MEMORY;
        }
        memcpy(larger, writer->text, writer->length);
        writer->text = larger;
        writer->capacity = writer->rules->max_bytes;
    }
    return BAGGAGE_NO_PROBLEM;
}

/* A text whose characters outside `plain` are written as %HH. */
struct encoded {
    const char *text;
    size_t length;
    enum tote__characters plain;
    size_t escapes;
};

static struct encoded measure(const char *text, size_t length, enum tote__characters plain) {
    struct encoded encoded = {text, length, plain, 0};

    if (tote__are_all_in(plain, text, length)) {
        return encoded;
    }
    for (size_t i = 0; i < length; i++) {
        encoded.escapes += !tote__is_in(plain, text[i]);
    }
    return encoded;
}

static char *write_plain(char *out, const char *text, size_t length) {
    (void)tote__copy_ascii(out, text, length);
    return out + length;
}

static char *write_encoded(char *out, const struct encoded *encoded) {
    return encoded->escapes
               ? tote__percent_encode(out, encoded->text, encoded->length, encoded->plain)
               : write_plain(out, encoded->text, encoded->length);
}

static struct encoded measure_metadata(const struct tote__entry *entry) {
    const char *trimmed = entry->metadata;
    size_t length = entry->metadata_length;

    tote__trim(&trimmed, &length);
    return measure(trimmed, length, TOTE__BAGGAGE_META);
}

/* Append a whole member with the comma before it, or nothing. */
static enum baggage_problem put_member(struct writer *writer, const struct tote__entry *entry,
                                       struct tote__slice text) {
    struct encoded value = measure((const char *)text.at, text.size, TOTE__BAGGAGE_PLAIN);
    struct encoded metadata = {NULL, 0, TOTE__BAGGAGE_META, 0};

    if (entry->metadata_length) {
        metadata = measure_metadata(entry);
    }
    size_t size = (writer->members != 0) + entry->key_length + 1 + value.length +
                  2 * value.escapes + (metadata.length != 0) + metadata.length +
                  2 * metadata.escapes;
    enum baggage_problem problem = reserve(writer, size);
    if (problem != BAGGAGE_NO_PROBLEM) {
        return problem;
    }
    char *out = writer->text + writer->length;
    writer->length += size;
    if (writer->members) {
        *out++ = ',';
    }
    out = write_plain(out, entry->key, entry->key_length);
    *out++ = '=';
    out = write_encoded(out, &value);
    if (metadata.length) {
        *out++ = ';';
        write_encoded(out, &metadata);
    }
    writer->members++;
    return BAGGAGE_NO_PROBLEM;
}

/* The same for a value that is not text. */
static __attribute__((noinline)) enum baggage_problem
put_other_member(struct writer *writer, const struct tote__entry *entry) {
    char scalar[BAGGAGE_SCALAR_SIZE];
    struct tote__slice text;

    return tote__baggage_value(entry, scalar, &text) ? put_member(writer, entry, text)
                                                     : BAGGAGE_VALUE;
}

static enum baggage_problem put_entry(struct writer *writer, const struct tote__entry *entry) {
    struct tote__slice text;

    if (!tote__is_token(entry->key, entry->key_length)) {
        return BAGGAGE_NAME;
    }
    if (writer->members == writer->rules->max_members) {
        return BAGGAGE_LIMIT;
    }
    return tote__any_value_string(entry->value, &text) ? put_member(writer, entry, text)
                                                       : put_other_member(writer, entry);
}

static bool inject_entry(void *arg, const struct tote__entry *entry) {
    struct writer *writer = arg;
    const struct baggage_rules *rules = writer->rules;

    if (rules->names.names && !tote__name_list_allows(&rules->names, entry->key)) {
        return true;
    }
    enum baggage_problem problem = put_entry(writer, entry);
    if (tote__unlikely(problem != BAGGAGE_NO_PROBLEM)) {
        tote__baggage_report(rules, "baggage", entry, problem);
    }
    return true;
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    struct writer writer;

    writer.rules = self;
    writer.text = writer.usual;
    writer.capacity = tote__min(ON_STACK, writer.rules->max_bytes);
    writer.length = writer.members = 0;
    writer.arena = (struct tote__arena){NULL, NULL, 0};
    tote__store_visit(tote_context_get_store(context), TOTE_VISIBILITY_BAGGAGE, inject_entry,
                      &writer);
    if (writer.length) {
        writer.text[writer.length] = '\0'; /* both buffers have a byte more than their capacity */
        setter->set(carrier, "baggage", writer.text, writer.length);
    }
    tote__arena_clear(&writer.arena);
}

static const char *skip_blanks(const char *at, const char *end) {
    return at + tote__span_of(TOTE__BLANK, at, (size_t)(end - at));
}

/*
 * Read OWS [ name OWS "=" OWS value *( OWS ";" OWS property ) OWS ] in one pass. Returns its end: a
 * comma, or `end`. A member that is accepted can be sent again unchanged.
 */
static const char *read_member(struct baggage_reader *reader, const char *at, const char *end) {
    struct tote__overlay_entry entry = {.metadata = ""};
    const char *member = skip_blanks(at, end);

    entry.key = member;
    entry.key_length = tote__span_of(TOTE__TOKEN, member, (size_t)(end - member));
    at = skip_blanks(member + entry.key_length, end);
    if (at == end || *at != '=' || !entry.key_length) {
        at = memchr(at, ',', (size_t)(end - at));
        return at ? at : end;
    }
    const char *value = skip_blanks(at + 1, end);
    size_t plain = tote__span_of(TOTE__BAGGAGE_PLAIN, value, (size_t)(end - value));
    const char *member_end = value + plain;
    if (member_end < end && *member_end == '%') {
        member_end += tote__span_of(TOTE__BAGGAGE_OCTET, member_end, (size_t)(end - member_end));
    }
    size_t length = (size_t)(member_end - value);
    at = skip_blanks(member_end, end);
    if (at < end && *at == ';') {
        member_end = ++at;
        entry.metadata = skip_blanks(at, end);
        at += tote__span_of(TOTE__BAGGAGE_META, at, (size_t)(end - at));
        entry.metadata_length = (size_t)(at - entry.metadata);
        tote__trim(&entry.metadata, &entry.metadata_length);
        if (entry.metadata_length) {
            member_end = entry.metadata + entry.metadata_length;
        }
    }
    if (at < end && *at != ',') {
        at = memchr(at, ',', (size_t)(end - at));
        return at ? at : end;
    }
    tote__baggage_keep(reader, &entry, value, length,
                       length > plain ? BAGGAGE_PERCENT : BAGGAGE_PLAIN,
                       (size_t)(member_end - member) + (reader->count ? 1 : 0));
    return at;
}

/* A further member, and the comma before it: `,k=` */
enum { SHORTEST_MEMBER = 3 };

static bool visit_header(void *arg, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
    struct baggage_reader *reader = arg;

    const char *at = value;
    const char *end = value + value_length;

    (void)name, (void)name_length;
    while (at < end && !reader->is_out_of_memory) {
        if (baggage_is_full(reader, SHORTEST_MEMBER)) {
            reader->over_limit++;
            return false;
        }
        at = read_member(reader, at, end);
        at += at < end;
    }
    return !reader->is_out_of_memory;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct baggage_reader reader = tote__baggage_reader_begin(self, context);

    if (!reader.rules->ignore_incoming) {
        tote_text_map_getter_get_all(getter, carrier, "baggage", visit_header, &reader);
    }
    return tote__baggage_reader_end(&reader, NULL);
}

tote_propagator *tote_propagator_baggage_new(const tote_baggage_propagator_options *options) {
    static const struct format format = {{"baggage"}, inject, extract};

    return tote__baggage_propagator_new(&format, options, USUAL_MEMBERS);
}
