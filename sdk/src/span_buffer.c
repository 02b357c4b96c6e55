/* SPDX-License-Identifier: MIT */
/*
 * span_buffer.c - regions in the block and its overflow
 *
 * A region that moves leaves its old place unused: regions double, so at most half is lost. The
 * last region in the overflow grows in place. An overflow that grows moves as a whole; offsets stay
 * valid. A large one grows by a quarter, because its size counts for the queue.
 */
#include "span_buffer.h"

#include <string.h>

#include "tote/internal/memory.h"
#include "tote/internal/text.h"

enum {
    SMALLEST_REGION = 64,
    SMALLEST_OVERFLOW = 4096,
    LARGE_OVERFLOW = 1 << 20,
    LARGEST_OVERFLOW = 64 << 20 /* for one span */
};

static const uint32_t nowhere = UINT32_MAX;

static bool is_in_buffer(const struct region *region) {
    return region->capacity && region->offset < SPAN_BUFFER_BYTES;
}

void tote__span_clear_buffer(void *block) {
    struct span *span = block;

    tote__release(span->overflow, span->overflow_size);
    span->overflow = NULL;
    span->overflow_size = 0;
}

static bool grow_overflow(struct span *span, size_t more) {
    size_t needed = span->overflow_used + more;
    size_t size = span->overflow_size < LARGE_OVERFLOW
                      ? 2 * (size_t)span->overflow_size
                      : span->overflow_size + span->overflow_size / 4;

    if (needed > LARGEST_OVERFLOW) {
        return false;
    }
    size = size > needed ? size : needed + (0 - needed) % SMALLEST_OVERFLOW; /* rounded up */
    size = tote__min(size, LARGEST_OVERFLOW);
    uint8_t *overflow = tote__allocate(size);
    if (!overflow) {
        return false;
    }
    if (span->overflow_used) {
        memcpy(overflow, span->overflow, span->overflow_used);
    }
    tote__release(span->overflow, span->overflow_size);
    span->overflow = overflow;
    span->overflow_size = (uint32_t)size;
    return true;
}

/*
 * Allocate a place: at the end of the inline buffer, else in the overflow. Fails if out of memory.
 */
static uint32_t take_place(struct span *span, size_t size) {
    bool attributes_in_buffer = is_in_buffer(&span->attributes);
    uint32_t lowest =
        span->name.offset == 0 ? span->name.capacity : 0; /* place of the first region */
    uint32_t end = SPAN_BUFFER_BYTES - span->inline_used;

    if (attributes_in_buffer) {
        lowest = span->attributes.offset + span->attributes.size;
    }
    if (end >= lowest && end - lowest >= size) {
        span->inline_used += (uint32_t)size;
        end -= (uint32_t)size;
        if (attributes_in_buffer) {
            span->attributes.capacity = end - span->attributes.offset;
        }
        return end;
    }
    if (span->overflow_size - span->overflow_used < size && !grow_overflow(span, size)) {
        return nowhere;
    }
    uint32_t offset = SPAN_BUFFER_BYTES + span->overflow_used;
    span->overflow_used += (uint32_t)size;
    return offset;
}

/* Grow the last region of the overflow. Returns false if it is another one, or out of memory. */
static bool grow_in_place(struct span *span, struct region *region, size_t more) {
    size_t end = (size_t)region->offset + region->capacity;

    if (!region->capacity || region->offset < SPAN_BUFFER_BYTES ||
        end != SPAN_BUFFER_BYTES + (size_t)span->overflow_used) {
        return false;
    }
    if (span->overflow_size - span->overflow_used < more && !grow_overflow(span, more)) {
        return false;
    }
    span->overflow_used += (uint32_t)more;
    region->capacity += (uint32_t)more;
    return true;
}

bool tote__span_reserve(struct span *span, struct region *region, size_t more) {
    if (region->capacity - region->size >= more) {
        return true;
    }
    if (more > LARGEST_OVERFLOW) {
        return false;
    }
    if (grow_in_place(span, region, more - (region->capacity - region->size))) {
        return true;
    }
    size_t capacity = region->size + more;
    if (capacity < 2 * (size_t)region->size) {
        capacity = 2 * (size_t)region->size;
    }
    if (capacity < SMALLEST_REGION) {
        capacity = SMALLEST_REGION;
    }
    uint32_t offset = take_place(span, capacity);
    if (offset == nowhere) {
        return false;
    }
    struct region moved = {offset, region->size, (uint32_t)capacity};
    if (region->size) {
        memcpy(tote__span_at(span, &moved), tote__span_at(span, region), region->size);
    }
    *region = moved;
    return true;
}

bool tote__span_set_text(struct span *span, struct region *region, const char *text) {
    size_t length = strlen(text);
    bool is_valid = tote__utf8_valid_prefix(text, length) == length;
    size_t written = is_valid ? length : tote__utf8_repaired_length(text, length);

    if (written >= LARGEST_OVERFLOW) {
        return false;
    }
    if (region->capacity <= written) {
        struct region larger = {0, 0, 0};
        size_t doubled = 2 * (size_t)region->capacity; /* the unused places are smaller than this */
        if (!tote__span_reserve(span, &larger, doubled > written ? doubled : written + 1) &&
            !tote__span_reserve(span, &larger, written + 1)) {
            return false;
        }
        *region = larger;
    }
    char *at = (char *)tote__span_at(span, region);
    if (is_valid) {
        memcpy(at, text, length);
    } else {
        tote__utf8_repair(at, text, length);
    }
    at[written] = '\0';
    region->size = (uint32_t)written;
    return true;
}

void tote__span_begin_buffer(struct span *span, const char *name) {
    size_t length = strlen(name);
    uint32_t capacity = (uint32_t)(length | 7) + 1; /* with the NUL, rounded up to 8 */

    if (length < SPAN_BUFFER_BYTES / 2 && tote__copy_ascii(span->inline_bytes, name, length)) {
        span->inline_bytes[length] = '\0';
        span->name = (struct region){0, (uint32_t)length, capacity};
        span->attributes = (struct region){capacity, 0, SPAN_BUFFER_BYTES - capacity};
        return;
    }
    span->name = (struct region){0, 0, 0};
    span->attributes = (struct region){0, 0, SPAN_BUFFER_BYTES};
    if (!tote__span_set_text(span, &span->name, name)) {
        tote__span_set_text(span, &span->name, "");
    }
}
