/* SPDX-License-Identifier: MIT */
/*
 * preload_host.c - a program that knows nothing of Tote and prints its own state
 *
 * preload_host state           the state of the process, without a call of a library
 * preload_host sqlite          the state before and after calls of SQLite, and that of a child
 * preload_host dlopen          the same calls, with functions from dlsym()
 * preload_host privileges      the same as state, and which preload objects are mapped
 * preload_host both URL ORDER  a transfer and a statement; ORDER "sc" or "cs"
 */
#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* Print the lines of a file that contain the text, from there on. */
static void print_lines(const char *path, const char *text) {
    FILE *file = fopen(path, "r");
    char line[4096];

    while (file && fgets(line, sizeof line, file)) {
        const char *at = strstr(line, text);
        if (at) {
            fputs(at, stdout);
        }
    }
    if (file) {
        fclose(file);
    }
}

static void print_descriptors(int most) {
    char path[64];
    char target[4096];

    for (int i = 0; i < most; i++) {
        snprintf(path, sizeof path, "/proc/self/fd/%d", i);
        ssize_t size = readlink(path, target, sizeof target - 1);
        if (size > 0 && strncmp(target, "pipe:", 5) != 0) {
            target[size] = '\0';
            printf("fd %d = %s %x\n", i, target, (unsigned)fcntl(i, F_GETFD));
        }
    }
}

/* Those above are used by the C library for its threads. */
static void print_signals(void) {
    sigset_t blocked, pending;

    sigprocmask(SIG_BLOCK, NULL, &blocked);
    sigpending(&pending);
    for (int i = 1; i < 32; i++) {
        struct sigaction action;
        sigaction(i, NULL, &action);
        if (action.sa_handler != SIG_DFL || sigismember(&blocked, i) || sigismember(&pending, i)) {
            printf("signal %d: ignored %d, blocked %d, pending %d\n", i,
                   action.sa_handler == SIG_IGN, sigismember(&blocked, i),
                   sigismember(&pending, i));
        }
    }
}

static void print_state(void) {
    int error = errno;

    printf("errno = %d\n", error);
    printf("locale = %s\n", setlocale(LC_ALL, NULL));
    print_signals();
    for (char **at = environ; *at; at++) {
        if (strncmp(*at, "LD_", 3) != 0 && strncmp(*at, "OTEL_", 5) != 0) {
            puts(*at);
        }
    }
    printf("privileged = %d\n", geteuid() != getuid());
    fflush(stdout);
    errno = error;
}

#define SQLITE_FUNCTIONS(X) X(open) X(exec) X(close)
#define FIELD(name) __typeof__ (&sqlite3_##name)(name);

struct functions {
    SQLITE_FUNCTIONS(FIELD)
};

static int use_sqlite(const struct functions *functions) {
    sqlite3 *db = NULL;

    errno = 77;
    int opened = functions->open(":memory:", &db);
    printf("open: errno = %d\n", errno);
    int made =
        functions->exec(db, "CREATE TABLE t (a); INSERT INTO t VALUES (1)", NULL, NULL, NULL);
    printf("exec: errno = %d\n", errno);
    int failed = functions->exec(db, "SELECT * FROM missing", NULL, NULL, NULL);
    printf("failed: errno = %d\n", errno);
    int closed = functions->close(db);
    printf("close: errno = %d\n", errno);
    printf("%d %d %d %d\n", opened, made, failed, closed);
    return opened || made || closed;
}

static int use_linked(void) {
    const struct functions linked = {sqlite3_open, sqlite3_exec, sqlite3_close};

    return use_sqlite(&linked);
}

#define FIND(name)                                                                                 \
    found = dlsym(library, "sqlite3_" #name);                                                      \
    memcpy(&functions.name, &found, sizeof found);

static int use_found(void) {
    struct functions functions;
    void *library = dlopen("libsqlite3.so.0", RTLD_NOW | RTLD_LOCAL);
    void *found;

    SQLITE_FUNCTIONS(FIND)
    return use_sqlite(&functions);
}

static int use_curl(const char *url) {
    CURL *easy = curl_easy_init();

    curl_easy_setopt(easy, CURLOPT_URL, url);
    CURLcode result = curl_easy_perform(easy);
    curl_easy_cleanup(easy);
    return (int)result;
}

/* A child sees its own state, and a program that it executes has no descriptor of Tote. */
static int run_child(void) {
    int status = -1;
    pid_t child = fork();

    if (child == 0) {
        use_linked();
        print_state();
        execl("/bin/sh", "sh", "-c",
              "for f in /proc/self/fd/*; do readlink $f; done | grep -v -e pipe: -e /proc/",
              (char *)NULL);
        _exit(127);
    }
    waitpid(child, &status, 0);
    return status;
}

int main(int argc, char **argv) {
    const char *what = argc > 1 ? argv[1] : "state";
    int result = 0;
    int own = open("/dev/zero", O_RDONLY | O_CLOEXEC);

    setlocale(LC_ALL, "");
    signal(SIGUSR1, SIG_IGN);
    print_state();
    if (strcmp(what, "sqlite") == 0) {
        result = use_linked();
        printf("child = %d\n", run_child());
    } else if (strcmp(what, "dlopen") == 0) {
        result = use_found();
    } else if (strcmp(what, "both") == 0 && argc == 4) {
        for (const char *at = argv[3]; *at; at++) {
            result += *at == 'c' ? use_curl(argv[2]) : use_linked();
        }
    } else {
        print_lines("/proc/self/maps", "libtote.so");
    }
    print_state();
    print_descriptors(own + 1);
    if (strcmp(what, "privileges") == 0) {
        print_lines("/proc/self/maps", "tote-preload");
    }
    return result;
}
