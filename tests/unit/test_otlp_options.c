/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "otlp/options.h"
#include "tote/diagnostics.h"
#include "tote/sdk.h"

static const char *const words[] = {"ENDPOINT", "HEADERS",     "COMPRESSION",        "TIMEOUT",
                                    "PROTOCOL", "CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY",
                                    "INSECURE"};

static unsigned diagnostics[TOTE_LEVEL_DEBUG + 1];
static char last_message[1024];

static void count(tote_level level, const char *component, const char *message, void *user_data) {
    (void)component, (void)user_data;
    diagnostics[level]++;
    snprintf(last_message, sizeof last_message, "%s", message);
}

static void set_variable(const char *infix, const char *word, const char *value) {
    char name[64];

    snprintf(name, sizeof name, "OTEL_EXPORTER_OTLP_%s%s", infix, word);
    if (value) {
        setenv(name, value, 1);
    } else {
        unsetenv(name);
    }
}

/* An empty environment, and no diagnostic so far. */
static int start_over(void **state) {
    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(words); i++) {
        set_variable("", words[i], NULL);
        set_variable("TRACES_", words[i], NULL);
    }
    memset(diagnostics, 0, sizeof diagnostics);
    tote_diagnostics_set_handler(count, TOTE_LEVEL_DEBUG, NULL);
    return 0;
}

static struct tote__otlp_settings resolved(const tote_otlp_options *options) {
    struct tote__otlp_settings settings;

    assert_true(tote__otlp_settings_resolve(&settings, options, NULL));
    return settings;
}

static void assert_refused(tote_otlp_options options) {
    struct tote__otlp_settings settings;

    start_over(NULL);
    options.struct_size = sizeof options;
    assert_false(tote__otlp_settings_resolve(&settings, &options, NULL));
    assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 1);
}

/* Spec: protocol/exporter.md#configuration-options */
static void without_options_and_variables_the_defaults_apply(void **state) {
    struct tote__otlp_settings settings = resolved(NULL);

    (void)state;
    assert_string_equal(settings.url, "http://localhost:4318/v1/traces");
    assert_null(settings.unix_path);
    assert_int_equal(settings.headers.count, 0);
    assert_false(settings.is_gzip);
    assert_int_equal(settings.delivery.timeout_ms, 10000);
    assert_null(settings.ca_file);
    assert_null(settings.client_certificate_file);
    assert_null(settings.client_key_file);
    assert_int_equal(settings.delivery.max_request_bytes, 67108864);
    assert_int_equal(settings.max_response_bytes, 4194304);
    tote__otlp_settings_clear(&settings);
}

static void set_all_variables(const char *infix, const char *mark) {
    char text[64];

    snprintf(text, sizeof text, "http://%s", *mark ? mark : "general");
    set_variable(infix, "ENDPOINT", text);
    snprintf(text, sizeof text, "from=%s", mark);
    set_variable(infix, "HEADERS", text);
    set_variable(infix, "COMPRESSION", *mark == 's' ? "GZIP" : "none");
    set_variable(infix, "TIMEOUT", *mark == 's' ? "1" : "2");
    snprintf(text, sizeof text, "/%s", mark);
    set_variable(infix, "CERTIFICATE", text);
    set_variable(infix, "CLIENT_CERTIFICATE", text);
    set_variable(infix, "CLIENT_KEY", text);
}

/* The signal's value replaces the general one as a whole. Compliance: EV-07 */
static void variables_for_traces_win_over_general_ones(void **state) {
    (void)state;
    set_all_variables("", "general");
    set_variable("", "HEADERS", "from=general,more=1");
    set_all_variables("TRACES_", "signal");

    struct tote__otlp_settings settings = resolved(NULL);

    assert_string_equal(settings.url, "http://signal/");
    assert_int_equal(settings.headers.count, 1);
    assert_string_equal(settings.headers.items[0].value, "signal");
    assert_true(settings.is_gzip);
    assert_int_equal(settings.delivery.timeout_ms, 1);
    assert_string_equal(settings.ca_file, "/signal");
    assert_string_equal(settings.client_certificate_file, "/signal");
    assert_string_equal(settings.client_key_file, "/signal");
    tote__otlp_settings_clear(&settings);
}

