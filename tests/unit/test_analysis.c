/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>

#include "analysis.h"
#include "failing_allocator.h"
#include "test_model.h"

/* A span of the service "shop". */
static struct test_span span_of(unsigned id, unsigned parent, const char *name, uint64_t from,
                                uint64_t to) {
    return (struct test_span){.trace = 1,
                              .id = id,
                              .parent = parent,
                              .name = name,
                              .service = "shop",
                              .start_unix_nano = 1000 + from,
                              .end_unix_nano = 1000 + to};
}

static void add(struct model *model, unsigned id, unsigned parent, const char *name, uint64_t from,
                uint64_t to) {
    send_span(model, span_of(id, parent, name, from, to));
}

static struct tree tree_of(struct model *model, struct tote__arena *arena) {
    struct tree tree = tree_make(find_trace(model, 1), arena);

    assert_int_equal(tree.count, find_trace(model, 1)->span_count);
    return tree;
}

static const struct tree_node *node_of(const struct tree *tree, const char *name) {
    for (size_t i = 0; i < tree->count; i++) {
        if (strcmp(tree->nodes[i].span->name, name) == 0) {
            return &tree->nodes[i];
        }
    }
    fail_msg("no span has the name %s", name);
    return NULL;
}

/* The critical path as text: name, from and to of each part, in the order of time. */
static void expect_path(struct model *model, const char *wanted) {
    struct tote__arena arena = {NULL, NULL, 0};
    struct tree tree = tree_of(model, &arena);
    size_t count;
    struct critical_part *parts = critical_path(&tree, &arena, &count);
    char text[512] = "";

    assert_non_null(parts);
    for (size_t i = count; i-- > 0;) {
        size_t length = strlen(text);
        snprintf(text + length, sizeof text - length, "%s%s %d-%d", length ? ", " : "",
                 parts[i].node->span->name, (int)(parts[i].from_unix_nano - 1000),
                 (int)(parts[i].to_unix_nano - 1000));
        assert_true(parts[i].node->is_critical);
    }
    assert_string_equal(text, wanted);
    tote__arena_clear(&arena);
}

static void nodes_are_depth_first_with_the_size_of_their_subtree(void **state) {
    static const struct {
        const char *name;
        size_t depth;
        size_t size;
    } rows[] = {{"root", 0, 4}, {"a", 1, 2}, {"a1", 2, 1}, {"b", 1, 1}, {"orphan", 0, 1}};
    struct tote__arena arena = {NULL, NULL, 0};

    add(*state, 3, 9, "orphan", 0, 1);
    add(*state, 4, 2, "a1", 20, 30);
    add(*state, 5, 1, "b", 50, 60);
    add(*state, 2, 1, "a", 10, 40);
    add(*state, 1, 0, "root", 5, 100);
    struct tree tree = tree_of(*state, &arena);
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        assert_string_equal(tree.nodes[i].span->name, rows[i].name);
        assert_int_equal(tree.nodes[i].depth, rows[i].depth);
        assert_int_equal(tree.nodes[i].size, rows[i].size);
    }
    assert_ptr_equal(tree.nodes[0].first, &tree.nodes[1]);
    assert_ptr_equal(tree.nodes[1].next, &tree.nodes[3]);
    assert_ptr_equal(tree.nodes[2].parent, &tree.nodes[1]);
    tote__arena_clear(&arena);
}

static void self_time_is_the_time_without_a_child(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};

    add(*state, 1, 0, "root", 10, 100);
    add(*state, 2, 1, "early", 0, 20); /* begins before its parent */
    add(*state, 3, 1, "beside", 15, 30);
    add(*state, 4, 1, "inside", 16, 18);
    add(*state, 5, 1, "late", 80, 200); /* outlives its parent */
    add(*state, 6, 1, "after", 150, 160);
    struct tree tree = tree_of(*state, &arena);
    assert_int_equal(node_of(&tree, "root")->self_ns, 50);
    assert_int_equal(node_of(&tree, "late")->self_ns, 120);
    tote__arena_clear(&arena);
}

static void the_path_continues_in_the_child_that_finished_last(void **state) {
    add(*state, 1, 0, "root", 0, 100);
    add(*state, 2, 1, "a", 10, 40);
    add(*state, 3, 1, "beside", 12, 35);
    add(*state, 4, 1, "b", 50, 90);
    add(*state, 5, 4, "b1", 60, 90);
    expect_path(*state, "root 0-10, a 10-40, root 40-50, b 50-60, b1 60-90, root 90-100");
}

static void a_child_that_outlives_its_parent_counts_up_to_the_end_of_the_parent(void **state) {
    add(*state, 1, 0, "root", 0, 100);
    add(*state, 2, 1, "late", 40, 300);
    add(*state, 3, 2, "inner", 20, 400);
    expect_path(*state, "root 0-40, inner 40-100");
}

