/* SPDX-License-Identifier: MIT */
/*
 * queue.h - the data of a batch processor
 *
 * A processor has one queue in each process of a line of forks. A queue has the per-thread queues,
 * limits, counts and pending flushes.
 *
 * Modules, each using only earlier ones: chunk, thread_queue, queue, export (from the queue to the
 * exporter), worker and host (the exporting thread), flush, processor.
 *
 * A forked child creates its own queue and does not read the inherited one, except to adopt its
 * spans. The processor and the worker each hold a reference to the queue: a worker that is blocked
 * in an exporter finds it intact, even if the SDK was released meanwhile.
 */
#ifndef TOTE_SDK_BATCH_QUEUE_H
#define TOTE_SDK_BATCH_QUEUE_H

#include <sys/types.h>

#include "../worker_thread.h"
#include "thread_queue.h"
#include "tote/internal/os.h"
#include "tote/internal/record.h"
#include "tote/internal/sdk.h"

/* Requests of a non-blocking exporter by default: one in flight, and one ready. */
enum { TOTE__MOST_REQUESTS = 2 };

enum worker_state { WORKER_NONE, WORKER_STARTING, WORKER_RUNNING, WORKER_REFUSED };

enum flush_state {
    FLUSH_NONE,
    FLUSH_TAKES, /* spans that had ended are given to the exporter */
    FLUSH_SENDS  /* the exporter sends them */
};

enum stop_order { STOP_NOT, STOP_WHEN_FLUSHED, STOP_NOW };

/* What wakes the worker, besides timers, flushes and shutdowns. */
enum worker_sleep {
    AWAKE,
    SLEEPS_UNTIL_BATCH, /* a complete batch, or a full queue */
    SLEEPS_UNTIL_SPAN   /* any span: the queue is empty and the delay is short */
};

/* Counts of spans by outcome. */
struct batch_counts {
    uint64_t exported;
    uint64_t rejected;
    uint64_t too_large;
    uint64_t retries_exhausted;
    uint64_t shut_down;
    uint64_t in_disk_queue;
    uint64_t in_flight;
    uint64_t handed_over;     /* passed to the exporter */
    uint64_t not_handed_over; /* dropped by the shutdown before that */
    uint64_t failures;        /* failed exports and flushes, not spans */
};

/* A pending flush, on its caller's stack. It is removed from the list before the caller returns. */
struct flush_call {
    struct flush_call *next;
    uint32_t ticket; /* completed by this round or a later one */
    uint64_t deadline;
    uint64_t failures; /* failures before this flush */
    tote_result result;
    _Atomic(bool) is_done;
};

struct batch_queue {
    /* Read for each span, rarely written. */
    struct batch_processor *processor;
    struct batch_queue *inherited; /* the queue of the parent process */
    uint32_t generation;
    _Atomic(uint32_t) refuses; /* an enum drop_cause */
    _Atomic(uint32_t) references;
    char apart_from_thread_queues[64];

    struct thread_queues thread_queues;
    char apart_from_worker[64];

    /* Shared by the worker and the threads that wake it. */
    _Atomic(uint32_t) sleep;        /* an enum worker_sleep; the worker waits for it */
    _Atomic(uint32_t) has_overflow; /* spans were dropped because the queue was full */
    _Atomic(uint32_t) flushes_asked;
    _Atomic(uint32_t) flushes_done;  /* number of rounds; flushing threads wait for it */
    _Atomic(uint32_t) worker_state;  /* a thread that stops the worker early waits for it */
    _Atomic(uint32_t) has_left;      /* the worker has finished; the stopping thread waits for it */
    _Atomic(uint32_t) stop;          /* an enum stop_order */
    _Atomic(bool) is_failing;        /* the last export failed */
    _Atomic(bool) is_ended;          /* the worker was joined or detached */
    _Atomic(uint64_t) stop_deadline; /* of the shutdown; 0: not shut down */
    _Atomic(const void *) worker;    /* &tote__thread of the exporting thread */
    struct worker_thread thread;

