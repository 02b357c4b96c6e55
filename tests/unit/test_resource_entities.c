/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "configuration.h"
#include "otlp/request.pb-c.h"
#include "reports.h"
#include "request_from_json.h"
#include "tote/exporters/in_memory.h"
#include "tote/exporters/otlp.h"
#include "tote/internal/request.h"
#include "tote/internal/resource.h"
#include "tote/internal/text.h"
#include "tote/tote.h"
#include "vectors.h"

static int reset(void **state) {
    (void)state;
    unsetenv("OTEL_ENTITIES");
    unsetenv("OTEL_EXPERIMENTAL_ENTITIES_ENABLED");
    unsetenv("OTEL_RESOURCE_ATTRIBUTES");
    unsetenv("OTEL_SERVICE_NAME");
    unsetenv("OTEL_C_RESOURCE_DETECTORS");
    reports_reset(TOTE_LEVEL_WARN);
    return 0;
}

#define ENTITY_TEST(test) cmocka_unit_test_setup(test, reset)

static void write_attributes(struct tote__writer *writer, const char *brackets,
                             const tote_attribute *attributes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        char value[256];
        tote_value_to_text(attributes[i].value, value, sizeof value);
        tote__write(writer, i ? "," : brackets, 1);
        tote__write(writer, attributes[i].key, strlen(attributes[i].key));
        tote__write(writer, "=", 1);
        tote__write(writer, value, strlen(value));
    }
    tote__write(writer, brackets + 1, count ? 1 : 0);
}

/* The entities as in OTEL_ENTITIES, without escapes; valid until the next call. */
static const char *entities_of(const tote_resource *resource) {
    static char text[4096];
    struct tote__writer writer = {text, sizeof text - 1, 0};

    for (size_t i = 0; i < resource->entity_count; i++) {
        const tote_entity *entity = &resource->entities[i];
        tote__write(&writer, ";", i > 0);
        tote__write(&writer, entity->type, strlen(entity->type));
        write_attributes(&writer, "{}", entity->id, entity->id_count);
        write_attributes(&writer, "[]", entity->description, entity->description_count);
        tote__write(&writer, "@", *entity->schema_url != '\0');
        tote__write(&writer, entity->schema_url, strlen(entity->schema_url));
    }
    assert_true(writer.length < sizeof text);
    text[writer.length] = '\0';
    return text;
}

static const char *find(const tote_resource *resource, const char *key) {
    for (size_t i = 0; i < resource->attribute_count; i++) {
        if (strcmp(resource->attributes[i].key, key) == 0) {
            return resource->attributes[i].value.as.string;
        }
    }
    return NULL;
}

static bool check_variable(const struct vector_row *row) {
    char *expected = row->columns[1];

    reset(NULL);
    unsigned warnings = (unsigned)strtoul(vectors_word(&expected), NULL, 10);
    tote_resource *resource = tote__parse_entities(vectors_unescape(row->columns[0]).at);
    bool is_good = strcmp(entities_of(resource), vectors_unescape(expected).at) == 0 &&
                   reports.count == warnings;
    tote_resource_unref(resource);
    return is_good;
}

/* otel_entities.tsv. Spec: entities/entity-propagation.md */
static void the_variable_is_parsed_as_in_every_row(void **state) {
    (void)state;
    vectors_check("otel_entities.tsv", check_variable);
}

static void entities_over_the_limit_are_left_out_with_a_warning(void **state) {
    char text[4096];
    size_t length = 0;

    (void)state;
    for (int i = 0; i < 70; i++) {
        length += (size_t)snprintf(text + length, sizeof text - length, "t%d{k%d=v};", i, i);
    }
    tote_resource *resource = tote__parse_entities(text);
    assert_int_equal(resource->entity_count, 64);
    assert_int_equal(resource->attribute_count, 64);
    assert_true(reports.count > 0);
    tote_resource_unref(resource);
}

