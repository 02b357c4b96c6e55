/* SPDX-License-Identifier: MIT */
/*
 * test_out_of_memory.c - every allocation of every step of the tour fails once
 *
 * A step is run with its n-th allocation failing, for n = 0, 1, 2 ... until it makes no n-th
 * allocation. Nothing crashes, nothing leaks, blocks are freed with their sizes, and the run
 * without a failure has its usual result. Then the same with all allocations from the n-th on.
 */
#include "support.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "global_sdk.h"
#include "otlp/encode/encode.h"
#include "tote/allocator.h"
#include "tote/diagnostics.h"
#include "tote/exporters/in_memory.h"
#include "tote/internal/pool.h"
#include "tote/processors.h"
#include "tote/scope.h"
#include "tote/sdk/span_processor.h"
#include "tote/thread.h"
#include "tour.h"

enum { MOST_ALLOCATIONS = 20000, HEADER_SIZE = 16 };

/* The allocator of this process. */
static struct {
    atomic_long countdown; /* allocations until the one that fails; negative: none fails */
    atomic_bool fails_on;  /* and all later ones fail, too */
    atomic_long failures;
    atomic_long live_bytes;
    atomic_long wrong_sizes; /* freed with another size than the allocated one */
} memory;

static bool is_to_fail(void) {
    long left = atomic_fetch_sub(&memory.countdown, 1);

    if (left == 0 || (left < 0 && atomic_load(&memory.fails_on))) {
        atomic_fetch_add(&memory.failures, 1);
        return true;
    }
    return false;
}

static void *test_allocate(void *self, size_t size) {
    unsigned char *block = is_to_fail() ? NULL : malloc(HEADER_SIZE + size);

    (void)self;
    if (!block) {
        errno = ENOMEM; /* as malloc() does */
        return NULL;
    }
    memcpy(block, &size, sizeof size);
    atomic_fetch_add(&memory.live_bytes, (long)size);
    return memset(block + HEADER_SIZE, 0xA5, size); /* so that no code relies on zeros */
}

static void test_release(void *self, void *released, size_t size) {
    unsigned char *block = (unsigned char *)released - HEADER_SIZE;
    size_t allocated;

    (void)self;
    memcpy(&allocated, block, sizeof allocated);
    atomic_fetch_add(&memory.wrong_sizes, allocated != size);
    atomic_fetch_sub(&memory.live_bytes, (long)allocated);
    free(block);
}

static void *test_reallocate(void *self, void *old, size_t old_size, size_t size) {
    void *copy = test_allocate(self, size);

    if (copy) {
        memcpy(copy, old, old_size < size ? old_size : size);
        test_release(self, old, old_size);
    }
    return copy;
}

/* Diagnostics are expected here, and ignored. */
static void ignore_diagnostic(tote_level level, const char *component, const char *message,
                              void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
}

static tote_in_memory_spans *ended_spans; /* NULL: no SDK */

static void visit_sdk(struct tour *tour) {
    tote_in_memory_spans *spans = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(spans);

    tour->has_sdk = true;
    tour_all(tour);
    if (tote_in_memory_spans_get_count(spans) < 4) {
        tour->surprise = "spans were exported";
    }
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(spans);
}

/* Return how many allocations failed; if none did, `tour` reports what went wrong. */
static long run_with_failure_at(long n, bool fails_on, void (*visit)(struct tour *),
                                struct tour *tour) {
    atomic_store(&memory.failures, 0);
    atomic_store(&memory.fails_on, fails_on);
    atomic_store(&memory.countdown, n);
    visit(tour);
    atomic_store(&memory.fails_on, false);
    atomic_store(&memory.countdown, -1);
    tote_in_memory_spans_clear(ended_spans);
    return atomic_load(&memory.failures);
}

/* Let each allocation of `visit` fail. Return how many runs that took. */
static long exhaust(void (*visit)(struct tour *), bool has_sdk, bool fails_on) {
    for (long n = 0; n < MOST_ALLOCATIONS; n++) {
        struct tour tour = {.has_sdk = has_sdk};

        long failures = run_with_failure_at(n, fails_on, visit, &tour);
        assert_string_equal(tour.errno_call ? tour.errno_call : "none", "none");
        if (failures == 0) {
            assert_string_equal(tour.surprise ? tour.surprise : "none", "none");
            return n + 1;
        }
    }
    fail_msg("no end of allocations");
    return 0;
}

/* Memory that is kept for reuse is allocated in the first round; a second round adds nothing. */
static void assert_survives(void (*visit)(struct tour *), bool has_sdk) {
    exhaust(visit, has_sdk, false);
    exhaust(visit, has_sdk, true);
    long live_bytes = atomic_load(&memory.live_bytes);

    exhaust(visit, has_sdk, false);
    exhaust(visit, has_sdk, true);

    assert_int_equal(atomic_load(&memory.live_bytes), live_bytes);
    assert_int_equal(atomic_load(&memory.wrong_sizes), 0);
}

