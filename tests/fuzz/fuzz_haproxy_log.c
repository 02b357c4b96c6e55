/* SPDX-License-Identifier: MIT */
/*
 * fuzz_haproxy_log.c - a line of HAProxy's log is read inside its bounds
 */
#include "fuzz.h"

#include "log_line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *bytes = (const char *)data;
    struct log_line line;

    if (!log_line_read(bytes, size, &line)) {
        return 0;
    }
    const struct spop_text texts[] = {line.state,   line.method, line.frontend,
                                      line.backend, line.server, line.address};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        MUST(!texts[i].bytes ||
             (texts[i].bytes >= bytes && texts[i].bytes + texts[i].length < bytes + size));
    }
    return 0;
}
