/* SPDX-License-Identifier: MIT */
/*
 * test_trust.c - which entries and headers are sent, to which hosts, and what is read from
 * untrusted clients, in every format that carries baggage
 */
#include "support.h"

#include <stdlib.h>
#include <string.h>

#include "carrier.h"
#include "reports.h"
#include "tote/baggage.h"
#include "tote/propagators.h"
#include "tote/tote.h"

/* The formats that carry baggage, and the header that has the entry `user`. */
static const struct format {
    tote_propagator *(*make)(const tote_baggage_propagator_options *options);
    const char *user;
    const char *value;
} formats[] = {
    {tote_propagator_baggage_new, "baggage", "user=u"},
    {tote_propagator_jaeger_new, "uberctx-user", "u"},
    {tote_propagator_ot_trace_new, "ot-baggage-user", "u"},
};

/* A context with a span and the entries `user` and `secret`. */
static tote_context *make_context(void) {
    tote_propagator *propagator = tote_propagator_from_names("b3,baggage");
    struct carrier in = {.count = 0};

    carrier_add(&in, "b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1");
    carrier_add(&in, "baggage", "user=u,secret=s");
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
    return context;
}

static int set_up(void **state) {
    reports_reset(TOTE_LEVEL_WARN);
    *state = make_context();
    return 0;
}

static int tear_down(void **state) {
    tote_context_unref(*state);
    return 0;
}

/* Whether the text is in any header. */
static bool contains(const struct carrier *carrier, const char *text) {
    for (size_t i = 0; i < carrier->count; i++) {
        if (strstr(carrier->headers[i].value, text) || strstr(carrier->headers[i].name, text)) {
            return true;
        }
    }
    return false;
}

static struct carrier inject(const struct format *format, const tote_context *context,
                             const tote_baggage_propagator_options *options) {
    tote_propagator *propagator = format->make(options);
    struct carrier out = {.count = 0};

    tote_propagator_inject(propagator, context, &out, &carrier_setter);
    tote_propagator_unref(propagator);
    return out;
}

/* The contract of tote_baggage_propagator_options.allowed_names */
static void only_names_on_the_list_are_sent(void **state) {
    static const char *const names[] = {"user", "other"};
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    options.allowed_names = names;
    options.allowed_name_count = TOTE_COUNT_OF(names);
    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        struct carrier out = inject(&formats[i], *state, &options);
        assert_non_null(carrier_get(&out, formats[i].user));
        assert_string_equal(carrier_get(&out, formats[i].user), formats[i].value);
        assert_false(contains(&out, "secret"));
        carrier_clear(&out);
    }
    options.allowed_name_count = 0; /* a list without names */
    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        struct carrier out = inject(&formats[i], *state, &options);
        assert_false(contains(&out, "user"));
        carrier_clear(&out);
    }
    assert_int_equal(reports.count, 0);
}

/* Spec: context/api-propagators.md#fields. The contract of tote_propagator_allowed_hosts_new() */
static void headers_of_an_earlier_message_are_removed_for_a_host_that_is_not_allowed(void **state) {
    static const char *const hosts[] = {"api.example.com"};
    tote_propagator *propagator = tote_propagator_allowed_hosts_new(
        tote_propagator_from_names("b3,baggage,tracecontext"), hosts, TOTE_COUNT_OF(hosts));
    struct carrier carrier = {.count = 0};
    tote_context *allowed = tote_context_with_destination(*state, "api.example.com");
    tote_context *other = tote_context_with_destination(*state, "example.org");

    carrier_add(&carrier, "X-Own", "1");
    tote_propagator_inject(propagator, allowed, &carrier, &carrier_setter);
    assert_int_equal(carrier.count, 4);
    assert_string_equal(tote_propagator_get_field(propagator, 0), "b3");
    tote_propagator_inject(propagator, other, &carrier, &carrier_setter);
    assert_int_equal(carrier.count, 1);
    assert_string_equal(carrier_get(&carrier, "X-Own"), "1");
    carrier_clear(&carrier);
    tote_context_unref(allowed);
    tote_context_unref(other);
    tote_propagator_unref(propagator);
}

