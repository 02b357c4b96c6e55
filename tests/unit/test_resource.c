/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <errno.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "configuration.h"
#include "reports.h"
#include "tote/internal/os.h"
#include "tote/internal/resource.h"
#include "tote/internal/sdk.h"
#include "tote/tote.h"

static int reset(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_DEBUG);
    return 0;
}

#define RESOURCE_TEST(test) cmocka_unit_test_setup(test, reset)

/* The name of the executable is not known on every system. */
static const char *const program = USES_LINUX ? "test_resource" : NULL;
static const char *const unknown_service =
    USES_LINUX ? "unknown_service:test_resource" : "unknown_service";

static uint32_t intern(const tote_attribute *attributes, size_t count, const char *schema_url) {
    tote_resource *resource = tote_resource_new(attributes, count, schema_url);
    uint32_t index = tote__resource_intern(resource);

    tote_resource_unref(resource);
    return index;
}

static uint32_t build(const struct tote__resource_sources *sources) {
    tote_resource *resource = tote__resource_build(sources);
    uint32_t index = tote__resource_intern(resource);

    tote_resource_unref(resource);
    return index;
}

static const tote_value *find(uint32_t index, const char *key) {
    const tote_resource *resource = &tote__resource_at(index)->resource;

    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, key) == 0) {
            return &resource->attributes[i].value;
        }
    }
    return NULL;
}

static const char *find_text(uint32_t index, const char *key) {
    const tote_value *value = find(index, key);

    return value && value->type == TOTE_VALUE_TYPE_STRING ? value->as.string : NULL;
}

/* Shell concatenation may leave a comma at the start or the end. */
static void empty_members_are_skipped_and_blanks_around_them_too(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    tote_attribute *attributes;
    size_t count;

    (void)state;
    assert_true(tote__parse_resource_attributes(", a = 1 ,, b=2 ,", &arena, &attributes, &count));
    assert_int_equal(count, 2);
    assert_string_equal(attributes[0].key, "a");
    assert_string_equal(attributes[0].value.as.string, "1");
    assert_string_equal(attributes[1].key, "b");
    tote__arena_clear(&arena);
}

/* A key is a NUL-terminated text. */
static void a_key_with_a_nul_in_it_discards_everything(void **state) {
    struct tote__arena arena = {NULL, NULL, 0};
    tote_attribute *attributes;
    size_t count;

    (void)state;
    assert_false(tote__parse_resource_attributes("a=1,b%00c=2", &arena, &attributes, &count));
    assert_int_equal(count, 0);
    assert_int_equal(reports.count, 1);
    tote__arena_clear(&arena);
}

/* A long list does not delay the start. */
static void a_list_of_very_many_entries_is_discarded(void **state) {
    static char text[4 * 5000 + 1];
    struct tote__arena arena = {NULL, NULL, 0};
    tote_attribute *attributes;
    size_t count;

    (void)state;
    for (size_t i = 0; i < 5000; i++) {
        memcpy(text + 4 * i, "a=1,", 4);
    }
    assert_false(tote__parse_resource_attributes(text, &arena, &attributes, &count));
    assert_int_equal(count, 0);
    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "more than 4,096 entries"));
    text[4 * 4095] = '\0'; /* and an empty entry */
    assert_true(tote__parse_resource_attributes(text, &arena, &attributes, &count));
    assert_int_equal(count, 4095);
    tote__arena_clear(&arena);
}

/* Spec: resource/sdk.md#sdk-provided-resource-attributes. Compliance: RS-05 */
static void the_default_resource_has_the_sdk_attributes_and_a_service_name(void **state) {
    uint32_t index = build(&(struct tote__resource_sources){.detectors = "none"});

    (void)state;
    assert_string_equal(find_text(index, "telemetry.sdk.name"), "tote");
    assert_string_equal(find_text(index, "telemetry.sdk.language"), "c");
    assert_string_equal(find_text(index, "telemetry.sdk.version"), tote_version());
    assert_string_equal(find_text(index, "service.name"), unknown_service);
    assert_int_equal(tote__resource_at(index)->resource.attribute_count, 4);
    assert_string_equal(tote__resource_at(index)->resource.schema_url, "");
    assert_int_equal(reports.count, 0);
}

