/* SPDX-License-Identifier: MIT */
/*
 * weak.c - enumerates the executions which C11 permits: threads, choices, weakened orders
 *
 * One thread runs at a time: each thread has a semaphore, and the running thread owns all state
 * here and in weak_model.c. An execution is a list of choices; the next one differs in the last
 * choice that has alternatives left.
 */
#define WEAK_PLAIN
#include "weak_model.h"

#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
    MOST_CHOICES = 4096,
    MOST_STEPS = 20000,
    MOST_PAUSES = 1000, /* in one execution, while no other thread can run */
    MOST_SITES = 512,
    NOTES = 40,
    MEMORY_BYTES = 1 << 20
};

enum result { NO_FAULT, FAULT, EXCEEDED };

enum thread_state { READY, PAUSES, OVER };

struct thread {
    pthread_t thread;
    sem_t turn;
    enum thread_state state;
};

/* A place in the product with an order other than relaxed. */
struct site {
    const void *pc;
    char function[64];
    char line[64]; /* file:line */
    bool is_sequential;
    uint64_t cases;
};

/* Shared by all processes of the test. */
struct sites {
    struct site sites[MOST_SITES];
    size_t count;
};

/* An operation, for the report of a fault. */
struct note {
    int thread;
    const void *pc;
    const char *what;
    const void *object;
    uint64_t value;
};

static struct {
    const struct weak_case *explored;
    size_t case_index;
    struct thread threads[WEAK_MOST_THREADS];
    int count;
    sem_t is_over;
    bool ends;

    struct {
        uint32_t options;
        uint32_t taken;
    } choices[MOST_CHOICES];
    uint32_t depth;  /* of the execution */
    uint32_t length; /* of the list */
    uint64_t executions;
    bool begins_anew;
    uint32_t steps;
    uint32_t preemptions;
    uint32_t old_loads;
    uint32_t pauses;
    bool has_just_started; /* the running thread: a switch before its next step gains nothing */

    struct sites *sites;
    const struct site *weakened;
    int weaker; /* its order */
    struct note notes[NOTES];
    uint32_t note_count;

    uint8_t *memory;
    size_t memory_used;
} run;

static _Thread_local int me = -1;
static _Thread_local struct {
    const char *start;
    size_t size;
} stack;

int weak_thread(void) {
    return me;
}

bool weak_is_on_stack(const void *address) {
    return (size_t)((const char *)address - stack.start) < stack.size;
}

static void find_stack(void) {
    pthread_attr_t attributes;
    void *start = NULL;

    if (pthread_getattr_np(pthread_self(), &attributes) == 0) {
        pthread_attr_getstack(&attributes, &start, &stack.size);
        pthread_attr_destroy(&attributes);
        stack.start = start;
    }
}

/* Ask addr2line, which is part of every tool chain. */
static void find_source(const void *pc, char function[64], char line[64]) {
    Dl_info info;
    char command[4200];

    snprintf(function, 64, "?");
    snprintf(line, 64, "%p", pc);
    if (!dladdr(pc, &info)) {
        return;
    }
    snprintf(command, sizeof command, "addr2line -s -i -f -e '%s' %#zx 2>/dev/null", info.dli_fname,
             (size_t)((const char *)pc - (const char *)info.dli_fbase) - 1);
    FILE *output = popen(command, "r");
    if (output) {
        if (fscanf(output, "%63s %63s", function, line) != 2) {
            snprintf(function, 64, "?");
        }
        pclose(output);
    }
}

static void print_notes(void) {
    uint32_t first = run.note_count > NOTES ? run.note_count - NOTES : 0;

    for (uint32_t i = first; i < run.note_count; i++) {
        const struct note *note = &run.notes[i % NOTES];
        char function[64];
        char line[64];
        find_source(note->pc, function, line);
        fprintf(stderr, "  thread %d: %-8s %p %#llx  %s() %s\n", note->thread, note->what,
                note->object, (unsigned long long)note->value, function, line);
    }
}

