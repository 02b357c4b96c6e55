/* SPDX-License-Identifier: MIT */
/*
 * fuzz.h - included by every fuzz target
 *
 * A target is one function. libFuzzer calls it with generated input; without libFuzzer, replay.c
 * calls it with the files of the corpus.
 */
#ifndef TOTE_TESTS_FUZZ_H
#define TOTE_TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A condition that holds for every input. */
#define MUST(condition) ((condition) ? (void)0 : abort())

#endif
