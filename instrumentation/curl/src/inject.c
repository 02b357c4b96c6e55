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
#include "tote/propagator.h"

/* A list that is being changed. */
struct carrier {
    struct curl_slist *list;
    bool has_failed;
};

/* Whether a line of the list is a header of this name, in any of the forms that curl knows. */
static bool is_called(const char *line, const char *name) {
    size_t length = strlen(name);

    return strncasecmp(line, name, length) == 0 && (line[length] == ':' || line[length] == ';');
}

static void remove_header(struct carrier *carrier, const char *name) {
    struct curl_slist **link = &carrier->list;

    while (*link) {
        struct curl_slist *node = *link;
        if (is_called(node->data, name)) {
            *link = node->next;
            node->next = NULL;
            curl_slist_free_all(node);
        } else {
            link = &node->next;
        }
    }
}

static void set_header(void *arg, const char *key, const char *value, size_t value_length) {
    struct carrier *carrier = arg;
    size_t size = strlen(key) + 2 + value_length + 1;

    remove_header(carrier, key);
    if (!value) {
        return;
    }
    char *line = tote__allocate(size);
    if (!line) {
        carrier->has_failed = true;
        return;
    }
    snprintf(line, size, "%s: %s", key, value);
    struct curl_slist *longer = curl_slist_append(carrier->list, line);
    tote__release(line, size);
    if (!longer) {
        carrier->has_failed = true;
        return;
    }
    carrier->list = longer;
}

static const tote_text_map_setter setter = {sizeof setter, set_header};

static struct curl_slist *copy_list(const struct curl_slist *list, bool *has_failed) {
    struct curl_slist *copy = NULL;

    for (; list; list = list->next) {
        struct curl_slist *longer = curl_slist_append(copy, list->data);
        if (!longer) {
            *has_failed = true;
            break;
        }
        copy = longer;
    }
    return copy;
}

bool tote__curl_copy_and_inject(const tote_context *context, const struct curl_slist *own,
                                struct curl_slist **list) {
    struct carrier carrier = {NULL, false};

    carrier.list = copy_list(own, &carrier.has_failed);
    if (!carrier.has_failed) {
        tote_inject(context, &carrier, &setter);
    }
    if (carrier.has_failed) {
        curl_slist_free_all(carrier.list);
        return false;
    }
    *list = carrier.list;
    return true;
}

struct curl_slist *tote_curl_inject(const tote_context *context, struct curl_slist *headers) {
    struct curl_slist *injected;

    if (!tote__curl_copy_and_inject(context, headers, &injected)) {
        tote_diagnose(TOTE_LEVEL_ERROR, "curl", "headers not injected: no memory");
        return headers;
    }
    curl_slist_free_all(headers);
    return injected;
}

/* Where headers may go. NULL: everywhere. */
static struct {
    char **hosts;
    size_t count;
} allowed;

static void free_hosts(char **hosts, size_t count) {
    for (size_t i = 0; hosts && i < count; i++) {
        tote__release(hosts[i], hosts[i] ? strlen(hosts[i]) + 1 : 0);
    }
    tote__release(hosts, count * sizeof *hosts);
}

bool tote_curl_set_allowed_hosts(const char *const *hosts, size_t count) {
    char **copies = NULL;

    if (hosts) {
        copies = tote__allocate_zeroed(count * sizeof *copies);
        bool is_copied = copies != NULL;
        for (size_t i = 0; is_copied && i < count; i++) {
            const char *host = hosts[i] ? hosts[i] : "";
            copies[i] = tote__copy_text(host, strlen(host));
            is_copied = copies[i] != NULL;
        }
        if (!is_copied) {
            free_hosts(copies, count);
            return false;
        }
    }
    free_hosts(allowed.hosts, allowed.count);
    allowed.hosts = copies;
    allowed.count = copies ? count : 0;
    return true;
}

static bool matches(const char *pattern, const char *host) {
    size_t pattern_length = strlen(pattern);
    size_t host_length = strlen(host);

    if (pattern[0] == '.') {
        return host_length > pattern_length &&
               strcasecmp(host + host_length - pattern_length, pattern) == 0;
    }
    return strcasecmp(host, pattern) == 0;
}

bool tote__curl_is_allowed(const char *host) {
    if (!allowed.hosts) {
        return true;
    }
    for (size_t i = 0; host && i < allowed.count; i++) {
        if (*allowed.hosts[i] && matches(allowed.hosts[i], host)) {
            return true;
        }
    }
    return false;
}