    /* Used only by the exporting thread. */
    struct tote__read_span *batch; /* max_export_batch_size spans, as exporters see them */
    const tote_span_data **spans;
    size_t batch_from, batch_to;   /* the part that the exporter does not have yet */
    struct taken *taken;           /* ring of unsettled records; the batch is at its end */
    uint64_t taken_from, taken_to; /* positions, not wrapped */
    struct thread_queue *turn;     /* the next per-thread queue to read */
    size_t kept;                   /* requests that the exporter has */
    bool is_sending;               /* a request is in flight after the last step */
    bool retry_now;                /* a flush waits for these requests */
    uint64_t send_began;           /* start of the oldest request; 0: not started. Not used if the
                                      exporter measures the durations */
    uint64_t next_export;
    size_t flush_left; /* requests that belong to the flush */
    enum flush_state flush;
    uint32_t flush_round; /* in progress, or the last one */
    bool is_idle; /* no span is queued and the delay is short: the next span starts the delay */

    /* For host-driven export. */
    _Atomic(uint32_t) is_driven; /* a thread drives the queue; other drivers wait for it */
    struct tote__os_event event;
    _Atomic(uint64_t) due; /* when work is due without an event */

    _Atomic(uint64_t) lost[DROP_CAUSES]; /* spans of threads without a per-thread queue */
    _Atomic(uint64_t) next_report;       /* when a full queue may be reported next */

    struct tote__lock lock; /* protects the next fields and the queues' heads */
    bool is_over;           /* no span is taken any more: queued spans are lost */
    struct batch_counts counts;
    struct tote__exporter_metrics exporter;
    struct flush_call *flush_calls;
};

struct batch_processor {
    tote_span_exporter *exporter;
    struct tote__batch_settings settings;
    tote_thread_factory thread_factory; /* functions NULL: pthreads */
    uint32_t slot;                      /* index into thread_state.thread_queues */
    _Atomic(bool) is_shut_down;
    _Atomic(bool) is_exporter_shut_down;
    struct tote__lock lock; /* protects the creation of a queue and the following fields */
    _Atomic(struct batch_queue *) queue;
    uint32_t lost_generation; /* process that counts `lost` */
    uint64_t lost;            /* spans that were lost before a queue could be created */
};

/* Return how many requests the exporter may have. */
static inline size_t tote__batch_most_requests(const struct batch_processor *processor) {
    uint32_t most = processor->exporter->most_requests;

    return most ? most : TOTE__MOST_REQUESTS;
}

/*
 * Return the capacity of the ring of unsettled records. In addition to the exporter's requests it
 * has the batch that is being delivered, and places in front of it that are not empty yet.
 */
static inline size_t tote__batch_ring_size(const struct batch_processor *processor) {
    return (tote__batch_most_requests(processor) + 2) * processor->settings.max_export_batch_size;
}

/* Return this process's queue; create it if necessary. Returns NULL if out of memory. */
struct batch_queue *tote__batch_queue(struct batch_processor *processor);

/* Release a reference. The last one releases the queue and the processor with its exporter. */
void tote__batch_queue_unref(struct batch_queue *queue);

/* Release a processor whose queue belongs to a parent process or was not created. */
void tote__batch_processor_release(struct batch_processor *processor);

/*
 * Remove the per-thread queues from the threads' states. No call is in progress, and none follows.
 */
void tote__batch_close_thread_queues(struct batch_queue *queue);

/* Count spans that were lost before there was a queue. */
void tote__batch_count_lost(struct batch_processor *processor, uint64_t lost);

void tote__batch_add_stats(void *self, tote_stats *stats);

/* batch/metrics.c: read the figures of the processor and its exporter. */
void tote__batch_read_metrics(void *self, struct tote__processor_metrics *metrics);

/* Return whether the delay is so short that an idle worker sleeps without a timer. */
bool tote__batch_has_short_delay(const struct batch_queue *queue);

/*
 * Wake the worker or the host event loop. What it must see was stored in sequentially consistent
 * order.
 */
void tote__batch_wake(struct batch_queue *queue);

/* Return the latest deadline of the flushes up to this round; 0 if there is none. */
uint64_t tote__batch_flush_deadline(struct batch_queue *queue, uint32_t round);

/* Complete all flushes up to `round` with this result. */
void tote__batch_complete_flushes(struct batch_queue *queue, uint32_t round, tote_result result);

/*
 * Request a flush; add the call to the list if it `is_waiting`. Returns false if no thread exports
 * any more.
 */
bool tote__batch_request_flush(struct batch_queue *queue, struct flush_call *call, bool is_waiting);

/* Remove the call from the list if it is not complete. */
void tote__batch_cancel_flush(struct batch_queue *queue, struct flush_call *call);

#endif
