/* SPDX-License-Identifier: MIT */
#include "support.h"

#include <pthread.h>

#include "store_fixture.h"
#include "tote/internal/store.h"

#ifdef TOTE_TESTS_HELGRIND_ATOMICS_H
enum { ROUNDS = 500, READERS = 3, FORKS = 20 }; /* a hundred times slower */
#else
enum { ROUNDS = 20000, READERS = 3, FORKS = 200 };
#endif

/* A store that another thread writes to until it is stopped. */
struct writer {
    tote_store *store;
    pthread_t thread;
    atomic_bool is_to_stop;
    atomic_uint rounds;
    void (*write)(struct writer *writer, unsigned round);
};

static void *run_writer(void *arg) {
    struct writer *writer = arg;

    while (!atomic_load(&writer->is_to_stop)) {
        writer->write(writer, atomic_fetch_add(&writer->rounds, 1));
    }
    return NULL;
}

static void start_writer(struct writer *writer) {
    assert_int_equal(pthread_create(&writer->thread, NULL, run_writer, writer), 0);
}

static void stop_writer(struct writer *writer) {
    atomic_store(&writer->is_to_stop, true);
    pthread_join(writer->thread, NULL);
}

static void wait_for_round(struct writer *writer, unsigned round) {
    while (atomic_load(&writer->rounds) < round) {
        sched_yield();
    }
}

/* Three keys; the value of one is a repeated letter, of changing length. */
static void write_letters(struct writer *writer, unsigned round) {
    static const char *const keys[] = {"first", "second", "third"};
    char text[200];
    size_t length = 1 + round * 7 % (sizeof text - 1);

    memset(text, (char)('a' + round % 26), length);
    tote_store_add(writer->store, keys[round % 3], tote_string_of(text, length));
}

/* Whether it is one letter repeated. */
static bool is_whole(const char *text, size_t length) {
    for (size_t i = 0; i < length; i++) {
        if (text[i] != text[0] || text[i] < 'a' || text[i] > 'z') {
            return false;
        }
    }
    return length > 0;
}

struct reader {
    const tote_store *store;
    pthread_t thread;
    unsigned torn;
    unsigned missing;
};

static bool check_letters(void *arg, const struct tote__entry *entry) {
    struct reader *reader = arg;
    struct tote__slice text;

    if (!tote__any_value_string(entry->value, &text) ||
        !is_whole((const char *)text.at, text.size)) {
        reader->torn++;
    }
    reader->missing--;
    return true;
}

static void *run_reader(void *arg) {
    struct reader *reader = arg;
    char text[256];

    for (unsigned i = 0; i < ROUNDS; i++) {
        ptrdiff_t length = tote_store_get(reader->store, "first", text, sizeof text);
        if (length < 0) {
            reader->missing++;
        } else if (!is_whole(text, (size_t)length)) {
            reader->torn++;
        }
        reader->missing += 3;
        tote__store_visit(reader->store, UINT32_MAX, check_letters, reader);
    }
    return NULL;
}

/* Never torn, never absent, although the log is rewritten all the time. */
static void readers_see_each_value_whole_while_another_thread_writes(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    struct writer writer = {.store = store, .write = write_letters};
    struct reader readers[READERS];
    for (unsigned i = 0; i < 3; i++) {
        write_letters(&writer, i);
    }

    start_writer(&writer);
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = (struct reader){.store = store};
        assert_int_equal(pthread_create(&readers[i].thread, NULL, run_reader, &readers[i]), 0);
    }
    for (size_t i = 0; i < READERS; i++) {
        pthread_join(readers[i].thread, NULL);
        assert_int_equal(readers[i].torn, 0);
        assert_int_equal(readers[i].missing, 0);
    }
    stop_writer(&writer);
    tote_store_unref(store);
}

/* Each writer has its own key. */
static void write_own_key(struct writer *writer, unsigned round) {
    char key[32];

    snprintf(key, sizeof key, "%p", (void *)writer);
    tote_store_add(writer->store, key, tote_int(round));
}

/* One lock word for all writers. */
static void writers_exclude_each_other(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    struct writer writers[READERS];
    char key[32];
    char expected[16];

    for (size_t i = 0; i < READERS; i++) {
        writers[i] = (struct writer){.store = store, .write = write_own_key};
        start_writer(&writers[i]);
    }
    for (size_t i = 0; i < READERS; i++) {
        wait_for_round(&writers[i], ROUNDS / 10);
    }
    for (size_t i = 0; i < READERS; i++) {
        stop_writer(&writers[i]);
        snprintf(key, sizeof key, "%p", (void *)&writers[i]);
        snprintf(expected, sizeof expected, "%u", atomic_load(&writers[i].rounds) - 1);
        assert_true(has_value(store, key, expected));
    }
    tote_store_unref(store);
}

