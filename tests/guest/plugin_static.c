/* SPDX-License-Identifier: MIT */
/* plugin_static.c - a plugin with its own SDK: the static library is linked into it */
#include <tote/tote.h>

TOTE_API int plugin_start(void);
TOTE_API int plugin_work(void);
TOTE_API int plugin_stop(void);

static tote_sdk *sdk;

int plugin_start(void) {
    sdk = tote_sdk_start(NULL);
    return sdk ? 0 : 1;
}

int plugin_work(void) {
    tote_scope *scope = tote_scope_open(tote_get_tracer("plugin", "1.0"), "work", NULL);
    int is_recording = tote_span_is_recording(tote_span_current());

    tote_scope_close(&scope);
    return is_recording ? 0 : 1;
}

int plugin_stop(void) {
    tote_sdk_close(&sdk, 1000); /* there is no receiver */
    return sdk ? 1 : 0;
}
