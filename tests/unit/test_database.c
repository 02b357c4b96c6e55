/* SPDX-License-Identifier: MIT */
/*
 * test_database.c - names, attributes and errors of spans of database clients
 */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "span_text.h"
#include "tote/allocator.h"
#include "tote/exporters/in_memory.h"
#include "tote/instrumentation/database.h"
#include "tote/internal/pool.h"
#include "tote/sdk/sampler.h"
#include "tote/sdk/span_processor.h"
#include "tote/tote.h"

static tote_in_memory_spans *memory;
static tote_sdk *sdk;
static tote_database_call call;

static int set_up(void **state) {
    const tote_database_call initial = TOTE_DATABASE_CALL_INIT;

    (void)state;
    call = initial;
    memory = tote_in_memory_spans_new();
    sdk = tote_in_memory_sdk_start(memory);
    return sdk ? 0 : -1;
}

static int tear_down(void **state) {
    (void)state;
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    return 0;
}

static tote_span *start(void) {
    return tote_database_start(tote_get_tracer("test", NULL), TOTE_CONTEXT_CURRENT, &call);
}

/* Return the only span that has ended since the last call of it. */
static const tote_span_data *finish(tote_span *span) {
    tote_in_memory_spans_clear(memory);
    tote_span_close(&span);
    assert_int_equal(tote_in_memory_spans_get_count(memory), 1);
    return tote_in_memory_spans_get_at(memory, 0);
}

static void set_query(const char *query) {
    call.query = query;
    call.query_length = query ? strlen(query) : 0;
}

/* Spec: database-spans.md#span-definition */
static void a_call_is_a_client_span_with_the_attributes_of_the_conventions(void **state) {
    (void)state;
    call.system = "postgresql";
    call.db_namespace = "shop";
    call.server_address = "db.test";
    call.server_port = 5433;
    call.peer_address = "10.0.0.7";
    call.peer_port = 5433;
    set_query("SELECT name FROM customers WHERE id = 7");
    const tote_span_data *span = finish(start());
    assert_int_equal(tote_span_data_get_kind(span), TOTE_SPAN_KIND_CLIENT);
    assert_string_equal(tote_span_data_get_name(span), "SELECT customers");
    assert_span_text(span, "db.system.name", "postgresql");
    assert_span_text(span, "db.namespace", "shop");
    assert_span_text(span, "db.query.summary", "SELECT customers");
    assert_span_text(span, "db.query.text", "SELECT name FROM customers WHERE id = ?");
    assert_span_text(span, "server.address", "db.test");
    assert_span_text(span, "server.port", "5433");
    assert_span_text(span, "network.peer.address", "10.0.0.7");
    assert_span_text(span, "network.peer.port", "5433");
    assert_span_text(span, "db.operation.name", NULL);
    assert_span_text(span, "db.collection.name", NULL);
    assert_span_text(span, "db.operation.batch.size", NULL);
    assert_int_equal(tote_span_data_get_status_code(span), TOTE_STATUS_CODE_UNSET);
}

/* Spec: database-spans.md#span-definition, server.port */
static void the_default_port_of_a_system_is_left_out(void **state) {
    static const struct {
        const char *system;
        uint16_t port;
        const char *expected;
    } rows[] = {{"postgresql", 5432, NULL}, {"redis", 6379, NULL},   {"mysql", 3306, NULL},
                {"redis", 5432, "5432"},    {"other", 6379, "6379"}, {NULL, 6379, "6379"}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        call.system = rows[i].system;
        call.server_port = rows[i].port;
        call.server_address = "db.test";
        assert_span_text(finish(start()), "server.port", rows[i].expected);
    }
    call.server_address = NULL;
    assert_span_text(finish(start()), "server.port", NULL);
}

