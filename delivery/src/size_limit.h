/* SPDX-License-Identifier: MIT */
/*
 * size_limit.h - the receiver's limit on the size of a request, as far as known
 *
 * A reset stream has several causes: a proxy without a receiver resets it, too. Size is the cause
 * only if a smaller request is accepted while larger ones are reset. If there is no smaller one,
 * one span of a large request is sent alone, as a probe.
 */
#ifndef TOTE_DELIVERY_SIZE_LIMIT_H
#define TOTE_DELIVERY_SIZE_LIMIT_H

#include <stdbool.h>
#include <stddef.h>

/* Resets of requests of a size before it may be the cause. */
enum { TOTE__MOST_RESETS = 3 };

struct tote__size_limit {
    size_t accepted_bytes;   /* larger requests are split; SIZE_MAX: no limit known */
    size_t reset_bytes;      /* the smallest request that may be too large; 0: none */
    unsigned resets;         /* resets of requests of at least that size, none of them accepted */
    unsigned strikes;        /* resets before which a smaller request was accepted */
    bool has_accepted;       /* a smaller request was accepted since the first reset */
    bool has_accepted_since; /* a smaller request was accepted since the last reset */
    bool has_probe;          /* a probe was made, and none was accepted since */
};

/* A request of this size was rejected as too large: try half of it. Reports that. */
void tote__size_limit_note_too_large(struct tote__size_limit *limit, size_t bytes,
                                     const char *destination, const char *reason);

void tote__size_limit_note_accepted(struct tote__size_limit *limit, size_t bytes,
                                    const char *destination);

void tote__size_limit_note_resets(struct tote__size_limit *limit, size_t bytes, unsigned resets);

/*
 * Return whether a request of `count` spans that was just reset is too large. A single span would
 * be rejected, so a smaller request must have been accepted between two resets.
 */
bool tote__size_limit_is_passed(const struct tote__size_limit *limit, size_t bytes, size_t count);

bool tote__size_limit_may_probe(const struct tote__size_limit *limit, size_t count);

#endif
