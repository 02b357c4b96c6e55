/* SPDX-License-Identifier: MIT */
/*
 * schedule.c - a scheduler that explores the interleavings of atomic operations
 *
 * One thread runs at a time: each thread has a semaphore, and the running thread owns all state
 * here. The threads of a case are created once and run each of its schedules.
 */
#define SCHEDULE_PLAIN
#include "schedule.h"

#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_STEPS = 200000, MOST_CHANGES = 4, NOTES = 24, WARM_UPS = 3, PAUSES_ALONE = 100 };
static const uint64_t pause_ns = 1000000; /* that passes when a thread pauses alone for long */
static const uint64_t no_deadline = UINT64_MAX;
static const uint64_t start_ns = 1000000000000; /* when a case begins */

enum thread_state { READY, WAITS, OVER };

/* Stores that other threads do not see yet. */
struct store {
    void *to;
    uint64_t value;
    size_t size;
};

enum { MOST_STORES = 8 };

struct thread {
    pthread_t thread;
    sem_t turn;
    enum thread_state state;
    int64_t priority;
    const _Atomic(uint32_t) *word; /* waited on */
    uint64_t deadline;
    struct store stores[MOST_STORES]; /* in their order */
    size_t store_count;
};

/* A switch, for the report of a fault. */
struct note {
    int thread;
    const char *file;
    int line;
};

static struct {
    const struct schedule_case *explored;
    struct thread threads[SCHEDULE_MOST_THREADS];
    int count;
    sem_t is_over;
    bool ends; /* the threads */

    uint64_t seed;
    uint64_t random;
    uint64_t now;
    uint32_t steps;
    uint32_t usual_steps; /* of a schedule without a change */
    bool is_random;
    bool delays_stores;
    int64_t lowest;
    uint32_t changes[MOST_CHANGES];
    int change_count;
    struct note notes[NOTES];
    uint32_t note_count;
    uint32_t pauses_alone;
} run;

static _Thread_local int me = -1;

/* xorshift64*: the same on every machine. */
static uint64_t next_random(void) {
    run.random ^= run.random >> 12;
    run.random ^= run.random << 25;
    run.random ^= run.random >> 27;
    return run.random * 0x2545F4914F6CDD1DU >> 16;
}

int schedule_thread(void) {
    return me;
}

uint64_t schedule_elapsed(void) {
    return run.now - start_ns;
}

void schedule_fail(const char *what, const char *file, int line) {
    const char *base = strrchr(file, '/');

    fprintf(stderr, "%s: seed %llu, step %u, thread %d: %s (%s:%d)\n", run.explored->name,
            (unsigned long long)run.seed, run.steps, me, what, base ? base + 1 : file, line);
    uint32_t first = run.note_count > NOTES ? run.note_count - NOTES : 0;
    for (uint32_t i = first; i < run.note_count; i++) {
        const struct note *note = &run.notes[i % NOTES];
        base = strrchr(note->file, '/');
        fprintf(stderr, "  thread %d stopped at %s:%d\n", note->thread,
                base ? base + 1 : note->file, note->line);
    }
    fprintf(stderr, "  to repeat it: SCHEDULE_SEED=%llu, and the case as the argument\n",
            (unsigned long long)run.seed);
    _exit(1);
}

static void wake_first_deadline(void) {
    uint64_t first = no_deadline;

    for (int i = 0; i < run.count; i++) {
        if (run.threads[i].state == WAITS && run.threads[i].deadline < first) {
            first = run.threads[i].deadline;
        }
    }
    run.now = first > run.now && first != no_deadline ? first : run.now;
    for (int i = 0; i < run.count; i++) {
        if (run.threads[i].state == WAITS && run.threads[i].deadline <= run.now) {
            run.threads[i].state = READY;
        }
    }
}

static int ready_threads(int ready[SCHEDULE_MOST_THREADS]) {
    int count = 0;

    for (int i = 0; i < run.count; i++) {
        if (run.threads[i].state == READY) {
            ready[count++] = i;
        }
    }
    return count;
}

static bool are_all_over(void) {
    for (int i = 0; i < run.count; i++) {
        if (run.threads[i].state != OVER) {
            return false;
        }
    }
    return true;
}

static int highest(const int *ready, int count) {
    int best = ready[0];

    for (int i = 1; i < count; i++) {
        best = run.threads[ready[i]].priority > run.threads[best].priority ? ready[i] : best;
    }
    return best;
}

