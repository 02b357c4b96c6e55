/* SPDX-License-Identifier: MIT */
/*
 * test_large_values.c - large values from a caller take time in proportion to their size, or are
 * refused
 *
 * Times are CPU times of this thread. The limit is many times what the work needs, also under a
 * sanitizer; work that grows with the square of the count exceeds it by far.
 */
#include "sdk_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tote/allocator.h"
#include "tote/internal/map_index.h"
#include "tote/internal/wire.h"

enum { FIELDS = 64000, KEY_BYTES = 40, SHARED_DEPTH = 60 };

static const double longest_s = 4;

static bool is_memory_out;

static void *allocate(void *self, size_t size) {
    (void)self;
    return is_memory_out ? NULL : malloc(size);
}

static void *reallocate(void *self, void *memory, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    return is_memory_out ? NULL : realloc(memory, size);
}

static void release(void *self, void *memory, size_t size) {
    (void)self, (void)size;
    free(memory);
}

static double cpu_s(void) {
    struct timespec time;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static char keys[FIELDS][KEY_BYTES];
static tote_attribute fields[FIELDS];

/* Fields of `distinct` keys, in turn; the value is the position. */
static tote_value map_of(int count, int distinct) {
    for (int i = 0; i < count; i++) {
        snprintf(keys[i], sizeof keys[i], "some.common.prefix.%d", i % distinct);
        fields[i] = (tote_attribute){keys[i], tote_int(i)};
    }
    return tote_map(fields, (size_t)count);
}

static tote_value shared_parts[SHARED_DEPTH][2];

/*
 * An array of two references to an array of two, and so on: 2 to the power of SHARED_DEPTH values.
 */
static tote_value shared_array(void) {
    tote_value value = tote_int(1);

    for (int i = 0; i < SHARED_DEPTH; i++) {
        shared_parts[i][0] = shared_parts[i][1] = value;
        value = tote_array(shared_parts[i], 2);
    }
    return value;
}

static void a_map_of_many_fields_takes_time_in_proportion(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    double start = cpu_s();
    tote_value map = map_of(FIELDS, FIELDS / 2);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    tote_span_set_attribute(span, "map", map);
    tote_span_close(&span);
    tote_value kept = tote_span_data_get_attributes(sdk_fixture_only_span(f), &(size_t){0})->value;
    assert_int_equal(kept.size, FIELDS / 2);
    assert_int_equal(kept.as.fields[0].value.as.integer,
                     FIELDS / 2); /* the last value of each key */
    assert_true(tote_value_equals(kept, map));
    assert_true(tote_value_to_text(map, NULL, 0) > FIELDS);
    assert_true(cpu_s() - start < longest_s);
}

static void a_store_refuses_a_map_of_many_fields_in_proportional_time(void **state) {
    tote_store *store = tote_store_new(NULL);
    double start = cpu_s();

    sdk_fixture_start(state);
    assert_false(tote_store_add(store, "map", map_of(FIELDS, FIELDS)));
    assert_true(tote_store_add(store, "map", map_of(1000, 1000)));
    assert_true(cpu_s() - start < longest_s);
    tote_store_unref(store);
}

static void events_and_links_of_many_attributes_take_time_in_proportion(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    double start = cpu_s();

    map_of(FIELDS, FIELDS / 2);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    for (int i = 0; i < 10; i++) {
        tote_span_add_event(span, "event", fields, FIELDS, 0);
        tote_span_add_link(span, tote_span_get_context(span), fields, FIELDS);
    }
    tote_span_close(&span);
    assert_true(cpu_s() - start < longest_s);
    size_t count = 0;
    const tote_event *events = tote_span_data_get_events(sdk_fixture_only_span(f), &count);
    assert_int_equal(count, 10);
    assert_int_equal(events[0].attribute_count, 128);
    assert_int_equal(events[0].attributes[0].value.as.integer, FIELDS / 2);
}

/* A limit may be as large as the program wants. Spec: trace/sdk.md#span-limits */
static void an_event_with_a_large_limit_takes_time_in_proportion(void **state) {
    enum { LIMIT = FIELDS / 4 };
    struct sdk_fixture *f = *state;
    double start = cpu_s();
    f->settings.limits.attribute_count_per_event = LIMIT;
    sdk_fixture_start(state);

    map_of(FIELDS, FIELDS / 2);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    for (int i = 0; i < 5; i++) {
        tote_span_add_event(span, "event", fields, FIELDS, 0);
    }
    is_memory_out = true;
    tote_span_add_event(span, "event", fields, FIELDS, 0);
    is_memory_out = false;
    tote_span_close(&span);
    assert_true(cpu_s() - start < longest_s);
    size_t count = 0;
    const tote_event *events = tote_span_data_get_events(sdk_fixture_only_span(f), &count);
    assert_true(count >= 5);
    assert_int_equal(events[4].attribute_count, LIMIT);
    assert_int_equal(events[4].dropped_attribute_count, FIELDS / 2);
    assert_int_equal(events[4].attributes[LIMIT - 1].value.as.integer, FIELDS / 2 + LIMIT - 1);
}

/* Values of several lengths; each replaces one of another length. */
static const char *text_of(int round) {
    static const char *const texts[] = {"short", "", "a text that is longer than the others are"};

    return texts[round % 3];
}

/* A limit may be as large as the program wants. Spec: trace/sdk.md#span-limits */
static void a_span_with_a_large_limit_takes_time_in_proportion(void **state) {
    enum { DISTINCT = FIELDS / 2 };
    struct sdk_fixture *f = *state;
    double start = cpu_s();
    f->settings.limits.attribute_count = 1000000;
    sdk_fixture_start(state);

    map_of(FIELDS, DISTINCT);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    tote_span_set_attributes(span, fields, FIELDS);
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < DISTINCT; i++) {
            tote_span_set_attribute(span, keys[i], tote_string(text_of(round + i)));
        }
    }
    tote_span_close(&span);
    size_t count = 0;
    const tote_span_data *data = sdk_fixture_only_span(f);
    const tote_attribute *attributes = tote_span_data_get_attributes(data, &count);
    assert_true(cpu_s() - start < longest_s);
    assert_int_equal(count, DISTINCT);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 0);
    for (size_t i = 0; i < count; i++) {
        int number = atoi(strrchr(attributes[i].key, '.') + 1);
        assert_true(tote_value_equals(attributes[i].value, tote_string(text_of(4 + number))));
    }
}

