/* SPDX-License-Identifier: MIT */
/*
 * connection.c - the state of a connection
 *
 * It is instance data of the connection. libpq reports each result that it makes, and the end of a
 * connection, also to code whose calls are not intercepted.
 * See https://www.postgresql.org/docs/15/libpq-events.html
 *
 * Tests: tests/hosts/postgresql/test_libpq.sh
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pq_parts.h"
#include "tote/internal/memory.h"

/* Find the value of search_path in the options of the connection: "-c search_path=app,public". */
static const char *path_of_options(const char *options) {
    static const char name[] = "search_path=";
    const char *last = NULL;

    for (const char *at = options; at && (at = strstr(at, name)); at += strlen(name)) {
        if (at - options >= 2 && (at[-1] == ' ' || at[-1] == '-' || at[-1] == 'c')) {
            last = at + strlen(name);
        }
    }
    return last;
}

/*
 * Find the first schema of the search path, which the server reports since version 18, else that of
 * the options. A variable, such as "$user", is no schema. Returns its length; 0: unknown.
 */
static size_t find_schema(const struct tote__pq_connection *connection, const char **schema) {
    const struct tote__pq *pq = connection->pq;
    const char *path = pq->parameter_status(connection->conn, "search_path");

    path = path ? path : path_of_options(pq->options(connection->conn));
    if (!path) {
        return 0;
    }
    bool is_quoted = *path == '"';
    path += is_quoted;
    *schema = path;
    return *path == '$' ? 0 : strcspn(path, is_quoted ? "\"" : ", ");
}

/* Read what the connection has been opened with. If out of memory, all of it is unknown. */
static void describe(struct tote__pq_connection *connection) {
    const struct tote__pq *pq = connection->pq;
    const char *database = pq->db(connection->conn);
    const char *host = pq->host(connection->conn);
    const char *peer = pq->hostaddr(connection->conn);
    const char *port = pq->port(connection->conn);
    const char *schema = NULL;
    size_t schema_length = find_schema(connection, &schema);

    database = database ? database : "";
    host = host ? host : "";
    port = port ? port : "";
    bool is_socket = *host == '/' || *host == '@';
    size_t namespace_size = strlen(database) + 1 + schema_length + 1;
    size_t host_size = strlen(host) + sizeof "/.s.PGSQL." + strlen(port);
    size_t peer_size = peer ? strlen(peer) + 1 : 0;
    char *at = tote__allocate(namespace_size + host_size + peer_size);
    connection->namespace_ = at;
    if (!at) {
        return;
    }
    connection->block_size = namespace_size + host_size + peer_size;
    snprintf(at, namespace_size, "%s%s%.*s", database, schema_length && *database ? "|" : "",
             (int)schema_length, schema_length ? schema : "");
    at += namespace_size;
    snprintf(at, host_size, is_socket ? "%s/.s.PGSQL.%s" : "%s", host, port);
    connection->server_address = *at ? at : NULL;
    if (is_socket) {
        connection->peer_address = at;
    } else if (peer && *peer) {
        connection->peer_address = memcpy(at + host_size, peer, peer_size);
    }
    connection->port = is_socket ? 0 : (uint16_t)strtoul(port, NULL, 10);
}

/* Forget what ends with the connection to the server. */
static void forget(struct tote__pq_connection *connection, const char *cause) {
    tote__pq_operations_end(connection, cause);
    tote__pq_statements_clear(&connection->statements);
    tote__release(connection->namespace_, connection->block_size);
    connection->namespace_ = NULL;
    connection->block_size = 0;
    connection->server_address = NULL;
    connection->peer_address = NULL;
    connection->port = 0;
}

static int handle_event(PGEventId id, void *info, void *arg);

struct tote__pq_connection *tote__pq_connection_find(const struct tote__pq *pq,
                                                     const PGconn *conn) {
    return pq->instance_data(conn, handle_event);
}

static void handle(const struct tote__pq *pq, PGEventId id, const void *info) {
    struct tote__pq_connection *connection;

    if (id == PGEVT_RESULTCREATE) {
        const PGEventResultCreate *created = info;
        connection = tote__pq_connection_find(pq, created->conn);
        if (connection) {
            tote__pq_operation_result(connection, created->result);
        }
    } else if (id == PGEVT_CONNRESET) {
        connection = tote__pq_connection_find(pq, ((const PGEventConnReset *)info)->conn);
        if (connection) {
            forget(connection, "PQreset");
            describe(connection);
        }
    } else if (id == PGEVT_CONNDESTROY) {
        connection = tote__pq_connection_find(pq, ((const PGEventConnDestroy *)info)->conn);
        if (connection) {
            forget(connection, "PQfinish");
            tote__release(connection, sizeof *connection);
        }
    }
}

static int handle_event(PGEventId id, void *info, void *arg) {
    int saved = errno;

    handle(arg, id, info);
    errno = saved;
    return 1;
}

static struct tote__pq_connection *attach(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *connection = tote__allocate_zeroed(sizeof *connection);

    if (!connection) {
        return NULL;
    }
    /* Registered already if there was no memory for the state before. */
    pq->register_event_proc(conn, handle_event, "tote", pq);
    if (!pq->set_instance_data(conn, handle_event, connection)) {
        tote__release(connection, sizeof *connection);
        return NULL;
    }
    connection->pq = pq;
    connection->conn = conn;
    describe(connection);
    tote__pq_notices_attach(pq, conn);
    return connection;
}

struct tote__pq_connection *tote__pq_connection_of(struct tote__pq *pq, PGconn *conn) {
    struct tote__pq_connection *connection = tote__pq_connection_find(pq, conn);

    return connection || !conn ? connection : attach(pq, conn);
}
