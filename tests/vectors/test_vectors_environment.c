/* SPDX-License-Identifier: MIT */
/*
 * test_vectors_environment.c - the rows about environment variables
 */
#include "support.h"

#include <curl/curl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "configuration.h"
#include "otlp/options.h"
#include "reports.h"
#include "tote/propagators.h"
#include "vectors.h"

extern char **environ;

static const tote_sdk_options defaults = TOTE_SDK_OPTIONS_INIT;

static void unset_all(void) {
    for (char **entry = environ; *entry;) {
        char name[64];
        snprintf(name, sizeof name, "%.*s", (int)strcspn(*entry, "="), *entry);
        if (strncmp(name, "OTEL_", 5) == 0) {
            unsetenv(name);
            entry = environ;
        } else {
            entry++;
        }
    }
}

static void start_over(void) {
    unset_all();
    reports_reset(TOTE_LEVEL_DEBUG);
}

static struct tote__configuration resolve(void) {
    struct tote__configuration result;

    tote__configuration_resolve(&defaults, NULL, &result);
    return result;
}

/* What a variable of a row decides, as the text of the row's second column. */
struct effect {
    char text[256];
};

static void set_number(struct effect *effect, uint32_t number) {
    snprintf(effect->text, sizeof effect->text, number == TOTE_OPTION_UNLIMITED ? "no limit" : "%u",
             number);
}

/* The header fields of a propagator, whose order is that of the names. */
static void add_fields(struct effect *effect, const char *names) {
    tote_propagator *propagator = tote_propagator_from_names(names);
    const char *field;

    for (size_t i = 0; (field = tote_propagator_get_field(propagator, i)); i++) {
        size_t length = strlen(effect->text);
        snprintf(effect->text + length, sizeof effect->text - length, "%s ", field);
    }
    tote_propagator_unref(propagator);
}

static void describe_propagators(struct effect *effect) {
    const struct tote__configuration result = resolve();

    add_fields(effect, result.propagators);
}

static void describe_exporters(struct effect *effect) {
    const struct tote__configuration result = resolve();

    for (size_t i = 0; i < result.exporter_count; i++) {
        size_t length = strlen(effect->text);
        snprintf(effect->text + length, sizeof effect->text - length, "%s%s", i ? "," : "",
                 result.exporters[i]);
    }
}

static void describe_ratio(struct effect *effect) {
    const struct tote__configuration result = resolve();

    snprintf(effect->text, sizeof effect->text, "%.17g", result.sampler_ratio);
}

static void describe_sampler(struct effect *effect) {
    const struct tote__configuration result = resolve();

    snprintf(effect->text, sizeof effect->text, "%s", result.sampler);
}

static void describe_otlp_timeout(struct effect *effect) {
    struct tote__otlp_settings settings;

    assert_true(tote__otlp_settings_resolve(&settings, NULL, NULL));
    set_number(effect, settings.delivery.timeout_ms);
    tote__otlp_settings_clear(&settings);
}

#define CONFIGURED(name, field)                                                                    \
    static void name(struct effect *effect) {                                                      \
        const struct tote__configuration result = resolve();                                       \
                                                                                                   \
        set_number(effect, result.field);                                                          \
    }

CONFIGURED(describe_queue, batch.max_queue_size)
CONFIGURED(describe_batch, batch.max_export_batch_size)
CONFIGURED(describe_delay, batch.schedule_delay_ms)
CONFIGURED(describe_export_timeout, batch.export_timeout_ms)
CONFIGURED(describe_attributes, limits.attribute_count)
CONFIGURED(describe_value_length, limits.attribute_value_length)
CONFIGURED(describe_events, limits.event_count)
CONFIGURED(describe_links, limits.link_count)
CONFIGURED(describe_event_attributes, limits.attribute_count_per_event)
CONFIGURED(describe_link_attributes, limits.attribute_count_per_link)

