/* SPDX-License-Identifier: MIT */
/*
 * size_limit.c - the receiver's limit on the size of a request, as far as known
 *
 * Tests: tests/unit/test_delivery.c
 */
#include "size_limit.h"

#include "retry.h"
#include "tote/diagnostics.h"

static const char *const component = "delivery";

void tote__size_limit_note_too_large(struct tote__size_limit *limit, size_t bytes,
                                     const char *destination, const char *reason) {
    size_t half = bytes / 2 > TOTE__NEVER_TOO_LARGE_BYTES ? bytes / 2 : TOTE__NEVER_TOO_LARGE_BYTES;

    if (half >= limit->accepted_bytes) {
        return;
    }
    limit->accepted_bytes = half;
    tote_diagnostics_report(
        TOTE_LEVEL_WARN, component,
        "%s rejects a request of %zu bytes as too large (%s): it is split, like later requests "
        "over %zu bytes; raise the receiver's limit, or lower max_request_bytes",
        destination, bytes, reason, half);
}

void tote__size_limit_note_accepted(struct tote__size_limit *limit, size_t bytes,
                                    const char *destination) {
    if (!limit->reset_bytes) {
        return;
    }
    if (bytes >= limit->reset_bytes) { /* the size was not the cause */
        *limit = (struct tote__size_limit){.accepted_bytes = limit->accepted_bytes};
        return;
    }
    limit->has_accepted = limit->has_accepted_since = true;
    limit->has_probe = false;
    if (limit->resets >= TOTE__MOST_RESETS) {
        tote__size_limit_note_too_large(limit, limit->reset_bytes, destination,
                                        "the stream is reset");
    }
}

void tote__size_limit_note_resets(struct tote__size_limit *limit, size_t bytes, unsigned resets) {
    if (bytes <= TOTE__NEVER_TOO_LARGE_BYTES) {
        return;
    }
    limit->strikes += !limit->reset_bytes || limit->has_accepted_since;
    limit->has_accepted_since = false;
    limit->resets += resets;
    if (!limit->reset_bytes || bytes < limit->reset_bytes) {
        limit->reset_bytes = bytes;
    }
}

bool tote__size_limit_is_passed(const struct tote__size_limit *limit, size_t bytes, size_t count) {
    return limit->reset_bytes && bytes >= limit->reset_bytes && limit->has_accepted &&
           limit->resets >= TOTE__MOST_RESETS && (count > 1 || limit->strikes > 1);
}

bool tote__size_limit_may_probe(const struct tote__size_limit *limit, size_t count) {
    return count > 1 && !limit->has_accepted && !limit->has_probe;
}
