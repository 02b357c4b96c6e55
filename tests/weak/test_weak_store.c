/* SPDX-License-Identifier: MIT */
/* The log of a store in every execution that C11 permits: a reader sees whole records, in order. */
#include "allocator.h"
#include "tote/internal/pool.h"
#include "tote/tote.h"

/* The first log of a store has room for two records of long values. */
enum { SHORT = 10, LONG = 60, LARGE = 300 };

static tote_store *store;

/* The n-th value of a key is one letter, repeated: a mixture of two values is detected. */
static void write_value(const char *key, int n, size_t length) {
    char text[LARGE + 1] = "";

    memset(text, 'A' + n, length);
    WEAK_CHECK(tote_store_add(store, key, tote_string(text)));
}

/* Returns -1 if the key is absent. */
static int read_value(const char *key) {
    char text[LARGE + 1];
    ptrdiff_t length = tote_store_get(store, key, text, sizeof text);

    if (length < 0) {
        return -1;
    }
    WEAK_CHECK(length == SHORT || length == LONG || length == LARGE);
    WEAK_CHECK(strspn(text, (char[]){text[0], '\0'}) == (size_t)length);
    return text[0] - 'A';
}

static void set_up_empty(void) {
    store = tote_store_new(NULL);
}

static void set_up_first(void) {
    set_up_empty();
    write_value("k", 0, SHORT);
}

/* The first log is full. */
static void set_up_full(void) {
    set_up_empty();
    write_value("k", 0, LONG);
    write_value("k", 1, LONG);
}

static void tear_down(void) {
    tote_store_unref(store);
}

static void write_first(void) {
    write_value("k", 1, SHORT);
}

static void write_other(void) {
    write_value("j", 2, SHORT);
}

static void write_large(void) {
    write_value("k", 1, LARGE);
}

static void write_twice(void) {
    write_value("k", 1, SHORT);
    write_value("k", 2, SHORT);
}

/* Two records fill the second log, and two are written into the first log. */
static void write_four(void) {
    for (int i = 2; i < 6; i++) {
        write_value("k", i, LONG);
    }
}

/* The records of two keys fill both logs. In the reused log, the other key is first. */
static void write_two_keys(void) {
    write_value("j", 2, SHORT);
    for (int i = 1; i <= 8; i++) {
        write_value("k", i, SHORT);
    }
}

static void read_first(void) {
    int value = read_value("k");

    WEAK_CHECK(value == -1 || value == 1);
    WEAK_CHECK(value == -1 || read_value("k") == 1);
}

static void read_both(void) {
    int value = read_value("j");

    WEAK_CHECK(value == -1 || value == 2);
    WEAK_CHECK(read_value("k") == 0);
}

/* A reader sees no older value after a newer one. */
static void read_in_order(void) {
    int first = read_value("k");
    int second = read_value("k");

    WEAK_CHECK(first >= 0 && second >= first);
}

static void read_any(void) {
    WEAK_CHECK(read_value("k") >= 0);
}

/* A snapshot contains the other key completely or not at all. */
static void read_all(void) {
    tote_entries *entries = tote_store_get_all(store);

    WEAK_CHECK(entries && tote_entries_get_count(entries) >= 1);
    WEAK_CHECK(tote_entries_get_count(entries) <= 2);
    for (size_t i = 0; i < tote_entries_get_count(entries); i++) {
        const tote_entry *entry = tote_entries_get_at(entries, i);
        WEAK_CHECK(strspn(entry->value.as.string, *entry->key == 'k' ? "A" : "C") == SHORT);
    }
    tote_entries_free(entries);
}

static void check_both(void) {
    WEAK_CHECK(read_value("k") >= 0 && read_value("j") == 2);
}

static void check_newest(void) {
    WEAK_CHECK(read_value("k") == 5);
}

int main(int argc, char **argv) {
    static const struct weak_case cases[] = {
        {.name = "a reader sees the first record completely or not at all",
         .set_up = set_up_empty,
         .threads = {write_first, read_first},
         .tear_down = tear_down,
         .preemptions = 3,
         .old_loads = 3},
        {.name = "a reader sees another record completely or not at all",
         .set_up = set_up_first,
         .threads = {write_other, read_both},
         .check = check_both,
         .tear_down = tear_down,
         .preemptions = 3,
         .old_loads = 3},
        {.name = "a snapshot contains another record completely or not at all",
         .set_up = set_up_first,
         .threads = {write_other, read_all},
         .check = check_both,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 2},
        {.name = "a reader follows to a larger log",
         .set_up = set_up_first,
         .threads = {write_large, read_any},
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 2},
        {.name = "two writers lose no record",
         .set_up = set_up_empty,
         .threads = {write_first, write_other, read_first},
         .check = check_both,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 1},
        {.name = "a reader sees no older value after a newer one",
         .set_up = set_up_first,
         .threads = {write_twice, read_in_order},
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 1},
        {.name = "a reader detects that its log was reused",
         .set_up = set_up_full,
         .threads = {write_four, read_in_order},
         .check = check_newest,
         .tear_down = tear_down,
         .preemptions = 2,
         .old_loads = 1},
        {.name = "a reader misses no key in a log that is reused",
         .set_up = set_up_first,
         .threads = {write_two_keys, read_any},
         .tear_down = tear_down,
         .preemptions = 1,
         .old_loads = 1},
    };
    static const struct weak_exception exceptions[] = {
        {"fork.h", "the page exists before the threads"},
        {"append_in_place", "the extent is published as well, and the log is as old as the store"},
        {"take_log", "the list of logs is read under the lock"},
        {NULL, NULL},
    };

    tote__pools_keep = false;
    tote_allocator_set(&weak_allocator);
    return weak_main(cases, TOTE_COUNT_OF(cases), exceptions, argc, argv);
}
