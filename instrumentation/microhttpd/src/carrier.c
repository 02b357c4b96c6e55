/* SPDX-License-Identifier: MIT */
/*
 * carrier.c - requests and responses of libmicrohttpd as carriers
 *
 * Tests: tests/unit/test_carriers.c
 */
#include <string.h>
#include <strings.h>

#include "tote/diagnostics.h"
#include "tote/instrumentation/microhttpd.h"

struct visit {
    tote_header_visitor visitor;
    void *arg;
};

static enum MHD_Result pass_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   size_t name_length, const char *value, size_t value_length) {
    const struct visit *visit = cls;

    (void)kind;
    if (!name || !value) {
        return MHD_YES;
    }
    return visit->visitor(visit->arg, name, name_length, value, value_length) ? MHD_YES : MHD_NO;
}

static void get_headers(const void *carrier, const char *key, tote_header_visitor visitor,
                        void *arg) {
    struct visit visit = {visitor, arg};

    (void)key; /* the visitor compares names */
    MHD_get_connection_values_n((struct MHD_Connection *)carrier, MHD_HEADER_KIND, pass_header,
                                &visit);
}

const tote_text_map_getter *tote_microhttpd_getter(void) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};

    return &getter;
}

/* A search for a header: `name` and `value` are NULL until one is found. */
struct search {
    const char *key;
    const char *name;
    const char *value;
};

static enum MHD_Result find_header(void *cls, enum MHD_ValueKind kind, const char *name,
                                   const char *value) {
    struct search *search = cls;

    (void)kind;
    if (strcasecmp(name, search->key) != 0) {
        return MHD_YES;
    }
    search->name = name;
    search->value = value;
    return MHD_NO;
}

static void remove_headers(struct MHD_Response *response, const char *key) {
    struct search search;

    do {
        search = (struct search){.key = key};
        MHD_get_response_headers(response, find_header, &search);
    } while (search.name &&
             MHD_del_response_header(response, search.name, search.value) == MHD_YES);
}

static void set_header(void *carrier, const char *key, const char *value, size_t value_length) {
    (void)value_length;
    remove_headers(carrier, key);
    if (value && MHD_add_response_header(carrier, key, value) != MHD_YES) {
        tote_diagnostics_report(
            TOTE_LEVEL_WARN, "microhttpd",
            "header '%.64s' is not sent: libmicrohttpd rejected it, because its value "
            "is not valid in a header or because it is out of memory",
            key);
    }
}

const tote_text_map_setter *tote_microhttpd_setter(void) {
    static const tote_text_map_setter setter = {sizeof setter, set_header};

    return &setter;
}
