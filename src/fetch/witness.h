/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_FETCH_WITNESS_H
#define SELFSAME_FETCH_WITNESS_H

#include "log/log.h"

/*
 * A log's side of C2SP tlog-witness: all witnesses of a policy are asked for a
 * cosignature at once, each by a thread of its own, until the policy's quorum is met.
 * What they answer counts when their known key signed it; the rest is dropped.
 *
 * The client remembers what each witness cosigned last, in memory: after a start it asks
 * for its last checkpoint, before anybody is asked to cosign, or asks with size 0 and is
 * told. Proofs are made in the thread that asks; a witness that is still busy with an
 * older checkpoint when it asks again takes part when it is done.
 */
struct witness_client;
struct witness_client_config {
    const struct log_policy
        *policy;         /* borrowed; witnesses without a URL are not asked */
    unsigned timeout_ms; /* 0: 10000; of one checkpoint */
    unsigned grace_ms;   /* 0: 50; for who is late, once the quorum is met */
};
MUST enum selfsame_code witness_client_new(const struct witness_client_config *c,
    struct witness_client **ret, struct selfsame_err *e);
/* The log ends: no round lasts longer than `ms` from now. From any thread. */
void witness_client_hurry(struct witness_client *c, unsigned ms);
/* Gives up requests that are under way, within a second or so. */
void witness_client_free(struct witness_client **c);
#define auto_witness_client \
    __attribute__((cleanup(witness_client_free))) struct witness_client

/*
 * `note` is the checkpoint `k` with the log's signature; `source` gives hashes up to its
 * size and is used during the call alone. *ret_lines: "— name base64\n" of each witness
 * that cosigned, at least a quorum. One caller at a time.
 *
 * LOG: no quorum in time; the sentence says why of each that failed. IO: a witness shows a
 * checkpoint that this log signed, of a larger tree than `k` or of another one, so what
 * runs here is an older copy of the log, or a fork, and must not go on. Who refuses and
 * shows no such thing has failed, as if it had not answered.
 */
MUST enum selfsame_code witness_client_ask(struct witness_client *c,
    struct selfsame_bytes note, const struct checkpoint *k,
    const struct merkle_source *source, struct arena *arena, char **ret_lines,
    struct selfsame_err *e);

/* After IO: the checkpoint that proves it, as it was shown; NULL: none was, or no memory. */
MUST char *witness_client_evidence(struct witness_client *c, struct arena *arena);

/* What is known of witness i of the policy. */
struct witness_health {
    uint64_t size; /* last cosigned, as far as it said */
    uint64_t cosigned, failed;
    uint64_t unproven; /* it refused this log's tree and did not show why */
    int64_t took_ms;   /* the last good answer */
    char why[160];     /* the last failure; "" after a good answer */
};
void witness_client_health(
    struct witness_client *c, size_t i, struct witness_health *ret);

#endif