/* Choose the thread that continues. -1: all have ended. */
static int pick(void) {
    int ready[SCHEDULE_MOST_THREADS];
    int count = ready_threads(ready);

    if (!count && !are_all_over()) {
        wake_first_deadline();
        count = ready_threads(ready);
        if (!count) {
            schedule_fail("every thread waits: a wake-up was lost", __FILE__, __LINE__);
        }
    }
    if (!count) {
        return -1;
    }
    if (!run.is_random) {
        return highest(ready, count);
    }
    bool stays = me >= 0 && run.threads[me].state == READY && next_random() % 2;
    return stays ? me : ready[next_random() % (uint64_t)count];
}

static void await_turn(sem_t *turn) {
    while (sem_wait(turn) != 0) {
    }
}

/* Let another thread run, and return at this thread's turn. */
static void hand_over(const char *file, int line) {
    int next = pick();

    if (next == me) {
        return;
    }
    run.notes[run.note_count++ % NOTES] = (struct note){me, file, line};
    sem_post(&run.threads[next].turn);
    await_turn(&run.threads[me].turn);
}

static void complete_first_store(struct thread *thread) {
    const struct store *first = &thread->stores[0];

    memcpy(first->to, &first->value, first->size);
    thread->store_count--;
    memmove(thread->stores, thread->stores + 1, thread->store_count * sizeof *thread->stores);
}

static void complete_stores(struct thread *thread) {
    while (thread->store_count) {
        complete_first_store(thread);
    }
}

void schedule_store(void *to, const void *value, size_t size, bool is_full) {
    struct thread *thread = me >= 0 ? &run.threads[me] : NULL;
    struct store stored = {.to = to, .size = size};

    if (!thread || !run.delays_stores || is_full) {
        schedule_flush();
        memcpy(to, value, size);
        return;
    }
    if (thread->store_count == MOST_STORES) {
        complete_first_store(thread);
    }
    memcpy(&stored.value, value, size);
    thread->stores[thread->store_count++] = stored;
}

void schedule_own_store(const void *from, void *seen, size_t size) {
    const struct thread *thread = me >= 0 ? &run.threads[me] : NULL;

    for (size_t i = 0; thread && i < thread->store_count; i++) {
        if (thread->stores[i].to == from) {
            memcpy(seen, &thread->stores[i].value, size);
        }
    }
}

void schedule_flush(void) {
    if (me >= 0) {
        complete_stores(&run.threads[me]);
    }
}

void schedule_flush_all(void) {
    for (int i = 0; i < run.count; i++) {
        complete_stores(&run.threads[i]);
    }
}

/* free() of the product and the test: a store is not delayed beyond the end of its object. */
void __real_free(void *block);
void __wrap_free(void *block);

void __wrap_free(void *block) {
    schedule_flush();
    __real_free(block);
}

static void count_step(void) {
    if (++run.steps > MOST_STEPS) {
        schedule_fail("there is no end: a thread spins for what never comes", __FILE__, __LINE__);
    }
    if (run.threads[me].store_count && next_random() % 8 == 0) {
        complete_first_store(&run.threads[me]);
    }
    for (int i = 0; i < run.change_count; i++) {
        if (run.changes[i] == run.steps) {
            run.threads[me].priority = --run.lowest;
        }
    }
    if (run.explored->invariant) {
        int running = me;
        me = -1; /* it may use atomic operations */
        run.explored->invariant();
        me = running;
    }
}

void schedule_point(const char *file, int line) {
    if (me >= 0) {
        count_step();
        hand_over(file, line);
    }
}

int schedule_yield(const char *file, int line) {
    int ready[SCHEDULE_MOST_THREADS];

    if (me < 0) {
        return 0;
    }
    count_step();
    schedule_flush_all(); /* a pause is long */
    run.threads[me].priority = --run.lowest;
    run.pauses_alone = ready_threads(ready) == 1 ? run.pauses_alone + 1 : 0;
    if (run.pauses_alone > PAUSES_ALONE) {
        run.now += pause_ns;
        wake_first_deadline();
    }
    hand_over(file, line);
    return 0;
}

bool schedule_fails(void) {
    return me >= 0 && next_random() % 16 == 0;
}

void schedule_wait(_Atomic(uint32_t) *word, uint32_t value, uint64_t deadline) {
    if (me < 0) {
        return;
    }
    schedule_point(__FILE__, __LINE__);
    schedule_flush();
    if (atomic_load(word) != value || deadline <= run.now) {
        return;
    }
    run.threads[me].word = word;
    run.threads[me].deadline = deadline;
    run.threads[me].state = WAITS;
    hand_over(__FILE__, __LINE__);
}

