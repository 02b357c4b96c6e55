/* SPDX-License-Identifier: MIT */
/*
 * attempt.h - the attempts of all OTLP exporters, for tote check
 */
#ifndef TOTE_OTLP_ATTEMPT_H
#define TOTE_OTLP_ATTEMPT_H

#include "otlp/options.h"
#include "otlp/transport/export_result.h"

/* Called after each attempt, on the thread that exports. The arguments are valid for the call. */
typedef void tote__attempt_observer(const struct tote__otlp_settings *settings,
                                    const struct tote__response *response,
                                    const struct tote__export_result *export_result);

/*
 * Set the observer of this process; NULL: none. The timeout of exporters that are created while it
 * is set is at most `most_ms`.
 */
void tote__observe_attempts(tote__attempt_observer *observe, uint32_t most_ms);

#endif
