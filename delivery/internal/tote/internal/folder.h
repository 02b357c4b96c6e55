/* SPDX-License-Identifier: MIT */
/*
 * folder.h - a directory and its files, protected from other users
 *
 * The directory belongs to one user, and only that user may write to it. A file is opened only if
 * it is a regular file of that user. Links of other users are not followed, and FIFOs do not block.
 * Files that root creates in the directory of another user become files of that user.
 *
 * Threads: as for the descriptor.
 */
#ifndef TOTE_DELIVERY_FOLDER_H
#define TOTE_DELIVERY_FOLDER_H

#include <dirent.h>
#include <sys/stat.h>

#include "tote/internal/memory.h"

struct tote__folder {
    int descriptor; /* -1: none */
    uid_t owner;
    gid_t group;
    dev_t device;
    ino_t inode;
};

enum { TOTE__FOLDER_PROBLEM_BYTES = 256 };

/* Any owner: only for root, on explicit request. */
#define TOTE__ANY_OWNER ((uid_t)-1)

/*
 * Open the directory, and create it with mode 0700 if it is missing and `may_make` is set. Returns
 * false, and writes the cause and the cure to `problem`, if it does not belong to `owner`, if every
 * user may write to it, or if a symbolic link on the way belongs neither to root nor to this user.
 */
bool tote__folder_open(const char *path, uid_t owner, bool may_make, struct tote__folder *folder,
                       char problem[TOTE__FOLDER_PROBLEM_BYTES]);

/* Return an absolute copy of a path. An empty path stays empty. Returns NULL if out of memory. */
char *tote__absolute_path(const char *path);

/* Return the same in the arena. Returns NULL if out of memory. */
const char *tote__keep_path(struct tote__arena *arena, const char *path);

/*
 * Return whether the directory belongs to another user than this process runs as: it may become
 * usable after a change of user.
 */
bool tote__folder_is_of_another_user(const char *path);

/*
 * Duplicate a folder that the parent process opened. Returns false if the inherited descriptor is
 * closed or was reused.
 */
bool tote__folder_reopen(const struct tote__folder *inherited, struct tote__folder *folder);

/* Describe a folder by a borrowed descriptor. Returns false if the descriptor is closed. */
bool tote__folder_borrow(int descriptor, struct tote__folder *folder);

/*
 * Return whether the descriptor still refers to the directory. A host may close descriptors that it
 * does not know, and their number may be reused: check before each use.
 */
bool tote__folder_is_open(const struct tote__folder *folder);

/* Close the descriptor if it still refers to the directory. */
void tote__folder_close(struct tote__folder *folder);

/* A scan of a directory, continued from call to call. */
struct tote__listing {
    DIR *directory; /* NULL: no scan */
    struct tote__folder folder;
};

/* Start a scan. Takes ownership of the descriptor, also on failure. */
bool tote__listing_begin(const struct tote__folder *folder, struct tote__listing *listing);

/* Return the next file name, valid until the next call. Returns NULL after the last one. */
const char *tote__listing_next(struct tote__listing *listing);

/* As for a folder. A listing without a scan is not open. */
bool tote__listing_is_open(const struct tote__listing *listing);
void tote__listing_close(struct tote__listing *listing);

/* Return whether the directory was removed. */
bool tote__folder_is_removed(const struct tote__folder *folder);

/* Wait until renamed files have their new names on the disk. Returns false with errno set. */
bool tote__folder_sync(const struct tote__folder *folder);

/*
 * Return whether this is the status of a regular file of the folder's owner that no other user may
 * write to.
 */
bool tote__folder_owns(const struct tote__folder *folder, const struct stat *status);

/*
 * Open a file with O_RDONLY or O_RDWR, and get its status. Returns -1 with errno set; EPERM unless
 * tote__folder_owns() accepts it.
 */
int tote__folder_open_file(const struct tote__folder *folder, const char *name, int access,
                           struct stat *status);

/*
 * Create a file with mode 0600 and open it with O_WRONLY or O_RDWR. Returns -1 with errno set;
 * EEXIST if it exists.
 */
int tote__folder_create_file(const struct tote__folder *folder, const char *name, int access);

/* Return whether a regular file of that name exists, and its status. Links are not followed. */
bool tote__folder_has_file(const struct tote__folder *folder, const char *name,
                           struct stat *status);

/* Returns false with errno set. */
bool tote__folder_rename(const struct tote__folder *folder, const char *from, const char *to);

/* Preserves errno. */
bool tote__folder_remove(const struct tote__folder *folder, const char *name);

#endif
