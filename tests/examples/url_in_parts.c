/* SPDX-License-Identifier: MIT */
/*
 * url_in_parts.c - a program without Tote: one handle of libcurl gets several URLs by CURLOPT_CURLU
 *
 *   url_in_parts URL...
 */
#include <curl/curl.h>

static int get(CURL *easy, const char *text) {
    CURLU *url = curl_url();
    CURLcode result = CURLE_FAILED_INIT;

    if (curl_url_set(url, CURLUPART_URL, text, 0) == CURLUE_OK) {
        curl_easy_setopt(easy, CURLOPT_CURLU, url);
        result = curl_easy_perform(easy);
        curl_easy_setopt(easy, CURLOPT_CURLU, NULL);
    }
    curl_url_cleanup(url);
    return result == CURLE_OK ? 0 : 1;
}

int main(int argc, char **argv) {
    CURL *easy = curl_easy_init();
    int failed = 0;

    for (int i = 1; i < argc; i++) {
        failed |= get(easy, argv[i]);
    }
    curl_easy_cleanup(easy);
    return failed;
}
