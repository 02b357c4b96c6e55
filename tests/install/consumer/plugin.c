/* SPDX-License-Identifier: MIT */
/* plugin.c - a plugin that is linked to the API only, and fetches its tracer when it is loaded */
#include <tote/api.h>

static tote_tracer *tracer;

__attribute__((visibility("default"))) void plugin_load(void);
__attribute__((visibility("default"))) int plugin_work(void *arg);

void plugin_load(void) {
    tracer = tote_get_tracer("plugin", "1.0");
}

int plugin_work(void *arg) {
    (void)arg;
    tote_scope *scope = tote_scope_open(tracer, "in the plugin", NULL);
    tote_store_add(tote_store_current(), "plugin.says", tote_string("hello"));
    tote_scope_close(&scope);
    return 0;
}