static const struct subject {
    const char *name;
    void (*describe)(struct effect *effect);
} subjects[] = {
    {"OTEL_BSP_MAX_QUEUE_SIZE", describe_queue},
    {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", describe_batch},
    {"OTEL_BSP_SCHEDULE_DELAY", describe_delay},
    {"OTEL_BSP_EXPORT_TIMEOUT", describe_export_timeout},
    {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", describe_attributes},
    {"OTEL_ATTRIBUTE_COUNT_LIMIT", describe_attributes},
    {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", describe_value_length},
    {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", describe_value_length},
    {"OTEL_SPAN_EVENT_COUNT_LIMIT", describe_events},
    {"OTEL_SPAN_LINK_COUNT_LIMIT", describe_links},
    {"OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", describe_event_attributes},
    {"OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", describe_link_attributes},
    {"OTEL_TRACES_SAMPLER", describe_sampler},
    {"OTEL_TRACES_SAMPLER_ARG", describe_sampler},
    {"OTEL_PROPAGATORS", describe_propagators},
    {"OTEL_TRACES_EXPORTER", describe_exporters},
    {"OTEL_EXPORTER_OTLP_TIMEOUT", describe_otlp_timeout},
    {"OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", describe_otlp_timeout},
};

static const struct subject *find_subject(const char *name) {
    for (size_t i = 0; i < TOTE_COUNT_OF(subjects); i++) {
        if (strcmp(subjects[i].name, name) == 0) {
            return &subjects[i];
        }
    }
    return NULL;
}

/* Remove a remark in parentheses at the end. Returns it without them; NULL if there is none. */
static char *take_remark(char *text) {
    size_t length = strlen(text);
    char *remark = strstr(text, " (");

    if (!remark || text[length - 1] != ')') {
        return NULL;
    }
    text[length - 1] = '\0';
    *remark = '\0';
    return remark + 2;
}

/*
 * Set "A=1 B=2", "A unset, B=2" or "A=1 (batch size unset)". The first name is the subject; in the
 * last form it is the batch size. Returns NULL if the form is not known.
 */
static const struct subject *apply(char *settings) {
    const struct subject *subject = NULL;
    const char *remark = take_remark(settings);

    if (remark && !strstr(remark, "unset")) {
        return NULL;
    }
    while (*settings) {
        char *part = vectors_word(&settings);
        char *value = strchr(part, '=');
        if (value) {
            *value++ = '\0';
            setenv(part, value, 1);
        } else {
            const char *word = vectors_word(&settings);
            if (strcmp(word, "unset,") != 0 && strcmp(word, "unset") != 0) {
                return NULL;
            }
        }
        const struct subject *found = find_subject(part);
        if (!found) {
            return NULL;
        }
        subject = subject ? subject : found;
    }
    return remark && strstr(remark, "batch") ? find_subject("OTEL_BSP_MAX_EXPORT_BATCH_SIZE")
                                             : subject;
}

static bool is_same_ratio(const char *a, const char *b) {
    return strtod(a, NULL) == strtod(b, NULL);
}

/* Remove " + warn" or " + log". Returns whether it was there. */
static bool take_report(char *expected) {
    static const char *const forms[] = {" + warn", " + log"};

    for (size_t i = 0; i < TOTE_COUNT_OF(forms); i++) {
        char *at = strstr(expected, forms[i]);
        if (at && !at[strlen(forms[i])]) {
            *at = '\0';
            return true;
        }
    }
    return false;
}

/* The effect without any variable. */
static void describe_default(const struct subject *subject, struct effect *effect) {
    start_over();
    subject->describe(effect);
}

static bool check_effect(const struct vector_row *row) {
    char *expected = row->columns[1];
    take_remark(expected);
    bool is_reported = take_report(expected);
    struct effect effect = {""};
    struct effect wanted = {""};
    struct effect unset = {""};

    start_over();
    const struct subject *subject = apply(row->columns[0]);
    if (!subject) {
        return false;
    }
    bool is_ratio = vectors_take(&expected, "ratio ");
    (is_ratio ? describe_ratio : subject->describe)(&effect);
    if (reports.count != (is_reported ? 1 : 0)) {
        return false;
    }
    describe_default(subject, &unset);
    if (strcmp(expected, "default") == 0 || strcmp(expected, "ignored") == 0) {
        return strcmp(effect.text, unset.text) == 0;
    }
    if (vectors_take(&expected, "default ") && strcmp(expected, unset.text) != 0) {
        return false;
    }
    if (subject->describe == describe_batch && vectors_take(&expected, "batch ")) {
        vectors_take(&expected, "size ");
    }
    if (subject->describe == describe_propagators) {
        add_fields(&wanted, strcmp(expected, "noop") == 0 ? "none" : expected);
        return reports.count == 0 && strcmp(effect.text, wanted.text) == 0;
    }
    return is_ratio ? is_same_ratio(effect.text, expected) : strcmp(effect.text, expected) == 0;
}

/* Compliance: EV-05, EV-06, EV-07, EV-10, EV-16, EV-17 */
static void every_row_of_env_values_has_its_effect(void **state) {
    (void)state;
    vectors_check("env_values.tsv", check_effect);
}

static bool check_boolean(const struct vector_row *row) {
    char *expected = row->columns[1];
    bool is_true = vectors_take(&expected, "true");

    if (!is_true && !vectors_take(&expected, "false")) {
        return false;
    }
    bool is_reported = vectors_take(&expected, "+warn");
    start_over();
    setenv("OTEL_SDK_DISABLED", vectors_unescape(row->columns[0]).at, 1);
    const struct tote__configuration result = resolve();
    return !*expected && result.is_disabled == is_true && reports.count == is_reported;
}

/* Compliance: EV-01 */
static void every_row_of_env_boolean_has_its_effect(void **state) {
    (void)state;
    vectors_check("env_boolean.tsv", check_boolean);
}

/* "name\=value": returns false if the form is not known. */
static bool read_pair(char *text, struct text *name, struct text *value) {
    char *sides[VECTORS_MOST_PARTS];

    if (vectors_split(text, '=', sides) != 2) {
        return false;
    }
    *name = vectors_unescape(sides[0]);
    *value = vectors_unescape(sides[1]);
    return true;
}

/* Of a key that is given twice the last one counts. */
static const tote_attribute *find_last(const tote_attribute *attributes, size_t count,
                                       const char *key) {
    while (count && strcmp(attributes[count - 1].key, key) != 0) {
        count--;
    }
    return count ? &attributes[count - 1] : NULL;
}

static size_t count_keys(const tote_attribute *attributes, size_t count) {
    size_t keys = 0;

    for (size_t i = 0; i < count; i++) {
        keys += find_last(attributes, count, attributes[i].key) == &attributes[i];
    }
    return keys;
}

/* "SET k\=v\|...", "EMPTY" */
static bool has_members(char *expected, const tote_attribute *attributes, size_t count) {
    char *parts[VECTORS_MOST_PARTS];

    if (strcmp(expected, "EMPTY") == 0) {
        return count == 0;
    }
    if (!vectors_take(&expected, "SET ")) {
        return false;
    }
    size_t part_count = vectors_split(expected, '|', parts);
    for (size_t i = 0; i < part_count; i++) {
        struct text key;
        struct text value;
        if (!read_pair(parts[i], &key, &value)) {
            return false;
        }
        const tote_attribute *found = find_last(attributes, count, key.at);
        if (!found || !tote_value_equals(found->value, tote_string_of(value.at, value.length))) {
            return false;
        }
    }
    return count_keys(attributes, count) == part_count;
}

static bool check_resource(const struct vector_row *row) {
    struct tote__arena arena = {NULL, NULL, 0};
    tote_attribute *attributes = NULL;
    size_t count = 0;
    bool is_good;

    start_over();
    char *variable = vectors_unescape(row->columns[0]).at;
    bool is_taken = tote__parse_resource_attributes(variable, &arena, &attributes, &count);
    if (strcmp(row->columns[1], "ERROR") == 0) {
        is_good = !is_taken && count == 0 && reports.count == 1 &&
                  strcmp(reports.component, "OTEL_RESOURCE_ATTRIBUTES") == 0;
    } else {
        is_good = is_taken && reports.count == 0 && has_members(row->columns[1], attributes, count);
    }
    tote__arena_clear(&arena);
    return is_good;
}

/* Compliance: EV-02 */
static void every_row_of_otel_resource_attributes_is_parsed_as_expected(void **state) {
    (void)state;
    vectors_check("otel_resource_attributes.tsv", check_resource);
}

/* "SET name\=value\|...", "EMPTY" */
static bool has_headers(char *expected, const struct tote__otlp_headers *headers) {
    char *parts[VECTORS_MOST_PARTS];

    if (strcmp(expected, "EMPTY") == 0) {
        return headers->count == 0;
    }
    if (!vectors_take(&expected, "SET ") || vectors_split(expected, '|', parts) != headers->count) {
        return false;
    }
    for (size_t i = 0; i < headers->count; i++) {
        struct text name;
        struct text value;
        if (!read_pair(parts[i], &name, &value) || strcmp(headers->items[i].name, name.at) != 0 ||
            strcmp(headers->items[i].value, value.at) != 0) {
            return false;
        }
    }
    return true;
}

static bool check_headers(const struct vector_row *row) {
    struct tote__otlp_settings settings;
    char *expected = row->columns[1];
    bool warns = vectors_take(&expected, "WARN ");

    start_over();
    setenv("OTEL_EXPORTER_OTLP_HEADERS", vectors_unescape(row->columns[0]).at, 1);
    assert_true(tote__otlp_settings_resolve(&settings, NULL, NULL));
    bool is_good = reports.count == warns && has_headers(expected, &settings.headers);
    tote__otlp_settings_clear(&settings);
    return is_good;
}

/* Spec: protocol/exporter.md#configuration-options. Compliance: EV-07 */
static void every_row_of_otlp_headers_is_parsed_as_expected(void **state) {
    (void)state;
    vectors_check("otlp_headers.tsv", check_headers);
}

/* The URL with its port, even one that is the scheme's own. Returns false if it is no URL. */
static bool normalise(const char *text, char *out, size_t size) {
    CURLU *url = curl_url();
    char *whole = NULL;
    bool is_url = curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK &&
                  curl_url_get(url, CURLUPART_URL, &whole, CURLU_DEFAULT_PORT) == CURLUE_OK;

    snprintf(out, size, "%s", whole ? whole : "");
    curl_free(whole);
    curl_url_cleanup(url);
    return is_url;
}

static bool check_endpoint(const struct vector_row *row) {
    char *variables[VECTORS_MOST_PARTS]; /* the general one, then the one for traces */
    struct tote__otlp_settings settings;
    char expected[512];
    char actual[512];

    if (vectors_split(row->columns[0], '|', variables) != 2) {
        return false;
    }
    start_over();
    reports_reset(TOTE_LEVEL_ERROR);
    setenv("OTEL_EXPORTER_OTLP_ENDPOINT", variables[0], 1);
    setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", variables[1], 1);
    if (!tote__otlp_settings_resolve(&settings, NULL, NULL)) {
        return false;
    }
    size_t expected_reports = strstr(row->columns[2], "warn") ? 1 : 0;
    bool is_good = normalise(settings.url, actual, sizeof actual) &&
                   normalise(row->columns[1], expected, sizeof expected) &&
                   strcmp(actual, expected) == 0 && reports.count == expected_reports;
    tote__otlp_settings_clear(&settings);
    return is_good;
}

/* Compliance: EV-07 */
static void every_row_of_otlp_http_endpoint_gives_the_expected_url(void **state) {
    (void)state;
    vectors_check("otlp_http_endpoint.tsv", check_endpoint);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(every_row_of_env_values_has_its_effect),
        TEST(every_row_of_env_boolean_has_its_effect),
        TEST(every_row_of_otel_resource_attributes_is_parsed_as_expected),
        TEST(every_row_of_otlp_headers_is_parsed_as_expected),
        TEST(every_row_of_otlp_http_endpoint_gives_the_expected_url),
    };

    return RUN_TESTS(tests, argc, argv);
}
