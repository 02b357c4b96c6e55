/* SPDX-License-Identifier: MIT */
/*
 * request_cut.c - extracts a range of spans from an encoded request
 *
 * A request contains ResourceSpans, these contain ScopeSpans, these contain spans. Everything is
 * copied except the spans outside the range. Spec: opentelemetry-proto
 * collector/trace/v1/trace_service.proto
 */
#include "tote/internal/request.h"

#include <string.h>

/* Nesting levels, from the request inwards. */
enum { IN_REQUEST, IN_RESOURCE_SPANS, IN_SCOPE_SPANS, RUN_OF_BYTES = 2 };

struct cut {
    struct tote__range range;
    size_t next; /* index of the next span */
    size_t kept; /* spans copied so far */
};

static bool takes_next(struct cut *cut) {
    size_t index = cut->next++;
    bool is_kept = index >= cut->range.from && index < cut->range.to;

    cut->kept += is_kept;
    return is_kept;
}

/* Return the number of the field that nests the next level. */
static uint32_t nesting_field(unsigned level) {
    return level == IN_REQUEST ? 1 : 2;
}

static size_t cut_message(struct cut *cut, struct tote__slice message, unsigned level,
                          uint8_t *out);

/* Copy a nested message, unless it keeps no span. Returns its size with its head. */
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

/* Returns the size of the copy. With NULL it only measures. */
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

bool tote__request_cut(struct tote__slice request, struct tote__range range,
                       struct tote__buffer *out) {
    struct cut cut = {.range = range};
    struct cut measured = cut;
    size_t size = cut_message(&measured, request, IN_REQUEST, NULL);

    if (measured.next < cut.range.to || !tote__buffer_reserve(out, size)) {
        return false;
    }
    cut_message(&cut, request, IN_REQUEST, out->bytes + out->size);
    out->size += size;
    return true;
}