/* Field by field. Spec: configuration/common.md */
static void an_option_overrides_only_its_own_variable(void **state) {
    const tote_attribute header = {"from", tote_string("options")};
    const tote_otlp_options options = {.struct_size = sizeof options,
                                       .endpoint = "http://options:1/base",
                                       .headers = &header,
                                       .header_count = 1,
                                       .compression = TOTE_OTLP_COMPRESSION_NONE,
                                       .ca_file = "/options"};
    (void)state;
    set_all_variables("TRACES_", "signal");

    struct tote__otlp_settings settings = resolved(&options);

    assert_string_equal(settings.url, "http://options:1/base/v1/traces");
    assert_string_equal(settings.headers.items[0].value, "options");
    assert_false(settings.is_gzip);
    assert_int_equal(settings.delivery.timeout_ms, 1);
    assert_string_equal(settings.ca_file, "/options");
    assert_string_equal(settings.client_key_file, "/signal");
    tote__otlp_settings_clear(&settings);
}

/* The host may change its working directory later. */
static void relative_paths_refer_to_the_directory_at_the_start(void **state) {
    const tote_otlp_options options = {
        .struct_size = sizeof options,
        .client_key_file = "key.pem",
        .delivery =
            &(tote_delivery_options){sizeof(tote_delivery_options), .disk_queue_directory = "queue",
                                     .crash_safe_directory = "crash-safe"}};
    char directory[512];
    char expected[640];

    (void)state;
    assert_non_null(getcwd(directory, sizeof directory));
    set_variable("", "CERTIFICATE", "ca.pem");
    set_variable("", "CLIENT_CERTIFICATE", "client.pem");
    struct tote__otlp_settings settings = resolved(&options);
    snprintf(expected, sizeof expected, "%s/ca.pem", directory);
    assert_string_equal(settings.ca_file, expected);
    snprintf(expected, sizeof expected, "%s/client.pem", directory);
    assert_string_equal(settings.client_certificate_file, expected);
    snprintf(expected, sizeof expected, "%s/key.pem", directory);
    assert_string_equal(settings.client_key_file, expected);
    snprintf(expected, sizeof expected, "%s/queue", directory);
    assert_string_equal(settings.delivery.disk_queue_directory, expected);
    snprintf(expected, sizeof expected, "%s/crash-safe", directory);
    assert_string_equal(settings.delivery.crash_safe_directory, expected);
    tote__otlp_settings_clear(&settings);
}

/* An empty path is a mistake, and does not mean the working directory. */
static void an_empty_path_stays_empty(void **state) {
    const tote_otlp_options options = {
        .struct_size = sizeof options,
        .ca_file = "",
        .delivery =
            &(tote_delivery_options){sizeof(tote_delivery_options), .disk_queue_directory = ""}};

    (void)state;
    struct tote__otlp_settings settings = resolved(&options);
    assert_string_equal(settings.ca_file, "");
    assert_string_equal(settings.delivery.disk_queue_directory, "");
    tote__otlp_settings_clear(&settings);
}

/*
 * The order is that of libcurl, see CURLOPT_PROXY. A CGI program gets HTTP_PROXY from its client.
 */
