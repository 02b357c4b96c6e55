/* SPDX-License-Identifier: MIT */
/*
 * test_hostile_headers.c - malicious headers, and out of memory while headers are read and written
 *
 * For any headers extract uses bounded memory, frees it, and calls the getter a fixed number of
 * times.
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tote/allocator.h"
#include "tote/baggage.h"
#include "tote/diagnostics.h"
#include "tote/instrumentation/xray.h"
#include "tote/propagators.h"

#define TRACEPARENT "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

enum { MEGABYTE = 1000000, MOST_MEMORY = 128 * 1024, MOST_LINES = 1000 };

/* The allocator of this process. */
static struct {
    size_t live, peak;
    long countdown; /* allocations until one fails; negative: none fails */
    bool fails_on;  /* all later allocations fail too */
    bool has_failed;
} memory = {.countdown = -1};

static void *test_allocate(void *self, size_t size) {
    (void)self;
    if (memory.countdown == 0 || (memory.has_failed && memory.fails_on)) {
        memory.countdown = -1;
        memory.has_failed = true;
        return NULL;
    }
    memory.countdown -= memory.countdown > 0;
    memory.live += size;
    memory.peak = memory.live > memory.peak ? memory.live : memory.peak;
    return malloc(size);
}

static void test_release(void *self, void *released, size_t size) {
    (void)self;
    memory.live -= released ? size : 0;
    free(released);
}

static void *test_reallocate(void *self, void *old, size_t old_size, size_t size) {
    void *copy = test_allocate(self, size);

    if (copy && old) {
        memcpy(copy, old, old_size < size ? old_size : size);
        test_release(self, old, old_size);
    }
    return copy;
}

static unsigned reports;

static void count_report(tote_level level, const char *component, const char *message,
                         void *user_data) {
    (void)level, (void)component, (void)message, (void)user_data;
    reports++;
}

static void use(tote_propagator *propagator) {
    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
}

static tote_header header(const char *name, const char *value, size_t length) {
    return (tote_header){name, strlen(name), value, length};
}

static void fail_allocation(long number, bool and_all_after) {
    memory.countdown = number;
    memory.fails_on = and_all_after;
    memory.has_failed = false;
}

static size_t count_baggage(const tote_context *context) {
    tote_entries *entries = tote_context_get_all_baggage(context);
    size_t count = tote_entries_get_count(entries);

    tote_entries_free(entries);
    return count;
}

/* Use everything once, so that memory that Tote keeps permanently is not counted as a leak. */
static int set_up(void **state) {
    const tote_header headers[] = {header("traceparent", TRACEPARENT, 55),
                                   header("baggage", "k=v,bad", 7)};

    (void)state;
    tote_diagnostics_set_handler(count_report, TOTE_LEVEL_WARN, NULL);
    use(tote_propagator_from_names("tracecontext,baggage"));
    tote_context *context = tote_extract_headers(tote_context_root(), headers, 2);
    count_baggage(context);
    tote_context_unref(context);
    reports = 0;
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    tote_propagator_set_global(NULL);
    return 0;
}

/* The result of one extract. */
struct outcome {
    size_t memory; /* the peak */
    size_t members;
    bool is_root; /* the context did not change */
};

static struct outcome extract(const tote_header *headers, size_t count) {
    size_t before = memory.live;

    memory.peak = memory.live;
    tote_context *context = tote_extract_headers(tote_context_root(), headers, count);
    struct outcome outcome = {memory.peak - before, 0, context == tote_context_root()};
    outcome.members = outcome.is_root ? 0 : count_baggage(context);
    tote_context_unref(context);
    assert_int_equal(memory.live, before);
    return outcome;
}

/* Extract from one header of `size` bytes that repeats `part`. */
static struct outcome extract_many(const char *name, const char *part, size_t size) {
    size_t length = strlen(part);
    char *value = malloc(size);

    for (size_t at = 0; at < size; at++) {
        value[at] = part[at % length];
    }
    const tote_header headers[] = {header(name, value, size)};
    struct outcome outcome = extract(headers, 1);
    free(value);
    return outcome;
}

