/* SPDX-License-Identifier: MIT */
/*
 * test_haproxy_address.c - the sockets of the agent: which addresses it accepts, and what it leaves
 */
#include "support.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "address.h"

struct place {
    char folder[56];
    char path[72]; /* of the listener */
    char log[80];
    char address[80]; /* unix:PATH */
};

static int make_place(void **state) {
    static struct place place;
    const char *parent = getenv("TMPDIR");

    snprintf(place.folder, sizeof place.folder, "%s/tote-address-XXXXXX", parent ? parent : "/tmp");
    if (!mkdtemp(place.folder)) {
        return -1;
    }
    snprintf(place.path, sizeof place.path, "%s/spoa", place.folder);
    snprintf(place.log, sizeof place.log, "%s.log", place.path);
    snprintf(place.address, sizeof place.address, "unix:%s", place.path);
    *state = &place;
    return 0;
}

/* Fails if a test has left a file. */
static int remove_place(void **state) {
    return rmdir(((struct place *)*state)->folder);
}

static bool exists(const char *path) {
    struct stat status;

    return lstat(path, &status) == 0;
}

static struct sockaddr_un unix_address(const char *path) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};

    snprintf(address.sun_path, sizeof address.sun_path, "%s", path);
    return address;
}

/* Return 0, or the number of the error. */
static int connect_to(const char *path) {
    struct sockaddr_un address = unix_address(path);
    int descriptor = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int error = connect(descriptor, (struct sockaddr *)&address, sizeof address) ? errno : 0;

    close(descriptor);
    return error;
}

/* As a killed process leaves it: the file is there, nothing listens. */
static void leave_socket(const char *path, int type) {
    struct sockaddr_un address = unix_address(path);
    int descriptor = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

    assert_int_equal(bind(descriptor, (struct sockaddr *)&address, sizeof address), 0);
    close(descriptor);
}

static void assert_closed(const struct address_sockets *sockets) {
    assert_int_equal(sockets->listener, -1);
    assert_int_equal(sockets->log, -1);
}

static unsigned port_of(int descriptor) {
    struct sockaddr_in address = {.sin_family = AF_UNSPEC};
    socklen_t size = sizeof address;

    assert_int_equal(getsockname(descriptor, (struct sockaddr *)&address, &size), 0);
    assert_int_equal(address.sin_family, AF_INET);
    return ntohs(address.sin_port);
}

static void an_address_needs_a_numeric_host_and_a_port(void **state) {
    static const char *const wrong[] = {
        "",
        "4390",
        ":4390",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:http",
        "127.0.0.1:65536",
        "127.0.0.1:-1",
        "127.0.0.1:80x",
        "localhost:4390",
        "[]:4390",
        "[::1]",
        "[::1:4390",
        "0000000000000000000000000000000000000000000000000000000000000000:4390",
    };
    struct address_sockets sockets;
    (void)state;

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const char *problem = address_open(wrong[i], &sockets);
        if (!problem || !strstr(problem, "HOST:PORT")) {
            fail_msg("%s: %s", wrong[i], problem ? problem : sockets.text);
        }
        assert_closed(&sockets);
    }
}

static void port_0_selects_one_free_port_for_connections_and_lines(void **state) {
    struct address_sockets sockets;
    char text[32];
    (void)state;

    assert_null(address_open("127.0.0.1:0", &sockets));
    unsigned port = port_of(sockets.listener);
    snprintf(text, sizeof text, "127.0.0.1:%u", port);
    assert_string_equal(sockets.text, text);
    assert_int_equal(port_of(sockets.log), port);
    address_close(&sockets);
    assert_closed(&sockets);
}

static void an_address_of_version_6_is_in_brackets(void **state) {
    struct address_sockets sockets;
    unsigned port = 0;
    (void)state;

    if (address_open("[::1]:0", &sockets)) {
        skip(); /* a system without this version */
    }
    assert_int_equal(sscanf(sockets.text, "[::1]:%u", &port), 1);
    assert_int_not_equal(port, 0);
    address_close(&sockets);
}

