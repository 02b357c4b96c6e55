/* SPDX-License-Identifier: MIT */
/*
 * sqlite_linked.c - a program that traces its connection itself
 *
 * sqlite_linked FILE
 */
#include <sqlite3.h>
#include <stdio.h>

#include "tote/instrumentation/sqlite.h"
#include "tote/tote.h"

int main(int argc, char **argv) {
    tote_sdk *sdk = tote_sdk_start(NULL);
    sqlite3 *db = NULL;

    if (argc != 2 || sqlite3_open(argv[1], &db) != SQLITE_OK || !tote_sqlite_trace(db, NULL)) {
        return 1;
    }
    int made = tote_sqlite_exec(db, "CREATE TABLE own (a UNIQUE); INSERT INTO own VALUES (1)", NULL,
                                NULL, NULL);
    int refused = tote_sqlite_exec(db, "INSERT INTO own VALUES (1)", NULL, NULL, NULL);
    printf("%d %d\n", made, refused);
    sqlite3_close(db);
    tote_sdk_close(&sdk, 5000);
    return 0;
}
