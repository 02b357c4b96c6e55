/* SPDX-License-Identifier: MIT */
/*
 * run.c - tote run and tote test: a command under a viewer of its own
 *
 * The viewer is a child process, tote-view with the same command line. See run_options.h for the
 * socket between the two.
 *
 * Tests: tests/cli/test_run.sh, tests/cli/test_test.sh
 */
#include "run.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "cli_os.h"
#include "helper.h"
#include "run_environment.h"
#include "run_options.h"
#include "sender.h"
#include "supervise.h"
#include "tote/internal/api_os.h"
#include "tote/internal/os.h"

enum { MOST_PAUSES = 200, PAUSE_MS = 10 };

struct viewer {
    const struct program_command *command;
    pid_t process;
    int control;
    char ready[RUN_LINE_BYTES]; /* the first line that it sent */
};

static bool spawn_viewer(struct viewer *viewer, char **argv, int control) {
    posix_spawn_file_actions_t actions;
    char path[PATH_MAX];

    if (!helper_path("tote-view", path)) {
        errno = ENAMETOOLONG;
        return false;
    }
    errno = posix_spawn_file_actions_init(&actions);
    if (errno) {
        return false;
    }
    if (!(errno =
              posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)) &&
        !(errno = posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO)) &&
        !(errno = posix_spawn_file_actions_adddup2(&actions, control, RUN_CONTROL))) {
        errno = posix_spawn(&viewer->process, path, &actions, NULL, argv, tote__environment());
    }
    int error = errno;
    posix_spawn_file_actions_destroy(&actions);
    errno = error;
    return !error;
}

/* Read the first line from the viewer. Returns false if the viewer ended. */
static bool read_ready(struct viewer *viewer) {
    size_t size = 0;

    while (size < sizeof viewer->ready - 1) {
        ssize_t more = read(viewer->control, viewer->ready + size, sizeof viewer->ready - 1 - size);
        if (more < 0 && errno == EINTR) {
            continue;
        }
        if (more <= 0) {
            return false;
        }
        size += (size_t)more;
        if (viewer->ready[size - 1] == '\n') {
            viewer->ready[size - 1] = '\0';
            return true;
        }
    }
    return false;
}

/* End the viewer. Returns its exit status. */
static int end_viewer(struct viewer *viewer) {
    int status;

    close(viewer->control);
    while (waitpid(viewer->process, &status, 0) < 0) {
        if (errno != EINTR) {
            return SUPERVISE_OWN_FAILURE;
        }
    }
    if (WIFSIGNALED(status)) {
        program_report(viewer->command, "signal %d ended the viewer", WTERMSIG(status));
        return SUPERVISE_OWN_FAILURE;
    }
    return WEXITSTATUS(status);
}

/* Start the viewer. Returns 0 when it is ready, or the exit status after an error. */
static int start_viewer(struct viewer *viewer, char **argv) {
    int ends[2];

    if (!os_stream_pair(ends)) {
        program_report(viewer->command, "cannot start the viewer: %s", strerror(errno));
        return SUPERVISE_OWN_FAILURE;
    }
    viewer->control = ends[0];
    bool is_spawned = spawn_viewer(viewer, argv, ends[1]);
    close(ends[1]);
    if (!is_spawned) {
        program_report(viewer->command, "cannot start the viewer: %s", strerror(errno));
        close(viewer->control);
        return SUPERVISE_OWN_FAILURE;
    }
    if (!read_ready(viewer)) {
        int status = end_viewer(viewer);
        return status ? status : SUPERVISE_OWN_FAILURE;
    }
    return 0;
}

/* Read what the viewer listens on from its first line. */
static bool read_viewer(struct viewer *viewer, struct run_viewer *result) {
    char *at = viewer->ready;

    result->port = (unsigned)strtoul(at, &at, 10);
    result->grpc_port = (unsigned)strtoul(at, &at, 10);
    result->queue = at + 1;
    return *at == ' ' && *result->queue;
}

/* Whether the directory was used. */
static bool has_file(const char *queue) {
    return rmdir(queue) != 0 || mkdir(queue, 0700) != 0;
}

/* Run tote send on the queue, for spans that the command began and did not end, too. */
static void run_sender(const char *queue) {
    const char *const argv[] = {"tote", "send", "--end-open", "--timeout", "5s", queue, NULL};
    posix_spawn_file_actions_t actions;
    char path[PATH_MAX];
    pid_t process;

    if (!helper_path("tote-send", path) || posix_spawn_file_actions_init(&actions) != 0) {
        return;
    }
    if (posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0) == 0 &&
        posix_spawn(&process, path, &actions, NULL, (char *const *)(uintptr_t)argv,
                    tote__environment()) == 0) {
        while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {
        }
    }
    posix_spawn_file_actions_destroy(&actions);
}

