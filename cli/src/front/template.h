/* SPDX-License-Identifier: MIT */
/*
 * template.h - the context of a span in the arguments of a command
 */
#ifndef TOTE_CLI_TEMPLATE_H
#define TOTE_CLI_TEMPLATE_H

#include "tote/api.h"

/*
 * Return a copy of the arguments in which {{traceparent}}, {{tracestate}}, {{baggage}},
 * {{trace_id}} and {{span_id}} are replaced. Other text in braces stays. The formats are those of
 * W3C. Returns NULL if out of memory. The result and each element are freed by free().
 */
char **template_fill(char *const *arguments, const tote_context *context);

void template_free(char **arguments);

#endif
