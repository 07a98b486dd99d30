/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_WITNESS_STORE_H
#define SELFSAME_WITNESS_STORE_H

#include "log/log.h"

/*
 * What a witness cosigned last of each log: one SQLite file (WAL, synchronous=FULL),
 * which one process holds alone. A store belongs to one thread at a time. What was
 * swapped is durable when witness_store_commit has returned OK, and nothing may be said
 * of it before. After any error the transaction is rolled back, and what is stored has
 * to be read again.
 */
struct witness_store;
struct witness_record {
    struct witness_state state;
    struct selfsame_bytes note; /* last cosigned, our lines with it; none: empty */
};

/* Makes the file when `create`. IO: also when another process serves it; MALFORMED. */
MUST enum selfsame_code witness_store_open(
    const char *path, bool create, struct witness_store **ret, struct selfsame_err *e);
void witness_store_close(struct witness_store **s);
#define auto_witness_store \
    __attribute__((cleanup(witness_store_close))) struct witness_store

MUST enum selfsame_code witness_store_begin(
    struct witness_store *s, struct selfsame_err *e);
MUST enum selfsame_code witness_store_commit(
    struct witness_store *s, struct selfsame_err *e);
void witness_store_rollback(struct witness_store *s);
/* Of a log that was never cosigned: witness_state_of_none. */
MUST enum selfsame_code witness_store_get(struct witness_store *s,
    struct selfsame_bytes origin, struct arena *arena, struct witness_record *ret,
    struct selfsame_err *e);
/*
 * Within a transaction: `now` takes the place of `was`. INTERNAL, and nothing is changed,
 * when something else is stored, or when `now` were smaller or another root of one size.
 */
MUST enum selfsame_code witness_store_swap(struct witness_store *s,
    struct selfsame_bytes origin, const struct witness_state *was,
    const struct witness_record *now, struct selfsame_err *e);

#endif
