/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_clock.h - the age of batches, independent of changes of the wall clock
 *
 * File names contain wall clock times. Setting the clock must not make batches old. So each file
 * also contains the time since boot, which is valid during one boot of the system.
 */
#ifndef TOTE_DELIVERY_DISK_QUEUE_CLOCK_H
#define TOTE_DELIVERY_DISK_QUEUE_CLOCK_H

#include "tote/common.h"

/* A time since boot. */
struct tote__boot_time {
    uint32_t boot; /* identifies the boot; 0: unknown */
    uint32_t seconds;
};

struct tote__disk_queue_clock {
    uint32_t boot;
    uint64_t wall;   /* wall clock time when the queue was opened */
    uint64_t steady; /* time since boot when the queue was opened */
};

struct tote__disk_queue_clock tote__disk_queue_clock_start(void);

struct tote__boot_time tote__disk_queue_clock_now(const struct tote__disk_queue_clock *clock);

/*
 * Return the age in seconds of a file with a wall clock time in nanoseconds: relative to the clock
 * now, or to the clock when the queue was opened, whichever is smaller. A time before Tote existed
 * counts from when the queue was opened.
 */
uint64_t tote__disk_queue_clock_age(const struct tote__disk_queue_clock *clock, uint64_t time);

/* Return whether the wall clock was wrong, so that the age above may be too small. */
bool tote__disk_queue_clock_is_unsure(uint64_t time);

/* Correct that age if `written` is from this boot. */
uint64_t tote__disk_queue_clock_true_age(const struct tote__disk_queue_clock *clock, uint64_t age,
                                         struct tote__boot_time written);

#endif
