/* SPDX-License-Identifier: MIT */
/*
 * extension.c - a PostgreSQL extension: settings, start, and SQL functions
 *
 * Tests: tests/hosts/postgresql/test_extension.sh
 */
#include "extension.h"

#include <dlfcn.h>

#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "postmaster/bgworker.h"
#include "storage/ipc.h"
#include "storage/shmem.h"
#include "utils/guc.h"

#include "ring.h"

EXPORTED const Pg_magic_struct *Pg_magic_func(void);
PG_MODULE_MAGIC;

EXPORTED const Pg_finfo_record *pg_finfo_tote_stats(void);
EXPORTED Datum tote_stats(PG_FUNCTION_ARGS);
EXPORTED void _PG_init(void);

enum { DEFAULT_BUFFER_KB = 4096, LEAST_BUFFER_KB = 1024, MOST_BUFFER_KB = 1 << 20 };

bool tote_enabled;
double tote_sample_rate;
char *tote_traceparent;
char *tote_tracestate;
bool tote_query_text;
int tote_max_nested_spans;
char *tote_service_name;
int tote_buffer_size;
char *tote_queue_directory;
int tote_export_interval;
char *tote_endpoint;
char *tote_headers;
char *tote_sender;

struct shared *shared;
LWLock *ring_lock;

static const char *const lock_name = "tote";
static shmem_request_hook_type next_request;
static shmem_startup_hook_type next_startup;

