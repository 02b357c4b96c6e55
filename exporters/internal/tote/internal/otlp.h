/* SPDX-License-Identifier: MIT */
/*
 * otlp.h - creates an OTLP exporter from a configuration file
 */
#ifndef TOTE_INTERNAL_OTLP_H
#define TOTE_INTERNAL_OTLP_H

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

#endif