static void the_proxy_variables_are_those_of_libcurl(void **state) {
    static const char *const names[] = {"http_proxy",  "HTTP_PROXY", "https_proxy",
                                        "HTTPS_PROXY", "all_proxy",  "ALL_PROXY"};
    static const struct {
        const char *endpoint;
        size_t order[4]; /* names[] in order of precedence: the first that is set is used */
        size_t count;
    } cases[] = {
        {"http://localhost:4318", {0, 4, 5}, 3},
        {"https://localhost:4318", {2, 3, 4, 5}, 4},
        {"unix:/run/otel.sock", {0}, 0},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        const tote_otlp_options options = {.struct_size = sizeof options,
                                           .endpoint = cases[i].endpoint};
        for (size_t n = 0; n < TOTE_COUNT_OF(names); n++) {
            setenv(names[n], names[n], 1);
        }
        for (size_t n = 0; n <= cases[i].count; n++) {
            struct tote__otlp_settings settings = resolved(&options);
            const char *wanted = n < cases[i].count ? names[cases[i].order[n]] : NULL;
            assert_string_equal(settings.proxy, wanted ? wanted : "");
            if (wanted) {
                assert_string_equal(settings.proxy_variable, wanted);
                setenv(wanted, "", 1); /* counts as unset */
            }
            tote__otlp_settings_clear(&settings);
        }
    }
    for (size_t n = 0; n < TOTE_COUNT_OF(names); n++) {
        unsetenv(names[n]);
    }
}

static void the_environment_can_be_ignored(void **state) {
    const tote_otlp_options options = {.struct_size = sizeof options, .ignore_environment = true};

    (void)state;
    set_all_variables("", "general");
    set_variable("", "PROTOCOL", "grpc");

    struct tote__otlp_settings settings = resolved(&options);

    assert_string_equal(settings.url, "http://localhost:4318/v1/traces");
    assert_int_equal(settings.headers.count, 0);
    assert_int_equal(settings.delivery.timeout_ms, 10000);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0);
    tote__otlp_settings_clear(&settings);
}

/* A warning is reported. Spec: configuration/common.md */
static void an_invalid_variable_counts_as_unset_with_a_warning(void **state) {
    (void)state;
    set_variable("TRACES_", "COMPRESSION", "brotli");
    set_variable("", "COMPRESSION", "gzip");
    set_variable("", "TIMEOUT", "-5");

    struct tote__otlp_settings settings = resolved(NULL);

    assert_true(settings.is_gzip);
    assert_int_equal(settings.delivery.timeout_ms, 10000);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 2);
    tote__otlp_settings_clear(&settings);
}

/* Spec: configuration/common.md#timeout */
static void a_timeout_of_zero_in_the_environment_is_no_limit(void **state) {
    const tote_otlp_options unlimited = {
        .struct_size = sizeof unlimited,
        .delivery = &(tote_delivery_options){sizeof(tote_delivery_options),
                                             .timeout_ms = TOTE_OPTION_UNLIMITED}};

    (void)state;
    set_variable("", "TIMEOUT", "0");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_int_equal(settings.delivery.timeout_ms, UINT32_MAX);
    tote__otlp_settings_clear(&settings);

    settings = resolved(&unlimited);
    assert_int_equal(settings.delivery.timeout_ms, UINT32_MAX);
    tote__otlp_settings_clear(&settings);
}

/* Spec: protocol/exporter.md#configuration-options */
static void the_default_endpoint_depends_on_the_protocol(void **state) {
    static const struct {
        const char *protocol;
        const char *url;
        size_t max_request_bytes;
    } cases[] = {
        {"HTTP/Protobuf", "http://localhost:4318/v1/traces", 64 << 20},
        {"http/json", "http://localhost:4318/v1/traces", 64 << 20},
        {"grpc", "http://localhost:4317/opentelemetry.proto.collector.trace.v1.TraceService/Export",
         64 << 20},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        set_variable("TRACES_", "PROTOCOL", cases[i].protocol);
        struct tote__otlp_settings settings = resolved(NULL);
        assert_string_equal(settings.url, cases[i].url);
        assert_int_equal(settings.delivery.max_request_bytes, cases[i].max_request_bytes);
        tote__otlp_settings_clear(&settings);
    }
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0);
}

