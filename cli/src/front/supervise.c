/* SPDX-License-Identifier: MIT */
/*
 * supervise.c - run a command as if it had been started without tote
 *
 * All signals of interest are blocked and read one by one: no handler is called. The command gets
 * the mask that this process inherited.
 *
 * Tests: tests/cli/test_exec.sh
 */
#include "supervise.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <paths.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_os.h"
#include "tote/internal/api_os.h"
#include "tote/internal/clock.h"

enum { INIT_PROCESS = 1 };

static const int forwarded[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH};
static const int stopping[] = {SIGTSTP, SIGTTIN, SIGTTOU};

static sigset_t inherited_mask;
static struct sigaction inherited_child_action;
static struct sigaction inherited_size_action;

static bool is_one_of(int signal, const int *signals, size_t count) {
    while (count && signals[count - 1] != signal) {
        count--;
    }
    return count;
}

#define IS_ONE_OF(signal, signals) is_one_of(signal, signals, sizeof(signals) / sizeof *(signals))

static sigset_t watched_signals(void) {
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGCHLD);
    sigaddset(&set, SIGCONT);
    for (size_t i = 0; i < sizeof forwarded / sizeof *forwarded; i++) {
        sigaddset(&set, forwarded[i]);
    }
    for (size_t i = 0; i < sizeof stopping / sizeof *stopping; i++) {
        sigaddset(&set, stopping[i]);
    }
    return set;
}

/*
 * Block the signals. The status of a child is lost while SIGCHLD is ignored. POSIX leaves open
 * whether an ignored SIGCHLD is inherited by exec, so that commands cannot rely on it.
 */
static void begin_signals(void) {
    sigset_t watched = watched_signals();
    struct sigaction action = {.sa_handler = os_keep_signal, .sa_flags = SA_RESTART};

    sigprocmask(SIG_BLOCK, &watched, &inherited_mask);
    sigaction(SIGCHLD, &action, &inherited_child_action);
    sigaction(SIGWINCH, &action, &inherited_size_action);
}

static bool is_from_process(const siginfo_t *info) {
    return info->si_code <= 0;
}

/*
 * Discard signals that were not read before the end of the command, and restore the mask. Returns
 * whether the terminal had sent `signal`.
 */
static bool end_signals(int signal) {
    sigset_t watched = watched_signals();
    bool was_sent = false;
    siginfo_t info;

    while (os_signals_wait(&watched, 0, &info) > 0) {
        was_sent |= info.si_signo == signal && !is_from_process(&info);
    }
    sigaction(SIGCHLD, &inherited_child_action, NULL);
    sigaction(SIGWINCH, &inherited_size_action, NULL);
    sigprocmask(SIG_SETMASK, &inherited_mask, NULL);
    return was_sent;
}

static bool is_program(const char *path) {
    struct stat status;

    return stat(path, &status) == 0 && S_ISREG(status.st_mode) && access(path, X_OK) == 0;
}

bool supervise_find(const char *name, char *path, size_t size) {
    const char *folders = getenv("PATH");

    if (strchr(name, '/')) {
        return (size_t)snprintf(path, size, "%s", name) < size && is_program(path);
    }
    for (const char *next = folders ? folders : _PATH_DEFPATH; next;) {
        size_t length = strcspn(next, ":");
        int written = snprintf(path, size, "%.*s%s%s", (int)length, next, length ? "/" : "", name);
        if (*name && (size_t)written < size && is_program(path)) {
            return true;
        }
        next = next[length] ? next + length + 1 : NULL;
    }
    return false;
}

/* Run a script without a first line `#!`, as shells and execvp(3) do. */
static int spawn_script(pid_t *pid, const posix_spawnattr_t *attributes, char *const *argv,
                        char *const *environment) {
    char path[PATH_MAX];
    size_t count = 1;

    while (argv[count]) {
        count++;
    }
    char **arguments = calloc(count + 2, sizeof *arguments);
    if (!arguments || !supervise_find(argv[0], path, sizeof path)) {
        free(arguments);
        return arguments ? ENOEXEC : ENOMEM;
    }
    arguments[0] = (char *)_PATH_BSHELL;
    arguments[1] = path;
    memcpy(arguments + 2, argv + 1, (count - 1) * sizeof *arguments);
    int error = posix_spawn(pid, _PATH_BSHELL, NULL, attributes, arguments, environment);
    free(arguments);
    return error;
}

