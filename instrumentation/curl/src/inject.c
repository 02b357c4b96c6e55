/* SPDX-License-Identifier: MIT */
/*
 * inject.c - headers into a curl_slist, and to which hosts
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "curl_parts.h"
#include "tote/diagnostics.h"
#include "tote/internal/memory.h"
#include "tote/internal/name_list.h"
#include "tote/propagator.h"

/* Whether a line of the list is a header of this name, in any of the forms that curl knows. */
static bool is_called(const char *line, const char *name, size_t length) {
    return strncasecmp(line, name, length) == 0 && (line[length] == ':' || line[length] == ';');
}

static void remove_header(struct curl_slist **list, const char *name) {
    size_t length = strlen(name);

    while (*list) {
        struct curl_slist *node = *list;
        if (is_called(node->data, name, length)) {
            *list = node->next;
            node->next = NULL;
            curl_slist_free_all(node);
        } else {
            list = &node->next;
        }
    }
}

/*
 * libcurl copies the line, which so is made on the stack where it is of a usual length. An empty header
 * is "Name;" to it.
 */
static void set_header(void *carrier, const char *key, const char *value, size_t value_length) {
    struct curl_slist **list = carrier;
    char usual[1024];
    struct tote__arena arena = tote__arena_over(usual, sizeof usual);
    size_t size = strlen(key) + 2 + value_length + 1;

    remove_header(list, key);
    if (!value) {
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
        tote_diagnose(TOTE_LEVEL_ERROR, "curl", "header '%.64s' not sent: no memory", key);
    }
    tote__arena_clear(&arena);
}

/* "Name: value"; "Name:" and "Name;" are curl's for none and for an empty one. */
static void get_headers(const void *carrier, const char *key, tote_header_visitor visit,
                        void *arg) {
    (void)key; /* who asks picks */
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

bool tote__curl_copy_list(const struct curl_slist *list, struct curl_slist **copy) {
    *copy = NULL;
    for (; list; list = list->next) {
        struct curl_slist *longer = curl_slist_append(*copy, list->data);
        if (!longer) {
            curl_slist_free_all(*copy);
            return false;
        }
        *copy = longer;
    }
    return true;
}

/* Where headers may go. */
static struct tote__name_list allowed_hosts;

bool tote_curl_set_allowed_hosts(const char *const *hosts, size_t count) {
    return tote__name_list_copy(&allowed_hosts, hosts, count);
}

bool tote__curl_is_allowed(const char *host) {
    return tote__name_list_allows_host(&allowed_hosts, host);
}