/* A resource of entities in the form of OTEL_ENTITIES, and of plain attributes. */
static tote_resource *make(const char *entities, const tote_attribute *attributes, size_t count) {
    tote_resource *first = tote_resource_new(attributes, count, NULL);
    tote_resource *second = tote__parse_entities(entities);
    tote_resource *both = tote_resource_merge(first, second);

    tote_resource_unref(first);
    tote_resource_unref(second);
    return both;
}

/* Merge two resources and release them. */
static tote_resource *merge(tote_resource *old, tote_resource *updating) {
    tote_resource *merged = tote_resource_merge(old, updating);

    tote_resource_unref(old);
    tote_resource_unref(updating);
    return merged;
}

/* Spec: resource/data-model.md#example-1-entity-replaces-loose-attribute */
static void an_entity_replaces_plain_attributes(void **state) {
    const tote_attribute plain[] = {{"host.name", tote_string("old-name")},
                                    {"env", tote_string("prod")}};
    tote_resource *merged =
        merge(tote_resource_new(plain, 2, NULL),
              make("service{service.name=my-svc};host{host.id=H1}[host.name=new-name]", NULL, 0));

    (void)state;
    assert_string_equal(entities_of(merged),
                        "host{host.id=H1}[host.name=new-name];service{service.name=my-svc}");
    assert_int_equal(merged->attribute_count, 4);
    assert_string_equal(find(merged, "host.name"), "new-name");
    assert_string_equal(find(merged, "env"), "prod");
    tote_resource_unref(merged);
}

/* Spec: resource/data-model.md#example-2-loose-attribute-replaces-entity-attribute */
static void a_plain_attribute_removes_an_entity_with_another_value(void **state) {
    const tote_attribute plain[] = {{"host.id", tote_string("h2")}, {"env", tote_string("prod")}};
    tote_resource *merged =
        merge(make("process{process.pid=12345};host{host.id=H1}[host.name=detected-name]", NULL, 0),
              tote_resource_new(plain, 2, NULL));

    (void)state;
    assert_string_equal(entities_of(merged), "process{process.pid=12345}");
    assert_int_equal(merged->attribute_count, 3);
    assert_string_equal(find(merged, "host.id"), "h2");
    assert_null(find(merged, "host.name"));
    assert_int_equal(reports.count, 1);
    tote_resource_unref(merged);
}

/* The first plain attribute is in the entity, too, which the second one removes. */
static void a_plain_attribute_stays_if_the_entity_is_removed(void **state) {
    const tote_attribute plain[] = {{"host.name", tote_string("n")},
                                    {"host.id", tote_string("H2")}};
    tote_resource *merged =
        merge(make("host{host.id=H1}[host.name=n,host.arch=x]", NULL, 0), make("", plain, 2));

    (void)state;
    assert_int_equal(merged->entity_count, 0);
    assert_int_equal(merged->attribute_count, 2);
    assert_string_equal(find(merged, "host.name"), "n");
    assert_string_equal(find(merged, "host.id"), "H2");
    tote_resource_unref(merged);
}

static void a_plain_attribute_with_the_same_value_keeps_the_entity(void **state) {
    const tote_attribute plain[] = {{"host.id", tote_string("H1")}};
    tote_resource *merged = merge(make("host{host.id=H1}", NULL, 0), make("", plain, 1));

    (void)state;
    assert_string_equal(entities_of(merged), "host{host.id=H1}");
    assert_int_equal(merged->attribute_count, 1);
    tote_resource_unref(merged);
}

/* Spec: resource/data-model.md#example-3-identity--attribute-conflicts */
static void an_entity_of_another_identity_or_with_a_conflict_is_left_out(void **state) {
    tote_resource *merged = merge(make("host{host.id=H1}[env=prod]", NULL, 0),
                                  make("service{service.name=S1}[env=dev]", NULL, 0));

    (void)state;
    merged = merge(merged, make("host{host.id=H2}", NULL, 0));
    assert_string_equal(entities_of(merged), "host{host.id=H1}[env=prod]");
    assert_int_equal(merged->attribute_count, 2);
    tote_resource_unref(merged);
}