static void define_strings(void) {
    static const struct {
        const char *name;
        const char *description;
        char **value;
        const char *initial;
        GucContext context;
        int flags;
    } strings[] = {
        {"tote.traceparent", "Context of the client, for statements without a comment.",
         &tote_traceparent, "", PGC_USERSET, 0},
        {"tote.tracestate", "The tracestate that belongs to tote.traceparent.", &tote_tracestate,
         "", PGC_USERSET, 0},
        {"tote.service_name", "The service name. Default: OTEL_SERVICE_NAME, else postgresql.",
         &tote_service_name, "", PGC_POSTMASTER, 0},
        {"tote.queue_directory", "Directory of the disk queue, relative to the data directory.",
         &tote_queue_directory, "tote", PGC_POSTMASTER, GUC_SUPERUSER_ONLY},
        {"tote.endpoint", "Endpoint of the receiver. Default: OTEL_EXPORTER_OTLP_ENDPOINT.",
         &tote_endpoint, "", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
        {"tote.headers", "Headers of requests. Default: OTEL_EXPORTER_OTLP_HEADERS.", &tote_headers,
         "", PGC_SIGHUP, GUC_SUPERUSER_ONLY},
        {"tote.sender", "The program that sends the disk queue; empty: none.", &tote_sender,
         TOTE_SENDER, PGC_POSTMASTER, GUC_SUPERUSER_ONLY},
    };

    for (size_t i = 0; i < lengthof(strings); i++) {
        DefineCustomStringVariable(strings[i].name, strings[i].description, NULL, strings[i].value,
                                   strings[i].initial, strings[i].context, strings[i].flags, NULL,
                                   NULL, NULL);
    }
}

static void define_settings(void) {
    define_strings();
    DefineCustomBoolVariable("tote.enabled", "Record spans of statements.", NULL, &tote_enabled,
                             true, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomRealVariable("tote.sample_rate",
                             "Part of the statements without a context that are recorded.", NULL,
                             &tote_sample_rate, 0, 0, 1, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomBoolVariable("tote.query_text", "Record the text of statements without literals.",
                             NULL, &tote_query_text, true, PGC_SUSET, 0, NULL, NULL, NULL);
    DefineCustomIntVariable("tote.max_nested_spans", "Spans below that of a statement of a client.",
                            NULL, &tote_max_nested_spans, 256, 0, INT_MAX, PGC_SUSET, 0, NULL, NULL,
                            NULL);
    DefineCustomIntVariable("tote.buffer_size", "Shared memory for spans that are not saved yet.",
                            NULL, &tote_buffer_size, DEFAULT_BUFFER_KB, LEAST_BUFFER_KB,
                            MOST_BUFFER_KB, PGC_POSTMASTER, GUC_UNIT_KB, NULL, NULL, NULL);
    DefineCustomIntVariable("tote.export_interval", "Time between two exports.", NULL,
                            &tote_export_interval, 1000, 10, 600000, PGC_SIGHUP, GUC_UNIT_MS, NULL,
                            NULL, NULL);
    MarkGUCPrefixReserved("tote");
}

static Size shared_size(void) {
    return add_size(offsetof(struct shared, leaders),
                    mul_size(sizeof(struct leader_context), (Size)MaxBackends));
}

static void request_memory(void) {
    if (next_request) {
        next_request();
    }
    RequestAddinShmemSpace(shared_size());
    RequestNamedLWLockTranche(lock_name, 1);
}

/* Called again after a crash of a backend, with new memory. */
static void initialize_memory(void) {
    bool is_found;

    if (next_startup) {
        next_startup();
    }
    LWLockAcquire(AddinShmemInitLock, LW_EXCLUSIVE);
    shared = ShmemInitStruct(lock_name, shared_size(), &is_found);
    if (!is_found) {
        memset(shared, 0, shared_size());
        shared->leader_count = MaxBackends;
    }
    ring_lock = &GetNamedLWLockTranche(lock_name)->lock;
    LWLockRelease(AddinShmemInitLock);
}

/*
 * The worker has the file that the server has loaded, which need not be in dynamic_library_path. If
 * its path does not fit, the server looks for the name.
 */
static void register_worker(void) {
    BackgroundWorker worker;
    Dl_info file;
    bool is_known = dladdr((void *)(uintptr_t)&register_worker, &file) &&
                    strlen(file.dli_fname) < sizeof worker.bgw_library_name;

    memset(&worker, 0, sizeof worker);
    snprintf(worker.bgw_name, BGW_MAXLEN, "tote exporter");
    snprintf(worker.bgw_type, BGW_MAXLEN, "tote exporter");
    snprintf(worker.bgw_library_name, sizeof worker.bgw_library_name, "%s",
             is_known ? file.dli_fname : "tote_postgresql");
    snprintf(worker.bgw_function_name, BGW_MAXLEN, "tote_postgresql_worker");
    worker.bgw_flags = BGWORKER_SHMEM_ACCESS;
    worker.bgw_start_time = BgWorkerStart_PostmasterStart;
    worker.bgw_restart_time = 1;
    RegisterBackgroundWorker(&worker);
}

void _PG_init(void) {
    if (!process_shared_preload_libraries_in_progress) {
        return; /* SQL functions report it */
    }
    define_settings();
    if (IsBinaryUpgrade) {
        return;
    }
    if (!ring_create((size_t)tote_buffer_size * 1024) || !recorder_start()) {
        ereport(WARNING, errmsg("tote: no spans are recorded: out of memory"));
        return;
    }
    next_request = shmem_request_hook;
    shmem_request_hook = request_memory;
    next_startup = shmem_startup_hook;
    shmem_startup_hook = initialize_memory;
    statement_install();
    register_worker();
}

PG_FUNCTION_INFO_V1(tote_stats);
Datum tote_stats(PG_FUNCTION_ARGS) {
    TupleDesc description;
    bool nulls[5] = {false};

    if (!shared) {
        ereport(ERROR, errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
                errmsg("tote_postgresql must be loaded via shared_preload_libraries"));
    }
    if (get_call_result_type(fcinfo, NULL, &description) != TYPEFUNC_COMPOSITE) {
        elog(ERROR, "return type must be a row type");
    }
    const struct ring_counts counts = ring_get_counts();
    Datum values[5] = {
        Int64GetDatum((int64)counts.written), Int64GetDatum((int64)counts.dropped),
        Int64GetDatum((int64)counts.read),    Int64GetDatum((int64)counts.size),
        Int64GetDatum((int64)counts.used),
    };
    PG_RETURN_DATUM(HeapTupleGetDatum(heap_form_tuple(description, values, nulls)));
}