/* Spec: configuration/sdk-environment-variables.md#general-sdk-configuration. Compliance: EV-03 */
static void the_service_name_comes_from_the_source_with_the_highest_priority(void **state) {
    const tote_attribute by_variable[] = {{"service.name", tote_string("listed")}};
    const tote_attribute by_program[] = {{"service.name", tote_string("given")}};
    struct tote__resource_sources sources = {.environment_attributes = by_variable,
                                             .detectors = "none",
                                             .default_service_name = "default"};

    (void)state;
    assert_string_equal(find_text(build(&sources), "service.name"), "default");
    sources.environment_attribute_count = 1;
    assert_string_equal(find_text(build(&sources), "service.name"), "listed");
    sources.environment_service_name = "variable";
    assert_string_equal(find_text(build(&sources), "service.name"), "variable");
    sources.attributes = by_program;
    sources.attribute_count = 1;
    assert_string_equal(find_text(build(&sources), "service.name"), "given");
    sources.service_name = "option";
    assert_string_equal(find_text(build(&sources), "service.name"), "option");
}

/* Spec: semantic conventions, resource/service.md: service.name is never empty */
static void an_empty_service_name_counts_as_none(void **state) {
    const tote_attribute empty[] = {{"service.name", tote_string("")}};
    struct tote__resource_sources sources = {.environment_attributes = empty,
                                             .environment_attribute_count = 1,
                                             .environment_service_name = "",
                                             .detectors = "none"};

    (void)state;
    assert_string_equal(find_text(build(&sources), "service.name"), unknown_service);
    sources.environment_service_name = "variable";
    sources.attributes = empty;
    sources.attribute_count = 1;
    sources.service_name = "";
    assert_string_equal(find_text(build(&sources), "service.name"), "variable");

    const tote_attribute blank[] = {{"service.name", tote_string(" \t")}};
    sources.attributes = blank;
    sources.service_name = "  ";
    assert_string_equal(find_text(build(&sources), "service.name"), "variable");
    sources.environment_service_name = " \n";
    assert_string_equal(find_text(build(&sources), "service.name"), unknown_service);
}

/* Spec: resource/sdk.md#detecting-resource-information-from-the-environment. Compliance: RS-07 */
static void the_schema_url_is_that_of_the_detectors_unless_the_program_sets_one(void **state) {
    static const char own[] = "https://opentelemetry.io/schemas/1.38.0";
    static const struct {
        const char *detectors, *schema_url, *expected;
    } rows[] = {{"none", NULL, ""},
                {"none", own, own},
                {NULL, own, own},
                {"host", "", "https://opentelemetry.io/schemas/1.44.0"},
                {NULL, NULL, "https://opentelemetry.io/schemas/1.44.0"}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        uint32_t index = build(&(struct tote__resource_sources){.detectors = rows[i].detectors,
                                                                .schema_url = rows[i].schema_url});
        assert_string_equal(tote__resource_at(index)->resource.schema_url, rows[i].expected);
    }
}

/* Spec: resource/sdk.md#merge */
static void a_source_with_higher_priority_wins_also_with_an_empty_value(void **state) {
    const tote_attribute by_variable[] = {{"host.name", tote_string("listed")},
                                          {"team", tote_string("a")}};
    const tote_attribute by_program[] = {{"team", tote_string("")}, {"n", tote_int(3)}};
    uint32_t index = build(
        &(struct tote__resource_sources){.environment_attributes = by_variable,
                                         .environment_attribute_count = 2,
                                         .attributes = by_program,
                                         .attribute_count = 2,
                                         .schema_url = "https://opentelemetry.io/schemas/1.38.0",
                                         .detectors = "host"});

    (void)state;
    assert_string_equal(find_text(index, "team"), "");
    assert_string_equal(find_text(index, "host.name"), "listed");
    assert_int_equal(find(index, "n")->as.integer, 3);
    assert_string_equal(tote__resource_at(index)->resource.schema_url,
                        "https://opentelemetry.io/schemas/1.38.0");
}