static void every_allocation_may_fail_without_an_sdk(void **state) {
    (void)state;
    for (size_t i = 0; i < tour_stop_count; i++) {
        print_message("  %s\n", tour_stops[i].name);
        assert_survives(tour_stops[i].visit, false);
    }
}

static void every_allocation_may_fail_with_an_sdk(void **state) {
    (void)state;
    ended_spans = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(ended_spans);

    for (size_t i = 0; i < tour_stop_count; i++) {
        print_message("  %s\n", tour_stops[i].name);
        assert_survives(tour_stops[i].visit, true);
    }
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(ended_spans);
    ended_spans = NULL;
}

static void every_allocation_may_fail_while_an_sdk_starts_and_stops(void **state) {
    (void)state;
    assert_survives(visit_sdk, true);
}

static void pass_on(void *self, const tote_span_data *span) {
    tote_span_processor **inner = self;

    tote_span_processor_on_end(*inner, span);
}

/* A program's own exporting processors: one is wrapped and driven by the host. */
static void visit_processors(struct tour *tour) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops, .on_end = pass_on};
    tote_in_memory_spans *spans = tote_in_memory_spans_new();
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    batch.mode = TOTE_EXPORT_MODE_HOST_DRIVEN;
    batch.ignore_environment = true;
    tote_span_processor *inner =
        tote_span_processor_batch_new(tote_span_exporter_in_memory_new(spans), &batch);
    tote_span_processor *processors[] = {
        tote_span_processor_wrapper_new(inner, &ops, &inner),
        tote_span_processor_simple_new(tote_span_exporter_in_memory_new(spans)),
    };
    options.ignore_environment = true;
    options.resource_detectors = "none";
    options.processors = processors;
    options.processor_count = TOTE_COUNT_OF(processors);
    tote_sdk *sdk = tote_sdk_start(&options);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);
    tote_span_close(&span);
    tote_sdk_close(&sdk, 1000);
    if (tote_in_memory_spans_get_count(spans) < 2) {
        tour->surprise = "both processors exported";
    }
    tote_in_memory_spans_unref(spans);
}

static void every_allocation_may_fail_while_a_program_creates_processors(void **state) {
    (void)state;
    assert_survives(visit_processors, true);
}

/* A link whose attributes need more memory than is available when it is unpacked. */
static void visit_links(struct tour *tour) {
    enum { COUNT = 100 };
    static char text[128];
    static tote_attribute attributes[COUNT];
    static char keys[COUNT][8];
    const tote_trace_id trace_id = {{1}};
    const tote_span_id span_id = {{1}};
    tote_trace_state *trace_state = tote_trace_state_from_header("vendor=1", 8);
    tote_span_context *context = tote_span_context_new(&trace_id, &span_id, 1, trace_state, true);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("links", NULL), "work", NULL);
    size_t count = 1;

    memset(text, 'a', sizeof text - 1);
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(keys[i], sizeof keys[i], "%zu", i);
        attributes[i] = (tote_attribute){keys[i], tote_string(text)};
    }
    tote_span_add_link(span, context, attributes, COUNT);
    if (tour->has_sdk) {
        tote_span_data_get_links(tote_span_get_data(span), &count);
    }
    if (count != 1) {
        tour->surprise = "the link";
    }
    tote_span_close(&span);
    tote_span_context_unref(context);
    tote_trace_state_unref(trace_state);
}

static void every_allocation_may_fail_while_a_link_is_read(void **state) {
    (void)state;
    ended_spans = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(ended_spans);

    assert_survives(visit_links, true);
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(ended_spans);
    ended_spans = NULL;
}

enum { ENCODED_SPANS = 1200, ENCODED_SCOPES = 20 };

static tote_span_data *encoded[ENCODED_SPANS];

/* Appended spans and scopes that need more memory than is available; the earlier ones stay. */
static void encode(struct tour *tour, tote_otlp_encoding encoding) {
    struct tote__buffer before = {NULL, 0, 0};
    size_t size = tote__buffer_reserve(&before, 1);
    tote_otlp_buffer buffer = {before.bytes, size, before.capacity};

    bool is_encoded =
        tote_otlp_encode(encoding, (const tote_span_data *const *)encoded, ENCODED_SPANS, &buffer);
    if (is_encoded != (buffer.size > size)) {
        tour->surprise = "a part of a request";
    }
    tote_otlp_buffer_clear(&buffer);
}

static void visit_encoding(struct tour *tour) {
    encode(tour, TOTE_OTLP_ENCODING_PROTOBUF);
}

static void visit_json(struct tour *tour) {
    encode(tour, TOTE_OTLP_ENCODING_JSON);
}

