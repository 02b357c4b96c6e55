/* SPDX-License-Identifier: MIT */
/*
 * host.c - export by the host event loop, without a worker thread
 *
 * The caller that polls, flushes or shuts down does the work, one thread at a time, in steps that
 * do not block. Two descriptors announce work: that of the queue's event, which producers set
 * instead of waking a worker, and the exporter's descriptor.
 *
 * Tests: tests/guest/test_host_loop.c
 */
#include "host.h"

#include "../wait.h"
#include "export.h"
#include "tote/internal/clock.h"
#include "tote/internal/context.h"
#include "tote/internal/os.h"

enum { LONGEST_WAIT_MS = 60000, NS_PER_US = 1000 };

void tote__batch_start_host(struct batch_queue *queue) {
    tote__batch_start_schedule(queue);
    atomic_store(&queue->due, tote__batch_due(queue));
    atomic_store(&queue->sleep, tote__batch_sleep(queue));
}

static void drain(struct batch_queue *queue) {
    tote__os_event_set(&queue->event, false);
}

/* Returns false while another thread works. */
static bool claim(struct batch_queue *queue) {
    uint32_t nobody = 0;

    if (atomic_load(&queue->has_left) ||
        !atomic_compare_exchange_strong(&queue->is_driven, &nobody, 1)) {
        return false;
    }
    atomic_store(&queue->worker, &tote__thread);
    return true;
}

static void unclaim(struct batch_queue *queue) {
    atomic_store(&queue->worker, NULL);
    atomic_store(&queue->is_driven, 0);
    tote__wake(&queue->is_driven);
}

/* A thread that worked during STOP_NOW, and was not waited for, finishes the queue. */
static void release(struct batch_queue *queue) {
    unclaim(queue);
    if (atomic_load(&queue->stop) == STOP_NOW) {
        tote__batch_end_host(queue, 0);
    }
}

/* Work with a time limit. */
struct drive {
    struct batch_queue *queue;
    const _Atomic(bool) *is_done; /* NULL: until the time limit */
    uint64_t until;
};

static bool is_done(const struct drive *drive) {
    return drive->is_done && atomic_load_explicit(drive->is_done, memory_order_acquire);
}

static int run(void *arg) {
    const struct drive *drive = arg;
    struct batch_queue *queue = drive->queue;
    bool has_more = true;

    drain(queue);
    atomic_store(&queue->sleep, AWAKE);
    while (has_more && !is_done(drive)) {
        has_more = tote__batch_step(queue, false);
        if (tote__clock_monotonic() >= drive->until) {
            break;
        }
    }
    tote__batch_drain(queue);
    atomic_store(&queue->due, tote__batch_due(queue));
    atomic_store(&queue->sleep, tote__batch_sleep(queue));
    if (has_more || tote__batch_has_work(queue)) {
        tote__batch_wake(queue);
    }
    return 0;
}

/* Suppress tracing while the exporter runs. */
static void drive_suppressed(struct drive *drive) {
    tote_context *context = tote_context_with_suppression(tote_context_root());

    tote_context_run(context, run, drive);
    tote_context_unref(context);
}

static int exporter_descriptor(const struct batch_queue *queue) {
    const tote_span_exporter *exporter = queue->processor->exporter;

    return exporter->ops.descriptor ? exporter->ops.descriptor(exporter->self) : -1;
}

static void wait_for_work(struct batch_queue *queue, uint64_t deadline) {
    const int descriptors[] = {tote__os_event_descriptor(&queue->event),
                               exporter_descriptor(queue)};
    uint32_t until_due = tote__ms_until(atomic_load(&queue->due), LONGEST_WAIT_MS);

    tote__os_wait_readable(descriptors, TOTE_COUNT_OF(descriptors),
                           tote__ms_until(deadline, until_due));
}

void tote__batch_drive_until(struct batch_queue *queue, const _Atomic(bool) *is_done_flag,
                             uint64_t deadline) {
    struct drive drive = {queue, is_done_flag, deadline};

    if (!claim(queue)) {
        tote__wait(&queue->is_driven, 1, deadline);
        return;
    }
    while (!is_done(&drive) && tote__clock_monotonic() < deadline &&
           atomic_load(&queue->stop) != STOP_NOW) {
        drive_suppressed(&drive);
        if (!is_done(&drive)) {
            wait_for_work(queue, deadline);
        }
    }
    release(queue);
}

bool tote__batch_end_host(struct batch_queue *queue, uint64_t deadline) {
    while (!claim(queue)) {
        if (atomic_load(&queue->has_left)) {
            return true;
        }
        if (atomic_load(&queue->worker) == &tote__thread || tote__clock_monotonic() >= deadline) {
            return false;
        }
        tote__wait(&queue->is_driven, 1, deadline);
    }
    atomic_fetch_add(&queue->references, 1);
    atomic_store(&queue->sleep, AWAKE); /* disables wake-ups */
    drain(queue);
    tote__batch_leave(queue);
    unclaim(queue);
    tote__batch_queue_unref(queue);
    return true;
}

static bool watch(struct batch_queue *queue, const struct tote__os_event *group, bool is_new) {
    return tote__os_group_watch_event(group, &queue->event, is_new) &&
           (!queue->processor->exporter->ops.descriptor ||
            tote__os_group_watch(group, exporter_descriptor(queue), is_new));
}

bool tote__batch_watch(struct batch_queue *queue, const struct tote__os_event *group) {
    return (tote__os_event_descriptor(&queue->event) >= 0 || tote__os_event_open(&queue->event)) &&
           watch(queue, group, true);
}

bool tote__batch_is_watched(struct batch_queue *queue, const struct tote__os_event *group) {
    return watch(queue, group, false);
}

void tote__batch_poll(struct batch_queue *queue) {
    if (!claim(queue)) {
        return;
    }
    uint64_t budget = (uint64_t)queue->processor->settings.poll_budget_us * NS_PER_US;
    struct drive drive = {queue, NULL, tote__clock_monotonic() + budget};
    drive_suppressed(&drive);
    release(queue);
}
