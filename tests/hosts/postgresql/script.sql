-- What psql does in many ways: each line of its output is compared.
\set ON_ERROR_STOP off
\set VERBOSITY verbose
CREATE TABLE items (id int PRIMARY KEY, name text);
\d items
INSERT INTO items VALUES (1, 'one'), (2, 'two') RETURNING id;
\copy items FROM STDIN
3	three
4	four
\.
COPY items TO STDOUT;
COPY items FROM STDIN;
5	five
4	again
\.
SELECT * FROM items WHERE name = 'secret' \; SELECT count(*) FROM items;
SELECT 1/0;
SELECT nonsense;
SELECT 1 +;
DO $$ BEGIN RAISE NOTICE 'a notice'; RAISE WARNING 'a warning'; END $$;
BEGIN;
SAVEPOINT here;
SELECT * FROM missing;
ROLLBACK TO here;
UPDATE items SET name = upper(name) WHERE id < 3;
COMMIT;
\set FETCH_COUNT 2
SELECT * FROM items ORDER BY id;
\unset FETCH_COUNT
SELECT max(id) AS last FROM items \gset
\echo :last
SELECT 1 AS a, 2 AS b \gdesc
LISTEN here;
NOTIFY here, 'payload';
SELECT 1;
\lo_import /etc/hostname
\lo_list
\! ls /proc/self/fd | wc -l
\connect -
\conninfo
SELECT pg_terminate_backend(pg_backend_pid());
SELECT 2;
