/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tote/propagator_ops.h"

enum { INJECTORS = 3, ROUNDS = 400, ALIVE = 0x600D, DEAD = 0xDEAD };

struct state {
    atomic_int life;
};

static atomic_int destroyed;
static atomic_int used_after;
static atomic_bool is_over;

static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    struct state *state = self;

    (void)context, (void)carrier, (void)setter;
    if (atomic_load(&state->life) != ALIVE) {
        atomic_fetch_add(&used_after, 1);
    }
}

static void destroy(void *self) {
    struct state *state = self;

    atomic_store(&state->life, DEAD);
    atomic_fetch_add(&destroyed, 1);
    free(state);
}

static const tote_propagator_ops ops = {
    .struct_size = sizeof ops, .inject = inject, .destroy = destroy};

static tote_propagator *new_one(void) {
    struct state *made = malloc(sizeof *made);

    atomic_init(&made->life, ALIVE);
    return tote_propagator_new(&ops, made);
}

static void set_nothing(void *carrier, const char *key, const char *value, size_t value_length) {
    (void)carrier, (void)key, (void)value, (void)value_length;
}

static const tote_text_map_setter setter = {sizeof setter, set_nothing};

static void *inject_on_and_on(void *arg) {
    while (!atomic_load(&is_over)) {
        tote_inject(tote_context_current(), arg, &setter);
        tote_propagator_unref(tote_propagator_ref_global());
    }
    return NULL;
}

static void *replace_on_and_on(void *arg) {
    tote_propagator *kept = new_one();

    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        tote_propagator *propagator = new_one();
        tote_propagator_set_global(propagator);
        tote_propagator_unref(propagator);
        tote_propagator_set_global(kept);
    }
    tote_propagator_unref(kept);
    return NULL;
}

/* The contract of tote_propagator_set_global(): other threads may use the old one. */
static void a_replaced_propagator_is_not_freed_while_it_is_used(void **state) {
    pthread_t injectors[INJECTORS], setters[2];

    (void)state;
    for (size_t i = 0; i < INJECTORS; i++) {
        assert_int_equal(pthread_create(&injectors[i], NULL, inject_on_and_on, NULL), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        assert_int_equal(pthread_create(&setters[i], NULL, replace_on_and_on, NULL), 0);
    }
    for (size_t i = 0; i < 2; i++) {
        pthread_join(setters[i], NULL);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < INJECTORS; i++) {
        pthread_join(injectors[i], NULL);
    }
    /* No thread uses a propagator now, so each call releases some of the replaced ones. */
    for (int i = 0; i < 2 * ROUNDS && atomic_load(&destroyed) < 2 * ROUNDS + 2; i++) {
        tote_propagator_set_global(NULL);
    }
    assert_int_equal(used_after, 0);
    assert_int_equal(destroyed, 2 * ROUNDS + 2);
}

static atomic_bool is_inside;
static atomic_bool may_leave;

static void inject_until_released(void *self, const tote_context *context, void *carrier,
                                  const tote_text_map_setter *given) {
    struct state *state = self;

    (void)context, (void)carrier, (void)given;
    atomic_store(&is_inside, true);
    while (!atomic_load(&may_leave)) {
        sched_yield();
    }
    atomic_fetch_add(&used_after, atomic_load(&state->life) != ALIVE);
}

static void *inject_once(void *arg) {
    tote_inject(tote_context_current(), arg, &setter);
    return NULL;
}

/* The contract of tote_propagator_set_global(): a later call releases the reference. */
static void a_propagator_replaced_during_a_call_is_freed_by_a_later_replacement(void **state) {
    static const tote_propagator_ops lasting = {
        .struct_size = sizeof lasting, .inject = inject_until_released, .destroy = destroy};
    struct state *self = malloc(sizeof *self);
    pthread_t injector;

    (void)state;
    atomic_init(&self->life, ALIVE);
    atomic_store(&destroyed, 0);
    tote_propagator *propagator = tote_propagator_new(&lasting, self);
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    assert_int_equal(pthread_create(&injector, NULL, inject_once, NULL), 0);
    while (!atomic_load(&is_inside)) {
        sched_yield();
    }
    tote_propagator_set_global(NULL);
    int destroyed_under_user = atomic_load(&destroyed);
    atomic_store(&may_leave, true);
    pthread_join(injector, NULL);
    tote_propagator_set_global(NULL);

    assert_int_equal(destroyed_under_user, 0);
    assert_int_equal(used_after, 0);
    assert_int_equal(destroyed, 1);
}

static void set_another(void *self, const tote_context *context, void *carrier,
                        const tote_text_map_setter *given) {
    (void)self, (void)context, (void)carrier, (void)given;
    tote_propagator_set_global(NULL);
}

/* The contract of tote_propagator_ops.destroy: not while a call runs. */
static void a_propagator_may_replace_itself(void **state) {
    static const tote_propagator_ops replacing = {.struct_size = sizeof replacing,
                                                  .inject = set_another};
    tote_propagator *propagator = tote_propagator_new(&replacing, NULL);

    (void)state;
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    tote_inject(tote_context_current(), NULL, &setter);
    assert_null(tote_propagator_ref_global());
    tote_propagator_set_global(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(a_replaced_propagator_is_not_freed_while_it_is_used),
        TEST(a_propagator_replaced_during_a_call_is_freed_by_a_later_replacement),
        TEST(a_propagator_may_replace_itself),
    };
    return RUN_TESTS(tests, argc, argv);
}
