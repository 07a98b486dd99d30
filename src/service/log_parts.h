/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_LOG_PARTS_H
#define SELFSAME_LOG_PARTS_H

#include "service/log_core.h"
#include "service/log_tree.h"

/* What the files of the log core share. */
#define STATE_KEY "tree"
#define CHECKPOINT_PATH "checkpoint"
enum {
    STATE_SIZE = 8 + LOG_HASH,
    BUCKETS = 4096,
    QUEUE_BYTES = 64 << 20,
    BATCH_ARENA = 512 << 20,
    NOTE_ARENA = 4 << 20,
};

/* Who waits for an entry; the first one's stands in the ticket. */
struct waiter {
    struct log_done done;
    struct waiter *next;
};
/* An entry under way: queued, or with a place and not answered yet. */
struct ticket {
    struct ticket *next, *chain;
    struct waiter first;
    uint64_t index;
    size_t len;
    uint8_t key[STORE_KEY], leaf[LOG_HASH];
    uint8_t entry[];
};
struct tickets {
    struct ticket *head, **tail;
    size_t count, bytes;
};
void tickets_init(struct tickets *l);
void tickets_put(struct tickets *l, struct ticket *t);
struct ticket *tickets_take(struct tickets *l); /* NULL: empty */
void tickets_move(struct tickets *from, struct tickets *to);

/* A published checkpoint; whoever uses it holds it. */
struct published {
    unsigned held; /* under the core's lock */
    struct tree_view view;
    size_t len;
    uint8_t note[];
};

struct log_core {
    struct log_core_config config;
    struct store *store;
    char *origin; /* config.origin, kept */
    struct log_tree *tree;

    pthread_mutex_t lock; /* of everything from here to the line below */
    pthread_cond_t work, behind;
    struct ticket *pending[BUCKETS];
    struct tickets queue, placed;
    size_t under_way, under_way_bytes; /* all pending, also while they are written */
    uint64_t size;
    uint8_t root[LOG_HASH];
    struct published *published; /* NULL: none with a quorum yet */
    bool publishing, hurried, closing, sequenced, tried,
        ended; /* ended: nobody publishes any more */
    int64_t retry_at_ms, refresh_at_ms;
    int64_t scarce_at_ms;             /* when it was told last; 0: never */
    uint64_t sequence_us, publish_us; /* what the last ones took */
    struct log_status status;
    /* ---- */

    uint8_t *bundle; /* the sequencer's: entries of the last bundle, not whole */
    size_t bundle_len, bundle_cap;
    uint64_t dropped; /* the publisher's: partial tiles below this size are gone */
    pthread_t sequencer, publisher;
    bool runs;
};

/* ---- log_sequence.c ---- */
struct batch {
    struct selfsame_bytes *entries;
    uint8_t (*leaves)[LOG_HASH];
    uint8_t (*keys)[STORE_KEY];
    size_t count;
};
MUST bool batch_new(struct batch *b, size_t count, struct arena *arena);
/* Writes bundles and tiles, then changes the state. The batch is staged. */
MUST enum selfsame_code log_integrate(struct log_core *c, const struct batch *b,
    struct arena *arena, struct selfsame_err *e);
MUST bool bundle_add(struct log_core *c, struct selfsame_bytes entry);
void *log_sequencer(void *core);
void state_put(
    uint64_t size, const uint8_t root[static LOG_HASH], uint8_t ret[static STATE_SIZE]);

/* ---- log_publish.c ---- */
void *log_publisher(void *core);
MUST struct published *published_new(
    struct log_tree *t, uint64_t size, struct selfsame_bytes note);
struct published *published_hold(struct log_core *c);         /* locks; NULL: none */
void published_drop(struct log_core *c, struct published *p); /* locks */
/* With a receipt for `index`; frees the ticket, which nobody finds any more. */
void ticket_answer(struct log_core *c, struct ticket *t, const struct published *p);
void ticket_refuse(
    struct ticket *t, enum selfsame_code code, const struct selfsame_err *e);
void ticket_free(struct ticket *t);
/* Stops the log for good, and refuses everything that waits. */
void log_halt(struct log_core *c, const struct selfsame_err *why);
/* Nothing was changed for want of descriptors or memory; whoever waits may ask again. */
bool log_passes(enum selfsame_code code);
void log_postpone(
    struct log_core *c, struct tickets *l, const struct selfsame_err *why);

/* ---- log_core.c ---- */
/* Answers a ticket whose key the log has, and gives up one that cannot be looked up. */
bool log_look_up(struct log_core *c, struct ticket *t);
/* With the lock held. */
void pending_remove(struct log_core *c, struct ticket *t);
int64_t log_clock_ms(void);
void log_init_cond(pthread_cond_t *cond); /* by the clock of log_wait */
void log_wait(pthread_cond_t *cond, pthread_mutex_t *lock, int64_t until_ms);
MUST enum selfsame_code log_identify(const struct log_core_config *c,
    struct selfsame_bytes entry, uint8_t ret[static STORE_KEY], struct selfsame_err *e);

/* ---- log_recover.c ---- */
MUST enum selfsame_code log_recover(struct log_core *c, struct selfsame_err *e);
MUST enum selfsame_code log_state_read(struct store *s, uint64_t *ret_size,
    uint8_t ret_root[static LOG_HASH], struct selfsame_err *e);
/* Of the log itself: its own key signed it. ptr NULL in *ret_note: there is none. */
MUST enum selfsame_code log_checkpoint_read(const struct log_core_config *c,
    struct arena *arena, struct selfsame_bytes *ret_note, struct checkpoint *ret,
    struct selfsame_err *e);
/* A tile or bundle of `width`, cut from the whole one where the part is gone. */
MUST enum selfsame_code log_read_tile(struct store *s, bool entries, unsigned level,
    uint64_t index, unsigned width, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e);

#endif