/* Whether the span has exactly the first `count` keys, each with its value in `expected`. */
static bool has_just(const tote_span_data *data, const tote_value *expected, int count) {
    size_t found = 0;
    const tote_attribute *attributes = tote_span_data_get_attributes(data, &found);
    size_t equal = 0;
    size_t wanted = 0;

    for (int i = 0; i < count; i++) {
        wanted += expected[i].type != TOTE_VALUE_TYPE_EMPTY;
    }
    for (size_t i = 0; i < found; i++) {
        int number = atoi(strrchr(attributes[i].key, '.') + 1);
        equal += tote_value_equals(attributes[i].value, expected[number]);
    }
    return found == wanted && equal == wanted;
}

/*
 * The last value of each key is kept, also if out of memory for a while, or if attributes are read
 * before the end.
 */
static void many_attributes_at_once_equal_setting_them_one_by_one(void **state) {
    enum { KEYS = 700, STEPS = 20000 };
    static tote_value expected[KEYS];
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count = 1000000;
    sdk_fixture_start(state);

    map_of(KEYS, KEYS);
    memset(expected, 0, sizeof expected);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);
    srand(1);
    for (int step = 0; step < STEPS; step++) {
        int number = rand() % (1 + step * KEYS / STEPS);
        tote_value value =
            rand() % 2 ? tote_string(text_of(rand() % 3)) : tote_int(rand() % 3 ? 1 : 1 << 20);
        is_memory_out = step % 1000 < 100;
        tote_span_set_attribute(span, keys[number], value);
        is_memory_out = false;
        tote_span_set_attribute(span, keys[number], value); /* it may not have been kept */
        expected[number] = value;
        if (step % 5000 == 4999) {
            assert_true(has_just(tote_span_get_data(span), expected, KEYS));
        }
    }
    tote_span_close(&span);
    assert_true(has_just(sdk_fixture_only_span(f), expected, KEYS));
}