/* Spec: database-spans.md#name, redis.md: the index of the database is not in the name */
static void a_name_is_the_summary_else_the_operation_and_its_target_else_the_system(void **state) {
    static const struct {
        tote_database_call call;
        const char *expected;
    } rows[] = {
        {{.summary = "get user", .operation = "GET", .query = "SELECT a", .query_length = 8},
         "get user"},
        {{.query = "SELECT a FROM t", .query_length = 15, .operation = "x"}, "SELECT t"},
        {{.operation = "find", .collection = "users", .db_namespace = "d"}, "find users"},
        {{.operation = "run", .stored_procedure = "p", .db_namespace = "d"}, "run p"},
        {{.operation = "ping", .db_namespace = "d", .server_address = "h", .server_port = 1},
         "ping d"},
        {{.operation = "ping", .server_address = "h", .server_port = 1}, "ping h:1"},
        {{.operation = "GET",
          .system = "redis",
          .db_namespace = "3",
          .server_address = "h",
          .server_port = 6379},
         "GET h:6379"},
        {{.operation = "GET", .system = "redis", .db_namespace = "3", .server_address = "/s"},
         "GET"},
        {{.operation = "find"}, "find"},
        {{.collection = "users"}, "users"},
        {{.system = "sqlite", .query = "hunter2", .query_length = 7}, "sqlite"},
        {{.system = "sqlite", .operation = "", .collection = "", .summary = ""}, "sqlite"},
        {{.query = "SELECT a FROM t", .query_length = 15, .operation = "x", .summary = ""}, "x"},
        {{.system = NULL}, "database"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        call = rows[i].call;
        call.struct_size = sizeof call;
        assert_string_equal(tote_span_data_get_name(finish(start())), rows[i].expected);
    }
}

/* Spec: database-spans.md, db.operation.batch.size: a batch has two or more operations */
static void one_operation_is_no_batch(void **state) {
    static const char *const expected[] = {NULL, NULL, "2", "3"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(expected); i++) {
        call.batch_size = i;
        assert_span_text(finish(start()), "db.operation.batch.size", expected[i]);
    }
}

/* Spec: database-spans.md#sanitization-of-dbquerytext */
static void parameterized_text_is_recorded_as_it_is(void **state) {
    (void)state;
    set_query("SELECT 1 /* why */\n WHERE a = $1");
    call.is_parameterized = true;
    assert_span_text(finish(start()), "db.query.text", call.query);
}

static void assert_text_size(size_t expected) {
    const tote_span_data *span = finish(start());
    const tote_value *value = tote_span_data_get_attribute(span, "db.query.text");

    assert_non_null(value);
    assert_int_equal(value->size, expected);
}

static void long_text_is_cut_at_a_character_or_a_token(void **state) {
    size_t length = 8 * TOTE_DATABASE_MAX_TEXT;
    char *text = malloc(length);

    (void)state;
    assert_non_null(text);
    for (size_t i = 0; i < length; i += 2) {
        memcpy(text + i, i ? "\xc3\xa4" : "a,", 2);
    }
    call.query = text;
    call.query_length = length;
    assert_text_size(2);
    call.is_parameterized = true;
    assert_text_size(TOTE_DATABASE_MAX_TEXT);
    call.query++; /* now the limit is within a character */
    call.query_length--;
    assert_text_size(TOTE_DATABASE_MAX_TEXT - 1);
    free(text);
}

/* Spec: database-spans.md, db.response.status_code and error.type; recording-errors.md */
static void an_error_has_the_code_of_the_database_and_a_message_without_values(void **state) {
    static const struct {
        const char *code, *type, *description, *expected_type, *expected_description;
    } rows[] = {
        {"42P01", NULL, "relation \"x\" does not exist", "42P01", "relation ? does not exist"},
        {"22P02", NULL, "invalid input for type integer: \"secret\"", "22P02",
         "invalid input for type integer: ?"},
        {NULL, "timeout", "canceled after 5 seconds", "timeout", "canceled after ? seconds"},
        {"57014", "timeout", NULL, "timeout", ""},
        {NULL, NULL, "near 'it", "_OTHER", "near ?"},
        {"", "", "unknown `secret` -- see # and /* this", "_OTHER",
         "unknown ? -- see # and /* this"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_span *span = start();
        tote_database_set_error(span, rows[i].code, rows[i].type, rows[i].description);
        const tote_span_data *data = finish(span);
        assert_int_equal(tote_span_data_get_status_code(data), TOTE_STATUS_CODE_ERROR);
        assert_string_equal(tote_span_data_get_status_description(data),
                            rows[i].expected_description);
        assert_span_text(data, "error.type", rows[i].expected_type);
        assert_span_text(data, "db.response.status_code",
                         rows[i].code && *rows[i].code ? rows[i].code : NULL);
    }
    tote_database_set_error(NULL, "x", NULL, "x");
}

static void texts_and_messages_are_written_as_they_are_recorded(void **state) {
    char text[16];

    (void)state;
    set_query("SELECT 'secret', 12345");
    assert_int_equal(tote_database_text(text, sizeof text, &call), 11);
    assert_string_equal(text, "SELECT ?, ?");
    call.is_parameterized = true;
    assert_int_equal(tote_database_text(text, sizeof text, &call), 15);
    assert_string_equal(text, "SELECT 'secret'");
    set_query(NULL);
    assert_int_equal(tote_database_text(text, sizeof text, &call), 0);
    assert_string_equal(text, "");
    assert_int_equal(tote_database_message(text, sizeof text, "near \"secret\""), 6);
    assert_string_equal(text, "near ?");
    assert_int_equal(tote_database_message(text, sizeof text, NULL), 0);
    assert_string_equal(text, "");
    assert_int_equal(tote_database_text(NULL, sizeof text, &call), 0);
    assert_int_equal(tote_database_message(NULL, sizeof text, "x"), 0);
    assert_int_equal(tote_database_message(text, 0, "x"), 0);
}

static void without_a_running_sdk_a_call_has_no_span_to_record(void **state) {
    (void)state;
    tote_span *span = tote_database_start(NULL, TOTE_CONTEXT_CURRENT, &call);
    assert_false(tote_span_is_recording(span));
    tote_database_set_rows(span, 1);
    tote_span_close(&span);
    span = tote_database_start(tote_get_tracer("test", NULL), TOTE_CONTEXT_CURRENT, NULL);
    assert_string_equal(tote_span_data_get_name(finish(span)), "database");
}

/* Restart the SDK with another sampler, and with a processor of the program unless it is NULL. */
static void restart(tote_sampler *sampler, tote_span_processor *processor) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);

    tote_sdk_close(&sdk, 1000);
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.ignore_environment = true;
    options.exporters = &exporter;
    options.exporter_count = 1;
    options.batch = &batch;
    options.sampler = sampler;
    options.processors = &processor;
    options.processor_count = processor ? 1 : 0;
    sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
}

