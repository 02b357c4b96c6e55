/* SPDX-License-Identifier: MIT */
/*
 * schema.c - which values a configuration file may have: the facts of the configuration schema 1.2
 *
 * A name is that of the definition in the schema. The other keys of a CHOICE are components of the
 * program, whose properties are not validated. An enum may be null here: its type allows that,
 * although the published schema does not list null among the values. Spec:
 * opentelemetry-configuration/schema
 *
 * Tests: tests/unit/test_configuration_schema.c, tests/oracle/check_schema.py
 */
#include "schema.h"

#include <math.h>

#define KEY(key_name, value)                                                                       \
    { key_name, &(value), false }
#define REQUIRED(key_name, value)                                                                  \
    { key_name, &(value), true }
#define KEYS(...)                                                                                  \
    (const struct tote__schema_key[]) {                                                            \
        __VA_ARGS__, {                                                                             \
            NULL, NULL, false                                                                      \
        }                                                                                          \
    }

#define OBJECT(...)                                                                                \
    { .types = TOTE__IS_MAPPING, .keys = KEYS(__VA_ARGS__) }
#define OBJECT_OR_NULL(...)                                                                        \
    { .types = TOTE__IS_MAPPING | TOTE__OR_NULL, .keys = KEYS(__VA_ARGS__) }
#define CHOICE(...)                                                                                \
    { .types = TOTE__IS_MAPPING, .keys = KEYS(__VA_ARGS__), .others = &plug_in, .is_choice = true }
#define LIST(least, item)                                                                          \
    { .types = TOTE__IS_SEQUENCE, .items = &(item), .least_count = (least) }
#define INTEGER(from, to)                                                                          \
    { .types = TOTE__IS_INTEGER | TOTE__OR_NULL, .least = (from), .most = (to) }
#define NAMES(...)                                                                                 \
    {                                                                                              \
        .types = TOTE__IS_STRING | TOTE__OR_NULL, .names = (const char *const[]) {                 \
            __VA_ARGS__, NULL                                                                      \
        }                                                                                          \
    }

typedef const struct tote__schema rule;

static rule boolean = {.types = TOTE__IS_BOOL};
static rule boolean_or_null = {.types = TOTE__IS_BOOL | TOTE__OR_NULL};
static rule text = {.types = TOTE__IS_STRING};
static rule text_or_null = {.types = TOTE__IS_STRING | TOTE__OR_NULL};
static rule any_integer = INTEGER(-INFINITY, INFINITY);
static rule from_0 = INTEGER(0, INFINITY);
static rule from_1 = INTEGER(1, INFINITY);
static rule from_2 = INTEGER(2, INFINITY);
static rule max_scale = INTEGER(-10, 20);
static rule number = {.types = TOTE__IS_NUMBER, .least = -INFINITY, .most = INFINITY};
static rule ratio_value = {.types = TOTE__IS_NUMBER | TOTE__OR_NULL, .least = 0, .most = 1};
static rule texts = LIST(1, text);
static rule any_texts = LIST(0, text);
static rule any_numbers = LIST(0, number);

static rule anything;
static rule anything = {
    .types = TOTE__OR_NULL | TOTE__IS_BOOL | TOTE__IS_NUMBER | TOTE__IS_STRING | TOTE__IS_SEQUENCE |
             TOTE__IS_MAPPING,
    .least = -INFINITY,
    .most = INFINITY,
    .items = &anything,
    .others = &anything,
};
static rule any_mapping = {.types = TOTE__IS_MAPPING, .others = &anything};
static rule plug_in = {.types = TOTE__IS_MAPPING | TOTE__OR_NULL, .others = &anything};
static rule mappings = {.types = TOTE__IS_MAPPING, .others = &any_mapping};
static rule empty = {.types = TOTE__IS_MAPPING | TOTE__OR_NULL};

static rule severity =
    NAMES("trace", "trace2", "trace3", "trace4", "debug", "debug2", "debug3", "debug4", "info",
          "info2", "info3", "info4", "warn", "warn2", "warn3", "warn4", "error", "error2", "error3",
          "error4", "fatal", "fatal2", "fatal3", "fatal4");
