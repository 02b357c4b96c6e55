/* SPDX-License-Identifier: MIT */
/*
 * program.c - options, messages and exit status of the commands
 *
 * Tests: tests/cli/test_view.sh, tests/cli/test_send.sh, tests/cli/test_check.sh
 */
#include "program.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <locale.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "terminal.h"
#include "tote/internal/memory.h"
#include "tote/internal/shared.h"

enum {
    MOST_OPTIONS = 48,
    FIRST_LONG_VALUE = 256, /* values of getopt_long() above all letters */
    HELP_COLUMN = 28,
    HELP_WIDTH = 80
};

bool program_read_duration(const char *text, uint64_t *ns) {
    static const struct {
        const char *name;
        double ns;
    } units[] = {{"", 1e9},  {"ns", 1},   {"us", 1e3},   {"ms", 1e6},
                 {"s", 1e9}, {"m", 6e10}, {"h", 3.6e12}, {"d", 8.64e13}};
    double number = 0;
    double place = 1;
    const char *at = text;

    for (; *at >= '0' && *at <= '9'; at++) {
        number = number * 10 + (*at - '0');
    }
    if (at == text) {
        return false;
    }
    if (*at == '.') {
        for (at++; *at >= '0' && *at <= '9'; at++) {
            number += (*at - '0') * (place /= 10);
        }
    }
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (strcmp(at, units[i].name) == 0 && number * units[i].ns < 9e18) {
            *ns = (uint64_t)(number * units[i].ns + 0.5);
            return true;
        }
    }
    return false;
}

const char *program_base_name(const char *path) {
    const char *slash = strrchr(path, '/');

    return slash && slash[1] ? slash + 1 : path;
}

/* The names of a command, such as "tote: exec: ": `between` is after each of them. */
static void print_names(FILE *out, const struct program_command *command, const char *between) {
    const char *name = command ? command->name : NULL;

    fprintf(out, "%s%s", command && command->program ? command->program : "tote", between);
    if (name) {
        fprintf(out, "%s%s", name, between);
    }
}

/* Arguments of the command line are not to be executed by the terminal. */
static void report(const struct program_command *command, const char *format, va_list arguments) {
    struct tote__arena arena = {.chunks = NULL};
    char text[TERMINAL_LONGEST];
    int length = vsnprintf(text, sizeof text, format, arguments);
    size_t size = length < 0 ? 0 : tote__min((size_t)length, sizeof text - 1);

    print_names(stderr, command, ": ");
    fprintf(stderr, "%s\n", terminal_clean(&arena, text, size));
    tote__arena_clear(&arena);
}

void program_report(const struct program_command *command, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(command, format, arguments);
    va_end(arguments);
}

int program_usage_error(const struct program_command *command, const char *format, ...) {
    va_list arguments;

    va_start(arguments, format);
    report(command, format, arguments);
    va_end(arguments);
    fputs("Try '", stderr);
    print_names(stderr, command, " ");
    fputs("--help' for more information.\n", stderr);
    return PROGRAM_USAGE;
}

/* Print a text from this column on, with line breaks between words. */
static void print_wrapped(const char *text, size_t column) {
    while (*text) {
        size_t length = strlen(text);
        if (length > HELP_WIDTH - column) {
            for (length = HELP_WIDTH - column; length && text[length] != ' '; length--) {
            }
            length = length ? length : strcspn(text, " ");
        }
        printf("%.*s\n", (int)length, text);
        text += length + (text[length] == ' ');
        if (*text) {
            printf("%*s", (int)column, "");
        }
    }
}

static void print_option(const struct program_option *option) {
    int width = option->letter ? printf("  -%c, --%s", option->letter, option->name)
                               : printf("      --%s", option->name);

    if (option->value) {
        width += printf(" %s", option->value);
    }
    if (width > HELP_COLUMN - 2) {
        putchar('\n');
        width = 0;
    }
    printf("%*s", HELP_COLUMN - width, "");
    print_wrapped(option->help, HELP_COLUMN);
}

static const struct program_option help_option = {
    .name = "help", .letter = 'h', .help = "print this text, and exit"};

static void print_help(const struct program_command *command) {
    fputs("usage: ", stdout);
    print_names(stdout, command, " ");
    printf("[OPTION]...%s%s\n\n%s\n\n", *command->arguments ? " " : "", command->arguments,
           command->summary);
    for (size_t i = 0; i < command->option_count; i++) {
        print_option(&command->options[i]);
    }
    print_option(&help_option);
    if (command->help) {
        printf("\n%s", command->help);
    }
}

