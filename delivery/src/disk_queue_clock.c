/* SPDX-License-Identifier: MIT */
/*
 * disk_queue_clock.c - the age of batches, independent of changes of the wall clock
 *
 * Tests: tests/unit/test_otlp_disk_queue.c
 */
#include "disk_queue_clock.h"

#include "tote/internal/clock.h"
#include "tote/internal/os.h"

static const uint64_t second = 1000000000;

/* 2024-01-01. A machine without a battery-backed clock starts in 1970. */
static const uint64_t earliest_time = 1704067200U * (uint64_t)1000000000;

static uint64_t since(uint64_t then, uint64_t now) {
    return now > then ? now - then : 0;
}

static uint64_t steady_time(void) {
    return tote__os_since_boot();
}

struct tote__disk_queue_clock tote__disk_queue_clock_start(void) {
    return (struct tote__disk_queue_clock){
        .boot = tote__os_boot(),
        .wall = tote__clock_realtime(),
        .steady = steady_time(),
    };
}

struct tote__boot_time tote__disk_queue_clock_now(const struct tote__disk_queue_clock *clock) {
    return (struct tote__boot_time){clock->boot, (uint32_t)(steady_time() / second)};
}

bool tote__disk_queue_clock_is_unsure(uint64_t time) {
    return time < earliest_time;
}

uint64_t tote__disk_queue_clock_age(const struct tote__disk_queue_clock *clock, uint64_t time) {
    uint64_t open = since(clock->steady, steady_time());
    uint64_t wall = tote__clock_realtime();
    uint64_t kept = clock->wall + open;

    return (tote__disk_queue_clock_is_unsure(time) ? open
                                                   : since(time, wall < kept ? wall : kept)) /
           second;
}

uint64_t tote__disk_queue_clock_true_age(const struct tote__disk_queue_clock *clock, uint64_t age,
                                         struct tote__boot_time written) {
    return written.boot && written.boot == clock->boot
               ? since(written.seconds, tote__disk_queue_clock_now(clock).seconds)
               : age;
}
