/* SPDX-License-Identifier: MIT */
/*
 * folder.h - a directory and the files in it, safe from other users
 *
 * The directory belongs to one user, and only that user may write to it. A file in it is opened
 * only if it is a regular file of that user. Nothing here follows a link of another user or waits
 * for the other end of a FIFO. Files that root creates in the directory of another user become
 * files of that user.
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

/* Any owner: for root, and only on an administrator's command. */
#define TOTE__ANY_OWNER ((uid_t)-1)

/*
 * Open the directory, and create it with mode 0700 if it is missing and `may_make` is set. Returns
 * false, and writes the cause and the cure to `problem`, if it does not belong to `owner`, if every
 * user may write to it, or if a symbolic link on the way belongs neither to root nor to this user.
 */
bool tote__folder_open(const char *path, uid_t owner, bool may_make, struct tote__folder *folder,
                       char problem[TOTE__FOLDER_PROBLEM_BYTES]);

/*
 * Return a copy that means the same once the working directory is another one. An empty path stays
 * empty. NULL if out of memory.
 */
char *tote__absolute_path(const char *path);

/* Return the same in the arena. NULL if out of memory. */
const char *tote__keep_path(struct tote__arena *arena, const char *path);

/*
 * Return whether the directory belongs to another user than the one that this process runs as, so
 * that it can be used once the process has changed to that user.
 */
bool tote__folder_is_of_another_user(const char *path);

/*
 * Open a folder that the parent process opened once more. Returns false if the inherited descriptor
 * is closed or refers to something else by now.
 */
bool tote__folder_reopen(const struct tote__folder *inherited, struct tote__folder *folder);

/*
 * Describe a folder that somebody else opened and closes. Returns false if the descriptor is
 * closed.
 */
bool tote__folder_borrow(int descriptor, struct tote__folder *folder);

/*
 * Return whether the descriptor is still that of the directory. A host may close descriptors that
 * it does not know, and the number may be another file's by now: ask before each use.
 */
bool tote__folder_is_open(const struct tote__folder *folder);

/* The descriptor is closed only if it is still that of the directory. */
void tote__folder_close(struct tote__folder *folder);

/* A look at the files of a directory, which goes on from call to call. */
struct tote__listing {
    DIR *directory; /* NULL: none is under way */
    struct tote__folder folder;
};

/* Begin a look at a directory. The descriptor is the listing's from now on, and closed on failure.
 */
bool tote__listing_begin(const struct tote__folder *folder, struct tote__listing *listing);

/* Return the name of another file, until the next call; NULL after the last one. */
const char *tote__listing_next(struct tote__listing *listing);

/* The two as of a folder. A listing that is not under way is not open. */
bool tote__listing_is_open(const struct tote__listing *listing);
void tote__listing_close(struct tote__listing *listing);

/* Return whether the directory was removed. */
bool tote__folder_is_removed(const struct tote__folder *folder);

/*
 * Wait until renamed files are on the disk under their new names. Returns false, with errno set, on
 * an error of the disk.
 */
bool tote__folder_sync(const struct tote__folder *folder);

/*
 * Return whether a file with this status is a regular one of the folder's owner, which no other
 * user may write to.
 */
bool tote__folder_owns(const struct tote__folder *folder, const struct stat *status);

/*
 * Open a file with O_RDONLY or O_RDWR. Returns -1 with errno set; EPERM if the file is not what
 * tote__folder_owns() wants. `status` is the status of the file that was opened.
 */
int tote__folder_open_file(const struct tote__folder *folder, const char *name, int access,
                           struct stat *status);

/*
 * Create a file with mode 0600 and open it with O_WRONLY or O_RDWR. Returns -1 with errno set;
 * EEXIST if there is one.
 */
int tote__folder_create_file(const struct tote__folder *folder, const char *name, int access);

/* Return whether there is a regular file of that name, and its status. No link is followed. */
bool tote__folder_has_file(const struct tote__folder *folder, const char *name,
                           struct stat *status);

/* Return false, with errno set, if that cannot be done. */
bool tote__folder_rename(const struct tote__folder *folder, const char *from, const char *to);

/* Keeps errno. */
bool tote__folder_remove(const struct tote__folder *folder, const char *name);

#endif