static void use_sampler(tote_sampler *sampler) {
    restart(sampler, NULL);
}

/* Write the name and the keys of the attributes to `text`. */
static void write_start(char *text, const char *name, const tote_attribute *attributes,
                        size_t count) {
    strcpy(text, name);
    for (size_t i = 0; i < count; i++) {
        strcat(strcat(text, " "), attributes[i].key);
    }
}

static tote_sampling_decision note_and_drop(void *self, const tote_sampling_parameters *span,
                                            tote_sampling_result *result) {
    (void)result;
    write_start(self, span->name, span->attributes, span->attribute_count);
    return TOTE_SAMPLING_DECISION_DROP;
}

static void note_start(void *self, tote_span *span, const tote_context *parent) {
    const tote_span_data *data = tote_span_get_data(span);
    size_t count;
    const tote_attribute *attributes = tote_span_data_get_attributes(data, &count);

    (void)parent;
    write_start(self, tote_span_data_get_name(data), attributes, count);
}

/* Spec: database-spans.md#span-definition: attributes at the creation of a span */
static void samplers_and_processors_of_the_program_get_the_name_and_all_attributes(void **state) {
    static const char expected[] =
        "SELECT customers db.system.name db.query.summary db.query.text server.address";
    static const tote_sampler_ops sampler = {.struct_size = sizeof sampler,
                                             .should_sample = note_and_drop};
    static const tote_span_processor_ops processor = {.struct_size = sizeof processor,
                                                      .on_start = note_start};
    char seen[256] = "";
    tote_parent_based_options parent_based = TOTE_PARENT_BASED_OPTIONS_INIT;

    (void)state;
    call.system = "postgresql";
    call.server_address = "db.test";
    set_query("SELECT name FROM customers WHERE id = 7");
    parent_based.root = tote_sampler_new(&sampler, seen);
    use_sampler(tote_sampler_parent_based_new(&parent_based));
    tote_span *span = start();
    assert_string_equal(seen, expected);
    tote_span_close(&span);
    *seen = '\0';
    restart(tote_sampler_always_on_new(), tote_span_processor_new(&processor, seen));
    span = start();
    assert_string_equal(seen, expected);
    tote_span_close(&span);
}