/* Spec: entities/data-model.md#merging-of-entities */
static void the_same_entity_gets_the_descriptions_of_both(void **state) {
    static const struct {
        const char *old, *updating, *expected;
    } rows[] = {
        {"a{i=1,j=2}[d=1,e=2]", "a{j=2,i=1}[e=3,f=4]", "a{i=1,j=2}[d=1,e=3,f=4]"},
        {"a{i=1}[d=1]@u:1", "a{i=1}[d=2]@u:1", "a{i=1}[d=2]@u:1"},
        {"a{i=1}[d=1]@u:1", "a{i=1}[d=2]@u:2", "a{i=1}[d=1]@u:1"}, /* another schema */
        {"a{i=1}[d=1]", "a{i=1,j=2}[d=2]", "a{i=1}[d=1]"},
        {"b{k=1}[x=1];a{i=1}", "a{i=1}[x=2,y=3]", "a{i=1}[y=3];b{k=1}[x=1]"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_resource *merged = merge(make(rows[i].old, NULL, 0), make(rows[i].updating, NULL, 0));
        assert_string_equal(entities_of(merged), rows[i].expected);
        tote_resource_unref(merged);
    }
}

/* Spec: resource/data-model.md#merging-entities-into-a-resource */
static void the_schema_url_is_that_of_all_entities_or_none(void **state) {
    static const struct {
        const char *old, *updating, *expected;
    } rows[] = {{"a{i=1}@u:1", "b{j=1}@u:1", "u:1"},
                {"a{i=1}@u:1", "b{j=1}@u:2", ""},
                {"a{i=1}@u:1", "b{j=1}", ""},
                {"a{i=1}@u:1", "", "u:1"}};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        tote_resource *merged = merge(make(rows[i].old, NULL, 0), make(rows[i].updating, NULL, 0));
        assert_string_equal(merged->schema_url, rows[i].expected);
        assert_int_equal(reports.count, 0);
        tote_resource_unref(merged);
    }
}

/* Spec: entities/data-model.md */
static void an_entity_needs_a_type_and_an_identifying_attribute(void **state) {
    const tote_attribute id[] = {{"id", tote_int(1)}};
    const tote_attribute nothing[] = {{"", tote_int(1)}};
    const tote_entity entities[] = {{.type = "", .id = id, .id_count = 1},
                                    {.type = NULL, .id = id, .id_count = 1},
                                    {.type = "none", .id = nothing, .id_count = 1},
                                    {.type = "null", .id = NULL, .id_count = 1},
                                    {.type = "good", .id = id, .id_count = 1}};
    tote_resource *resource = tote_resource_from_entities(entities, TOTE_COUNT_OF(entities));
    tote_resource *none = tote_resource_from_entities(NULL, 1);

    (void)state;
    assert_string_equal(entities_of(resource), "good{id=1}");
    assert_true(reports.count >= 2);
    assert_int_equal(none->attribute_count, 0);
    tote_resource_unref(resource);
    tote_resource_unref(none);
}

/* An SDK with an in-memory exporter; NULL: the resource of the environment. */
static tote_in_memory_spans *memory;

static tote_sdk *start(const tote_resource *resource) {
    tote_batch_options batch = TOTE_BATCH_OPTIONS_INIT;
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    memory = tote_in_memory_spans_new();
    tote_span_exporter *exporter = tote_span_exporter_in_memory_new(memory);
    batch.mode = TOTE_EXPORT_MODE_SIMPLE;
    options.batch = &batch;
    options.resource = resource;
    options.exporters = &exporter;
    options.exporter_count = 1;
    return tote_sdk_start(&options);
}

/* End a span. Returns it; borrowed from the exporter. */
static const tote_span_data *end_span(void) {
    tote_span *span = tote_tracer_start_span(tote_get_tracer("test", NULL), "work", NULL);

    tote_span_close(&span);
    return tote_in_memory_spans_get_at(memory, tote_in_memory_spans_get_count(memory) - 1);
}

