/* SPDX-License-Identifier: MIT */
/*
 * tracecontext.c - traceparent and tracestate. Spec: w3c/trace-context, Level 2
 *
 * If the traceparent is invalid, the context does not change and the tracestate is not read. If
 * only the tracestate is invalid, the traceparent is used without it.
 *
 * Tests: tests/unit/test_propagator.c, tests/fuzz/fuzz_traceparent.c
 */
#include <string.h>

#include "format.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"

/* version "-" trace-id "-" parent-id "-" trace-flags, and where each begins */
enum {
    TRACE_ID_AT = 3,
    SPAN_ID_AT = 36,
    FLAGS_AT = 53,
    TRACEPARENT_LENGTH = 55,
    LONGEST_TRACESTATE = 32 * (256 + 1 + 256) + 31,
    USUAL_TRACESTATE = 512
};

/* A tracestate belongs to its traceparent: if this trace has none, an older one is removed. */
static void inject_trace_state(const tote_trace_state *trace_state, void *carrier,
                               const tote_text_map_setter *setter) {
    char usual[USUAL_TRACESTATE];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    size_t length = tote_trace_state_to_header(trace_state, NULL, 0);
    char *header = tote__arena_allocate(&arena, length + 1);

    if (header) {
        tote_trace_state_to_header(trace_state, header, length + 1);
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "tracecontext",
                                "tracestate not sent: out of memory");
    }
    setter->set(carrier, "tracestate", header, header ? length : 0);
    tote__arena_clear(&arena);
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    static const char digits[] = "0123456789abcdef";
    const tote_span_context *span = tote__span_context_of(context);
    char traceparent[TRACEPARENT_LENGTH + 1] = "00-";

    (void)self;
    if (!tote__span_context_is_valid(span)) {
        return;
    }
    uint8_t flags = span->trace_flags & (TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM);
    const char rest[] = {'-', '0', digits[flags], '\0'};
    memcpy(tote__write_ids(traceparent + TRACE_ID_AT, span, '-'), rest, sizeof rest);
    setter->set(carrier, "traceparent", traceparent, TRACEPARENT_LENGTH);
    if (span->trace_state) {
        inject_trace_state(span->trace_state, carrier, setter);
    } else {
        setter->set(carrier, "tracestate", NULL, 0);
    }
}

/* Read version and flags together: eight bytes are fastest. */
static bool read_ends(const char *header, uint8_t *version, uint8_t *flags) {
    char digits[] = "0000000000000000";
    uint8_t bytes[8];

    memcpy(digits, header, 2);
    memcpy(digits + 2, header + FLAGS_AT, 2);
    bool is_good = tote__hex_decode(bytes, digits, sizeof bytes);
    *version = bytes[0];
    *flags = bytes[1];
    return is_good;
}

/* The result of reading the traceparent headers of a message. */
struct parent {
    size_t count;
    bool is_good;
    tote_span_context remote;
};

static bool read_traceparent(tote_span_context *remote, const char *value, size_t length) {
    uint8_t version;

    tote__trim(&value, &length);
    if (length < TRACEPARENT_LENGTH || !read_ends(value, &version, &remote->trace_flags) ||
        version == 0xFF || (version == 0 && length != TRACEPARENT_LENGTH) ||
        (length > TRACEPARENT_LENGTH && value[TRACEPARENT_LENGTH] != '-')) {
        return false;
    }
    remote->trace_flags &= TOTE_TRACE_FLAG_SAMPLED | TOTE_TRACE_FLAG_RANDOM;
    bool has_dashes =
        value[TRACE_ID_AT - 1] == '-' && value[SPAN_ID_AT - 1] == '-' && value[FLAGS_AT - 1] == '-';
    return has_dashes &&
           tote__hex_decode(remote->trace_id.bytes, value + TRACE_ID_AT, sizeof remote->trace_id) &&
           tote__hex_decode(remote->span_id.bytes, value + SPAN_ID_AT, sizeof remote->span_id) &&
           tote__span_context_is_valid(remote);
}

static bool visit_traceparent(void *arg, const char *name, size_t name_length, const char *value,
                              size_t value_length) {
    struct parent *parent = arg;

    (void)name, (void)name_length;
    parent->count++;
    parent->is_good = parent->count == 1 && read_traceparent(&parent->remote, value, value_length);
    return parent->count == 1; /* two headers are invalid */
}

/* The tracestate headers of a message, joined by commas. Too long if `length` is over the limit. */
struct joined {
    struct tote__arena arena;
    char *text;
    size_t length;
    size_t capacity;
};

static bool visit_tracestate(void *arg, const char *name, size_t name_length, const char *value,
                             size_t value_length) {
    struct joined *joined = arg;

    size_t comma = joined->length ? 1 : 0;

    (void)name, (void)name_length;
    tote__trim(&value, &value_length);
    if (!value_length) {
        return true;
    }
    if (value_length > LONGEST_TRACESTATE ||
        joined->length + comma + value_length > LONGEST_TRACESTATE) {
        joined->length = LONGEST_TRACESTATE + 1;
        return false;
    }
    if (joined->length + comma + value_length > joined->capacity) {
        char *larger = tote__arena_allocate(&joined->arena, LONGEST_TRACESTATE);
        if (!larger) {
            joined->length = LONGEST_TRACESTATE + 1;
            return false;
        }
        memcpy(larger, joined->text, joined->length);
        joined->text = larger;
        joined->capacity = LONGEST_TRACESTATE;
    }
    if (comma) {
        joined->text[joined->length++] = ',';
    }
    memcpy(joined->text + joined->length, value, value_length);
    joined->length += value_length;
    return true;
}

static tote_trace_state *extract_trace_state(const void *carrier,
                                             const tote_text_map_getter *getter) {
    char usual[USUAL_TRACESTATE];
    struct joined joined = {.text = usual, .capacity = sizeof usual};
    tote_trace_state *trace_state = NULL;

    tote_text_map_getter_get_all(getter, carrier, "tracestate", visit_tracestate, &joined);
    if (joined.length && joined.length <= LONGEST_TRACESTATE) {
        trace_state = tote_trace_state_from_header(joined.text, joined.length);
    }
    tote__arena_clear(&joined.arena);
    return trace_state;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct parent parent = {.remote = {.is_remote = true}};

    (void)self;
    tote_text_map_getter_get_all(getter, carrier, "traceparent", visit_traceparent, &parent);
    if (!parent.is_good) {
        return tote_context_ref(context);
    }
    parent.remote.trace_state = extract_trace_state(carrier, getter);
    tote_context *extracted = tote__context_with_remote_span(context, &parent.remote);
    tote_trace_state_unref(parent.remote.trace_state);
    return extracted;
}

tote_propagator *tote_propagator_tracecontext_new(void) {
    static const struct format format = {{"traceparent", "tracestate"}, inject, extract};

    return tote__format_new(&format, NULL);
}