/* docs/propagation.md#limits: memory and the number of diagnostics are bounded. */
static void ten_megabytes_of_baggage_take_no_more_memory_than_one(void **state) {
    static const char *const parts[] = {"a=1,",   "a=1;p,", "a=%FF,", "a=%zz,", "bad,",      ",",
                                        " , \t,", "=",      ";",      "%",      "k=v;a;b;c", "\""};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(parts); i++) {
        struct outcome one = extract_many("baggage", parts[i], MEGABYTE);
        struct outcome ten = extract_many("baggage", parts[i], 10 * MEGABYTE);
        assert_int_equal(ten.memory, one.memory);
        assert_true(ten.memory < MOST_MEMORY);
        assert_int_equal(ten.members, one.members);
    }
    assert_in_range(reports, 1, 4);
}

/* docs/propagation.md#limits: the memory for each header is bounded. */
static void ten_megabytes_of_any_header_take_no_more_memory_than_one(void **state) {
    static const char *const headers[] = {
        "traceparent",      "tracestate",        "b3",
        "x-b3-traceid",     "x-b3-spanid",       "x-b3-sampled",
        "x-b3-flags",       "uber-trace-id",     "uberctx-k",
        "jaeger-baggage",   "ot-baggage-k",      "ot-tracer-traceid",
        "ot-tracer-spanid", "ot-tracer-sampled", "grpc-trace-bin",
        "x-amzn-trace-id"};
    static const char *const parts[] = {"0", "1:", "a-", "k=v,", "%41", "=", ";", "Root=1;", "A"};

    (void)state;
    assert_true(tote_propagator_xray_register());
    use(tote_propagator_from_names("tracecontext,baggage,b3,jaeger,ottrace,opencensus,xray"));
    for (size_t i = 0; i < TOTE_COUNT_OF(headers) * TOTE_COUNT_OF(parts); i++) {
        const char *name = headers[i / TOTE_COUNT_OF(parts)];
        const char *part = parts[i % TOTE_COUNT_OF(parts)];
        struct outcome one = extract_many(name, part, MEGABYTE);
        struct outcome ten = extract_many(name, part, 10 * MEGABYTE);
        assert_int_equal(ten.memory, one.memory);
        assert_true(ten.memory < MOST_MEMORY);
        assert_int_equal(ten.is_root, one.is_root);
    }
}

/* docs/propagation.md#limits: baggage in one header for each entry is bounded like a list. */
static void a_hundred_thousand_headers_of_baggage_are_as_bounded_as_one(void **state) {
    enum { HEADERS = 100000, NAME = 16 };
    char *names = malloc((size_t)HEADERS * NAME);
    tote_header *headers = malloc(HEADERS * sizeof *headers);

    (void)state;
    for (size_t i = 0; i < HEADERS; i++) {
        int length = snprintf(names + i * NAME, NAME, "uberctx-k%zu", i);
        headers[i] = (tote_header){names + i * NAME, (size_t)length, "v", 1};
    }
    use(tote_propagator_jaeger_new(NULL));
    struct outcome outcome = extract(headers, HEADERS);
    assert_int_equal(outcome.members, 64);
    assert_true(outcome.memory < MOST_MEMORY);
    assert_int_equal(reports, 1);
    free(headers);
    free(names);
}

/* Spec: w3c/baggage#limits: a member that is too long is left out; later members are read. */
static void a_member_of_ten_megabytes_does_not_hide_the_next(void **state) {
    size_t size = 10 * MEGABYTE;
    char *value = malloc(size);

    (void)state;
    memset(value, 'v', size);
    memcpy(value, "long=", 5);
    memcpy(value + size - 7, ",ok=yes", 7);
    const tote_header headers[] = {header("baggage", value, size)};
    struct outcome outcome = extract(headers, 1);
    free(value);
    assert_int_equal(outcome.members, 1);
    assert_true(outcome.memory < MOST_MEMORY);
}

