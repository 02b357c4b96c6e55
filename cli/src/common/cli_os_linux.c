/* SPDX-License-Identifier: MIT */
/*
 * cli_os_linux.c - what the program tote needs from Linux
 *
 * Tests: tests/cli/test_run.sh, tests/cli/test_span.sh, tests/unit/test_open_record.c
 */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "cli_os.h"
#include "tote/internal/clock.h"

enum { PATH_BYTES = 64, MOST_DESCRIPTORS = 1024, PROGRAM_HEADERS = 32, INTERPRETER_BYTES = 256 };

static const char own_program[] = "/proc/self/exe";

void os_note_program(const char *argument) {
    (void)argument;
}

bool os_program_path(char *path, size_t size) {
    ssize_t length = readlink(own_program, path, size);

    if (length <= 0 || (size_t)length >= size) {
        errno = length > 0 ? ENAMETOOLONG : errno;
        return false;
    }
    path[length] = '\0';
    return true;
}

/* What selects the dynamic linker that loads a program. */
struct platform {
    unsigned char class_and_data[2];
    ElfW(Half) machine;
    char interpreter[INTERPRETER_BYTES]; /* "": static */
};

enum format { ELF_PROGRAM, OTHER_PROGRAM, UNREADABLE };

static bool read_interpreter(int file, const ElfW(Ehdr) * head, struct platform *platform) {
    ElfW(Phdr) parts[PROGRAM_HEADERS];
    size_t count = head->e_phnum < PROGRAM_HEADERS ? head->e_phnum : PROGRAM_HEADERS;

    if (head->e_phentsize != sizeof *parts ||
        pread(file, parts, count * sizeof *parts, (off_t)head->e_phoff) !=
            (ssize_t)(count * sizeof *parts)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        size_t size = parts[i].p_filesz;
        if (parts[i].p_type == PT_INTERP && size < sizeof platform->interpreter) {
            return pread(file, platform->interpreter, size, (off_t)parts[i].p_offset) ==
                   (ssize_t)size;
        }
    }
    return true;
}

static enum format read_platform(const char *path, struct platform *platform) {
    ElfW(Ehdr) head = {.e_machine = 0};
    int file = open(path, O_RDONLY | O_CLOEXEC);
    enum format format = OTHER_PROGRAM;

    *platform = (struct platform){.machine = 0};
    if (file < 0) {
        return UNREADABLE;
    }
    ssize_t size = read(file, &head, sizeof head);
    if (size > SELFMAG && memcmp(head.e_ident, ELFMAG, SELFMAG) == 0) {
        format = ELF_PROGRAM;
        memcpy(platform->class_and_data, head.e_ident + EI_CLASS, 2);
        platform->machine = head.e_machine;
        if (size != (ssize_t)sizeof head || head.e_ident[EI_CLASS] != sizeof(void *) / 4 ||
            !read_interpreter(file, &head, platform)) {
            format = UNREADABLE;
        }
    }
    close(file);
    return format;
}

bool os_loads_alike(const char *program) {
    struct platform own;
    struct platform other;

    if (read_platform(own_program, &own) != ELF_PROGRAM) {
        return false;
    }
    enum format format = read_platform(program, &other);
    return format == OTHER_PROGRAM ||
           (format == ELF_PROGRAM && memcmp(&own, &other, sizeof own) == 0);
}

bool os_pipe(int ends[2]) {
    return pipe2(ends, O_CLOEXEC | O_NONBLOCK) == 0;
}

int os_tcp_socket(void) {
    return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
}

int os_accept(int listener) {
    return accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
}

bool os_stream_pair(int ends[2]) {
    return socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0;
}

ssize_t os_send(int socket, const void *bytes, size_t size) {
    return send(socket, bytes, size, MSG_NOSIGNAL);
}

void os_close_on_exec_from(int first) {
    if (close_range((unsigned)first, ~0U, CLOSE_RANGE_CLOEXEC) == 0) {
        return;
    }
    for (int i = first; i < MOST_DESCRIPTORS; i++) { /* before Linux 5.11 */
        fcntl(i, F_SETFD, FD_CLOEXEC);
    }
}

int os_signals_open(const sigset_t *signals) {
    return signalfd(-1, signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

int os_signals_take(int descriptor) {
    struct signalfd_siginfo info;

    return read(descriptor, &info, sizeof info) == sizeof info ? (int)info.ssi_signo : 0;
}

void os_signals_close(int descriptor) {
    close(descriptor);
}

int os_signals_wait(const sigset_t *signals, uint64_t most_ns, siginfo_t *info) {
    const struct timespec most = {(time_t)(most_ns / 1000000000U), (long)(most_ns % 1000000000U)};
    int signal =
        most_ns == TOTE__NEVER ? sigwaitinfo(signals, info) : sigtimedwait(signals, info, &most);

    return signal > 0 ? signal : 0;
}

const char *os_signal_name(int signal) {
    return sigabbrev_np(signal);
}

const char *os_error_name(int error) {
    return strerrorname_np(error);
}

/* Returns the size; 0 on failure. Appends a NUL. */
static size_t read_of_process(uint32_t id, const char *name, char *buffer, size_t size) {
    char path[PATH_BYTES];

    snprintf(path, sizeof path, "/proc/%" PRIu32 "/%s", id, name);
    int file = open(path, O_RDONLY | O_CLOEXEC);
    size_t done = 0;
    ssize_t got = file < 0 ? 0 : 1;
    while (done < size - 1 && (got > 0 || (got < 0 && errno == EINTR))) {
        got = read(file, buffer + done, size - 1 - done);
        done += got > 0 ? (size_t)got : 0;
    }
    if (file >= 0) {
        close(file);
    }
    buffer[done] = '\0';
    return done;
}

bool os_process_read(uint32_t id, struct os_process *process) {
    char content[1024];

    if (!read_of_process(id, "stat", content, sizeof content)) {
        return false;
    }
    const char *after_name = strrchr(content, ')'); /* the name may contain anything */
    return after_name &&
           sscanf(after_name + 1,
                  " %c %" SCNu32 " %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
                  "%*s %*s %" SCNu64,
                  &process->state, &process->parent, &process->started) == 3;
}

size_t os_command_line(uint32_t id, char *buffer, size_t size) {
    return read_of_process(id, "cmdline", buffer, size);
}
