/* SPDX-License-Identifier: MIT */
/*
 * What the SDK needs from the operating system: the same tests for each file sdk/src/os_*.c.
 */
#include "support.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tote/internal/clock.h"
#include "tote/internal/fork.h"
#include "tote/internal/os.h"

enum { SHORT_MS = 20, LONG_MS = 60000 };

static bool is_readable(int descriptor) {
    struct pollfd ready = {descriptor, POLLIN, 0};

    return poll(&ready, 1, 0) == 1 && ready.revents & POLLIN;
}

static struct tote__os_event open_event(bool is_group) {
    struct tote__os_event event;

    tote__os_event_init(&event);
    assert_int_equal(tote__os_event_descriptor(&event), -1);
    assert_true(is_group ? tote__os_group_open(&event) : tote__os_event_open(&event));
    assert_true(tote__os_event_descriptor(&event) > STDERR_FILENO);
    return event;
}

/* The host closes a number, and gets it for a file of its own. */
static void take_number(int number) {
    int file = open("/dev/null", O_RDONLY | O_CLOEXEC);

    assert_true(file >= 0);
    assert_int_equal(dup2(file, number), number);
    close(file);
}

static void an_event_is_readable_while_it_is_set(void **state) {
    struct tote__os_event event = open_event(false);
    int descriptor = tote__os_event_descriptor(&event);

    (void)state;
    assert_false(is_readable(descriptor));
    tote__os_event_set(&event, true);
    tote__os_event_set(&event, true);
    assert_true(is_readable(descriptor));
    tote__os_event_set(&event, false);
    assert_false(is_readable(descriptor));
    tote__os_event_set(&event, false);
    tote__os_event_close(&event);
    assert_int_equal(fcntl(descriptor, F_GETFD), -1);
}

static void no_descriptor_is_inherited_by_other_programs(void **state) {
    enum { MOST = 64 };
    bool was_open[MOST];
    int sockets[2];

    (void)state;
    for (int i = 0; i < MOST; i++) {
        was_open[i] = fcntl(i, F_GETFD) >= 0;
    }
    struct tote__os_event event = open_event(false);
    struct tote__os_event group = open_event(true);
    assert_true(tote__os_group_watch_event(&group, &event, true));
    assert_true(tote__os_socketpair(sockets));
    for (int i = 0; i < MOST; i++) {
        int flags = was_open[i] ? -1 : fcntl(i, F_GETFD);
        assert_true(flags < 0 || flags & FD_CLOEXEC);
    }
    close(sockets[0]);
    close(sockets[1]);
    tote__os_event_close(&event);
    tote__os_event_close(&group);
}

static void a_group_is_readable_after_one_of_its_events_was_set(void **state) {
    struct tote__os_event events[] = {open_event(false), open_event(false)};
    struct tote__os_event group = open_event(true);
    int descriptor = tote__os_event_descriptor(&group);

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(events); i++) {
        assert_true(tote__os_group_watch_event(&group, &events[i], true));
        assert_true(tote__os_group_watch_event(&group, &events[i], false));
    }
    for (size_t i = 0; i < TOTE_COUNT_OF(events); i++) {
        tote__os_group_drain(&group);
        assert_false(is_readable(descriptor));
        tote__os_event_set(&events[i], true);
        assert_true(is_readable(descriptor));
        tote__os_group_drain(&group);
        tote__os_event_set(&events[i], false);
        assert_false(is_readable(descriptor));
    }
    tote__os_event_close(&events[0]);
    tote__os_event_close(&events[1]);
    tote__os_event_close(&group);
}

static void an_event_that_was_set_before_makes_the_group_readable(void **state) {
    struct tote__os_event event = open_event(false);
    struct tote__os_event group = open_event(true);

    (void)state;
    tote__os_event_set(&event, true);
    assert_true(tote__os_group_watch_event(&group, &event, true));
    assert_true(is_readable(tote__os_event_descriptor(&group)));
    tote__os_event_close(&event);
    tote__os_event_close(&group);
}

static void a_number_that_the_host_uses_again_is_left_alone(void **state) {
    struct tote__os_event event = open_event(false);
    struct tote__os_event group = open_event(true);
    int number = tote__os_event_descriptor(&event);

    (void)state;
    assert_true(tote__os_group_watch_event(&group, &event, true));
    take_number(number);
    assert_int_equal(tote__os_event_descriptor(&event), -1);
    assert_false(tote__os_group_watch_event(&group, &event, false));
    tote__os_event_set(&event, true);
    tote__os_event_set(&event, false);
    tote__os_event_close(&event);
    assert_true(fcntl(number, F_GETFD) >= 0);
    close(number);
    tote__os_event_close(&group);
}

static void a_signal_is_not_raised_by_an_event_that_nobody_can_read(void **state) {
    struct tote__os_event event = open_event(false);

    (void)state;
    close(tote__os_event_descriptor(&event));
    tote__os_event_set(&event, true);
    tote__os_event_close(&event);
}

