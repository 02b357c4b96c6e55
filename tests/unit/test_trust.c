/* SPDX-License-Identifier: MIT */
/*
 * test_trust.c - what leaves, where to, and what strangers may bring in: the options of baggage, in
 * every format that carries it
 */
#include "support.h"

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

/* In a trace, with the entries `user` and `secret`. */
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

/* Whether any header tells `text`. */
static bool tells(const struct carrier *carrier, const char *text) {
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

/* Requirement B15: names that are not on the list stay. */
static void only_names_on_the_list_leave(void **state) {
    static const char *const names[] = {"user", "other"};
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    options.allowed_names = names;
    options.allowed_name_count = TOTE_COUNT_OF(names);
    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        struct carrier out = inject(&formats[i], *state, &options);
        assert_non_null(carrier_get(&out, formats[i].user));
        assert_string_equal(carrier_get(&out, formats[i].user), formats[i].value);
        assert_false(tells(&out, "secret"));
        carrier_clear(&out);
    }
    options.allowed_name_count = 0; /* a list without names */
    for (size_t i = 0; i < TOTE_COUNT_OF(formats); i++) {
        struct carrier out = inject(&formats[i], *state, &options);
        assert_false(tells(&out, "user"));
        carrier_clear(&out);
    }
    assert_int_equal(reports.count, 0);
}

/* A carrier that is used again for another host: what an earlier message left is removed. */
static void baggage_of_an_earlier_message_does_not_go_to_a_host_off_the_list(void **state) {
    static const char *const hosts[] = {"api.example.com"};
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    options.allowed_hosts = hosts;
    options.allowed_host_count = TOTE_COUNT_OF(hosts);
    tote_propagator *propagator = tote_propagator_baggage_new(&options);
    struct carrier carrier = {.count = 0};
    tote_context *near = tote_context_with_destination(*state, "api.example.com");
    tote_context *far = tote_context_with_destination(*state, "example.org");
    tote_propagator_inject(propagator, near, &carrier, &carrier_setter);
    assert_non_null(carrier_get(&carrier, "baggage"));
    tote_propagator_inject(propagator, far, &carrier, &carrier_setter);
    assert_int_equal(carrier.count, 0);
    tote_context_unref(near);
    tote_context_unref(far);
    tote_propagator_unref(propagator);
}

/* Requirement B15: to hosts on the list, and to no host that nobody told. */
static void baggage_goes_to_hosts_on_the_list_alone(void **state) {
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
    tote_baggage_propagator_options options = TOTE_BAGGAGE_PROPAGATOR_OPTIONS_INIT;

    options.allowed_hosts = hosts;
    options.allowed_host_count = TOTE_COUNT_OF(hosts);
    for (size_t i = 0; i < TOTE_COUNT_OF(formats) * TOTE_COUNT_OF(rows); i++) {
        const struct format *format = &formats[i / TOTE_COUNT_OF(rows)];
        bool is_allowed = rows[i % TOTE_COUNT_OF(rows)].is_allowed;
        tote_context *context =
            tote_context_with_destination(*state, rows[i % TOTE_COUNT_OF(rows)].host);
        struct carrier out = inject(format, context, &options);
        assert_int_equal(carrier_get(&out, format->user) != NULL, is_allowed);
        assert_int_equal(tells(&out, "secret"), is_allowed);
        carrier_clear(&out);
        tote_context_unref(context);
    }
}

/* The contract of tote_context_with_destination() */
static void a_destination_is_the_contexts_until_it_is_taken_back(void **state) {
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

/* Requirement B15: a server at the edge takes the trace and no entries. */
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
            assert_int_equal(tote_span_context_is_valid(tote_context_get_span_context(context)),
                             formats[i].make != tote_propagator_baggage_new);
            tote_entries_free(entries);
            tote_context_unref(context);
            tote_propagator_unref(propagator);
        }
        carrier_clear(&in);
    }
}

/* Requirement B5, B11, E1: what cannot be read leaves the baggage that was there. */
static void baggage_that_cannot_be_read_leaves_what_was_there(void **state) {
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

/* Requirement E13: who passes through without a span of its own changes neither header. */
static void a_service_without_a_span_of_its_own_passes_on_what_came_in(void **state) {
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

#define TRUST_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TRUST_TEST(only_names_on_the_list_leave),
        TRUST_TEST(baggage_goes_to_hosts_on_the_list_alone),
        TRUST_TEST(baggage_of_an_earlier_message_does_not_go_to_a_host_off_the_list),
        TRUST_TEST(a_destination_is_the_contexts_until_it_is_taken_back),
        TRUST_TEST(baggage_of_untrusted_clients_can_be_ignored),
        TRUST_TEST(baggage_that_cannot_be_read_leaves_what_was_there),
        TRUST_TEST(a_service_without_a_span_of_its_own_passes_on_what_came_in),
    };
    return RUN_TESTS(tests, argc, argv);
}
