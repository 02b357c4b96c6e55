#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""client.py - what psycopg2, whose module loads libpq, does"""
import psycopg2

connection = psycopg2.connect("")
with connection.cursor() as cursor:
    cursor.execute("SELECT id, name FROM items WHERE id < %s ORDER BY id", (3,))
    print(cursor.fetchall(), cursor.statusmessage)
    cursor.executemany("INSERT INTO items VALUES (%s, %s)", [(11, "a"), (12, "b")])
    try:
        cursor.execute("INSERT INTO items VALUES (11, 'again')")
    except psycopg2.Error as problem:
        print(problem.pgcode, problem)
connection.rollback()
with connection.cursor() as cursor:
    cursor.execute("DO $$ BEGIN RAISE NOTICE 'a notice'; END $$")
    with open("/dev/stdout", "w") as out:
        cursor.copy_to(out, "items")
print(connection.notices)
connection.close()
