/* SPDX-License-Identifier: MIT */
/**
 * @file tote/sdk.h
 * Use a running SDK, stop it, and see what became of every span. tote/start.h starts it.
 * Spec: trace/sdk.md#tracer-provider
 *
 * A NULL SDK is taken by every call and does nothing.
 *
 * Threads:  any.
 * Lifetime: counted.
 * Units:    _ms. 0 in an option is its default.
 * Fork:     the child has an empty queue and its own worker; nothing needs to be called.
 * Exit:     nothing is hidden in atexit(). If a program returns from main or exits without calling
 *           tote_sdk_close() or tote_sdk_shutdown(), queued spans are silently lost.
 */
#ifndef TOTE_SDK_H
#define TOTE_SDK_H

#include "tote/diagnostics.h"
#include "tote/tracer.h"

TOTE_BEGIN_DECLS

typedef struct tote_sdk tote_sdk;
typedef struct tote_sampler tote_sampler;           /**< tote/sdk/sampler.h */
typedef struct tote_id_generator tote_id_generator; /**< tote/sdk/id_generator.h */
/** tote/sdk/span_exporter.h, tote/exporters */
typedef struct tote_span_exporter tote_span_exporter;
typedef struct tote_span_processor tote_span_processor; /**< tote/sdk/span_processor.h */

/**
 * For a uint32_t that counts, measures or waits: no limit, and nothing at all, where 0 is the
 * default.
 */
#define TOTE_OPTION_UNLIMITED UINT32_MAX
#define TOTE_OPTION_ZERO (UINT32_MAX - 1)

/** Spec: trace/sdk.md#span-limits */
typedef struct tote_span_limits {
    size_t struct_size;
    uint32_t attribute_count; /**< 128 */
    /** TOTE_OPTION_UNLIMITED; code points, or bytes of TOTE_VALUE_TYPE_BYTES */
    uint32_t attribute_value_length;
    uint32_t attribute_value_depth;     /**< 64 */
    uint32_t event_count;               /**< 128 */
    uint32_t link_count;                /**< 128 */
    uint32_t attribute_count_per_event; /**< 128 */
    uint32_t attribute_count_per_link;  /**< 128 */
    uint32_t reserved;                  /**< 0 */
} tote_span_limits;

#define TOTE_SPAN_LIMITS_INIT                                                                      \
    { sizeof(tote_span_limits), 0, 0, 0, 0, 0, 0, 0, 0 }

/** Makes and joins the one worker thread in the host's way. */
typedef struct tote_thread_factory {
    size_t struct_size;
    /** Run `work(arg)` on a thread of yours, once. Returns: a handle for join, NULL on failure. */
    void *(*start)(void *self, const char *name, void (*work)(void *arg), void *arg);
    void (*join)(void *self, void *thread);
    void *self;
} tote_thread_factory;

/**
 * Which entries of the store leave the process on spans and, by the global SDK, in the fields of
 * tote_log_fields(). They become attributes of a span as it ends: at most 32 entries and 4,096
 * bytes, of which at most 16 entries and 1,024 bytes of remote baggage. Remote baggage never sets a
 * reserved name, for example one that begins with "http.": docs/propagation.md lists the prefixes.
 * Attributes that are set on the span itself replace entries of the same name. An entry that
 * exceeds a limit counts as a dropped attribute.
 */
typedef enum tote_store_export {
    TOTE_STORE_EXPORT_ALL,
    TOTE_STORE_EXPORT_LOCAL,   /**< not what came in with baggage */
    TOTE_STORE_EXPORT_ALLOWED, /**< those named in `store_export_keys` */
    TOTE_STORE_EXPORT_NONE
} tote_store_export;

/**
 * Look up the receivers' names and read the files of TLS now: before chroot, seccomp or setuid. The
 * worker exists since the start, so that from here on no thread is made and no file opened; a
 * forked child still makes a worker of its own. What was looked up stays: a receiver that moves is
 * not found again. A proxy's name is not looked up: give its address. Blocks: at most timeout_ms.
 * Returns: TOTE_RESULT_FAILURE, with a diagnostic, when something cannot be had; then it will be
 * tried with each request, as without this. So it does when files will be opened all the same: by a
 * disk queue, and by a file exporter that rotates its file. An exporter of your own is not asked. A
 * later call looks up and reads again, for example after certificates were renewed; if it fails,
 * what the earlier one took stays in use.
 */