struct deleter {
    tote_store *store;
    pthread_t thread;
    unsigned successes;
};

static void *run_deleter(void *arg) {
    struct deleter *deleter = arg;
    char key[24];

    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        deleter->successes += tote_store_delete(deleter->store, key);
    }
    return NULL;
}

static void only_one_of_two_threads_deletes_a_visible_key(void **state) {
    (void)state;
    tote_store *store = tote_store_new(NULL);
    struct deleter deleters[2];
    char key[24];
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof key, "key%d", i);
        tote_store_add(store, key, tote_int(i));
    }

    for (size_t i = 0; i < 2; i++) {
        deleters[i] = (struct deleter){.store = store};
        assert_int_equal(pthread_create(&deleters[i].thread, NULL, run_deleter, &deleters[i]), 0);
    }
    pthread_join(deleters[0].thread, NULL);
    pthread_join(deleters[1].thread, NULL);

    assert_int_equal(deleters[0].successes + deleters[1].successes, 1000);
    tote_store_unref(store);
}

/* The work of a scope: children of one parent are created and released. */
static void write_children(struct writer *writer, unsigned round) {
    tote_store *child = tote_store_new(writer->store);
    tote_store *grandchild = tote_store_new(child);

    tote_store_unref(child);
    tote_store_add(grandchild, "round", tote_int(round));
    tote_entries_free(tote_store_get_all(grandchild));
    tote_store_unref(grandchild);
}

static void threads_create_and_release_children_of_one_store(void **state) {
    (void)state;
    long before = atomic_load(&memory.live_bytes);
    tote_store *store = tote_store_new(NULL);
    struct writer writers[READERS];
    tote_store_add(store, "user", tote_string("ann"));

    for (size_t i = 0; i < READERS; i++) {
        writers[i] = (struct writer){.store = store, .write = write_children};
        start_writer(&writers[i]);
    }
    for (size_t i = 0; i < READERS; i++) {
        wait_for_round(&writers[i], 2000);
    }
    for (size_t i = 0; i < READERS; i++) {
        stop_writer(&writers[i]);
    }
    assert_true(has_value(store, "user", "ann"));
    tote_store_unref(store);
    assert_int_equal(atomic_load(&memory.live_bytes), before);
}

/* What a forked child does with the store; it exits with the number of the step that failed. */
static int use_in_child(tote_store *store) {
    struct reader reader = {.store = store, .missing = 3};
    char text[2048];

    tote__store_visit(store, UINT32_MAX, check_letters, &reader);
    if (reader.torn || reader.missing) {
        return 1;
    }
    for (unsigned i = 1; i <= 400; i++) { /* smaller and larger ones, each key in turn */
        struct writer writer = {.store = store};
        write_letters(&writer, i * 11);
        ptrdiff_t length = tote_store_get(store, "first", text, sizeof text);
        if (length < 0 || !is_whole(text, (size_t)length)) {
            return 2;
        }
    }
    memset(text, 'z', sizeof text);
    if (!tote_store_add(store, "second", tote_string_of(text, sizeof text)) ||
        tote_store_get(store, "second", NULL, 0) != sizeof text) {
        return 3;
    }
    if (!tote_store_delete(store, "second") || tote_store_delete(store, "second") ||
        tote_store_get(store, "second", NULL, 0) != -1) {
        return 4;
    }
    tote_store_unref(store);
    return 0;
}

static void a_child_forked_while_another_thread_writes_has_a_valid_store(void **state) {
    (void)state;
    if (HAS_ADDRESS_SANITIZER) {
        skip();
    }
    tote_store *store = tote_store_new(NULL);
    struct writer writer = {.store = store, .write = write_letters};
    for (unsigned i = 0; i < 3; i++) {
        write_letters(&writer, i);
    }
    start_writer(&writer);

    for (unsigned i = 0; i < FORKS; i++) {
        int status = -1;
        wait_for_round(&writer, i * 10);
        pid_t child = fork();
        if (child == 0) {
            alarm(120); /* instead of a hang */
            _exit(use_in_child(store));
        }
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_int_equal(status, 0);
    }
    stop_writer(&writer);
    tote_store_unref(store);
}

int main(int argc, char **argv) {
    const struct CMUnitTest tests[] = {
        TEST(readers_see_each_value_whole_while_another_thread_writes),
        TEST(writers_exclude_each_other),
        TEST(only_one_of_two_threads_deletes_a_visible_key),
        TEST(threads_create_and_release_children_of_one_store),
        TEST(a_child_forked_while_another_thread_writes_has_a_valid_store),
    };
    use_counting_allocator();
    return RUN_TESTS(tests, argc, argv);
}