static int spawn(pid_t *pid, char *const *argv, char *const *environment) {
    posix_spawnattr_t attributes;
    int error = posix_spawnattr_init(&attributes);

    if (error) {
        return error;
    }
    posix_spawnattr_setsigmask(&attributes, &inherited_mask);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    error = posix_spawnp(pid, argv[0], NULL, &attributes, argv, environment);
    if (error == ENOEXEC) {
        error = spawn_script(pid, &attributes, argv, environment);
    }
    posix_spawnattr_destroy(&attributes);
    return error;
}

bool supervise_start(struct supervise *supervise, const struct supervise_options *options) {
    *supervise = (struct supervise){.pid = 0};
    begin_signals();
    supervise->error = spawn(&supervise->pid, options->argv,
                             options->environment ? options->environment : tote__environment());
    if (supervise->error) {
        supervise->pid = 0;
        supervise->status =
            supervise->error == ENOENT ? SUPERVISE_NOT_FOUND : SUPERVISE_NOT_EXECUTABLE;
        end_signals(0);
        return false;
    }
    return true;
}

static bool is_in_foreground(void) {
    int terminal = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC | O_NONBLOCK);
    bool is = terminal >= 0 && tcgetpgrp(terminal) == getpgrp();

    if (terminal >= 0) {
        close(terminal);
    }
    return is;
}

/*
 * Stop this process as the command has stopped, so that the shell gets the terminal back. Returns
 * when a SIGCONT was sent; it is pending, and is forwarded. In an orphaned process group there is
 * no shell, and the kernel ignores the signal.
 */
static void stop(int signal) {
    int sent = IS_ONE_OF(signal, stopping) ? signal : SIGTSTP;
    sigset_t set;

    raise(sent);
    sigemptyset(&set);
    sigaddset(&set, sent);
    sigprocmask(SIG_UNBLOCK, &set, NULL);
    sigprocmask(SIG_BLOCK, &set, NULL);
}

/* The state of supervise_wait(). */
struct wait {
    struct supervise *supervise;
    uint64_t kill_after_ns;
    uint64_t terminate_at; /* a deadline */
    uint64_t kill_at;
    bool wants_stop; /* this process was asked to stop */
    int from_terminal;
};

static uint64_t after(uint64_t ns) {
    return ns ? tote__clock_monotonic() + ns : TOTE__NEVER;
}

static void send_signal(struct wait *wait, int signal) {
    kill(wait->supervise->pid, signal);
    if (signal == SIGTERM && wait->kill_at == TOTE__NEVER) {
        wait->kill_at = after(wait->kill_after_ns);
    }
}

/* Send the signals that are due. A stopped command gets them when it continues. */
static void send_due(struct wait *wait) {
    uint64_t time = tote__clock_monotonic();

    if (wait->terminate_at <= time) {
        wait->terminate_at = TOTE__NEVER;
        wait->supervise->is_timed_out = true;
        send_signal(wait, SIGTERM);
        send_signal(wait, SIGCONT);
    }
    if (wait->kill_at <= time) {
        wait->kill_at = TOTE__NEVER;
        wait->kill_after_ns = 0;
        send_signal(wait, SIGKILL);
    }
}

static void handle_signal(struct wait *wait, const siginfo_t *info) {
    if (IS_ONE_OF(info->si_signo, stopping)) {
        wait->wants_stop = true;
    }
    if (info->si_signo == SIGCONT) {
        wait->wants_stop = false;
    }
    if (!is_from_process(info)) {
        wait->from_terminal = info->si_signo;
    } else if (info->si_pid != wait->supervise->pid) {
        send_signal(wait, info->si_signo);
    }
}

