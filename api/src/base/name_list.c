/* SPDX-License-Identifier: MIT */
/*
 * name_list.c - lists of allowed names
 *
 * Tests: tests/unit/test_trust.c
 */
#include "tote/internal/name_list.h"

#include <string.h>

void tote__name_list_clear(struct tote__name_list *list) {
    tote__arena_clear(&list->memory);
    *list = (struct tote__name_list){.names = NULL};
}

bool tote__name_list_copy(struct tote__name_list *list, const char *const *names, size_t count) {
    struct tote__name_list made = {.count = count};
    bool is_copied = true;

    if (names) { /* the list may be empty */
        made.names = tote__arena_allocate(&made.memory, (count + 1) * sizeof *names);
        is_copied = made.names != NULL;
    }
    for (size_t i = 0; made.names && is_copied && i < count; i++) {
        const char *name = names[i] ? names[i] : "";
        made.names[i] = tote__arena_text(&made.memory, name, strlen(name));
        is_copied = made.names[i] != NULL;
    }
    if (!is_copied) {
        tote__name_list_clear(&made);
        return false;
    }
    tote__name_list_clear(list);
    *list = made;
    return true;
}

bool tote__name_list_allows(const struct tote__name_list *list, const char *name) {
    for (size_t i = 0; list->names && i < list->count; i++) {
        if (strcmp(list->names[i], name) == 0) {
            return true;
        }
    }
    return !list->names;
}
