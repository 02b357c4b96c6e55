/* SPDX-License-Identifier: MIT */
/*
 * hosts.c - the hosts that headers may go to
 *
 * Tests: tests/unit/test_curl.c, tests/unit/test_curl_attempts.c
 */
#include "curl_parts.h"
#include "tote/internal/name_list.h"

static struct tote__name_list allowed_hosts;

bool tote_curl_set_allowed_hosts(const char *const *hosts, size_t count) {
    return tote__name_list_copy(&allowed_hosts, hosts, count);
}

bool tote__curl_is_allowed(const char *host) {
    return tote__name_list_allows_host(&allowed_hosts, host);
}