/* Spec: resource/sdk.md#detecting-resource-information-from-the-environment. Compliance: RS-06 */
static void detectors_describe_the_host_and_the_process(void **state) {
    uint32_t index = build(&(struct tote__resource_sources){.detectors = NULL});
    char host[256];

    (void)state;
    assert_int_equal(gethostname(host, sizeof host), 0);
    assert_string_equal(find_text(index, "host.name"), host);
    assert_non_null(find_text(index, "host.arch"));
    assert_string_equal(find_text(index, "os.type"), "linux");
    assert_int_equal(find(index, "process.pid")->as.integer, getpid());
    if (program) {
        assert_string_equal(find_text(index, "process.executable.name"), program);
        assert_int_equal(find_text(index, "process.executable.path")[0], '/');
        assert_int_equal(strlen(find_text(index, "process.creation.time")),
                         strlen("2024-01-31T23:59:59.999Z"));
    } else {
        assert_null(find(index, "process.executable.name"));
        assert_null(find(index, "process.executable.path"));
        assert_null(find(index, "process.creation.time"));
    }
    const struct passwd *user = getpwuid(geteuid());
    const char *owner = find_text(index, "process.owner");
    assert_true(owner ? user && strcmp(owner, user->pw_name) == 0 : geteuid() != 0);
    assert_null(find(index, "process.command_args"));
    assert_null(find(index, "process.command_line"));
}

/* Spec: resource/sdk.md#detecting-resource-information-from-the-environment. Compliance: RS-06 */
static void only_the_detectors_that_are_named_run(void **state) {
    uint32_t index = build(&(struct tote__resource_sources){.detectors = " Process "});

    (void)state;
    assert_non_null(find(index, "process.pid"));
    assert_null(find(index, "host.name"));
    assert_null(find(index, "service.instance.id"));
    assert_int_equal(reports.count, 0);
    build(&(struct tote__resource_sources){.detectors = "cloud"});
    assert_int_equal(reports.count, 1);
}

/* A duplicate name is an error. Spec: resource/sdk.md#resource-detector-name */
static void a_detector_that_is_named_twice_is_reported_as_an_error(void **state) {
    (void)state;
    reports_reset(TOTE_LEVEL_ERROR);
    uint32_t index = build(&(struct tote__resource_sources){.detectors = "host,service, Host"});

    assert_int_equal(reports.count, 1);
    assert_non_null(strstr(reports.message, "'Host' is named twice"));
    assert_non_null(find(index, "host.name"));
}

/* A UUID of version 4. */
static void an_instance_has_a_random_id_and_a_child_process_has_its_own(void **state) {
    const struct tote__resource_sources sources = {.detectors = "service"};
    uint32_t index = build(&sources);
    const char *id = find_text(index, "service.instance.id");
    int status = 0;

    (void)state;
    assert_int_equal(strlen(id), 36);
    assert_int_equal(strspn(id, "0123456789abcdef-"), 36);
    assert_int_equal(id[14], '4');
    assert_non_null(strchr("89ab", id[19]));
    assert_int_equal(build(&sources), index);
    pid_t child = fork();
    if (child == 0) {
        const char *own = find_text(build(&sources), "service.instance.id");
        _exit(!own || strcmp(own, id) == 0);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
}

static const tote_resource *seen; /* of the span that ended last */

static void see(void *self, const tote_span_data *span) {
    (void)self;
    seen = tote_span_data_get_resource(span);
}

static tote_sdk *start_with_options(tote_sdk_options options) {
    static const tote_span_processor_ops ops = {.struct_size = sizeof ops, .on_end = see};
    tote_span_processor *processor = tote_span_processor_new(&ops, NULL);
    tote_span_exporter *none = NULL;

    options.processors = &processor;
    options.processor_count = 1;
    options.exporters = &none;
    options.exporter_count = 1;
    return tote_sdk_start(&options);
}

static tote_sdk *start_seeing(const tote_attribute *attributes, size_t count) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.ignore_environment = true;
    options.resource_attributes = attributes;
    options.resource_attribute_count = count;
    return start_with_options(options);
}

