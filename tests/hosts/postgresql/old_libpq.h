/* SPDX-License-Identifier: MIT */
/* old_libpq.h - a function of libpq before version 14, which has no PQpipelineSync() */
#ifndef TOTE_TESTS_OLD_LIBPQ_H
#define TOTE_TESTS_OLD_LIBPQ_H

__attribute__((visibility("default"))) const char *PQexec(void *conn, const char *query);

#endif
