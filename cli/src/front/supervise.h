/* SPDX-License-Identifier: MIT */
/*
 * supervise.h - run a command as if it had been started without tote
 */
#ifndef TOTE_CLI_SUPERVISE_H
#define TOTE_CLI_SUPERVISE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

enum {
    SUPERVISE_TIMED_OUT = 124, /* exit statuses, as those of timeout(1), env(1) and shells */
    SUPERVISE_OWN_FAILURE = 125,
    SUPERVISE_NOT_EXECUTABLE = 126,
    SUPERVISE_NOT_FOUND = 127,
    SUPERVISE_SIGNAL = 128 /* plus the number of the signal */
};

struct supervise_options {
    char *const *argv;        /* argv[0] is searched in PATH */
    char *const *environment; /* NULL: that of this process */
    uint64_t timeout_ns;      /* then the command gets SIGTERM; 0: never */
    uint64_t kill_after_ns;   /* this long after a SIGTERM it gets SIGKILL; 0: never */
};

struct supervise {
    pid_t pid;         /* of the command; 0: it was not started */
    int error;         /* errno, if it was not started */
    int exit_code;     /* of the command; 0 if a signal killed it */
    int signal;        /* that killed it; 0: none */
    bool is_timed_out; /* the timeout ended it */
    int status;        /* the exit status of tote */

    /* private */
    bool is_from_terminal; /* the signal was sent to this process too, by the terminal */
};

/*
 * Start the command. It inherits descriptors, and the dispositions and the mask of signals; SIGCHLD
 * is always SIG_DFL. Stores the result for a command that cannot be started, except the report, and
 * then returns false.
 *
 * From here to supervise_wait() this process blocks the signals that it forwards, and needs to be
 * single-threaded.
 */
bool supervise_start(struct supervise *supervise, const struct supervise_options *options);

/*
 * Wait for the end of the command, and forward signals to it. A signal of the terminal is not
 * forwarded: the terminal sends it to every process of the foreground group. If the command stops,
 * this process stops too. Stores the result, and restores the mask of signals.
 *
 * Process 1 also reaps all other children.
 */
void supervise_wait(struct supervise *supervise, const struct supervise_options *options);

/*
 * Describe in a few words what was wrong, for a report, and as an `error.type`: the name of an
 * error or signal, `timeout`, or the exit status. Return NULL if the command exited with 0.
 */
const char *supervise_problem(const struct supervise *supervise, char *text, size_t size);
const char *supervise_error_type(const struct supervise *supervise, char *text, size_t size);

/*
 * Return the exit status. Does not return if a key of the terminal, such as Ctrl-C, killed the
 * command: this process then ends by the same signal, so that loops in shells end too.
 */
int supervise_end(const struct supervise *supervise);

/* Store the path that a search in PATH finds, as execvp(3) does. Returns false if there is none. */
bool supervise_find(const char *name, char *path, size_t size);

#endif