static rule include_exclude = OBJECT(KEY("included", texts), KEY("excluded", texts));
static rule name_string_value_pair =
    OBJECT(REQUIRED("name", text), REQUIRED("value", text_or_null));

/* Exporters. */

static rule http_tls = OBJECT_OR_NULL(KEY("ca_file", text_or_null), KEY("key_file", text_or_null),
                                      KEY("cert_file", text_or_null));
static rule grpc_tls =
    OBJECT_OR_NULL(KEY("ca_file", text_or_null), KEY("key_file", text_or_null),
                   KEY("cert_file", text_or_null), KEY("insecure", boolean_or_null));
static rule headers = LIST(1, name_string_value_pair);
static rule otlp_http_encoding = NAMES("protobuf", "json");

/* The keys of all OTLP exporters. */
#define OTLP_KEYS(tls_rule)                                                                        \
    KEY("endpoint", text_or_null), KEY("tls", tls_rule), KEY("headers", headers),                  \
        KEY("headers_list", text_or_null), KEY("compression", text_or_null),                       \
        KEY("max_request_size", from_0), KEY("max_response_size", from_1), KEY("timeout", from_0)

/* Further keys of metric exporters. */
#define METRIC_KEYS                                                                                \
    KEY("temporality_preference", temporality_preference),                                         \
        KEY("default_histogram_aggregation", default_histogram_aggregation)

static rule temporality_preference = NAMES("cumulative", "delta", "low_memory");
static rule default_histogram_aggregation =
    NAMES("explicit_bucket_histogram", "base2_exponential_bucket_histogram");

static rule otlp_http_exporter =
    OBJECT_OR_NULL(OTLP_KEYS(http_tls), KEY("encoding", otlp_http_encoding));
static rule otlp_grpc_exporter = OBJECT_OR_NULL(OTLP_KEYS(grpc_tls));
static rule otlp_file_exporter = OBJECT_OR_NULL(KEY("output_stream", text_or_null));
static rule exporter =
    CHOICE(KEY("otlp_http", otlp_http_exporter), KEY("otlp_grpc", otlp_grpc_exporter),
           KEY("otlp_file/development", otlp_file_exporter), KEY("console", empty));

static rule otlp_http_metric_exporter =
    OBJECT_OR_NULL(OTLP_KEYS(http_tls), KEY("encoding", otlp_http_encoding), METRIC_KEYS);
static rule otlp_grpc_metric_exporter = OBJECT_OR_NULL(OTLP_KEYS(grpc_tls), METRIC_KEYS);
static rule otlp_file_metric_exporter =
    OBJECT_OR_NULL(KEY("output_stream", text_or_null), METRIC_KEYS);
static rule console_metric_exporter = OBJECT_OR_NULL(METRIC_KEYS);
static rule push_metric_exporter =
    CHOICE(KEY("otlp_http", otlp_http_metric_exporter), KEY("otlp_grpc", otlp_grpc_metric_exporter),
           KEY("otlp_file/development", otlp_file_metric_exporter),
           KEY("console", console_metric_exporter));

/* Samplers. */

static rule sampler;
static rule composable_sampler;

static rule ratio = OBJECT_OR_NULL(KEY("ratio", ratio_value));
static rule always_record_sampler = OBJECT(REQUIRED("root", sampler));
static rule parent_based_sampler =
    OBJECT_OR_NULL(KEY("root", sampler), KEY("remote_parent_sampled", sampler),
                   KEY("remote_parent_not_sampled", sampler), KEY("local_parent_sampled", sampler),
                   KEY("local_parent_not_sampled", sampler));
static rule jaeger_remote_sampler = OBJECT_OR_NULL(
    REQUIRED("endpoint", text), KEY("interval", from_0), REQUIRED("initial_sampler", sampler));
static rule sampler = CHOICE(
    KEY("always_off", empty), KEY("always_on", empty), KEY("always_record", always_record_sampler),
    KEY("composite/development", composable_sampler),
    KEY("jaeger_remote/development", jaeger_remote_sampler),
    KEY("parent_based", parent_based_sampler), KEY("probability/development", ratio),
    KEY("trace_id_ratio_based", ratio));

