/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <string.h>

#include "reports.h"
#include "resource_builder.h"
#include "tote/internal/tracer.h"
#include "tote/tote.h"
#include "vectors.h"

static int reset(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

#define DETECTOR_TEST(test) cmocka_unit_test_setup(test, reset)

static const tote_value *find(const tote_resource *resource, const char *key) {
    for (size_t i = 0; resource && i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, key) == 0) {
            return &resource->attributes[i].value;
        }
    }
    return NULL;
}

static const char *find_text(const tote_resource *resource, const char *key) {
    const tote_value *value = find(resource, key);

    return value && value->type == TOTE_VALUE_TYPE_STRING ? value->as.string : "";
}

/* A detector of the program. */
struct own {
    tote_result result;
    const char *key; /* of the attribute it finds; NULL: nothing */
    const char *value;
    const char *schema_url;
    int detected;
    int destroyed;
};

static tote_result detect(void *self, tote_resource **resource) {
    struct own *own = self;
    const tote_attribute attribute = {own->key, tote_string(own->value)};

    own->detected++;
    if (own->key) {
        *resource = tote_resource_new(&attribute, 1, own->schema_url);
    }
    return own->result;
}

static void destroy(void *self) {
    ((struct own *)self)->destroyed++;
}

static const tote_resource_detector_ops own_ops = {
    .struct_size = sizeof own_ops, .detect = detect, .destroy = destroy};

/* Build a resource with these detectors, then free them. */
static tote_resource *build(const char *names, tote_resource_detector *const *own, size_t count) {
    tote_resource *resource = tote__resource_build(&(struct tote__resource_sources){
        .detectors = names, .own_detectors = own, .own_detector_count = count});

    for (size_t i = 0; i < count; i++) {
        tote_resource_detector_free(own[i]);
    }
    return resource;
}

/* Spec: resource/sdk.md#detecting-resource-information-from-the-environment. Compliance: RS-06 */
static void a_detector_of_the_program_runs_once_and_is_freed(void **state) {
    struct own cloud = {.key = "cloud.region", .value = "north"};
    struct own silent = {.key = NULL};
    tote_resource_detector *detectors[] = {tote_resource_detector_new("cloud", &own_ops, &cloud),
                                           NULL,
                                           tote_resource_detector_new("quiet", &own_ops, &silent)};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;
    tote_span_exporter *none = NULL;

    (void)state;
    options.skip_global_registration = true;
    options.ignore_environment = true;
    options.own_resource_detectors = detectors;
    options.own_resource_detector_count = 3;
    options.exporters = &none;
    options.exporter_count = 1;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_non_null(sdk);
    assert_int_equal(cloud.detected, 1);
    assert_int_equal(cloud.destroyed, 1);
    assert_int_equal(silent.destroyed, 1);
    assert_int_equal(reports.count, 0);
    tote_sdk_close(&sdk, 0);
}

/* Spec: resource/sdk.md#resource-detector-name. Compliance: RS-06 */
static void own_detectors_run_after_the_built_in_ones_or_if_they_are_named(void **state) {
    static const struct {
        const char *names, *host, *region;
        bool has_process;
    } rows[] = {{NULL, "mine", "north", true},
                {"mine", "mine", "", false},
                {"Cloud , mine", "mine", "north", false},
                {"process", "", "", true},
                {"none", "", "", false},
                {"", "", "", false}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        struct own host = {.key = "host.name", .value = "mine"};
        struct own cloud = {.key = "cloud.region", .value = "north"};
        tote_resource_detector *own[] = {tote_resource_detector_new("mine", &own_ops, &host),
                                         tote_resource_detector_new("cloud", &own_ops, &cloud)};
        tote_resource *resource = build(rows[i].names, own, 2);
        assert_string_equal(find_text(resource, "host.name"), rows[i].host);
        assert_string_equal(find_text(resource, "cloud.region"), rows[i].region);
        assert_int_equal(find(resource, "process.pid") != NULL, rows[i].has_process);
        tote_resource_unref(resource);
    }
    assert_int_equal(reports.count, 0);
}

/* The later one of the list replaces attributes of the earlier one. */
static void the_order_of_the_names_is_that_of_precedence(void **state) {
    static const struct {
        const char *names, *expected;
    } rows[] = {{"a,b", "of b"}, {"b,a", "of a"}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        struct own a = {.key = "k", .value = "of a"};
        struct own b = {.key = "k", .value = "of b"};
        tote_resource_detector *own[] = {tote_resource_detector_new("a", &own_ops, &a),
                                         tote_resource_detector_new("b", &own_ops, &b)};
        tote_resource *resource = build(rows[i].names, own, 2);
        assert_string_equal(find_text(resource, "k"), rows[i].expected);
        tote_resource_unref(resource);
    }
}

