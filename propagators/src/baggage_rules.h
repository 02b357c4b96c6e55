/* SPDX-License-Identifier: MIT */
/*
 * baggage_rules.h - what all formats that carry baggage share: what may leave, what may come in,
 * how much
 */
#ifndef TOTE_PROPAGATORS_BAGGAGE_RULES_H
#define TOTE_PROPAGATORS_BAGGAGE_RULES_H

#include "format.h"
#include "tote/internal/name_list.h"
#include "tote/internal/store.h"

enum { BAGGAGE_USUAL_BYTES = 8192, BAGGAGE_MOST_BYTES_EVER = 15360 };

/* tote_baggage_propagator_options, copied and complete. */
struct baggage_rules {
    struct format format; /* first */
    struct tote__name_list names;
    bool ignore_incoming;
    size_t max_members;
    size_t max_bytes;
};

/*
 * A propagator of this format with such rules, which are its `self`. If out of memory, one that
 * does nothing.
 */
tote_propagator *tote__baggage_propagator_new(const struct format *format,
                                              const tote_baggage_propagator_options *options,
                                              size_t usual_members);

/*
 * An entry's value as it travels: text as it is, other scalars written to `room`. False for the
 * rest.
 */
enum { BAGGAGE_SCALAR_SIZE = 64 };
bool tote__baggage_value(const struct tote__entry *entry, char room[BAGGAGE_SCALAR_SIZE],
                         struct tote__slice *value);

/* Why an entry is not sent. */
enum baggage_problem {
    BAGGAGE_NO_PROBLEM,
    BAGGAGE_NAME,    /* is not a token */
    BAGGAGE_VALUE,   /* cannot be written */
    BAGGAGE_LIMIT,   /* of members or bytes */
    BAGGAGE_MEMORY,  /* is exhausted */
    BAGGAGE_CARRIER, /* does not keep names */
};

/*
 * Report an entry that is not sent, unless there is no problem. `header`: its header, or its
 * prefix.
 */
void tote__baggage_report(const struct baggage_rules *rules, const char *header,
                          const struct tote__entry *entry, enum baggage_problem problem);

/* Entries of a message on their way into an overlay. */
struct baggage_reader {
    const struct baggage_rules *rules;
    const tote_context *context;
    tote_store *parent;
    tote_store *overlay; /* made for the first entry */
    size_t count;
    size_t bytes; /* of the entries kept */
    size_t over_limit;
    bool is_out_of_memory;
};

struct baggage_reader tote__baggage_reader_begin(const struct baggage_rules *rules,
                                                 const tote_context *context);

/* Whether an entry of so many bytes would be too much. */
static inline bool baggage_is_full(const struct baggage_reader *reader, size_t bytes) {
    return reader->count == reader->rules->max_members ||
           bytes > reader->rules->max_bytes - reader->bytes;
}

/* How a value is written. */
enum baggage_encoding { BAGGAGE_PLAIN, BAGGAGE_PERCENT, BAGGAGE_FORM /* and + for a space */ };

/*
 * Keep an entry, whose key and metadata are set, unless `bytes` are too much; its value is decoded
 * once. Octets that are no UTF-8 are repaired where it is kept.
 */
void tote__baggage_keep(struct baggage_reader *reader, struct tote__overlay_entry *entry,
                        const char *value, size_t length, enum baggage_encoding encoding,
                        size_t bytes);

/*
 * Report what was left out. Returns: the context with the entries, and with the remote span if that
 * is not NULL.
 */
tote_context *tote__baggage_reader_end(struct baggage_reader *reader,
                                       const tote_span_context *remote);

#endif