/* End a span that has a trace state, and a value of each kind with its own encoding. */
static void end_span_to_encode(const char *scope) {
    const tote_trace_id trace_id = {{1}};
    const tote_span_id span_id = {{1}};
    tote_trace_state *trace_state = tote_trace_state_from_header("vendor=1", 8);
    tote_span_context *remote = tote_span_context_new(&trace_id, &span_id, 1, trace_state, true);
    tote_span *parent = tote_span_non_recording_new(remote);
    tote_context *context = tote_context_with_span(tote_context_current(), parent);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    options.parent = context;
    tote_span *span = tote_tracer_start_span(tote_get_tracer(scope, NULL), "work", &options);
    tote_span_set_attribute(span, "third", tote_double(1.0 / 3));
    tote_span_set_attribute(span, "bytes", tote_bytes("\x01", 1));
    tote_span_set_attribute(span, "text", tote_string("\"\xC3\xA9"));
    tote_span_close(&span);
    tote_context_unref(context);
    tote_span_unref(parent);
    tote_span_context_unref(remote);
    tote_trace_state_unref(trace_state);
}

static struct tote__span_bytes bytes_to_read;
static size_t attributes_to_read;

/* Ids, times and counts need no memory; every other field is either complete or absent. */
static void visit_read_span(struct tour *tour) {
    struct tote__read_span span;
    const tote_span_data *data = (const tote_span_data *)&span;
    size_t count;

    tote__read_span_set(&span, bytes_to_read.resource, bytes_to_read.scope, bytes_to_read.bytes);
    assert_true(tote_span_context_is_valid(tote_span_data_get_context(data)));
    assert_true(tote_span_data_get_end_time_unix_nano(data) != 0);
    const char *name = tote_span_data_get_name(data);
    bool has_name = *name;
    assert_true(!has_name || strcmp(name, "work") == 0);
    tote_span_data_get_attributes(data, &count);
    assert_true(!count || count == attributes_to_read);
    tote_span_data *copy = tote_span_data_copy(data);
    tote__read_span_clear(&span);
    if (!copy || !has_name || count != attributes_to_read ||
        strcmp(tote_span_data_get_name(copy), "work") != 0 ||
        !tote_span_data_get_context(copy)->trace_state) {
        tour->surprise = "the span that was read";
    }
    tote_span_data_free(copy);
}

static void every_allocation_may_fail_while_spans_are_encoded_and_read(void **state) {
    (void)state;
    ended_spans = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(ended_spans);
    char name[16];

    for (size_t i = 0; i < ENCODED_SPANS; i++) {
        snprintf(name, sizeof name, "scope %zu", i % ENCODED_SCOPES);
        end_span_to_encode(name);
    }
    assert_int_equal(tote_in_memory_spans_get_count(ended_spans), ENCODED_SPANS);
    for (size_t i = 0; i < ENCODED_SPANS; i++) {
        encoded[i] = tote_span_data_copy(tote_in_memory_spans_get_at(ended_spans, i));
    }
    assert_survives(visit_encoding, true);
    assert_survives(visit_json, true);
    struct tote__arena arena = {.chunks = NULL};
    assert_true(tote__span_data_bytes(encoded[0], &arena, &bytes_to_read));
    tote_span_data_get_attributes(encoded[0], &attributes_to_read);
    assert_survives(visit_read_span, true);
    tote__arena_clear(&arena);
    for (size_t i = 0; i < ENCODED_SPANS; i++) {
        tote_span_data_free(encoded[i]);
    }
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(ended_spans);
    ended_spans = NULL;
}

static void *add_in_thread(void *arg) {
    tote_store_add(tote_store_current(), "added.by.thread", tote_int(1));
    *(bool *)arg = true;
    return NULL;
}

/* The program gets its thread, and nothing of it is added to the root store. */
static void a_thread_is_created_even_if_tote_is_out_of_memory(void **state) {
    tote_scope *scope = tote_scope_open(tote_get_tracer("test", NULL), "creator", NULL);
    pthread_t thread;
    bool has_run = false;
    char text[8];

    (void)state;
    atomic_store(&memory.fails_on, true);
    atomic_store(&memory.countdown, 0);
    int result = tote_thread_create(&thread, NULL, add_in_thread, &has_run);
    if (result == 0) {
        pthread_join(thread, NULL);
    }
    atomic_store(&memory.fails_on, false);
    atomic_store(&memory.countdown, -1);
    assert_int_equal(result, 0);
    assert_true(has_run);
    assert_int_equal(tote_store_get(tote_context_get_store(tote_context_root()), "added.by.thread",
                                    text, sizeof text),
                     -1);
    tote_scope_close(&scope);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        SDK_TEST(every_allocation_may_fail_without_an_sdk),
        SDK_TEST(every_allocation_may_fail_with_an_sdk),
        SDK_TEST(every_allocation_may_fail_while_an_sdk_starts_and_stops),
        SDK_TEST(every_allocation_may_fail_while_a_program_creates_processors),
        SDK_TEST(every_allocation_may_fail_while_a_link_is_read),
        SDK_TEST(every_allocation_may_fail_while_spans_are_encoded_and_read),
        SDK_TEST(a_thread_is_created_even_if_tote_is_out_of_memory),
    };
    const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                      test_release, NULL};

    atomic_store(&memory.countdown, -1);
    tote__pools_keep = false;
    if (!tote_allocator_set(&allocator)) {
        return 1;
    }
    tote_diagnostics_set_handler(ignore_diagnostic, TOTE_LEVEL_DEBUG, NULL);
    return RUN_TESTS(tests, argc, argv);
}