/* Spec: protocol/exporter.md#specify-protocol */
static void an_unknown_protocol_counts_as_unset_with_a_warning(void **state) {
    (void)state;
    set_variable("TRACES_", "PROTOCOL", "thrift");
    set_variable("", "PROTOCOL", "http/json");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_int_equal(settings.protocol, TOTE_OTLP_PROTOCOL_HTTP_JSON);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 1);
    tote__otlp_settings_clear(&settings);
}

/* Blanks are ignored as in every other variable. Spec: configuration/common.md#enum */
static void blanks_around_protocol_and_compression_are_ignored(void **state) {
    (void)state;
    set_variable("TRACES_", "PROTOCOL", " HTTP/json\t");
    set_variable("", "COMPRESSION", "\tgzip ");
    set_variable("TRACES_", "COMPRESSION", " ");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_int_equal(settings.protocol, TOTE_OTLP_PROTOCOL_HTTP_JSON);
    assert_true(settings.is_gzip);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0); /* a variable of blanks only is unset */
    tote__otlp_settings_clear(&settings);
}

/* A variable that was read from a file or a secret often ends with a newline. */
static void line_ends_around_values_are_ignored(void **state) {
    (void)state;
    set_variable("", "ENDPOINT", "http://collector.test:4318\r\n");
    set_variable("", "HEADERS", "authorization=Bearer x\n");
    set_variable("", "TIMEOUT", "5000\n");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_string_equal(settings.url, "http://collector.test:4318/v1/traces");
    assert_int_equal(settings.headers.count, 1);
    assert_int_equal(settings.delivery.timeout_ms, 5000);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0);
    tote__otlp_settings_clear(&settings);
}

/*
 * A scheme overrides `insecure`; no path is appended, and one in the endpoint is ignored. Spec:
 * protocol/exporter.md#configuration-options
 */
static void a_grpc_endpoint_may_be_a_host_and_a_port(void **state) {
    static const struct {
        const char *endpoint;
        bool insecure;
        const char *start;
    } cases[] = {
        {"collector:4317", false, "https://collector:4317/opentelemetry.proto"},
        {"collector:4317", true, "http://collector:4317/opentelemetry.proto"},
        {"[::1]:4317", true, "http://[::1]:4317/opentelemetry.proto"},
        {"https://collector:4317", true, "https://collector:4317/opentelemetry.proto"},
        {"http://collector:4317/", false, "http://collector:4317/opentelemetry.proto"},
        {"http://collector/path", false, "http://collector/opentelemetry.proto"},
        {"unix:/run/otlp.sock", false, "http://localhost/opentelemetry.proto"},
    };

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        const tote_otlp_options options = {.struct_size = sizeof options,
                                           .protocol = TOTE_OTLP_PROTOCOL_GRPC,
                                           .endpoint = cases[i].endpoint,
                                           .insecure = cases[i].insecure};
        struct tote__otlp_settings settings = resolved(&options);
        assert_memory_equal(settings.url, cases[i].start, strlen(cases[i].start));
        tote__otlp_settings_clear(&settings);
    }
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 1); /* the path */

    set_variable("", "PROTOCOL", "grpc");
    set_variable("", "INSECURE", "true");
    set_variable("TRACES_", "ENDPOINT", "collector:1");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_memory_equal(settings.url, "http://collector:1/", 19);
    tote__otlp_settings_clear(&settings);
}

static void never_called(void *self, const tote_otlp_request *request,
                         tote_otlp_response *response) {
    (void)self, (void)request, (void)response;
}

/* No exporter, rather than one that silently does something else. */
static void no_exporter_is_created_for_options_that_are_not_available(void **state) {
    const tote_otlp_transport empty = {.struct_size = sizeof empty};
    const tote_otlp_transport own = {.struct_size = sizeof own, .send = never_called};

    (void)state;
    assert_refused((tote_otlp_options){.endpoint = "collector:4318"});
    assert_refused((tote_otlp_options){.endpoint = "unix:relative"});
    assert_refused((tote_otlp_options){.transport = &empty});
    assert_refused((tote_otlp_options){.transport = &own, .protocol = TOTE_OTLP_PROTOCOL_GRPC});
}

