/* SPDX-License-Identifier: MIT */
/* tree.h - for tests: removal of a directory with everything in it */
#ifndef TOTE_TESTS_TREE_H
#define TOTE_TESTS_TREE_H

#include "support.h"

#include <ftw.h>
#include <stdio.h>

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *at) {
    (void)status, (void)type, (void)at;
    return remove(path);
}

static inline void remove_tree(const char *directory) {
    assert_int_equal(nftw(directory, remove_entry, 8, FTW_DEPTH | FTW_PHYS), 0);
}

#endif
