/* SPDX-License-Identifier: MIT */
/*
 * unload.c - a thread exits after the plugin that it used was unloaded
 *
 * The host is not linked to Tote. Each round loads the plugin, uses it on this thread and another
 * one, stops it, unloads it, and then ends the other thread.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

enum { ROUNDS = 3 };

typedef int plugin_call(void);

static plugin_call *plugin_work;
static int worker_result = 1;
static pthread_barrier_t barrier;

static plugin_call *find(void *plugin, const char *name) {
    void *symbol = dlsym(plugin, name);
    plugin_call *call = NULL;

    memcpy(&call, &symbol, sizeof call);
    return call;
}

static void *work(void *arg) {
    worker_result = plugin_work();
    pthread_barrier_wait(&barrier);
    pthread_barrier_wait(&barrier); /* the plugin is unloaded */
    return arg;
}

static int run(const char *path) {
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);

    if (!plugin) {
        fprintf(stderr, "%s\n", dlerror());
        return 1;
    }
    plugin_call *start = find(plugin, "plugin_start");
    plugin_call *stop = find(plugin, "plugin_stop");
    pthread_t thread;
    plugin_work = find(plugin, "plugin_work");
    if (!start || !stop || !plugin_work || start() || plugin_work() ||
        pthread_create(&thread, NULL, work, NULL) != 0) {
        return 1;
    }
    pthread_barrier_wait(&barrier);
    int result = stop() || worker_result || dlclose(plugin) != 0;
    pthread_barrier_wait(&barrier);
    pthread_join(thread, NULL);
    return result;
}

int main(int argc, char **argv) {
    int result = argc == 2 ? 0 : 1;

    pthread_barrier_init(&barrier, NULL, 2);
    for (int i = 0; i < ROUNDS && result == 0; i++) {
        result = run(argv[1]);
    }
    return result;
}