static rule rule_attribute_values = OBJECT(REQUIRED("key", text), REQUIRED("values", texts));
static rule rule_attribute_patterns =
    OBJECT(REQUIRED("key", text), KEY("included", texts), KEY("excluded", texts));
static rule span_kind = {
    .types = TOTE__IS_STRING,
    .names = (const char *const[]){"internal", "server", "client", "producer", "consumer", NULL}};
static rule span_parent = {.types = TOTE__IS_STRING,
                           .names = (const char *const[]){"none", "remote", "local", NULL}};
static rule span_kinds = LIST(1, span_kind);
static rule span_parents = LIST(1, span_parent);
static rule sampler_rule =
    OBJECT(KEY("attribute_values", rule_attribute_values),
           KEY("attribute_patterns", rule_attribute_patterns), KEY("span_kinds", span_kinds),
           KEY("parent", span_parents), REQUIRED("sampler", composable_sampler));
static rule sampler_rules = LIST(1, sampler_rule);
static rule parent_threshold_sampler = OBJECT(REQUIRED("root", composable_sampler));
static rule rule_based_sampler = OBJECT_OR_NULL(KEY("rules", sampler_rules));
static rule composable_sampler =
    CHOICE(KEY("always_off", empty), KEY("always_on", empty),
           KEY("parent_threshold", parent_threshold_sampler), KEY("probability", ratio),
           KEY("rule_based", rule_based_sampler));

/* Tracer provider. */

#define BATCH_KEYS                                                                                 \
    KEY("schedule_delay", from_0), KEY("export_timeout", from_0), KEY("max_queue_size", from_1),   \
        KEY("max_export_batch_size", from_1), REQUIRED("exporter", exporter)

#define LIMIT_KEYS                                                                                 \
    KEY("attribute_value_length_limit", from_0), KEY("attribute_value_depth_limit", from_1),       \
        KEY("attribute_count_limit", from_0)

static rule batch_processor = OBJECT(BATCH_KEYS);
static rule simple_processor = OBJECT(REQUIRED("exporter", exporter));
static rule span_processor = CHOICE(KEY("batch", batch_processor), KEY("simple", simple_processor));
static rule span_processors = LIST(1, span_processor);
static rule attribute_limits = OBJECT(LIMIT_KEYS);
static rule span_limits =
    OBJECT(LIMIT_KEYS, KEY("event_count_limit", from_0), KEY("link_count_limit", from_0),
           KEY("event_attribute_count_limit", from_0), KEY("link_attribute_count_limit", from_0));
static rule id_generator = CHOICE(KEY("random", empty));
static rule tracer_config = OBJECT(KEY("enabled", boolean));
static rule tracer_matcher = OBJECT(REQUIRED("name", text), REQUIRED("config", tracer_config));
static rule tracer_matchers = LIST(1, tracer_matcher);
static rule tracer_configurator =
    OBJECT(KEY("default_config", tracer_config), KEY("tracers", tracer_matchers));
static rule tracer_provider = OBJECT(
    REQUIRED("processors", span_processors), KEY("limits", span_limits), KEY("sampler", sampler),
    KEY("id_generator", id_generator), KEY("tracer_configurator/development", tracer_configurator));

/* Logger provider. */

static rule log_record_processor =
    CHOICE(KEY("batch", batch_processor), KEY("simple", simple_processor),
           KEY("event_to_span_event_bridge/development", empty));
static rule log_record_processors = LIST(1, log_record_processor);
static rule logger_config =
    OBJECT(KEY("enabled", boolean_or_null), KEY("minimum_severity", severity),
           KEY("trace_based", boolean_or_null));
static rule logger_matcher = OBJECT(REQUIRED("name", text), REQUIRED("config", logger_config));
static rule logger_matchers = LIST(1, logger_matcher);
static rule logger_configurator =
    OBJECT(KEY("default_config", logger_config), KEY("loggers", logger_matchers));
static rule logger_provider =
    OBJECT(REQUIRED("processors", log_record_processors), KEY("limits", attribute_limits),
           KEY("logger_configurator/development", logger_configurator));

