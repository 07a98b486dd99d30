/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_STORE_H
#define SELFSAME_STORE_H

#include "base/base.h"

/*
 * Where a log keeps itself: the narrow interface between the log core and storage.
 * What it asks for any machine or cloud has: immutable blobs, one small value under
 * compare-and-swap, an index of what is there already, and one batch staged before it
 * gets its place. Every call that writes is durable when it returns OK; what failed may
 * have happened or not, and is found out by asking again. But DENIED of put_new, replace
 * and stage: out of descriptors or memory before anything got its name, so that nothing
 * happened and another batch may take the place.
 *
 *   store_posix.c   blobs as files, the lock that one process holds
 *   store_stage.c   the staged batch
 *   store_sqlite.c  state and index
 *   store_file.c    one durable step after another, so that tests can fail each
 *   store_sync.c    several syncs at once
 *
 * Blobs, state and index may be read by any thread at any time; one thread stages, puts
 * and swaps, and one replaces and drops.
 */
enum { STORE_KEY = 32, STORE_VALUE = 256, STORE_PATH = 256 };

struct store;
struct store_blob {
    const char *path; /* below the store's root: "tile/0/000" */
    struct selfsame_bytes bytes;
};
/* A change of state: the value, and what the index learns with it, or nothing at all. */
struct store_swap {
    const char *key;
    struct selfsame_bytes old, new; /* old absent: there is none yet */
    const uint8_t (*index)[STORE_KEY];
    size_t index_count;
    uint64_t first; /* index[i] stands for position first + i; the first one stays */
};
struct store_class {
    const char *name;
    /*
     * All of them, and all durable. The same bytes again are fine; other bytes under a
     * path that is taken are LOG: whoever wrote them has another history.
     */
    enum selfsame_code (*put_new)(struct store *s, const struct store_blob *blobs,
        size_t count, struct selfsame_err *e);
    /* ptr NULL when there is none. */
    enum selfsame_code (*get)(struct store *s, const char *path, struct arena *arena,
        struct selfsame_bytes *ret, struct selfsame_err *e);
    /* The same as a file that the caller closes; -1 when there is none. */
    enum selfsame_code (*open)(struct store *s, const char *path, int *ret_fd,
        uint64_t *ret_size, struct selfsame_err *e);
    /* Readers see the former bytes or these. */
    enum selfsame_code (*replace)(
        struct store *s, const struct store_blob *blob, struct selfsame_err *e);
    /* What nobody needs any more: all blobs below a path. Not durable, may fail silently. */
    void (*drop)(struct store *s, const char *path);
    /* After replace, once nobody waits: what could be put off. */
    void (*tidy)(struct store *s);

    /* ptr NULL when there is none. */
    enum selfsame_code (*state)(struct store *s, const char *key, struct arena *arena,
        struct selfsame_bytes *ret, struct selfsame_err *e);
    /* False: the state was another. True also when it is the new one already. */
    enum selfsame_code (*swap)(struct store *s, const struct store_swap *swap,
        bool *ret_swapped, struct selfsame_err *e);
    enum selfsame_code (*find)(struct store *s, const uint8_t key[static STORE_KEY],
        bool *ret_found, uint64_t *ret_position, struct selfsame_err *e);

    /*
     * The one staged batch, replaced by the next; a torn one is none. It is durable
     * before any blob that is put after it can be seen.
     */
    enum selfsame_code (*stage)(struct store *s, uint64_t first,
        struct selfsame_bytes batch, struct selfsame_err *e);
    /* ptr NULL when there is none. */
    enum selfsame_code (*staged)(struct store *s, struct arena *arena,
        uint64_t *ret_first, struct selfsame_bytes *ret, struct selfsame_err *e);
    void (*close)(struct store *s);
};
struct store {
    const struct store_class *class;
};
void store_close(struct store **s);
#define auto_store __attribute__((cleanup(store_close))) struct store

/*
 * Tests: called before each step that the disk must see, in the order of the steps.
 * Returns 0, or the errno that the step then fails with.
 */
struct store_probe {
    int (*before)(void *ctx, const char *step, const char *path);
    void *ctx;
};
struct store_posix_config {
    const char *dir;                 /* state.sqlite, staged, lock, temporary files */
    const char *root;                /* of blobs; NULL: "public" in dir */
    bool create;                     /* make what is missing */
    bool read_only;                  /* no lock, and every call that writes fails */
    const struct store_probe *probe; /* or NULL */
};
/* IO, also when another process has the lock, and MALFORMED for what is no store. */
MUST enum selfsame_code store_posix_open(
    const struct store_posix_config *c, struct store **ret, struct selfsame_err *e);

#endif