static _Thread_local size_t allocations; /* the worker of the SDK has its own */

static void *count_allocation(void *self, size_t size) {
    (void)self;
    allocations++;
    return malloc(size);
}

static void *count_reallocation(void *self, void *block, size_t old_size, size_t size) {
    (void)self, (void)old_size;
    allocations++;
    return realloc(block, size);
}

static void release(void *self, void *block, size_t size) {
    (void)self, (void)size;
    free(block);
}

/* Whether starting a span reads the text: it needs memory for that. */
static bool reads_text(void) {
    tote_span *warm = start();

    tote_span_close(&warm);
    allocations = 0;
    tote_span *span = start();
    bool has_read = allocations > 0;
    tote_span_close(&span);
    return has_read;
}

/* The contract of tote_database_start() */
static void the_text_of_a_span_that_is_not_recorded_is_not_read(void **state) {
    tote_parent_based_options parent_based = TOTE_PARENT_BASED_OPTIONS_INIT;

    (void)state;
    set_query("SELECT name FROM customers WHERE id = 7");
    assert_true(reads_text());
    use_sampler(tote_sampler_probability_new(0));
    assert_false(reads_text());
    parent_based.root = tote_sampler_trace_id_ratio_new(0);
    use_sampler(tote_sampler_parent_based_new(&parent_based));
    assert_false(reads_text());
    tote_scope *dropped = tote_scope_open(tote_get_tracer("test", NULL), "dropped", NULL);
    assert_false(reads_text());
    tote_scope_close(&dropped);
    use_sampler(tote_sampler_parent_based_new(NULL));
    assert_true(reads_text());
    tote_sdk_close(&sdk, 1000);
    assert_false(reads_text());
}

/* The contract of summary_prefix */
static void the_prefix_of_a_summary_is_in_the_name_and_the_summary_of_a_span(void **state) {
    (void)state;
    call.system = "postgresql";
    call.operation = "PREPARE";
    call.summary_prefix = "PREPARE";
    set_query("SELECT name FROM customers WHERE id = 7");
    const tote_span_data *span = finish(start());
    assert_string_equal(tote_span_data_get_name(span), "PREPARE SELECT customers");
    assert_span_text(span, "db.operation.name", "PREPARE");
    assert_span_text(span, "db.query.summary", "PREPARE SELECT customers");
    assert_span_text(span, "db.query.text", "SELECT name FROM customers WHERE id = ?");
}

/* The contract of tote_database_summary() */
static void a_prefix_precedes_a_summary_that_fits_with_it(void **state) {
    char buffer[TOTE_DATABASE_SUMMARY_BYTES];
    char prefix[TOTE_DATABASE_SUMMARY_BYTES];

    (void)state;
    set_query("SELECT name FROM customers");
    assert_int_equal(tote_database_summary(buffer, sizeof buffer, &call), 16);
    assert_string_equal(buffer, "SELECT customers");
    call.summary_prefix = "EXECUTE";
    assert_int_equal(tote_database_summary(buffer, sizeof buffer, &call), 24);
    assert_string_equal(buffer, "EXECUTE SELECT customers");
    assert_int_equal(tote_database_summary(buffer, 16, &call), 14);
    assert_string_equal(buffer, "EXECUTE SELECT");
    memset(prefix, 'x', sizeof prefix - 1);
    prefix[sizeof prefix - 1] = '\0';
    call.summary_prefix = prefix;
    assert_int_equal(tote_database_summary(buffer, sizeof buffer, &call), 0);
    call.summary_prefix = "EXECUTE";
    set_query("gibberish");
    assert_int_equal(tote_database_summary(buffer, sizeof buffer, &call), 0);
    assert_string_equal(buffer, "");
    call.summary = "own";
    assert_int_equal(tote_database_summary(buffer, sizeof buffer, &call), 3);
    assert_string_equal(buffer, "own");
}