struct waiter {
    _Atomic(uint32_t) word;
    uint64_t deadline;
    atomic_uint waits;
};

static void *wait_for_change(void *arg) {
    struct waiter *waiter = arg;

    while (atomic_load(&waiter->word) == 0 && tote__clock_monotonic() < waiter->deadline) {
        waiter->waits++;
        tote__os_wait(&waiter->word, 0, waiter->deadline);
    }
    return NULL;
}

static struct waiter waiter_of(uint32_t ms) {
    return (struct waiter){.word = 0, .deadline = tote__deadline_in(ms)};
}

static void a_wait_ends_at_its_deadline(void **state) {
    struct waiter waiter;

    (void)state;
    errno = ESTALE;
    do { /* until the thread is not later than the deadline */
        waiter = waiter_of(SHORT_MS);
        wait_for_change(&waiter);
    } while (waiter.waits == 0);
    assert_int_equal(errno, ESTALE);
    assert_true(tote__clock_monotonic() >= waiter.deadline);
    assert_in_range(waiter.waits, 1, 3); /* the kernel reads the whole deadline */
}

/* The flags of tests are those of the libraries. */
static void times_after_2038_are_read(void **state) {
    (void)state;
    assert_true(sizeof(time_t) >= sizeof(int64_t));
}

static void a_wait_for_a_changed_word_ends_at_once(void **state) {
    _Atomic(uint32_t) word = 1;

    (void)state;
    tote__os_wait(&word, 0, tote__deadline_in(LONG_MS));
}

/* Returns whether a thread that waits was woken long before its deadline. */
static bool wakes_a_thread(void) {
    struct waiter waiter = waiter_of(LONG_MS);
    pthread_t thread;

    if (pthread_create(&thread, NULL, wait_for_change, &waiter) != 0) {
        return false;
    }
    tote__os_wait_readable(NULL, 0, SHORT_MS);
    atomic_store(&waiter.word, 1);
    tote__os_wake(&waiter.word);
    pthread_join(thread, NULL);
    return tote__clock_monotonic() < waiter.deadline;
}

static void all_threads_that_wait_for_a_word_are_woken(void **state) {
    struct waiter waiter = waiter_of(LONG_MS);
    pthread_t threads[4];

    (void)state;
    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, wait_for_change, &waiter), 0);
    }
    tote__os_wait_readable(NULL, 0, SHORT_MS);
    atomic_store(&waiter.word, 1);
    tote__os_wake(&waiter.word);
    for (size_t i = 0; i < TOTE_COUNT_OF(threads); i++) {
        pthread_join(threads[i], NULL);
    }
    assert_true(tote__clock_monotonic() < waiter.deadline);
}

static atomic_bool is_over;

static void *wake_and_wait_all_the_time(void *arg) {
    _Atomic(uint32_t) *words = arg;

    for (uint32_t i = 0; !atomic_load(&is_over); i++) {
        tote__os_wake(&words[i % 64]);
        tote__os_wait(&words[i % 64], 0, 0);
    }
    return NULL;
}

/* A thread of the parent may hold a lock of the waits at the fork. */
static void a_forked_child_waits_and_wakes(void **state) {
    static _Atomic(uint32_t) words[64];
    pthread_t busy[2];

    (void)state;
    if (HAS_ADDRESS_SANITIZER || HAS_THREAD_SANITIZER || HAS_HELGRIND) {
        skip();
    }
    atomic_store(&is_over, false);
    for (size_t i = 0; i < TOTE_COUNT_OF(busy); i++) {
        assert_int_equal(pthread_create(&busy[i], NULL, wake_and_wait_all_the_time, words), 0);
    }
    for (int i = 0; i < 20; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            alarm(LONG_MS / 1000);
            for (size_t word = 0; word < 64; word++) {
                tote__os_wake(&words[word]);
                tote__os_wait(&words[word], 0, tote__clock_monotonic());
            }
            _exit(wakes_a_thread() ? 0 : 1);
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < TOTE_COUNT_OF(busy); i++) {
        pthread_join(busy[i], NULL);
    }
    assert_true(wakes_a_thread());
}

