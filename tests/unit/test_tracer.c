/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "fake_provider.h"
#include "reports.h"
#include "tote/scope.h"

static int set_up(void **state) {
    (void)state;
    tote_tracer_provider_set_global(NULL);
    fake_provider();
    fake.base.ops = &fake_noting_ops;
    count_diagnostics();
    return 0;
}

static tote_span *remote_span(void) {
    tote_trace_id trace_id = {{1}};
    tote_span_id span_id = {{2}};
    tote_span_context *context =
        tote_span_context_new(&trace_id, &span_id, TOTE_TRACE_FLAG_SAMPLED, NULL, true);
    tote_span *span = tote_span_non_recording_new(context);

    tote_span_context_unref(context);
    return span;
}

/* Spec: trace/api.md#get-a-tracer. Compliance: TR-02, TR-03, TR-04 */
static void all_four_parameters_identify_a_tracer(void **state) {
    (void)state;
    const tote_attribute attributes[] = {{"a", tote_int(1)}, {"b", tote_string("x")}};
    const tote_attribute swapped[] = {
        {"b", tote_string("x")}, {"a", tote_int(1)}, {NULL, tote_int(3)}};
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    tote_tracer *seen[5];

    seen[0] = tote_get_tracer("library", NULL);
    seen[1] = tote_get_tracer("library", "1.0");
    options.version = "1.0";
    options.schema_url = "https://example.com/1";
    seen[2] = tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "library", &options);
    options.attributes = attributes;
    options.attribute_count = 2;
    seen[3] = tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "library", &options);
    seen[4] = tote_tracer_provider_get_tracer(&fake.base, "library", &options);
    for (size_t i = 0; i < 5; i++) {
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(seen[i], seen[j]);
        }
        assert_ptr_equal(tote__tracer_at(seen[i]->index), seen[i]);
    }
    options.attributes = swapped;
    options.attribute_count = 3;
    assert_ptr_equal(
        tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, "library", &options), seen[3]);
    assert_ptr_equal(tote_get_tracer("library", "1.0"), seen[1]);
    assert_ptr_equal(tote_get_tracer("library", ""), seen[0]);
    assert_string_equal(seen[3]->scope.schema_url, "https://example.com/1");
    assert_int_equal(seen[3]->scope.attribute_count, 2);
}

/* Spec: trace/api.md#get-a-tracer */
static void a_tracer_without_a_name_works_and_is_reported_only_once(void **state) {
    (void)state;
    tote_tracer_provider_set_global(&fake.base);

    tote_tracer *tracer = tote_get_tracer(NULL, NULL);
    assert_ptr_equal(tote_get_tracer("", NULL), tracer);
    assert_string_equal(tracer->scope.name, "");
    assert_int_equal(diagnostics, 1);
    tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
    assert_true(tote_span_is_recording(span));
    tote_span_close(&span);
}

/* Spec: trace/api.md#get-a-tracer */
static void a_name_with_invalid_utf8_is_repaired_and_names_one_tracer(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("a\xFF", NULL);

    assert_string_equal(tracer->scope.name, "a\xEF\xBF\xBD");
    assert_ptr_equal(tote_get_tracer("a\xFF", NULL), tracer);
}

static void a_tracer_fetched_before_the_provider_works_once_it_is_set(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("early", NULL);
    assert_false(tote_tracer_is_enabled(tracer, NULL));

    tote_tracer_provider_set_global(&fake.base);
    assert_true(tote_tracer_is_enabled(tracer, NULL));
    tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
    assert_true(tote_span_is_recording(span));
    assert_ptr_equal(fake.tracer, tracer);
    tote_span_close(&span);
    tote_tracer_provider_set_global(NULL);
    assert_int_equal(fake.references, 0);
    assert_false(tote_tracer_is_enabled(tracer, NULL));
}

static void a_tracer_of_an_earlier_run_of_its_provider_does_nothing(void **state) {
    (void)state;
    tote_tracer *before = tote_tracer_provider_get_tracer(&fake.base, "library", NULL);
    fake.base.run++;
    tote_tracer *after = tote_tracer_provider_get_tracer(&fake.base, "library", NULL);

    assert_ptr_not_equal(before, after);
    assert_false(tote_tracer_is_enabled(before, NULL));
    assert_true(tote_tracer_is_enabled(after, NULL));
    tote_span *span = tote_tracer_start_span(before, "work", NULL);
    assert_ptr_equal(span, &tote__invalid_span);
    tote_span_close(&span);
}