/* The contract of tote_propagator_allowed_hosts_new(): one propagator of a composite is limited. */
static void a_list_of_hosts_can_limit_baggage_alone(void **state) {
    static const char *const hosts[] = {"api.example.com"};
    tote_propagator *both[] = {
        tote_propagator_tracecontext_new(),
        tote_propagator_allowed_hosts_new(tote_propagator_baggage_new(NULL), hosts, 1)};
    tote_propagator *propagator = tote_propagator_composite_new(both, TOTE_COUNT_OF(both));
    tote_context *allowed = tote_context_with_destination(*state, "api.example.com");
    tote_context *other = tote_context_with_destination(*state, "example.org");
    struct carrier first = {.count = 0}, second = {.count = 0};

    tote_propagator_inject(propagator, allowed, &first, &carrier_setter);
    tote_propagator_inject(propagator, other, &second, &carrier_setter);
    assert_non_null(carrier_get(&first, "traceparent"));
    assert_non_null(carrier_get(&first, "baggage"));
    assert_non_null(carrier_get(&second, "traceparent"));
    assert_null(carrier_get(&second, "baggage"));
    carrier_clear(&first);
    carrier_clear(&second);
    tote_context_unref(allowed);
    tote_context_unref(other);
    tote_propagator_unref(propagator);
}

/* The contract of tote_propagator_allowed_hosts_new(): extract is not limited. */
static void a_list_of_hosts_does_not_limit_what_is_read(void **state) {
    static const char *const hosts[] = {"api.example.com"};
    tote_propagator *propagator = tote_propagator_allowed_hosts_new(
        tote_propagator_from_names("b3,baggage"), hosts, TOTE_COUNT_OF(hosts));
    struct carrier in = {.count = 0};

    (void)state;
    carrier_add(&in, "b3", "80f198ee56343ba864fe8b2a57d3eff7-e457b5a2e4d86bd1-1");
    carrier_add(&in, "baggage", "user=u");
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    char user[8];
    assert_true(tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(context))));
    assert_int_equal(tote_context_get_baggage(context, "user", user, sizeof user), 1);
    tote_context_unref(context);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
}

/* The contract of tote_propagator_allowed_hosts_new(): "An empty list (also NULL) allows no host."
 */
static void an_empty_list_of_hosts_allows_none(void **state) {
    static const char *const hosts[] = {"api.example.com"};
    const char *const *const lists[] = {hosts, NULL};
    tote_context *context = tote_context_with_destination(*state, "api.example.com");

    for (size_t i = 0; i < TOTE_COUNT_OF(lists); i++) {
        tote_propagator *propagator = tote_propagator_allowed_hosts_new(
            tote_propagator_tracecontext_new(), lists[i], lists[i] ? 0 : 7);
        struct carrier out = {.count = 0};
        tote_propagator_inject(propagator, context, &out, &carrier_setter);
        assert_int_equal(out.count, 0);
        tote_propagator_unref(propagator);
    }
    tote_propagator *none = tote_propagator_allowed_hosts_new(NULL, hosts, 1);
    struct carrier out = {.count = 0};
    tote_propagator_inject(none, context, &out, &carrier_setter);
    assert_int_equal(out.calls, 0);
    assert_null(tote_propagator_get_field(none, 0));
    tote_propagator_unref(none);
    tote_context_unref(context);
    assert_int_equal(reports.count, 0);
}

/* The contract of tote_propagator_allowed_hosts_new(): "An entry that no URL can have as its host".
 */
static void an_allowed_host_that_matches_nothing_is_reported(void **state) {
    static const char *const hosts[] = {"https://api.example.com", "api.example.com:443",
                                        "*.example.com",           "api.example.com/v1",
                                        "user@api.example.com",    ""};
    static const char *const good[] = {"api.example.com", ".example.com", "127.0.0.1", "[::1]"};

    (void)state;
    tote_propagator_unref(tote_propagator_allowed_hosts_new(tote_propagator_tracecontext_new(),
                                                            good, TOTE_COUNT_OF(good)));
    assert_int_equal(reports.count, 0);
    for (size_t i = 0; i < TOTE_COUNT_OF(hosts); i++) {
        tote_propagator_unref(
            tote_propagator_allowed_hosts_new(tote_propagator_tracecontext_new(), &hosts[i], 1));
        assert_int_equal(reports.count, i + 1);
        assert_non_null(strstr(reports.message, "matches no host"));
    }
}

