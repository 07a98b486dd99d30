/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_CLAIMS_H
#define SELFSAME_CLAIMS_H

#include "base/base.h"

/*
 * What verified evidence says, in the same words for every TEE: the one thing
 * that passes from tee/ to appraise/. Only a tee_verifier fills it; appraisal
 * accepts nothing else. Views point into the evidence or the arena.
 *
 * `list` names every claim by a dotted path ("pcr.0", "module_id"); JSON output
 * nests them, policies name them, nobody outside the TEE's folder knows more.
 */
enum claim_kind { CLAIM_TEXT, CLAIM_BYTES, CLAIM_UINT, CLAIM_BOOL, CLAIM_NULL };

/* Of lists; JSON output shows them as arrays. */
enum claim_shape {
    CLAIM_ALONE = 0,
    CLAIM_EACH,    /* one of several with this path; CLAIM_NULL: the list is empty */
    CLAIM_INDEXED, /* its path ends in its place in a list: "rtmr.0" */
};

struct claim {
    const char *path;
    enum claim_kind kind;
    enum claim_shape shape;
    struct selfsame_bytes bytes; /* CLAIM_TEXT, CLAIM_BYTES */
    uint64_t number;             /* CLAIM_UINT, CLAIM_BOOL */
};

struct selfsame_claims {
    const char *tee; /* "nitro" */
    bool authentic;  /* chain and signature hold; set by the verifier only then */
    bool simulated;  /* root of the simulator, or marked so in a signed place */
    bool debug;
    bool any_anchor; /* verified against anchors of the caller, not the pinned roots */
    bool has_time;   /* the hardware signed a time: */
    int64_t time_ms;
    bool has_nonce_field;        /* the format carries a nonce apart from report data */
    struct selfsame_bytes nonce; /* absent: { NULL, 0 } */
    struct selfsame_bytes report_data; /* what the guest bound (Nitro user_data) */
    struct selfsame_bytes
        public_key;          /* a key the guest named, absent in most formats */
    const char *const *pins; /* paths that a measurement entry must name: pins_named */
    const struct claim *list;
    size_t count;
    /*
     * DER of the certificates, root first, leaf last, as the evidence gives them.
     * For printing only: check_name CHECK_CHAIN says whether they verified.
     */
    const struct selfsame_bytes *chain;
    size_t chain_count;
};

/*
 * A NULL-terminated list of paths that an entry of measurements must name, all of them;
 * PINS_OR begins another list that will do instead.
 */
#define PINS_OR "|"
bool pins_named(const char *const *pins,
    bool (*named)(const void *ctx, const char *path), const void *ctx);
/* Of several with this path the first. */
const struct claim *claims_find(const struct selfsame_claims *c, const char *path);
/* The next with the path of `before`, which is of the list; NULL: no more. */
const struct claim *claims_next(
    const struct selfsame_claims *c, const struct claim *before);

#endif
