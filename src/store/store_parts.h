/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_STORE_PARTS_H
#define SELFSAME_STORE_PARTS_H

#include "store/store.h"

#include <pthread.h>
#include <stdatomic.h>

struct sqlite3;
struct sqlite3_stmt;

/* ---- store_sqlite.c: one writer, readers that wait for nobody but each other ---- */
struct database {
    struct sqlite3 *writer, *reader; /* writer NULL: read only */
    struct sqlite3_stmt *put_state, *put_index, *get_state, *find;
    pthread_mutex_t reading, writing;
    bool locks;    /* the two are made */
    bool snapshot; /* the reader's transaction, of what `written` was */
    unsigned long snapshot_of;
    atomic_ulong written;
    const struct store_probe *probe;
    char path[1024];
};
MUST enum selfsame_code database_open(struct database *d, const char *path, bool create,
    bool read_only, struct selfsame_err *e);
void database_close(struct database *d);
MUST enum selfsame_code database_state(struct database *d, const char *key,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e);
MUST enum selfsame_code database_swap(struct database *d, const struct store_swap *swap,
    bool *ret_swapped, struct selfsame_err *e);
MUST enum selfsame_code database_find(struct database *d,
    const uint8_t key[static STORE_KEY], bool *ret_found, uint64_t *ret_position,
    struct selfsame_err *e);

/* ---- store_sync.c ---- */
enum { SYNC_THREADS = 6 };
struct sync_job {
    int fd;
    bool directory;
    int error; /* 0: done */
};
struct syncer {
    pthread_t thread[SYNC_THREADS];
    size_t threads;
    pthread_mutex_t lock;
    pthread_cond_t work, done;
    struct sync_job *jobs;
    size_t count, next, finished;
    bool opened, closing;
};
void syncer_open(struct syncer *s);
void syncer_close(struct syncer *s);
/* All of them; one thread may ask. */
void syncer_run(struct syncer *s, struct sync_job *jobs, size_t count);

/* ---- store_file.c: paths are relative to a directory, every step is probed ---- */
struct file_place {
    int dir;          /* of the paths */
    const char *name; /* for messages */
    const struct store_probe *probe;
};
/* 0, or the errno that the test wants. */
int probe_before(const struct store_probe *p, const char *step, const char *path);
/* Opening and writing: DENIED, out of descriptors or memory; nothing has a name yet. */
MUST enum selfsame_code place_open(const struct file_place *p, const char *path,
    int flags, int *ret_fd, struct selfsame_err *e);
MUST enum selfsame_code place_write(const struct file_place *p, int fd,
    struct selfsame_bytes b, const char *path, struct selfsame_err *e);
MUST enum selfsame_code place_sync(
    const struct file_place *p, int fd, const char *path, struct selfsame_err *e);
MUST enum selfsame_code place_open_dir(
    const struct file_place *p, const char *path, int *ret_fd, struct selfsame_err *e);
/* The directory itself: it is open, so that nothing can be missing for it. */
MUST enum selfsame_code place_sync_own(
    const struct file_place *p, struct selfsame_err *e);
/* Only the probe's word on a sync that comes later. */
MUST enum selfsame_code place_may_sync(const struct file_place *p, const char *step,
    const char *path, struct selfsame_err *e);
/* Or it is there; its parent has to be synced. */
MUST enum selfsame_code place_make(
    const struct file_place *p, const char *path, struct selfsame_err *e);
/* *ret_taken: the name is taken, and nothing was renamed. */
MUST enum selfsame_code place_rename_new(const struct file_place *p, const char *from,
    const char *to, bool *ret_taken, struct selfsame_err *e);
MUST enum selfsame_code place_rename(const struct file_place *p, const char *from,
    const char *to, struct selfsame_err *e);
/* "IO: cannot STEP NAME/PATH: why", from errno. */
enum selfsame_code place_error(const struct file_place *p, const char *what,
    const char *path, struct selfsame_err *e);

#endif