/* Spec: protocol/exporter.md#specifying-headers-via-environment-variables */
static void headers_of_the_options_that_cannot_be_sent_are_left_out(void **state) {
    const tote_attribute headers[] = {{"ok", tote_string("1")},
                                      {"content-type", tote_string("text/plain")},
                                      {"Grpc-Timeout", tote_string("1S")},
                                      {"number", tote_int(1)},
                                      {NULL, tote_string("1")},
                                      {"split", tote_string("a\r\nb: c")},
                                      {"nul", tote_string_of("a\0b", 3)}};
    const tote_otlp_options options = {
        .struct_size = sizeof options, .headers = headers, .header_count = 7};

    (void)state;
    struct tote__otlp_settings settings = resolved(&options);

    assert_int_equal(settings.headers.count, 1);
    assert_string_equal(settings.headers.items[0].name, "ok");
    tote__otlp_settings_clear(&settings);
}

static void a_unix_endpoint_is_the_path_of_a_socket(void **state) {
    (void)state;
    set_variable("", "ENDPOINT", "unix:/run/collector");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_string_equal(settings.unix_path, "/run/collector");
    assert_string_equal(settings.url, "http://localhost/v1/traces");
    assert_string_equal(settings.shown_url, "unix:/run/collector");
    tote__otlp_settings_clear(&settings);

    set_variable("TRACES_", "ENDPOINT", "unix:///run/other");
    settings = resolved(NULL);
    assert_string_equal(settings.unix_path, "/run/other");
    tote__otlp_settings_clear(&settings);
}

/* Diagnostics name the receiver, and contain no secret. */
static void the_url_in_diagnostics_has_no_credentials_and_no_query(void **state) {
    (void)state;
    set_variable("TRACES_", "ENDPOINT", "https://me:secret@host:1/p/../q?key=secret#part");

    struct tote__otlp_settings settings = resolved(NULL);

    assert_string_equal(settings.url, "https://me:secret@host:1/p/../q?key=secret");
    assert_string_equal(settings.shown_url, "https://host:1/p/../q");
    tote__otlp_settings_clear(&settings);
}

/*
 * Headers are meant for the given endpoint, and are sent to no other. Spec:
 * configuration/sdk-environment-variables.md#parsing-environment-variables-by-type
 */
static void an_unusable_endpoint_variable_counts_as_unset_and_headers_are_not_sent(void **state) {
    static const struct {
        const char *infix;
        const char *value;
        const char *cause;
    } cases[] = {
        {"", "ftp://me:secret@host:21?key=secret", "its scheme is neither http nor https"},
        {"", "localhost:4318", "it does not begin with http:// or https://"},
        {"TRACES_", "http://", ""},
        {"TRACES_", "unix:relative", "what follows unix: is not an absolute path"},
        {"", "\"http://collector:4318\"", "remove the quotation marks around the value"},
        {"TRACES_", "'unix:/run/collector'", "remove the quotation marks around the value"},
        {"", "http://collector:4318\"", ""},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        struct tote__otlp_settings settings;
        char name[64];
        start_over(state);
        set_variable("", "HEADERS", "api-key=secret");
        set_variable("", "ENDPOINT", "http://collector:4318");
        set_variable(cases[i].infix, "ENDPOINT", cases[i].value);
        snprintf(name, sizeof name,
                 "OTEL_EXPORTER_OTLP_%sENDPOINT cannot be used: ", cases[i].infix);

        assert_true(tote__otlp_settings_resolve(&settings, NULL, NULL));
        assert_string_equal(settings.url, *cases[i].infix ? "http://collector:4318/v1/traces"
                                                          : "http://localhost:4318/v1/traces");
        assert_null(settings.unix_path);
        assert_int_equal(settings.headers.count, 0);
        tote__otlp_settings_clear(&settings);
        assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 1);
        assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0);
        assert_memory_equal(last_message, name, strlen(name));
        assert_non_null(strstr(last_message, cases[i].cause));
        assert_non_null(strstr(last_message, "it counts as unset"));
        assert_non_null(strstr(last_message, "write http://host:port"));
        assert_null(strstr(last_message, "secret"));
    }
}

