/* SPDX-License-Identifier: MIT */
/*
 * transport_fixture.h - a transport of the OTLP exporter, and a receiver for it
 */
#ifndef TOTE_TESTS_TRANSPORT_FIXTURE_H
#define TOTE_TESTS_TRANSPORT_FIXTURE_H

#include "otlp/transport/transport.h"
#include "receiver.h"

struct fixture {
    struct receiver *receiver;
    struct tote__otlp_settings settings;
    struct tote__transport *transport;
    struct tote__response response;
};

/* For cmocka. The state is the fixture. */
int transport_fixture_set_up(void **state);
int transport_fixture_tear_down(void **state);

#define TEST_WITH_RECEIVER(test)                                                                   \
    cmocka_unit_test_setup_teardown(test, transport_fixture_set_up, transport_fixture_tear_down)

/* A transport with these options, to the receiver unless they name an endpoint. */
void open_transport(struct fixture *f, tote_otlp_options options);
void close_transport(struct fixture *f);

/* Send, and wait for the response, which is then in the fixture. */
enum tote__outcome send_text(struct fixture *f, const char *text, uint64_t deadline);

/* A deadline. */
uint64_t in_seconds(unsigned seconds);

/* A port of the loopback interface without a listener. No other program gets it. */
void name_closed_port(char *url, size_t size);

#endif
