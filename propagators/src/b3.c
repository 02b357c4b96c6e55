/* SPDX-License-Identifier: MIT */
/*
 * b3.c - the headers of Zipkin: one, or four. Spec: context/api-propagators.md#b3-requirements
 *
 * The parent id of the single form is validated, but neither kept nor written. A sampling decision
 * without ids is kept for the next root span.
 *
 * Tests: tests/unit/test_formats.c, tests/fuzz/fuzz_b3.c
 */
#include "format.h"

enum { LONGEST_SINGLE = TRACE_DIGITS + 1 + SPAN_DIGITS + 1 + 1 + 1 + SPAN_DIGITS };

static const char single_name[] = "b3";
static const char *const multi_names[] = {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled",
                                          "x-b3-flags"};
enum { TRACE_ID, SPAN_ID, SAMPLED, FLAGS };

static void set_debug(tote_span_context *remote) {
    remote->hints = (remote->hints & TOTE__PARTIAL) | TOTE__DEBUG;
    remote->trace_flags = TOTE_TRACE_FLAG_SAMPLED;
}

/* Read "0", "1" or "d". */
static bool read_state(tote_span_context *remote, struct tote__part state) {
    if (tote__part_is(state, "d")) {
        set_debug(remote);
        return true;
    }
    if (tote__part_is(state, "1")) {
        remote->trace_flags = TOTE_TRACE_FLAG_SAMPLED;
        return true;
    }
    return tote__part_is(state, "0");
}

/* state / trace-id "-" span-id [ "-" state [ "-" parent-id ] ] */
static bool read_single(tote_span_context *remote, const char *value, size_t length) {
    struct tote__part parts[4];
    tote_span_id parent;
    size_t count = tote__split(value, length, '-', parts, TOTE_COUNT_OF(parts));

    if (count == 1) {
        remote->hints = TOTE__PARTIAL;
        return read_state(remote, parts[0]);
    }
    if (count > 4 || !tote__read_ids(remote, parts[0], parts[1]) ||
        (count == 4 && (parts[3].length != SPAN_DIGITS ||
                        !tote__hex_decode(parent.bytes, parts[3].at, sizeof parent)))) {
        return false;
    }
    if (count == 2) {
        remote->hints = TOTE__DEFERRED;
    } else if (!read_state(remote, parts[2])) {
        return false;
    }
    return tote__span_context_is_valid(remote);
}

static bool read_multi(tote_span_context *remote, const void *carrier,
                       const tote_text_map_getter *getter) {
    char buffer[TOTE_COUNT_OF(multi_names) * TRACE_DIGITS];
    struct tote__part values[TOTE_COUNT_OF(multi_names)];

    if (!tote__read_headers(getter, carrier, multi_names, TOTE_COUNT_OF(multi_names), TRACE_DIGITS,
                            buffer, values)) {
        return false;
    }
    bool has_no_ids = !values[TRACE_ID].length && !values[SPAN_ID].length;
    if ((!has_no_ids && !tote__read_ids(remote, values[TRACE_ID], values[SPAN_ID])) ||
        !tote__read_sampled(remote, values[SAMPLED])) {
        return false;
    }
    if (tote__part_is(values[FLAGS], "1")) {
        set_debug(remote);
    }
    if (has_no_ids) {
        remote->hints |= TOTE__PARTIAL;
        return !(remote->hints & TOTE__DEFERRED);
    }
    return tote__span_context_is_valid(remote);
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct tote_span_context remote = {.is_remote = true};
    char single[LONGEST_SINGLE];
    size_t length =
        tote__text_map_getter_get_first(getter, carrier, single_name, single, sizeof single);

    (void)self;
    if (length && length <= sizeof single && read_single(&remote, single, length)) {
        return tote__context_with_remote_span(context, &remote);
    }
    remote = (struct tote_span_context){.is_remote = true};
    return read_multi(&remote, carrier, getter) ? tote__context_with_remote_span(context, &remote)
                                                : tote_context_ref(context);
}

/* Return '0', '1', 'd', or NUL, which leaves the decision to the receiver. */
static char state_of(const tote_span_context *span) {
    if (span->hints & TOTE__DEBUG) {
        return 'd';
    }
    if (span->hints & TOTE__DEFERRED) {
        return '\0';
    }
    return span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? '1' : '0';
}

/* Whether the context has a decision for the next root span, and no ids. */
static bool is_state_alone(const tote_span_context *span) {
    return (span->hints & TOTE__PARTIAL) && state_of(span);
}

static void inject_single(void *self, const tote_context *context, void *carrier,
                          const tote_text_map_setter *setter) {
    const tote_span_context *span = tote__span_context_of(context);
    char value[LONGEST_SINGLE + 1];
    char state = state_of(span);

    (void)self;
    if (is_state_alone(span)) {
        setter->set(carrier, single_name, (char[]){state, '\0'}, 1);
        return;
    }
    if (!tote__span_context_is_valid(span)) {
        return;
    }
    char *end = tote__write_ids(value, span, '-');
    if (state) {
        *end++ = '-';
        *end++ = state;
    }
    *end = '\0';
    setter->set(carrier, single_name, value, (size_t)(end - value));
}

/* Set all four headers: those without a value are removed. */
static void inject_multi(void *self, const tote_context *context, void *carrier,
                         const tote_text_map_setter *setter) {
    const tote_span_context *span = tote__span_context_of(context);
    char ids[TRACE_DIGITS + 1 + SPAN_DIGITS + 1];
    char state[2] = {state_of(span), '\0'};
    bool is_debug = state[0] == 'd';
    bool has_ids = tote__span_context_is_valid(span);

    (void)self;
    if (!has_ids && !is_state_alone(span)) {
        return;
    }
    setter->set(carrier, "x-b3-parentspanid", NULL, 0);
    *tote__write_ids(ids, span, '\0') = '\0';
    setter->set(carrier, multi_names[TRACE_ID], has_ids ? ids : NULL, has_ids * TRACE_DIGITS);
    setter->set(carrier, multi_names[SPAN_ID], has_ids ? ids + TRACE_DIGITS + 1 : NULL,
                has_ids * SPAN_DIGITS);
    setter->set(carrier, multi_names[SAMPLED], state[0] && !is_debug ? state : NULL,
                state[0] && !is_debug);
    setter->set(carrier, multi_names[FLAGS], is_debug ? "1" : NULL, is_debug);
}

tote_propagator *tote_propagator_b3_new(void) {
    static const struct format format = {{single_name}, inject_single, extract};

    return tote__format_new(&format, NULL);
}

tote_propagator *tote_propagator_b3_multi_new(void) {
    static const struct format format = {
        {"x-b3-traceid", "x-b3-spanid", "x-b3-sampled", "x-b3-flags"}, inject_multi, extract};

    return tote__format_new(&format, NULL);
}
