/* SPDX-License-Identifier: MIT */
/* sdk_fixture.h - an SDK for a test: fixed clock, ended spans are kept */
#ifndef TOTE_TESTS_SDK_FIXTURE_H
#define TOTE_TESTS_SDK_FIXTURE_H

#include "support.h"

#include "tote/internal/sdk.h"
#include "tote/tote.h"

enum { FIXTURE_MOST_SPANS = 256 };

struct sdk_fixture {
    struct tote__sdk_settings settings; /* change them, then sdk_fixture_start() */
    tote_sdk *sdk;
    tote_tracer *tracer;
    uint64_t now;       /* the time of the clock; 0: the system's */
    bool ignores_start; /* no processor has on_start; `started` stays 0 */
    size_t started;
    size_t ended;
    tote_span_data *spans[FIXTURE_MOST_SPANS]; /* one reference each */
    size_t diagnostics;
    char last_diagnostic[512];
};

/* Use with cmocka_unit_test_setup_teardown: *state is a struct sdk_fixture, not started. */
int sdk_fixture_set_up(void **state);
int sdk_fixture_tear_down(void **state);

/* Start with the current settings and a processor that keeps ended spans. Returns *state. */
struct sdk_fixture *sdk_fixture_start(void **state);

/* Return the index of a resource with these attributes. */
uint32_t sdk_fixture_resource(const tote_attribute *attributes, size_t count,
                              const char *schema_url);

/* The only span that ended; fails the test unless there is exactly one. */
const tote_span_data *sdk_fixture_only_span(struct sdk_fixture *fixture);

/* For the table of tests. */
#define SDK_TEST(test)                                                                             \
    cmocka_unit_test_setup_teardown(test, sdk_fixture_set_up, sdk_fixture_tear_down)

#endif
