/* SPDX-License-Identifier: MIT */
/*
 * test_resource_memory.c - every allocation of a resource fails once
 */
#include "support.h"

#include <string.h>
#include <unistd.h>

#include "configuration.h"
#include "failing_allocator.h"
#include "reports.h"
#include "tote/internal/resource.h"

static tote_resource *merge_entities(void) {
    const tote_attribute attributes[] = {{"a", tote_string("1")}, {"b", tote_string("\xff")}};
    tote_resource *plain = tote_resource_new(attributes, 2, "https://example.org/1");
    tote_resource *first = tote__parse_entities("x{i=1}[a=2,d=%FF];y{j=1}@u:1");
    tote_resource *second = tote__parse_entities("x{i=1}[d=3,e=4];z{k=1}");
    tote_resource *both = tote_resource_merge(plain, first);
    tote_resource *all = tote_resource_merge(both, second);
    bool is_complete = plain && first && second && both && all;

    tote_resource_unref(plain);
    tote_resource_unref(first);
    tote_resource_unref(second);
    tote_resource_unref(both);
    if (is_complete) {
        return all;
    }
    tote_resource_unref(all);
    return NULL;
}

static tote_resource *detect_entities(void) {
    static const char *const excluded[] = {"os.name", "process.pid"};

    return tote__resource_build(&(struct tote__resource_sources){
        .service_name = "shop", .excluded = excluded, .excluded_count = 2, .with_entities = true});
}

/* With one failure a resource is NULL, or has some of the attributes; nothing leaks. */
static void check(tote_resource *(*make)(void), size_t entity_count) {
    long in_use = memory.live;
    size_t attribute_count = 0;
    bool has_failed = true;

    for (long n = 0; has_failed; n++) {
        reports_reset(TOTE_LEVEL_NONE);
        memory.failures = 0;
        memory.countdown = n;
        tote_resource *resource = make();
        memory.countdown = -1;
        has_failed = memory.failures > 0;
        assert_true(resource || has_failed);
        attribute_count = resource ? resource->attribute_count : attribute_count;
        assert_true(has_failed || resource->entity_count >= entity_count);
        tote_resource_unref(resource);
        assert_int_equal(memory.live, in_use);
    }
    assert_true(attribute_count > 5);
}

static void any_allocation_of_a_merge_may_fail(void **state) {
    (void)state;
    check(merge_entities, 3);
}

static void any_allocation_of_detectors_may_fail(void **state) {
    (void)state;
    bool has_machine_id = access("/etc/machine-id", R_OK) == 0; /* not in every container */
    check(detect_entities, has_machine_id ? 3 : 2);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_allocation_of_a_merge_may_fail),
                                       cmocka_unit_test(any_allocation_of_detectors_may_fail)};

    return tote_allocator_set(&failing_allocator) ? RUN_TESTS(tests, argc, argv) : 1;
}