static void a_port_that_is_in_use_is_an_error_that_leaves_no_socket(void **state) {
    struct address_sockets first;
    struct address_sockets second;
    (void)state;

    assert_null(address_open("127.0.0.1:0", &first));
    assert_string_equal(address_open(first.text, &second), strerror(EADDRINUSE));
    assert_closed(&second);

    /* The same if only the socket for lines is in use: the one for connections is closed again. */
    address_close_listener(&first);
    assert_string_equal(address_open(first.text, &second), strerror(EADDRINUSE));
    assert_closed(&second);

    address_close(&first);
    assert_null(address_open(first.text, &second));
    address_close(&second);
}

static void unix_sockets_accept_connections_and_lines_until_they_are_closed(void **state) {
    const struct place *place = *state;
    struct sockaddr_un log = unix_address(place->log);
    struct address_sockets sockets;
    char line[16] = "";

    assert_null(address_open(place->address, &sockets));
    assert_non_null(strstr(sockets.text, place->log));
    assert_int_equal(connect_to(place->path), 0);
    int sender = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendto(sender, "line", 4, 0, (struct sockaddr *)&log, sizeof log), 4);
    close(sender);
    assert_int_equal(recv(sockets.log, line, sizeof line, 0), 4);
    assert_string_equal(line, "line");

    /* Another process may listen while this one still receives lines. */
    address_close_listener(&sockets);
    assert_false(exists(place->path));
    assert_true(exists(place->log));
    address_close(&sockets);
    assert_false(exists(place->log));
    assert_closed(&sockets);
}

static void unix_sockets_that_a_killed_process_left_are_replaced(void **state) {
    const struct place *place = *state;
    struct address_sockets sockets;

    leave_socket(place->path, SOCK_STREAM);
    leave_socket(place->log, SOCK_DGRAM);
    assert_int_equal(connect_to(place->path), ECONNREFUSED);
    assert_null(address_open(place->address, &sockets));
    assert_int_equal(connect_to(place->path), 0);
    address_close(&sockets);
}

static void a_unix_socket_that_is_in_use_is_kept(void **state) {
    const struct place *place = *state;
    struct address_sockets first;
    struct address_sockets second;

    assert_null(address_open(place->address, &first));
    assert_string_equal(address_open(place->address, &second), strerror(EADDRINUSE));
    assert_closed(&second);
    assert_int_equal(connect_to(place->path), 0);
    assert_true(exists(place->log));
    address_close(&first);
}

static void a_file_that_is_no_socket_is_kept(void **state) {
    const struct place *place = *state;
    struct address_sockets sockets;

    FILE *file = fopen(place->log, "w");
    assert_non_null(file);
    fclose(file);
    assert_string_equal(address_open(place->address, &sockets), strerror(EADDRINUSE));
    assert_closed(&sockets);
    assert_false(exists(place->path));
    assert_int_equal(unlink(place->log), 0);
}

/* The path of a Unix socket has 107 bytes on Linux: `PATH` may fit where `PATH.log` does not. */
static void a_path_that_is_too_long_is_an_error_that_leaves_no_file(void **state) {
    const struct place *place = *state;
    size_t longest = sizeof((struct sockaddr_un *)0)->sun_path - 1;
    struct address_sockets sockets;
    char address[256];

    for (size_t length = longest - 1; length <= longest + 1; length++) {
        int used = snprintf(address, sizeof address, "unix:%s/", place->folder);
        memset(address + used, 'a', sizeof address - (size_t)used);
        address[strlen("unix:") + length] = '\0';
        assert_string_equal(address_open(address, &sockets), strerror(ENAMETOOLONG));
        assert_closed(&sockets);
        assert_false(exists(address + strlen("unix:")));
    }
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(an_address_needs_a_numeric_host_and_a_port),
        TEST(port_0_selects_one_free_port_for_connections_and_lines),
        TEST(an_address_of_version_6_is_in_brackets),
        TEST(a_port_that_is_in_use_is_an_error_that_leaves_no_socket),
        cmocka_unit_test_setup_teardown(
            unix_sockets_accept_connections_and_lines_until_they_are_closed, make_place,
            remove_place),
        cmocka_unit_test_setup_teardown(unix_sockets_that_a_killed_process_left_are_replaced,
                                        make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_unix_socket_that_is_in_use_is_kept, make_place,
                                        remove_place),
        cmocka_unit_test_setup_teardown(a_file_that_is_no_socket_is_kept, make_place, remove_place),
        cmocka_unit_test_setup_teardown(a_path_that_is_too_long_is_an_error_that_leaves_no_file,
                                        make_place, remove_place),
    };

    return RUN_TESTS(tests, argc, argv);
}