/* Print what a span has with the environment of this process. */
static int print_settings(void) {
    void *state = NULL;

    set_up(&state);
    call.system = "sqlite";
    set_query("SELECT 'secret' FROM t");
    tote_span *span = start();
    tote_database_set_error(span, "1", NULL, "no 'secret'");
    tote_database_set_rows(span, 3);
    tote_span_close(&span);
    const tote_span_data *data = tote_in_memory_spans_get_at(memory, 0);
    const tote_value *text = tote_span_data_get_attribute(data, "db.query.text");
    printf("%.*s|%s|%d|%d|%d%d\n", text ? (int)text->size : 0, text ? text->as.string : "",
           tote_span_data_get_status_description(data),
           tote_span_data_get_attribute(data, "db.response.returned_rows") != NULL,
           tote_database_wants_comment(), tote_database_wants_values(), tote_database_wants_rows());
    fflush(stdout);
    return 0;
}

static void assert_settings(char *const *environment, const char *expected) {
    char line[128] = "";
    int ends[2];
    int status = -1;

    assert_int_equal(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        execle("/proc/self/exe", "test_database", "--settings", NULL, environment);
        _exit(127);
    }
    close(ends[1]);
    FILE *output = fdopen(ends[0], "r");
    assert_non_null(output);
    bool is_read = fgets(line, sizeof line, output);
    fclose(output);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_read);
    line[strcspn(line, "\n")] = '\0';
    assert_string_equal(line, expected);
}

static void the_environment_selects_what_is_recorded(void **state) {
    char query[] = "OTEL_C_DB_QUERY_TEXT= RAW";
    char none[] = "OTEL_C_DB_QUERY_TEXT=none";
    char unknown[] = "OTEL_C_DB_QUERY_TEXT=all";
    char rows[] = "OTEL_C_DB_RETURNED_ROWS=true";
    char comment[] = "OTEL_C_DB_COMMENTER=True";
    char other[] = "OTEL_C_DB_COMMENTER=1";

    (void)state;
    assert_settings((char *[]){NULL}, "SELECT ? FROM t|no ?|0|0|00");
    assert_settings((char *[]){query, comment, NULL}, "SELECT 'secret' FROM t|no 'secret'|0|1|10");
    assert_settings((char *[]){none, rows, NULL}, "||1|0|01");
    assert_settings((char *[]){unknown, other, NULL}, "SELECT ? FROM t|no ?|0|0|00");
}

#define DATABASE_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    static const tote_allocator counting = {.struct_size = sizeof counting,
                                            .allocate = count_allocation,
                                            .reallocate = count_reallocation,
                                            .release = release};
    const struct CMUnitTest tests[] = {
        DATABASE_TEST(a_call_is_a_client_span_with_the_attributes_of_the_conventions),
        DATABASE_TEST(the_default_port_of_a_system_is_left_out),
        DATABASE_TEST(a_name_is_the_summary_else_the_operation_and_its_target_else_the_system),
        DATABASE_TEST(one_operation_is_no_batch),
        DATABASE_TEST(parameterized_text_is_recorded_as_it_is),
        DATABASE_TEST(long_text_is_cut_at_a_character_or_a_token),
        DATABASE_TEST(an_error_has_the_code_of_the_database_and_a_message_without_values),
        DATABASE_TEST(texts_and_messages_are_written_as_they_are_recorded),
        DATABASE_TEST(without_a_running_sdk_a_call_has_no_span_to_record),
        DATABASE_TEST(samplers_and_processors_of_the_program_get_the_name_and_all_attributes),
        DATABASE_TEST(the_text_of_a_span_that_is_not_recorded_is_not_read),
        DATABASE_TEST(the_prefix_of_a_summary_is_in_the_name_and_the_summary_of_a_span),
        DATABASE_TEST(a_prefix_precedes_a_summary_that_fits_with_it),
        DATABASE_TEST(the_environment_selects_what_is_recorded),
    };

    tote_allocator_set(&counting);
    tote__pools_keep = true; /* allocations are counted, also under a sanitizer */
    if (argc > 1 && strcmp(argv[1], "--settings") == 0) {
        return print_settings();
    }
    return RUN_TESTS(tests, argc, argv);
}