TOTE_API tote_result tote_sdk_prepare(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * One more reference: for the spans of this SDK and no other. Unref it. NULL, the global one, for a
 * NULL SDK.
 */
TOTE_API TOTE_MUST_USE tote_tracer_provider *tote_sdk_ref_tracer_provider(tote_sdk *sdk);

/**
 * Send all that has ended; what is in a disk queue already is not waited for. A timeout of 0 does
 * not wait, here and below. Blocks: at most timeout_ms. Returns: TOTE_RESULT_SUCCESS when all of it
 * was sent, or put into a disk queue; TOTE_RESULT_FAILURE also if the receiver rejected some of the
 * spans.
 */
TOTE_API tote_result tote_sdk_force_flush(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * Flush and stop permanently. Later spans record nothing. Spans that are still open are not
 * exported: one diagnostic reports their number and the first few names. What was lost since the
 * start, by cause, goes to diagnostics. A second call returns TOTE_RESULT_SUCCESS. Blocks: at most
 * timeout_ms.
 *
 * The result is about the spans that had ended when the call began, and about nothing else.
 * Returns: TOTE_RESULT_SUCCESS if they were exported or put into a disk queue, TOTE_RESULT_TIMEOUT
 * if the timeout was too short and spans were dropped for that, TOTE_RESULT_FAILURE if an export
 * failed or the receiver rejected one of the spans, alone or with others (a partial success). Spans
 * that are open, that were never ended, that were started too early or too late, or that were lost
 * before the call do not change the result: tote_sdk_get_stats() counts them.
 */
TOTE_API tote_result tote_sdk_shutdown(tote_sdk *sdk, uint32_t timeout_ms);

/**
 * Unref, and set `*sdk` to NULL: the last line of main. The last of all references that
 * tote_sdk_start() gave shuts down, another one only flushes. Blocks: at most timeout_ms.
 * Returns: what the shutdown, or the flush, does.
 */
TOTE_API tote_result tote_sdk_close(tote_sdk **sdk, uint32_t timeout_ms);

TOTE_API tote_sdk *tote_sdk_ref(tote_sdk *sdk);

/** The last one without a shutdown drops what waits, and does not block. */
TOTE_API void tote_sdk_unref(tote_sdk *sdk);

/**
 * TOTE_EXPORT_MODE_HOST_DRIVEN: a descriptor that gets readable when tote_sdk_poll() has work; the
 * same until the SDK is gone. It is an epoll instance: poll it, select it or add it to an epoll
 * instance of yours; read nothing from it, and do not close it. -1 in other modes, or with a
 * diagnostic if none is available. A forked child has one of its own: ask again.
 */
TOTE_API int tote_sdk_get_poll_fd(const tote_sdk *sdk);

/**
 * TOTE_EXPORT_MODE_HOST_DRIVEN: call tote_sdk_poll() after this many milliseconds at the latest;
 * -1: only when readable, or in other modes. Ask before each wait: it changes with what is under
 * way.
 */
TOTE_API int tote_sdk_get_poll_timeout_ms(const tote_sdk *sdk);

/**
 * TOTE_EXPORT_MODE_HOST_DRIVEN: do what can be done without waiting: encode, compress, send, read
 * answers. Once poll_budget_us have gone nothing more is begun, and the descriptor stays readable;
 * what was begun, at most one batch of spans, is brought to its end. Called too often it does
 * nothing. tote_sdk_force_flush() and tote_sdk_shutdown() do the same work, and wait, on the thread
 * that calls them. No thread is made, but by libcurl for each look-up of a name: tote_sdk_prepare()
 * looks it up beforehand, on the calling thread in this mode, for as long as the system's resolver
 * takes. An exporter of your own is called here, and holds the loop up for as long as it takes.
 * Threads: any; while one is at work another returns at once.
 */
TOTE_API void tote_sdk_poll(tote_sdk *sdk);

/**
 * In a forked child, which works without this call: make the worker now and not at the first span,
 * as before a lock-down. With `adopts_queue` this process also exports what waited in its parent's
 * queue: for daemon(3), or whatever else ends the parent without an export. The parent must not
 * export any more, and one child alone may do this, or spans arrive twice. What the parent had
 * open, or had handed to its exporter by then, stays its own: flush before the fork and nothing is.
 * In a process that was not forked since the start it does nothing. Returns: TOTE_RESULT_FAILURE
 * when no worker is available.
 */
TOTE_API tote_result tote_sdk_after_fork_child(tote_sdk *sdk, bool adopts_queue);

/**
 * Where the spans are. ended = exported + rejected + all dropped + queued + in_flight +
 * in_disk_queue, at every moment in which no thread is inside a call, else off by at most those
 * threads. A forked child counts from zero.
 */
typedef struct tote_stats {
    size_t struct_size;
    uint64_t started; /**< recording ones, also those that never end */
    uint64_t ended;   /**< sampled ones, once for each exporter they go to */
    uint64_t exported;
    /** Permanently rejected by the receiver: single spans, or a whole request */
    uint64_t rejected;
    uint64_t dropped_queue_full; /**< the exporter did not keep up */
    /** Over max_queue_bytes or the exporter's own limit, alone */
    uint64_t dropped_too_large;
    uint64_t dropped_retries_exhausted; /**< not delivered within the export timeout */
    uint64_t dropped_shutdown;          /**< ended after shutdown, or still there at its deadline */
    uint64_t dropped_out_of_memory;
    /**
     * In the disk queue, and the oldest there when it got too much, or too old; or it could not be
     * read again
     */
    uint64_t dropped_disk_queue_full;
    uint64_t queued;    /**< in the queue */
    uint64_t in_flight; /**< with the exporter */
    /** On disk; also those that another process has sent or removed from there since */
    uint64_t in_disk_queue;
    /** Of other processes and earlier runs, that were delivered from the disk queue; not in the sum
     */
    uint64_t recovered;
    /**
     * Not written down as they ended, although crash_safe is set: the file is full. Not in
     * the sum
     */
    uint64_t not_crash_safe;
    uint64_t open;        /**< recording spans that have not ended. Not in the sum */
    uint64_t never_ended; /**< recording spans released without tote_span_end(). Not in the sum */
    /** While no SDK was running, before this one. Not in the sum */
    uint64_t started_before_sdk;
    uint64_t started_after_shutdown; /**< not recorded, like the last one. Not in the sum */
} tote_stats;

#define TOTE_STATS_INIT                                                                            \
    { sizeof(tote_stats), 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * Fill `stats`, as far as its `struct_size` goes. Returns: false, and nothing written, without an
 * SDK.
 */
TOTE_API bool tote_sdk_get_stats(const tote_sdk *sdk, tote_stats *stats);

TOTE_END_DECLS

#define TOTE__OFF_SDK
#include "tote/disabled.h"

#endif