/* Spec: w3c/trace-context#tracestate-limits */
static void ten_thousand_members_of_tracestate_are_dropped_and_the_trace_continues(void **state) {
    enum { MEMBERS = 10000, MEMBER = 6 };
    char *list = malloc(MEMBERS * MEMBER);
    tote_header headers[] = {header("traceparent", TRACEPARENT, 55),
                             header("tracestate", list, MEMBERS * MEMBER)};

    (void)state;
    for (int i = 0; i < MEMBERS; i++) {
        const char member[MEMBER] = {
            'k', (char)('a' + i / 1000), (char)('a' + i / 10 % 26), '=', 'v', ','};
        memcpy(list + (size_t)i * MEMBER, member, MEMBER);
    }
    struct outcome outcome = extract(headers, 2);
    assert_true(outcome.memory < MOST_MEMORY);
    tote_context *context = tote_extract_headers(tote_context_root(), headers, 2);
    const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
    assert_true(tote_span_context_is_valid(span));
    assert_null(tote_span_context_get_trace_state(span));
    tote_context_unref(context);
    free(list);
}

/* Spec: w3c/trace-context#traceparent-header: one invalid byte makes a traceparent invalid. */
static void any_control_character_makes_a_traceparent_invalid(void **state) {
    char value[55];

    (void)state;
    for (size_t at = 0; at < sizeof value; at++) {
        for (int c = 0; c < 0x20; c++) {
            memcpy(value, TRACEPARENT, sizeof value);
            value[at] = (char)c;
            const tote_header headers[] = {header("traceparent", value, sizeof value)};
            assert_true(extract(headers, 1).is_root);
        }
    }
}

/* docs/propagation.md#limits: they invalidate the whole tracestate, but only one member of baggage.
 */
static void control_characters_invalidate_a_tracestate_or_one_member_of_baggage(void **state) {
    (void)state;
    for (int c = 0; c < 0x20; c++) {
        const char list[] = {'a', '=', '1', (char)c, '2', ',', 'b', '=', '2'};
        const tote_header headers[] = {header("traceparent", TRACEPARENT, 55),
                                       header("tracestate", list, sizeof list),
                                       header("baggage", list, sizeof list)};
        tote_context *context = tote_extract_headers(tote_context_root(), headers, 3);
        const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
        assert_true(tote_span_context_is_valid(span));
        assert_null(tote_span_context_get_trace_state(span));
        assert_int_equal(count_baggage(context), 1);
        assert_int_equal(tote_context_get_baggage(context, "b", NULL, 0), 1);
        tote_context_unref(context);
    }
}

/* The contract of tote_header: names and values have lengths and need no NUL. */
static void headers_that_are_empty_or_null_or_contain_a_nul_are_ignored(void **state) {
    const tote_header headers[] = {
        {NULL, 0, NULL, 0},
        {NULL, 11, TRACEPARENT, 55},
        {"", 0, "", 0},
        {"traceparent", 11, NULL, 55},
        {"traceparent\0x", 13, TRACEPARENT, 55},
        {"traceparen", 10, TRACEPARENT, 55},
        {"tracestate", 10, "", 0},
        {"baggage", 7, "", 0},
        {"baggage", 7, NULL, 3},
        {"baggage\0", 8, "k=v", 3},
    };

    (void)state;
    assert_true(extract(headers, TOTE_COUNT_OF(headers)).is_root);
}

/* docs/propagation.md#limits */
static void a_thousand_headers_of_one_name_use_bounded_memory(void **state) {
    static tote_header lines[MOST_LINES];
    static char values[MOST_LINES][8];

    (void)state;
    for (int i = 0; i < MOST_LINES; i++) {
        const char value[] = {
            'k', (char)('0' + i / 100), (char)('0' + i / 10 % 10), (char)('0' + i % 10), '=', 'v'};
        memcpy(values[i], value, sizeof value);
        lines[i] = header("Baggage", values[i], sizeof value);
    }
    struct outcome baggage = extract(lines, MOST_LINES);
    assert_int_equal(baggage.members, 180);
    assert_true(baggage.memory < MOST_MEMORY);
    for (int i = 0; i < MOST_LINES; i++) {
        lines[i] = header("traceparent", TRACEPARENT, 55);
    }
    assert_true(extract(lines, MOST_LINES).is_root);
    for (int i = 1; i < MOST_LINES; i++) {
        lines[i] = header("tracestate", "a=1", 3);
    }
    struct outcome trace = extract(lines, MOST_LINES);
    assert_false(trace.is_root);
    assert_true(trace.memory < MOST_MEMORY);
}

