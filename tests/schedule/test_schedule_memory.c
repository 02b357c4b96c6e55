/* SPDX-License-Identifier: MIT */
/* Locks, objects owned by threads, and pools, under many schedules. */
#include <string.h>

#include "tote/internal/lock.h"
#include "tote/internal/pool.h"

/* A lock has one holder, and no change under it is lost. */
static struct tote__lock lock;
static uint32_t guarded;
static uint32_t holders;

static void set_up_lock(void) {
    lock = (struct tote__lock){.holder = 0};
    guarded = 0;
}

static void count_under_lock(void) {
    for (int i = 0; i < 3; i++) {
        bool is_taken = i != 1 || tote__lock_try(&lock);
        if (i != 1) {
            tote__lock_take(&lock);
        }
        if (is_taken) {
            SCHEDULE_CHECK(++holders == 1);
            schedule_point(__FILE__, __LINE__);
            guarded++;
            holders--;
            tote__lock_drop(&lock);
        }
    }
}

static void check_lock(void) {
    SCHEDULE_CHECK(guarded >= 6 && guarded <= 9);
}

/* An object has one owner, and an abandoned one is claimed before another is created. */
struct thing {
    struct tote__owned owned;
    int owner; /* 0: none */
};

enum { CLAIMS = 3 };

static struct tote__owned_list lists[4096]; /* one for each schedule, because none is freed */
static size_t list_index;
static struct tote__owned_list *things;
static const struct tote__owned *claimed[SCHEDULE_MOST_THREADS][CLAIMS];

static void set_up_objects(void) {
    things = &lists[list_index++ % TOTE_COUNT_OF(lists)];
    *things = (struct tote__owned_list){.current = NULL};
}

static void claim_and_abandon(void) {
    for (int i = 0; i < CLAIMS; i++) {
        struct thing *thing = tote__owned_claim(things, sizeof *thing);
        SCHEDULE_CHECK(thing && !thing->owner);
        claimed[schedule_thread()][i] = &thing->owned;
        thing->owner = 1 + schedule_thread();
        schedule_point(__FILE__, __LINE__);
        SCHEDULE_CHECK(thing->owner == 1 + schedule_thread());
        thing->owner = 0;
        tote__owned_leave(&thing->owned);
    }
}

static bool is_listed(const struct tote__owned *owned) {
    const struct tote__owned *at = tote__owned_first(things);

    while (at && at != owned) {
        at = at->next;
    }
    return at != NULL;
}

static void check_objects(void) {
    size_t count = 0;

    for (int i = 0; i < 3 * CLAIMS; i++) {
        SCHEDULE_CHECK(is_listed(claimed[i / CLAIMS][i % CLAIMS]));
    }
    for (struct tote__owned *at = tote__owned_first(things); at; at = at->next) {
        SCHEDULE_CHECK(!at->is_owned);
        count++;
    }
    SCHEDULE_CHECK(count >= 1 && count <= 3);
}

/* An object of a pool has one user, whichever thread returns it, and while pools are trimmed. */
enum { OBJECTS = 3 };

struct object {
    uint32_t in_use;
    uint32_t cleared;
};

static void note_cleared(void *object) {
    struct object *cleared = object;

    SCHEDULE_CHECK(!cleared->in_use);
    cleared->cleared++;
    SCHEDULE_CHECK(cleared->cleared == 1);
}

static const struct tote__pool_kind kind = {.index = TOTE__POOL_SPANS,
                                            .kept = 2,
                                            .kept_most = 2,
                                            .size = sizeof(struct object),
                                            .clear = note_cleared};

static _Atomic(struct object *) handed_over[2 * OBJECTS];

static void set_up_pool(void) {
    tote__pools_keep = true;
    memset((void *)handed_over, 0, sizeof handed_over);
}

static struct object *take_object(void) {
    struct object *object = tote__pool_take(&kind);

    SCHEDULE_CHECK(object && !object->in_use && !object->cleared);
    object->in_use = 1;
    return object;
}

static void put_object(struct object *object) {
    SCHEDULE_CHECK(object->in_use);
    object->in_use = 0;
    tote__pool_put(&kind, object);
}

/* Take objects and pass every second one to another thread. */
static void take_and_hand_over(void) {
    for (int i = 0; i < 2 * OBJECTS; i++) {
        struct object *object = take_object();
        if (i % 2) {
            put_object(object);
        } else {
            atomic_store(&handed_over[OBJECTS * schedule_thread() + i / 2], object);
        }
    }
}

static void put_back(void) {
    for (int i = 0; i < 2 * OBJECTS; i++) {
        for (int tries = 0; tries < 4; tries++) {
            struct object *object = atomic_exchange(&handed_over[i], NULL);
            if (object) {
                put_object(object);
                break;
            }
        }
    }
}

static void trim(void) {
    tote__pools_trim(&kind);
    tote__pools_trim(&kind);
}

static void empty_pools(void) {
    for (int i = 0; i < 2 * OBJECTS; i++) {
        struct object *left = handed_over[i];
        if (left) {
            put_object(left);
        }
    }
    tote__pools_trim(&kind);
    tote__pools_trim(&kind);
    tote__pools_trim(&kind);
}

int main(int argc, char **argv) {
    static const struct schedule_case cases[] = {
        {.name = "a lock has one holder",
         .set_up = set_up_lock,
         .threads = {count_under_lock, count_under_lock, count_under_lock},
         .check = check_lock,
         .schedules = 3000},
        {.name = "an object of threads has one owner",
         .set_up = set_up_objects,
         .threads = {claim_and_abandon, claim_and_abandon, claim_and_abandon},
         .check = check_objects,
         .schedules = 3000},
        {.name = "an object of a pool has one user",
         .set_up = set_up_pool,
         .threads = {take_and_hand_over, take_and_hand_over, put_back, trim},
         .tear_down = empty_pools,
         .schedules = 3000},
    };

    return schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
}
