/* SPDX-License-Identifier: MIT */
/*
 * claim.c - files and directories that this process uses
 *
 * Tests: tests/unit/test_disk_queue_claim.c
 */
#include "tote/internal/claim.h"

/* Return whether another claim has it. */
static bool is_claimed(const struct tote__claims *claims, const struct tote__claim *but,
                       dev_t device, ino_t inode) {
    for (const struct tote__claim *other = claims->first; other; other = other->next) {
        if (other != but && other->generation == tote__generation() && other->device == device &&
            other->inode == inode) {
            return true;
        }
    }
    return false;
}

/* A claim stays in the list until it is dropped. */
static void enter(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                  ino_t inode) {
    if (!claim->generation) {
        claim->next = claims->first;
        claims->first = claim;
    }
    claim->generation = tote__generation();
    claim->device = device;
    claim->inode = inode;
}

bool tote__claim_take(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                      ino_t inode) {
    tote__lock_take(&claims->lock);
    bool is_free = !is_claimed(claims, claim, device, inode);
    if (is_free) {
        enter(claims, claim, device, inode);
    }
    tote__lock_drop(&claims->lock);
    return is_free;
}

void tote__claim_share(struct tote__claims *claims, struct tote__claim *claim, dev_t device,
                       ino_t inode) {
    tote__lock_take(&claims->lock);
    enter(claims, claim, device, inode);
    tote__lock_drop(&claims->lock);
}

void tote__claim_drop(struct tote__claims *claims, struct tote__claim *claim) {
    tote__lock_take(&claims->lock);
    for (struct tote__claim **link = &claims->first; *link; link = &(*link)->next) {
        if (*link == claim) {
            *link = claim->next;
            break;
        }
    }
    claim->generation = 0;
    tote__lock_drop(&claims->lock);
}

bool tote__is_claimed(struct tote__claims *claims, dev_t device, ino_t inode) {
    tote__lock_take(&claims->lock);
    bool has_it = is_claimed(claims, NULL, device, inode);
    tote__lock_drop(&claims->lock);
    return has_it;
}
