/* SPDX-License-Identifier: MIT */
/*
 * list.h - a list of traces: filters, order and JSON
 *
 * The JSON is the response of GET /api/traces and the output of `tote traces --json`:
 *
 *   {"traces": [{
 *      "traceId": "0af7651916cd43dd8448eb211c80319c",
 *      "name": "GET /cart",              of the root span, as the next two
 *      "service": "shop",
 *      "kind": "server",                 internal, server, client, producer, consumer
 *      "services": ["shop", "stock"],    in the order of their arrival
 *      "spans": 12, "errors": 1,
 *      "unfinished": 0,                  spans without an end
 *      "missing": 0,                     parents that were not received
 *      "complete": true,                 there is a root span, and every parent
 *      "startTimeUnixNano": "1700000000000000000",    64-bit numbers are strings, as in OTLP/JSON
 *      "durationNano": "5000000"}],
 *    "counts": {"matched": 1, "traces": 8, "spans": 64, "bytes": 65536,
 *      "evictedTraces": 0, "evictedSpans": 0, "leftOutSpans": 0, "invalidSpans": 0}}
 */
#ifndef TOTE_CLI_LIST_H
#define TOTE_CLI_LIST_H

#include "model.h"
#include "query.h"
#include "tote/internal/buffer.h"

enum list_sort {
    LIST_NEWEST, /* by the last span that arrived */
    LIST_START,  /* the latest first */
    LIST_DURATION,
    LIST_SPANS,
    LIST_ERRORS,
    LIST_NAME,
    LIST_SERVICE
};

enum { LIST_MOST = 100 }; /* the default limit */

/* Begins as LIST_OPTIONS_INIT. */
struct list_options {
    struct query *query; /* NULL: none */
    const char *service; /* "": any; borrowed */
    uint64_t since_ns;   /* traces that ended at most so long ago; 0: any */
    uint64_t min_ns;     /* the least duration */
    bool errors_only;
    unsigned limit; /* 0: none */
    enum list_sort sort;
};

#define LIST_OPTIONS_INIT ((struct list_options){.service = "", .limit = LIST_MOST})

enum { LIST_PROBLEM_BYTES = 256 };

/*
 * Set an option from text: filter, service, since, min, errors, limit or sort. The text is
 * borrowed. Returns false if there is no such option, or if the text is not a value of it;
 * `problem` then describes why.
 */
bool list_options_set(struct list_options *options, const char *name, const char *value,
                      char problem[LIST_PROBLEM_BYTES]);

void list_options_clear(struct list_options *options);

/* Traces that match, in order. */
struct list {
    struct trace **traces;
    size_t count;   /* at most the limit */
    size_t matched; /* without the limit */
    size_t capacity;
};

/*
 * Select traces; needs the lock. `now_unix_nano` is for options->since_ns. The result is valid as
 * the traces are. Returns false if out of memory. Clear the list in any case.
 */
bool list_select(struct list *list, const struct model *model, const struct list_options *options,
                 uint64_t now_unix_nano);
void list_clear(struct list *list);

/* Append the list as JSON; needs the lock. Returns false if out of memory. */
bool export_list_json(const struct model *model, const struct list_options *options,
                      struct tote__buffer *out);

#endif