/* The attributes that an event must keep: each one is set after the other. */
struct kept {
    tote_attribute attributes[60];
    size_t count;
    size_t dropped;
};

static void keep(struct kept *kept, tote_attribute attribute, size_t limit) {
    size_t at = 0;

    while (at < kept->count && attribute.key &&
           strcmp(kept->attributes[at].key, attribute.key) != 0) {
        at++;
    }
    if (!attribute.key || !*attribute.key || (at == kept->count && at == limit)) {
        kept->dropped++;
        return;
    }
    kept->count -= at < kept->count;
    memmove(&kept->attributes[at], &kept->attributes[at + 1],
            (kept->count - at) * sizeof *kept->attributes);
    kept->attributes[kept->count++] = attribute;
}

/* Spec: common/README.md#attribute-collections, #attribute-limits */
static void attributes_of_an_event_equal_setting_them_one_by_one(void **state) {
    static const char *const names[] = {"", "a", "b", "c", "d", "e", "a longer key", NULL};
    enum { LIMIT = 4, ROUNDS = 100 };
    static struct kept expected[ROUNDS];
    struct sdk_fixture *f = *state;
    f->settings.limits.attribute_count_per_event = LIMIT;
    sdk_fixture_start(state);
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    srand(1);
    for (int round = 0; round < ROUNDS; round++) {
        tote_attribute given[60];
        size_t count = (size_t)rand() % TOTE_COUNT_OF(given) + 1;
        expected[round] = (struct kept){.count = 0};
        for (size_t i = 0; i < count; i++) {
            given[i] = (tote_attribute){names[rand() % 8], tote_int((int64_t)i)};
            keep(&expected[round], given[i], LIMIT);
        }
        tote_span_add_event(span, "event", given, count, 0);
    }
    tote_span_close(&span);
    size_t events_count = 0;
    const tote_event *events = tote_span_data_get_events(sdk_fixture_only_span(f), &events_count);
    assert_int_equal(events_count, ROUNDS);
    for (int round = 0; round < ROUNDS; round++) {
        const struct kept *kept = &expected[round];
        assert_int_equal(events[round].attribute_count, kept->count);
        assert_int_equal(events[round].dropped_attribute_count, kept->dropped);
        for (size_t i = 0; i < kept->count; i++) {
            assert_string_equal(events[round].attributes[i].key, kept->attributes[i].key);
            assert_true(
                tote_value_equals(events[round].attributes[i].value, kept->attributes[i].value));
        }
    }
}

static void a_scope_of_many_attributes_takes_time_in_proportion(void **state) {
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    double start = cpu_s();

    sdk_fixture_start(state);
    map_of(FIELDS, FIELDS / 2);
    options.attributes = fields;
    options.attribute_count = FIELDS;
    tote_tracer *tracer =
        tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "large", &options);
    assert_ptr_equal(
        tracer, tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "large", &options));
    assert_true(cpu_s() - start < longest_s);
}

