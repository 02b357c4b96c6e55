/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "failing_allocator.h"
#include "query.h"
#include "test_model.h"
#include "tree.h"

static const uint64_t ms = 1000000;

/* A span with a value for each key. */
static void send_example(struct model *model) {
    static const struct test_attribute attributes[] = {{"http.response.status_code", "#503"},
                                                       {"url.path", "/Cart"},
                                                       {"empty", ""},
                                                       {"user.id", "#9007199254740993"}};
    static const struct test_event events[] = {{.name = "exception"}, {.name = "retry"}};
    static const struct test_link links[] = {{0xABCD, 0xEF}};
    const struct test_span spans[] = {
        {.trace = 0x12,
         .id = 0x34,
         .parent = 0x56,
         .name = "GET /cart",
         .service = "shop",
         .kind = TOTE_SPAN_KIND_SERVER,
         .status = TOTE_STATUS_CODE_ERROR,
         .status_message = "Out of stock",
         .start_unix_nano = 1000 * ms,
         .end_unix_nano = 1100 * ms,
         .attributes = attributes,
         .attribute_count = TOTE_COUNT_OF(attributes),
         .events = events,
         .event_count = 2,
         .links = links,
         .link_count = 1},
        {.trace = 0x12,
         .id = 0x35,
         .parent = 0x34,
         .name = "SELECT",
         .service = "db",
         .start_unix_nano = 1010 * ms,
         .end_unix_nano = 1080 * ms},
        {.trace = 0x12, .id = 0x36, .service = "shop", .start_unix_nano = 1000 * ms},
    };

    send_spans(model, spans, 3);
}

static struct query *parse(const char *text) {
    struct query_problem problem;
    struct query *query = query_parse(text, &problem);

    if (!query) {
        print_error("%s: column %zu: %s\n", text, problem.column, problem.text);
    }
    assert_non_null(query);
    return query;
}

static bool matches(struct model *model, const char *text) {
    struct query *query = parse(text);
    bool is_match = query_matches_span(query, find_span(model, 0x12, 0x34));

    query_free(query);
    return is_match;
}

static void expect_each(struct model *model, const char *const *filters, size_t count,
                        bool wanted) {
    for (size_t i = 0; i < count; i++) {
        if (matches(model, filters[i]) != wanted) {
            fail_msg("%s: %s", filters[i], wanted ? "does not match" : "matches");
        }
    }
}

static void terms_that_are_true_match(void **state) {
    static const char *const filters[] = {
        "",
        "  ",
        "cart",
        "CART",
        "\"GET /cart\"",
        "SHOP",
        "stock",
        "503",
        "0000000000000034",
        "name=\"GET /cart\"",
        "name~get",
        "name!=GET",
        "service=shop",
        "kind=server",
        "kind!=client",
        "status=error",
        "status!=ok",
        "error=1",
        "error=true",
        "error!=0",
        "unfinished=0",
        "root=0",
        "duration>99ms",
        "duration>=100ms",
        "duration=0.1s",
        "duration<101ms",
        "duration<=100ms",
        "duration!=0",
        "trace=00000000000000000000000000000012",
        "trace~0012",
        "span=0000000000000034",
        "parent=0000000000000056",
        "event=exception",
        "event=retry",
        "event~EXCEPT",
        "event!=none",
        "link=0000000000000000000000000000abcd",
        "link~00ef",
        "scope=test",
        "trace.duration=100ms",
        "trace.spans=3",
        "trace.errors>0",
        "trace.services=2",
        "http.response.status_code=503",
        "http.response.status_code>=500",
        "http.response.status_code!=200",
        "http.response.status_code=5.03e2",
        "http.response.status_code!=503.5",
        "user.id=9007199254740993",
        "user.id!=9007199254740992",
        "url.path=/Cart",
        "url.path~cart",
        "empty=\"\"",
        "empty~\"\"",
        "service.name=shop",
        "service=shop duration>50ms error=1",
        "-service=db",
        "-missing=1",
        "-nothing",
        " cart \t error=1\n",
    };

    send_example(*state);
    expect_each(*state, filters, TOTE_COUNT_OF(filters), true);
}

static void terms_that_are_false_do_not_match(void **state) {
    static const char *const filters[] = {
        "wagon",
        "name=GET",
        "name~wagon",
        "service!=shop",
        "kind=client",
        "status=ok",
        "error=0",
        "unfinished=1",
        "root=1",
        "duration>100ms",
        "duration<1ms",
        "event!=retry",
        "event=except",
        "link=ef",
        "trace.spans>3",
        "http.response.status_code<500",
        "http.response.status_code=50",
        "http.response.status_code!=503.0",
        "user.id=9007199254740992",
        "url.path>5",
        "url.path=/cart",
        "missing=1",
        "missing!=1",
        "missing~\"\"",
        "-service=shop",
        "-cart",
        "cart wagon",
        "self>0ms",
    };

    send_example(*state);
    expect_each(*state, filters, TOTE_COUNT_OF(filters), false);
}

