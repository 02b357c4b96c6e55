/* SPDX-License-Identifier: MIT */
/* curl_alone.c - post once to the given URL: the memory of libcurl itself */
#include <curl/curl.h>

int main(int argc, char **argv) {
    curl_global_init(CURL_GLOBAL_DEFAULT);
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, argc > 1 ? argv[1] : "");
    curl_easy_setopt(easy, CURLOPT_POSTFIELDS, "a span");
    CURLcode code = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    curl_global_cleanup();
    return code == CURLE_OK ? 0 : 1;
}
