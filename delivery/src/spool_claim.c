/* SPDX-License-Identifier: MIT */
/*
 * spool_claim.c - one exporter of a process for a disk queue's directory
 */
#include "tote/internal/spool_claim.h"

#include "tote/internal/fork.h"
#include "tote/internal/lock.h"

static struct tote__lock claims_lock;
static struct tote__spool_claim *claims;

static bool is_free(const struct tote__spool_claim *claim, const struct stat *status) {
    for (const struct tote__spool_claim *other = claims; other; other = other->next) {
        if (other != claim && other->generation == tote__generation() &&
            other->device == status->st_dev && other->inode == status->st_ino) {
            return false;
        }
    }
    return true;
}

bool tote__spool_claim_take(struct tote__spool_claim *claim, int directory) {
    struct stat status;

    if (fstat(directory, &status) != 0) {
        return true; /* no other claim can be the same */
    }
    tote__lock_take(&claims_lock);
    bool is_taken = is_free(claim, &status);
    if (is_taken) {
        if (!claim->generation) {
            claim->next = claims;
            claims = claim;
        }
        claim->generation = tote__generation();
        claim->device = status.st_dev;
        claim->inode = status.st_ino;
    }
    tote__lock_drop(&claims_lock);
    return is_taken;
}

void tote__spool_claim_drop(struct tote__spool_claim *claim) {
    tote__lock_take(&claims_lock);
    for (struct tote__spool_claim **link = &claims; *link; link = &(*link)->next) {
        if (*link == claim) {
            *link = claim->next;
            break;
        }
    }
    claim->generation = 0;
    tote__lock_drop(&claims_lock);
}
