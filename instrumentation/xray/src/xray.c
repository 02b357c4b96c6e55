/* SPDX-License-Identifier: MIT */
/*
 * xray.c - the trace header of AWS X-Ray. Spec: AWS X-Ray developer guide, "Tracing header"
 *
 * Load balancers send a root without a parent: the next root span continues its trace id.
 * Lambda detects loops of functions by `Lineage`. It is passed on unchanged, in a value of the
 * context, which spans and other formats do not contain.
 *
 * Tests: tests/unit/test_formats.c, tests/fuzz/fuzz_xray.c
 */
#include "tote/instrumentation/xray.h"

#include <stdio.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/context.h"
#include "tote/internal/hex.h"
#include "tote/internal/memory.h"
#include "tote/internal/propagator.h"
#include "tote/internal/span.h"
#include "tote/internal/text.h"

enum {
    TIME_DIGITS = 8,
    UNIQUE_DIGITS = 24,
    SPAN_DIGITS = 16,
    MOST_READ = 1024,
    MOST_LINEAGE = 256
};

static const char name[] = "x-amzn-trace-id";

static void release_lineage(void *text) {
    tote__release(text, strlen(text) + 1);
}

static const tote_context_key lineage_key = {"x-ray lineage", release_lineage};

/* The fields of a header that are read so far. */
struct reader {
    tote_span_context remote;
    struct tote__part lineage; /* empty: none */
    bool has_parent;
};

/* "1-" 8 digits "-" 24 digits */
static bool read_root(tote_span_context *remote, struct tote__part value) {
    enum { TIME_AT = 2, UNIQUE_AT = TIME_AT + TIME_DIGITS + 1, LENGTH = UNIQUE_AT + UNIQUE_DIGITS };

    return value.length == LENGTH && memcmp(value.at, "1-", TIME_AT) == 0 &&
           value.at[UNIQUE_AT - 1] == '-' &&
           tote__hex_decode(remote->trace_id.bytes, value.at + TIME_AT, TIME_DIGITS / 2) &&
           tote__hex_decode(remote->trace_id.bytes + TIME_DIGITS / 2, value.at + UNIQUE_AT,
                            UNIQUE_DIGITS / 2);
}

static bool read_parent(tote_span_context *remote, struct tote__part value) {
    return value.length == SPAN_DIGITS &&
           tote__hex_decode(remote->span_id.bytes, value.at, sizeof remote->span_id);
}

/* "1" and "0" are decisions. With "?" or another value the receiver decides. */
static void read_sampled(tote_span_context *remote, struct tote__part value) {
    bool is_sampled = tote__part_is(value, "1");

    remote->trace_flags = is_sampled ? TOTE_TRACE_FLAG_SAMPLED : 0;
    remote->hints = is_sampled || tote__part_is(value, "0") ? 0 : TOTE__DEFERRED;
}

/* Whether the value can be passed on: it cannot end a field or a header. */
static bool is_lineage(struct tote__part value) {
    for (size_t i = 0; i < value.length; i++) {
        if (value.at[i] < '!' || value.at[i] > '~' || value.at[i] == ',') {
            return false;
        }
    }
    return value.length && value.length <= MOST_LINEAGE;
}

/* NAME "=" value. Returns false if the value of a known name is malformed. */
static bool read_part(struct reader *reader, struct tote__part part) {
    const char *equals = memchr(part.at, '=', part.length);

    if (!equals) {
        return true;
    }
    struct tote__part key = {part.at, (size_t)(equals - part.at)};
    struct tote__part value = {equals + 1, part.length - key.length - 1};
    tote__trim(&key.at, &key.length);
    tote__trim(&value.at, &value.length);
    if (tote__part_is(key, "Root")) {
        return read_root(&reader->remote, value);
    }
    if (tote__part_is(key, "Parent")) {
        reader->has_parent = true;
        return read_parent(&reader->remote, value);
    }
    if (tote__part_is(key, "Sampled")) {
        read_sampled(&reader->remote, value);
    }
    if (tote__part_is(key, "Lineage") && is_lineage(value)) {
        reader->lineage = value;
    }
    return true;
}

static bool read_parts(struct reader *reader, const char *value, size_t length) {
    struct tote__part list = {value, length};
    struct tote__part part;

    while (tote__next_part(&list, ';', &part)) {
        if (!read_part(reader, part)) {
            return false;
        }
    }
    return true;
}

/* Takes ownership of the reference to `context`. Returns a reference. */
static tote_context *add_lineage(tote_context *context, struct tote__part lineage) {
    char *text = tote__copy_text(lineage.at, lineage.length);

    if (!text) {
        tote_diagnostics_report(
            TOTE_LEVEL_ERROR, "xray",
            "out of memory: Lineage is not passed on, and Lambda cannot detect a loop");
        return context;
    }
    tote_context *result = tote_context_with_value(context, &lineage_key, text);
    tote_context_unref(context);
    return result;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct reader reader = {.remote = {.is_remote = true, .hints = TOTE__DEFERRED}};
    char value[MOST_READ];
    size_t length = tote__text_map_getter_get_first(getter, carrier, name, value, sizeof value);

    (void)self;
    if (length > sizeof value || !read_parts(&reader, value, length)) {
        return tote_context_ref(context);
    }
    if (!reader.has_parent && tote__trace_id_is_valid(&reader.remote.trace_id)) {
        reader.remote.hints |= TOTE__PARTIAL;
    }
    tote_context *result = tote__context_with_remote_span(context, &reader.remote);
    bool has_lineage = reader.lineage.length && tote__trace_id_is_valid(&reader.remote.trace_id);
    return has_lineage ? add_lineage(result, reader.lineage) : result;
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const tote_span_context *span = tote__span_context_of(context);
    char time[TIME_DIGITS + 1], unique[UNIQUE_DIGITS + 1], parent[SPAN_DIGITS + 1];
    bool has_parent = tote__span_context_is_valid(span);
    const char *sampled = span->hints & TOTE__DEFERRED                  ? ""
                          : span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? ";Sampled=1"
                                                                        : ";Sampled=0";
    const char *lineage = tote_context_get_value(context, &lineage_key);
    char value[128 + MOST_LINEAGE];

    (void)self;
    if (!has_parent &&
        !((span->hints & TOTE__PARTIAL) && tote__trace_id_is_valid(&span->trace_id))) {
        return;
    }
    tote__hex_encode(time, span->trace_id.bytes, TIME_DIGITS / 2);
    tote__hex_encode(unique, span->trace_id.bytes + TIME_DIGITS / 2, UNIQUE_DIGITS / 2);
    tote__hex_encode(parent, span->span_id.bytes, sizeof span->span_id);
    time[TIME_DIGITS] = unique[UNIQUE_DIGITS] = parent[SPAN_DIGITS] = '\0';
    int length = snprintf(value, sizeof value, "Root=1-%s-%s%s%s%s%s%s", time, unique,
                          has_parent ? ";Parent=" : "", has_parent ? parent : "", sampled,
                          lineage ? ";Lineage=" : "", lineage ? lineage : "");
    setter->set(carrier, name, value, (size_t)length);
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? name : NULL;
}

tote_propagator *tote_propagator_xray_new(void) {
    static const tote_propagator_ops ops = {
        .struct_size = sizeof ops,
        .inject = inject,
        .extract = extract,
        .get_field = get_field,
    };

    return tote_propagator_new(&ops, NULL);
}

bool tote_propagator_xray_register(void) {
    return tote_propagator_register("xray", tote_propagator_xray_new);
}