static void no_exporter_is_created_for_an_unusable_endpoint_of_the_program(void **state) {
    const tote_otlp_options options = {.struct_size = sizeof options, .endpoint = "collector"};
    struct tote__otlp_settings settings;

    (void)state;
    set_variable("", "ENDPOINT", "http://collector:4318");
    assert_false(tote__otlp_settings_resolve(&settings, &options, NULL));
    assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 1);
    assert_non_null(strstr(last_message, "no exporter is created"));
}

/* The program's own transport knows its receiver. */
static void a_custom_transport_needs_no_endpoint(void **state) {
    const tote_otlp_transport own = {.struct_size = sizeof own, .send = never_called};
    const tote_otlp_options options = {.struct_size = sizeof options, .transport = &own};

    (void)state;
    set_variable("", "ENDPOINT", "collector:4318");
    struct tote__otlp_settings settings = resolved(&options);
    tote__otlp_settings_clear(&settings);
}

/* One diagnostic at the start, instead of a failed handshake for each export. */
static void an_unreadable_tls_file_is_named_with_its_source(void **state) {
    static const struct {
        const char *infix;
        const char *word;
        const char *value;
        const char *text;
    } cases[] = {
        {"", "CERTIFICATE", "/nonexistent/ca.pem",
         "OTEL_EXPORTER_OTLP_CERTIFICATE: the file /nonexistent/ca.pem cannot be read: No such "
         "file or directory (errno 2)"},
        {"TRACES_", "CLIENT_CERTIFICATE", "/dev/null/certificate",
         "OTEL_EXPORTER_OTLP_TRACES_CLIENT_CERTIFICATE: the file /dev/null/certificate cannot be "
         "read: Not a directory"},
        {"", "CLIENT_KEY", "\"/etc/passwd\"", "remove the quotation marks around the value"},
    };
    const tote_otlp_options options = {.struct_size = sizeof options,
                                       .client_key_file = "/nonexistent/key.pem"};

    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        start_over(state);
        set_variable("", "ENDPOINT", "https://collector");
        set_variable(cases[i].infix, cases[i].word, cases[i].value);
        struct tote__otlp_settings settings = resolved(NULL);
        assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 1);
        assert_non_null(strstr(last_message, cases[i].text));
        tote__otlp_settings_clear(&settings);
    }
    start_over(state);
    set_variable("", "ENDPOINT", "https://collector");
    set_variable("", "CLIENT_KEY", "/etc/passwd");
    struct tote__otlp_settings settings = resolved(&options);
    assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 1);
    assert_non_null(strstr(last_message, "tote_otlp_options.client_key_file: the file "));
    tote__otlp_settings_clear(&settings);
}

static void tls_files_are_not_read_without_tls(void **state) {
    (void)state;
    set_variable("", "ENDPOINT", "http://collector");
    set_variable("", "CERTIFICATE", "/nonexistent/ca.pem");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_int_equal(diagnostics[TOTE_LEVEL_ERROR], 0);
    tote__otlp_settings_clear(&settings);
}