static tote_sdk *start_with(const tote_resource *resource) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    options.resource = resource;
    return start_with_options(options);
}

static const tote_value *see_value(const char *key) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);

    tote_span_close(&span);
    for (size_t i = 0; seen && i < seen->attribute_count; i++) {
        if (strcmp(seen->attributes[i].key, key) == 0) {
            return &seen->attributes[i].value;
        }
    }
    return NULL;
}

static const char *see_text(const char *key) {
    const tote_value *value = see_value(key);

    return value && value->type == TOTE_VALUE_TYPE_STRING ? value->as.string : "";
}

/* The process attributes of a process. */
struct self {
    int64_t pid;
    char created[80];
    char instance[80];
};

static struct self see_self(void) {
    const tote_value *pid = see_value("process.pid");
    struct self self = {.pid = pid ? pid->as.integer : 0};

    snprintf(self.created, sizeof self.created, "%s", see_text("process.creation.time"));
    snprintf(self.instance, sizeof self.instance, "%s", see_text("service.instance.id"));
    return self;
}

/* Return whether only the process attributes differ from those of the parent. */
static bool differs_from(const struct self *parent) {
    const struct self self = see_self();

    return self.pid == getpid() && self.pid != parent->pid &&
           (USES_LINUX ? strcmp(self.created, parent->created) > 0 : !*self.created) &&
           strlen(self.instance) == 36 && strcmp(self.instance, parent->instance) != 0 &&
           strcmp(see_text("process.executable.name"), program ? program : "") == 0 &&
           strcmp(see_text("telemetry.sdk.name"), "tote") == 0;
}

static int wait_for(pid_t child) {
    int status = -1;

    waitpid(child, &status, 0);
    return status;
}

/* Spec: resource/process.md */
static void spans_of_a_child_process_have_its_own_pid_and_instance_id(void **state) {
    tote_sdk *sdk = start_seeing(NULL, 0);
    const struct self parent = see_self();

    (void)state;
    assert_int_equal(parent.pid, getpid());
    usleep(20000); /* the time of the parent has a resolution of 10 ms */
    pid_t child = fork();
    if (child == 0) {
        const struct self self = see_self();
        bool is_right = differs_from(&parent);
        usleep(2000);
        pid_t grandchild = fork();
        if (grandchild == 0) {
            _exit(!differs_from(&self));
        }
        _exit(!is_right || wait_for(grandchild) != 0);
    }
    assert_int_equal(wait_for(child), 0);
    const struct self again = see_self();
    assert_memory_equal(&again, &parent, sizeof parent);
    tote_sdk_close(&sdk, 0);
}

/* A daemon has another process id, and its parent has exited. */
static void spans_of_a_daemon_have_its_own_pid_and_instance_id(void **state) {
    tote_sdk *sdk = start_seeing(NULL, 0);
    const struct self parent = see_self();
    int result[2];
    char is_right = 0;

    (void)state;
    usleep(20000);
    assert_int_equal(pipe(result), 0);
    pid_t child = fork();
    if (child == 0) {
        if (daemon(1, 1) == 0) {
            is_right = differs_from(&parent);
            is_right = write(result[1], &is_right, 1) == 1;
        }
        _exit(0);
    }
    assert_int_equal(wait_for(child), 0);
    close(result[1]);
    assert_int_equal(read(result[0], &is_right, 1), 1);
    close(result[0]);
    assert_true(is_right);
    tote_sdk_close(&sdk, 0);
}

/* Attributes of the program are changed only by the program. */
static void process_attributes_set_by_the_program_stay_in_a_child(void **state) {
    const tote_attribute attributes[] = {{"service.instance.id", tote_string("mine")},
                                         {"process.pid", tote_int(1)},
                                         {"process.creation.time", tote_string("yesterday")}};
    tote_sdk *sdk = start_seeing(attributes, TOTE_COUNT_OF(attributes));

    (void)state;
    pid_t child = fork();
    if (child == 0) {
        const struct self self = see_self();
        _exit(self.pid != 1 || strcmp(self.created, "yesterday") != 0 ||
              strcmp(self.instance, "mine") != 0);
    }
    assert_int_equal(wait_for(child), 0);
    tote_sdk_close(&sdk, 0);
}