void weak_fail(const char *what, const char *file, int line) {
    const char *base = strrchr(file, '/');

    if (!run.weakened) {
        fprintf(stderr, "%s: execution %llu, thread %d: %s (%s:%d)\n", run.explored->name,
                (unsigned long long)run.executions, me, what, base ? base + 1 : file, line);
        print_notes();
    }
    _exit(FAULT);
}

void weak_exceed(const char *what) {
    fprintf(stderr, "%s: %s\n", run.explored->name, what);
    _exit(EXCEEDED);
}

void weak_note(const void *pc, const char *what, const void *object, uint64_t value) {
    run.notes[run.note_count++ % NOTES] = (struct note){me, pc, what, object, value};
}

void weak_begin_anew(void) {
    run.begins_anew = true;
}

/* Return one of the options, of which 0 is tried first. */
uint32_t weak_choose(uint32_t options) {
    if (options < 2) {
        return 0;
    }
    if (run.depth == run.length) {
        if (run.length == MOST_CHOICES) {
            weak_exceed("too many choices");
        }
        run.choices[run.length].options = options;
        run.choices[run.length++].taken = 0;
    }
    if (run.choices[run.depth].options != options) {
        weak_fail("the case differs although the choices are the same", __FILE__, __LINE__);
    }
    return run.choices[run.depth++].taken;
}

uint32_t weak_choose_old(uint32_t options) {
    uint32_t taken = run.old_loads ? weak_choose(options) : 0;

    run.old_loads -= taken != 0;
    return taken;
}

/* Continue with the last choice that has options left. Returns false if there is none. */
static bool next_execution(void) {
    if (run.begins_anew) {
        run.begins_anew = false;
        run.executions = 0;
        run.length = 0;
        return true;
    }
    while (run.length &&
           run.choices[run.length - 1].taken + 1 == run.choices[run.length - 1].options) {
        run.length--;
    }
    if (run.length) {
        run.choices[run.length - 1].taken++;
    }
    return run.length != 0;
}

static int other_threads(int ready[WEAK_MOST_THREADS]) {
    int count = 0;

    for (int i = 0; i < run.count; i++) {
        if (i != me && run.threads[i].state == READY) {
            ready[count++] = i;
        }
    }
    return count;
}

static void await_turn(sem_t *turn) {
    while (sem_wait(turn) != 0) {
    }
}

static void hand_over(int next) {
    int self = me;

    sem_post(&run.threads[next].turn);
    await_turn(&run.threads[self].turn);
    run.has_just_started = true;
}

void weak_point(void) {
    int ready[WEAK_MOST_THREADS];
    bool may_switch = run.preemptions && !run.has_just_started;
    uint32_t others = may_switch ? (uint32_t)other_threads(ready) : 0;
    uint32_t taken = weak_choose(1 + others);

    run.has_just_started = false;
    if (++run.steps > MOST_STEPS) {
        weak_fail("a thread never ends", __FILE__, __LINE__);
    }
    if (taken) {
        run.preemptions--;
        hand_over(ready[taken - 1]);
        run.has_just_started = false;
    }
}

void weak_wrote(void) {
    for (int i = 0; i < run.count; i++) {
        if (i != me && run.threads[i].state == PAUSES) {
            run.threads[i].state = READY;
        }
    }
}

int weak_yield(void) {
    int ready[WEAK_MOST_THREADS];

    if (me < 0) {
        return 0;
    }
    if (!other_threads(ready)) { /* those that pause may have read an old store */
        weak_wrote();
        if (++run.pauses > MOST_PAUSES) {
            weak_fail("a thread waits forever", __FILE__, __LINE__);
        }
    }
    int others = other_threads(ready);
    if (others) {
        run.threads[me].state = PAUSES;
        hand_over(ready[weak_choose((uint32_t)others)]);
    }
    return 0;
}

int weak_clock(clockid_t id, struct timespec *now) {
    (void)id;
    *now = (struct timespec){.tv_sec = 1000};
    return 0;
}