/* A password or token is in no diagnostic, wherever it is in an invalid value. */
static void no_diagnostic_shows_the_value_of_an_endpoint_or_a_header(void **state) {
    static const char *const endpoints[] = {
        "secret",
        "secret:4318",
        "https//me:secret@host",
        "https://me:secret@host:port",
        "https://me:secret@host:99999/path",
        "https://me:sec/secret@host:99999",
        "ftp://host/secret",
        "https://host name/v1;token=secret",
        "https://[host/secret",
        "unix:secret",
    };
    static const char *const headers[] = {"secret",      "a b=secret", "te=secret",
                                          "a=%0Asecret", "a=secret%",  "authorization:secret"};
    const tote_attribute attributes[] = {{"a", tote_string("secret\n")}, {"se cret", tote_int(1)}};
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(endpoints); i++) {
        start_over(state);
        last_message[0] = '\0';
        set_variable("", "ENDPOINT", endpoints[i]);
        struct tote__otlp_settings settings;
        assert_true(tote__otlp_settings_resolve(&settings, NULL, NULL));
        tote__otlp_settings_clear(&settings);
        assert_string_not_equal(last_message, "");
        assert_null(strstr(last_message, "secret"));
        options.endpoint = endpoints[i];
        assert_false(tote__otlp_settings_resolve(&settings, &options, NULL));
        assert_null(strstr(last_message, "secret"));
    }
    options.endpoint = NULL;
    options.headers = attributes;
    options.header_count = TOTE_COUNT_OF(attributes);
    for (size_t i = 0; i < TOTE_COUNT_OF(headers); i++) {
        set_variable("", "ENDPOINT", "http://localhost");
        set_variable("", "HEADERS", headers[i]);
        struct tote__otlp_settings settings = resolved(NULL);
        assert_int_equal(settings.headers.count, 0);
        assert_null(strstr(last_message, "secret"));
        tote__otlp_settings_clear(&settings);
        settings = resolved(&options);
        assert_null(strstr(last_message, "secret"));
        tote__otlp_settings_clear(&settings);
    }
}

/* A diagnostic names the variable or the option, the entry in it, and the cause. */
static void a_header_that_is_left_out_is_reported_with_the_cause(void **state) {
    static const struct {
        const char *text;
        const char *cause;
    } cases[] = {
        {"a=1,b", "OTEL_EXPORTER_OTLP_HEADERS: entry 2 is ignored: it has no =;"},
        {"b c=1", "entry 1 is ignored: its name is not the name of a header;"},
        {"a=1,te=1", "entry 2 is ignored: the exporter sets this header itself;"},
        {"a=%0A", "entry 1 is ignored: its value has a control character;"},
        {"a=%2", "entry 1 is ignored: its value has a % without two hex digits;"},
    };
    const tote_attribute headers[] = {{"ok", tote_string("1")}, {"number", tote_int(1)}};
    const tote_otlp_options options = {
        .struct_size = sizeof options, .headers = headers, .header_count = 2};

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(cases); i++) {
        set_variable("", "HEADERS", cases[i].text);
        struct tote__otlp_settings settings = resolved(NULL);
        if (!strstr(last_message, cases[i].cause)) {
            fail_msg("%s", last_message);
        }
        tote__otlp_settings_clear(&settings);
    }
    struct tote__otlp_settings settings = resolved(&options);
    assert_string_equal(last_message,
                        "tote_otlp_options.headers[1] is not sent: its value is not a string");
    tote__otlp_settings_clear(&settings);
}

/*
 * The path is appended to the base endpoint. Spec: protocol/exporter.md#endpoint-urls-for-otlphttp
 */
static void an_endpoint_that_already_has_the_path_is_reported(void **state) {
    (void)state;
    set_variable("", "ENDPOINT", "http://localhost:4318/v1/traces/");
    struct tote__otlp_settings settings = resolved(NULL);
    assert_string_equal(settings.url, "http://localhost:4318/v1/traces/v1/traces");
    assert_non_null(strstr(last_message, "OTEL_EXPORTER_OTLP_ENDPOINT ends in /v1/traces, and "
                                         "/v1/traces is added to it"));
    tote__otlp_settings_clear(&settings);

    unsigned before = diagnostics[TOTE_LEVEL_WARN];
    set_variable("TRACES_", "ENDPOINT", "http://localhost:4318/v1/traces");
    settings = resolved(NULL);
    assert_string_equal(settings.url, "http://localhost:4318/v1/traces");
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], before);
    tote__otlp_settings_clear(&settings);
}

