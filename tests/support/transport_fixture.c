/* SPDX-License-Identifier: MIT */
#include "support.h"

#include "transport_fixture.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "tote/internal/clock.h"

int transport_fixture_set_up(void **state) {
    static struct fixture f;

    memset(&f, 0, sizeof f);
    f.receiver = receiver_start();
    *state = &f;
    return f.receiver ? 0 : -1;
}

int transport_fixture_tear_down(void **state) {
    struct fixture *f = *state;

    tote__transport_free(f->transport);
    tote__otlp_settings_clear(&f->settings);
    receiver_stop(f->receiver);
    return 0;
}

void open_transport(struct fixture *f, tote_otlp_options options) {
    options.struct_size = sizeof options;
    options.ignore_environment = true;
    options.endpoint = options.endpoint ? options.endpoint : receiver_url(f->receiver);
    assert_true(tote__otlp_settings_resolve(&f->settings, &options, NULL));
    f->transport = tote__transport_new(&f->settings);
    assert_non_null(f->transport);
}

void close_transport(struct fixture *f) {
    tote__transport_free(f->transport);
    f->transport = NULL;
    tote__otlp_settings_clear(&f->settings);
}

enum tote__outcome send_text(struct fixture *f, const char *text, uint64_t deadline) {
    const struct tote__request request = {
        {(const uint8_t *)text, strlen(text)}, 1, deadline, 0, false};

    if (tote__transport_begin(f->transport, &request, &f->response)) {
        while (!tote__transport_step(f->transport, tote__deadline_in(10000), &f->response)) {
        }
    }
    return f->response.outcome;
}

uint64_t in_seconds(unsigned seconds) {
    return tote__clock_monotonic() + seconds * UINT64_C(1000000000);
}

void name_closed_port(char *url, size_t size) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); /* stays open */

    assert_int_equal(bind(fd, (struct sockaddr *)&address, length), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &length), 0);
    snprintf(url, size, "http://127.0.0.1:%u", ntohs(address.sin_port));
}
