/* SPDX-License-Identifier: MIT */
/* Locks, objects owned by threads, and pools in every execution that C11 permits. */
#include "allocator.h"

/* Its list is empty at the start of each execution. */
#include "../../api/src/base/pool.c" /* NOLINT(bugprone-suspicious-include) */

/* What a lock guards is written by one thread at a time. */
static struct tote__lock lock;
static int guarded;

static void set_up_lock(void) {
    lock = (struct tote__lock){.holder = 0};
    guarded = 0;
}

static void count_under_lock(void) {
    for (int i = 0; i < 2; i++) {
        tote__lock_take(&lock);
        guarded++;
        tote__lock_drop(&lock);
    }
}

static void count_if_free(void) {
    if (tote__lock_try(&lock)) {
        guarded++;
        tote__lock_drop(&lock);
    }
}

static void check_lock(void) {
    WEAK_CHECK(guarded >= 4 && guarded <= 5);
}

/* An object has one owner, who sees what the previous one wrote. */
struct thing {
    struct tote__owned owned;
    int uses;
};

static struct tote__owned_list things;

static void set_up_things(void) {
    things = (struct tote__owned_list){.current = NULL};
}

static void claim_and_leave(void) {
    for (int i = 0; i < 2; i++) {
        struct thing *thing = tote__owned_claim(&things, sizeof *thing);
        WEAK_CHECK(thing);
        thing->uses++;
        tote__owned_leave(&thing->owned);
    }
}

static void check_things(void) {
    int uses = 0;

    for (struct tote__owned *at = tote__owned_first(&things); at; at = at->next) {
        uses += ((struct thing *)at)->uses;
    }
    WEAK_CHECK(uses == 4);
}

/* An object of a pool has one user, who sees what the previous one wrote. */
struct object {
    int uses;
};

static void note_cleared(void *object) {
    ((struct object *)object)->uses++;
}

static const struct tote__pool_kind kind = {.index = TOTE__POOL_SPANS,
                                            .kept = 1,
                                            .kept_most = 2,
                                            .size = sizeof(struct object),
                                            .clear = note_cleared};
static _Atomic(struct object *) passed[2];

static void set_up_pools(void) {
    all_pools = (struct tote__owned_list){.current = NULL};
    tote__pools_keep = true;
    for (int i = 0; i < 2; i++) {
        atomic_store_explicit(&passed[i], NULL, memory_order_relaxed);
    }
}

static struct object *take_object(void) {
    struct object *object = tote__pool_take(&kind);

    WEAK_CHECK(object);
    object->uses++;
    return object;
}

/* Take two objects, pass them on, and take others. */
static void take_and_pass_on(void) {
    tote__thread.pools = NULL;
    for (int i = 0; i < 2; i++) {
        atomic_store_explicit(&passed[i], take_object(), memory_order_release);
    }
    for (int i = 0; i < 2; i++) {
        tote__pool_put(&kind, take_object());
    }
    tote__owned_leave(&tote__thread.pools->owned);
    tote__thread.pools = NULL;
}

static void put_passed(void) {
    tote__thread.pools = NULL;
    for (int i = 0; i < 2; i++) {
        struct object *object = atomic_load_explicit(&passed[i], memory_order_acquire);
        if (object) {
            object->uses++;
            tote__pool_put(&kind, object);
        }
    }
}

static void trim(void) {
    tote__pools_trim(&kind);
}

static void trim_twice(void) {
    trim();
    trim();
}

int main(int argc, char **argv) {
    static const struct weak_case cases[] = {
        {.name = "a lock has one holder",
         .set_up = set_up_lock,
         .threads = {count_under_lock, count_under_lock, count_if_free},
         .check = check_lock,
         .preemptions = 2,
         .old_loads = 1},
        {.name = "an object of threads has one owner",
         .set_up = set_up_things,
         .threads = {claim_and_leave, claim_and_leave},
         .check = check_things,
         .preemptions = 2,
         .old_loads = 2},
        {.name = "an object of a pool has one user",
         .set_up = set_up_pools,
         .threads = {take_and_pass_on, put_passed},
         .preemptions = 2,
         .old_loads = 2},
        {.name = "an object of a pool has one user while the pools are trimmed",
         .set_up = set_up_pools,
         .threads = {take_and_pass_on, put_passed, trim_twice},
         .preemptions = 2,
         .old_loads = 1},
    };
    static const struct weak_exception exceptions[] = {
        {"fork.h", "the page exists before the threads"},
        {NULL, NULL},
    };

    tote_allocator_set(&weak_allocator);
    return weak_main(cases, TOTE_COUNT_OF(cases), exceptions, argc, argv);
}