/* Hosts are compared ignoring case. An unknown host is not allowed. */
static void baggage_goes_only_to_hosts_on_the_list(void **state) {
    static const char *const hosts[] = {"api.example.com", ".internal"};
    static const struct {
        const char *host;
        bool is_allowed;
    } rows[] = {
        {"api.example.com", true},
        {"API.Example.COM", true},
        {"db.internal", true},
        {"a.b.internal", true},
        {"example.com", false},
        {"x.api.example.com", false},
        {"internal", false},
        {".internal", true},
        {"evilinternal", false},
        {"db.internal.evil", false},
        {"api.example.com.evil", false},
        {"", false},
        {NULL, false},
    };

    for (size_t i = 0; i < TOTE_COUNT_OF(formats) * TOTE_COUNT_OF(rows); i++) {
        const struct format *format = &formats[i / TOTE_COUNT_OF(rows)];
        tote_propagator *propagator =
            tote_propagator_allowed_hosts_new(format->make(NULL), hosts, TOTE_COUNT_OF(hosts));
        bool is_allowed = rows[i % TOTE_COUNT_OF(rows)].is_allowed;
        tote_context *context =
            tote_context_with_destination(*state, rows[i % TOTE_COUNT_OF(rows)].host);
        struct carrier out = {.count = 0};
        tote_propagator_inject(propagator, context, &out, &carrier_setter);
        assert_int_equal(carrier_get(&out, format->user) != NULL, is_allowed);
        assert_int_equal(contains(&out, "secret"), is_allowed);
        assert_true(is_allowed || !out.count);
        carrier_clear(&out);
        tote_propagator_unref(propagator);
        tote_context_unref(context);
    }
}

/* The contract of tote_context_with_destination() */
static void a_context_keeps_its_destination_until_it_is_replaced_or_removed(void **state) {
    tote_context *there = tote_context_with_destination(*state, "there");
    tote_context *elsewhere = tote_context_with_destination(there, "elsewhere");
    tote_context *nowhere = tote_context_with_destination(elsewhere, NULL);

    assert_null(tote_context_get_destination(*state));
    assert_string_equal(tote_context_get_destination(there), "there");
    assert_string_equal(tote_context_get_destination(elsewhere), "elsewhere");
    assert_null(tote_context_get_destination(nowhere));
    tote_context_unref(nowhere);
    tote_context_unref(elsewhere);
    tote_context_unref(there);
}

/* The contract of tote_baggage_propagator_options.ignore_incoming: the trace is still continued. */
static void baggage_of_untrusted_clients_can_be_ignored(void **state) {
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        struct carrier in = inject(&formats[i], *state, NULL);
        for (int ignores = 0; ignores < 2; ignores++) {
            options.ignore_incoming = ignores;
            tote_propagator *propagator = formats[i].make(&options);
            tote_context *context =
                tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
            tote_entries *entries = tote_context_get_all_baggage(context);
            assert_int_equal(tote_entries_get_count(entries), ignores ? 0 : 2);
            assert_int_equal(
                tote_span_context_is_valid(tote_span_get_context(tote_context_get_span(context))),
                formats[i].make != tote_propagator_baggage_new);
            tote_entries_free(entries);
            tote_context_unref(context);
            tote_propagator_unref(propagator);
        }
        carrier_clear(&in);
    }
}

/* Spec: context/api-propagators.md#extract: a value that cannot be parsed changes nothing. */
static void baggage_that_cannot_be_parsed_leaves_the_context_unchanged(void **state) {
    static const char *const broken[] = {"", "x", "=v", "k v=1", "k=\"v\"", ",;=", "k=v v"};
    tote_propagator *propagator = tote_propagator_baggage_new(NULL);

    for (size_t i = 0; i < TOTE_COUNT_OF(broken); i++) {
        struct carrier in = {.count = 0};
        carrier_add(&in, "baggage", broken[i]);
        tote_context *context = tote_propagator_extract(propagator, *state, &in, &carrier_getter);
        assert_ptr_equal(context, *state);
        tote_context_unref(context);
        carrier_clear(&in);
    }
    tote_propagator_unref(propagator);
}

