/* SPDX-License-Identifier: MIT */
/*
 * cli_os_posix.c - what the program tote needs from a POSIX system without a file of its own
 *
 * It uses POSIX.1-2008 alone. A port starts with a copy of this file.
 *
 * Tests: tests/cli/test_run.sh, tests/cli/test_span.sh
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "cli_os.h"
#include "tote/internal/clock.h"
#include "tote/internal/write_signals.h"

static char program[PATH_MAX];

/* Find argv[0] as the shell has: in PATH, unless it has a slash. */
void os_note_program(const char *argument) {
    const char *folder = getenv("PATH");
    char path[PATH_MAX];

    if (argument && strchr(argument, '/')) {
        if (!realpath(argument, program)) {
            program[0] = '\0';
        }
        return;
    }
    while (argument && folder && *folder && !*program) {
        int length = (int)strcspn(folder, ":");
        snprintf(path, sizeof path, "%.*s%s%s", length, folder, length ? "/" : "", argument);
        if (access(path, X_OK) != 0 || !realpath(path, program)) {
            program[0] = '\0';
        }
        folder += length + (folder[length] == ':');
    }
}

bool os_program_path(char *path, size_t size) {
    size_t length = strlen(program);

    if (!length || length >= size) {
        errno = ENOENT;
        return false;
    }
    memcpy(path, program, length + 1);
    return true;
}

/* Objects are preloaded into no program: its format is not known. */
bool os_loads_alike(const char *path) {
    (void)path;
    return false;
}

/* Another thread may call exec() before the flags are set: POSIX cannot prevent that. */
static bool set_flags(int descriptor, bool is_nonblocking) {
    return fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 &&
           (!is_nonblocking || fcntl(descriptor, F_SETFL, O_NONBLOCK) == 0);
}

bool os_pipe(int ends[2]) {
    return pipe(ends) == 0 && set_flags(ends[0], true) && set_flags(ends[1], true);
}

int os_tcp_socket(void) {
    int made = socket(AF_INET, SOCK_STREAM, 0);

    return made >= 0 && set_flags(made, true) ? made : -1;
}

int os_accept(int listener) {
    int accepted = accept(listener, NULL, NULL);

    return accepted >= 0 && set_flags(accepted, true) ? accepted : -1;
}

bool os_stream_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0 && set_flags(ends[0], false) &&
           set_flags(ends[1], false);
}

ssize_t os_send(int socket, const void *bytes, size_t size) {
    struct tote__held_signals signals;

    tote__hold_write_signals(&signals);
    ssize_t sent = send(socket, bytes, size, 0);
    tote__release_write_signals(&signals);
    return sent;
}

void os_close_on_exec_from(int first) {
    long most = sysconf(_SC_OPEN_MAX);

    for (int i = first; i < (most > 0 && most < 65536 ? most : 65536); i++) {
        fcntl(i, F_SETFD, FD_CLOEXEC);
    }
}

/*
 * Signals go through a pipe: a thread takes them, and writes their numbers. They stay blocked in
 * all threads. One set of signals at a time.
 */
static struct {
    sigset_t set;
    int ends[2];
    pthread_t thread;
    struct sigaction inherited; /* for SIGWINCH */
} taken;

static void *take_signals(void *arg) {
    int number = 0;

    (void)arg;
    for (;;) {
        if (sigwait(&taken.set, &number) == 0) {
            const unsigned char byte = (unsigned char)number;
            (void)!write(taken.ends[1], &byte, 1); /* a full pipe is readable, too */
        }
    }
    return NULL;
}

int os_signals_open(const sigset_t *signals) {
    const struct sigaction action = {.sa_handler = os_keep_signal, .sa_flags = SA_RESTART};

    taken.set = *signals;
    if (!os_pipe(taken.ends)) {
        return -1;
    }
    int error = pthread_create(&taken.thread, NULL, take_signals, NULL);
    if (error) {
        close(taken.ends[0]);
        close(taken.ends[1]);
        errno = error;
        return -1;
    }
    sigaction(SIGWINCH, &action, &taken.inherited);
    return taken.ends[0];
}

int os_signals_take(int descriptor) {
    unsigned char number = 0;

    return read(descriptor, &number, 1) == 1 ? number : 0;
}

void os_signals_close(int descriptor) {
    pthread_cancel(taken.thread);
    pthread_join(taken.thread, NULL);
    sigaction(SIGWINCH, &taken.inherited, NULL);
    close(descriptor);
    close(taken.ends[1]);
}

int os_signals_wait(const sigset_t *signals, uint64_t most_ns, siginfo_t *info) {
    const struct timespec most = {(time_t)(most_ns / 1000000000U), (long)(most_ns % 1000000000U)};
    int signal =
        most_ns == TOTE__NEVER ? sigwaitinfo(signals, info) : sigtimedwait(signals, info, &most);

    return signal > 0 ? signal : 0;
}

struct name {
    int number;
    const char *text;
};

static const char *find_name(const struct name *names, size_t count, int number) {
    for (size_t i = 0; i < count; i++) {
        if (names[i].number == number) {
            return names[i].text;
        }
    }
    return NULL;
}

#define NAME(text)                                                                                 \
    { SIG##text, #text }
const char *os_signal_name(int signal) {
    static const struct name names[] = {
        NAME(HUP),  NAME(INT),  NAME(QUIT), NAME(ILL),    NAME(TRAP), NAME(ABRT), NAME(BUS),
        NAME(FPE),  NAME(KILL), NAME(USR1), NAME(SEGV),   NAME(USR2), NAME(PIPE), NAME(ALRM),
        NAME(TERM), NAME(CHLD), NAME(CONT), NAME(STOP),   NAME(TSTP), NAME(TTIN), NAME(TTOU),
        NAME(URG),  NAME(XCPU), NAME(XFSZ), NAME(VTALRM), NAME(PROF), NAME(SYS),
    };

    return find_name(names, sizeof names / sizeof *names, signal);
}
#undef NAME

#define NAME(text)                                                                                 \
    { text, #text }
/* Those of exec() and fork(). */
const char *os_error_name(int error) {
    static const struct name names[] = {
        NAME(EACCES), NAME(ENOENT), NAME(ENOEXEC),      NAME(ENOMEM),  NAME(EAGAIN), NAME(E2BIG),
        NAME(EISDIR), NAME(ELOOP),  NAME(ENAMETOOLONG), NAME(ENOTDIR), NAME(EPERM),  NAME(ETXTBSY),
        NAME(EMFILE), NAME(ENFILE), NAME(EINVAL),       NAME(EIO),
    };

    return find_name(names, sizeof names / sizeof *names, error);
}

bool os_process_read(uint32_t id, struct os_process *process) {
    (void)id, (void)process;
    return false;
}

size_t os_command_line(uint32_t id, char *buffer, size_t size) {
    (void)id, (void)buffer, (void)size;
    return 0;
}