/* Spec: trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk */
static void without_a_provider_a_span_has_the_span_context_of_its_parent(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("library", NULL);
    tote_span *remote = remote_span();
    tote_context *context = tote_context_with_span(tote_context_current(), remote);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    tote_span *orphan = tote_tracer_start_span(tracer, "work", NULL);
    assert_ptr_equal(orphan, &tote__invalid_span);
    options.parent = context;
    tote_span *child = tote_tracer_start_span(tracer, "work", &options);
    assert_ptr_equal(child, remote);
    options.root = true;
    tote_span *root = tote_tracer_start_span(tracer, "work", &options);
    assert_ptr_equal(root, &tote__invalid_span);

    tote_span_close(&orphan);
    tote_span_close(&child);
    tote_span_close(&root);
    tote_span_close(&remote);
    tote_context_unref(context);
}

/* Spec: trace/api.md#behavior-of-the-api-in-the-absence-of-an-installed-sdk */
static void without_a_provider_a_recording_parent_is_not_returned(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("library", NULL);
    tote_tracer_provider_set_global(&fake.base);
    tote_span *parent = tote_tracer_start_span(tracer, "parent", NULL);
    tote_context *context = tote_context_with_span(tote_context_current(), parent);
    tote_context_token token = tote_context_attach(context);
    tote_tracer_provider_set_global(NULL);

    tote_span *child = tote_tracer_start_span(tracer, "child", NULL);
    assert_ptr_not_equal(child, parent);
    assert_false(tote_span_is_recording(child));
    assert_memory_equal(&tote_span_get_context(child)->span_id, &parent->context.span_id,
                        sizeof(tote_span_id));
    tote_span_close(&child);
    assert_true(tote_span_is_recording(parent));

    tote_context_detach(token);
    tote_context_unref(context);
    tote_span_close(&parent);
}

/*
 * A context that a lookup did not find is NULL. It is the root context, never the current one.
 * Spec: trace/api.md#determining-the-parent-span-from-a-context
 */
static void a_null_parent_starts_a_trace_and_is_reported(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("library", NULL);
    tote_span *remote = remote_span();
    tote_context *context = tote_context_with_span(tote_context_root(), remote);
    tote_context_token token = tote_context_attach(context);
    tote_span_options options = TOTE_SPAN_OPTIONS_INIT;

    tote_span *child = tote_tracer_start_span(tracer, "work", &options);
    assert_ptr_equal(child, remote);
    reports_reset(TOTE_LEVEL_WARN);
    options.parent = NULL;
    tote_span *orphan = tote_tracer_start_span(tracer, "lost", &options);
    assert_ptr_equal(orphan, &tote__invalid_span);
    tote_scope *scope = tote_scope_open(tracer, "lost", &options);
    assert_ptr_equal(tote_scope_get_span(scope), &tote__invalid_span);
    tote_scope_close(&scope);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "\"lost\" has a NULL parent"));
    options.root = true;
    tote_span *root = tote_tracer_start_span(tracer, "work", &options);
    assert_int_equal(reports.count, 1);
    count_diagnostics();

    tote_span_close(&child);
    tote_span_close(&orphan);
    tote_span_close(&root);
    tote_span_close(&remote);
    tote_context_detach(token);
    tote_context_unref(context);
}

static void a_null_provider_has_no_tracer(void **state) {
    (void)state;
    tote_tracer_provider_set_global(&fake.base);
    tote_tracer *tracer = tote_tracer_provider_get_tracer(NULL, "library", NULL);

    assert_null(tracer);
    tote_tracer_provider_set_global(TOTE_TRACER_PROVIDER_GLOBAL); /* changes nothing */
    tote_tracer_provider_unref(tote_tracer_provider_ref(TOTE_TRACER_PROVIDER_GLOBAL));
    tote_tracer_provider_unref(TOTE_TRACER_PROVIDER_GLOBAL);
    tote_context_unref((tote_context *)TOTE_CONTEXT_CURRENT);
    assert_false(tote_tracer_is_enabled(tracer, NULL));
    tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
    assert_false(tote_span_is_recording(span));
    assert_int_equal(fake.started, 0);
    tote_span_close(&span);
    tote_tracer_provider_set_global(NULL);
}

static void under_suppression_no_span_is_started(void **state) {
    (void)state;
    tote_tracer *tracer = tote_get_tracer("library", NULL);
    tote_context *context = tote_context_with_suppression(tote_context_current());
    tote_context_token token = tote_context_attach(context);
    tote_tracer_provider_set_global(&fake.base);

    tote_span *span = tote_tracer_start_span(tracer, "work", NULL);
    assert_ptr_equal(span, &tote__invalid_span);
    assert_false(tote_tracer_is_enabled(tracer, NULL));
    assert_int_equal(fake.started, 0);
    tote_span_close(&span);
    tote_context_detach(token);
    tote_context_unref(context);
}

