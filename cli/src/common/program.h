/* SPDX-License-Identifier: MIT */
/*
 * program.h - what the commands of `tote` share: options, messages and exit status
 *
 * A command declares its options in a table. The table is the only description of them: it is
 * parsed by getopt_long(), printed by --help, and read by the shell completions.
 */
#ifndef TOTE_CLI_PROGRAM_H
#define TOTE_CLI_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { PROGRAM_USAGE = 2 }; /* the exit status for wrong usage */

enum program_kind {
    PROGRAM_FLAG,     /* target: bool; set to true */
    PROGRAM_NUMBER,   /* target: unsigned */
    PROGRAM_DURATION, /* target: uint64_t, in nanoseconds */
    PROGRAM_SIZE,     /* target: size_t, in bytes */
    PROGRAM_TEXT,     /* target: const char *; borrowed from the command line */
    PROGRAM_CALL      /* target: struct program_call; called for each occurrence, in order */
};

/*
 * Handle one occurrence of an option. The value is NULL if the option has none. Returns NULL, or
 * what is wrong with the value, for example "is not a trace id".
 */
struct program_call {
    const char *(*function)(void *arg, const char *value);
    void *arg;
};

struct program_option {
    const char *name; /* without dashes */
    char letter;      /* of the short form; 0: none */
    enum program_kind kind;
    const char *value; /* name of the value in the help, such as "FILE"; NULL: a flag */
    void *target;
    uint64_t least; /* of a number, a duration or a size */
    uint64_t most;
    const char *help;
};

struct program_command {
    const char *program;     /* NULL: "tote", which has the command `name` */
    const char *name;        /* NULL: none */
    const char *arguments;   /* in the usage line, such as "[FILE]..." */
    const char *summary;     /* one line */
    const char *subcommands; /* their names, with blanks between them; NULL: none */
    const char *help;        /* after the options: lines are printed as they are; NULL: none */
    const struct program_option *options;
    size_t option_count;
};

/*
 * Parse the options of a command: argv[0] is the command. Options end at "--" and at the first
 * argument that is not an option, if `stops_at_argument`; otherwise they may be between arguments.
 *
 * Returns the index in argv of the first argument, and moves the arguments there. Returns -1 after
 * an error, which is reported on standard error, and after --help. The exit status is then stored
 * in `status`. The only argument --list-options prints the options for shell completions.
 */
int program_parse(const struct program_command *command, int argc, char **argv,
                  bool stops_at_argument, int *status);

/* The same for a command with at most `most` arguments: one more is wrong usage. */
int program_parse_few(const struct program_command *command, int argc, char **argv, int most,
                      int *status);

/*
 * Read a duration, such as 500ms, 30s, 1.5m, 2h or 1d. A number without a unit is seconds. Returns
 * false if the text is something else, or does not fit.
 */
bool program_read_duration(const char *text, uint64_t *ns);

/* Return the last part of a path, or the whole path if it ends with a slash. */
const char *program_base_name(const char *path);

/* Report wrong usage in one line, and where to read more. Returns PROGRAM_USAGE. */
int program_usage_error(const struct program_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* Report an error in one line on standard error: "tote: COMMAND: TEXT". */
void program_report(const struct program_command *command, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

struct program_entry {
    const char *name;
    int (*run)(int argc, char **argv); /* argv[0] is the command; returns the exit status */
};

/* Prepare the process: opens descriptors 0 to 2 if they are closed. */
void program_begin(void);

/*
 * Return the exit status of the process for that of a command. Reports output that could not be
 * written.
 */
int program_end(int status);

/*
 * Run the command that argv[1] names, between program_begin() and program_end(). Sets the locale of
 * character types.
 */
int program_run(const struct program_entry *entries, size_t count, int argc, char **argv);

#endif