static const tote_resource *resource_of_a_span(void) {
    return tote_span_data_get_resource(end_span());
}

static void close_sdk(tote_sdk *sdk) {
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
}

static const tote_entity *find_entity(const tote_resource *resource, const char *type) {
    for (size_t i = 0; i < resource->entity_count; i++) {
        if (strcmp(resource->entities[i].type, type) == 0) {
            return &resource->entities[i];
        }
    }
    return NULL;
}

static void without_the_switch_a_resource_has_no_entities(void **state) {
    (void)state;
    setenv("OTEL_ENTITIES", "service{service.name=mine}", 1);
    tote_sdk *sdk = start(NULL);
    const tote_resource *resource = resource_of_a_span();
    assert_int_equal(resource->entity_count, 0);
    assert_string_not_equal(find(resource, "service.name"), "mine");
    assert_int_equal(reports.count, 1);
    assert_string_equal(reports.component, "OTEL_ENTITIES");
    close_sdk(sdk);
}

/* Spec: semantic conventions, resource/service.md, host.md, os.md, process.md */
static void the_built_in_detectors_describe_entities(void **state) {
    static const char *const types[] = {"os", "process", "service", "service.instance"};

    (void)state;
    setenv("OTEL_EXPERIMENTAL_ENTITIES_ENABLED", "true", 1);
    setenv("OTEL_SERVICE_NAME", "shop", 1);
    tote_sdk *sdk = start(NULL);
    const tote_resource *resource = resource_of_a_span();
    for (size_t i = 0; i < TOTE_COUNT_OF(types); i++) {
        const tote_entity *entity = find_entity(resource, types[i]);
        if (!USES_LINUX && strcmp(types[i], "process") == 0) {
            assert_null(entity); /* the time of its creation is not known */
            continue;
        }
        assert_non_null(entity);
        assert_string_equal(entity->schema_url, resource->schema_url);
    }
    assert_int_equal(find_entity(resource, "host") != NULL, find(resource, "host.id") != NULL);
    assert_string_equal(find_entity(resource, "service")->id[0].value.as.string, "shop");
    assert_true(!USES_LINUX || find_entity(resource, "process")->id_count == 2);
    assert_int_equal(find(resource, "process.executable.name") != NULL, USES_LINUX);
    assert_string_equal(find(resource, "telemetry.sdk.name"), "tote");
    assert_int_equal(reports.count, 0);
    close_sdk(sdk);
}

/* Spec: entities/entity-propagation.md */
static void entities_of_the_environment_override_those_of_detectors(void **state) {
    (void)state;
    setenv("OTEL_EXPERIMENTAL_ENTITIES_ENABLED", "true", 1);
    setenv("OTEL_C_RESOURCE_DETECTORS", "process,service", 1);
    setenv("OTEL_ENTITIES",
           "service{service.name=mine}[service.version=1];process{process.pid=7};team{team.id=x}",
           1);
    tote_sdk *sdk = start(NULL);
    const tote_resource *resource = resource_of_a_span();
    assert_string_equal(find(resource, "service.name"), "mine");
    assert_string_equal(find(resource, "service.version"), "1");
    if (USES_LINUX) { /* elsewhere the detector finds attributes, which override entities */
        assert_string_equal(find(resource, "process.pid"), "7");
        assert_null(find(resource, "process.creation.time"));
    }
    assert_non_null(find_entity(resource, "team"));
    assert_non_null(find_entity(resource, "service.instance"));
    assert_null(find_entity(resource, "os"));
    assert_null(find(resource, "host.name"));
    assert_string_equal(resource->schema_url, ""); /* that of the environment is not known */
    close_sdk(sdk);
}

