/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - the baggage header. Spec: w3c/baggage, baggage/api.md#propagation
 *
 * Members that cannot be read, or do not fit, are left out whole; the others stand. Both ways are linear
 * in what they read, and bounded in what they keep.
 */
#include <string.h>

#include "baggage_rules.h"
#include "tote/diagnostics.h"
#include "tote/internal/text.h"

enum { USUAL_MEMBERS = 180, USUAL_BYTES = 8192, ON_STACK = 1024 };

/* baggage-octet: printable, without space, quote, comma, semicolon and backslash. */
static const struct tote__characters octets = {{0xF7FFEFFA00000000U, 0x7FFFFFFFEFFFFFFFU}};

/* What a value has as it is: those but the percent sign. */
static const struct tote__characters plain_in_values = {{0xF7FFEFDA00000000U, 0x7FFFFFFFEFFFFFFFU}};

/* What metadata has as it is: octets, semicolon, space and tab, for properties have their own
 * delimiters. */
static const struct tote__characters plain_in_metadata = {
    {0xFFFFEFFB00000200U, 0x7FFFFFFFEFFFFFFFU}};

/* The header's value on its way. */
struct writer {
    const struct baggage_rules *rules;
    char usual[ON_STACK + 1];
    char *text;
    size_t length;
    size_t capacity;
    size_t members;
    struct tote__arena arena;
};

/* Append bytes, all or none of them. */
static bool put(struct writer *writer, const char *text, size_t length) {
    if (length > writer->rules->max_bytes - writer->length) {
        return false;
    }
    if (length > writer->capacity - writer->length) {
        char *larger = tote__arena_allocate(&writer->arena, writer->rules->max_bytes + 1);
        if (!larger) {
            return false;
        }
        memcpy(larger, writer->text, writer->length);
        writer->text = larger;
        writer->capacity = writer->rules->max_bytes;
    }
    memcpy(writer->text + writer->length, text, length);
    writer->length += length;
    return true;
}

static bool put_encoded(struct writer *writer, const char *text, size_t length,
                        const struct tote__characters *plain) {
    static const char digits[] = "0123456789ABCDEF";

    while (length) {
        size_t run = tote__span_of(plain, text, length);
        if (!put(writer, text, run)) {
            return false;
        }
        if (run < length) {
            unsigned char c = (unsigned char)text[run++];
            const char escape[] = {'%', digits[c >> 4], digits[c & 15]};
            if (!put(writer, escape, sizeof escape)) {
                return false;
            }
        }
        text += run;
        length -= run;
    }
    return true;
}

static bool put_member(struct writer *writer, const struct tote__entry *entry) {
    char scalar[BAGGAGE_SCALAR_SIZE];
    struct tote__slice value;

    if (!tote__baggage_value(entry, scalar, &value) || (writer->members && !put(writer, ",", 1)) ||
        !put(writer, entry->key, entry->key_length) || !put(writer, "=", 1) ||
        !put_encoded(writer, (const char *)value.at, value.size, &plain_in_values)) {
        return false;
    }
    const char *metadata = entry->metadata;
    size_t metadata_length = entry->metadata_length;
    tote__trim(&metadata, &metadata_length);
    return !metadata_length || (put(writer, ";", 1) &&
                                put_encoded(writer, metadata, metadata_length, &plain_in_metadata));
}

static bool inject_entry(void *arg, const struct tote__entry *entry) {
    struct writer *writer = arg;
    size_t length = writer->length;

    if (!tote__name_list_allows(&writer->rules->names, entry->key)) {
        return true;
    }
    bool is_sent = tote__is_token(entry->key, entry->key_length) &&
                   writer->members < writer->rules->max_members && put_member(writer, entry);
    if (is_sent) {
        writer->members++;
        return true;
    }
    writer->length = length;
    tote_diagnose(
        TOTE_LEVEL_WARN, "baggage",
        "'%.64s' not sent: its name is no token, its value no scalar, or the header is full",
        entry->key);
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
    if (tote__baggage_may_leave(writer.rules, context)) {
        tote__store_visit(tote_context_get_store(context), TOTE_PROPAGATE, inject_entry, &writer);
    }

    if (writer.length) {
        writer.text[writer.length] = '\0'; /* both buffers have a byte more than their capacity */
        setter->set(carrier, "baggage", writer.text, writer.length);
    } else {
        setter->set(carrier, "baggage", NULL, 0);
    }
    tote__arena_clear(&writer.arena);
}

/* name OWS "=" OWS value *( OWS ";" OWS property ) */
static void read_member(struct baggage_reader *reader, const char *member, size_t size) {
    const char *semicolon = memchr(member, ';', size);
    size_t pair_length = semicolon ? (size_t)(semicolon - member) : size;
    const char *equals = memchr(member, '=', pair_length);
    struct tote__layer_entry entry = {.key = member,
                                      .metadata = semicolon ? semicolon + 1 : "",
                                      .metadata_length = semicolon ? size - pair_length - 1 : 0};

    if (!equals) {
        return;
    }
    const char *value = equals + 1;
    size_t value_length = pair_length - (size_t)(value - member);
    entry.key_length = (size_t)(equals - member);
    tote__trim(&entry.key, &entry.key_length);
    tote__trim(&value, &value_length);
    tote__trim(&entry.metadata, &entry.metadata_length);
    if (!tote__is_token(entry.key, entry.key_length) ||
        tote__span_of(&octets, value, value_length) < value_length ||
        tote__span_of(&plain_in_metadata, entry.metadata, entry.metadata_length) <
            entry.metadata_length) { /* what is let in can go out as it is */
        return;
    }
    tote__baggage_keep(reader, &entry, value, value_length, BAGGAGE_PERCENT,
                       size + (reader->count ? 1 : 0));
}

/* A further member, and the comma before it: `,k=` */
enum { SHORTEST_MEMBER = 3 };

static bool visit_header(void *arg, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
    struct baggage_reader *reader = arg;

    (void)name, (void)name_length;
    while (value_length) {
        if (baggage_is_full(reader, SHORTEST_MEMBER)) {
            reader->over_limit++;
            return false;
        }
        const char *comma = memchr(value, ',', value_length);
        const char *member = value;
        size_t size = comma ? (size_t)(comma - value) : value_length;
        size_t step = comma ? size + 1 : size;

        tote__trim(&member, &size);
        if (size) {
            read_member(reader, member, size);
        }
        if (reader->is_out_of_memory) {
            return false;
        }
        value += step;
        value_length -= step;
    }
    return true;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct baggage_reader reader = tote__baggage_reader_begin(self, context);

    if (!reader.rules->ignore_incoming) {
        tote_getter_get_all(getter, carrier, "baggage", visit_header, &reader);
    }
    return tote__baggage_reader_end(&reader);
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? "baggage" : NULL;
}

tote_propagator *tote_propagator_new_baggage(const tote_baggage_propagator_options *options) {
    static const tote_propagator_ops ops = {
        .struct_size = sizeof ops,
        .inject = inject,
        .extract = extract,
        .get_field = get_field,
    };

    return tote__baggage_propagator_new(&ops, options, USUAL_MEMBERS, USUAL_BYTES);
}
