/* SPDX-License-Identifier: MIT */
/*
 * prepare.h - what a connection needs from outside, taken beforehand: the receiver's addresses and
 * the files of TLS, so that later no file is opened and no thread made that looks up a name
 */
#ifndef TOTE_OTLP_PREPARE_H
#define TOTE_OTLP_PREPARE_H

#include <curl/curl.h>

#include "otlp/options.h"

/* Files of TLS, as tote__prepared has them. */
enum { TOTE__CA_FILE, TOTE__CERTIFICATE_FILE, TOTE__KEY_FILE, TOTE__TLS_FILES };

struct tote__prepared {
    struct curl_slist *addresses; /* for CURLOPT_RESOLVE; NULL: the host is an address itself */
    struct curl_blob files[TOTE__TLS_FILES]; /* contents; no data: none */
};

/*
 * Look up and read. The deadline is of the monotonic clock; a look-up without a thread of its own
 * does not keep it. Returns: TOTE_RESULT_TIMEOUT when the look-up took longer; it goes on, and is
 * forgotten as it ends. TOTE_RESULT_FAILURE, with a diagnostic, when something cannot be had. Then
 * there is nothing to clear.
 */
tote_result tote__prepare(const struct tote__otlp_settings *settings, uint64_t deadline,
                          bool may_make_thread, struct tote__prepared *prepared);

void tote__prepared_clear(struct tote__prepared *prepared);

/* Have curl use it. Returns: other than 0 when that fails. */
int tote__prepared_apply(const struct tote__prepared *prepared, CURL *easy);

#endif
