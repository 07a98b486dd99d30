/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_CORE_H
#define SELFSAME_LOG_CORE_H

#include "log/log.h"
#include "store/store.h"

#include <pthread.h>

/*
 * A transparency log in a process, without HTTP: any thread adds entries; one sequencer
 * gives them their places; one publisher signs, has cosigned and publishes.
 *
 * The order of what becomes durable is what makes it safe to die anywhere: a batch is
 * staged, its bundles and tiles are written, then the state changes from the tree of
 * before to the tree with it, then that tree alone is signed, and then the checkpoint is
 * replaced. Who asked is answered last. After a start a staged batch is written again to
 * the same places with the same bytes.
 *
 *   log_core.c      entries come in and wait
 *   log_sequence.c  batches get their places
 *   log_publish.c   trees are signed and answers given
 *   log_recover.c   what must agree before anything is written
 *   log_check.c     everything, computed again from the entries
 *   log_tree.c      the right edge and paths
 */
struct log_core;

/* What a witness client is asked: the note as the log signed it. */
struct log_cosign {
    struct selfsame_bytes note;
    struct checkpoint checkpoint;
    struct merkle_source source; /* of consistency paths up to checkpoint.size */
};
struct log_receipt {
    uint64_t index;
    struct merkle_path path;
    struct selfsame_bytes checkpoint; /* the whole note, durable and cosigned */
};
enum log_news { LOG_UNMET, LOG_MET, LOG_SCARCE, LOG_HALTED };
struct log_core_config {
    struct store *store; /* borrowed */
    struct selfsame_bytes origin;
    const struct key *key; /* Ed25519 */
    /* What makes two entries the same; NULL: the SHA-256 of all of it. */
    enum selfsame_code (*identify)(struct selfsame_bytes entry,
        uint8_t ret[static STORE_KEY], struct selfsame_err *e);
    /*
     * Lines of cosignatures that meet the quorum, or LOG; called by one thread, without
     * a lock. IO stops the log: a witness has seen more of it than it knows itself.
     * `met`: does a published note have its quorum (after a change of policy)? NULL: none
     * is asked.
     */
    enum selfsame_code (*cosign)(void *ctx, const struct log_cosign *ask,
        struct arena *arena, char **ret_lines, struct selfsame_err *e);
    bool (*met)(void *ctx, struct selfsame_bytes note);
    void *cosign_ctx;
    /*
     * What an operator should know, from the thread that found it and without a lock; or
     * NULL. A quorum that is not met is told once, until it is met again (why NULL);
     * want of descriptors or memory at most once a minute.
     */
    void (*tell)(void *ctx, enum log_news news, const struct selfsame_err *why);
    void *tell_ctx;
    size_t batch_max;  /* 0: 256 */
    unsigned batch_ms; /* 0: 250; how long the first of a batch waits at most */
    unsigned
        linger_ms;     /* 0: 5; without a further entry for so long, it waits no more */
    unsigned retry_ms; /* 0: 1000; between two attempts without a quorum */
    /*
     * With `cosign`: a checkpoint this old is cosigned anew, the same tree, and at the
     * start any; witnesses' times say that somebody still looks. 0: never.
     */
    unsigned refresh_ms;
    size_t queue_max; /* 0: 8192 entries; more are refused with DENIED */
};

/* The state of a log without entries, for a new store. USAGE: there is one. */
MUST enum selfsame_code log_core_create(struct store *s, struct selfsame_err *e);
/*
 * LOG: state, tiles and checkpoint disagree; the sentence says where. A checkpoint older
 * than the state is published anew, a staged batch is finished.
 */
MUST enum selfsame_code log_core_open(
    const struct log_core_config *c, struct log_core **ret, struct selfsame_err *e);
/*
 * The end is near: whoever waits for a quorum is answered after the attempt under way,
 * not after a pause and a further one.
 */
void log_core_hurry(struct log_core *c);
/* What is under way is finished first. */
void log_core_close(struct log_core **c);
#define auto_log_core __attribute__((cleanup(log_core_close))) struct log_core

/*
 * `done` once, from some thread, maybe before this returns. Its code: LOG without a
 * quorum (the entry stays, asking again finds it), DENIED when too much waits or
 * descriptors or memory are short (asking again later does), IO once
 * something could not be made durable: then the log stops until it is opened anew.
 * Views of the receipt live during the call.
 */
struct log_done {
    void (*done)(void *ctx, enum selfsame_code code, const struct log_receipt *r,
        const struct selfsame_err *e);
    void *ctx;
};
/* `key`: what `identify` would say, where it is known already; or NULL. */
void log_core_submit(struct log_core *c, struct selfsame_bytes entry,
    const uint8_t *key, const struct log_done *done);
/* The same, waiting: the text of a proof without extra, in the arena. */
MUST enum selfsame_code log_core_add(struct log_core *c, struct selfsame_bytes entry,
    struct arena *arena, char **ret_proof, struct selfsame_err *e);

struct log_status {
    uint64_t size, published; /* entries with a place; entries under the checkpoint */
    int64_t published_ms;     /* when, by the clock; 0: not since the start */
    size_t waiting;           /* entries that nobody answered yet */
    uint64_t batches, entries, found, refused, unmet; /* since the start */
    uint64_t sequence_us, publish_us;                 /* time spent, since the start */
    int64_t unmet_since_ms; /* since when no quorum was met; 0: the last one was */
    bool halted;
    struct selfsame_err why; /* halted: what failed; else the last quorum not met */
};
void log_core_status(struct log_core *c, struct log_status *ret);

/* ---- log_check.c ---- */
/* State and checkpoint, nothing held against each other. */
struct log_glance {
    uint64_t size, published;
    bool has_checkpoint;
    uint8_t root[LOG_HASH];
};
MUST enum selfsame_code log_core_glance(const struct log_core_config *c,
    struct arena *arena, struct log_glance *ret, struct selfsame_err *e);

struct log_check {
    uint64_t size, published;
    uint8_t root[LOG_HASH];
    uint64_t tiles, bundles, bytes; /* read */
};
/*
 * Everything from the entries: leaves, tiles and parts of them, root, state, checkpoint, the
 * index. LOG also when entries have no checkpoint. Reads alone, also beside a log that runs. `progress` may be NULL.
 */
MUST enum selfsame_code log_core_check(const struct log_core_config *c,
    void (*progress)(void *ctx, uint64_t done, uint64_t total), void *ctx,
    struct log_check *ret, struct selfsame_err *e);

#endif