/* Spec: trace/api.md#span-creation */
static void starting_a_span_does_not_make_it_current(void **state) {
    (void)state;
    tote_tracer_provider_set_global(&fake.base);
    tote_span *span = tote_tracer_start_span(tote_get_tracer("library", NULL), NULL, NULL);

    assert_null(tote_span_current());
    assert_string_equal(fake_span_of(span)->name, "");
    assert_ptr_equal(fake_span_of(span)->parent, tote_context_root());
    assert_ptr_equal(fake_span_of(span)->store, tote_store_root());
    tote_span_close(&span);
}

/* A program may be compiled with an older or newer header. */
static void options_of_another_version_are_read_up_to_the_smaller_size(void **state) {
    (void)state;
    struct {
        tote_span_options known;
        char more[64];
    } newer = {.known = TOTE_SPAN_OPTIONS_INIT};
    tote_span_options older = TOTE_SPAN_OPTIONS_INIT;
    tote_tracer *tracer = tote_get_tracer("library", NULL);
    tote_tracer_provider_set_global(&fake.base);
    newer.known.struct_size = sizeof newer;
    newer.known.start_time_unix_nano = 5;
    older.struct_size = offsetof(tote_span_options, attributes);
    older.kind = TOTE_SPAN_KIND_CLIENT;
    older.start_time_unix_nano = 7;
    older.attribute_count = 7;

    tote_span *span = tote_tracer_start_span(tracer, "work", &newer.known);
    assert_int_equal(fake.options.start_time_unix_nano, 5);
    tote_span_close(&span);
    span = tote_tracer_start_span(tracer, "work", &older);
    assert_int_equal(fake.options.struct_size, sizeof older);
    assert_int_equal(fake.options.kind, TOTE_SPAN_KIND_CLIENT);
    assert_int_equal(fake.options.start_time_unix_nano, 0);
    assert_int_equal(fake.options.attribute_count, 0);
    tote_span_close(&span);
    older.struct_size = 0;
    span = tote_tracer_start_span(tracer, "work", &older);
    assert_int_equal(fake.options.kind, TOTE_SPAN_KIND_INTERNAL);
    assert_int_equal(diagnostics, 1);
    tote_span_close(&span);
}

/* Spec: trace/api.md#tracerprovider */
static void the_global_provider_is_referenced_while_it_is_global(void **state) {
    (void)state;
    assert_null(tote_tracer_provider_ref_global());
    tote_tracer_provider_set_global(&fake.base);
    assert_int_equal(fake.references, 1);

    tote_tracer_provider *provider = tote_tracer_provider_ref_global();
    assert_ptr_equal(provider, &fake.base);
    assert_int_equal(fake.references, 2);
    tote_tracer_provider_set_global(&fake.base);
    assert_int_equal(fake.references, 2);
    tote_tracer_provider_unref(provider);
    tote_tracer_provider_set_global(NULL);
    assert_int_equal(fake.references, 0);
}

/* Spec: error-handling.md */
static void null_and_out_of_memory_are_harmless(void **state) {
    (void)state;
    tote_tracer_provider_set_global(&fake.base);

    assert_null(tote_tracer_provider_ref(NULL));
    tote_tracer_provider_unref(NULL);
    assert_false(tote_tracer_is_enabled(NULL, NULL));
    tote_span *span = tote_tracer_start_span(NULL, NULL, NULL);
    assert_ptr_equal(span, &tote__invalid_span);
    tote_span_close(&span);
    errno = EXDEV;
    is_memory_out = true;
    tote_tracer *tracer = tote_get_tracer("found memory out", NULL);
    is_memory_out = false;
    assert_ptr_equal(tracer, tote__tracer_at(0));
    assert_int_equal(diagnostics, 1);
    assert_int_equal(errno, EXDEV);
}

static void a_tracer_of_an_instrumentation_is_kept_unless_memory_is_out(void **state) {
    _Atomic(tote_tracer *) known = NULL;

    (void)state;
    is_memory_out = true;
    assert_ptr_equal(tote__tracer_named(&known, "tote-test"), tote__tracer_at(0));
    is_memory_out = false;
    assert_null(known);
    tote_tracer *tracer = tote__tracer_named(&known, "tote-test");
    assert_ptr_equal(known, tracer);
    assert_ptr_equal(tote__tracer_named(&known, "tote-test"), tracer);
    assert_string_equal(tracer->scope.name, "tote-test");
    assert_string_equal(tracer->scope.version, tote_version());
    assert_string_equal(tracer->scope.schema_url, TOTE__SCHEMA_URL);
}

enum { THREADS = 4, NAMES = 50 };

static void *fetch_tracers(void *arg) {
    tote_tracer **fetched = arg;
    char name[32];

    for (int i = 0; i < NAMES; i++) {
        snprintf(name, sizeof name, "fetched %d", i);
        fetched[i] = tote_get_tracer(name, "1.0");
        tote_tracer_provider_unref(tote_tracer_provider_ref_global());
    }
    return NULL;
}

