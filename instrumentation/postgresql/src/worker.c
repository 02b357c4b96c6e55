/* SPDX-License-Identifier: MIT */
/*
 * worker.c - the background worker: it saves spans in the disk queue, and runs a sender for it
 *
 * The sender is the program tote-send, so that no code of the network is in a process of the
 * server. It has its own session, because the postmaster signals those of its processes. The last
 * one delivers the last spans after the server has stopped.
 *
 * SIGTERM ends a sender after the request in flight, which the receiver may have. Another one waits
 * for that.
 *
 * Spans are removed from the ring after they are in a file. If SIGKILL ends the worker in between,
 * they are sent twice.
 *
 * Tests: tests/hosts/postgresql/test_extension.sh
 */
#include "extension.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "libpq/pqsignal.h"
#include "miscadmin.h"
#include "pgstat.h"
#include "postmaster/bgworker.h"
#include "postmaster/interrupt.h"
#include "storage/ipc.h"
#include "storage/procarray.h"
#include "utils/guc.h"
#include "utils/memutils.h"
#include "utils/timestamp.h"

#include "ring.h"
#include "tote/internal/disk_queue.h"
#include "tote/internal/disk_queue_lock.h"
#include "tote/internal/request.h"

enum {
    BUFFER_BYTES = 1 << 20, /* of one batch */
    LAST_SPANS_MS = 10000,  /* how long the worker waits for backends at its end, as the server */
    LOOK_EVERY_MS = 20,
    FIRST_PAUSE_MS = 1000, /* after a failed delivery */
    MOST_PAUSE_MS = 60000,
    MOST_DESCRIPTORS = 65536,
    NOT_FOUND = 127 /* exit status */
};

static const struct tote__disk_queue_limits limits = TOTE__DISK_QUEUE_SENDER_LIMITS;

static struct {
    char path[MAXPGPATH]; /* of the disk queue */
    struct tote__disk_queue *queue;
    uint8_t *buffer;
} saved;

static struct {
    pid_t process;      /* 0: none */
    bool is_ending;     /* it has its signal: a second one would cut its request */
    bool is_wanted;     /* the queue may have batches */
    int pause_ms;       /* after a failure, else 0 */
    TimestampTz failed; /* when the last sender failed */
} sender;

/* Open the disk queue. After a failure the next call tries again. */
static bool open_queue(void) {
    if (!saved.queue) {
        saved.queue = tote__disk_queue_open_to_put(saved.path, &limits);
        if (saved.queue) {
            tote__disk_queue_set_sync(saved.queue, false);
        }
    }
    return saved.queue != NULL;
}

/* Put a request into the queue. Spans of one resource and scope are joined. */
static bool put(struct tote__slice request, uint32_t span_count) {
    struct tote__request_spans *spans = tote__request_read(request);
    struct tote__buffer joined = {NULL, 0, 0};
    size_t count = 0;

    const tote_span_data *const *all = spans ? tote__request_spans_get(spans, &count) : NULL;
    bool is_joined = all && tote__request_of_spans(&joined, all, count);
    const struct tote__batch batch = {
        .message = is_joined ? tote__buffer_slice(&joined) : request,
        .span_count = span_count,
        .is_own = true,
    };
    bool is_put = tote__disk_queue_put(saved.queue, &batch);
    tote__buffer_clear(&joined);
    tote__request_spans_free(spans);
    return is_put;
}

/*
 * Save a part of the spans. SIGQUIT, which ends the worker after a crash of a backend, waits until
 * the spans are in one place.
 */