static struct {
    size_t questions;
    size_t passed;
} getter_calls;

/* A getter that passes many headers of baggage, for any key. */
static void pass_lines(const void *carrier, const char *key, tote_header_visitor visit, void *arg) {
    (void)key;
    getter_calls.questions++;
    for (size_t i = 0; i < *(const size_t *)carrier; i++) {
        getter_calls.passed++;
        if (!visit(arg, "baggage", 7, "k=v", 3)) {
            return;
        }
    }
}

/* The contract of tote_text_map_getter: extract calls it at most once for each field. */
static void extract_calls_the_getter_once_for_each_field(void **state) {
    static const tote_text_map_getter getter = {sizeof getter, pass_lines};
    const size_t counts[] = {1, 10, 1000, 100000};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(counts); i++) {
        getter_calls.questions = getter_calls.passed = 0;
        tote_context_unref(tote_extract(tote_context_root(), &counts[i], &getter));
        assert_in_range(getter_calls.questions, 2, 3);
        assert_true(getter_calls.passed <= getter_calls.questions * counts[i]);
    }
}

/* The contract of tote_extract(): never NULL. */
static void if_out_of_memory_a_header_is_read_completely_or_not_at_all(void **state) {
    static const char members[] = "a=1;m,b=%C3%A9,c=3";
    const tote_header headers[] = {header("traceparent", TRACEPARENT, 55),
                                   header("tracestate", "x=1,y=2", 7),
                                   header("baggage", members, sizeof members - 1)};
    bool has_failed = true;

    (void)state;
    for (long number = 0; has_failed; number++) {
        size_t before = memory.live;
        fail_allocation(number, number % 2 == 0);
        tote_context *context = tote_extract_headers(tote_context_root(), headers, 3);
        has_failed = memory.has_failed;
        fail_allocation(-1, false);
        assert_non_null(context);
        const tote_span_context *span = tote_span_get_context(tote_context_get_span(context));
        const char *y = tote_trace_state_get(tote_span_context_get_trace_state(span), "y");
        assert_true(tote_span_context_is_valid(span) || !y);
        assert_true(has_failed || (y && count_baggage(context) == 3));
        tote_context_unref(context);
        assert_int_equal(memory.live, before);
    }
}

/* The contract of tote_inject_headers(): no header is cut. */
static void if_out_of_memory_no_header_is_sent_in_part(void **state) {
    static char list[513] = "k=", value[3000], buffer[TOTE_INJECT_BUFFER_BYTES];
    tote_header sent[8];
    bool has_failed = true;

    (void)state;
    memset(list + 2, 'v', 255);
    memcpy(list + 257, ",l=", 3);
    memset(list + 260, 'w', 253);
    memset(value, 'v', sizeof value);
    const tote_header headers[] = {header("traceparent", TRACEPARENT, 55),
                                   header("tracestate", list, sizeof list)};
    tote_context *context = tote_extract_headers(tote_context_root(), headers, 2);
    tote_context *full =
        tote_context_with_baggage(context, "k", tote_string_of(value, sizeof value), NULL);
    for (long number = 0; has_failed; number++) {
        fail_allocation(number, true);
        size_t count = tote_inject_headers(full, sent, 8, buffer, sizeof buffer);
        has_failed = memory.has_failed;
        fail_allocation(-1, false);
        assert_true(count == 3 || has_failed);
        for (size_t i = 0; i < count; i++) {
            size_t whole = sent[i].name[0] == 'b'                    ? sizeof value + 2
                           : strcmp(sent[i].name, "tracestate") == 0 ? sizeof list
                                                                     : 55;
            assert_int_equal(sent[i].value_length, whole);
        }
    }
    tote_context_unref(full);
    tote_context_unref(context);
}

