/* SPDX-License-Identifier: MIT */
/*
 * xray.c - AWS X-Ray's trace header. Spec: AWS X-Ray developer guide, "Tracing header"
 */
#include "tote/instrumentation/xray.h"

#include <string.h>

#include "tote/internal/context.h"
#include "tote/internal/hex.h"
#include "tote/internal/propagator.h"
#include "tote/internal/span.h"
#include "tote/internal/text.h"

enum { TIME_DIGITS = 8, UNIQUE_DIGITS = 24, SPAN_DIGITS = 16, MOST_READ = 1024 };

static const char name[] = "x-amzn-trace-id";

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

/* NAME "=" value. Returns: false when it is one of ours and wrong. */
static bool read_part(tote_span_context *remote, struct tote__part part) {
    const char *equals = memchr(part.at, '=', part.length);

    if (!equals) {
        return true;
    }
    struct tote__part key = {part.at, (size_t)(equals - part.at)};
    struct tote__part value = {equals + 1, part.length - key.length - 1};
    tote__trim(&key.at, &key.length);
    tote__trim(&value.at, &value.length);
    if (tote__part_is(key, "Root")) {
        return read_root(remote, value);
    }
    if (tote__part_is(key, "Parent")) {
        return read_parent(remote, value);
    }
    if (tote__part_is(
            key, "Sampled")) { /* anything but 1, as the ? that asks for a decision, is no yes */
        remote->trace_flags = tote__part_is(value, "1") ? TOTE_TRACE_FLAG_SAMPLED : 0;
    }
    return true;
}

static bool read_parts(tote_span_context *remote, const char *value, size_t length) {
    const char *end = value + length;

    for (const char *at = value; at < end;) {
        const char *semicolon = memchr(at, ';', (size_t)(end - at));
        const char *part_end = semicolon ? semicolon : end;
        if (!read_part(remote, (struct tote__part){at, (size_t)(part_end - at)})) {
            return false;
        }
        at = semicolon ? semicolon + 1 : end;
    }
    return true;
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    struct tote_span_context remote = {.is_remote = true};
    char value[MOST_READ];
    size_t length = tote__getter_get_first(getter, carrier, name, value, sizeof value);

    (void)self;
    return length <= sizeof value && read_parts(&remote, value, length)
               ? tote__context_with_remote_span(context, &remote)
               : tote_context_ref(context);
}

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const tote_span_context *span =
        context->span ? &context->span->context : &tote__invalid_span_context;
    static const char form[] =
        "Root=1-tttttttt-uuuuuuuuuuuuuuuuuuuuuuuu;Parent=ssssssssssssssss;Sampled=0";
    enum { TIME_AT = 7, UNIQUE_AT = 16, PARENT_AT = 48, SAMPLED_AT = 73 };
    char value[sizeof form];

    (void)self;
    if (!tote__span_context_is_valid(span)) {
        setter->set(carrier, name, NULL, 0);
        return;
    }
    memcpy(value, form, sizeof form);
    tote__hex_encode(value + TIME_AT, span->trace_id.bytes, TIME_DIGITS / 2);
    tote__hex_encode(value + UNIQUE_AT, span->trace_id.bytes + TIME_DIGITS / 2, UNIQUE_DIGITS / 2);
    tote__hex_encode(value + PARENT_AT, span->span_id.bytes, sizeof span->span_id);
    value[SAMPLED_AT] = span->trace_flags & TOTE_TRACE_FLAG_SAMPLED ? '1' : '0';
    setter->set(carrier, name, value, sizeof value - 1);
}

static const char *get_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? name : NULL;
}

tote_propagator *tote_propagator_new_xray(void) {
    static const tote_propagator_ops ops = {
        .struct_size = sizeof ops,
        .inject = inject,
        .extract = extract,
        .get_field = get_field,
    };

    return tote_propagator_new(&ops, NULL);
}

bool tote_xray_register(void) {
    return tote_propagator_register("xray", tote_propagator_new_xray);
}