/* Spec: resource/sdk.md#detecting-resource-information-from-the-environment */
static void a_detector_that_fails_is_reported_and_one_that_finds_nothing_is_not(void **state) {
    struct own nothing = {.key = NULL};
    struct own failing = {.result = TOTE_RESULT_FAILURE, .key = "k", .value = "v"};
    tote_resource_detector *own[] = {tote_resource_detector_new("nothing", &own_ops, &nothing),
                                     tote_resource_detector_new("failing", &own_ops, &failing)};
    tote_resource *resource = build("nothing,failing", own, 2);

    (void)state;
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "'failing' failed"));
    assert_null(find(resource, "k"));
    assert_string_equal(find_text(resource, "telemetry.sdk.name"), "tote");
    tote_resource_unref(resource);
}

/* Spec: resource/sdk.md#resource-detector-name */
static void a_second_detector_of_the_same_name_is_an_error_and_does_not_run(void **state) {
    struct own host = {.key = "host.name", .value = "mine"};
    struct own first = {.key = "k", .value = "first"};
    struct own second = {.key = "k", .value = "second"};
    tote_resource_detector *own[] = {tote_resource_detector_new("host", &own_ops, &host),
                                     tote_resource_detector_new("mine", &own_ops, &first),
                                     tote_resource_detector_new("mine", &own_ops, &second)};

    (void)state;
    reports_reset(TOTE_LEVEL_ERROR);
    tote_resource *resource = build(NULL, own, 3);
    assert_int_equal(reports.count, 2);
    assert_non_null(strstr(reports.message, "the name 'mine'"));
    assert_int_equal(host.detected, 0);
    assert_int_equal(first.detected, 1);
    assert_int_equal(second.detected, 0);
    assert_string_equal(find_text(resource, "k"), "first");
    tote_resource_unref(resource);
}

/* Spec: resource/sdk.md#merge-behavior-without-entities. Compliance: RS-07 */
static void different_schema_urls_of_detectors_leave_none_with_an_error(void **state) {
    struct own other = {.key = "k", .value = "v", .schema_url = "https://example.org/schemas/1"};
    struct own last = {.key = "l", .value = "v", .schema_url = "https://example.org/schemas/1"};
    tote_resource_detector *own[] = {tote_resource_detector_new("other", &own_ops, &other),
                                     tote_resource_detector_new("last", &own_ops, &last)};

    (void)state;
    reports_reset(TOTE_LEVEL_ERROR);
    tote_resource *resource = build("service,other,last", own, 2);
    assert_int_equal(reports.count, 1);
    assert_string_equal(resource->schema_url, "");
    assert_non_null(find(resource, "service.instance.id"));
    assert_string_equal(find_text(resource, "k"), "v");
    assert_string_equal(find_text(resource, "l"), "v");
    tote_resource_unref(resource);
}

/* Compliance: RS-07 */
static void each_built_in_detector_sets_the_schema_url_of_its_conventions(void **state) {
    static const char *const names[] = {"host", "os", "process", "service"};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(names); i++) {
        tote_resource *resource = build(names[i], NULL, 0);
        assert_string_equal(resource->schema_url, TOTE__SCHEMA_URL);
        tote_resource_unref(resource);
    }
}

/* Spec: resource/sdk.md#resource-detector-name */
static void the_host_detector_includes_the_operating_system(void **state) {
    tote_resource *host = build("host", NULL, 0);
    tote_resource *os = build("os", NULL, 0);

    (void)state;
    assert_string_equal(find_text(host, "os.type"), "linux");
    assert_non_null(find(host, "host.name"));
    assert_string_equal(find_text(os, "os.type"), "linux");
    assert_null(find(os, "host.name"));
    tote_resource_unref(host);
    tote_resource_unref(os);
}

/* Only a declarative configuration and entities use this value. */
static void the_service_detector_sets_the_name_of_the_environment(void **state) {
    tote_resource *named = tote__resource_build(
        &(struct tote__resource_sources){.detectors = "service", .detected_service_name = "shop"});
    tote_resource *blank = tote__resource_build(
        &(struct tote__resource_sources){.detectors = "service", .detected_service_name = " "});

    (void)state;
    assert_string_equal(find_text(named, "service.name"), "shop");
    assert_string_equal(find_text(blank, "service.name"),
                        USES_LINUX ? "unknown_service:test_resource_detectors" : "unknown_service");
    tote_resource_unref(named);
    tote_resource_unref(blank);
}