static void a_wrong_filter_has_a_problem_with_its_column(void **state) {
    static const struct {
        const char *filter;
        size_t column;
        const char *text;
    } rows[] = {
        {"a =b", 3, "a key is missing; write a word like this one in quotation marks"},
        {"service=", 9, "a value is missing after '='; \"\" is the empty one"},
        {"x>= y", 4, "a value is missing after '>='; \"\" is the empty one"},
        {"name=\"GET", 6, "the quotation mark is not closed"},
        {"\"a\"b", 4, "a blank is missing after the quotation mark"},
        {"a - b", 3, "a term is missing after '-'"},
        {"duration>5", 10, "'duration' needs a duration such as 100ms"},
        {"duration>x", 10, "'duration' needs a duration such as 100ms"},
        {"duration~5ms", 9, "'~' searches texts, but 'duration' is not one"},
        {"kind=servant", 6, "'kind' needs internal, server, client, producer or consumer"},
        {"status=500", 8, "'status' needs unset, ok or error"},
        {"error=2", 7, "'error' needs 0 or 1"},
        {"trace.spans>many", 13, "'trace.spans' needs a number"},
        {"name>5", 5, "'>' compares numbers, but 'name' is not one"},
        {"http.status>=big", 14, "'>=' needs a number"},
    };
    struct query_problem problem;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_null(query_parse(rows[i].filter, &problem));
        assert_string_equal(problem.text, rows[i].text);
        assert_int_equal(problem.column, rows[i].column);
    }
}

static void problems_are_safe_to_display(void **state) {
    struct query_problem problem;

    (void)state;
    assert_null(query_parse("kind=\033[2J\xFF", &problem));
    assert_null(strchr(problem.text, '\033'));
    char *large = calloc(5000, 1);
    memset(large, 'x', 4999);
    assert_null(query_parse(large, &problem));
    assert_string_equal(problem.text, "the filter is too long");
    memset(large, ' ', 4096);
    large[4096] = '\0';
    for (size_t i = 0; i < 65; i++) {
        large[2 * i] = 'a';
    }
    assert_null(query_parse(large, &problem));
    assert_string_equal(problem.text, "the filter has too many terms");
    assert_int_equal(problem.column, 129);
    free(large);
}

static void quotation_marks_may_contain_escaped_ones(void **state) {
    send_span(*state, (struct test_span){.trace = 0x12, .id = 0x34, .name = "a \"b\" \\c"});
    assert_true(matches(*state, "name=\"a \\\"b\\\" \\\\c\""));
}

static void a_trace_matches_if_one_of_its_spans_matches_all_terms(void **state) {
    static const struct {
        const char *filter;
        bool is_match;
    } rows[] = {
        {"service=db name=SELECT", true}, {"service=db error=1", false}, {"", true},
        {"root=1 unfinished=1", true},    {"self=30ms", true},           {"self=31ms", false},
        {"trace.errors=1", true},
    };

    send_example(*state);
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        struct query *query = parse(rows[i].filter);
        assert_int_equal(query_matches_trace(query, find_trace(*state, 0x12)), rows[i].is_match);
        query_free(query);
    }
}

static void without_memory_there_is_a_problem_and_no_leak(void **state) {
    struct query_problem problem;
    struct query *query = NULL;
    long live = memory.live;

    (void)state;
    for (long allocation = 0; !query; allocation++) {
        memory.countdown = allocation;
        query = query_parse("name~GET attribute=\"some value\" -word", &problem);
        memory.countdown = -1;
        assert_true(query || strcmp(problem.text, "out of memory") == 0);
        assert_true(query || memory.live == live);
    }
    query_free(query);
    assert_int_equal(memory.live, live);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(terms_that_are_true_match),
        MODEL_TEST(terms_that_are_false_do_not_match),
        TEST(a_wrong_filter_has_a_problem_with_its_column),
        TEST(problems_are_safe_to_display),
        MODEL_TEST(quotation_marks_may_contain_escaped_ones),
        MODEL_TEST(a_trace_matches_if_one_of_its_spans_matches_all_terms),
        TEST(without_memory_there_is_a_problem_and_no_leak),
    };

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
