/* SPDX-License-Identifier: MIT */
/*
 * prepare.h - resolves names and reads TLS files in advance, so that later requests open no file
 * and create no resolver thread
 */
#ifndef TOTE_OTLP_PREPARE_H
#define TOTE_OTLP_PREPARE_H

#include <curl/curl.h>

#include "otlp/options.h"

/* Indexes of the TLS files in tote__prepared. */
enum { TOTE__CA_FILE, TOTE__CERTIFICATE_FILE, TOTE__KEY_FILE, TOTE__TLS_FILES };

struct tote__prepared {
    struct curl_slist *addresses;            /* for CURLOPT_RESOLVE; NULL: the host is an address */
    struct curl_blob files[TOTE__TLS_FILES]; /* contents; empty: none */
};

/*
 * Resolve the name and read the files. A lookup without its own thread ignores the deadline.
 * Returns TOTE_RESULT_TIMEOUT if the lookup took too long; its thread ends later. Returns
 * TOTE_RESULT_FAILURE, with a diagnostic, on failure. Then there is nothing to clear.
 */
tote_result tote__prepare(const struct tote__otlp_settings *settings, uint64_t deadline,
                          bool may_make_thread, struct tote__prepared *prepared);

void tote__prepared_clear(struct tote__prepared *prepared);

/* Configure a curl handle to use it. Returns 0 on success. */
int tote__prepared_apply(const struct tote__prepared *prepared, CURL *easy);

#endif
