/* SPDX-License-Identifier: MIT */
/*
 * fuzz_text.c - UTF-8 and percent encoding
 */
#include "fuzz.h"
#include "tote/internal/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    const char *text = (const char *)data;
    size_t repaired_length = tote__utf8_repaired_length(text, size);
    char *out = malloc(repaired_length + size + 1);

    MUST(out);
    MUST(tote__utf8_repair(out, text, size) == out + repaired_length);
    MUST(tote__utf8_valid_prefix(out, repaired_length) == repaired_length);
    MUST(tote__utf8_prefix(text, size, 7) <= size);
    size_t cut = tote__utf8_cut(out, repaired_length, repaired_length / 2);
    MUST(cut <= repaired_length / 2 && tote__utf8_valid_prefix(out, cut) == cut);
    MUST(tote__percent_decode(out, text, size, NULL) <= size);
    free(out);
    return 0;
}
