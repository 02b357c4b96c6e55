/* SPDX-License-Identifier: MIT */
/*
 * batch.h - what the batch processor is made of
 *
 * processor    what it was made with, for as long as it is there
 *   queue      one for each process in a line of forks: bounds, lanes, the worker
 *     lane     one for each thread: a ring, a purse of what the bounds allow, counters
 *
 * A forked child makes a queue of its own and never looks into the inherited one. In one process a
 * queue is kept by the processor and by the worker: one that hangs in an exporter finds everything
 * in place when it comes back, even if the SDK is gone by then.
 */
#ifndef TOTE_SDK_BATCH_H
#define TOTE_SDK_BATCH_H

#include <stdatomic.h>

#include "allowance.h"
#include "span.h"
#include "span_ring.h"
#include "thread_state.h"
#include "tote/internal/lock.h"
#include "tote/internal/sdk.h"
#include "worker_thread.h"

enum { TOTE__SHUTDOWN_GRACE_MS = 50 }; /* for a worker to come back once its exporter was stopped */

/* Why a span was not queued. */
enum batch_drop {
    DROP_NONE,
    DROP_QUEUE_FULL,
    DROP_TOO_LARGE,
    DROP_SHUTDOWN,
    DROP_MEMORY, /* also: no worker could be made */
    DROP_CAUSES
};

enum worker_state { WORKER_NONE, WORKER_STARTING, WORKER_RUNNING, WORKER_REFUSED };

enum flush_state {
    FLUSH_NONE,
    FLUSH_TAKES, /* what had ended goes to the exporter */
    FLUSH_SENDS  /* the exporter sends it */
};

enum stop_order { STOP_NOT, STOP_WHEN_FLUSHED, STOP_NOW };

/* What wakes the worker, besides the time, a flush and a shutdown. */
enum worker_sleep {
    AWAKE,
    SLEEPS_UNTIL_BATCH, /* a whole batch, or a full queue */
    SLEEPS_UNTIL_SPAN   /* any span: the queue is empty, and the delay is short */
};

/* A thread's way in. Written by the owner of `home`, but for what is the worker's. */
struct batch_lane {
    struct batch_lane *next; /* of the queue, in no order; none is taken off */
    struct batch_queue *queue;
    struct thread_state *home;
    struct purse spans;
    struct purse bytes;
    struct tote__journal_place place;
    uint64_t check_at; /* the tail at which a whole batch may wait in this lane alone */
    _Atomic(uint64_t) dropped[DROP_CAUSES];
    struct span_ring ring; /* ends with the worker's part, ... */
    uint64_t tail_seen;    /* ... which goes on here: the tail at the last sweep, ... */
    uint64_t flush_to;     /* ... and at the start of the flush */
};

/* What the worker made of the spans it took. */
struct batch_counts {
    uint64_t exported;
    uint64_t rejected;
    uint64_t too_large;
    uint64_t retries_exhausted;
    uint64_t shut_down;
    uint64_t spooled;
    uint64_t in_flight;
    uint64_t failures; /* exports and flushes of the exporter, not spans */
};

struct flush_call;

struct batch_queue {
    /* Read for every span, and hardly ever written. */
    struct batch_processor *processor;
    struct batch_queue *inherited; /* the parent process's */
    uint32_t generation;
    _Atomic(uint32_t) refuses; /* an enum batch_drop */
    _Atomic(struct batch_lane *) lanes;
    _Atomic(uint32_t) lane_count;
    _Atomic(uint32_t) references;
    char apart_from_spans[64];

    struct allowance spans;
    char apart_from_bytes[64];
    struct allowance bytes;
    char apart_from_worker[64];

    /* Between the worker and those who wake it. */
    _Atomic(uint32_t) sleep;        /* an enum worker_sleep; waited on by the worker */
    _Atomic(uint32_t) has_overflow; /* spans were dropped for want of room */
    _Atomic(uint32_t) stop;         /* an enum stop_order */
    _Atomic(uint64_t) stop_deadline;
    _Atomic(uint32_t) flushes_asked;
    _Atomic(uint32_t) flushes_done; /* counts rounds; waited on by those who flush */
    _Atomic(uint32_t) worker_state; /* waited on by those who stop it early */
    _Atomic(uint32_t) has_left;     /* the worker; waited on by those who stop it */
    _Atomic(const void *) worker;   /* &tote__thread of it */
    _Atomic(bool) is_failing;       /* the last export was no success */
    _Atomic(bool) is_parted;        /* from the worker, by join or detach */
    struct worker_thread thread;

    /* The worker's own, or of who drives in its place. */
    const tote_span_data **batch; /* max_export_batch_size of them, ... */
    size_t batch_from,
        batch_to; /* ... of which these were taken, and are not with the exporter yet */
    struct batch_lane *cursor; /* whose turn it is */
    size_t kept;               /* requests that the exporter keeps */
    uint64_t send_began;       /* of the first of them; 0: it has not */
    uint64_t next_export;
    bool is_idle; /* no span is queued and the delay is short: the next span starts the delay */
    enum flush_state flush;
    uint32_t flush_round; /* that is being answered, or was the last */
    size_t flush_left;    /* requests that are part of it */