void schedule_wake(_Atomic(uint32_t) *word) {
    schedule_point(__FILE__, __LINE__);
    schedule_flush();
    for (int i = 0; i < run.count; i++) {
        if (run.threads[i].state == WAITS && run.threads[i].word == word) {
            run.threads[i].state = READY;
        }
    }
}

int schedule_clock(clockid_t id, struct timespec *now) {
    (void)id;
    now->tv_sec = (time_t)(run.now / 1000000000);
    now->tv_nsec = (long)(run.now % 1000000000);
    return 0;
}

static void *run_thread(void *arg) {
    struct thread *thread = arg;
    int index = (int)(thread - run.threads);

    for (;;) {
        await_turn(&thread->turn);
        if (run.ends) {
            return NULL;
        }
        me = index;
        run.explored->threads[index]();
        schedule_flush();
        thread->state = OVER;
        int next = pick();
        me = -1;
        sem_post(next < 0 ? &run.is_over : &run.threads[next].turn);
    }
}

static void call(void (*function)(void)) {
    if (function) {
        function();
    }
}

/* Where the priorities change, and how often: from 0 times on, because most faults need few. */
static void prepare(uint64_t seed) {
    run.seed = seed;
    run.random = (seed + 1) * 0x9E3779B97F4A7C15U;
    run.is_random = seed % 2 == 0 && seed != 0;
    run.delays_stores = seed / 2 % 2;
    run.now = start_ns;
    run.steps = 0;
    run.lowest = 0;
    run.note_count = 0;
    run.pauses_alone = 0;
    run.change_count = seed ? (int)(seed / 2 % (MOST_CHANGES + 1)) : 0;
    for (int i = 0; i < run.change_count; i++) {
        run.changes[i] = 1 + (uint32_t)(next_random() % (run.usual_steps + 1));
    }
    for (int i = 0; i < run.count; i++) {
        run.threads[i].state = READY;
        run.threads[i].priority = 1 + (int64_t)(next_random() % 1000);
    }
}

static void run_schedule(uint64_t seed) {
    prepare(seed);
    call(run.explored->set_up);
    sem_post(&run.threads[pick()].turn);
    await_turn(&run.is_over);
    call(run.explored->check);
    call(run.explored->tear_down);
}

/* All on one processor: one thread runs at a time, and a switch is cheaper there. */
static void stay_on_one_processor(void) {
    cpu_set_t one;
    int processor = sched_getcpu();

    CPU_ZERO(&one);
    CPU_SET(processor < 0 ? 0 : (size_t)processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

/* The process is lost anyway: what may not be called here may fail as well. */
static void report_signal(int number) {
    schedule_fail(number == SIGSEGV ? "SIGSEGV" : "SIGABRT", __FILE__, __LINE__);
}

static void start_threads(void) {
    run.ends = false;
    sem_init(&run.is_over, 0, 0);
    for (run.count = 0; run.count < SCHEDULE_MOST_THREADS && run.explored->threads[run.count];
         run.count++) {
        struct thread *thread = &run.threads[run.count];
        sem_init(&thread->turn, 0, 0);
        if (pthread_create(&thread->thread, NULL, run_thread, thread) != 0) {
            schedule_fail("no thread can be made", __FILE__, __LINE__);
        }
    }
}

static void end_threads(void) {
    run.ends = true;
    for (int i = 0; i < run.count; i++) {
        sem_post(&run.threads[i].turn);
        pthread_join(run.threads[i].thread, NULL);
    }
}

void schedule_explore(const struct schedule_case *explored) {
    const char *seed = getenv("SCHEDULE_SEED");
    const struct sigaction action = {.sa_handler = report_signal, .sa_flags = (int)SA_RESETHAND};
    uint64_t steps = 0;

    stay_on_one_processor();
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    run.explored = explored;
    start_threads();
    for (int i = 0; i < WARM_UPS; i++) { /* memory that threads keep is allocated from then on */
        run_schedule(0);
    }
    run.usual_steps = run.steps;
    if (seed) {
        run_schedule(strtoull(seed, NULL, 10));
    }
    for (uint64_t i = 1; !seed && i <= explored->schedules; i++) {
        run_schedule(i);
        steps += run.steps;
    }
    end_threads();
    printf("ok - %s: %u schedules, %llu steps in each\n", explored->name,
           seed ? 1 : explored->schedules,
           (unsigned long long)(seed ? run.steps : steps / explored->schedules));
    fflush(stdout);
}

int schedule_main(const struct schedule_case *cases, size_t count, int argc, char **argv) {
    for (size_t i = 0; i < count; i++) {
        if (argc < 2 || strstr(cases[i].name, argv[1])) {
            schedule_explore(&cases[i]);
        }
    }
    return 0;
}