static void a_poller_reports_what_is_ready_once(void **state) {
    const short in = POLLIN;
    struct pollfd ready[TOTE__OS_MOST_READY];
    int wake[2];
    int sockets[2];

    (void)state;
    assert_true(tote__os_socketpair(wake) && tote__os_socketpair(sockets));
    int poller = tote__os_poller_open(wake[0]);
    assert_true(poller >= 0 && tote__os_poller_is_open(poller, wake[0]));

    struct pollfd watched[3] = {{sockets[0], in, 0}};
    tote__os_poller_watch(poller, watched[0]);
    assert_int_equal(tote__os_poller_wait(poller, watched, 1, ready, 0), 0);
    tote__os_send(sockets[1], "a", 1);
    watched[0] = (struct pollfd){sockets[0], in, 0};
    assert_int_equal(tote__os_poller_wait(poller, watched, 1, ready, LONG_MS), 1);
    assert_int_equal(ready[0].fd, sockets[0]);
    assert_int_equal(ready[0].revents, POLLIN);
    assert_int_equal(tote__os_poller_wait(poller, watched, 0, ready, 0), 0); /* once */

    tote__os_send(wake[1], "", 1);
    assert_true(is_readable(poller));
    assert_int_equal(tote__os_poller_wait(poller, watched, 0, ready, LONG_MS), 1);
    assert_int_equal(ready[0].fd, -1);
    tote__os_poller_forget(poller, sockets[0]);
    tote__os_poller_close(poller, wake[0]);
    for (size_t i = 0; i < 2; i++) {
        close(wake[i]);
        close(sockets[i]);
    }
}

static void a_datagram_to_a_closed_socket_raises_no_signal(void **state) {
    int sockets[2];

    (void)state;
    assert_true(tote__os_socketpair(sockets));
    close(sockets[0]);
    tote__os_send(sockets[1], "a", 1);
    close(sockets[1]);
}

static void a_placeholder_can_be_neither_read_nor_written(void **state) {
    int descriptor = tote__os_placeholder();
    char byte = 'a';

    (void)state;
    assert_true(descriptor >= 0 && tote__os_is_placeholder(descriptor));
    assert_int_equal(read(descriptor, &byte, 1), -1);
    assert_int_equal(write(descriptor, &byte, 1), -1);
    take_number(descriptor);
    assert_false(tote__os_is_placeholder(descriptor));
    close(descriptor);
}

static void only_links_have_a_target(void **state) {
    char path[] = "/tmp/tote-os-XXXXXX";
    char target[64];
    struct stat status;

    (void)state;
    assert_non_null(mkdtemp(path));
    int folder = tote__os_open_directory(AT_FDCWD, path, O_NOFOLLOW);
    assert_true(folder >= 0);
    assert_int_equal(symlinkat("elsewhere", folder, "link"), 0);
    assert_int_equal(mkdirat(folder, "folder", 0700), 0);
    assert_int_equal(tote__os_open_directory(folder, "link", O_NOFOLLOW), -1);
    assert_true(errno == ENOTDIR || errno == ELOOP);
    assert_int_equal(tote__os_read_link(folder, "link", &status, target, sizeof target), 9);
    assert_memory_equal(target, "elsewhere", 9);
    assert_true(S_ISLNK(status.st_mode));
    assert_int_equal(tote__os_read_link(folder, "folder", &status, target, sizeof target), -1);
    assert_int_equal(errno, EINVAL);
    unlinkat(folder, "link", 0);
    unlinkat(folder, "folder", AT_REMOVEDIR);
    close(folder);
    rmdir(path);
}

static void random_bytes_differ(void **state) {
    uint8_t bytes[2][TOTE__OS_RANDOM_BYTES] = {{0}, {0}};

    (void)state;
    assert_true(tote__os_random(bytes[0], sizeof bytes[0]));
    assert_true(tote__os_random(bytes[1], sizeof bytes[1]));
    assert_memory_not_equal(bytes[0], bytes[1], sizeof bytes[0]);
}

static void a_reserved_file_has_its_size(void **state) {
    char path[] = "/tmp/tote-os-XXXXXX";
    int file = mkstemp(path);
    struct stat status;

    (void)state;
    assert_true(file >= 0 && unlink(path) == 0);
    assert_true(tote__os_reserve(file, 100000));
    assert_true(tote__os_status(file, &status));
    assert_int_equal(status.st_size, 100000);
    close(file);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(an_event_is_readable_while_it_is_set),
        TEST(no_descriptor_is_inherited_by_other_programs),
        TEST(a_group_is_readable_after_one_of_its_events_was_set),
        TEST(an_event_that_was_set_before_makes_the_group_readable),
        TEST(a_number_that_the_host_uses_again_is_left_alone),
        TEST(a_signal_is_not_raised_by_an_event_that_nobody_can_read),
        TEST(a_wait_ends_at_its_deadline),
        TEST(times_after_2038_are_read),
        TEST(a_wait_for_a_changed_word_ends_at_once),
        TEST(all_threads_that_wait_for_a_word_are_woken),
        TEST(a_forked_child_waits_and_wakes),
        TEST(a_poller_reports_what_is_ready_once),
        TEST(a_datagram_to_a_closed_socket_raises_no_signal),
        TEST(a_placeholder_can_be_neither_read_nor_written),
        TEST(only_links_have_a_target),
        TEST(random_bytes_differ),
        TEST(a_reserved_file_has_its_size),
    };
    return RUN_TESTS(tests, argc, argv);
}
