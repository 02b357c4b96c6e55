/* SPDX-License-Identifier: MIT */
/*
 * trace_state.c - TraceState. Spec: trace/api.md#tracestate, trace/tracestate-handling.md,
 * w3c/trace-context #tracestate-header
 */
#include "tote/internal/trace_state.h"

#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/hex.h"
#include "tote/internal/memory.h"
#include "tote/internal/references.h"
#include "tote/internal/text.h"

enum {
    MOST_MEMBERS = 32,
    MOST_KEY = 256,
    MOST_VALUE = 256,
    HEX_DIGITS = 14,
    MOST_HEADER_BYTES = MOST_MEMBERS * (MOST_KEY + 1 + MOST_VALUE + 1) - 1
};

/* Level 2: a-z or 0-9, then these and _ - * / @ */
static bool is_key(const char *key, size_t length) {
    if (!length || length > MOST_KEY) {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        char c = key[i];
        bool is_alphanumeric = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
        bool is_sign = c == '_' || c == '-' || c == '*' || c == '/' || c == '@';
        if (!is_alphanumeric && !(is_sign && i > 0)) {
            return false;
        }
    }
    return true;
}

/* Printable ASCII without comma and equals sign; no space at the end. */
static bool is_value(const char *value, size_t length) {
    if (!length || length > MOST_VALUE || value[length - 1] == ' ') {
        return false;
    }
    for (size_t i = 0; i < length; i++) {
        if (value[i] < 0x20 || value[i] > 0x7E || value[i] == ',' || value[i] == '=') {
            return false;
        }
    }
    return true;
}

static bool has_key(const struct tote__trace_state_member *members, size_t count,
                    const struct tote__trace_state_member *member) {
    for (size_t i = 0; i < count; i++) {
        if (members[i].key_length == member->key_length &&
            memcmp(members[i].key, member->key, member->key_length) == 0) {
            return true;
        }
    }
    return false;
}

/* Split `key=value`. Returns false if it is not a valid member. */
static bool read_member(const char *text, size_t length, struct tote__trace_state_member *member) {
    const char *equals = memchr(text, '=', length);

    if (!equals) {
        return false;
    }
    size_t key_length = (size_t)(equals - text);
    *member =
        (struct tote__trace_state_member){text, key_length, equals + 1, length - key_length - 1};
    return is_key(member->key, member->key_length) && is_value(member->value, member->value_length);
}

static bool is_named(const struct tote__trace_state_member *member, const char *name) {
    return member->key_length == strlen(name) && memcmp(member->key, name, strlen(name)) == 0;
}

