/* SPDX-License-Identifier: MIT */
\echo Use "CREATE EXTENSION tote" to load this file. \quit

CREATE FUNCTION tote_stats(
    OUT recorded bigint,
    OUT dropped bigint,
    OUT saved bigint,
    OUT buffer_bytes bigint,
    OUT buffer_used_bytes bigint)
AS 'MODULE_PATHNAME' LANGUAGE C STRICT VOLATILE PARALLEL SAFE;

COMMENT ON FUNCTION tote_stats() IS
    'Spans since the start of the server: recorded, dropped because the buffer was full, and saved in the disk queue';
