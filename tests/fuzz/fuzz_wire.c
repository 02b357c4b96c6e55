/* SPDX-License-Identifier: MIT */
/* fuzz_wire.c - attributes read from any bytes can be written, and read back the same */
#include "fuzz.h"
#include "tote/internal/wire.h"

static void write_and_read_again(const tote_attribute *attribute) {
    struct tote__arena arena = {0};
    tote_attribute *again = NULL;
    size_t count = 0, key_length = strlen(attribute->key);
    size_t size =
        tote__attribute_size(attribute->key, key_length, attribute->value, &tote__wire_no_limits);
    uint8_t *out = malloc(size ? size : 1);

    MUST(out);
    MUST(tote__put_attribute(out, TOTE__TAG_SPAN_ATTRIBUTE, attribute->key, key_length,
                             attribute->value, &tote__wire_no_limits) == out + size);
    MUST(tote__unpack_attributes((struct tote__slice){out, size}, TOTE__TAG_SPAN_ATTRIBUTE >> 3,
                                 &arena, &again, &count));
    MUST(count == 1);
    tote__arena_clear(&arena);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tote__arena arena = {0};
    tote_attribute *attributes = NULL;
    size_t count = 0;
    char text[64];

    MUST(tote__unpack_attributes((struct tote__slice){data, size}, TOTE__TAG_SPAN_ATTRIBUTE >> 3,
                                 &arena, &attributes, &count));
    for (size_t i = 0; i < count; i++) {
        tote_value_to_text(attributes[i].value, text, sizeof text);
        MUST(memchr(text, '\0', sizeof text));
        MUST(tote_value_equals(attributes[i].value, attributes[i].value));
        write_and_read_again(&attributes[i]);
    }
    tote__arena_clear(&arena);
    return 0;
}
