/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_clock.h - the age of batches, whatever happens to the clock of the day
 *
 * Names of files tell a time by a clock that is set now and then. Setting it must not make batches
 * old. So the time that a clock shows which nobody sets is in each file, too; it means something
 * during one boot of the system.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_CLOCK_H
#define TOTE_DELIVERY_DISK_QUEUE_CLOCK_H

#include "tote/common.h"

/* A moment by a clock that nobody sets. */
struct tote__boot_time {
    uint32_t boot; /* identifies the boot; 0: unknown */
    uint32_t seconds;
};

struct tote__disk_queue_clock {
    uint32_t boot;
    uint64_t wall;   /* the time when the queue was opened, by the clock of the day, ... */
    uint64_t steady; /* ... and by the other one */
};

struct tote__disk_queue_clock tote__disk_queue_clock_start(void);

struct tote__boot_time tote__disk_queue_clock_now(const struct tote__disk_queue_clock *clock);

/*
 * Return the age in seconds of what was written at a time of the clock of the day, in nanoseconds:
 * as of that clock now, or as it was when the queue was opened, whichever makes it younger. From a
 * time before Tote existed: since the queue was opened.
 */
uint64_t tote__disk_queue_clock_age(const struct tote__disk_queue_clock *clock, uint64_t time);

/* Return whether a time is of a clock that was wrong, so that the age above may be too small. */
bool tote__disk_queue_clock_is_unsure(uint64_t time);

/* Correct that age if `written` is of this boot. */
uint64_t tote__disk_queue_clock_true_age(const struct tote__disk_queue_clock *clock, uint64_t age,
                                         struct tote__boot_time written);

#endif
