/* SPDX-License-Identifier: MIT */
/* fuzz_hiredis.c - formatted commands of Redis: no argument is recorded */
#include "fuzz.h"
#include "hiredis_parts.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct tote__hiredis_description description;
    char *text = malloc(size ? size : 1);
    struct tote__hiredis_command command = {.text = {text, size}};

    MUST(text);
    memcpy(text, data, size);
    while (tote__hiredis_describe(&command, &description)) {
        size_t name = strlen(description.operation);
        MUST(name > 0 && name < sizeof description.operation);
        MUST(command.text.length < size && command.text.at + command.text.length == text + size);
        MUST(description.text_length <= sizeof description.text);
        MUST(memcmp(description.text, description.operation, name) == 0);
        for (size_t i = name; i < description.text_length; i++) {
            MUST(strchr(" ?.", description.text[i]));
        }
        MUST(strlen(description.procedure) < sizeof description.procedure);
        MUST(description.database >= -1 && description.database < 1000000);
    }
    free(text);
    return 0;
}
