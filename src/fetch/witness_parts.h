/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_WITNESS_PARTS_H
#define SELFSAME_FETCH_WITNESS_PARTS_H

#include "fetch/fetch.h"
#include "fetch/witness.h"

#include <pthread.h>

/*
 *   witness.c           the client: threads, rounds
 *   witness_answer.c    what one answer means
 *   witness_evidence.c  what a witness shows that refuses
 */
enum { ANSWER_MAX = 65536 };
/* What a URL of a slot ends with. */
#define WITNESS_ADD "add-checkpoint"

enum slot_state {
    SLOT_IDLE,
    SLOT_ASKED,    /* its thread has to begin */
    SLOT_BUSY,     /* its thread waits for the witness */
    SLOT_ANSWERED, /* the caller has to look */
};
struct slot {
    struct witness_client *client;
    size_t i; /* of the policy */
    char *url;
    struct http_line *line; /* kept open: the thread's */
    pthread_t thread;
    bool threaded;

    enum slot_state state; /* everything from here under the lock */
    char *body;            /* malloc'ed; the thread's while it is BUSY */
    uint64_t round;        /* which `body` belongs to */
    uint64_t size;         /* of the checkpoint in it */
    enum selfsame_code code;
    bool shows; /* its last checkpoint is asked for, not a cosignature */
    char shown_url[FETCH_URL_MAX + 80];
    struct answer answer; /* in the arena, which is the thread's while it is BUSY */
    struct arena arena;
    int64_t began_ms;
    struct selfsame_err e;

    /* of this round; the caller's */
    unsigned tries;
    bool over;  /* cosigned, or given up */
    bool named; /* a size: what it says next is waited for */
    int64_t retry_ms;
    char *lines;    /* malloc'ed */
    char claim[96]; /* why it has to show something */
    bool checked;   /* it could show what it cosigned before it was asked to cosign */
    bool heard;     /* it cosigned since the start */
    bool loose;     /* it did not prove a claim, or was too late: not waited for */
    bool spent;     /* it had a whole round to show what it claimed: no second one */

    struct witness_health health;
};

struct witness_client {
    const struct log_policy *policy;
    unsigned timeout_ms, grace_ms;
    struct slot *slots; /* those with a URL */
    size_t count;
    uint64_t round;
    pthread_mutex_t lock;
    pthread_cond_t work, answers;
    atomic_bool closing;
    int64_t end_ms; /* of every round; 0: none yet */
    char *evidence; /* malloc'ed */
};

/* One checkpoint. */
struct round {
    struct witness_client *c;
    struct selfsame_bytes note;
    const struct checkpoint *k;
    const struct merkle_source *source;
    int64_t began_ms, deadline_ms, met_ms;
    uint64_t good; /* bits of the policy's witnesses */
    bool met;
};

int64_t witness_now_ms(void);
/* For this round. */
SELFSAME_PRINTF(2, 3) void witness_give_up(struct slot *s, const char *fmt, ...);
/* The next that is asked is its last checkpoint. False: no memory. */
MUST bool witness_ask_to_show(const struct round *r, struct slot *s);
/* IO: the alarm. */
MUST enum selfsame_code witness_take_answer(
    struct round *r, struct slot *s, struct selfsame_err *e);

#endif