/* What a URL of a file looks like if ${PORT} is unset. */
static void an_endpoint_without_a_port_or_a_path_is_reported(void **state) {
    static const struct {
        const char *url;
        const char *wanted; /* NULL: nothing */
    } rows[] = {
        {"http://localhost:/v1/traces", ".endpoint: there is no port after the colon, so 80 is"},
        {"https://localhost:", ".endpoint: the URL has no path and is used as it is"},
        {"http://localhost:4318", ".endpoint: the URL has no path and is used as it is"},
        {"http://localhost:4318/", NULL},
        {"http://[::1]/v1/traces", NULL},
        {"http://[::]:/v1/traces", "so 80 is used"},
    };
    tote_otlp_options options = TOTE_OTLP_OPTIONS_INIT;

    (void)state;
    options.is_complete_endpoint = true;
    for (size_t i = 0; i < TOTE_COUNT_OF(rows); i++) {
        start_over(NULL);
        options.endpoint = rows[i].url;
        struct tote__otlp_settings settings = resolved(&options);
        assert_true(!rows[i].wanted == !diagnostics[TOTE_LEVEL_WARN]);
        assert_true(!rows[i].wanted || strstr(last_message, rows[i].wanted));
        tote__otlp_settings_clear(&settings);
    }
    start_over(NULL);
    options.is_complete_endpoint = false;
    options.endpoint = "http://localhost:4318";
    struct tote__otlp_settings settings = resolved(&options);
    assert_int_equal(diagnostics[TOTE_LEVEL_WARN], 0);
    tote__otlp_settings_clear(&settings);
}

#define FRESH_TEST(test) cmocka_unit_test_setup(test, start_over)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        FRESH_TEST(without_options_and_variables_the_defaults_apply),
        FRESH_TEST(variables_for_traces_win_over_general_ones),
        FRESH_TEST(an_endpoint_without_a_port_or_a_path_is_reported),
        FRESH_TEST(an_option_overrides_only_its_own_variable),
        FRESH_TEST(relative_paths_refer_to_the_directory_at_the_start),
        FRESH_TEST(an_empty_path_stays_empty),
        FRESH_TEST(the_proxy_variables_are_those_of_libcurl),
        FRESH_TEST(the_environment_can_be_ignored),
        FRESH_TEST(an_invalid_variable_counts_as_unset_with_a_warning),
        FRESH_TEST(a_timeout_of_zero_in_the_environment_is_no_limit),
        FRESH_TEST(the_default_endpoint_depends_on_the_protocol),
        FRESH_TEST(an_unknown_protocol_counts_as_unset_with_a_warning),
        FRESH_TEST(blanks_around_protocol_and_compression_are_ignored),
        FRESH_TEST(line_ends_around_values_are_ignored),
        FRESH_TEST(a_grpc_endpoint_may_be_a_host_and_a_port),
        FRESH_TEST(no_exporter_is_created_for_options_that_are_not_available),
        FRESH_TEST(headers_of_the_options_that_cannot_be_sent_are_left_out),
        FRESH_TEST(a_unix_endpoint_is_the_path_of_a_socket),
        FRESH_TEST(an_unusable_endpoint_variable_counts_as_unset_and_headers_are_not_sent),
        FRESH_TEST(no_exporter_is_created_for_an_unusable_endpoint_of_the_program),
        FRESH_TEST(a_custom_transport_needs_no_endpoint),
        FRESH_TEST(an_unreadable_tls_file_is_named_with_its_source),
        FRESH_TEST(tls_files_are_not_read_without_tls),
        FRESH_TEST(no_diagnostic_shows_the_value_of_an_endpoint_or_a_header),
        FRESH_TEST(a_header_that_is_left_out_is_reported_with_the_cause),
        FRESH_TEST(an_endpoint_that_already_has_the_path_is_reported),
        FRESH_TEST(the_url_in_diagnostics_has_no_credentials_and_no_query),
    };
    return RUN_TESTS(tests, argc, argv);
}
