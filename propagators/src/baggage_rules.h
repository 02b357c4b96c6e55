/* SPDX-License-Identifier: MIT */
/*
 * baggage_rules.h - what the formats with baggage share: the options and the limits
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
 * Create a propagator of this format, whose `self` is its rules. If out of memory, returns one that
 * does nothing, with a diagnostic.
 */
tote_propagator *tote__baggage_propagator_new(const struct format *format,
                                              const tote_baggage_propagator_options *options,
                                              size_t usual_members);

/*
 * Convert the value of an entry to text: text itself, numbers and booleans written to `buffer`.
 * Returns false for other values.
 */
enum { BAGGAGE_SCALAR_SIZE = 64 };
bool tote__baggage_value(const struct tote__entry *entry, char buffer[BAGGAGE_SCALAR_SIZE],
                         struct tote__slice *value);

/* Why an entry is not sent. */
enum baggage_problem {
    BAGGAGE_NO_PROBLEM,
    BAGGAGE_NAME,    /* the name is not a token */
    BAGGAGE_VALUE,   /* the header cannot have the value */
    BAGGAGE_LIMIT,   /* the limit of members or bytes is reached */
    BAGGAGE_MEMORY,  /* out of memory */
    BAGGAGE_CARRIER, /* the carrier does not keep names */
};

/*
 * Report an entry that is not sent, unless there is no problem. `header` is the name of the header
 * or its prefix.
 */
void tote__baggage_report(const struct baggage_rules *rules, const char *header,
                          const struct tote__entry *entry, enum baggage_problem problem);

/* Reads the entries of a message into an overlay. */
struct baggage_reader {
    const struct baggage_rules *rules;
    const tote_context *context;
    tote_store *parent;
    tote_store *overlay; /* created with the first entry */
    size_t count;
    size_t bytes; /* of the kept entries */
    size_t over_limit;
    bool is_out_of_memory;
};

struct baggage_reader tote__baggage_reader_begin(const struct baggage_rules *rules,
                                                 const tote_context *context);

/* Whether an entry of this size exceeds a limit. */
static inline bool baggage_is_full(const struct baggage_reader *reader, size_t bytes) {
    return reader->count == reader->rules->max_members ||
           bytes > reader->rules->max_bytes - reader->bytes;
}

/* How a value is written. */
enum baggage_encoding {
    BAGGAGE_PLAIN,
    BAGGAGE_PERCENT,
    BAGGAGE_FORM /* percent, and + for a space */
};

/*
 * Keep an entry, whose key and metadata are set, unless its `bytes` exceed a limit. The value is
 * decoded once. The store replaces invalid UTF-8.
 */
void tote__baggage_keep(struct baggage_reader *reader, struct tote__overlay_entry *entry,
                        const char *value, size_t length, enum baggage_encoding encoding,
                        size_t bytes);

/*
 * Report entries that were left out. Returns the context with the kept entries, and with the remote
 * span unless that is NULL.
 */
tote_context *tote__baggage_reader_end(struct baggage_reader *reader,
                                       const tote_span_context *remote);

#endif