/* Spec: resource/sdk.md#specifying-resource-information-via-an-environment-variable */
static void attributes_of_the_environment_override_entities(void **state) {
    (void)state;
    setenv("OTEL_EXPERIMENTAL_ENTITIES_ENABLED", "true", 1);
    setenv("OTEL_ENTITIES", "team{team.id=x}[team.size=3];site{site.id=y}", 1);
    setenv("OTEL_RESOURCE_ATTRIBUTES", "team.id=z,service.name=listed", 1);
    setenv("OTEL_SERVICE_NAME", "shop", 1);
    tote_sdk *sdk = start(NULL);
    const tote_resource *resource = resource_of_a_span();
    assert_string_equal(find(resource, "team.id"), "z");
    assert_null(find_entity(resource, "team"));
    assert_null(find(resource, "team.size"));
    assert_non_null(find_entity(resource, "site"));
    assert_string_equal(find(resource, "service.name"), "shop");
    assert_non_null(find_entity(resource, "service"));
    close_sdk(sdk);
}

/* A detector's entity without an identifying attribute is none. */
static void a_filter_removes_entities_with_their_identity(void **state) {
    static const char *const excluded[] = {"process.pid", "os.name"};
    tote_resource *resource = tote__resource_build(
        &(struct tote__resource_sources){.detectors = "process,os",
                                         .excluded = excluded,
                                         .excluded_count = TOTE_COUNT_OF(excluded),
                                         .with_entities = true});

    (void)state;
    assert_null(find_entity(resource, "process"));
    assert_null(find(resource, "process.pid"));
    assert_int_equal(find(resource, "process.creation.time") != NULL, USES_LINUX);
    assert_non_null(find_entity(resource, "os"));
    assert_null(find(resource, "os.name"));
    assert_non_null(find(resource, "os.type"));
    tote_resource_unref(resource);
}

/* Spec: resource/process.md */
static void a_child_process_has_its_own_process_entity(void **state) {
    int status = -1;

    (void)state;
    NEED_LINUX(); /* the time of its creation identifies it, too */
    setenv("OTEL_EXPERIMENTAL_ENTITIES_ENABLED", "true", 1);
    tote_sdk *sdk = start(NULL);
    const tote_entity *before = find_entity(resource_of_a_span(), "process");
    assert_int_equal(before->id[0].value.as.integer, getpid());
    pid_t child = fork();
    if (child == 0) {
        const tote_entity *own = find_entity(resource_of_a_span(), "process");
        const tote_entity *instance = find_entity(resource_of_a_span(), "service.instance");
        _exit(!own || own->id[0].value.as.integer != getpid() || !instance);
    }
    waitpid(child, &status, 0);
    assert_int_equal(status, 0);
    close_sdk(sdk);
}

static const char example[] = "host{host.id=H1}[host.name=n,host.arch=x]@https://example.org/1;"
                              "service{service.name=shop,service.namespace=s}";

/* Spec: opentelemetry-proto resource/v1/resource.proto, common/v1/common.proto */
static void references_to_entities_are_exported_in_protobuf_and_json(void **state) {
    tote_resource *resource = make(example, NULL, 0);
    tote_sdk *sdk = start(resource);
    tote_otlp_buffer bytes = {NULL, 0, 0};
    tote_otlp_buffer json = {NULL, 0, 0};
    struct tote__arena arena = {NULL, NULL, 0};
    const char *surprise = NULL;
    const tote_span_data *span = end_span();

    (void)state;
    tote_resource_unref(resource);
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF, &span, 1, &bytes));
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_JSON, &span, 1, &json));
    Tote__Otlp__ExportTraceServiceRequest *request =
        tote__otlp__export_trace_service_request__unpack(NULL, bytes.size, bytes.bytes);
    const Tote__Otlp__Resource *exported = request->resource_spans[0]->resource;
    assert_int_equal(exported->n_attributes, 5);
    assert_int_equal(exported->n_entity_refs, 2);
    assert_string_equal(exported->entity_refs[0]->type, "service");
    assert_int_equal(exported->entity_refs[0]->n_id_keys, 2);
    assert_string_equal(exported->entity_refs[0]->schema_url, "");
    assert_int_equal(exported->entity_refs[0]->n_description_keys, 0);
    assert_string_equal(exported->entity_refs[1]->schema_url, "https://example.org/1");
    assert_string_equal(exported->entity_refs[1]->id_keys[0], "host.id");
    assert_string_equal(exported->entity_refs[1]->description_keys[1], "host.arch");

    size_t size = tote__otlp__export_trace_service_request__get_packed_size(request);
    uint8_t *of_protobuf = malloc(size);
    tote__otlp__export_trace_service_request__pack(request, of_protobuf);
    const Tote__Otlp__ExportTraceServiceRequest *same =
        request_from_json(json.bytes, json.size, &arena, &surprise);
    assert_null(surprise);
    assert_int_equal(tote__otlp__export_trace_service_request__get_packed_size(same), size);
    uint8_t *of_json = malloc(size);
    tote__otlp__export_trace_service_request__pack(same, of_json);
    assert_memory_equal(of_json, of_protobuf, size);
    free(of_json);
    free(of_protobuf);
    tote__otlp__export_trace_service_request__free_unpacked(request, NULL);
    tote__arena_clear(&arena);
    tote_otlp_buffer_clear(&bytes);
    tote_otlp_buffer_clear(&json);
    close_sdk(sdk);
}

