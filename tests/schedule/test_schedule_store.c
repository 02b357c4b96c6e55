/* SPDX-License-Identifier: MIT */
/* Readers of a store concurrent with its writers, while logs are rewritten and reused. */
#include <stdio.h>
#include <string.h>

#include "tote/tote.h"

enum { VALUE_LENGTH = 20, WRITES = 24, READS = 6 };

static tote_store *parent;
static tote_store *store;

/*
 * The n-th value of a key is one letter, repeated this many times: a mixture of two values is
 * detected.
 */
static void write_value(const char *key, int n) {
    char text[VALUE_LENGTH + 1] = "";

    memset(text, 'A' + n, VALUE_LENGTH);
    SCHEDULE_CHECK(tote_store_add(store, key, tote_string(text)));
}

/* Which value it is. */
static int number_of(const char *text) {
    SCHEDULE_CHECK(strspn(text, (char[]){text[0], '\0'}) == VALUE_LENGTH);
    SCHEDULE_CHECK(text[VALUE_LENGTH] == '\0');
    return text[0] - 'A';
}

static void set_up(void) {
    parent = tote_store_new(NULL);
    tote_store_add(parent, "above", tote_string("parent"));
    store = tote_store_new(parent);
    write_value("first", 0);
    write_value("second", 0);
}

static void write_first(void) {
    for (int i = 1; i < WRITES; i++) {
        write_value("first", i);
    }
}

static void write_second(void) {
    for (int i = 1; i < WRITES; i++) {
        write_value("second", i);
    }
}

/* A reader never sees a part of a value, nor an older value after a newer one. */
static void read_values(void) {
    static const char *const keys[] = {"first", "second"};
    char text[2 * VALUE_LENGTH];
    int newest[2] = {0, 0};

    for (int i = 0; i < READS; i++) {
        SCHEDULE_CHECK(tote_store_get(store, keys[i % 2], text, sizeof text) == VALUE_LENGTH);
        int number = number_of(text);
        SCHEDULE_CHECK(number >= newest[i % 2]);
        newest[i % 2] = number;
    }
    SCHEDULE_CHECK(tote_store_get(store, "above", text, sizeof text) == 6);
}

/* A snapshot has each key once. */
static void read_all(void) {
    char text[2 * VALUE_LENGTH];

    for (int i = 0; i < 2; i++) {
        tote_entries *entries = tote_store_get_all(store);
        SCHEDULE_CHECK(entries && tote_entries_get_count(entries) == 3);
        for (size_t at = 0; at < tote_entries_get_count(entries); at++) {
            const tote_entry *entry = tote_entries_get_at(entries, at);
            if (strcmp(entry->key, "above") != 0) {
                tote_value_to_text(entry->value, text, sizeof text);
                number_of(text);
            }
        }
        tote_entries_free(entries);
    }
}

/* A key that is deleted and added is present or absent, never with an older value. */
static void delete_and_add(void) {
    for (int i = 1; i < WRITES; i++) {
        SCHEDULE_CHECK(tote_store_delete(store, "first"));
        write_value("first", i);
    }
}

static void read_or_not(void) {
    char text[2 * VALUE_LENGTH];
    int newest = 0;

    for (int i = 0; i < READS; i++) {
        ptrdiff_t length = tote_store_get(store, "first", text, sizeof text);
        SCHEDULE_CHECK(length == VALUE_LENGTH || length < 0);
        int number = length < 0 ? newest : number_of(text);
        SCHEDULE_CHECK(number >= newest);
        newest = number;
    }
}

static void check(void) {
    char text[2 * VALUE_LENGTH];

    SCHEDULE_CHECK(tote_store_get(store, "first", text, sizeof text) == VALUE_LENGTH);
    SCHEDULE_CHECK(number_of(text) == WRITES - 1);
}

static void tear_down(void) {
    tote_store_unref(store);
    tote_store_unref(parent);
}

int main(int argc, char **argv) {
    static const struct schedule_case cases[] = {
        {.name = "readers concurrent with two writers",
         .set_up = set_up,
         .threads = {write_first, write_second, read_values, read_values},
         .check = check,
         .tear_down = tear_down,
         .schedules = 1500},
        {.name = "a snapshot concurrent with a writer",
         .set_up = set_up,
         .threads = {write_first, read_all, read_all},
         .check = check,
         .tear_down = tear_down,
         .schedules = 1500},
        {.name = "readers of a key that is deleted and added",
         .set_up = set_up,
         .threads = {delete_and_add, read_or_not, read_or_not},
         .check = check,
         .tear_down = tear_down,
         .schedules = 1500},
    };

    return schedule_main(cases, TOTE_COUNT_OF(cases), argc, argv);
}
