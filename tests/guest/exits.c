/* SPDX-License-Identifier: MIT */
/*
 * exits.c - a program with a working SDK that ends in one of several ways
 *
 *   exits WAY [PLUGIN ...]        run by ctest, also under valgrind
 *
 * Each way exits with status 0 on success.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <tote/tote.h>
#include <unistd.h>

enum { SPANS = 100, TIMEOUT_MS = 60000, THREADS = 4, LOADS = 50 };

static tote_sdk *sdk;
static tote_tracer *tracer;
static atomic_bool is_over;
static atomic_uint rounds; /* of work, on all threads */

static int do_nothing(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "key", tote_string("value"));
    return 0;
}

static void work(void) {
    for (int i = 0; i < SPANS; i++) {
        tote_run_scoped(tracer, "work", NULL, do_nothing, NULL);
    }
}

/* There is no receiver, so nothing is delivered; but that is known in time. */
static int close_sdk(void) {
    return tote_sdk_close(&sdk, TIMEOUT_MS) == TOTE_RESULT_TIMEOUT ? 1 : 0;
}

static void close_at_exit(void) {
    if (close_sdk() != 0) {
        _exit(3);
    }
}

static void *exit_from_here(void *arg) {
    exit(close_sdk());
    return arg;
}

static void *work_until_over(void *arg) {
    while (!atomic_load(&is_over)) {
        work();
        atomic_fetch_add(&rounds, 1);
        sched_yield();
    }
    return arg;
}

/* The SDK is closed while other threads start spans, and started once more. */
static int close_under_load(void) {
    pthread_t threads[THREADS];
    int failed = 0;

    for (size_t i = 0; i < THREADS; i++) {
        pthread_create(&threads[i], NULL, work_until_over, NULL);
    }
    for (int i = 0; i < 5; i++) {
        for (unsigned before = atomic_load(&rounds); atomic_load(&rounds) < before + THREADS;) {
            sched_yield();
        }
        if (i % 2) {
            failed |= close_sdk();
        } else {
            tote_sdk_unref(sdk);
        }
        sdk = tote_sdk_start(NULL);
    }
    atomic_store(&is_over, true);
    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
    }
    return close_sdk() | failed;
}

/* Load, use and unload plugins that are linked to the API only, and all use the one SDK. */
static int use_plugins(char **paths) {
    for (int i = 0; i < LOADS; i++) {
        void *plugins[2] = {NULL, NULL};
        for (size_t j = 0; j < 2 && paths[j]; j++) {
            plugins[j] = dlopen(paths[j], RTLD_NOW | RTLD_LOCAL);
            void *symbol = plugins[j] ? dlsym(plugins[j], "plugin_work") : NULL;
            int (*plugin_work)(void *arg);
            if (!symbol) {
                fprintf(stderr, "%s\n", dlerror());
                return 1;
            }
            memcpy(&plugin_work, &symbol, sizeof plugin_work);
            if (tote_run_scoped(tracer, "around", NULL, plugin_work, NULL) != 0) {
                return 1; /* the plugin's span was not recorded by this SDK */
            }
        }
        for (size_t j = 0; j < 2; j++) {
            if (plugins[j]) {
                dlclose(plugins[j]);
            }
        }
    }
    return close_sdk();
}

int main(int argc, char **argv) {
    const char *way = argc > 1 ? argv[1] : "";
    pthread_t thread;

    sdk = tote_sdk_start(NULL);
    tracer = tote_get_tracer("exits", NULL);
    work();
    if (strcmp(way, "close") == 0) {
        return close_sdk();
    }
    if (strcmp(way, "return") == 0) {
        return 0; /* queued spans are lost; nothing hangs or crashes */
    }
    if (strcmp(way, "at-exit") == 0) {
        atexit(close_at_exit);
        return 0;
    }
    if (strcmp(way, "thread") == 0) {
        pthread_create(&thread, NULL, exit_from_here, NULL);
        pthread_join(thread, NULL); /* never returns */
        return 2;
    }
    if (strcmp(way, "now") == 0) {
        _exit(0);
    }
    if (strcmp(way, "load") == 0) {
        return close_under_load();
    }
    if (strcmp(way, "plugins") == 0) {
        return use_plugins(argv + 2);
    }
    fprintf(stderr, "usage: exits close|return|at-exit|thread|now|load|plugins [PLUGIN ...]\n");
    return 2;
}