/* Meter provider. */

static rule translation_strategy =
    NAMES("underscore_escaping_with_suffixes", "underscore_escaping_without_suffixes/development",
          "no_utf8_escaping_with_suffixes/development", "no_translation/development");
static rule prometheus_exporter = OBJECT_OR_NULL(
    KEY("host", text_or_null), KEY("port", any_integer), KEY("scope_info_enabled", boolean_or_null),
    KEY("target_info_enabled/development", boolean_or_null),
    KEY("resource_constant_labels", include_exclude),
    KEY("translation_strategy", translation_strategy));
static rule pull_metric_exporter = CHOICE(KEY("prometheus/development", prometheus_exporter));
static rule metric_producer = CHOICE(KEY("opencensus", empty));
static rule metric_producers = LIST(1, metric_producer);
static rule cardinality_limits = OBJECT(
    KEY("default", from_1), KEY("counter", from_1), KEY("gauge", from_1), KEY("histogram", from_1),
    KEY("observable_counter", from_1), KEY("observable_gauge", from_1),
    KEY("observable_up_down_counter", from_1), KEY("up_down_counter", from_1));
static rule periodic_metric_reader = OBJECT(
    KEY("interval", from_0), KEY("timeout", from_0),
    KEY("max_export_batch_size/development", from_1), REQUIRED("exporter", push_metric_exporter),
    KEY("producers", metric_producers), KEY("cardinality_limits", cardinality_limits));
static rule pull_metric_reader =
    OBJECT(REQUIRED("exporter", pull_metric_exporter), KEY("producers", metric_producers),
           KEY("cardinality_limits", cardinality_limits));
static rule metric_reader = {
    .types = TOTE__IS_MAPPING,
    .keys = KEYS(KEY("periodic", periodic_metric_reader), KEY("pull", pull_metric_reader)),
    .is_choice = true}; /* without components of the program */
static rule metric_readers = LIST(1, metric_reader);

static rule instrument_type =
    NAMES("counter", "gauge", "histogram", "observable_counter", "observable_gauge",
          "observable_up_down_counter", "up_down_counter");
static rule view_selector =
    OBJECT(KEY("instrument_name", text_or_null), KEY("instrument_type", instrument_type),
           KEY("unit", text_or_null), KEY("meter_name", text_or_null),
           KEY("meter_version", text_or_null), KEY("meter_schema_url", text_or_null));
static rule explicit_bucket_histogram =
    OBJECT_OR_NULL(KEY("boundaries", any_numbers), KEY("record_min_max", boolean_or_null));
static rule base2_exponential_bucket_histogram = OBJECT_OR_NULL(
    KEY("max_scale", max_scale), KEY("max_size", from_2), KEY("record_min_max", boolean_or_null));
static rule aggregation = {
    .types = TOTE__IS_MAPPING,
    .keys = KEYS(KEY("default", empty), KEY("drop", empty),
                 KEY("explicit_bucket_histogram", explicit_bucket_histogram),
                 KEY("base2_exponential_bucket_histogram", base2_exponential_bucket_histogram),
                 KEY("last_value", empty), KEY("sum", empty)),
    .is_choice = true}; /* without components of the program */
static rule view_stream = OBJECT(
    KEY("name", text_or_null), KEY("description", text_or_null), KEY("aggregation", aggregation),
    KEY("aggregation_cardinality_limit", from_1), KEY("attribute_keys", include_exclude));
static rule view = OBJECT(REQUIRED("selector", view_selector), REQUIRED("stream", view_stream));
static rule views = LIST(1, view);
static rule exemplar_filter = NAMES("always_on", "always_off", "trace_based");
static rule meter_config = OBJECT(KEY("enabled", boolean));
static rule meter_matcher = OBJECT(REQUIRED("name", text), REQUIRED("config", meter_config));
static rule meter_matchers = LIST(1, meter_matcher);
static rule meter_configurator =
    OBJECT(KEY("default_config", meter_config), KEY("meters", meter_matchers));
