/* SPDX-License-Identifier: MIT */
/*
 * text.h - UTF-8, header tokens, percent encoding: independent of the locale
 */
#ifndef TOTE_INTERNAL_TEXT_H
#define TOTE_INTERNAL_TEXT_H

#include "tote/internal/shared.h"

/* How many bytes from the start on are valid UTF-8: `length` when all are. */
TOTE_SHARED size_t tote__utf8_valid_prefix(const char *text, size_t length);

/* How long the text is with each run of bytes that is no code point replaced by U+FFFD. */
TOTE_SHARED size_t tote__utf8_repaired_length(const char *text, size_t length);

/* Write it like that. Returns: the end of what was written. */
TOTE_SHARED char *tote__utf8_repair(char *out, const char *text, size_t length);

/* How many bytes its first `code_points` are; what is broken counts as the U+FFFD it would become. */
TOTE_SHARED size_t tote__utf8_prefix(const char *text, size_t length, size_t code_points);

/* The most bytes, `size` or fewer, that cut no code point. */
TOTE_SHARED size_t tote__utf8_cut(const char *text, size_t length, size_t size);

/* A character of a token. Spec: RFC 7230 section 3.2.6 */
TOTE_SHARED bool tote__is_token(const char *text, size_t length);

TOTE_SHARED bool tote__equals_ignoring_case(const char *a, size_t a_length, const char *b,
                                            size_t b_length);

/* Drop spaces and tabs at both ends. */
TOTE_SHARED void tote__trim(const char **text, size_t *length);

/*
 * Decode %HH once, into `out`, which has `length` bytes. What is no escape stays as
 * it is. Returns: the decoded length; `malformed`, if not NULL, tells whether a % was no escape.
 */
TOTE_SHARED size_t tote__percent_decode(char *out, const char *text, size_t length,
                                        bool *malformed);

/* 64 bits of hash; not for a hostile world, bounded tables only. */
TOTE_SHARED uint64_t tote__hash(const void *bytes, size_t length);

#endif