/* Take what became of the command. Returns true if it has ended. */
static bool read_children(struct wait *wait) {
    struct supervise *supervise = wait->supervise;
    pid_t pid;
    int status;

    while ((pid = waitpid(getpid() == INIT_PROCESS ? -1 : supervise->pid, &status,
                          WNOHANG | WUNTRACED)) > 0) {
        if (pid != supervise->pid) {
            continue;
        }
        if (WIFSTOPPED(status)) {
            if (wait->wants_stop || is_in_foreground()) {
                wait->wants_stop = false;
                stop(WSTOPSIG(status));
            }
            continue;
        }
        supervise->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
        supervise->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 0;
        return true;
    }
    return pid < 0 && errno == ECHILD;
}

static uint64_t remaining_ns(const struct wait *wait) {
    uint64_t due = wait->terminate_at < wait->kill_at ? wait->terminate_at : wait->kill_at;
    uint64_t time = tote__clock_monotonic();

    return due == TOTE__NEVER ? TOTE__NEVER : due > time ? due - time : 0;
}

void supervise_wait(struct supervise *supervise, const struct supervise_options *options) {
    struct wait wait = {
        .supervise = supervise,
        .kill_after_ns = options->kill_after_ns,
        .terminate_at = after(options->timeout_ns),
        .kill_at = TOTE__NEVER,
    };
    sigset_t watched = watched_signals();

    while (!read_children(&wait)) {
        siginfo_t info;
        int signal = os_signals_wait(&watched, remaining_ns(&wait), &info);
        if (signal && signal != SIGCHLD) {
            handle_signal(&wait, &info);
        }
        send_due(&wait);
    }
    bool was_sent = end_signals(supervise->signal);
    supervise->is_from_terminal =
        supervise->signal && (was_sent || supervise->signal == wait.from_terminal);
    supervise->status = supervise->is_timed_out && supervise->signal != SIGKILL
                            ? SUPERVISE_TIMED_OUT
                        : supervise->signal ? SUPERVISE_SIGNAL + supervise->signal
                                            : supervise->exit_code;
}

/* Store the name of a signal, such as SIGTERM. */
static void name_signal(int signal, char *text, size_t size) {
    const char *name = os_signal_name(signal);

    if (name) {
        snprintf(text, size, "SIG%s", name);
    } else {
        snprintf(text, size, "SIGRTMIN+%d", signal - SIGRTMIN);
    }
}

const char *supervise_error_type(const struct supervise *supervise, char *text, size_t size) {
    if (supervise->error) {
        const char *name = os_error_name(supervise->error);
        snprintf(text, size, "%s", name ? name : "_OTHER");
    } else if (supervise->is_timed_out) {
        snprintf(text, size, "timeout");
    } else if (supervise->signal) {
        name_signal(supervise->signal, text, size);
    } else if (supervise->exit_code) {
        snprintf(text, size, "%d", supervise->exit_code);
    } else {
        return NULL;
    }
    return text;
}

const char *supervise_problem(const struct supervise *supervise, char *text, size_t size) {
    char name[32];

    if (supervise->error) {
        snprintf(text, size, "%s", strerror(supervise->error));
    } else if (supervise->is_timed_out) {
        snprintf(text, size, "timed out");
    } else if (supervise->signal) {
        name_signal(supervise->signal, name, sizeof name);
        snprintf(text, size, "killed by %s", name);
    } else if (supervise->exit_code) {
        snprintf(text, size, "exit status %d", supervise->exit_code);
    } else {
        return NULL;
    }
    return text;
}

int supervise_end(const struct supervise *supervise) {
    if (supervise->is_from_terminal) {
        const struct rlimit no_core = {0, 0};
        sigset_t set;
        setrlimit(RLIMIT_CORE, &no_core); /* the command has written its own */
        signal(supervise->signal, SIG_DFL);
        sigemptyset(&set);
        sigaddset(&set, supervise->signal);
        sigprocmask(SIG_UNBLOCK, &set, NULL);
        raise(supervise->signal);
    }
    return supervise->status;
}
