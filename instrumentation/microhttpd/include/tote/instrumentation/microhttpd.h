/* SPDX-License-Identifier: MIT */
/**
 * @file tote/instrumentation/microhttpd.h
 * Requests and responses of GNU libmicrohttpd as carriers.
 *
 *     tote_context *remote = tote_extract(tote_context_root(), connection, tote_microhttpd_getter());
 *
 * Threads: as libmicrohttpd's.
 */
#ifndef TOTE_INSTRUMENTATION_MICROHTTPD_H
#define TOTE_INSTRUMENTATION_MICROHTTPD_H

#include <microhttpd.h>

#include "tote/propagator.h"

TOTE_BEGIN_DECLS

/** Reads the headers of a request: the carrier is its `struct MHD_Connection *`. */
TOTE_API const tote_text_map_getter *tote_microhttpd_getter(void);

/**
 * Writes headers of a response: the carrier is a `struct MHD_Response *`. Mind that whoever asked gets what the
 * store says.
 */
TOTE_API const tote_text_map_setter *tote_microhttpd_setter(void);

TOTE_END_DECLS

#ifdef TOTE_DISABLED /* see tote/common.h */
#define tote_microhttpd_getter(...)                                                               \
    (TOTE__OFF((tote_microhttpd_getter)(__VA_ARGS__)),                                            \
     (const tote_text_map_getter *)tote__off_pointer())
#define tote_microhttpd_setter(...)                                                               \
    (TOTE__OFF((tote_microhttpd_setter)(__VA_ARGS__)),                                            \
     (const tote_text_map_setter *)tote__off_pointer())
#endif

#endif