/* Records refer to their resource by an index. */
static void equal_resources_share_an_index_and_different_ones_do_not(void **state) {
    const tote_attribute a[] = {{"k", tote_string("a")}, {NULL, tote_int(1)}};
    const tote_attribute twice[] = {{"k", tote_string("x")}, {"k", tote_string("a")}};
    const tote_attribute b[] = {{"k", tote_string("b")}};
    uint32_t index = intern(a, 2, NULL);

    (void)state;
    assert_int_not_equal(index, 0);
    assert_int_equal(intern(a, 1, ""), index);
    assert_int_equal(intern(twice, 2, ""), index);
    assert_int_not_equal(intern(b, 1, ""), index);
    assert_int_not_equal(intern(a, 1, "https://example.org/1"), index);
    assert_int_equal(tote__resource_at(index)->resource.attribute_count, 1);
    assert_int_equal(tote__resource_at(index)->encoded.at[0], TOTE__TAG_RESOURCE_ATTRIBUTE);
}

/* Spec: resource/sdk.md#the-empty-resource. Compliance: RS-02 */
static void the_empty_resource_has_nothing_and_needs_no_memory(void **state) {
    tote_resource *empty = tote_resource_new(NULL, 0, NULL);
    tote_resource *merged = tote_resource_merge(empty, NULL);

    (void)state;
    assert_int_equal(empty->attribute_count, 0);
    assert_int_equal(empty->entity_count, 0);
    assert_string_equal(empty->schema_url, "");
    assert_ptr_equal(tote_resource_new(NULL, 3, ""), empty);
    assert_ptr_equal(merged, empty);
    assert_ptr_equal(tote_resource_ref(empty), empty);
    assert_null(tote_resource_ref(NULL));
    tote_resource_unref(empty);
    tote_resource_unref(empty);
    tote_resource_unref(NULL);
}

/* Spec: common/README.md#attribute-collections: keys are unique. */
static void keys_that_are_equal_after_their_repair_are_one_attribute(void **state) {
    const tote_attribute attributes[] = {
        {"a\xe4", tote_int(1)}, {"b", tote_int(2)}, {"a\xdc", tote_int(3)}};
    tote_resource *resource = tote_resource_new(attributes, 3, NULL);

    (void)state;
    assert_int_equal(resource->attribute_count, 2);
    assert_string_equal(resource->attributes[0].key, "b");
    assert_string_equal(resource->attributes[1].key, "a\xef\xbf\xbd");
    assert_int_equal(resource->attributes[1].value.as.integer, 3);
    tote_resource_unref(resource);
}

/* Spec: resource/sdk.md#create. Compliance: RS-01, RS-04 */
static void a_resource_is_a_copy_of_its_attributes(void **state) {
    char key[] = "team";
    char value[] = "a";
    tote_value items[] = {tote_int(1), tote_string(value)};
    tote_attribute attributes[] = {{key, tote_string("overridden")},
                                   {key, tote_string(value)},
                                   {"list", tote_array(items, 2)},
                                   {"", tote_int(1)},
                                   {NULL, tote_int(1)}};
    tote_resource *resource = tote_resource_new(attributes, 5, "https://example.org/1");

    (void)state;
    key[0] = value[0] = 'X';
    items[0] = tote_int(2);
    assert_int_equal(resource->attribute_count, 2);
    assert_string_equal(resource->schema_url, "https://example.org/1");
    for (size_t i = 0; i < 2; i++) {
        const tote_attribute *attribute = &resource->attributes[i];
        if (strcmp(attribute->key, "team") == 0) {
            assert_string_equal(attribute->value.as.string, "a");
        } else {
            assert_string_equal(attribute->key, "list");
            assert_int_equal(attribute->value.as.items[0].as.integer, 1);
        }
    }
    tote_resource *another = tote_resource_ref(resource);
    tote_resource_unref(resource);
    assert_int_equal(another->attribute_count, 2);
    tote_resource_unref(another);
}