static void a_trace_without_children_or_duration_has_a_path(void **state) {
    add(*state, 1, 0, "root", 7, 7);
    expect_path(*state, "root 7-7");
}

static void only_spans_on_the_path_are_critical(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    size_t count;

    add(*state, 1, 0, "root", 0, 100);
    add(*state, 2, 1, "on", 10, 90);
    add(*state, 3, 1, "off", 20, 80);
    struct tree tree = tree_of(*state, &arena);
    assert_non_null(critical_path(&tree, &arena, &count));
    assert_true(node_of(&tree, "root")->is_critical);
    assert_true(node_of(&tree, "on")->is_critical);
    assert_false(node_of(&tree, "off")->is_critical);
    tote__arena_clear(&arena);
}

static void cyclic_parents_are_analysed_once(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    size_t count;

    for (unsigned i = 0; i < 1000; i++) {
        add(*state, i + 1, (i + 1) % 1000 + 1, "link", i, 2000 - i);
    }
    add(*state, 2000, 2000, "itself", 5000, 5001);
    struct tree tree = tree_of(*state, &arena);
    size_t nodes = 0;
    for (size_t i = 0; i < tree.count; i += tree.nodes[i].size) {
        nodes += tree.nodes[i].size;
    }
    assert_int_equal(nodes, 1001);
    assert_non_null(critical_path(&tree, &arena, &count));
    assert_non_null(name_times(&tree, &arena, &count));
    assert_int_equal(count, 2);
    tote__arena_clear(&arena);
}

static void times_are_summed_by_service_and_name(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    size_t count;
    struct test_span other = span_of(9, 1, "f", 90, 95);

    other.service = "db";
    other.status = TOTE_STATUS_CODE_ERROR;
    add(*state, 1, 0, "main", 0, 100);
    add(*state, 2, 1, "f", 10, 60);
    add(*state, 3, 2, "f", 20, 40); /* recursive */
    add(*state, 4, 1, "f", 70, 80);
    send_span(*state, other);
    struct tree tree = tree_of(*state, &arena);
    const struct name_time *times = name_times(&tree, &arena, &count);

    assert_int_equal(count, 3);
    assert_string_equal(times[0].name, "f");
    assert_string_equal(times[0].service, "shop");
    assert_int_equal(times[0].count, 3);
    assert_int_equal(times[0].total_ns, 60);
    assert_int_equal(times[0].self_ns, 60);
    assert_int_equal(times[0].longest_ns, 50);
    assert_string_equal(times[1].name, "main");
    assert_int_equal(times[1].self_ns, 35);
    assert_string_equal(times[2].service, "db");
    assert_int_equal(times[2].error_count, 1);
    tote__arena_clear(&arena);
}

static void the_map_has_services_calls_and_percentiles(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    const uint64_t s = 1000000000;

    for (unsigned i = 0; i < 100; i++) {
        const struct test_span spans[] = {
            {.trace = i + 1,
             .id = 1,
             .service = "web",
             .kind = TOTE_SPAN_KIND_CLIENT,
             .start_unix_nano = i * s / 10,
             .end_unix_nano = i * s / 10 + 500},
            {.trace = i + 1,
             .id = 2,
             .parent = 1,
             .service = "shop",
             .kind = TOTE_SPAN_KIND_SERVER,
             .start_unix_nano = 1,
             .end_unix_nano = 2 + i,
             .status = i < 5 ? TOTE_STATUS_CODE_ERROR : TOTE_STATUS_CODE_UNSET},
            {.trace = i + 1,
             .id = 3,
             .parent = 2,
             .service = "shop",
             .start_unix_nano = 1,
             .end_unix_nano = 1},
        };
        send_spans(*state, spans, 3);
    }
    struct service_map map = service_map(*state, NULL, &arena);

    assert_int_equal(map.service_count, 2);
    assert_string_equal(map.services[0].name, "shop");
    assert_int_equal(map.services[0].span_count, 200);
    assert_int_equal(map.services[0].call_count, 100);
    assert_int_equal(map.services[0].error_count, 5);
    assert_int_equal(map.services[0].p50_ns, 50);
    assert_int_equal(map.services[0].p99_ns, 99);
    assert_true(map.services[0].rate > 10 && map.services[0].rate < 10.2);
    assert_string_equal(map.services[1].name, "web");
    assert_int_equal(map.services[1].p50_ns, 500);
    assert_int_equal(map.edge_count, 1);
    assert_int_equal(map.edges[0].from, 1);
    assert_int_equal(map.edges[0].to, 0);
    assert_int_equal(map.edges[0].call_count, 100);
    assert_int_equal(map.edges[0].error_count, 5);
    assert_int_equal(map.edges[0].p99_ns, 99);
    assert_false(map.is_cut);

    map = service_map(*state, find_trace(*state, 7), &arena);
    assert_int_equal(map.edges[0].call_count, 1);
    assert_int_equal(map.edges[0].p50_ns, 7);
    tote__arena_clear(&arena);
}