/* Spec: w3c/trace-context: a service without a span of its own forwards both headers unchanged. */
static void without_a_span_of_its_own_a_service_forwards_the_incoming_headers(void **state) {
    static const char parent[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    tote_propagator *propagator = tote_propagator_tracecontext_new();
    struct carrier in = {.count = 0}, out = {.count = 0};

    (void)state;
    carrier_add(&in, "traceparent", parent);
    carrier_add(&in, "tracestate", "a=1,b=2");
    tote_context *context =
        tote_propagator_extract(propagator, tote_context_root(), &in, &carrier_getter);
    tote_propagator_inject(propagator, context, &out, &carrier_setter);
    assert_string_equal(carrier_get(&out, "traceparent"), parent);
    assert_string_equal(carrier_get(&out, "tracestate"), "a=1,b=2");
    tote_context_unref(context);
    carrier_clear(&out);
    carrier_clear(&in);
    tote_propagator_unref(propagator);
}

/* How many headers the global propagator writes for a message to this host. */
static size_t count_sent(const tote_context *context, const char *host) {
    tote_context *there = tote_context_with_destination(context, host);
    struct carrier out = {.count = 0};

    tote_inject(there, &out, &carrier_setter);
    tote_context_unref(there);
    size_t count = out.count;
    carrier_clear(&out);
    return count;
}

/* docs/configuration.md, OTEL_C_PROPAGATION_ALLOWED_HOSTS */
static void the_environment_limits_the_hosts_of_every_propagator(void **state) {
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    setenv("OTEL_C_PROPAGATION_ALLOWED_HOSTS", " api.example.com ,, .Internal", 1);
    for (int is_own = 0; is_own < 2; is_own++) {
        options.propagator = is_own ? tote_propagator_b3_new() : NULL;
        tote_sdk *sdk = tote_sdk_start(&options);
        assert_int_equal(count_sent(*state, "API.example.com"), is_own ? 1 : 2);
        assert_int_equal(count_sent(*state, "db.internal"), is_own ? 1 : 2);
        assert_int_equal(count_sent(*state, "example.com"), 0);
        assert_int_equal(count_sent(*state, NULL), 0);
        tote_sdk_close(&sdk, 1000);
    }
    options.ignore_environment = true;
    options.propagator = NULL;
    tote_sdk *sdk = tote_sdk_start(&options);
    assert_int_equal(count_sent(*state, NULL), 2);
    tote_sdk_close(&sdk, 1000);
    unsetenv("OTEL_C_PROPAGATION_ALLOWED_HOSTS");
    sdk = tote_sdk_start(NULL);
    assert_int_equal(count_sent(*state, NULL), 2);
    tote_sdk_close(&sdk, 1000);
    unsetenv("OTEL_TRACES_EXPORTER");
    assert_int_equal(reports.count, 0);
}

/* docs/configuration.md, OTEL_C_PROPAGATION_ALLOWED_HOSTS: a list without a host allows none. */
static void a_list_of_hosts_in_the_environment_that_matches_nothing_is_reported(void **state) {
    static const char *const lists[] = {" , ", "http://api.example.com"};

    setenv("OTEL_TRACES_EXPORTER", "none", 1);
    for (size_t i = 0; i < TOTE_COUNT_OF(lists); i++) {
        setenv("OTEL_C_PROPAGATION_ALLOWED_HOSTS", lists[i], 1);
        tote_sdk *sdk = tote_sdk_start(NULL);
        assert_int_equal(count_sent(*state, "api.example.com"), 0);
        tote_sdk_close(&sdk, 1000);
        assert_int_equal(reports.count, i + 1);
        assert_string_equal(reports.component, "OTEL_C_PROPAGATION_ALLOWED_HOSTS");
        assert_non_null(strstr(reports.message, i ? "matches no host" : "names no host"));
    }
    unsetenv("OTEL_C_PROPAGATION_ALLOWED_HOSTS");
    unsetenv("OTEL_TRACES_EXPORTER");
}

#define TRUST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TRUST_TEST(only_names_on_the_list_are_sent),
        TRUST_TEST(baggage_goes_only_to_hosts_on_the_list),
        TRUST_TEST(headers_of_an_earlier_message_are_removed_for_a_host_that_is_not_allowed),
        TRUST_TEST(a_list_of_hosts_can_limit_baggage_alone),
        TRUST_TEST(a_list_of_hosts_does_not_limit_what_is_read),
        TRUST_TEST(an_empty_list_of_hosts_allows_none),
        TRUST_TEST(an_allowed_host_that_matches_nothing_is_reported),
        TRUST_TEST(the_environment_limits_the_hosts_of_every_propagator),
        TRUST_TEST(a_list_of_hosts_in_the_environment_that_matches_nothing_is_reported),
        TRUST_TEST(a_context_keeps_its_destination_until_it_is_replaced_or_removed),
        TRUST_TEST(baggage_of_untrusted_clients_can_be_ignored),
        TRUST_TEST(baggage_that_cannot_be_parsed_leaves_the_context_unchanged),
        TRUST_TEST(without_a_span_of_its_own_a_service_forwards_the_incoming_headers),
    };
    return RUN_TESTS(tests, argc, argv);
}
