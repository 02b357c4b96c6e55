/* SPDX-License-Identifier: MIT */
/*
 * program.c - a program on libtote; with an argument it loads that as a plugin
 *
 * The plugin is loaded with RTLD_LOCAL and fetches its tracer before the SDK starts. Its span must
 * be in the program's trace, and see the program's store.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>
#include <tote/exporters/in_memory.h>
#include <tote/tote.h>

static const char *failure;

static void expect(bool is_so, const char *what) {
    if (!is_so && !failure) {
        failure = what;
    }
}

static void (*symbol(void *library, const char *name))(void) {
    union {
        void *object;
        void (*function)(void);
    } cast;

    cast.object = library ? dlsym(library, name) : NULL;
    return cast.function;
}

static void check_own_span(const tote_span_data *span) {
    expect(span != NULL, "the program's span was exported");
    if (span) {
        expect(!tote_span_context_is_valid(tote_span_data_get_parent(span)), "it is a root");
        expect(tote_span_data_get_attribute(span, "tenant") != NULL, "it has the store's entry");
    }
}

static void check_plugin_span(const tote_span_data *span, const tote_span_data *parent) {
    expect(span != NULL, "the plugin's span was exported");
    if (!span || !parent) {
        return;
    }
    const tote_span_context *own = tote_span_data_get_context(parent);
    const tote_span_context *theirs = tote_span_data_get_parent(span);
    expect(memcmp(tote_span_context_get_trace_id(own), tote_span_context_get_trace_id(theirs),
                  sizeof(tote_trace_id)) == 0,
           "both spans are in one trace");
    expect(memcmp(tote_span_context_get_span_id(own), tote_span_context_get_span_id(theirs),
                  sizeof(tote_span_id)) == 0,
           "the program's span is the plugin's parent");
    expect(tote_span_data_get_attribute(span, "tenant") != NULL, "the plugin sees the store");
    expect(tote_span_data_get_attribute(span, "plugin.says") != NULL, "and adds to its own");
    expect(strcmp(tote_span_data_get_instrumentation_scope(span)->name, "plugin") == 0,
           "the tracer from before the start has its name");
}

int main(int argc, char **argv) {
    void *plugin = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    void (*plugin_load)(void) = symbol(plugin, "plugin_load");
    int (*plugin_work)(void *) = (int (*)(void *))symbol(plugin, "plugin_work");

    if (argc > 1 && (!plugin_load || !plugin_work)) {
        fprintf(stderr, "cannot load %s: %s\n", argv[1], dlerror());
        return 1;
    }
    if (plugin) {
        plugin_load();
    }
    tote_in_memory_spans *memory = tote_in_memory_spans_new();
    tote_sdk *sdk = tote_in_memory_sdk_start(memory);
    tote_scope *scope = tote_scope_open(tote_get_tracer("program", NULL), "in the program", NULL);

    tote_store_add(tote_store_current(), "tenant", tote_string("t_1"));
    if (plugin) {
        plugin_work(NULL);
        dlclose(plugin);
    }
    tote_scope_close(&scope);

    const tote_span_data *own = tote_in_memory_spans_find(memory, "in the program");
    check_own_span(own);
    if (plugin) {
        check_plugin_span(tote_in_memory_spans_find(memory, "in the plugin"), own);
    }
    tote_sdk_close(&sdk, 1000);
    tote_in_memory_spans_unref(memory);
    if (failure) {
        fprintf(stderr, "not so: %s\n", failure);
    }
    return failure != NULL;
}
