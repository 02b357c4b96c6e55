/* SPDX-License-Identifier: MIT */
/*
 * Spans during the shutdown of their SDK: data that a running call uses exists until the call
 * returns. And the lock of a span: one thread at a time holds it.
 */
#include <string.h>

#include "barrier.h"
#include "span_lock.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"

/* membarrier(2), if available. */
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

/* A call of the processor, in which other threads may run. */
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

/* A span belongs to the SDK that it was started with, or to none. */
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
                   .attribute_value_length = TOTE_OPTION_UNLIMITED},
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

/* The next SDK has the address of the previous one. */
static void end_and_start(void) {
    end_sdk();
    start(&seen[1]);
}

static void tear_down(void) {
    tote_sdk_close(&sdk, WAIT_MS);
    SCHEDULE_CHECK(!seen[0].is_alive && !seen[1].is_alive);
}

/* Two spans: lock, state, and how many threads may write to the span. */
static struct fake_span {
    struct span_lock lock;
    _Atomic(bool) is_open;
    int writers;
} spans[2];

static void set_up_spans(void) {
    memset(spans, 0, sizeof spans);
    has_barrier = true;
    atomic_store(&tote__core_needs_fence, false);
}

/* On the thread that continues in the case. */
static void begin_span(struct fake_span *span) {
    struct thread_state *owner = tote__thread_state();

    SCHEDULE_CHECK(owner);
    tote__span_lock_begin(&span->lock, owner);
    atomic_store_explicit(&span->is_open, true, memory_order_release);
}

static void share_nothing(void) {
    SCHEDULE_CHECK(tote__thread_state());
    atomic_store(&tote__thread_state()->sharing, SPANS_OWN);
}

static void write_to(struct fake_span *span) {
    SCHEDULE_CHECK(++span->writers == 1);
    schedule_point(__FILE__, __LINE__);
    span->writers--;
}

static void take_and_drop(struct fake_span *span) {
    tote__span_lock_take(&span->lock, tote__generation());
    write_to(span);
    tote__span_lock_drop(&span->lock);
}

static void own_one_span(void) {
    share_nothing();
    begin_span(&spans[0]);
    take_and_drop(&spans[0]);
    take_and_drop(&spans[0]);
}

static void own_two_spans(void) {
    share_nothing();
    begin_span(&spans[0]);
    begin_span(&spans[1]);
    for (int i = 0; i < 2; i++) {
        take_and_drop(&spans[0]);
        take_and_drop(&spans[1]);
    }
}

/* The second span has the address of the first. */
static void own_a_span_after_another(void) {
    share_nothing();
    for (int i = 0; i < 2; i++) {
        begin_span(&spans[0]);
        take_and_drop(&spans[0]);
        tote__span_lock_take(&spans[0].lock, tote__generation());
        write_to(&spans[0]);
        atomic_store_explicit(&spans[0].is_open, false, memory_order_release);
        tote__span_lock_drop(&spans[0].lock);
    }
}

/* The second span has the address of the first, and another owner. */
static _Atomic(bool) is_passed_on;

static void set_up_passing(void) {
    set_up_spans();
    atomic_store(&is_passed_on, false);
}

static void own_and_pass_on(void) {
    own_one_span();
    tote__span_lock_take(&spans[0].lock, tote__generation());
    write_to(&spans[0]);
    atomic_store_explicit(&spans[0].is_open, false, memory_order_release);
    tote__span_lock_drop(&spans[0].lock);
    atomic_store_explicit(&is_passed_on, true, memory_order_release);
}

static void own_afterwards(void) {
    while (!atomic_load_explicit(&is_passed_on, memory_order_acquire)) {
        schedule_yield(__FILE__, __LINE__);
    }
    own_one_span();
}

static void use_span(struct fake_span *span) {
    while (!atomic_load_explicit(&span->is_open, memory_order_acquire)) {
        schedule_yield(__FILE__, __LINE__);
    }
    take_and_drop(span);
    take_and_drop(span);
}

static void use_first(void) {
    use_span(&spans[0]);
}

static void use_second(void) {
    use_span(&spans[1]);
}

/* Like the code that reads the names of open spans. */
static void try_first(void) {
    struct fake_span *span = &spans[0];

    for (int i = 0; i < 3; i++) {
        bool was_open = atomic_load_explicit(&span->is_open, memory_order_acquire);
        if (!was_open || !tote__span_lock_try(&span->lock)) {
            schedule_yield(__FILE__, __LINE__);
            continue;
        }
        if (atomic_load_explicit(&span->is_open, memory_order_acquire) &&
            tote__span_lock_is_shared(&span->lock)) {
            write_to(span);
        }
        tote__span_lock_drop(&span->lock);
    }
}

int main(int argc, char **argv) {
    static const struct schedule_case cases[] = {
        {.name = "an SDK ends concurrently with spans",
         .set_up = set_up,
         .threads = {make_spans, make_spans, end_sdk},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "an SDK ends concurrently with spans, without a barrier",
         .set_up = set_up_without_barrier,
         .threads = {make_spans, make_spans, end_sdk},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "an SDK is replaced concurrently with spans",
         .set_up = set_up,
         .threads = {make_spans, make_spans, end_and_start},
         .tear_down = tear_down,
         .schedules = 3000},
        {.name = "two threads start to use the span of a third",
         .set_up = set_up_spans,
         .threads = {own_one_span, use_first, use_first},
         .schedules = 3000},
        {.name = "two threads start to use two spans of a third",
         .set_up = set_up_spans,
         .threads = {own_two_spans, use_first, use_second},
         .schedules = 12000},
        {.name = "a thread reads the names of open spans concurrently with their threads",
         .set_up = set_up_spans,
         .threads = {own_a_span_after_another, try_first, try_first},
         .schedules = 6000},
        {.name = "a thread reads the names of open spans, of which the next has another owner",
         .set_up = set_up_passing,
         .threads = {own_and_pass_on, own_afterwards, try_first},
         .schedules = 6000},
        {.name = "a thread starts to use a span whose name is being read",
         .set_up = set_up_spans,
         .threads = {own_one_span, try_first, use_first},
         .schedules = 6000},
    };

    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL); /* of spans that end late */
    return schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
}
