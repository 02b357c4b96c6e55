/* SPDX-License-Identifier: MIT */
/* received.h - the spans that a receiver got */
#ifndef TOTE_TESTS_RECEIVED_H
#define TOTE_TESTS_RECEIVED_H

#include <stddef.h>

#include "otlp/request.pb-c.h"
#include "receiver.h"

/*
 * Call `see`, if not NULL, for each span of all requests so far. Returns how many spans there are.
 */
size_t received_spans(struct receiver *receiver, void (*see)(const Tote__Otlp__Span *span));

/* Of the requests that it accepted. */
size_t received_accepted_spans(struct receiver *receiver,
                               void (*see)(const Tote__Otlp__Span *span));

#endif
