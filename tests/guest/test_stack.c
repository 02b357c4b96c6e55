/* SPDX-License-Identifier: MIT */
/*
 * test_stack.c - how much stack a call uses
 *
 * Each call runs on its own thread, on a stack that was painted before. The use of the thread
 * itself is measured the same way and subtracted. docs/guest.md has the two limits.
 */
#include "support.h"

#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "tote/exporters/console.h"
#include "tote/exporters/in_memory.h"
#include "tote/exporters/otlp_file.h"
#include "tote/instrumentation/http.h"
#include "tote/log.h"
#include "tote/propagators.h"
#include "tote/tote.h"

/*
 * On s390x each call has an area of 160 bytes for registers. Elsewhere than on Linux a double
 * becomes text by printf().
 */
#ifdef __s390x__
enum { HOT_BYTES = 5120 };
#else
enum { HOT_BYTES = USES_LINUX ? 4096 : 5120 };
#endif
enum { OTHER_BYTES = 8192, PAINTED_BYTES = 1 << 20, PAINT = 0xA5 };
enum { DEEPEST = 64, FIELDS = 100, BAGGAGE_BYTES = 8190 };

static tote_sdk *sdk;
static tote_tracer *tracer;
static tote_context *outer;  /* of a scope with a span and entries of every kind */
static tote_value deep;      /* arrays and maps of the largest depth */
static tote_value deep_too;  /* a copy of it */
static tote_value wide;      /* a map of many fields */
static char long_text[8200]; /* of baggage, as a header */

