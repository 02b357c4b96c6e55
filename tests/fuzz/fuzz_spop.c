/* SPDX-License-Identifier: MIT */
/*
 * fuzz_spop.c - any bytes on a connection of HAProxy: what is sent back are valid frames, and the
 * table of requests keeps its limit
 *
 * The first byte is the size of the parts in which the others arrive. An SDK records the requests.
 */
#include "fuzz.h"

#include <sys/socket.h>
#include <unistd.h>

#include "connection.h"
#include "tote/tote.h"

enum { CAPACITY = 4, MOST = 65536 };

/* Start an SDK that exports nothing. */
static void start_once(void) {
    static tote_sdk *sdk;
    static tote_span_processor *const none[] = {NULL};
    tote_sdk_options options = TOTE_SDK_OPTIONS_INIT;

    if (!sdk) {
        options.ignore_environment = true;
        options.processors = none;
        options.processor_count = 1;
        sdk = tote_sdk_start(&options);
        MUST(sdk);
    }
}

/* Check what was received: complete frames, within the agreed size. */
static void check_frames(const unsigned char *bytes, size_t size) {
    struct spop_frame frame;

    for (size_t at = 0; at < size;) {
        MUST(size - at > SPOP_LENGTH_BYTES && !bytes[at] && !bytes[at + 1]);
        size_t length = (size_t)bytes[at + 2] << 8 | bytes[at + 3];
        at += SPOP_LENGTH_BYTES;
        MUST(length <= SPOP_MOST_FRAME && length <= size - at);
        MUST(spop_read_frame(bytes + at, length, &frame) == SPOP_NORMAL);
        MUST(frame.type >= SPOP_AGENT_HELLO && frame.type <= SPOP_ACK);
        at += length;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct connection connection;
    static unsigned char received[MOST];
    size_t part = size ? *data : 0;
    size_t count = 0;
    bool is_open = true;
    bool has_frames;
    int sockets[2];

    start_once();
    struct requests *requests = requests_new(TRUST_CONTINUE, CAPACITY, UINT64_MAX);
    MUST(requests && socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, sockets) == 0);
    memset(&connection, 0, sizeof connection);
    connection.descriptor = sockets[0];
    for (size_t at = 1; at < size && is_open; at += part) {
        part = part ? part : size;
        part = part < size - at ? part : size - at;
        if (send(sockets[1], data + at, part, 0) != (ssize_t)part) {
            break;
        }
        is_open = connection_serve(&connection, requests, &has_frames);
        ssize_t got = recv(sockets[1], received + count, sizeof received - count, 0);
        count += got > 0 ? (size_t)got : 0;
        MUST(requests_pending(requests) <= CAPACITY);
    }
    if (count < sizeof received) {
        check_frames(received, count);
    }
    close(sockets[0]);
    close(sockets[1]);
    requests_free(requests, "shutdown");
    return 0;
}
