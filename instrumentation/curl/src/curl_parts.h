/* SPDX-License-Identifier: MIT */
/*
 * curl_parts.h - what the files of the curl instrumentation share
 */
#ifndef TOTE_CURL_PARTS_H
#define TOTE_CURL_PARTS_H

#include "tote/instrumentation/curl.h"
#include "tote/internal/memory.h"

/*
 * The functions of one libcurl. A handle belongs to the libcurl that created it, and a process may
 * have several: the one that libtote-curl is linked with, and those that tote-preload-curl.so
 * finds.
 */
struct tote__curl {
    __typeof__(&curl_easy_setopt) easy_setopt;
    __typeof__(&curl_easy_getinfo) easy_getinfo;
    __typeof__(&curl_easy_nextheader) easy_nextheader;
    __typeof__(&curl_easy_strerror) easy_strerror;
    __typeof__(&curl_url) url;
    __typeof__(&curl_url_cleanup) url_cleanup;
    __typeof__(&curl_url_get) url_get;
    __typeof__(&curl_url_set) url_set;
    __typeof__(&curl_free) free;
    bool sees_calls; /* the preload object intercepts the program's curl_easy_setopt() and
                        curl_easy_duphandle(), so that copies have the program's options */
};

/* scheme.c: only HTTP transfers are traced. */
enum tote__scheme {
    TOTE__SCHEME_UNKNOWN, /* the URL has none: libcurl guesses, or uses the handle's default */
    TOTE__SCHEME_HTTP,    /* http, https, ws, wss */
    TOTE__SCHEME_OTHER
};

enum tote__scheme tote__scheme_of_name(const char *name, size_t length);
enum tote__scheme tote__url_scheme(const char *text);

/* Return the scheme in the URL of the handle's next transfer. */
enum tote__scheme tote__curl_scheme(const struct tote__curl *curl, CURL *easy);

/* url.c: a URL as a span reports it. libcurl allocates the text: call tote__url_clear(). */
struct tote__url {
    char *text; /* unchanged */
    char *full; /* without credentials and secrets */
    char *host;
    long port;
};

/* Returns false if the text is not a URL; then `url` is empty. */
bool tote__url_read(const struct tote__curl *curl, struct tote__url *url, const char *text);
void tote__url_clear(const struct tote__curl *curl, struct tote__url *url);

/* Return the host without the brackets of an IPv6 address. */
tote_value tote__url_address(const struct tote__url *url);

/* Whether a line of a list is a header with this name, in any form that libcurl accepts. */
bool tote__curl_is_header(const char *line, const char *name, size_t length);

/*
 * sent.c: the list that libcurl gets for one attempt: the injected lines, then the program's.
 *
 * The first node is the same for all attempts of a handle, so that CURLOPT_HTTPHEADER is set once.
 * A copy of the handle has the same list and may live longer, so the first node is never freed.
 * Between attempts the first node has no header, and its next node is the program's list.
 */
struct tote__sent {
    struct tote__sent_head *head; /* NULL: nothing was injected yet */
    struct tote__arena arena;     /* of the other nodes and of the injected lines */
    char usual[512];
};

/*
 * Replace the contents of `sent`. Lines of `own` are borrowed. Those that inject replaces or
 * removes are left out. Returns the list for CURLOPT_HTTPHEADER; if out of memory, without injected
 * lines.
 */
struct curl_slist *tote__sent_make(struct tote__sent *sent, struct curl_slist *own,
                                   const tote_context *context);

/* Remove the injected lines. Returns the list for CURLOPT_HTTPHEADER. */
struct curl_slist *tote__sent_reset(struct tote__sent *sent, struct curl_slist *own);

/* Remove the injected lines and release the first node. */
void tote__sent_clear(struct tote__sent *sent, struct curl_slist *own);

/* request.c: a handle with the options of the program. */
struct tote__transfer {
    const struct tote__curl *curl;
    CURL *easy;
    struct curl_slist *headers;  /* the program's CURLOPT_HTTPHEADER, borrowed until the end */
    curl_prereq_callback prereq; /* the program's CURLOPT_PREREQFUNCTION, or NULL */
    void *prereq_data;           /* the program's CURLOPT_PREREQDATA */
    tote_tracer *tracer;         /* NULL: the instrumentation's own */
    const char *url_template;    /* of the first attempt's URL, or NULL */
    bool reports_old_urls;       /* a property of this libcurl: see requested.c */
};

/* requested.c: the URL of a transfer. The text belongs to libcurl or to this struct. */
struct tote__requested {
    char *parts;     /* the URL in CURLOPT_CURLU, if its value is known */
    bool is_marked;  /* the text that libcurl reports has the mark */
    bool is_unknown; /* the requested URL is not known */
};

/* Whether a libcurl of this version reports old URLs. */
static inline bool tote__curl_reports_old_urls(const curl_version_info_data *info) {
    enum { VERSION_8_12 = 0x080c00 };

    return info->version_num < VERSION_8_12;
}

/* Call it before each transfer. `parts` is CURLOPT_CURLU if its value is known, else NULL. */
void tote__requested_start(struct tote__requested *requested, const struct tote__transfer *transfer,
                           const CURLU *parts);
void tote__requested_clear(struct tote__requested *requested,
                           const struct tote__transfer *transfer);

/* Return the URL before the transfer: it may be wrong, or NULL. */
const char *tote__requested_guess(const struct tote__requested *requested,
                                  const struct tote__transfer *transfer);

/* Return the requested URL during or after the transfer; NULL: not known. */
const char *tote__requested_url(struct tote__requested *requested,
                                const struct tote__transfer *transfer);

/*
 * Set the callback of the handle. Requests are sent unchanged until tote__curl_start(). Returns
 * NULL if out of memory, with a diagnostic.
 */
tote_curl_request *tote__curl_attach(const struct tote__transfer *transfer);

/* Free `*request`. If `is_handle_kept`, the handle gets the program's options. */
void tote__curl_detach(tote_curl_request **request, bool is_handle_kept);

/*
 * Trace the next transfer. `parent` is the parent of its spans. `scheme` is that of the URL, and is
 * not TOTE__SCHEME_OTHER. `parts` is CURLOPT_CURLU if its value is known, else NULL.
 */
void tote__curl_start(tote_curl_request *request, const tote_context *parent,
                      enum tote__scheme scheme, const CURLU *parts);
void tote__curl_stop(tote_curl_request *request, CURLcode result);

/* Replace options that the program sets while the handle is attached. */
void tote__curl_set_headers(tote_curl_request *request, struct curl_slist *headers);
void tote__curl_set_prereq(tote_curl_request *request, curl_prereq_callback prereq, void *data);

/*
 * live.c: a table of requests by handle. libcurl calls CURLOPT_PREREQFUNCTION without the handle,
 * but with the address of the peer as a text inside the handle. CURLINFO_PRIMARY_IP is the same
 * pointer, so it identifies the handle and distinguishes it from its copies.
 */
struct tote__live {
    struct tote__live *next;
    const char *address;
};

void tote__live_add(struct tote__live *live);
void tote__live_remove(struct tote__live *live);
struct tote__live *tote__live_find(const char *address);

#endif