static tote_propagator *make_composite(void) {
    tote_propagator *both[] = {tote_propagator_tracecontext_new(),
                               tote_propagator_baggage_new(NULL)};

    return tote_propagator_composite_new(both, 2);
}

static tote_propagator *make_by_names(void) {
    return tote_propagator_from_names("tracecontext,baggage");
}

static tote_propagator *make_baggage(void) {
    static const char *const names[] = {"a", "b"};
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    options.allowed_names = names;
    options.allowed_name_count = 2;
    return tote_propagator_allowed_hosts_new(tote_propagator_baggage_new(&options), names, 2);
}

/* The contract of tote/propagators.h: a constructor never returns NULL. */
static void if_out_of_memory_constructors_return_a_propagator_that_does_nothing(void **state) {
    static tote_propagator *(*const make[])(void) = {tote_propagator_tracecontext_new, make_baggage,
                                                     make_composite, make_by_names};

    (void)state;
    for (size_t i = 0; i < 2 * TOTE_COUNT_OF(make); i++) {
        bool has_failed = true;
        for (long number = 0; has_failed; number++) {
            size_t before = memory.live;
            fail_allocation(number, i % 2 == 0);
            tote_propagator *propagator = make[i / 2]();
            has_failed = memory.has_failed;
            fail_allocation(-1, false);
            assert_non_null(propagator);
            assert_true(number > 0 || i % 2 || !tote_propagator_get_field(propagator, 0));
            tote_propagator_unref(propagator);
            assert_int_equal(memory.live, before);
        }
    }
}

/* The contract of tote_context_with_destination(): another host never stands for this one. */
static void if_out_of_memory_a_context_does_not_keep_an_earlier_destination(void **state) {
    tote_context *before = tote_context_with_destination(tote_context_root(), "allowed.test");
    bool has_failed = true;

    (void)state;
    for (long number = 0; has_failed; number++) {
        fail_allocation(number, false);
        tote_context *context = tote_context_with_destination(before, "other.test");
        has_failed = memory.has_failed;
        fail_allocation(-1, false);
        const char *host = tote_context_get_destination(context);
        assert_true(host ? strcmp(host, "other.test") == 0 : has_failed);
        tote_context_unref(context);
    }
    tote_context_unref(before);
}

#define HOSTILE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const tote_allocator allocator = {sizeof allocator, test_allocate, test_reallocate,
                                      test_release, NULL};
    const struct CMUnitTest tests[] = {
        HOSTILE_TEST(ten_megabytes_of_baggage_take_no_more_memory_than_one),
        HOSTILE_TEST(ten_megabytes_of_any_header_take_no_more_memory_than_one),
        HOSTILE_TEST(a_hundred_thousand_headers_of_baggage_are_as_bounded_as_one),
        HOSTILE_TEST(a_member_of_ten_megabytes_does_not_hide_the_next),
        HOSTILE_TEST(ten_thousand_members_of_tracestate_are_dropped_and_the_trace_continues),
        HOSTILE_TEST(any_control_character_makes_a_traceparent_invalid),
        HOSTILE_TEST(control_characters_invalidate_a_tracestate_or_one_member_of_baggage),
        HOSTILE_TEST(headers_that_are_empty_or_null_or_contain_a_nul_are_ignored),
        HOSTILE_TEST(a_thousand_headers_of_one_name_use_bounded_memory),
        HOSTILE_TEST(extract_calls_the_getter_once_for_each_field),
        HOSTILE_TEST(if_out_of_memory_a_header_is_read_completely_or_not_at_all),
        HOSTILE_TEST(if_out_of_memory_no_header_is_sent_in_part),
        HOSTILE_TEST(if_out_of_memory_a_context_does_not_keep_an_earlier_destination),
        HOSTILE_TEST(if_out_of_memory_constructors_return_a_propagator_that_does_nothing),
    };

    if (!tote_allocator_set(&allocator)) {
        return 1;
    }
    return RUN_TESTS(tests, argc, argv);
}