/* The paint that is left at the low end shows how far the stack was used. */
static size_t bytes_used_by(void *(*call)(void *arg)) {
    unsigned char *stack = mmap(NULL, PAINTED_BYTES, PROT_READ | PROT_WRITE,
                                MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t unused = 0;

    assert_ptr_not_equal(stack, MAP_FAILED);
    memset(stack, PAINT, PAINTED_BYTES);
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstack(&attributes, stack, PAINTED_BYTES), 0);
    assert_int_equal(pthread_create(&thread, &attributes, call, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
    while (unused < PAINTED_BYTES && stack[unused] == PAINT) {
        unused++;
    }
    munmap(stack, PAINTED_BYTES);
    return PAINTED_BYTES - unused;
}

static void *do_nothing(void *arg) {
    return arg;
}

struct call {
    const char *name;
    void *(*run)(void *arg);
};

/* All calls are measured before the test fails: the output has the whole table. */
static void assert_calls_take_at_most(const struct call *calls, size_t count, size_t most) {
    size_t base = bytes_used_by(do_nothing);
    size_t too_many = 0;

    for (size_t i = 0; i < count; i++) {
        size_t used = bytes_used_by(calls[i].run);
        used = used > base ? used - base : 0;
        print_message("%-40s %6zu bytes of stack\n", calls[i].name, used);
        too_many += used > most;
    }
    assert_int_equal(too_many, 0);
}

#define CALL(name)                                                                                 \
    { #name, name }

/* The hot path: the calls of a request handler. */

static void *start_and_end_a_span(void *arg) {
    tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
    tote_span_close(&span);
    return arg;
}

static void *set_attributes(void *arg) {
    tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
    tote_span_set_attribute(span, "int", tote_int(1));
    tote_span_set_attribute(span, "string", tote_string("text"));
    tote_span_set_attribute(span, "long", tote_string(long_text));
    tote_span_set_attribute(span, "double", tote_double(0.1));
    tote_span_set_attribute(span, "not UTF-8 \xFF", tote_string("\xFF"));
    tote_span_close(&span);
    return arg;
}

static void *set_a_deep_attribute(void *arg) {
    tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
    tote_span_set_attribute(span, "deep", deep);
    tote_span_close(&span);
    return arg;
}

static void *set_a_wide_attribute(void *arg) {
    tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
    tote_span_set_attribute(span, "wide", wide);
    tote_span_close(&span);
    return arg;
}

static void *add_events_and_links(void *arg) {
    const tote_attribute attributes[] = {{"deep", deep}, {"wide", wide}};
    tote_span *span = tote_tracer_start_span(tracer, "span", NULL);
    tote_span_add_event(span, "event", attributes, 2, 0);
    tote_span_add_link(span, tote_span_get_context(span), attributes, 2);
    tote_span_record_exception(span, "type", "message", attributes, 2);
    tote_span_close(&span);
    return arg;
}

static int add_entries(void *arg) {
    char key[] = "key 0";

    (void)arg;
    for (int i = 0; i < 40; i++) {
        key[4] = (char)('0' + i);
        tote_store_add(tote_store_current(), key, tote_string("some value of an entry"));
    }
    tote_store_add(tote_store_current(), "deep", deep);
    return 0;
}

static void *run_a_scope(void *arg) {
    tote_run_scoped(tracer, "scope", NULL, add_entries, NULL);
    return arg;
}

static void *open_and_move_a_scope(void *arg) {
    tote_scope *scope = tote_scope_open(tracer, "scope", NULL);
    tote_scope_suspend(scope);
    tote_scope_resume(scope);
    add_entries(NULL);
    tote_scope_close(&scope);
    return arg;
}

static void *read_and_delete_entries(void *arg) {
    char text[64];
    tote_store *store = tote_context_get_store(outer);
    tote_store *own = tote_store_new(store);
    tote_store_get(store, "deep", text, sizeof text);
    tote_store_get(store, "key 1", text, sizeof text);
    tote_entries_free(tote_store_get_all(store));
    tote_store_delete(own, "key 1");
    tote_store_unref(own);
    return arg;
}

static void *change_contexts(void *arg) {
    tote_context_token token = tote_context_attach(outer);
    tote_context_token mark = tote_context_mark();
    tote_context *context =
        tote_context_with_baggage(tote_context_current(), "a", tote_string("b"), "m");
    tote_context *without = tote_context_without_baggage(context, "a");
    tote_context_attach(context);
    tote_context_unwind(mark, TOTE_STATUS_CODE_ERROR, "left");
    tote_context_detach(token);
    tote_context_unref(without);
    tote_context_unref(context);
    return arg;
}

static void *inject(void *arg) {
    static char buffer[32768];
    static tote_header headers[256];
    (void)!tote_inject_headers(outer, headers, TOTE_COUNT_OF(headers), buffer, sizeof buffer);
    return arg;
}

static void *extract(void *arg) {
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const tote_header headers[] = {{"traceparent", 11, parent, sizeof parent - 1},
                                   {"tracestate", 10, "a=b,c=d", 7},
                                   {"baggage", 7, long_text, BAGGAGE_BYTES}};
    tote_context_unref(tote_extract_headers(tote_context_root(), headers, 3));
    return arg;
}

static void *write_log_fields(void *arg) {
    char line[512];
    tote_log_fields(outer, TOTE_LOG_FORMAT_JSON, line, sizeof line);
    tote_log_fields(outer, TOTE_LOG_FORMAT_LOGFMT, line, sizeof line);
    return arg;
}

static void *compare_and_write_values(void *arg) {
    char text[64];
    tote_value_to_text(deep, text, sizeof text);
    tote_value_to_text(wide, text, sizeof text);
    tote_value_to_text(tote_double(0.1), text, sizeof text);
    return arg;
}

static void *open_an_http_server_scope(void *arg) {
    static const tote_header header = {"host", 4, "example.org:8080", 16};
    const tote_header_array carrier = {.headers = (tote_header *)(uintptr_t)&header, .count = 1};
    tote_http_request request = TOTE_HTTP_REQUEST_INIT;
    request.method = "GET";
    request.target = "/path?query=1";
    request.carrier = &carrier;
    request.getter = tote_header_array_getter();
    tote_scope *scope = tote_http_server_open(tracer, &request);
    tote_scope_close(&scope);
    return arg;
}

static void *get_a_tracer(void *arg) {
    tote_get_tracer("tracer", "1");
    return arg;
}

static const struct call hot_calls[] = {
    CALL(start_and_end_a_span),
    CALL(set_attributes),
    CALL(set_a_deep_attribute),
    CALL(set_a_wide_attribute),
    CALL(add_events_and_links),
    CALL(run_a_scope),
    CALL(open_and_move_a_scope),
    CALL(read_and_delete_entries),
    CALL(change_contexts),
    CALL(inject),
    CALL(extract),
    CALL(write_log_fields),
    CALL(compare_and_write_values),
    CALL(open_an_http_server_scope),
    CALL(get_a_tracer),
};

/* A call that reports something is not on the hot path. */
static void the_hot_path_uses_at_most_4_kb_of_stack(void **state) {
    (void)state;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_NONE, NULL);
    assert_calls_take_at_most(hot_calls, TOTE_COUNT_OF(hot_calls), HOT_BYTES);
}

/* The rest: set-up, reports, and exporting on the calling thread without a network. */

static void *report(void *arg) {
    tote_diagnostics_report(TOTE_LEVEL_ERROR, "test", "%s and %d", "a report to standard error", 1);
    return arg;
}

static void run_an_sdk(tote_span_exporter *exporter, tote_export_mode mode) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    batch.mode = mode;
    options.skip_global_registration = true;
    options.batch = &batch;
    options.exporters = &exporter;
    options.exporter_count = 1;
    tote_sdk *own = tote_sdk_start(&options);
    tote_tracer_provider *provider = tote_sdk_ref_tracer_provider(own);
    tote_tracer *of_own = tote_tracer_provider_get_tracer(provider, "own", NULL);
    for (int i = 0; i < 20; i++) {
        tote_span *span = tote_tracer_start_span(of_own, "span", NULL);
        tote_span_set_attribute(span, "deep", deep);
        tote_span_close(&span);
    }
    tote_tracer_provider_unref(provider);
    tote_sdk_poll(own);
    tote_sdk_force_flush(own, 1000);
    tote_sdk_close(&own, 1000);
}

static void *export_to_a_console(void *arg) {
    FILE *out = fopen("/dev/null", "w");
    run_an_sdk(tote_span_exporter_console_new(out), TOTE_EXPORT_MODE_SIMPLE);
    fclose(out);
    return arg;
}

static void *export_to_a_file_by_host(void *arg) {
    tote_otlp_file_options options = TOTE_OTLP_FILE_OPTIONS_INIT;
    options.path = "/dev/null";
    run_an_sdk(tote_span_exporter_otlp_file_new(&options), TOTE_EXPORT_MODE_HOST_DRIVEN);
    return arg;
}

static void *export_to_memory_by_worker(void *arg) {
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    run_an_sdk(tote_span_exporter_in_memory_new(memory), TOTE_EXPORT_MODE_WORKER);
    tote_in_memory_spans_unref(memory);
    return arg;
}

static void *compare_values(void *arg) {
    tote_value_equals(deep, deep_too);
    tote_value_equals(wide, wide);
    return arg;
}

static void the_hot_path_uses_at_most_8_kb_of_stack_when_it_reports_something(void **state) {
    (void)state;
    tote_diagnostics_set_handler(NULL, TOTE_LEVEL_DEBUG, NULL);
    assert_calls_take_at_most(hot_calls, TOTE_COUNT_OF(hot_calls), OTHER_BYTES);
}

static void any_other_call_uses_at_most_8_kb_of_stack(void **state) {
    const struct call calls[] = {
        CALL(report),
        CALL(export_to_a_console),
        CALL(export_to_a_file_by_host),
        CALL(export_to_memory_by_worker),
        CALL(compare_values),
    };

    (void)state;
    assert_calls_take_at_most(calls, TOTE_COUNT_OF(calls), OTHER_BYTES);
}

static void *do_all_of_it(void *arg) {
    run_a_scope(NULL);
    set_a_deep_attribute(NULL);
    inject(NULL);
    extract(NULL);
    return arg;
}

/* The smallest stack of a thread function. Spec: POSIX, PTHREAD_STACK_MIN */
static void a_thread_with_the_smallest_stack_works(void **state) {
    pthread_attr_t attributes;
    pthread_t thread;

    (void)state;
    assert_int_equal(pthread_attr_init(&attributes), 0);
    assert_int_equal(pthread_attr_setstacksize(&attributes, (size_t)PTHREAD_STACK_MIN), 0);
    assert_int_equal(pthread_create(&thread, &attributes, do_all_of_it, NULL), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    pthread_attr_destroy(&attributes);
}

struct deep_value {
    tote_value parts[DEEPEST][3];
    tote_attribute fields[DEEPEST];
};

static tote_value make_deep(struct deep_value *memory) {
    tote_value value = tote_int(1);

    for (int i = 0; i < DEEPEST; i++) {
        memory->parts[i][0] = value;
        memory->parts[i][1] = tote_string("leaf");
        memory->parts[i][2] = tote_double(0.1);
        memory->fields[i] = (tote_attribute){"key", value};
        value = i % 2 ? tote_map(&memory->fields[i], 1) : tote_array(memory->parts[i], 3);
    }
    return value;
}

static void make_values(void) {
    static struct deep_value memory[2];
    static tote_attribute fields[FIELDS];
    static char keys[FIELDS][16];

    deep = make_deep(&memory[0]);
    deep_too = make_deep(&memory[1]);
    for (int i = 0; i < FIELDS; i++) {
        snprintf(keys[i], sizeof keys[i], "field %d", i);
        fields[i] = (tote_attribute){keys[i], tote_int(i)};
    }
    wide = tote_map(fields, FIELDS);
    for (int i = 0; i < BAGGAGE_BYTES; i++) {
        long_text[i] = "k=v,"[i % 4];
    }
}

static int set_up(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_span_exporter *exporters[] = {tote_span_exporter_in_memory_new(memory)};

    (void)state;
    make_values();
    tote_in_memory_spans_unref(memory);
    options.ignore_environment = true;
    options.service_name = "stack";
    options.exporters = exporters;
    options.exporter_count = 1;
    sdk = tote_sdk_start(&options);
    tracer = tote_get_tracer("stack", NULL);
    tote_scope *scope = tote_scope_open(tracer, "outer", NULL);
    add_entries(NULL);
    tote_store_add(tote_scope_get_store(scope), "wide", wide);
    outer = tote_context_with_baggage(tote_context_current(), "long",
                                      tote_string_of(long_text, 3000), NULL);
    tote_scope_close(&scope);
    return sdk ? 0 : 1;
}

static int tear_down(void **state) {
    (void)state;
    tote_context_unref(outer);
    tote_sdk_close(&sdk, 1000);
    return 0;
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(the_hot_path_uses_at_most_4_kb_of_stack),
        TEST(the_hot_path_uses_at_most_8_kb_of_stack_when_it_reports_something),
        TEST(any_other_call_uses_at_most_8_kb_of_stack),
        TEST(a_thread_with_the_smallest_stack_works),
    };

    (void)(argc > 1 ? cmocka_set_test_filter(argv[1]) : (void)0);
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
