/* SPDX-License-Identifier: MIT */
/*
 * embed.c - context, store and propagation without an SDK, for programs that compile Tote in
 *
 * A service passes the tenant of a request on: from the header `x-tenant` into the store of a
 * scope, to all code that runs in it, and to the header of an outgoing request. There are no spans
 * to export. Valid as C11 and as C++17.
 *
 * With the amalgamation, include "tote.h" instead, and compile tote-api.c too:
 *   cc -std=c11 -pthread embed.c tote-api.c -o embed
 */
#include <stdio.h>
#include <string.h>
#include <tote/api.h>
#include <tote/propagator_ops.h>

enum { TENANT_SIZE = 64 };

/* Carriers do not end their values with NUL. A longer tenant is not valid. */
static bool take_tenant(void *arg, const char *name, size_t name_length, const char *value,
                        size_t value_length) {
    (void)name, (void)name_length;
    if (value_length < TENANT_SIZE) {
        memcpy(arg, value, value_length);
        ((char *)arg)[value_length] = '\0';
    }
    return false; /* the first header counts */
}

static tote_context *extract_tenant(void *self, const tote_context *context, const void *carrier,
                                    const tote_text_map_getter *getter) {
    char tenant[TENANT_SIZE] = "";

    (void)self;
    tote_text_map_getter_get_all(getter, carrier, "x-tenant", take_tenant, tenant);
    return *tenant ? tote_context_with_baggage(context, "tenant", tote_string(tenant), NULL)
                   : tote_context_ref(context);
}

static void inject_tenant(void *self, const tote_context *context, void *carrier,
                          const tote_text_map_setter *setter) {
    char tenant[TENANT_SIZE];
    ptrdiff_t length = tote_context_get_baggage(context, "tenant", tenant, sizeof tenant);

    (void)self;
    if (length > 0 && length < (ptrdiff_t)sizeof tenant) {
        setter->set(carrier, "x-tenant", tenant, (size_t)length);
    }
}

static const char *tenant_field(void *self, size_t index) {
    (void)self;
    return index == 0 ? "x-tenant" : NULL;
}

static const tote_propagator_ops tenant_ops = {sizeof(tote_propagator_ops), inject_tenant,
                                               extract_tenant, tenant_field, NULL};

/* Code below the handler needs no parameter for the tenant. */
static void send_request(void) {
    char buffer[256];
    tote_header headers[4];
    size_t count = tote_inject_headers(tote_context_current(), headers, 4, buffer, sizeof buffer);

    for (size_t i = 0; i < count; i++) {
        printf("> %s: %s\n", headers[i].name, headers[i].value);
    }
}

static int handle(void *arg) {
    char order[16];

    (void)arg;
    tote_store_add_as(tote_store_current(), "order", tote_int(4711), TOTE_VISIBILITY_TELEMETRY,
                      NULL);
    tote_store_get(tote_store_current(), "order", order, sizeof order);
    printf("order %s\n", order);
    send_request();
    return 0;
}

static int serve(void *arg) {
    return tote_run_scoped(tote_get_tracer("example.embed", NULL), "serve", NULL, handle, arg);
}

int main(void) {
    tote_propagator *propagator = tote_propagator_new(&tenant_ops, NULL);
    const tote_header header = {"X-Tenant", 8, "acme", 4};

    tote_propagator_set_global(propagator);
    tote_propagator_unref(propagator);
    tote_context *context = tote_extract_headers(tote_context_root(), &header, 1);
    int result = tote_context_run(context, serve, NULL);
    tote_context_unref(context);
    return result;
}