/* Spec: trace/api.md#concurrency-requirements. Compliance: TR-06 */
static void threads_that_get_the_same_tracers_get_the_same_objects(void **state) {
    (void)state;
    pthread_t threads[THREADS];
    tote_tracer *fetched[THREADS][NAMES];

    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, fetch_tracers, fetched[i]);
    }
    for (int i = 0; i < NAMES; i++) {
        tote_tracer_provider_set_global(i % 2 ? NULL : &fake.base);
    }
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        assert_memory_equal(fetched[i], fetched[0], sizeof fetched[0]);
    }
    assert_int_equal(fake.references, 0);
}

/* Spec: trace/api.md#get-a-tracer. Compliance: TR-04 */
static void thousands_of_tracers_keep_their_identity(void **state) {
    enum { TRACERS = 5000 };
    static tote_tracer *seen[TRACERS];
    const tote_attribute attribute = {"shard", tote_int(7)};
    tote_tracer_options options = TOTE_TRACER_OPTIONS_INIT;
    options.version = "1.2";
    options.schema_url = "https://example.com/schema";
    options.attributes = &attribute;
    options.attribute_count = 1;
    char name[32];

    (void)state;
    for (int round = 0; round < 2; round++) {
        for (int i = 0; i < TRACERS; i++) {
            snprintf(name, sizeof name, "tracer %d", i);
            tote_tracer *tracer =
                tote_tracer_provider_get_tracer(TOTE_TRACER_PROVIDER_GLOBAL, name, &options);
            assert_true(round == 0 || tracer == seen[i]);
            assert_ptr_equal(tote__tracer_at(tracer->index), tracer);
            assert_string_equal(tracer->scope.name, name);
            assert_string_equal(tracer->scope.version, "1.2");
            assert_string_equal(tracer->scope.schema_url, "https://example.com/schema");
            assert_int_equal(tracer->scope.attribute_count, 1);
            seen[i] = tracer;
        }
    }
    assert_int_equal(diagnostics, 0);
}

/* Return a name of a mebibyte that begins with the number. */
static char *large_name(int number) {
    enum { SIZE = 1 << 20 };
    char *name = malloc(SIZE);

    assert_non_null(name);
    memset(name, 'x', SIZE);
    name[snprintf(name, SIZE, "%d", number)] = ' ';
    name[SIZE - 1] = '\0';
    return name;
}

/* The last test, because the memory of tracers is full afterwards. */
static void tracers_over_the_memory_limit_share_one_without_a_name(void **state) {
    tote_tracer *tracer = NULL;

    (void)state;
    for (int i = 0; i < 20; i++) {
        char *name = large_name(i);
        tracer = tote_get_tracer(name, NULL);
        free(name);
        assert_ptr_equal(tote__tracer_at(tracer->index), tracer);
    }
    assert_string_equal(tracer->scope.name, "");
    assert_int_equal(diagnostics, 1);
    assert_ptr_equal(tote__tracer_at(UINT32_MAX), tracer);
    assert_string_equal(tote_get_tracer("tracer 7", NULL)->scope.name, "tracer 7");
    assert_string_equal(tote__tracer_at(60000)->scope.version, "");
}

#define TRACER_TEST(test) cmocka_unit_test_setup(test, set_up)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TRACER_TEST(all_four_parameters_identify_a_tracer),
        TRACER_TEST(a_tracer_without_a_name_works_and_is_reported_only_once),
        TRACER_TEST(a_name_with_invalid_utf8_is_repaired_and_names_one_tracer),
        TRACER_TEST(a_tracer_fetched_before_the_provider_works_once_it_is_set),
        TRACER_TEST(a_tracer_of_an_earlier_run_of_its_provider_does_nothing),
        TRACER_TEST(without_a_provider_a_span_has_the_span_context_of_its_parent),
        TRACER_TEST(without_a_provider_a_recording_parent_is_not_returned),
        TRACER_TEST(a_null_parent_starts_a_trace_and_is_reported),
        TRACER_TEST(a_null_provider_has_no_tracer),
        TRACER_TEST(under_suppression_no_span_is_started),
        TRACER_TEST(starting_a_span_does_not_make_it_current),
        TRACER_TEST(options_of_another_version_are_read_up_to_the_smaller_size),
        TRACER_TEST(the_global_provider_is_referenced_while_it_is_global),
        TRACER_TEST(null_and_out_of_memory_are_harmless),
        TRACER_TEST(a_tracer_of_an_instrumentation_is_kept_unless_memory_is_out),
        TRACER_TEST(threads_that_get_the_same_tracers_get_the_same_objects),
        TRACER_TEST(thousands_of_tracers_keep_their_identity),
        TRACER_TEST(tracers_over_the_memory_limit_share_one_without_a_name),
    };
    use_fake_allocator();
    return RUN_TESTS(tests, argc, argv);
}
