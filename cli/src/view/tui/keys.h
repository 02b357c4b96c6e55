/* SPDX-License-Identifier: MIT */
/*
 * keys.h - the table of keys: it is dispatched, and displayed as help
 */
#ifndef TOTE_CLI_KEYS_H
#define TOTE_CLI_KEYS_H

#include "ui.h"

enum { MOST_KEYS = 4 };

struct key_binding {
    unsigned screens;    /* enum ui_screen */
    int keys[MOST_KEYS]; /* the rest is 0 */
    int last;            /* the keys are a range that ends here; 0: they are not */
    const char *shown;   /* names of the keys */
    void (*act)(struct ui *ui, int argument);
    int argument;
    const char *help;
};

/* A group of bindings, in the help. */
struct key_group {
    const char *title;
    const struct key_binding *bindings;
    size_t count;
};

extern const struct key_group key_groups[];
extern const size_t key_group_count;

/* Return the binding of a key on a screen; NULL: none. */
const struct key_binding *key_find(enum ui_screen screen, int key);

#endif
