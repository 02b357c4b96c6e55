/* SPDX-License-Identifier: MIT */
/*
 * Spans beside the end of their SDK: what a running call uses is there until the call is over. And
 * the lock of a span: one thread at a time has it.
 */
#include <string.h>

#include "barrier.h"
#include "span_lock.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"

/* membarrier(2), if there is one. */
static bool has_barrier;

bool tote__barrier_is_available(void) {
    return has_barrier;
}

bool tote__barrier_all_threads(void) {
    schedule_point(__FILE__, __LINE__);
    schedule_flush_all();
    return has_barrier;
}

void tote__barrier_pause(void) {
    schedule_yield(__FILE__, __LINE__);
}

enum { RUNS = 2, SPANS = 3, WAIT_MS = 1000 };

/* What the processor of one run of the SDK sees. */
struct seen {
    bool is_alive;
    uint32_t inside;
};

static struct seen seen[RUNS];
static tote_sdk *sdk;
static const struct seen *started_in[SCHEDULE_MOST_THREADS];

/* A call of the processor, in which others may go on. */
static void be_inside(struct seen *run) {
    SCHEDULE_CHECK(run->is_alive);
    run->inside++;
    schedule_point(__FILE__, __LINE__);
    run->inside--;
    SCHEDULE_CHECK(run->is_alive);
}

static void on_start(void *self, tote_span *span, const tote_context *parent) {
    (void)span, (void)parent;
    started_in[schedule_thread()] = self;
    be_inside(self);
}

/* A span goes to the SDK that it was started with, or to none. */
static void on_end(void *self, const tote_span_data *span) {
    (void)span;
    SCHEDULE_CHECK(started_in[schedule_thread()] == self);
    be_inside(self);
}

static void destroy(void *self) {
    struct seen *run = self;

    SCHEDULE_CHECK(run->is_alive && run->inside == 0);
    run->is_alive = false;
}

static void start(struct seen *run) {
    static const tote_span_processor_ops ops = {
        .struct_size = sizeof ops, .on_start = on_start, .on_end = on_end, .destroy = destroy};
    tote_span_processor *processor = tote_span_processor_new(&ops, run);
    const struct tote__sdk_settings settings = {
        .is_global = true,
        .limits = {.struct_size = sizeof(tote_span_limits),
                   .attribute_count = 128,
                   .attribute_value_length = TOTE_UNLIMITED},
        .processors = &processor,
        .processor_count = 1,
    };

    *run = (struct seen){.is_alive = true};
    sdk = tote__sdk_new(&settings);
    SCHEDULE_CHECK(sdk);
}

static void set_up(void) {
    memset(seen, 0, sizeof seen);
    has_barrier = true;
    start(&seen[0]);
}

static void set_up_without_barrier(void) {
    memset(seen, 0, sizeof seen);
    has_barrier = false;
    start(&seen[0]);
}

static void make_spans(void) {
    for (int i = 0; i < SPANS; i++) {
        tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
        tote_span_close(&span);
    }
}

static void end_sdk(void) {
    tote_sdk_close(&sdk, WAIT_MS);
    SCHEDULE_CHECK(!seen[0].is_alive);
}

/* The next SDK has the place of the one before. */
static void end_and_start(void) {
    end_sdk();
    start(&seen[1]);
}

static void tear_down(void) {
    tote_sdk_close(&sdk, WAIT_MS);
    SCHEDULE_CHECK(!seen[0].is_alive && !seen[1].is_alive);
}

/* A span's lock and state, and how many threads may write to the span. */
static struct span_lock lock;
static _Atomic(bool) is_open;
static int writers;

static void set_up_lock(void) {
    memset(&lock, 0, sizeof lock);
    has_barrier = true;
    writers = 0;
    atomic_store(&tote__core_needs_fence, false);
    atomic_store(&is_open, false);
}

/* On the thread that goes on in the case. */
static void begin_span(void) {
    struct thread_state *owner = tote__thread_state();

    SCHEDULE_CHECK(owner);
    atomic_store_explicit(&owner->shares_spans, false, memory_order_relaxed);
    tote__span_lock_begin(&lock, owner);
    atomic_store_explicit(&is_open, true, memory_order_release);
}

static void write_to_span(void) {
    SCHEDULE_CHECK(++writers == 1);
    schedule_point(__FILE__, __LINE__);
    writers--;
}

static void take_and_drop(void) {
    tote__span_lock_take(&lock, tote__generation());
    write_to_span();
    tote__span_lock_drop(&lock);
}

static void own_one_span(void) {
    begin_span();
    take_and_drop();
    take_and_drop();
}

/* The second span has the place of the first. */
static void own_two_spans(void) {
    for (int i = 0; i < 2; i++) {
        own_one_span();
        tote__span_lock_take(&lock, tote__generation());
        write_to_span();
        atomic_store_explicit(&is_open, false, memory_order_release);
        tote__span_lock_drop(&lock);
        tote__span_lock_end(&lock);
    }
}

static void come_to_span(void) {
    while (!atomic_load_explicit(&is_open, memory_order_acquire)) {
        schedule_yield(__FILE__, __LINE__);
    }
    take_and_drop();
    take_and_drop();
}

/* As who reads the names of open spans. */
static void try_span(void) {
    for (int i = 0; i < 3; i++) {
        bool was_open = atomic_load_explicit(&is_open, memory_order_acquire);
        if (!was_open || !tote__span_lock_try(&lock)) {
            schedule_yield(__FILE__, __LINE__);
            continue;
        }
        if (atomic_load_explicit(&is_open, memory_order_acquire) &&
            tote__span_lock_is_shared(&lock)) {
            write_to_span();
        }
        tote__span_lock_drop(&lock);
    }
}

int main(int argc, char **argv) {
    static const struct schedule_case cases[] = {
        {.name = "an SDK ends beside spans",
         .set_up = set_up,
         .threads = {make_spans, make_spans, end_sdk},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "an SDK ends beside spans without a barrier",
         .set_up = set_up_without_barrier,
         .threads = {make_spans, make_spans, end_sdk},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "an SDK is replaced beside spans",
         .set_up = set_up,
         .threads = {make_spans, make_spans, end_and_start},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "two threads come to the span of a third",
         .set_up = set_up_lock,
         .threads = {own_one_span, come_to_span, come_to_span},
         .schedules = 3000},
        {.name = "a thread reads the names of open spans, beside their threads",
         .set_up = set_up_lock,
         .threads = {own_two_spans, try_span, try_span},
         .schedules = 6000},
        {.name = "a thread comes to a span whose name is read",
         .set_up = set_up_lock,
         .threads = {own_one_span, try_span, come_to_span},
         .schedules = 6000},
    };

    tote_set_diagnostics(NULL, TOTE_LEVEL_NONE, NULL); /* of spans that end late */
    return schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
}