static bool is_letter_or_digit(char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

/* `th` has 1 to 14 lower-case hexadecimal digits, `rv` exactly 14. */
static bool is_sampling_value(const struct tote__trace_state_member *sub_key) {
    size_t least = is_named(sub_key, "rv") ? HEX_DIGITS : 1;

    return sub_key->value_length >= least && sub_key->value_length <= HEX_DIGITS &&
           strspn(sub_key->value, "0123456789abcdef") >= sub_key->value_length;
}

/* Return whether a sub-key of the member `ot` is valid. Spec: trace/tracestate-handling.md */
static bool is_sub_key(const struct tote__trace_state_member *sub_key) {
    bool is_valid = sub_key->key_length && sub_key->key[0] >= 'a' && sub_key->key[0] <= 'z';

    for (size_t i = 0; i < sub_key->key_length; i++) {
        is_valid &= is_letter_or_digit(sub_key->key[i]);
    }
    for (size_t i = 0; i < sub_key->value_length; i++) {
        char c = sub_key->value[i];
        is_valid &=
            is_letter_or_digit(c) || (c >= 'A' && c <= 'Z') || c == '.' || c == '_' || c == '-';
    }
    if (is_named(sub_key, "th") || is_named(sub_key, "rv")) {
        is_valid &= is_sampling_value(sub_key);
    }
    return is_valid;
}

/* Split `key:value`. Returns false if it is not a valid sub-key. */
static bool read_sub_key(const struct tote__part *part, struct tote__trace_state_member *sub_key) {
    const char *colon = memchr(part->at, ':', part->length);

    if (!colon) {
        return false;
    }
    size_t key_length = (size_t)(colon - part->at);
    *sub_key = (struct tote__trace_state_member){part->at, key_length, colon + 1,
                                                 part->length - key_length - 1};
    return is_sub_key(sub_key);
}

/* Find the first valid sub-key with the key of `wanted` in an `ot` value. */
static bool find_sub_key(const char *value, size_t length,
                         const struct tote__trace_state_member *wanted,
                         struct tote__trace_state_member *found) {
    struct tote__part list = {value, length};
    struct tote__part part;

    while (tote__next_part(&list, ';', &part)) {
        if (read_sub_key(&part, found) && has_key(found, 1, wanted)) {
            return true;
        }
    }
    return false;
}

/* Read a sub-key of 56 bits in hexadecimal digits, padded with zeros at its end. */
static uint64_t read_bits(const struct tote__trace_state_member *ot, const char *key) {
    const struct tote__trace_state_member wanted = {key, strlen(key), NULL, 0};
    struct tote__trace_state_member found;
    uint64_t bits = 0;

    if (!find_sub_key(ot->value, ot->value_length, &wanted, &found)) {
        return TOTE__NO_SUB_KEY;
    }
    for (size_t i = 0; i < HEX_DIGITS; i++) {
        bits = bits << 4 | (i < found.value_length ? tote__hex_digit(found.value[i]) : 0);
    }
    return bits;
}

/* Return a list of these members, whose sub-keys are not read. */
static tote_trace_state *make_unread(const struct tote__trace_state_member *members, size_t count) {
    size_t text = 0;

    for (size_t i = 0; i < count; i++) {
        text += members[i].key_length + members[i].value_length + 2;
    }
    size_t size = sizeof(tote_trace_state) + count * sizeof *members + text;
    tote_trace_state *state = count ? tote__allocate(size) : NULL;
    if (!state) {
        return NULL;
    }
    atomic_init(&state->references, 1);
    state->count = (uint32_t)count;
    state->header_length = (uint32_t)(text - 1);
    state->size = (uint32_t)size;
    state->threshold = state->randomness = TOTE__NO_SUB_KEY;
    char *out = (char *)&state->members[count];
    for (size_t i = 0; i < count; i++) {
        state->members[i] = members[i];
        state->members[i].key = memcpy(out, members[i].key, members[i].key_length);
        out += members[i].key_length;
        *out++ = '\0';
        state->members[i].value = memcpy(out, members[i].value, members[i].value_length);
        out += members[i].value_length;
        *out++ = '\0';
    }
    return state;
}

/* Read the sub-keys of a new list. Returns the list, which may be NULL. */
static tote_trace_state *read_sampling(tote_trace_state *state) {
    for (size_t i = 0; state && i < state->count; i++) {
        if (is_named(&state->members[i], "ot")) {
            state->threshold = read_bits(&state->members[i], "th");
            state->randomness = read_bits(&state->members[i], "rv");
        }
    }
    return state;
}

/* Return a list of these members; NULL if it is empty or out of memory. */
static tote_trace_state *make_trace_state(const struct tote__trace_state_member *members,
                                          size_t count) {
    return read_sampling(make_unread(members, count));
}

/* Return whether all sub-keys of an `ot` value are valid and unique. */
static bool is_ot_value(const char *value, size_t length) {
    struct tote__part list = {value, length};
    struct tote__part part;
    bool is_valid = length > 0 && value[length - 1] != ';';

    while (is_valid && tote__next_part(&list, ';', &part)) {
        struct tote__trace_state_member sub_key;
        struct tote__trace_state_member other;
        is_valid = read_sub_key(&part, &sub_key) &&
                   !find_sub_key(value, (size_t)(part.at - value), &sub_key, &other);
    }
    return is_valid;
}

tote_trace_state *tote_trace_state_from_header(const char *header, size_t length) {
    struct tote__trace_state_member members[MOST_MEMBERS];
    size_t count = 0;
    size_t seen = 0;

    if (length > MOST_HEADER_BYTES) {
        return NULL; /* checked before any of it is read */
    }
    struct tote__part list = {header ? header : "", header ? length : 0};
    struct tote__part part;
    while (tote__next_part(&list, ',', &part)) {
        struct tote__trace_state_member member;
        tote__trim(&part.at, &part.length);
        if (!part.length) {
            continue;
        }
        if (++seen > MOST_MEMBERS || !read_member(part.at, part.length, &member)) {
            return NULL;
        }
        if (!has_key(members, count, &member)) {
            members[count++] = member; /* the first member of a key is the newest */
        }
    }
    return make_trace_state(members, count);
}

size_t tote_trace_state_to_header(const tote_trace_state *state, char *buffer, size_t size) {
    size_t length = state ? state->header_length : 0;

    if (!buffer || !size) {
        return length;
    }
    size_t written = tote__min(length, size - 1);
    if (written) {
        memcpy(buffer, &state->members[state->count], written);
    }
    buffer[written] = '\0';
    for (size_t i = 0, at = 0; state && i < state->count; i++) {
        at += state->members[i].key_length;
        if (at < written) {
            buffer[at] = '=';
        }
        at += 1 + state->members[i].value_length;
        if (at < written) {
            buffer[at] = ',';
        }
        at++;
    }
    return length;
}

const char *tote_trace_state_get(const tote_trace_state *state, const char *key) {
    for (size_t i = 0; state && key && i < state->count; i++) {
        if (strcmp(state->members[i].key, key) == 0) {
            return state->members[i].value;
        }
    }
    return NULL;
}

/* Copy all members except the one with the key of `member`. */
static size_t copy_others(const tote_trace_state *state,
                          const struct tote__trace_state_member *member,
                          struct tote__trace_state_member *members, size_t most) {
    size_t count = 0;

    for (size_t i = 0; state && i < state->count && count < most; i++) {
        if (!has_key(&state->members[i], 1, member)) {
            members[count++] = state->members[i];
        }
    }
    return count;
}

tote_trace_state *tote_trace_state_with(const tote_trace_state *state, const char *key,
                                        const char *value) {
    struct tote__trace_state_member members[MOST_MEMBERS];
    size_t key_length = key ? strnlen(key, MOST_KEY + 1) : 0;
    size_t value_length = value ? strnlen(value, MOST_VALUE + 1) : 0;

    members[0] = (struct tote__trace_state_member){key, key_length, value, value_length};
    bool is_valid = is_key(key, key_length) && is_value(value, value_length) &&
                    (!is_named(&members[0], "ot") || is_ot_value(value, value_length));
    if (!is_valid) {
        tote_diagnostics_report(TOTE_LEVEL_WARN, "trace_state",
                                "member \"%.64s\" not set: its %s is not allowed in a tracestate",
                                key ? key : "", is_key(key, key_length) ? "value" : "key");
        return tote_trace_state_ref(state);
    }
    size_t count = 1 + copy_others(state, &members[0], members + 1, MOST_MEMBERS - 1);
    tote_trace_state *made = make_trace_state(members, count);
    return made ? made : tote_trace_state_ref(state);
}

tote_trace_state *tote_trace_state_without(const tote_trace_state *state, const char *key) {
    struct tote__trace_state_member members[MOST_MEMBERS];
    struct tote__trace_state_member member = {key, key ? strlen(key) : 0, NULL, 0};

    if (!key || !tote_trace_state_get(state, key)) {
        return tote_trace_state_ref(state);
    }
    size_t count = copy_others(state, &member, members, MOST_MEMBERS);
    tote_trace_state *made = count ? make_trace_state(members, count) : NULL;
    return made || !count ? made : tote_trace_state_ref(state);
}

/* NULL counts as empty. A text that is too long for `ot` may be cut: it is too long still. */
static struct tote__trace_state_member sub_key_of(const char *key, const char *value) {
    key = key ? key : "";
    value = value ? value : "";
    return (struct tote__trace_state_member){key, strnlen(key, MOST_VALUE), value,
                                             strnlen(value, MOST_VALUE)};
}

const char *tote_trace_state_get_ot(const tote_trace_state *state, const char *key,
                                    size_t *length) {
    const char *ot = tote_trace_state_get(state, "ot");
    const struct tote__trace_state_member wanted = sub_key_of(key, NULL);
    struct tote__trace_state_member found;

    if (!ot || !find_sub_key(ot, strlen(ot), &wanted, &found)) {
        return NULL;
    }
    if (length) {
        *length = found.value_length;
    }
    return found.value;
}

/* Append `key:value`, and a separator if it is not the first. Returns false if it does not fit. */
static bool append_sub_key(char ot[MOST_VALUE], size_t *length,
                           const struct tote__trace_state_member *sub_key) {
    size_t separator = *length > 0;
    size_t size = separator + sub_key->key_length + 1 + sub_key->value_length;

    if (size > MOST_VALUE - *length) {
        return false;
    }
    char *at = ot + *length;
    if (separator) {
        *at++ = ';';
    }
    memcpy(at, sub_key->key, sub_key->key_length);
    at += sub_key->key_length;
    *at++ = ':';
    memcpy(at, sub_key->value, sub_key->value_length);
    *length += size;
    return true;
}

/* Copy the valid sub-keys of a list, each once, except the `count` excluded ones. */
static size_t copy_other_sub_keys(const tote_trace_state *state,
                                  const struct tote__trace_state_member *excluded, size_t count,
                                  char ot[MOST_VALUE]) {
    const char *old = tote_trace_state_get(state, "ot");
    struct tote__part list = {old ? old : "", old ? strlen(old) : 0};
    struct tote__part part;
    struct tote__trace_state_member other;
    struct tote__trace_state_member copied;
    size_t length = 0;

    while (tote__next_part(&list, ';', &part)) {
        if (read_sub_key(&part, &other) && !has_key(excluded, count, &other) &&
            !find_sub_key(ot, length, &other, &copied)) {
            append_sub_key(ot, &length, &other);
        }
    }
    return length;
}

/*
 * Return a list whose first member is `ot` with this value, or without `ot` if it is empty. Its
 * sub-keys are not read.
 */
static tote_trace_state *replace_ot(const tote_trace_state *state, const char *ot, size_t length) {
    struct tote__trace_state_member members[MOST_MEMBERS];
    size_t own = length > 0;

    members[0] = (struct tote__trace_state_member){"ot", strlen("ot"), ot, length};
    const struct tote__trace_state_member replaced = members[0];
    return make_unread(members,
                       own + copy_others(state, &replaced, members + own, MOST_MEMBERS - own));
}

static void report_sub_key(const char *key, const char *reason) {
    tote_diagnostics_report(TOTE_LEVEL_WARN, "trace_state",
                            "sub-key \"%.64s\" of the member \"ot\" not set: %s", key, reason);
}

static const char too_long[] = "the member would exceed 256 characters";

tote_trace_state *tote_trace_state_with_ot(const tote_trace_state *state, const char *key,
                                           const char *value) {
    char ot[MOST_VALUE];
    const struct tote__trace_state_member sub_key = sub_key_of(key, value);
    size_t length = copy_other_sub_keys(state, &sub_key, 1, ot);
    bool is_valid = value && is_sub_key(&sub_key);

    if (!is_valid || !append_sub_key(ot, &length, &sub_key)) {
        report_sub_key(sub_key.key, is_valid ? too_long : "its key or value is not allowed");
        return tote_trace_state_ref(state);
    }
    tote_trace_state *made = read_sampling(replace_ot(state, ot, length));
    return made ? made : tote_trace_state_ref(state);
}

tote_trace_state *tote_trace_state_without_ot(const tote_trace_state *state, const char *key) {
    char ot[MOST_VALUE];
    const struct tote__trace_state_member sub_key = sub_key_of(key, NULL);

    if (!tote_trace_state_get_ot(state, key, NULL)) {
        return tote_trace_state_ref(state);
    }
    size_t length = copy_other_sub_keys(state, &sub_key, 1, ot);
    tote_trace_state *made = read_sampling(replace_ot(state, ot, length));
    bool is_empty = !length && state->count == 1;
    return made || is_empty ? made : tote_trace_state_ref(state);
}

/* Append 56 bits without trailing zeros. Returns false if they do not fit. */
static bool append_bits(char ot[MOST_VALUE], size_t *length, const char *key, uint64_t bits,
                        size_t fewest_digits) {
    char digits[HEX_DIGITS];
    size_t count = HEX_DIGITS;

    for (size_t i = HEX_DIGITS; i-- > 0; bits >>= 4) {
        digits[i] = "0123456789abcdef"[bits & 15];
    }
    while (count > fewest_digits && digits[count - 1] == '0') {
        count--;
    }
    return append_sub_key(ot, length,
                          &(struct tote__trace_state_member){key, strlen(key), digits, count});
}

tote_trace_state *tote__trace_state_with_sampling(const tote_trace_state *state, uint64_t threshold,
                                                  uint64_t randomness) {
    static const struct tote__trace_state_member own[] = {{"th", 2, NULL, 0}, {"rv", 2, NULL, 0}};
    char ot[MOST_VALUE];
    uint64_t old_threshold = state ? state->threshold : TOTE__NO_SUB_KEY;
    uint64_t old_randomness = state ? state->randomness : TOTE__NO_SUB_KEY;

    if (threshold == old_threshold && randomness == old_randomness) {
        return tote_trace_state_ref(state);
    }
    size_t length = copy_other_sub_keys(state, own, TOTE_COUNT_OF(own), ot);
    bool is_complete =
        (randomness == TOTE__NO_SUB_KEY ||
         append_bits(ot, &length, "rv", randomness, HEX_DIGITS)) &&
        (threshold == TOTE__NO_SUB_KEY || append_bits(ot, &length, "th", threshold, 1));
    tote_trace_state *made = replace_ot(state, ot, length);

    if (!is_complete) {
        report_sub_key("th", too_long);
        return read_sampling(made);
    }
    if (made) {
        made->threshold = threshold;
        made->randomness = randomness;
    }
    return made;
}

tote_trace_state *tote_trace_state_ref(const tote_trace_state *state) {
    tote_trace_state *counted = (tote_trace_state *)state;

    if (counted) {
        tote__references_add(&counted->references);
    }
    return counted;
}

void tote_trace_state_unref(tote_trace_state *state) {
    if (state && tote__references_drop(&state->references)) {
        tote__release(state, state->size);
    }
}
