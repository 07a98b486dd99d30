/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_judge.h"

/* Which of the signed JSON that came along is believed. */

/* How far a piece came, so that the reason given is that of the nearest. */
enum stage { STAGE_NONE, STAGE_TIME, STAGE_SIGNATURE };

struct piece { /* a TCB info or a QE identity */
    const struct dcap_signed *proof;
    uint32_t evaluation;
    int64_t issue_s, next_update_s;
    bool fits; /* this TEE and platform */
    const void *is;
};
struct pieces {
    const char *name, *of;
    struct piece at[DCAP_BUNDLE_JSON];
    size_t count;
};

static enum selfsame_code
missing(const struct dcap_judged *j, const struct pieces *p, struct selfsame_err *e)
{
    (void)err_set(e, SELFSAME_TCB, __FILE__, __LINE__,
        "expected the %s of %s, got %s%s", p->name, p->of,
        p->count == 0 ? "none" : "that of others", dcap_aside(j));
    err_remedy(e, "Give it with --collateral: --fetch asks Intel for it, and so does "
                  "`selfsame collateral fetch --out` where there is a network.");
    return SELFSAME_TCB;
}

static enum selfsame_code
check_time(const struct dcap_judged *j, const struct pieces *p, const struct piece *x,
    struct selfsame_err *e)
{
    const int64_t now = j->trust->now_s;
    char limit[TIME_TEXT], time[TIME_TEXT];

    if (now >= x->issue_s && now < x->next_update_s)
        return SELFSAME_OK;
    const bool early = now < x->issue_s;
    time_format(early ? x->issue_s : x->next_update_s, limit);
    time_format(now, time);
    FAIL(e, SELFSAME_TCB, "%s: %s %s, checked at %s", p->name,
        early ? "issued only at" : "superseded since", limit, time);
}

/* ---- who signs ---- */

static enum selfsame_code
verify_signer(struct dcap_judged *j, const struct cert *c, struct selfsame_err *e)
{
    struct chain chain = { .anchor = j->root, .count = 1 };

    if (c->key_alg != SIG_P256 || c->sig_hash != HASH_SHA256)
        FAIL(e, SELFSAME_TCB,
            "TCB Signing certificate: expected P-256 and SHA-256, got others");
    chain.cert[0] = *c;
    enum selfsame_code code = chain_verify(&chain, j->trust->now_s, j->trust->cache, e);
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    e->code = SELFSAME_TCB;
    return err_wrap(e, SELFSAME_TCB, __FILE__, __LINE__, "TCB Signing certificate");
}

/*
 * Below the same root as the PCK certificate; each is verified once, whatever it signed.
 * Not a thousand of them: who sends evidence would choose how long we work. What the
 * verifier has itself comes first.
 */
static enum selfsame_code
try_signer(struct dcap_judged *j, size_t i, bool *ret, struct selfsame_err *e)
{
    if (j->signer[i] == DCAP_SIGNER_UNKNOWN && j->signers_bad < DCAP_BAD_SIGNERS_MAX) {
        enum selfsame_code code = verify_signer(j, &j->bundle.pki.cert[i], e);

        if (code == SELFSAME_NOMEM)
            return code;
        j->signer[i] = code == SELFSAME_OK ? DCAP_SIGNER_GOOD : DCAP_SIGNER_BAD;
        if (code != SELFSAME_OK && j->signers_bad++ == 0)
            j->signer_err = *e;
    }
    *ret = j->signer[i] == DCAP_SIGNER_GOOD;
    return SELFSAME_OK;
}

static void
note_signer(struct dcap_judged *j, const struct cert *c, int64_t next_update_s)
{
    bool known = false;

    for (size_t i = 0; i < j->signer_count; i++)
        known = known || j->signers[i] == c;
    if (!known && j->signer_count < COUNT(j->signers)) /* one for each piece at most */
        j->signers[j->signer_count++] = c;
    dcap_expires(j, c->not_after);
    dcap_expires(j, next_update_s);
}

/* Intel renews the certificate under the same name, so every current one is tried. */
static enum selfsame_code
verify_piece(struct dcap_judged *j, const struct pieces *p, const struct piece *x,
    struct selfsame_err *e)
{
    bool any = false, refused = false;