static bool save_some(size_t size, uint32_t span_count, uint64_t end) {
    sigset_t quit;
    sigset_t before;

    sigemptyset(&quit);
    sigaddset(&quit, SIGQUIT);
    sigprocmask(SIG_BLOCK, &quit, &before);
    bool is_saved = put((struct tote__slice){saved.buffer, size}, span_count);
    if (is_saved) {
        ring_remove(span_count, end);
        sender.is_wanted = true;
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    return is_saved;
}

/* Save all spans. What cannot be saved stays in the ring. */
static void save(void) {
    bool is_saved = true;
    uint32_t span_count;
    uint64_t end;

    for (size_t size;
         is_saved && (size = ring_read(saved.buffer, BUFFER_BYTES, &span_count, &end));) {
        is_saved = open_queue() && save_some(size, span_count, end);
    }
}

/* Replace variables of the sender by settings. The worker keeps its environment. */
static void set_variables(void) {
    static const struct {
        const char *name;
        const char *specific; /* overrides it */
        char **setting;
    } variables[] = {
        {"OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", &tote_endpoint},
        {"OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", &tote_headers},
    };

    for (size_t i = 0; i < lengthof(variables); i++) {
        if (**variables[i].setting) {
            setenv(variables[i].name, *variables[i].setting, 1);
            unsetenv(variables[i].specific);
        }
    }
}

/*
 * Become the sender, with no descriptor, signal mask or ignored signal of the server. It ends with
 * the worker, unless it is the last one: a server that restarts after a crash has another one.
 */
static void become_sender(pid_t worker, bool is_last) {
    char *const arguments[] = {"tote-send", "send", "--background", "--linger", "5s",
                               "--timeout", "10s",  "--",           saved.path, NULL};
    const struct sigaction normal = {.sa_handler = SIG_DFL};
    sigset_t none;

    if (!is_last && (prctl(PR_SET_PDEATHSIG, SIGTERM) != 0 || getppid() != worker)) {
        _exit(EXIT_FAILURE);
    }
    setsid();
    for (int i = 1; i < NSIG; i++) {
        sigaction(i, &normal, NULL);
    }
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    int nothing = open("/dev/null", O_RDWR);
    for (int i = STDIN_FILENO; i <= STDERR_FILENO; i++) {
        dup2(nothing, i);
    }
    if (close_range(STDERR_FILENO + 1, ~0U, 0) != 0) { /* before Linux 5.9 */
        for (int i = STDERR_FILENO + 1; i < Min(getdtablesize(), MOST_DESCRIPTORS); i++) {
            close(i);
        }
    }
    set_variables();
    execv(tote_sender, arguments);
    _exit(NOT_FOUND);
}

/* A signal to the sender waits until the handlers of the server are gone. */
static void start_sender(bool is_last) {
    pid_t worker = getpid();
    sigset_t all;
    sigset_t before;

    sigfillset(&all);
    sigprocmask(SIG_BLOCK, &all, &before);
    pid_t process = fork();
    if (process == 0) {
        become_sender(worker, is_last);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (process > 0) {
        sender.process = process;
        sender.is_ending = false;
        sender.is_wanted = false;
    }
}

/* Report why a sender failed: it has written that into a file of the queue. */
static void report_failure(int status) {
    char path[MAXPGPATH + sizeof TOTE__DISK_QUEUE_SENDER_NAME];
    char line[1024] = "";
    int text = 0;

    if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_FOUND) {
        ereport(LOG, errmsg("tote: spans stay in \"%s\": could not run \"%s\"", saved.path,
                            tote_sender));
        return;
    }
    snprintf(path, sizeof path, "%s/%s", saved.path, TOTE__DISK_QUEUE_SENDER_NAME);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t size = file >= 0 ? read(file, line, sizeof line - 1) : -1;
    if (file >= 0) {
        close(file);
    }
    line[size > 0 ? size : 0] = '\0';
    line[strcspn(line, "\n")] = '\0';
    if (sscanf(line, "%*u %*u %n", &text) == 0 && line[text]) {
        ereport(LOG, errmsg("tote: spans stay in \"%s\": %s", saved.path, line + text));
    }
}

/* Look whether the sender has ended. */
static void watch_sender(void) {
    int status = 0;

    if (!sender.process || waitpid(sender.process, &status, WNOHANG) != sender.process) {
        return;
    }
    sender.process = 0;
    if (status == 0) {
        sender.pause_ms = 0;
        return;
    }
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM) { /* after a reload: not a failure */
        sender.is_wanted = true;
        return;
    }
    if (!sender.pause_ms) { /* the first failure in a row */
        report_failure(status);
    }
    sender.is_wanted = true;
    sender.failed = GetCurrentTimestamp();
    sender.pause_ms = Min(Max(2 * sender.pause_ms, FIRST_PAUSE_MS), MOST_PAUSE_MS);
}

static void run_sender(void) {
    watch_sender();
    if (sender.process || !sender.is_wanted || !*tote_sender) {
        return;
    }
    if (!sender.pause_ms ||
        TimestampDifferenceExceeds(sender.failed, GetCurrentTimestamp(), sender.pause_ms)) {
        start_sender(false);
    }
}

/* Apply changed settings: another sender uses them. */
static void reload(void) {
    ConfigReloadPending = false;
    ProcessConfigFile(PGC_SIGHUP);
    sender.pause_ms = 0;
    if (sender.process && !sender.is_ending) {
        kill(sender.process, SIGTERM);
        sender.is_ending = true;
        sender.is_wanted = true;
    }
}

/*
 * Save the spans that backends write while they end, and leave them to a last sender. The one that
 * runs gets its signal when the worker ends.
 */
static void save_last(void) {
    TimestampTz begin = GetCurrentTimestamp();

    save();
    while (CountDBConnections(InvalidOid) > 0 &&
           !TimestampDifferenceExceeds(begin, GetCurrentTimestamp(), LAST_SPANS_MS)) {
        pg_usleep(LOOK_EVERY_MS * 1000);
        save();
    }
    save();
    if ((sender.process || sender.is_wanted) && *tote_sender) {
        start_sender(true);
    }
}

/* The sender may have ended. */
static void handle_child(SIGNAL_ARGS) {
    int error = errno;

    (void)postgres_signal_arg;
    SetLatch(MyLatch);
    errno = error;
}

static void set_latch(Latch *latch) {
    LWLockAcquire(ring_lock, LW_EXCLUSIVE);
    shared->worker = latch;
    LWLockRelease(ring_lock);
}

static void forget_latch(int code, Datum argument) {
    (void)code, (void)argument;
    set_latch(NULL);
}

void tote_postgresql_worker(Datum argument) {
    bool is_ending = false;

    (void)argument;
    pqsignal(SIGHUP, SignalHandlerForConfigReload);
    pqsignal(SIGTERM, SignalHandlerForShutdownRequest);
    pqsignal(SIGCHLD, handle_child);
    BackgroundWorkerUnblockSignals();
    if (is_absolute_path(tote_queue_directory)) {
        strlcpy(saved.path, tote_queue_directory, sizeof saved.path);
    } else {
        snprintf(saved.path, sizeof saved.path, "%s/%s", DataDir, tote_queue_directory);
    }
    saved.buffer = MemoryContextAlloc(TopMemoryContext, BUFFER_BYTES);
    before_shmem_exit(forget_latch, (Datum)0);
    set_latch(MyLatch);
    sender.is_wanted = open_queue(); /* of the time before */
    while (!is_ending) {
        int events = WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_POSTMASTER_DEATH,
                               tote_export_interval, PG_WAIT_EXTENSION);
        ResetLatch(MyLatch);
        if (ConfigReloadPending) {
            reload();
        }
        is_ending = ShutdownRequestPending || (events & WL_POSTMASTER_DEATH);
        if (is_ending) {
            save_last();
        } else {
            save();
            run_sender();
        }
    }
    proc_exit(0);
}