static rule meter_provider = OBJECT(REQUIRED("readers", metric_readers), KEY("views", views),
                                    KEY("exemplar_filter", exemplar_filter),
                                    KEY("meter_configurator/development", meter_configurator));

/* Propagator and resource. */

static rule text_map_propagator = CHOICE(KEY("tracecontext", empty), KEY("baggage", empty),
                                         KEY("b3", empty), KEY("b3multi", empty));
static rule text_map_propagators = LIST(1, text_map_propagator);
static rule propagator =
    OBJECT(KEY("composite", text_map_propagators), KEY("composite_list", text_or_null));

static rule attribute_type = NAMES("string", "bool", "int", "double", "string_array", "bool_array",
                                   "int_array", "double_array");
static rule attribute_item = {.types = TOTE__IS_STRING | TOTE__IS_BOOL | TOTE__IS_NUMBER,
                              .least = -INFINITY,
                              .most = INFINITY};
static rule attribute_value = {.types = TOTE__IS_STRING | TOTE__IS_BOOL | TOTE__IS_NUMBER |
                                        TOTE__OR_NULL | TOTE__IS_SEQUENCE,
                               .least = -INFINITY,
                               .most = INFINITY,
                               .items = &attribute_item,
                               .least_count = 1,
                               .is_uniform = true};
static rule attribute_name_value =
    OBJECT(REQUIRED("name", text), REQUIRED("value", attribute_value), KEY("type", attribute_type));
static rule attributes = LIST(1, attribute_name_value);
static rule resource_detector = CHOICE(KEY("container", empty), KEY("host", empty),
                                       KEY("process", empty), KEY("service", empty));
static rule resource_detectors = LIST(1, resource_detector);
static rule resource_detection =
    OBJECT(KEY("attributes", include_exclude), KEY("detectors", resource_detectors));
static rule resource =
    OBJECT(KEY("attributes", attributes), KEY("detection/development", resource_detection),
           KEY("schema_url", text_or_null), KEY("attributes_list", text_or_null));

/* Instrumentation. */

static rule semconv = OBJECT(KEY("version", from_0), KEY("experimental", boolean_or_null),
                             KEY("dual_emit", boolean_or_null));
static rule of_semconv = OBJECT(KEY("semconv", semconv));
static rule http_side =
    OBJECT(KEY("request_captured_headers", texts), KEY("response_captured_headers", texts),
           KEY("known_methods", any_texts));
static rule http_instrumentation =
    OBJECT(KEY("semconv", semconv), KEY("client", http_side), KEY("server", http_side));
static rule url_sanitization = OBJECT(KEY("sensitive_query_parameters", any_texts));
static rule sanitization = OBJECT(KEY("url", url_sanitization));
static rule general_instrumentation =
    OBJECT(KEY("http", http_instrumentation), KEY("code", of_semconv), KEY("db", of_semconv),
           KEY("gen_ai", of_semconv), KEY("messaging", of_semconv), KEY("rpc", of_semconv),
           KEY("sanitization", sanitization), KEY("stability_opt_in_list", text_or_null));
static rule instrumentation =
    OBJECT(KEY("general", general_instrumentation), KEY("cpp", mappings), KEY("dotnet", mappings),
           KEY("erlang", mappings), KEY("go", mappings), KEY("java", mappings), KEY("js", mappings),
           KEY("php", mappings), KEY("python", mappings), KEY("ruby", mappings),
           KEY("rust", mappings), KEY("swift", mappings));

static rule distribution = {.types = TOTE__IS_MAPPING, .others = &any_mapping, .least_count = 1};

const struct tote__schema tote__file_schema = {
    .types = TOTE__IS_MAPPING,
    .keys = KEYS(REQUIRED("file_format", text), KEY("disabled", boolean_or_null),
                 KEY("log_level", severity), KEY("attribute_limits", attribute_limits),
                 KEY("logger_provider", logger_provider), KEY("meter_provider", meter_provider),
                 KEY("propagator", propagator), KEY("tracer_provider", tracer_provider),
                 KEY("resource", resource), KEY("instrumentation/development", instrumentation),
                 KEY("distribution", distribution)),
    .others = &anything,
    .warns_of_others = true};