void *weak_allocate(size_t size) {
    size_t at = run.memory_used;

    run.memory_used += (size + 63) / 64 * 64 + 64; /* an overrun by a little hits nothing */
    if (run.memory_used > MEMORY_BYTES) {
        weak_fail("the case needs too much memory", __FILE__, __LINE__);
    }
    weak_allocated(run.memory + at, size, false);
    return run.memory + at;
}

void weak_free(void *block, size_t size) {
    if (block) {
        weak_allocated(block, size, true);
    }
}

/* Return the order of this operation, and remember where it is. */
int weak_order(const void *pc, int order) {
    if (order == memory_order_relaxed) {
        return order;
    }
    size_t i = 0;
    while (i < run.sites->count && run.sites->sites[i].pc != pc) {
        i++;
    }
    struct site *site = &run.sites->sites[i];
    if (i == run.sites->count) {
        if (i == MOST_SITES) {
            weak_exceed("too many places");
        }
        site->pc = pc;
        find_source(pc, site->function, site->line);
        run.sites->count++;
    }
    site->cases |= UINT64_C(1) << run.case_index;
    site->is_sequential |= order == memory_order_seq_cst;
    bool is_weakened = run.weakened && strcmp(run.weakened->line, site->line) == 0;
    return is_weakened ? run.weaker : order;
}

static void *run_thread(void *arg) {
    struct thread *thread = arg;
    int index = (int)(thread - run.threads);

    find_stack();
    for (;;) {
        await_turn(&thread->turn);
        if (run.ends) {
            return NULL;
        }
        me = index;
        run.has_just_started = true;
        run.explored->threads[index]();
        thread->state = OVER;
        weak_wrote(); /* a thread that waits for it looks again */
        int ready[WEAK_MOST_THREADS];
        int others = other_threads(ready);
        int next = others ? ready[weak_choose((uint32_t)others)] : -1;
        me = -1;
        sem_post(next < 0 ? &run.is_over : &run.threads[next].turn);
    }
}

static void call(void (*function)(void)) {
    if (function) {
        function();
    }
}

static void execute(void) {
    run.depth = 0;
    run.steps = 0;
    run.note_count = 0;
    run.pauses = 0;
    run.preemptions = run.explored->preemptions;
    run.old_loads = run.explored->old_loads;
    run.memory_used = 0;
    for (int i = 0; i < run.count; i++) {
        run.threads[i].state = READY;
    }
    weak_model_begin(run.count);
    call(run.explored->set_up);
    sem_post(&run.threads[weak_choose((uint32_t)run.count)].turn);
    await_turn(&run.is_over);
    call(run.explored->check);
    call(run.explored->tear_down);
    run.executions++;
}

/* The process is lost anyway: what may not be called here may fail as well. */
static void report_signal(int number) {
    weak_fail(number == SIGSEGV ? "SIGSEGV" : "SIGABRT", __FILE__, __LINE__);
}

static void start_threads(void) {
    run.ends = false;
    sem_init(&run.is_over, 0, 0);
    for (run.count = 0; run.count < WEAK_MOST_THREADS && run.explored->threads[run.count];
         run.count++) {
        struct thread *thread = &run.threads[run.count];
        sem_init(&thread->turn, 0, 0);
        if (pthread_create(&thread->thread, NULL, run_thread, thread) != 0) {
            weak_exceed("no thread can be made");
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

/* Threads run one at a time: a switch is cheaper on one processor. */
static void stay_on_one_processor(void) {
    cpu_set_t one;
    int processor = sched_getcpu();

    CPU_ZERO(&one);
    CPU_SET(processor < 0 ? 0 : (size_t)processor, &one);
    sched_setaffinity(0, sizeof one, &one);
}

static void explore(const struct weak_case *cases, size_t index) {
    const struct sigaction action = {.sa_handler = report_signal, .sa_flags = (int)SA_RESETHAND};

    stay_on_one_processor();
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGABRT, &action, NULL);
    run.explored = &cases[index];
    run.case_index = index;
    run.executions = 0;
    run.length = 0;
    start_threads();
    do {
        execute();
    } while (next_execution());
    end_threads();
    if (!run.weakened) {
        printf("ok - %s: %llu executions, all with at most %u preemptions and %u old loads\n",
               run.explored->name, (unsigned long long)run.executions, run.explored->preemptions,
               run.explored->old_loads);
        fflush(stdout);
    }
}

/* In a process of its own. */
static enum result explore_apart(const struct weak_case *cases, size_t index) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        explore(cases, index);
        _exit(NO_FAULT);
    }
    bool has_ended = child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status);
    return has_ended ? (enum result)WEXITSTATUS(status) : EXCEEDED;
}

