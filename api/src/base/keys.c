/* SPDX-License-Identifier: MIT */
/*
 * keys.c - the table of keys
 *
 * Tests: tests/unit/test_span.c
 */
#include "tote/internal/keys.h"

#define ENTRY(name, text) {text, sizeof(text) - 1},
const struct tote__key tote__keys[TOTE__KEY_COUNT] = {TOTE__KEYS(ENTRY)};

#define CHECK(name, text)                                                                          \
    _Static_assert(sizeof(text) < TOTE__KEY_BYTES, "the key is too long for the table: " text);
TOTE__KEYS(CHECK)