/* Spec: opentelemetry-configuration, IncludeExclude */
static void detected_attributes_are_filtered_by_their_keys(void **state) {
    static const char *const os[] = {"os.*", "host.na?e"};
    static const char *const names[] = {"*.name"};
    struct tote__resource_sources sources = {.detectors = "host,process"};

    (void)state;
    sources.included = os;
    sources.included_count = 2;
    tote_resource *resource = tote__resource_build(&sources);
    assert_non_null(find(resource, "os.type"));
    assert_non_null(find(resource, "host.name"));
    assert_null(find(resource, "host.arch"));
    assert_null(find(resource, "process.pid"));
    assert_non_null(find(resource, "telemetry.sdk.name")); /* not detected */
    tote_resource_unref(resource);

    sources.excluded = names;
    sources.excluded_count = 1;
    resource = tote__resource_build(&sources);
    assert_non_null(find(resource, "os.type"));
    assert_null(find(resource, "host.name"));
    assert_non_null(find(resource, "service.name"));
    tote_resource_unref(resource);

    sources.included_count = 0;
    resource = tote__resource_build(&sources);
    assert_non_null(find(resource, "host.arch"));
    assert_null(find(resource, "process.executable.name"));
    tote_resource_unref(resource);
}

static void a_detector_without_a_name_or_a_function_is_not_created(void **state) {
    static const tote_resource_detector_ops without = {.struct_size = sizeof without,
                                                       .destroy = destroy};
    struct own own = {.key = NULL};

    (void)state;
    assert_null(tote_resource_detector_new(NULL, &own_ops, &own));
    assert_null(tote_resource_detector_new("", &own_ops, &own));
    assert_null(tote_resource_detector_new("mine", &without, &own));
    assert_null(tote_resource_detector_new("mine", NULL, NULL));
    assert_int_equal(own.destroyed, 3);
    assert_true(reports.count >= 1);
    tote_resource_detector_free(NULL);
}

static bool check_container_id(const struct vector_row *row) {
    char id[TOTE__CONTAINER_ID_BYTES] = "";
    char *text = row->columns[0];
    char *expected = row->columns[1];
    const char *kind = vectors_word(&text);
    bool is_cgroup = strcmp(kind, "cgroup") == 0;

    if (!is_cgroup && strcmp(kind, "mountinfo") != 0) {
        return false;
    }
    const char *content = vectors_unescape(text).at;
    bool is_found = is_cgroup ? tote__container_id_of_cgroup(content, id)
                              : tote__container_id_of_mounts(content, id);
    if (vectors_take(&expected, "ID ")) {
        return is_found && strcmp(id, expected) == 0;
    }
    return !is_found && strcmp(expected, "NONE") == 0;
}

/* container_id.tsv. Spec: semantic conventions, resource/container.md */
static void the_container_id_is_found_as_in_every_row(void **state) {
    (void)state;
    vectors_check("container_id.tsv", check_container_id);
}

/* The same in a container and outside. */
static void the_container_detector_sets_the_id_of_the_process_or_nothing(void **state) {
    char id[TOTE__CONTAINER_ID_BYTES];
    bool is_in_container = tote__container_id(id);
    tote_resource *resource = build("container", NULL, 0);

    (void)state;
    assert_string_equal(find_text(resource, "container.id"), is_in_container ? id : "");
    assert_string_equal(resource->schema_url, is_in_container ? TOTE__SCHEMA_URL : "");
    assert_int_equal(reports.count, 0);
    tote_resource_unref(resource);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        DETECTOR_TEST(a_detector_of_the_program_runs_once_and_is_freed),
        DETECTOR_TEST(own_detectors_run_after_the_built_in_ones_or_if_they_are_named),
        DETECTOR_TEST(the_order_of_the_names_is_that_of_precedence),
        DETECTOR_TEST(a_detector_that_fails_is_reported_and_one_that_finds_nothing_is_not),
        DETECTOR_TEST(a_second_detector_of_the_same_name_is_an_error_and_does_not_run),
        DETECTOR_TEST(different_schema_urls_of_detectors_leave_none_with_an_error),
        DETECTOR_TEST(each_built_in_detector_sets_the_schema_url_of_its_conventions),
        DETECTOR_TEST(the_host_detector_includes_the_operating_system),
        DETECTOR_TEST(the_service_detector_sets_the_name_of_the_environment),
        DETECTOR_TEST(detected_attributes_are_filtered_by_their_keys),
        DETECTOR_TEST(a_detector_without_a_name_or_a_function_is_not_created),
        DETECTOR_TEST(the_container_id_is_found_as_in_every_row),
        DETECTOR_TEST(the_container_detector_sets_the_id_of_the_process_or_nothing),
    };
    return RUN_TESTS(tests, argc, argv);
}