static bool is_found(const struct weak_case *cases, size_t count, const struct site *site,
                     int weaker) {
    bool is_found = false;

    run.weakened = site;
    run.weaker = weaker;
    for (size_t i = 0; i < count && !is_found; i++) {
        is_found = site->cases >> i & 1 && explore_apart(cases, i) == FAULT;
    }
    run.weakened = NULL;
    return is_found;
}

/* Return whether the weaker order is found, and report it. */
static bool check(const struct weak_case *cases, size_t count, const struct site *site, int weaker,
                  const char *name) {
    bool found = is_found(cases, count, site, weaker);

    printf("%s - %s() %s: %s is %sfound\n", found ? "ok" : "not ok", site->function, site->line,
           name, found ? "" : "not ");
    fflush(stdout);
    return found;
}

static bool is_at(const struct site *site, const char *place) {
    size_t length = strlen(place);

    return strcmp(site->function, place) == 0 ||
           (strncmp(site->line, place, length) == 0 && site->line[length] == ':');
}

static const struct weak_exception *exception_of(const struct weak_exception *exceptions,
                                                 const struct site *site) {
    while (exceptions->place && !is_at(site, exceptions->place)) {
        exceptions++;
    }
    return exceptions->place ? exceptions : NULL;
}

/* Places of the same line are one: functions that are inlined. */
static bool merge(struct sites *sites, size_t at) {
    for (size_t i = 0; i < at; i++) {
        if (strcmp(sites->sites[i].line, sites->sites[at].line) == 0) {
            sites->sites[i].cases |= sites->sites[at].cases;
            sites->sites[i].is_sequential |= sites->sites[at].is_sequential;
            return true;
        }
    }
    return false;
}

static int weaken(const struct weak_case *cases, size_t count,
                  const struct weak_exception *exceptions) {
    struct sites *sites = run.sites;
    const size_t site_count = sites->count;
    bool is_first[MOST_SITES];
    int failed = 0;

    for (size_t i = 0; i < site_count; i++) {
        is_first[i] = !merge(sites, i);
    }
    for (size_t i = 0; i < site_count; i++) {
        const struct site *site = &sites->sites[i];
        const struct weak_exception *exception = exception_of(exceptions, site);
        if (!is_first[i] || strncmp(site->line, "test_", 5) == 0) {
            continue;
        }
        if (exception) {
            printf("ok - %s() %s: %s\n", site->function, site->line, exception->reason);
            continue;
        }
        failed |= !check(cases, count, site, memory_order_relaxed, "a relaxed order");
        failed |= site->is_sequential && !check(cases, count, site, memory_order_acq_rel,
                                                "an order of acquire and release");
    }
    return failed;
}

int weak_main(const struct weak_case *cases, size_t count, const struct weak_exception *exceptions,
              int argc, char **argv) {
    int failed = 0;

    const int access = PROT_READ | PROT_WRITE;
    run.sites = mmap(NULL, sizeof *run.sites, access, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    run.memory = malloc(MEMORY_BYTES);
    if (run.sites == MAP_FAILED || !run.memory) {
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_wanted = argc < 2 || strstr(cases[i].name, argv[1]);
        failed |= is_wanted && explore_apart(cases, i) != NO_FAULT;
    }
    return failed || argc > 1 ? failed : weaken(cases, count, exceptions);
}
