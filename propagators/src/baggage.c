/* SPDX-License-Identifier: MIT */
/*
 * baggage.c - the baggage header. Spec: w3c/baggage, baggage/api.md#propagation
 *
 * Members that cannot be read, or do not fit, are left out whole; the others stand. Both ways are linear
 * in what they read, and bounded in what they keep.
 */
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/store.h"
#include "tote/internal/text.h"
#include "tote/internal/tracer.h"
#include "tote/propagator_ops.h"
#include "tote/propagators.h"

enum { MOST_MEMBERS = 180, MOST_BYTES = 8192, MOST_BYTES_EVER = 15360, USUAL_BYTES = 1024 };

struct baggage {
    char **allowed_names; /* NULL: all */
    size_t allowed_name_count;
    bool ignore_incoming;
    size_t max_members;
    size_t max_bytes;
};

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
    const struct baggage *baggage;
    char usual[USUAL_BYTES + 1];
    char *text;
    size_t length;
    size_t capacity;
    size_t members;
    struct tote__arena arena;
};

/* Append bytes, all or none of them. */
static bool put(struct writer *writer, const char *text, size_t length) {
    if (length > writer->baggage->max_bytes - writer->length) {
        return false;
    }
    if (length > writer->capacity - writer->length) {
        char *larger = tote__arena_allocate(&writer->arena, writer->baggage->max_bytes + 1);
        if (!larger) {
            return false;
        }
        memcpy(larger, writer->text, writer->length);
        writer->text = larger;
        writer->capacity = writer->baggage->max_bytes;
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

static bool is_allowed(const struct baggage *baggage, const char *name) {
    for (size_t i = 0; baggage->allowed_names && i < baggage->allowed_name_count; i++) {
        if (strcmp(baggage->allowed_names[i], name) == 0) {
            return true;
        }
    }
    return !baggage->allowed_names;
}

/* The value as it travels: text as it is, other scalars written out. Returns: false for the rest. */
static bool put_value(struct writer *writer, struct tote__slice any_value) {
    char text[64];
    struct tote__slice string;
    struct tote__arena none = {NULL, NULL, 0};
    struct tote__slice rest = any_value;
    struct tote__field field;

    if (tote__any_value_string(any_value, &string)) {
        return put_encoded(writer, (const char *)string.at, string.size, &plain_in_values);
    }
    if (!tote__next_field(&rest, &field)) {
        return true; /* empty */
    }
    if (field.type == 2) {
        return false; /* bytes, an array or a map */
    }
    size_t length = tote_value_to_text(tote__unpack_any_value(any_value, &none), text, sizeof text);
    return put_encoded(writer, text, length, &plain_in_values);
}

static bool put_member(struct writer *writer, const struct tote__entry *entry) {
    if (writer->members && !put(writer, ",", 1)) {
        return false;
    }
    if (!put(writer, entry->key, entry->key_length) || !put(writer, "=", 1) ||
        !put_value(writer, entry->value)) {
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

    if (!is_allowed(writer->baggage, entry->key)) {
        return true;
    }
    bool is_sent = tote__is_token(entry->key, entry->key_length) &&
                   writer->members < writer->baggage->max_members && put_member(writer, entry);
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

    writer.baggage = self;
    writer.text = writer.usual;
    writer.capacity = tote__min(USUAL_BYTES, writer.baggage->max_bytes);
    writer.length = writer.members = 0;
    writer.arena = (struct tote__arena){NULL, NULL, 0};
    tote__store_visit(tote_context_get_store(context), TOTE_PROPAGATE, inject_entry, &writer);

    if (writer.length) {
        writer.text[writer.length] = '\0'; /* both buffers have a byte more than their capacity */
        setter->set(carrier, "baggage", writer.text, writer.length);
    } else {
        setter->set(carrier, "baggage", NULL, 0);
    }
    tote__arena_clear(&writer.arena);
}

/* Members of all headers on their way into a layer. */
struct reader {
    const struct baggage *baggage;
    tote_store *parent;
    tote_store *layer; /* made for the first member */
    size_t count;
    size_t bytes; /* of the members kept, with the commas between them */
    size_t over_limit;
    bool is_out_of_memory;
};

/* The member's value is decoded once; octets that are no UTF-8 are repaired where it is kept. */
static bool keep_member(struct reader *reader, struct tote__layer_entry *entry, const char *value,
                        size_t length) {
    char usual[256];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    const char *decoded = value;

    if (memchr(value, '%', length)) {
        char *room = tote__arena_allocate(&arena, length);
        length = room ? tote__percent_decode(room, value, length, NULL) : 0;
        decoded = room;
    }
    if (!reader->layer) {
        reader->layer = tote__layer_begin(reader->parent);
    }
    entry->value = tote_string_of(decoded, length);
    bool is_kept = decoded && reader->layer && tote__layer_put(reader->layer, entry);
    reader->count += is_kept;
    tote__arena_clear(&arena);
    return is_kept;
}

/* name OWS "=" OWS value *( OWS ";" OWS property ) */
static void read_member(struct reader *reader, const char *member, size_t size) {
    const char *semicolon = memchr(member, ';', size);
    size_t pair_length = semicolon ? (size_t)(semicolon - member) : size;
    const char *equals = memchr(member, '=', pair_length);
    struct tote__layer_entry entry = {.key = member,
                                      .flags = TOTE_EVERYWHERE | TOTE__REMOTE,
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
    size_t bytes = size + (reader->count ? 1 : 0);
    if (reader->count == reader->baggage->max_members ||
        bytes > reader->baggage->max_bytes - reader->bytes) {
        reader->over_limit++;
        return;
    }
    reader->is_out_of_memory = !keep_member(reader, &entry, value, value_length);
    reader->bytes += reader->is_out_of_memory ? 0 : bytes;
}

/* Whether even the shortest member, `,k=`, could not be taken any more. */
static bool is_full(const struct reader *reader) {
    return reader->count == reader->baggage->max_members ||
           reader->baggage->max_bytes - reader->bytes < 3;
}

static bool visit_header(void *arg, const char *name, size_t name_length, const char *value,
                         size_t value_length) {
    struct reader *reader = arg;

    (void)name, (void)name_length;
    while (value_length) {
        if (is_full(reader)) {
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
    struct reader reader = {.baggage = self, .parent = tote_context_get_store(context)};

    if (!reader.baggage->ignore_incoming) {
        tote_getter_get_all(getter, carrier, "baggage", visit_header, &reader);
    }
    /* Once a message, not once a member: a stranger decides how many there are. */
    if (reader.is_out_of_memory) {
        tote_diagnose(TOTE_LEVEL_ERROR, "baggage", "memory is out: received members were lost");
    } else if (reader.over_limit) {
        tote_diagnose(TOTE_LEVEL_WARN, "baggage",
                      "received members left out: over %zu of them or %zu bytes",
                      reader.baggage->max_members, reader.baggage->max_bytes);
    }
    if (!reader.count) {
        tote_store_unref(reader.layer);
        return tote_context_ref(context);
    }
    tote__layer_finish(reader.layer);
    return tote__context_with_layer(context, reader.layer);
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? "baggage" : NULL;
}

static void destroy(void *self) {
    struct baggage *baggage = self;

    if (!baggage) {
        return;
    }
    for (size_t i = 0; baggage->allowed_names && i < baggage->allowed_name_count; i++) {
        char *name = baggage->allowed_names[i];
        tote__release(name, name ? strlen(name) + 1 : 0);
    }
    tote__release(baggage->allowed_names, baggage->allowed_name_count * sizeof(char *));
    tote__release(baggage, sizeof *baggage);
}

static bool copy_names(struct baggage *baggage, const tote_baggage_propagator_options *options) {
    if (!options->allowed_names) {
        return true;
    }
    baggage->allowed_names = tote__allocate_zeroed(options->allowed_name_count * sizeof(char *));
    if (!baggage->allowed_names) {
        return false;
    }
    baggage->allowed_name_count = options->allowed_name_count;
    for (size_t i = 0; i < options->allowed_name_count; i++) {
        const char *name = options->allowed_names[i] ? options->allowed_names[i] : "";
        baggage->allowed_names[i] = tote__copy_text(name, strlen(name));
        if (!baggage->allowed_names[i]) {
            return false;
        }
    }
    return true;
}

static const tote_propagator_ops baggage_ops = {
    .struct_size = sizeof baggage_ops,
    .inject = inject,
    .extract = extract,
    .get_field = get_field,
    .destroy = destroy,
};
static const tote_propagator_ops nothing_ops = {.struct_size = sizeof nothing_ops};

tote_propagator *tote_propagator_new_baggage(const tote_baggage_propagator_options *given) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;
    struct baggage *baggage = tote__allocate_zeroed(sizeof *baggage);

    tote__copy_options(&options, sizeof options, given);
    if (!baggage || !copy_names(baggage, &options)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "baggage",
                      "propagator not made: no memory; no baggage goes "
                      "out or comes in");
        destroy(baggage);
        return tote_propagator_new(&nothing_ops, NULL);
    }
    baggage->ignore_incoming = options.ignore_incoming;
    baggage->max_members = options.max_members ? options.max_members : MOST_MEMBERS;
    baggage->max_bytes = options.max_bytes ? options.max_bytes : MOST_BYTES;
    baggage->max_bytes = tote__min(baggage->max_bytes, MOST_BYTES_EVER);
    baggage->max_members = tote__min(baggage->max_members, MOST_BYTES_EVER / 2);
    return tote_propagator_new(&baggage_ops, baggage);
}