/* Spans of a disk queue have the resource of the request. */
static void entities_are_read_from_a_request(void **state) {
    tote_resource *resource = make(example, NULL, 0);
    tote_sdk *sdk = start(resource);
    tote_otlp_buffer bytes = {NULL, 0, 0};
    const tote_span_data *span = end_span();
    size_t count = 0;

    (void)state;
    assert_true(tote_otlp_encode(TOTE_OTLP_ENCODING_PROTOBUF, &span, 1, &bytes));
    struct tote__request_spans *spans =
        tote__request_read((struct tote__slice){bytes.bytes, bytes.size});
    const tote_span_data *const *read = tote__request_spans_get(spans, &count);
    assert_int_equal(count, 1);
    const tote_resource *of_request = tote_span_data_get_resource(read[0]);
    char expected[512];
    snprintf(expected, sizeof expected, "%s", entities_of(resource));
    assert_string_equal(entities_of(of_request), expected);
    tote_resource *kept = tote_resource_ref(of_request);
    tote__request_spans_free(spans);
    assert_string_equal(entities_of(kept), expected);
    tote_resource_unref(kept);
    tote_resource_unref(resource);
    tote_otlp_buffer_clear(&bytes);
    close_sdk(sdk);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        ENTITY_TEST(the_variable_is_parsed_as_in_every_row),
        ENTITY_TEST(entities_over_the_limit_are_left_out_with_a_warning),
        ENTITY_TEST(an_entity_replaces_plain_attributes),
        ENTITY_TEST(a_plain_attribute_removes_an_entity_with_another_value),
        ENTITY_TEST(a_plain_attribute_stays_if_the_entity_is_removed),
        ENTITY_TEST(a_plain_attribute_with_the_same_value_keeps_the_entity),
        ENTITY_TEST(an_entity_of_another_identity_or_with_a_conflict_is_left_out),
        ENTITY_TEST(the_same_entity_gets_the_descriptions_of_both),
        ENTITY_TEST(the_schema_url_is_that_of_all_entities_or_none),
        ENTITY_TEST(an_entity_needs_a_type_and_an_identifying_attribute),
        ENTITY_TEST(without_the_switch_a_resource_has_no_entities),
        ENTITY_TEST(the_built_in_detectors_describe_entities),
        ENTITY_TEST(entities_of_the_environment_override_those_of_detectors),
        ENTITY_TEST(attributes_of_the_environment_override_entities),
        ENTITY_TEST(a_filter_removes_entities_with_their_identity),
        ENTITY_TEST(a_child_process_has_its_own_process_entity),
        ENTITY_TEST(references_to_entities_are_exported_in_protobuf_and_json),
        ENTITY_TEST(entities_are_read_from_a_request),
    };
    return RUN_TESTS(tests, argc, argv);
}
