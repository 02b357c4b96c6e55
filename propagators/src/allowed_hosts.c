/* SPDX-License-Identifier: MIT */
/*
 * allowed_hosts.c - a propagator whose headers are sent only to hosts on a list
 *
 * Tests: tests/unit/test_trust.c
 */
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/diagnostics.h"
#include "tote/internal/name_list.h"
#include "tote/internal/propagator.h"
#include "tote/internal/propagators.h"
#include "tote/internal/text.h"

struct allowed_hosts {
    tote_propagator *inner; /* one reference */
    struct tote__name_list hosts;
};

static bool is_host(const char *pattern, const char *host) {
    size_t length = strlen(pattern);
    size_t host_length = strlen(host);

    if (pattern[0] == '.' && host_length > length) {
        host += host_length - length;
        host_length = length;
    }
    return length && tote__equals_ignoring_case(host, host_length, pattern, length);
}

/* NULL: an unknown host, which is not allowed. */
static bool is_allowed(const struct tote__name_list *hosts, const char *host) {
    for (size_t i = 0; host && i < hosts->count; i++) {
        if (is_host(hosts->names[i], host)) {
            return true;
        }
    }
    return false;
}

/* For a host that is not allowed, headers that an earlier message left are removed. */
static void inject(void *self, const tote_context *context, void *carrier,
                   const tote_text_map_setter *setter) {
    const struct allowed_hosts *allowed = self;
    const char *field;

    if (is_allowed(&allowed->hosts, tote_context_get_destination(context))) {
        tote_propagator_inject(allowed->inner, context, carrier, setter);
        return;
    }
    for (size_t i = 0; (field = tote_propagator_get_field(allowed->inner, i)); i++) {
        setter->set(carrier, field, NULL, 0);
    }
}

static tote_context *extract(void *self, const tote_context *context, const void *carrier,
                             const tote_text_map_getter *getter) {
    const struct allowed_hosts *allowed = self;

    return tote_propagator_extract(allowed->inner, context, carrier, getter);
}

static const char *get_field(void *self, size_t index) {
    const struct allowed_hosts *allowed = self;

    return tote_propagator_get_field(allowed->inner, index);
}

static void destroy(void *self) {
    struct allowed_hosts *allowed = self;

    if (allowed) {
        tote_propagator_unref(allowed->inner);
        tote__name_list_clear(&allowed->hosts);
        tote__release(allowed, sizeof *allowed);
    }
}

static const tote_propagator_ops allowed_hosts_ops = {
    .struct_size = sizeof allowed_hosts_ops,
    .inject = inject,
    .extract = extract,
    .get_field = get_field,
    .destroy = destroy,
};

static tote_propagator *report_no_memory(const char *component, tote_propagator *inner) {
    tote_diagnostics_report(
        TOTE_LEVEL_ERROR, component,
        "list of allowed hosts not created: out of memory; nothing is propagated");
    tote_propagator_unref(inner);
    return tote__propagator_of_nothing();
}

bool tote__is_allowed_host(const char *pattern) {
    return *pattern && !strpbrk(pattern, "/*@ \t") &&
           (*pattern == '[' || !strchr(pattern, ':')); /* [::1] */
}

static tote_propagator *make(const char *component, tote_propagator *inner,
                             const char *const *hosts, size_t count) {
    struct allowed_hosts *allowed = tote__allocate_zeroed(sizeof *allowed);

    if (!allowed || !tote__name_list_copy(&allowed->hosts, hosts, count)) {
        destroy(allowed);
        return report_no_memory(component, inner);
    }
    for (size_t i = 0; i < count; i++) {
        if (!tote__is_allowed_host(allowed->hosts.names[i])) {
            tote__diagnose_each(TOTE_LEVEL_WARN, component,
                                "allowed host '%.256s' matches no host: write the host of a URL "
                                "without scheme, port and path, or .example.com for all hosts "
                                "below that domain",
                                allowed->hosts.names[i]);
        }
    }
    allowed->inner = inner;
    return tote_propagator_new(&allowed_hosts_ops, allowed);
}

tote_propagator *tote_propagator_allowed_hosts_new(tote_propagator *inner, const char *const *hosts,
                                                   size_t count) {
    static const char *const none[] = {NULL};

    return make("propagator", inner, hosts ? hosts : none, hosts ? count : 0);
}

tote_propagator *tote__propagator_allow_hosts(const char *component, tote_propagator *inner,
                                              const char *list) {
    size_t length = strlen(list), count = 0;
    struct tote__arena arena = {NULL, NULL, 0};
    struct tote__part rest = {list, length};
    struct tote__part part;
    const char **hosts = tote__arena_allocate(&arena, (length / 2 + 1) * sizeof *hosts);
    bool is_copied = hosts != NULL;

    while (is_copied && tote__next_part(&rest, ',', &part)) {
        tote__trim(&part.at, &part.length);
        if (part.length) {
            hosts[count] = tote__arena_text(&arena, part.at, part.length);
            is_copied = hosts[count++] != NULL;
        }
    }
    if (is_copied && !count) {
        tote__diagnose_each(TOTE_LEVEL_WARN, component,
                            "'%.256s' names no host: no headers are sent; unset the variable to "
                            "send them to all hosts",
                            list);
    }
    tote_propagator *made =
        is_copied ? make(component, inner, hosts, count) : report_no_memory(component, inner);
    tote__arena_clear(&arena);
    return made;
}
