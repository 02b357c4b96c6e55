/* SPDX-License-Identifier: MIT */
/*
 * otlp.h - OTLP exporters of configuration files, and of the program `tote`
 */
#ifndef TOTE_INTERNAL_OTLP_H
#define TOTE_INTERNAL_OTLP_H

#include <signal.h>

#include "tote/diagnostics.h"
#include "tote/exporters/otlp.h"

/*
 * Receives what concerns one field of tote_otlp_options, instead of the handler of diagnostics.
 * `index` is that of a header, otherwise 0. The message names neither the field nor its value.
 */
struct tote__option_reporter {
    void (*report)(void *self, tote_level level, const char *field, size_t index,
                   const char *message);
    void *self;
};

/* Like tote_span_exporter_otlp_new(). The reporter is used only for the call. */
tote_span_exporter *tote__span_exporter_otlp_new(const tote_otlp_options *options,
                                                 const struct tote__option_reporter *reporter);

/* Like tote_otlp_disk_queue_send(). tote__delivery_send() describes `stop`. */
tote_result tote__otlp_disk_queue_send(const tote_otlp_options *options, uint32_t timeout_ms,
                                       const volatile sig_atomic_t *stop,
                                       tote_disk_queue_report *report);

#endif