/* Deliver what is in the disk queue, also by the background sender, which may have batches. */
static void send_queue(const char *queue) {
    char problem[TOTE__FOLDER_PROBLEM_BYTES];
    struct tote__folder folder;

    if (!has_file(queue)) {
        return;
    }
    run_sender(queue);
    if (!tote__folder_open(queue, tote__os_user_id(), false, &folder, problem)) {
        return;
    }
    for (unsigned i = 0; i < MOST_PAUSES && sender_has_batch(&folder); i++) {
        tote__os_wait_readable(NULL, 0, PAUSE_MS);
    }
    tote__folder_close(&folder);
}

/* Report the status of the command to the viewer, which then displays or checks the traces. */
static void report_end(const struct viewer *viewer, int status) {
    char line[16];
    int length = snprintf(line, sizeof line, "%d\n", status);

    if (os_send(viewer->control, line, (size_t)length) != length) {
        program_report(viewer->command, "the viewer ended before the command");
    }
}

static bool has_ended(pid_t process) {
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)process, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid != 0;
}

/* Wait for Ctrl-C, or for the end of the viewer. */
static void wait_for_user(const struct viewer *viewer) {
    const struct sigaction action = {.sa_handler = os_keep_signal, .sa_flags = SA_RESTART};
    sigset_t signals;
    int signal;

    sigaction(SIGCHLD, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGHUP);
    sigaddset(&signals, SIGCHLD);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    if (!has_ended(viewer->process)) {
        program_report(viewer->command, "the command ended; the page stays until Ctrl-C");
        sigwait(&signals, &signal);
    }
}

/* Start the command with the preload objects, which are not for this program's other children. */
static bool start_command(struct supervise *supervise, const struct supervise_options *supervised,
                          const struct run_options *options) {
    const char *preloaded = getenv("LD_PRELOAD");
    char *before = preloaded ? strdup(preloaded) : NULL;

    if (!options->skips_preload && !run_environment_preload(supervised->argv[0])) {
        errno = ENOMEM;
    }
    bool is_started = supervise_start(supervise, supervised);
    if (before) {
        setenv("LD_PRELOAD", before, 1);
    } else {
        unsetenv("LD_PRELOAD");
    }
    free(before);
    return is_started;
}

/* Run the command. Returns whether it was started; its status is then in `supervise`. */
static void run_supervised(struct supervise *supervise, const struct run_options *options,
                           const struct program_command *command, char **argv) {
    const struct supervise_options supervised = {
        .argv = argv,
        .timeout_ns = options->timeout_ns,
        .kill_after_ns = options->kill_after_ns,
    };
    char text[128];

    if (start_command(supervise, &supervised, options)) {
        supervise_wait(supervise, &supervised);
    }
    bool is_ended = supervise->error || supervise->signal || supervise->is_timed_out;
    if (is_ended && !supervise->is_from_terminal) {
        program_report(command, supervise->error ? "cannot run '%s': %s" : "'%s': %s", argv[0],
                       supervise_problem(supervise, text, sizeof text));
    }
}

/* Return the exit status of tote, given that of the viewer. */
static int exit_status(const struct run_options *options, const struct supervise *supervise,
                       int viewed) {
    int wanted = (int)options->exit_status;

    if (options->is_test && supervise->status == wanted) {
        return viewed;
    }
    int status = supervise_end(supervise);
    return options->is_test && !status ? EXIT_FAILURE : status;
}

static int run_under_viewer(const struct run_options *options,
                            const struct program_command *command, char **viewer_argv,
                            char **argv) {
    struct viewer viewer = {.command = command};
    struct run_viewer listening;
    struct supervise supervise;

    helper_clear_preload(); /* of a tote run around this one */
    int status = start_viewer(&viewer, viewer_argv);

    if (status) {
        return status;
    }
    if (!read_viewer(&viewer, &listening) || !run_environment_set(&listening, argv[0])) {
        end_viewer(&viewer);
        program_report(command, "out of memory");
        return SUPERVISE_OWN_FAILURE;
    }
    if (options->is_web) {
        program_report(command, "the traces are at http://127.0.0.1:%u/", listening.port);
    }
    run_supervised(&supervise, options, command, argv);
    send_queue(listening.queue);
    report_end(&viewer, supervise.status);
    if (options->is_web && supervise.pid) {
        wait_for_user(&viewer);
    }
    return exit_status(options, &supervise, end_viewer(&viewer));
}

int run_command(int argc, char **argv) {
    struct run_options options;
    struct program_command command;
    int status;
    int first = run_options_parse(&options, &command, argc, argv, &status);

    if (first < 0) {
        return status;
    }
    if (options.file) {
        return helper_run("tote-view", argv - 1);
    }
    if (first == argc) {
        return program_usage_error(&command, "the command to run is missing");
    }
    return run_under_viewer(&options, &command, argv - 1, argv + first);
}