    for (size_t i = 0; i < j->bundle.pki.cert_count; i++) {
        const struct cert *c = &j->bundle.pki.cert[i];
        bool good = false;

        if (j->role[i] != DCAP_ROLE_SIGNING)
            continue;
        any = true;
        TRY(try_signer(j, i, &good, e));
        if (!good)
            continue;
        enum selfsame_code code = dcap_signed_verify(x->proof, c, j->trust->cache, e);
        if (code == SELFSAME_NOMEM)
            return code;
        if (code == SELFSAME_OK) {
            note_signer(j, c, x->next_update_s);
            *e = (struct selfsame_err){ 0 };
            return SELFSAME_OK;
        }
        refused = true;
    }
    if (!any)
        FAIL(e, SELFSAME_TCB,
            "%s: expected the TCB Signing certificate that signed it, got none%s",
            p->name, dcap_aside(j));
    if (refused)
        FAIL(e, SELFSAME_TCB,
            "%s: its signature does not verify with the key of any current TCB Signing "
            "certificate",
            p->name);
    *e = j->signer_err;
    return err_wrap(e, SELFSAME_TCB, __FILE__, __LINE__, "%s: who signed it", p->name);
}

/* ---- the choice ---- */

/* The untried one with the highest number; of equals the later one. */
static const struct piece *
next_best(const struct pieces *p, const bool *tried)
{
    const struct piece *best = NULL;

    for (size_t i = 0; i < p->count; i++) {
        const struct piece *x = &p->at[i];

        if (!x->fits || tried[i])
            continue;
        if (best == NULL || x->evaluation > best->evaluation ||
            (x->evaluation == best->evaluation && x->issue_s > best->issue_s))
            best = x;
    }
    return best;
}

static enum selfsame_code
choose(struct dcap_judged *j, const struct pieces *p, const void **ret,
    struct selfsame_err *e)
{
    bool tried[DCAP_BUNDLE_JSON] = { false };
    struct selfsame_err nearest = { 0 };
    enum stage reached = STAGE_NONE;

    for (const struct piece *x; (x = next_best(p, tried)) != NULL;) {
        enum stage stage = STAGE_TIME;

        tried[x - p->at] = true;
        enum selfsame_code code = check_time(j, p, x, e);
        if (code == SELFSAME_OK) {
            stage = STAGE_SIGNATURE;
            code = verify_piece(j, p, x, e);
        }
        if (code == SELFSAME_NOMEM)
            return code;
        if (code == SELFSAME_OK) {
            *ret = x->is;
            return SELFSAME_OK;
        }
        if (stage > reached) {
            reached = stage;
            nearest = *e;
        }
    }
    if (reached == STAGE_NONE)
        return missing(j, p, e);
    nearest.code = SELFSAME_TCB;
    *e = nearest;
    return SELFSAME_TCB;
}

static enum selfsame_code
pieces_new(const struct dcap_judged *j, const char *name, const char *of,
    struct pieces **ret, struct selfsame_err *e)
{
    struct pieces *p = ARENA_NEW(j->arena, struct pieces, 1);

    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for collateral");
    p->name = name;
    p->of = of;
    *ret = p;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_find_info(struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_pck *pck = &j->found.pck;
    const enum dcap_tee tee = j->found.quote.tee;
    const char *fmspc = hex_dup(j->arena, pck->fmspc);
    const char *of = fmspc == NULL
                         ? NULL
                         : arena_printf(j->arena, "%s platforms with FMSPC %s",
                               tee == DCAP_TDX ? "TDX" : "SGX", fmspc);
    const void *found;
    struct pieces *p = NULL;

    if (of == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for collateral");
    TRY(pieces_new(j, "TCB info", of, &p, e));
    for (size_t i = 0; i < j->bundle.info_count && i < COUNT(p->at); i++) {
        const struct dcap_tcb_info *x = &j->bundle.info[i];

        p->at[p->count++] = (struct piece){
            .proof = &x->proof,
            .evaluation = x->evaluation,
            .issue_s = x->issue_s,
            .next_update_s = x->next_update_s,
            .fits = x->tee == tee && bytes_eq(BYTES_ARR(x->fmspc), pck->fmspc) &&
                    bytes_eq(BYTES_ARR(x->pceid), pck->pceid),
            .is = x,
        };
    }
    TRY(choose(j, p, &found, e));
    j->info = found;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_find_identity(struct dcap_judged *j, struct selfsame_err *e)
{
    const enum dcap_tee tee = j->found.quote.tee;
    const void *found;
    struct pieces *p = NULL;

    TRY(pieces_new(j, "QE identity",
        tee == DCAP_TDX ? "the quoting enclave of TDX" : "the quoting enclave of SGX",
        &p, e));
    for (size_t i = 0; i < j->bundle.identity_count && i < COUNT(p->at); i++) {
        const struct dcap_identity *x = &j->bundle.identity[i];

        p->at[p->count++] = (struct piece){
            .proof = &x->proof,
            .evaluation = x->evaluation,
            .issue_s = x->issue_s,
            .next_update_s = x->next_update_s,
            .fits = x->tee == tee,
            .is = x,
        };
    }
    TRY(choose(j, p, &found, e));
    j->identity = found;
    return SELFSAME_OK;
}
