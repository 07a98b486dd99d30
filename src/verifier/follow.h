/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_VERIFIER_FOLLOW_H
#define SELFSAME_VERIFIER_FOLLOW_H

#include "fetch/tiles.h"
#include "verifier/manage.h"

/*
 * Releases taken over from logs (docs/verifier-admin.md): each "follow" of a tenant names a
 * log, whom to believe about it, a release and its publishers. New entries of the log are
 * read and checked against its checkpoint; of those of that name a proof is made here, it
 * is verified as any other, and kept as a release of the tenant. Nothing else is taken:
 * not what a stranger signed, not a sequence below one that was seen, not the entries of a
 * log that is not a continuation of the one read before.
 *
 *   follow.c          what a log has that is new, and proofs of it
 *   follow_store.c    what of it is kept in the registry, and what no more
 *   follow_service.c  the thread that does so, and how far it came (DIR/follow/)
 */
enum {
    FOLLOW_BUNDLES = 64, /* of 256 entries, at a time */
    FOLLOW_FOUND = 256,  /* releases, indexes, rebuilds, at a time */
    FOLLOW_STATE = NOTE_MAX + 4096,
};
/* How far it came. All zero: nothing was read yet. */
struct followed {
    uint8_t digest[32];         /* of the object: another one begins anew */
    struct selfsame_bytes note; /* the last checkpoint that was believed */
    uint64_t next;              /* the first entry that was not looked at */
    uint64_t highest;           /* sequence of a release */
};
/* A state as a file. MALFORMED: none of ours, and reading begins anew. Views into the arena. */
MUST enum selfsame_code followed_parse(struct selfsame_bytes text, struct arena *arena,
    struct followed *ret, struct selfsame_err *e);
/* NULL: no memory. Freed with free. */
MUST char *followed_print(const struct followed *f);

struct found {
    enum statement_kind kind;
    const char *version; /* of a release */
    uint64_t sequence;   /* of a release or an index */
    uint8_t sha256[32];  /* of the statement; of a rebuild: of what was rebuilt */
    char key[9];         /* begin of the id of the key that signed */
    const char *proof;   /* a tlog-proof; of a rebuild nobody vouched for yet */
};
struct follow_news {
    struct found *found;
    size_t count;
    bool more;          /* the log has entries that were not read yet */
    uint64_t rollbacks; /* releases of the publishers that went back */
};
/*
 * What the log has since *f, which moves on. LOG: it shows another tree than before, or
 * what its checkpoint does not commit to; IO: it cannot be read. Then *f stays.
 */
MUST enum selfsame_code follow_read(const struct object_follow *o, struct tiles *t,
    int64_t now_s, struct arena *arena, struct followed *f, struct follow_news *ret,
    struct selfsame_err *e);

/*
 * Keeps what was found as releases NAME@VERSION+KEY, NAME@index+KEY and
 * NAME@VERSION+rebuild-KEY, and no more than o->keep sequences of those that a follow
 * wrote. What somebody removed stays removed. m: tenant, registry, time; its author is set.
 */
MUST enum selfsame_code follow_store(struct manage *m, const char *follow,
    const struct object_follow *o, const struct follow_news *news, size_t *ret_written);

/* ---- follow_service.c ---- */
struct verifier_service;
/* The thread: until the service ends. */
void *follow_run(void *service);

#endif
