/* SPDX-License-Identifier: MIT */
/*
 * libtote.c - the SDK in the shared libtote
 *
 * The preload object is linked with libtote-api only. libtote and the libraries that it needs are
 * loaded at the first traced call, and do not become visible to other objects of the program.
 *
 * Tests: tests/hosts/preload/test_preload.py
 */
#include <dlfcn.h>
#include <string.h>

#include "tote/diagnostics.h"
#include "tote/internal/preload.h"

static bool find_function(void *library, const char *name, void *function) {
    void *found = library ? dlsym(library, name) : NULL;

    memcpy(function, &found, sizeof found);
    return found;
}

bool tote__preload_find_sdk(struct tote__preload_sdk *sdk) {
    void *library = dlopen(TOTE_PRELOAD_SDK, RTLD_NOW | RTLD_LOCAL);

    if (!find_function(library, "tote_sdk_start", &sdk->start) ||
        !find_function(library, "tote_sdk_close", &sdk->close)) {
        const char *reason = dlerror();
        tote_diagnostics_report(TOTE_LEVEL_ERROR, "preload", "calls are not traced: %s",
                                reason ? reason : "no SDK");
        return false;
    }
    return true;
}
