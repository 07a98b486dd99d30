/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_OS_H
#define SELFSAME_OS_H

#include "base/base.h"

/*
 * Files, time and processes without trust: the only place besides net/, tls/,
 * collectors and launchers where the system is asked. Nothing is lost: files are
 * written to a temporary name, fsynced, renamed.
 */
void fd_close(int *fd);
#define auto_fd __attribute__((cleanup(fd_close))) int

int64_t os_now_ms(void);

/* "cannot open PATH: why", from errno, with a remedy for the usual reasons. Returns IO. */
enum selfsame_code file_error(
    struct selfsame_err *e, const char *what, const char *path);
/* "empty file: expected evidence", as every command says it; the caller names the file. MALFORMED. */
enum selfsame_code file_empty(struct selfsame_err *e, const char *expected);

/* Reads a whole regular file or stdin ("-"), at most `limit` bytes. IO names path and cause; USAGE too large. */
MUST enum selfsame_code file_read(const char *path, size_t limit, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e);
/* Atomically, mode 0644 or 0600. */
MUST enum selfsame_code file_write(
    const char *path, struct selfsame_bytes data, bool secret, struct selfsame_err *e);
/* A key that others can read is no longer only its owner's: USAGE. What is not there is found out by whoever reads it. */
MUST enum selfsame_code file_is_private(const char *path, struct selfsame_err *e);
/* For larger outputs: write to fd, then commit; discard removes the temporary file. */
struct file_draft {
    int fd;                           /* -1: none */
    char path[1024], temporary[1088]; /* temporary: "" while it has no name */
};
MUST enum selfsame_code draft_open(
    struct file_draft *d, const char *path, bool secret, struct selfsame_err *e);
MUST enum selfsame_code draft_commit(struct file_draft *d, struct selfsame_err *e);
void draft_discard(struct file_draft *d); /* after commit: nothing */
#define auto_draft __attribute__((cleanup(draft_discard))) struct file_draft

MUST enum selfsame_code fd_write_all(
    int fd, struct selfsame_bytes b, const char *what, struct selfsame_err *e);
MUST enum selfsame_code fd_pread_all(int fd, uint64_t offset, uint8_t *buf, size_t len,
    const char *what, struct selfsame_err *e);
/* -p; secret: mode 0700, and one that is there must be this user's alone to write. */
MUST enum selfsame_code dir_make(const char *path, bool secret, struct selfsame_err *e);
/* Removes a tree this project made; never follows symbolic links, never crosses a mount. */
MUST enum selfsame_code dir_remove(const char *path, struct selfsame_err *e);
/* $XDG_RUNTIME_DIR/selfsame, /run/selfsame (root) or ~/.cache/selfsame; made 0700. */
MUST enum selfsame_code dir_runtime(
    struct arena *arena, char **ret, struct selfsame_err *e);

/*
 * How many descriptors this process may have: raises the soft limit to `need`, as far as
 * the hard one lets it, so that a server is not at the mercy of the 1024 that most
 * systems begin with.
 */
uint64_t os_descriptors(uint64_t need);

/*
 * After this SIGINT, SIGTERM and SIGHUP end no process: fd_write_all and
 * fd_pread_all fail, so that whoever works cleans up behind itself.
 */
void os_interruptible(void);
bool os_interrupted(void);

#endif
