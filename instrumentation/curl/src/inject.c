/* SPDX-License-Identifier: MIT */
/*
 * inject.c - a curl_slist as a carrier
 *
 * Tests: tests/unit/test_curl_inject.c, tests/unit/test_carriers.c
 */
#include <stdio.h>
#include <string.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/propagator.h"

static void remove_header(struct curl_slist **list, const char *name) {
    size_t length = strlen(name);

    while (*list) {
        struct curl_slist *node = *list;
        if (tote__curl_is_header(node->data, name, length)) {
            *list = node->next;
            node->next = NULL;
            curl_slist_free_all(node);
        } else {
            list = &node->next;
        }
    }
}

/*
 * Replace the header; a NULL value only removes it. libcurl copies the line, so a short line is
 * built on the stack. libcurl writes an empty header as "Name;".
 */
static void set_header(void *carrier, const char *key, const char *value, size_t value_length) {
    struct curl_slist **list = carrier;
    char usual[1024];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    size_t size = strlen(key) + 2 + value_length + 1;

    remove_header(list, key);
    if (!value) {
        tote__arena_clear(&arena);
        return;
    }
    char *line = tote__arena_allocate(&arena, size);
    if (line) {
        snprintf(line, size, value_length ? "%s: %s" : "%s;", key, value);
    }
    struct curl_slist *longer = line ? curl_slist_append(*list, line) : NULL;
    if (longer) {
        *list = longer;
    } else {
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "curl", "header '%.64s' not sent: out of memory",
                                key);
    }
    tote__arena_clear(&arena);
}

/* Pass lines "Name: value". In libcurl "Name:" is no header and "Name;" is an empty one. */
static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    (void)key; /* the caller compares names */
    for (const struct curl_slist *node = *(struct curl_slist *const *)carrier; node;
         node = node->next) {
        const char *colon = strchr(node->data, ':');
        if (colon &&
            !visit(arg, node->data, (size_t)(colon - node->data), colon + 1, strlen(colon + 1))) {
            return;
        }
    }
}

const tote_text_map_getter *tote_curl_list_getter(void) {
    static const tote_text_map_getter getter = {sizeof getter, get_headers};

    return &getter;
}

const tote_text_map_setter *tote_curl_list_setter(void) {
    static const tote_text_map_setter setter = {sizeof setter, set_header};

    return &setter;
}

struct curl_slist *tote_curl_inject(const tote_context *context, struct curl_slist *headers) {
    tote_inject(context, &headers, tote_curl_list_setter());
    return headers;
}