    /* Where the host is the worker. */
    _Atomic(uint32_t) is_driven; /* by somebody; waited on by others who want to */
    _Atomic(uint64_t) due;       /* when there is something to do, whatever the descriptors say */
    _Atomic(int) event;          /* an eventfd; -1: none */
    uint64_t event_device;       /* of what it refers to */
    uint64_t event_inode;

    _Atomic(uint64_t) lost[DROP_CAUSES]; /* of threads that have no lane */
    _Atomic(uint64_t) next_report;       /* when a full queue may be reported again */

    struct tote__lock lock; /* guards what follows, and the rings' heads */
    struct batch_counts counts;
    struct flush_call *flush_calls;
    bool is_over; /* nobody takes out any more: what waits is lost */
};

struct batch_processor {
    tote_span_exporter *exporter;
    struct tote__batch_settings settings;
    uint32_t slot; /* in the rings of a thread's state */
    _Atomic(bool) is_shut_down;
    _Atomic(bool) is_exporter_shut_down;
    struct tote__lock lock; /* guards making a queue, and what follows */
    _Atomic(struct batch_queue *) queue;
    uint32_t lost_generation; /* of spans for which not even a queue could be made, ... */
    uint64_t lost;            /* ... and how many */
};

/* batch_queue.c */

/* This process's queue; made when there is none. NULL if out of memory. */
struct batch_queue *tote__batch_queue(struct batch_processor *processor);

/* The last one releases the queue, and the processor with its exporter. */
void tote__batch_queue_unref(struct batch_queue *queue);

/* For one whose queue is a parent process's, or not made. */
void tote__batch_processor_release(struct batch_processor *processor);

/* The thread's lane, made. NULL when nothing is queued: then `lost` spans are counted. */
struct batch_lane *tote__batch_open_lane(struct batch_processor *processor,
                                         struct thread_state *state, uint64_t lost);

/* Forget the lanes in the states of the threads. No call is in progress and none follows. */
void tote__batch_close_lanes(struct batch_queue *queue);

void tote__batch_add_stats(void *self, tote_stats *stats);

/* batch_worker.c */

/* Start the worker, if nobody has yet. Returns: false when there is none. */
bool tote__batch_start_worker(struct batch_queue *queue);

/* Whether the worker sleeps without the delay's timer while the queue is empty. */
bool tote__batch_has_short_delay(const struct batch_queue *queue);

/* Start the schedule of exports, with an empty queue. */
void tote__batch_start_schedule(struct batch_queue *queue);

/* How the worker is to sleep now. */
enum worker_sleep tote__batch_sleep(const struct batch_queue *queue);

/* Wake the worker; what it is to see was stored in sequentially consistent order. */
void tote__batch_wake(struct batch_queue *queue);

/* Do what is due. Returns: whether there may be more of that. */
bool tote__batch_step(struct batch_queue *queue, bool may_wait);

/*
 * Whether a step has something to do, other than for the time or for a request that is under way.
 */
bool tote__batch_has_work(struct batch_queue *queue);

/* When the next step has something to do, whatever else comes up. */
uint64_t tote__batch_due(struct batch_queue *queue);

/* Drop what is left, answer everybody, and say so: nothing is taken out any more. */
void tote__batch_leave(struct batch_queue *queue);

/* batch_host.c */

void tote__batch_wake_host(struct batch_queue *queue);

/* From here on the host drives. */
void tote__batch_start_host(struct batch_queue *queue);

/* Work in the host's place until `is_done`, or the deadline. */
void tote__batch_drive_until(struct batch_queue *queue, const _Atomic(bool) *is_done,
                             uint64_t deadline);

/*
 * Leave in the host's place. Returns: false when somebody works there and does not come back until
 * the deadline.
 */
bool tote__batch_part_host(struct batch_queue *queue, uint64_t deadline);

/* Make the eventfd of a queue, where the host is the worker. Returns: false with errno set. */
bool tote__batch_make_event(struct batch_queue *queue);

/*
 * The eventfd; -1 if there is none, or if the host has closed it and its number may be another
 * file's.
 */
int tote__batch_event(const struct batch_queue *queue);

extern const struct tote__loop_ops tote__batch_loop;

/* batch_flush.c */

/* The last deadline of those that this round answers; 0 when nobody waits. */
uint64_t tote__batch_flush_deadline(struct batch_queue *queue, uint32_t round);

/* The worker's answer to all tickets up to `round`. */
void tote__batch_answer(struct batch_queue *queue, uint32_t round, tote_result result);

tote_result tote__batch_flush(struct batch_queue *queue, uint32_t timeout_ms);

/* For the call that set is_shut_down. */
tote_result tote__batch_stop(struct batch_queue *queue, uint32_t timeout_ms);

/*
 * Join the worker, or let it go if it does not come back until the deadline. Returns: whether it
 * has ended.
 */
bool tote__batch_part(struct batch_queue *queue, uint64_t deadline);

#endif
