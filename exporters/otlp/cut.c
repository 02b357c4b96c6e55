/* SPDX-License-Identifier: MIT */
/*
 * cut.c - some of the spans of an encoded request, as a request of their own
 *
 * Both encodings nest alike: a request holds ResourceSpans, these hold ScopeSpans, these hold
 * spans. A cut copies everything except the spans outside the range. Spec: opentelemetry-proto
 * collector/trace/v1/trace_service.proto
 */
#include "cut.h"

#include <string.h>

#include "encode.h"
#include "json_reader.h"

/* The levels at which something is nested, from the request inwards. */
enum { IN_REQUEST, IN_RESOURCE_SPANS, IN_SCOPE_SPANS, RUN_OF_BYTES = 2 };

struct cut {
    struct tote__range range;
    size_t next; /* the index of the next span */
    size_t kept; /* spans so far */
};

static bool takes_next(struct cut *cut) {
    size_t index = cut->next++;
    bool is_kept = index >= cut->range.from && index < cut->range.to;

    cut->kept += is_kept;
    return is_kept;
}

/* The number of the field that nests the next level. */
static uint32_t nesting_field(unsigned level) {
    return level == IN_REQUEST ? 1 : 2;
}

static size_t cut_message(struct cut *cut, struct tote__slice message, unsigned level,
                          uint8_t *out);

/* A nested message, without those that keep no span. Returns: its size with its head. */
static size_t cut_nested(struct cut *cut, const struct tote__field *field, unsigned level,
                         uint8_t *out) {
    struct cut measured = *cut;
    size_t size = cut_message(&measured, field->content, level + 1, NULL);
    size_t head = 1 + tote__varint_size(size);

    if (measured.kept == cut->kept) {
        *cut = measured;
        return 0;
    }
    if (out) {
        *out++ = field->whole.at[0];
        out = tote__put_varint(out, size);
        cut_message(cut, field->content, level + 1, out);
    }
    *cut = measured;
    return head + size;
}

/* Returns: the size of what is kept; NULL only measures. */
static size_t cut_message(struct cut *cut, struct tote__slice message, unsigned level,
                          uint8_t *out) {
    struct tote__field field;
    size_t size = 0;

    while (tote__next_field(&message, &field)) {
        bool nests = field.type == RUN_OF_BYTES && field.number == nesting_field(level);
        uint8_t *at = out ? out + size : NULL;
        if (nests && level < IN_SCOPE_SPANS) {
            size += cut_nested(cut, &field, level, at);
        } else if (!nests || takes_next(cut)) {
            if (at) {
                memcpy(at, field.whole.at, field.whole.size);
            }
            size += field.whole.size;
        }
    }
    return size;
}

static bool cut_protobuf(struct tote__slice request, struct cut cut, tote_otlp_buffer *out) {
    struct cut measured = cut;
    size_t size = cut_message(&measured, request, IN_REQUEST, NULL);

    if (measured.next < cut.range.to || !tote__otlp_buffer_reserve(out, size)) {
        return false;
    }
    cut_message(&cut, request, IN_REQUEST, out->bytes + out->size);
    out->size += size;
    return true;
}

/*
 * JSON that is copied up to a place, except what is left out. What is appended is never larger than
 * the text.
 */
struct copy {
    struct tote__json_source json;
    const char *copied; /* up to here */
    tote_otlp_buffer *out;
};

static void append(struct copy *copy, const char *from, const char *to) {
    memcpy(copy->out->bytes + copy->out->size, from, (size_t)(to - from));
    copy->out->size += (size_t)(to - from);
}

static void cut_members(struct copy *copy, struct cut *cut, unsigned level);

/* The items of an array, without those that keep no span. */
static void cut_items(struct copy *copy, struct cut *cut, unsigned level) {
    static const char comma[] = ",";
    struct tote__json_source *json = &copy->json;
    bool is_first = true;

    if (!tote__json_enter_array(json)) {
        return;
    }
    append(copy, copy->copied, json->at);
    while (tote__json_next_item(json)) {
        size_t size = copy->out->size;
        size_t kept = cut->kept;
        append(copy, comma, comma + !is_first);
        copy->copied = json->at;
        if (level == IN_SCOPE_SPANS) {
            tote__json_skip(json);
            takes_next(cut);
        } else {
            cut_members(copy, cut, level + 1);
        }
        append(copy, copy->copied, json->at);
        if (cut->kept == kept) {
            copy->out->size = size;
        } else {
            is_first = false;
        }
    }
    copy->copied = json->at - !json->is_broken; /* the bracket */
}

static void cut_members(struct copy *copy, struct cut *cut, unsigned level) {
    static const char *const nesting[] = {"resourceSpans", "scopeSpans", "spans"};
    struct tote__json_source *json = &copy->json;
    char key[32];

    if (!tote__json_enter(json)) {
        return;
    }
    while (tote__json_next(json, key, sizeof key)) {
        if (strcmp(key, nesting[level]) == 0) {
            cut_items(copy, cut, level);
        } else {
            tote__json_skip(json);
        }
    }
}

static bool cut_json(struct tote__slice request, struct cut cut, tote_otlp_buffer *out) {
    struct copy copy = {.json = tote__json_source_of(request.at, request.size), .out = out};
    size_t before = out->size;

    copy.copied = copy.json.at;
    if (!tote__otlp_buffer_reserve(out, request.size)) {
        return false;
    }
    cut_members(&copy, &cut, IN_REQUEST);
    if (!tote__json_is_over(&copy.json) || cut.next < cut.range.to) {
        out->size = before;
        return false;
    }
    append(&copy, copy.copied, copy.json.at);
    return true;
}

bool tote__otlp_cut(tote_otlp_encoding encoding, struct tote__slice request,
                    struct tote__range range, tote_otlp_buffer *out) {
    const struct cut cut = {.range = range};

    return encoding == TOTE_OTLP_JSON ? cut_json(request, cut, out)
                                      : cut_protobuf(request, cut, out);
}