/* Spec: resource/sdk.md#merge. Compliance: RS-03 */
static void a_merged_resource_has_all_attributes_and_those_of_the_updating_one_win(void **state) {
    const tote_attribute older[] = {{"a", tote_string("1")}, {"b", tote_string("2")}};
    const tote_attribute newer[] = {{"b", tote_string("")}, {"c", tote_int(3)}};
    tote_resource *old = tote_resource_new(older, 2, NULL);
    tote_resource *updating = tote_resource_new(newer, 2, NULL);
    tote_resource *merged = tote_resource_merge(old, updating);

    (void)state;
    tote_resource_unref(old);
    tote_resource_unref(updating);
    uint32_t index = tote__resource_intern(merged);
    assert_int_equal(merged->attribute_count, 3);
    assert_string_equal(find_text(index, "a"), "1");
    assert_string_equal(find_text(index, "b"), "");
    assert_int_equal(find(index, "c")->as.integer, 3);
    tote_resource_unref(merged);
}

/* Spec: resource/sdk.md#merge-behavior-without-entities. Compliance: RS-03 */
static void schema_urls_are_merged_and_different_ones_are_an_error(void **state) {
    static const struct {
        const char *old, *updating, *expected;
        unsigned errors;
    } rows[] = {{NULL, NULL, "", 0}, {NULL, "B", "B", 0}, {"A", NULL, "A", 0},
                {"A", "", "A", 0},   {"A", "A", "A", 0},  {"A", "B", "", 1}};
    const tote_attribute attribute = {"k", tote_string("v")};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        reports_reset(TOTE_LEVEL_ERROR);
        tote_resource *old = tote_resource_new(&attribute, 1, rows[i].old);
        tote_resource *updating = tote_resource_new(NULL, 0, rows[i].updating);
        tote_resource *merged = tote_resource_merge(old, updating);
        assert_string_equal(merged->schema_url, rows[i].expected);
        assert_int_equal(merged->attribute_count, 1);
        assert_int_equal(reports.count, rows[i].errors);
        tote_resource_unref(old);
        tote_resource_unref(updating);
        tote_resource_unref(merged);
    }
}

/* Spec: resource/sdk.md#sdk-provided-resource-attributes. Compliance: RS-02 */
static void a_resource_of_the_options_is_used_as_it_is(void **state) {
    const tote_attribute attribute = {"only", tote_string("this")};
    tote_resource *resource = tote_resource_new(&attribute, 1, "https://example.org/1");
    tote_resource *empty = tote_resource_new(NULL, 0, NULL);

    (void)state;
    setenv("OTEL_RESOURCE_ATTRIBUTES", "of=environment", 1);
    tote_sdk *sdk = start_with(resource);
    tote_resource_unref(resource);
    assert_string_equal(see_text("only"), "this");
    assert_int_equal(seen->attribute_count, 1);
    assert_string_equal(seen->schema_url, "https://example.org/1");
    tote_sdk_close(&sdk, 0);

    sdk = start_with(empty);
    see_text("only");
    assert_int_equal(seen->attribute_count, 0);
    assert_string_equal(seen->schema_url, "");
    tote_sdk_close(&sdk, 0);
    unsetenv("OTEL_RESOURCE_ATTRIBUTES");
}

/* The resource of a span is valid for the callback only. */
static void a_resource_of_a_span_can_be_kept_and_merged(void **state) {
    const tote_attribute attribute = {"only", tote_string("this")};
    tote_resource *resource = tote_resource_new(&attribute, 1, NULL);
    tote_sdk *sdk = start_with(resource);

    (void)state;
    tote_resource_unref(resource);
    see_text("only");
    tote_resource *kept = tote_resource_ref(seen);
    tote_resource *merged = tote_resource_merge(seen, NULL);
    tote_sdk_close(&sdk, 0);
    assert_string_equal(kept->attributes[0].key, "only");
    assert_string_equal(merged->attributes[0].value.as.string, "this");
    tote_resource_unref(kept);
    tote_resource_unref(merged);
}

