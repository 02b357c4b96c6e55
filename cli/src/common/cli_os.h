/* SPDX-License-Identifier: MIT */
/*
 * cli_os.h - what the program tote needs from the operating system beyond POSIX
 *
 * It is in one file for each system: cli_os_linux.c, or cli_os_posix.c. See docs/porting.md.
 * Descriptors have FD_CLOEXEC. Unless stated otherwise, functions return -1 or false with errno
 * set.
 */
#ifndef TOTE_CLI_OS_H
#define TOTE_CLI_OS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Keep argv[0], by which some systems find the file of the program. Call it first in main(). */
void os_note_program(const char *argument);

/* Return the path of the file of this program. */
bool os_program_path(char *path, size_t size);

/* Return whether the dynamic linker of this program also loads that program, or a script. */
bool os_loads_alike(const char *program);

/* Create a pipe whose ends do not block. */
bool os_pipe(int ends[2]);

/* Create a socket for TCP that does not block, or accept a connection as one. */
int os_tcp_socket(void);
int os_accept(int listener);

/* Create a pair of connected stream sockets. */
bool os_stream_pair(int ends[2]);

/* Send without a signal. */
ssize_t os_send(int socket, const void *bytes, size_t size);

/* Let no other program inherit descriptors from this number on. Ignores failures. */
void os_close_on_exec_from(int first);

/*
 * A handler for SIGCHLD and SIGWINCH while they are blocked. Without one, a system may discard
 * them: the default action is to ignore them.
 */
static inline void os_keep_signal(int number) {
    (void)number;
}

/* Open a descriptor that is readable while one of these signals, which are blocked, is pending. */
int os_signals_open(const sigset_t *signals);

/* Take a pending signal. Returns 0 if there is none. */
int os_signals_take(int descriptor);
void os_signals_close(int descriptor);

/*
 * Wait for one of these signals, which are blocked, for at most `most_ns`; TOTE__NEVER: without a
 * limit. Returns the signal, with who sent it in `info`, or 0 if there was none.
 */
int os_signals_wait(const sigset_t *signals, uint64_t most_ns, siginfo_t *info);

/* Return the name of a signal without "SIG", or of an error. Returns NULL if it is unknown. */
const char *os_signal_name(int signal);
const char *os_error_name(int error);

/* A process. */
struct os_process {
    char state; /* 'Z' and 'X': it has ended */
    uint32_t parent;
    uint64_t started; /* in clock ticks since boot */
};

/* Returns false if there is no such process, or if the system does not tell. */
bool os_process_read(uint32_t id, struct os_process *process);

/* Read the command line of a process. Returns its size; 0 on failure. */
size_t os_command_line(uint32_t id, char *buffer, size_t size);

#endif
