/* SPDX-License-Identifier: MIT */
/*
 * plugin.c - a plugin that is linked to the API only; it is built twice, as two independent plugins
 */
#include <tote/api.h>

TOTE_API int plugin_work(void *arg);

static int look(void *arg) {
    (void)arg;
    tote_store_add(tote_store_current(), "plugin", tote_string(PLUGIN_NAME));
    return tote_span_is_recording(tote_span_current()) ? 0 : 1;
}

int plugin_work(void *arg) {
    return tote_run_scoped(tote_get_tracer(PLUGIN_NAME, "1.0"), "plugin", NULL, look, arg);
}