/* Spec: semantic conventions, db.system.name, server.address, messaging.destination.name */
static void a_client_without_a_server_span_calls_the_peer_of_its_attributes(void **state) {
    static const struct test_attribute database[] = {{"db.system.name", "postgresql"},
                                                     {"server.address", "db\033.local"}};
    static const struct test_attribute broker[] = {{"messaging.system", "kafka"},
                                                   {"messaging.destination.name", "orders"}};
    static const struct test_attribute host[] = {{"server.address", "shop.example"}};
    const struct test_span spans[] = {
        {.trace = 1, .id = 1, .service = "shop", .end_unix_nano = 9},
        {.trace = 1,
         .id = 2,
         .parent = 1,
         .service = "shop",
         .kind = TOTE_SPAN_KIND_CLIENT,
         .attributes = database,
         .attribute_count = 2,
         .end_unix_nano = 5},
        {.trace = 1,
         .id = 3,
         .parent = 1,
         .service = "shop",
         .kind = TOTE_SPAN_KIND_PRODUCER,
         .attributes = broker,
         .attribute_count = 2},
        {.trace = 1,
         .id = 4,
         .parent = 1,
         .service = "shop",
         .kind = TOTE_SPAN_KIND_CLIENT,
         .attributes = host,
         .attribute_count = 1},
        {.trace = 1, .id = 5, .parent = 4, .service = "other", .kind = TOTE_SPAN_KIND_SERVER},
    };
    struct tote__arena arena = {NULL, NULL, 0};

    send_spans(*state, spans, 5);
    struct service_map map = service_map(*state, NULL, &arena);
    assert_int_equal(map.service_count, 4);
    assert_string_equal(map.services[0].name, "kafka orders");
    assert_true(map.services[0].is_peer);
    assert_string_equal(map.services[1].name, "other");
    assert_string_equal(map.services[2].name, "postgresql db?.local");
    assert_int_equal(map.services[2].span_count, 0);
    assert_int_equal(map.services[2].p50_ns, 5);
    assert_string_equal(map.services[3].name, "shop");
    assert_int_equal(map.edge_count, 3);
    tote__arena_clear(&arena);
}

static void a_map_with_too_many_services_is_cut(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    char name[16];

    for (unsigned i = 0; i < MAP_MOST_SERVICES + 1; i++) {
        snprintf(name, sizeof name, "s%u", i);
        send_span(*state, (struct test_span){.trace = 1, .id = i + 1, .service = name});
    }
    struct service_map map = service_map(*state, NULL, &arena);
    assert_int_equal(map.service_count, MAP_MOST_SERVICES);
    assert_true(map.is_cut);
    tote__arena_clear(&arena);
}

static void without_memory_results_are_empty(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    bool is_done = false;

    add(*state, 1, 0, "root", 0, 100);
    add(*state, 2, 1, "child", 10, 90);
    for (long allocation = 0; !is_done; allocation++) {
        size_t path_count;
        size_t name_count;
        memory.failures = 0;
        memory.countdown = allocation;
        struct tree tree = tree_make(find_trace(*state, 1), &arena);
        struct critical_part *parts = critical_path(&tree, &arena, &path_count);
        struct name_time *times = name_times(&tree, &arena, &name_count);
        struct service_map map = service_map(*state, NULL, &arena);
        is_done = memory.failures == 0;
        memory.countdown = -1;
        assert_true(parts || path_count == 0);
        assert_true(times || name_count == 0);
        assert_true(map.service_count <= 1);
        tote__arena_clear(&arena);
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        MODEL_TEST(nodes_are_depth_first_with_the_size_of_their_subtree),
        MODEL_TEST(self_time_is_the_time_without_a_child),
        MODEL_TEST(the_path_continues_in_the_child_that_finished_last),
        MODEL_TEST(a_child_that_outlives_its_parent_counts_up_to_the_end_of_the_parent),
        MODEL_TEST(a_trace_without_children_or_duration_has_a_path),
        MODEL_TEST(only_spans_on_the_path_are_critical),
        MODEL_TEST(cyclic_parents_are_analysed_once),
        MODEL_TEST(times_are_summed_by_service_and_name),
        MODEL_TEST(the_map_has_services_calls_and_percentiles),
        MODEL_TEST(a_client_without_a_server_span_calls_the_peer_of_its_attributes),
        MODEL_TEST(a_map_with_too_many_services_is_cut),
        MODEL_TEST(without_memory_results_are_empty),
    };

    tote_allocator_set(&failing_allocator);
    return RUN_TESTS(tests, argc, argv);
}