static void list_option(const struct program_option *option) {
    const char letter[] = {'-', option->letter, '\0'};

    printf("--%s\t%s\t%s\t%s\n", option->name, option->letter ? letter : "",
           option->value ? option->value : "", option->help);
}

/*
 * Print the options for shell completions and manual pages, one a line: --NAME, -LETTER, the value
 * and the help, separated by tabs. Subcommands have no dashes; `--` means that another program's
 * command line follows.
 */
static void print_list(const struct program_command *command, bool stops_at_argument) {
    const char *next = command->subcommands;

    while (next && *next) {
        size_t length = strcspn(next, " ");
        printf("%.*s\t\t\t\n", (int)length, next);
        next += length + (next[length] == ' ');
    }
    for (size_t i = 0; i < command->option_count; i++) {
        list_option(&command->options[i]);
    }
    list_option(&help_option);
    if (stops_at_argument) {
        puts("--\t\t\t");
    }
}

static int bad_value(const struct program_command *command, const struct program_option *option,
                     const char *value, const char *wanted) {
    return program_usage_error(command, "--%s needs %s, not '%s'", option->name, wanted, value);
}

/* Read a number that may end with one of the units, which are powers of 1024. */
static bool read_number(const char *text, const char *units, uint64_t *number) {
    char *end;

    errno = 0;
    *number = strtoull(text, &end, 10);
    const char *unit = *end ? strchr(units, *end) : NULL;
    unsigned shift = unit ? 10 * (unsigned)(unit - units + 1) : 0;
    if (*text < '0' || *text > '9' || errno || (*end && (!unit || end[1])) ||
        *number > UINT64_MAX >> shift) {
        return false;
    }
    *number <<= shift;
    return true;
}

/* Store the value of an option. Returns 0, or the exit status after an error. */
static int set_option(const struct program_command *command, const struct program_option *option,
                      const char *value) {
    const struct program_call *call = option->target;
    const char *text = value ? value : "";
    const char *problem;
    char wanted[96];
    uint64_t number;

    switch (option->kind) {
    case PROGRAM_FLAG:
        *(bool *)option->target = true;
        return 0;
    case PROGRAM_TEXT:
        *(const char **)option->target = value;
        return 0;
    case PROGRAM_NUMBER:
        if (!read_number(text, "", &number) || number < option->least || number > option->most) {
            snprintf(wanted, sizeof wanted, "a number from %llu to %llu",
                     (unsigned long long)option->least, (unsigned long long)option->most);
            return bad_value(command, option, value, wanted);
        }
        *(unsigned *)option->target = (unsigned)number;
        return 0;
    case PROGRAM_DURATION:
        if (!program_read_duration(text, &number) || number < option->least ||
            number > option->most) {
            snprintf(wanted, sizeof wanted, "a duration such as 500ms or 30s, at most %llu s",
                     (unsigned long long)option->most / 1000000000);
            return bad_value(command, option, value, wanted);
        }
        *(uint64_t *)option->target = number;
        return 0;
    case PROGRAM_SIZE:
        if (!read_number(text, "KMG", &number) || number < option->least || number > option->most) {
            snprintf(wanted, sizeof wanted, "a size such as 64M or 2G, from %lluM to %lluM",
                     (unsigned long long)option->least >> 20,
                     (unsigned long long)option->most >> 20);
            return bad_value(command, option, value, wanted);
        }
        *(size_t *)option->target = (size_t)number;
        return 0;
    case PROGRAM_CALL:
        problem = call->function(call->arg, value);
        return problem ? program_usage_error(command, "--%s: '%s' %s", option->name, text, problem)
                       : 0;
    }
    return 0;
}

/* The tables of getopt_long(). */
struct tables {
    struct option longs[MOST_OPTIONS + 2];
    char letters[2 * MOST_OPTIONS + 8];
};

