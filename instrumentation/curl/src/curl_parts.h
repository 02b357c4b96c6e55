/* SPDX-License-Identifier: MIT */
/*
 * curl_parts.h - what the files of the curl instrumentation share
 */
#ifndef TOTE_CURL_PARTS_H
#define TOTE_CURL_PARTS_H

#include "tote/instrumentation/curl.h"

/* A URL as a span tells it. Text is curl's: clear it. */
struct tote__url {
    char *full; /* without credentials and secrets */
    char *host;
    long port;
};

/* Returns: false when it is no URL; then nothing is in it. */
bool tote__url_read(struct tote__url *url, const char *text);
void tote__url_clear(struct tote__url *url);

/* The host without the brackets of an IPv6 address. */
tote_value tote__url_address(const struct tote__url *url);

/* Whether headers may go to this host; NULL: an unknown one. */
bool tote__curl_is_allowed(const char *host);

/* False when memory is out. */
bool tote__curl_copy_list(const struct curl_slist *list, struct curl_slist **copy);

#endif