/* Spec: resource/sdk.md#the-empty-resource */
static void an_unknown_index_is_the_empty_resource(void **state) {
    (void)state;
    assert_int_equal(intern(NULL, 0, NULL), 0);
    assert_int_equal(tote__resource_at(0)->resource.attribute_count, 0);
    assert_string_equal(tote__resource_at(0)->resource.schema_url, "");
    assert_ptr_equal(tote__resource_at(UINT32_MAX), tote__resource_at(0));
    assert_ptr_equal(tote__resource_at(255), tote__resource_at(0));
}

/* Every table is bounded. The last test here, because the table stays full. */
static void a_full_table_gives_the_empty_resource_and_is_reported(void **state) {
    uint32_t index = 1;
    int64_t number = 0;

    (void)state;
    for (; index && number < 1000; number++) {
        const tote_attribute attribute = {"number", tote_int(number)};
        index = intern(&attribute, 1, NULL);
    }
    assert_int_equal(index, 0);
    assert_int_equal(reports.count, 1);
    const tote_attribute first = {"number", tote_int(0)};
    assert_int_not_equal(intern(&first, 1, NULL), 0);
}

static void detectors_keep_errno_and_truncate_nothing(void **state) {
    char small[2];
    char text[64];

    (void)state;
    errno = 77;
    assert_false(tote__os_host_name(small, 1));
    assert_false(tote__os_executable_path(small, sizeof small));
    assert_int_equal(tote__os_read_file("/nowhere", text, sizeof text), 0);
    assert_int_equal(tote__os_read_file("/proc/self/stat", small, sizeof small), 1);
    assert_int_equal(tote__os_process_id(), getpid());
    assert_int_equal(errno, 77);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        RESOURCE_TEST(empty_members_are_skipped_and_blanks_around_them_too),
        RESOURCE_TEST(a_key_with_a_nul_in_it_discards_everything),
        RESOURCE_TEST(a_list_of_very_many_entries_is_discarded),
        RESOURCE_TEST(the_default_resource_has_the_sdk_attributes_and_a_service_name),
        RESOURCE_TEST(the_service_name_comes_from_the_source_with_the_highest_priority),
        RESOURCE_TEST(an_empty_service_name_counts_as_none),
        RESOURCE_TEST(the_schema_url_is_that_of_the_detectors_unless_the_program_sets_one),
        RESOURCE_TEST(a_source_with_higher_priority_wins_also_with_an_empty_value),
        RESOURCE_TEST(detectors_describe_the_host_and_the_process),
        RESOURCE_TEST(only_the_detectors_that_are_named_run),
        RESOURCE_TEST(a_detector_that_is_named_twice_is_reported_as_an_error),
        RESOURCE_TEST(an_instance_has_a_random_id_and_a_child_process_has_its_own),
        RESOURCE_TEST(spans_of_a_child_process_have_its_own_pid_and_instance_id),
        RESOURCE_TEST(spans_of_a_daemon_have_its_own_pid_and_instance_id),
        RESOURCE_TEST(process_attributes_set_by_the_program_stay_in_a_child),
        RESOURCE_TEST(equal_resources_share_an_index_and_different_ones_do_not),
        RESOURCE_TEST(the_empty_resource_has_nothing_and_needs_no_memory),
        RESOURCE_TEST(keys_that_are_equal_after_their_repair_are_one_attribute),
        RESOURCE_TEST(a_resource_is_a_copy_of_its_attributes),
        RESOURCE_TEST(a_merged_resource_has_all_attributes_and_those_of_the_updating_one_win),
        RESOURCE_TEST(schema_urls_are_merged_and_different_ones_are_an_error),
        RESOURCE_TEST(a_resource_of_the_options_is_used_as_it_is),
        RESOURCE_TEST(a_resource_of_a_span_can_be_kept_and_merged),
        RESOURCE_TEST(an_unknown_index_is_the_empty_resource),
        RESOURCE_TEST(detectors_keep_errno_and_truncate_nothing),
        RESOURCE_TEST(a_full_table_gives_the_empty_resource_and_is_reported),
    };
    return RUN_TESTS(tests, argc, argv);
}