static void make_tables(const struct program_command *command, bool stops_at_argument,
                        struct tables *tables) {
    char *letter = tables->letters;
    size_t count = command->option_count < MOST_OPTIONS ? command->option_count : MOST_OPTIONS;

    if (stops_at_argument) {
        *letter++ = '+';
    }
    *letter++ = ':'; /* getopt_long() returns ':' for a missing value */
    *letter++ = 'h';
    for (size_t i = 0; i < count; i++) {
        const struct program_option *option = &command->options[i];
        int has_value = option->value ? required_argument : no_argument;
        tables->longs[i] =
            (struct option){option->name, has_value, NULL, FIRST_LONG_VALUE + (int)i};
        if (option->letter) {
            *letter++ = option->letter;
            if (option->value) {
                *letter++ = ':';
            }
        }
    }
    tables->longs[count] = (struct option){"help", no_argument, NULL, 'h'};
    tables->longs[count + 1] = (struct option){NULL, 0, NULL, 0};
    *letter = '\0';
}

static const struct program_option *find_option(const struct program_command *command, int value) {
    if (value >= FIRST_LONG_VALUE) {
        return &command->options[value - FIRST_LONG_VALUE];
    }
    for (size_t i = 0; i < command->option_count; i++) {
        if (command->options[i].letter == value) {
            return &command->options[i];
        }
    }
    return NULL;
}

/* Report an option that getopt_long() did not accept. `before` is the argument that it read. */
static int bad_option(const struct program_command *command, int value, const char *argument) {
    const struct program_option *option = value == ':' ? find_option(command, optopt) : NULL;

    if (option) {
        return program_usage_error(command, "--%s needs a value (%s)", option->name, option->value);
    }
    if (argument && strncmp(argument, "--", 2) == 0) {
        const char *is = optopt >= FIRST_LONG_VALUE || optopt == 'h' ? "takes no value" : NULL;
        return program_usage_error(command, is ? "%s %s" : "unknown option '%s'", argument, is);
    }
    return program_usage_error(command, "unknown option '-%c'", optopt);
}

int program_parse(const struct program_command *command, int argc, char **argv,
                  bool stops_at_argument, int *status) {
    struct tables tables;
    int value;

    if (argc == 2 && strcmp(argv[1], "--list-options") == 0) {
        print_list(command, stops_at_argument);
        *status = 0;
        return -1;
    }
    make_tables(command, stops_at_argument, &tables);
    opterr = 0;
    optind = 0;
    *status = 0;
    while ((value = getopt_long(argc, argv, tables.letters, tables.longs, NULL)) != -1) {
        if (value == 'h') {
            print_help(command);
            return -1;
        }
        const struct program_option *option =
            value == '?' || value == ':' ? NULL : find_option(command, value);
        *status = option ? set_option(command, option, option->value ? optarg : NULL)
                         : bad_option(command, value, argv[optind - 1]);
        if (*status) {
            return -1;
        }
    }
    return optind;
}

int program_parse_few(const struct program_command *command, int argc, char **argv, int most,
                      int *status) {
    int first = program_parse(command, argc, argv, false, status);

    if (first >= 0 && argc - first > most) {
        *status = program_usage_error(command, "unexpected '%s'", argv[first + most]);
        return -1;
    }
    return first;
}

/*
 * Open descriptors 0 to 2 if they are closed, so that no file or socket gets one of their numbers.
 * They are read-only: output to a descriptor that was closed still fails. In commands that this
 * process runs they are closed.
 */
void program_begin(void) {
    while (true) {
        int descriptor = open("/dev/null", O_RDONLY | O_CLOEXEC);
        if (descriptor > STDERR_FILENO || descriptor < 0) {
            close(descriptor);
            return;
        }
    }
}

/* Output cannot be written if, for example, the disk is full. */
int program_end(int status) {
    errno = 0;
    if (fflush(stdout) != 0 || ferror(stdout)) {
        fprintf(stderr, "tote: cannot write to standard output%s%s\n", errno ? ": " : "",
                errno ? strerror(errno) : "");
        return status ? status : EXIT_FAILURE;
    }
    return status;
}

static int run(const struct program_entry *entries, size_t count, int argc, char **argv) {
    if (argc < 2) {
        return program_usage_error(NULL, "a command is missing");
    }
    for (size_t i = 0; i < count; i++) {
        if (strcmp(argv[1], entries[i].name) == 0) {
            return entries[i].run(argc - 1, argv + 1);
        }
    }
    return program_usage_error(NULL, "unknown command '%s'", argv[1]);
}

int program_run(const struct program_entry *entries, size_t count, int argc, char **argv) {
    program_begin();
    setlocale(LC_CTYPE, ""); /* widths of characters in a terminal */
    return program_end(run(entries, count, argc, argv));
}
