/* SPDX-License-Identifier: MIT */
/*
 * queue.h - what the batch processor is made of
 *
 * processor    what it was made with, for as long as it is there
 *   queue      one for each process in a line of forks: per-thread queues, bounds, counts, who
 * flushes
 *
 * The modules, each of which knows only those before it: chunk, per-thread queue, queue; export
 * (from the queue to the exporter); worker and host (who exports); flush; processor.
 *
 * A forked child makes a queue of its own and never looks into the inherited one. In one process a
 * queue is kept by the processor and by the worker: one that hangs in an exporter finds everything
 * in place when it comes back, even if the SDK is gone by then.
 */
#ifndef TOTE_SDK_BATCH_QUEUE_H
#define TOTE_SDK_BATCH_QUEUE_H

#include <sys/types.h>

#include "../worker_thread.h"
#include "thread_queue.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"

/* With an exporter that works in steps: one is sent, and one is ready when that is over. */
enum { TOTE__MOST_DELIVERED = 2 };

/* In the ring of what is not settled. */
enum { TOTE__TAKEN_BATCHES = 4 };

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

/* What was made of the spans that were taken out. */
struct batch_counts {
    uint64_t exported;
    uint64_t rejected;
    uint64_t too_large;
    uint64_t retries_exhausted;
    uint64_t shut_down;
    uint64_t in_disk_queue;
    uint64_t in_flight;
    uint64_t failures; /* exports and flushes of the exporter, not spans */
};

/* One that waits for a flush; in its caller's frame, and off the list before that is left. */
struct flush_call {
    struct flush_call *next;
    uint32_t ticket; /* of the round that answers it, or an earlier one */
    uint64_t deadline;
    uint64_t failures; /* there had been before */
    tote_result result;
    _Atomic(bool) is_done;
};

struct batch_queue {
    /* Read for every span, and hardly ever written. */
    struct batch_processor *processor;
    struct batch_queue *inherited; /* the parent process's */
    uint32_t generation;
    _Atomic(uint32_t) refuses; /* an enum drop_cause */
    _Atomic(uint32_t) references;
    char apart_from_thread_queues[64];

    struct thread_queues thread_queues;
    char apart_from_worker[64];

    /* Between the worker and those who wake it. */
    _Atomic(uint32_t) sleep;        /* an enum worker_sleep; waited on by the worker */
    _Atomic(uint32_t) has_overflow; /* spans were dropped for want of room */
    _Atomic(uint32_t) flushes_asked;
    _Atomic(uint32_t) flushes_done;  /* counts rounds; waited on by those who flush */
    _Atomic(uint32_t) worker_state;  /* waited on by those who stop it early */
    _Atomic(uint32_t) has_left;      /* the worker; waited on by those who stop it */
    _Atomic(uint32_t) stop;          /* an enum stop_order */
    _Atomic(bool) is_failing;        /* the last export was no success */
    _Atomic(bool) is_parted;         /* from the worker, by join or detach */
    _Atomic(uint64_t) stop_deadline; /* of the shutdown; 0: none has begun */
    _Atomic(const void *) worker;    /* &tote__thread of it */
    struct worker_thread thread;

    /* The worker's own, or of who drives in its place. */
    struct tote__read_span *batch; /* max_export_batch_size of them, as exporters see them, ... */
    const tote_span_data **spans;
    size_t batch_from,
        batch_to;        /* ... of which these were taken, and are not with the exporter yet */
    struct taken *taken; /* a ring of all that is not settled, the batch at its end, ... */
    uint64_t taken_from, taken_to; /* ... which count on */
    struct thread_queue *turn;     /* whose turn it is */
    size_t kept;                   /* requests that the exporter keeps */
    bool is_sending;               /* its last step left something under way */
    bool retry_now;                /* somebody waits for what is kept */
    uint64_t send_began;           /* of the first of them; 0: it has not */
    uint64_t next_export;
    size_t flush_left; /* requests that are part of the flush */
    enum flush_state flush;
    uint32_t flush_round; /* that is being answered, or was the last */
    bool is_idle; /* no span is queued and the delay is short: the next span starts the delay */

    /* Where the host is the worker. */
    _Atomic(uint32_t) is_driven; /* by somebody; waited on by others who want to */
    _Atomic(int) event;          /* an eventfd; -1: none */
    dev_t event_device;          /* of what it refers to */
    ino_t event_inode;
    _Atomic(uint64_t) due; /* when there is something to do, whatever the descriptors say */

    _Atomic(uint64_t) lost[DROP_CAUSES]; /* of threads that have no per-thread queue */
    _Atomic(uint64_t) next_report;       /* when a full queue may be reported again */

    struct tote__lock lock; /* guards what follows, and the per-thread queues' heads */
    bool is_over;           /* nobody takes out any more: what waits is lost */
    struct batch_counts counts;
    struct flush_call *flush_calls;
};

struct batch_processor {
    tote_span_exporter *exporter;
    struct tote__batch_settings settings;
    tote_thread_factory thread_factory; /* functions NULL: pthreads */
    uint32_t slot;                      /* in the per-thread queues of a thread's state */
    _Atomic(bool) is_shut_down;
    _Atomic(bool) is_exporter_shut_down;
    struct tote__lock lock; /* guards making a queue, and what follows */
    _Atomic(struct batch_queue *) queue;
    uint32_t lost_generation; /* of spans for which not even a queue could be made, ... */
    uint64_t lost;            /* ... and how many */
};

/* This process's queue; made when there is none. NULL if out of memory. */
struct batch_queue *tote__batch_queue(struct batch_processor *processor);

/* The last one releases the queue, and the processor with its exporter. */
void tote__batch_queue_unref(struct batch_queue *queue);

/* For one whose queue is a parent process's, or not made. */
void tote__batch_processor_release(struct batch_processor *processor);

/* Forget the per-thread queues in the states of the threads. No call is in progress and none
 * follows. */
void tote__batch_close_thread_queues(struct batch_queue *queue);

/* So many spans were lost before there was a queue. */
void tote__batch_count_lost(struct batch_processor *processor, uint64_t lost);

void tote__batch_add_stats(void *self, tote_stats *stats);

/* Make the eventfd of a queue, where the host is the worker. Returns: false with errno set. */
bool tote__batch_make_event(struct batch_queue *queue);

/*
 * The eventfd; -1 if there is none, or if the host has closed it and its number may be another
 * file's.
 */
int tote__batch_event(const struct batch_queue *queue);

/* Whether the worker sleeps without the delay's timer while the queue is empty. */
bool tote__batch_has_short_delay(const struct batch_queue *queue);

/*
 * Wake the worker, or tell the host's loop; what it is to see was stored in sequentially consistent
 * order.
 */
void tote__batch_wake(struct batch_queue *queue);

/* The last deadline of those that this flush round answers; 0 when nobody waits. */
uint64_t tote__batch_flush_deadline(struct batch_queue *queue, uint32_t round);

/* The answer to all tickets up to `round`. */
void tote__batch_answer(struct batch_queue *queue, uint32_t round, tote_result result);

/*
 * Put the call on the list of those that wait, if it `is_waiting`, and ask for a flush. Returns:
 * false when nobody will answer.
 */
bool tote__batch_ask(struct batch_queue *queue, struct flush_call *call, bool is_waiting);

/* Take the call off the list, if nobody has answered it yet. */
void tote__batch_withdraw(struct batch_queue *queue, struct flush_call *call);

#endif
