/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/internal/os.h"
#include "tote/internal/random.h"
#include "tote/sdk/id_generator.h"

enum { DRAWS = 20000 };

static bool system_has_random = true;

bool __real_tote__os_random(void *buffer, size_t size);
bool __wrap_tote__os_random(void *buffer, size_t size);

/* Linked instead of tote__os_random(). */
bool __wrap_tote__os_random(void *buffer, size_t size) {
    return system_has_random && __real_tote__os_random(buffer, size);
}

static int compare(const void *a, const void *b) {
    return memcmp(a, b, sizeof(tote_span_id));
}

/* Spec: trace/sdk.md#id-generators. Compliance: TR-57 */
static void ids_do_not_repeat_and_are_never_zero(void **state) {
    static tote_span_id ids[DRAWS];
    static const tote_span_id zero;
    struct tote__random random = {.generation = 0};

    (void)state;
    for (size_t i = 0; i < DRAWS; i++) {
        tote__random_span_id(&random, &ids[i]);
    }
    qsort(ids, DRAWS, sizeof *ids, compare);
    assert_memory_not_equal(&ids[0], &zero, sizeof zero);
    for (size_t i = 1; i < DRAWS; i++) {
        assert_memory_not_equal(&ids[i - 1], &ids[i], sizeof *ids);
    }
}

/* At least the right-most 56 bits are random. Compliance: TR-19 */
static void every_bit_of_a_trace_id_takes_both_values(void **state) {
    struct tote__random random = {.generation = 0};
    tote_trace_id ones = {{0}};
    tote_trace_id zeros = {{0}};

    (void)state;
    for (size_t i = 0; i < 200; i++) {
        tote_trace_id id;
        tote__random_trace_id(&random, &id);
        for (size_t b = 0; b < sizeof id.bytes; b++) {
            ones.bytes[b] |= id.bytes[b];
            zeros.bytes[b] = (uint8_t)(zeros.bytes[b] | ~id.bytes[b]);
        }
    }
    for (size_t b = 0; b < sizeof ones.bytes; b++) {
        assert_int_equal(ones.bytes[b], 0xFF);
        assert_int_equal(zeros.bytes[b], 0xFF);
    }
}

/* Two generators share no state. Spec: trace/sdk.md#id-generators */
static void two_generators_generate_different_ids(void **state) {
    struct tote__random first = {.generation = 0};
    struct tote__random second = {.generation = 0};
    tote_trace_id ids[2];

    (void)state;
    tote__random_trace_id(&first, &ids[0]);
    tote__random_trace_id(&second, &ids[1]);
    assert_memory_not_equal(&ids[0], &ids[1], sizeof ids[0]);
}

static void a_forked_child_does_not_repeat_its_parents_ids(void **state) {
    struct tote__random random = {.generation = 0};
    tote_trace_id own;
    tote_trace_id of_child;
    int ends[2];
    int status;

    (void)state;
    tote__random_trace_id(&random, &own);
    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        tote__random_trace_id(&random, &own);
        _exit(write(ends[1], &own, sizeof own) != sizeof own);
    }
    tote__random_trace_id(&random, &own);
    assert_int_equal(read(ends[0], &of_child, sizeof of_child), sizeof of_child);
    waitpid(child, &status, 0);
    close(ends[0]);
    close(ends[1]);
    assert_memory_not_equal(&own, &of_child, sizeof own);
}

/* A sandbox may refuse the system call and /dev/urandom. Spec: trace/sdk.md#id-generators */
static void without_random_numbers_of_the_system_ids_still_differ(void **state) {
    system_has_random = false;
    ids_do_not_repeat_and_are_never_zero(state);
    every_bit_of_a_trace_id_takes_both_values(state);
    two_generators_generate_different_ids(state);
    a_forked_child_does_not_repeat_its_parents_ids(state);
    system_has_random = true;
}

static int destroyed;

static void draw_trace_id(void *self, tote_trace_id *id) {
    (void)self;
    memset(id, 1, sizeof *id);
}

static void draw_span_id(void *self, tote_span_id *id) {
    (void)self;
    memset(id, 1, sizeof *id);
}

static void count_destroyed(void *self) {
    (void)self;
    destroyed++;
}

/* Ownership of `self` passes to the generator. */
static void a_generator_that_cannot_be_created_releases_its_self(void **state) {
    const tote_id_generator_ops whole = {sizeof whole, true, draw_trace_id, draw_span_id,
                                         count_destroyed};
    const tote_id_generator_ops half = {sizeof half, true, draw_trace_id, NULL, count_destroyed};

    (void)state;
    destroyed = 0;
    assert_null(tote_id_generator_new(&half, NULL));
    assert_int_equal(destroyed, 1);
    tote_id_generator *generator = tote_id_generator_new(&whole, NULL);
    assert_non_null(generator);
    tote_id_generator_free(generator);
    assert_int_equal(destroyed, 2);
    tote_id_generator_free(NULL);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(ids_do_not_repeat_and_are_never_zero),
        TEST(every_bit_of_a_trace_id_takes_both_values),
        TEST(two_generators_generate_different_ids),
        TEST(a_forked_child_does_not_repeat_its_parents_ids),
        TEST(without_random_numbers_of_the_system_ids_still_differ),
        TEST(a_generator_that_cannot_be_created_releases_its_self),
    };
    return RUN_TESTS(tests, argc, argv);
}