/* An array of any size takes two lines of code, so it is only examined up to a limit. */
static void an_array_of_exponential_size_is_dropped_and_counted(void **state) {
    struct sdk_fixture *f = sdk_fixture_start(state);
    const tote_attribute attribute = {"shared", shared_array()};
    tote_store *store = tote_store_new(NULL);
    double start = cpu_s();
    tote_span *span = tote_tracer_start_span(f->tracer, "work", NULL);

    tote_span_set_attribute(span, attribute.key, attribute.value);
    tote_span_add_event(span, "event", &attribute, 1, 0);
    assert_false(tote_store_add(store, attribute.key, attribute.value));
    tote_span_close(&span);
    const tote_span_data *data = sdk_fixture_only_span(f);
    assert_int_equal(tote_span_data_get_dropped_attribute_count(data), 1);
    const tote_event *event = tote_span_data_get_events(data, &(size_t){0});
    assert_int_equal(event->attribute_count, 0);
    assert_int_equal(event->dropped_attribute_count, 1);
    assert_true(tote_value_equals(attribute.value, attribute.value));
    tote_value_to_text(attribute.value, NULL, 0);
    assert_true(cpu_s() - start < longest_s);
    tote_store_unref(store);
}

/* The index of a large map needs memory; the result does not depend on it. */
static void out_of_memory_a_map_is_written_the_same(void **state) {
    enum { COUNT = 100, BYTES = 8192 };
    static uint8_t with[BYTES];
    static uint8_t without[BYTES];
    tote_value map = map_of(COUNT, COUNT / 2);
    size_t size = tote__attribute_size("map", 3, map, &tote__wire_no_limits);

    (void)state;
    assert_true(size < BYTES);
    tote__put_attribute(with, TOTE__TAG_SPAN_ATTRIBUTE, "map", 3, map, &tote__wire_no_limits);
    is_memory_out = true;
    assert_int_equal(tote__attribute_size("map", 3, map, &tote__wire_no_limits), size);
    tote__put_attribute(without, TOTE__TAG_SPAN_ATTRIBUTE, "map", 3, map, &tote__wire_no_limits);
    bool is_equal = tote_value_equals(map, tote_map(fields + COUNT / 2, COUNT / 2));
    is_memory_out = false;
    assert_memory_equal(with, without, size);
    assert_true(is_equal);
}

/* Compared with a plain search, with keys that are often repeated, empty or missing. */
static void an_index_finds_the_same_as_a_search(void **state) {
    static const char *const names[] = {"", "a", "b", "ab", "ba", "abc", "a longer key", NULL};
    tote_attribute given[60];

    (void)state;
    srand(1);
    for (int round = 0; round < 500; round++) {
        size_t count = (size_t)rand() % TOTE_COUNT_OF(given) + 1;
        for (size_t i = 0; i < count; i++) {
            given[i] = (tote_attribute){names[rand() % 8], tote_int(rand() % 3)};
        }
        tote_value map = tote_map(given, count);
        struct tote__map_index *index = tote__map_index_new(map);
        for (size_t i = 0; i < count; i++) {
            assert_int_equal(tote__map_is_kept(map, index, i), tote__map_is_kept(map, NULL, i));
        }
        assert_int_equal(tote__map_count(map, index), tote__map_count(map, NULL));
        assert_null(tote__map_find(map, index, "none"));
        tote__map_index_free(index);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(a_map_of_many_fields_takes_time_in_proportion),
        SDK_TEST(a_store_refuses_a_map_of_many_fields_in_proportional_time),
        SDK_TEST(events_and_links_of_many_attributes_take_time_in_proportion),
        SDK_TEST(an_event_with_a_large_limit_takes_time_in_proportion),
        SDK_TEST(a_span_with_a_large_limit_takes_time_in_proportion),
        SDK_TEST(many_attributes_at_once_equal_setting_them_one_by_one),
        SDK_TEST(attributes_of_an_event_equal_setting_them_one_by_one),
        SDK_TEST(a_scope_of_many_attributes_takes_time_in_proportion),
        SDK_TEST(an_array_of_exponential_size_is_dropped_and_counted),
        TEST(out_of_memory_a_map_is_written_the_same),
        TEST(an_index_finds_the_same_as_a_search),
    };
    const tote_allocator allocator = {sizeof allocator, allocate, reallocate, release, NULL};

    return tote_allocator_set(&allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
