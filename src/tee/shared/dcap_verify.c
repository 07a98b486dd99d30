/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_judge.h"

static const char spec_chain[] = "Intel PCK Certificate and CRL Profile, RFC 5280 §6.1";
static const char spec_crl[] = "Intel PCK Certificate and CRL Profile, RFC 5280 §6.3";
static const char spec_signature[] = "Intel DCAP, ECDSA quote signature data";
static const char spec_tcb[] = "Intel PCS API v4, TCB info and QE identity";

/* ---- signature ---- */

/*
 * Which enclave may quote, as every QE identity of Intel's has said so far: who signed
 * it, its product number, and no debug mode. Asked for below Intel's root even where no
 * identity came along and the policy goes on without: else any enclave could quote.
 */
static const uint8_t qe_signer[32] = { 0x8c, 0x4f, 0x57, 0x75, 0xd7, 0x96, 0x50, 0x3e,
    0x96, 0x13, 0x7f, 0x77, 0xc6, 0x8a, 0x82, 0x9a, 0x00, 0x56, 0xac, 0x8d, 0xed, 0x70,
    0x14, 0x0b, 0x08, 0x1b, 0x09, 0x44, 0x90, 0xc5, 0x7b, 0xff };
static const uint8_t td_qe_signer[32] = { 0xdc, 0x9e, 0x2a, 0x7c, 0x6f, 0x94, 0x8f,
    0x17, 0x47, 0x4e, 0x34, 0xa7, 0xfc, 0x43, 0xed, 0x03, 0x0f, 0x7c, 0x15, 0x63, 0xf1,
    0xba, 0xbd, 0xdf, 0x63, 0x40, 0xc8, 0x2e, 0x0e, 0x54, 0xa8, 0xc5 };
enum { QE_PROD_ID = 1, TD_QE_PROD_ID = 2 };

static enum selfsame_code
check_qe(const struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_quote *q = &j->found.quote;
    const bool td = q->tee == DCAP_TDX;
    const struct selfsame_bytes signer = td ? BYTES_ARR(td_qe_signer)
                                            : BYTES_ARR(qe_signer);

    if ((q->qe.flags & DCAP_FLAG_DEBUG) != 0)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "quoting enclave: expected one that is not in debug mode, got one that is: "
            "whoever runs it may sign anything");
    if (j->intel && (!bytes_eq(q->qe.mr_signer, signer) ||
                        q->qe.isv_prod_id != (td ? TD_QE_PROD_ID : QE_PROD_ID)))
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "quoting enclave: expected Intel's, got another enclave");
    if (j->identity == NULL)
        return SELFSAME_OK;
    enum selfsame_code code = dcap_identity_fits(j->identity, &q->qe, e);
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    e->code = SELFSAME_BAD_SIGNATURE;
    return err_wrap(e, SELFSAME_BAD_SIGNATURE, __FILE__, __LINE__,
        "the quoting enclave is not the one of the QE identity");
}

/* The quoting enclave put the hash of its key into its own report. */
static enum selfsame_code
check_key(const struct dcap_quote *q, struct selfsame_err *e)
{
    const struct selfsame_bytes part[] = { q->key, q->qe_auth };
    uint8_t want[64] = { 0 }, digest[HASH_MAX];

    if (!hash_parts(HASH_SHA256, part, COUNT(part), digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory for a digest");
    memcpy(want, digest, hash_size(HASH_SHA256));
    if (!bytes_eq(q->qe.report_data, BYTES_ARR(want)))
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "attestation key: expected the one that the quoting enclave vouches for, "
            "got another");
    return SELFSAME_OK;
}

/* A signature that does not verify, said in the words of quotes. */
static enum selfsame_code
signed_by(struct selfsame_bytes key, struct selfsame_bytes what,
    struct selfsame_bytes signature, const char *name, const char *whose,
    struct selfsame_err *e)
{
    enum selfsame_code code = dcap_p256_verify(key, &what, 1, signature, e);

    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    FAIL(e, SELFSAME_BAD_SIGNATURE, "%s: its signature does not verify with %s", name,
        whose);
}

static enum selfsame_code
verify_signature(const struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_quote *q = &j->found.quote;

    TRY(signed_by(j->leaf->key, q->qe.raw, q->qe_signature,
        "report of the quoting enclave", "the key of the PCK certificate", e));
    TRY(check_key(q, e));
    TRY(signed_by(q->key, q->signed_, q->signature, "quote", "the attestation key", e));
    return check_qe(j, e);
}

/* ---- tcb ---- */

/* What a TD says of the TDX module below it; absent for SGX. */
struct seam {
    struct selfsame_bytes svn, svn2; /* at launch; now, of TDX 1.5 */
    struct selfsame_bytes mr_signer, attributes;
};

static struct seam
seam_of(const struct dcap_quote *q)
{
    struct reader r = reader_of(q->body);
    struct seam s = { 0 };

    if (q->kind == DCAP_BODY_SGX)
        return s;
    s.svn = get_bytes(&r, 16);
    (void)get_bytes(&r, 48); /* MRSEAM */
    s.mr_signer = get_bytes(&r, 48);
    s.attributes = get_bytes(&r, 8);
    if (q->kind == DCAP_BODY_TD15)
        s.svn2 = BYTES(q->body.ptr + DCAP_TD10_SIZE, 16);
    return s;
}

/* The module of this TD against its identity; *ret: its level, NULL where it has none. */
static enum selfsame_code
module_level(const struct dcap_judged *j, const struct seam *s,
    struct selfsame_bytes svn, const struct dcap_level **ret, struct selfsame_err *e)
{
    const struct dcap_identity *module = NULL;

    *ret = NULL;
    TRY(dcap_module_of(j->info, svn, &module, e));
    const struct dcap_identity *want = module != NULL ? module : &j->info->module;
    if (module == NULL && !j->info->has_module)
        FAIL(e, SELFSAME_TCB, "TCB info: expected a tdxModule, got none");
    if (!bytes_eq(s->mr_signer, want->mr_signer))
        FAIL(e, SELFSAME_TCB,
            "MRSIGNERSEAM: expected the signer of Intel's TDX modules, got another");
    for (size_t i = 0; i < s->attributes.len; i++)
        if ((s->attributes.ptr[i] & want->attributes_mask[i]) != want->attributes[i])
            FAIL(e, SELFSAME_TCB,
                "SEAMATTRIBUTES: expected those of Intel's TDX modules, got others");
    if (module == NULL)
        return SELFSAME_OK;
    *ret = dcap_svn_level(&module->levels, svn.ptr[0]);
    if (*ret == NULL)
        FAIL(e, SELFSAME_TCB,
            "TDX module %u: expected a security version of one of its levels, got %u, "
            "below them all",
            module->module, svn.ptr[0]);
    return SELFSAME_OK;
}

/* ---- no level: the most useful thing to say is what is short ---- */
static enum selfsame_code
no_level(const struct dcap_judged *j, struct selfsame_bytes svn, struct selfsame_err *e)
{
    const struct dcap_levels *levels = &j->info->levels;
    const char *fmspc = hex_dup(j->arena, j->found.pck.fmspc);
    const struct dcap_level *lowest = levels->count > 0
                                          ? &levels->list[levels->count - 1]
                                          : NULL;
    const char *what = lowest == NULL
                           ? "there are none"
                           : dcap_short_of(lowest, &j->found.pck, svn, j->arena);

    FAIL(e, SELFSAME_TCB,
        "no matching TCB level: below every one of the %zu that Intel knows for FMSPC "
        "%s; for the lowest: %s",
        levels->count, fmspc != NULL ? fmspc : "?", what != NULL ? what : "?");
}

/*
 * TDX 1.5 as Intel's QVL sees it: what makes this TD out of date is the module it was
 * launched with; the one that runs now is of the newest level, so a new TD would be up
 * to date. Of platforms that Intel gave up the newest level itself is out of date.
 */
static bool
is_relaunch(const struct dcap_judged *j, const struct seam *s)
{
    const struct dcap_found *f = &j->found;
    const struct dcap_level *module;
    struct selfsame_err ignored;

    if (s->svn2.ptr == NULL || f->qe != DCAP_UP_TO_DATE ||
        (f->status != DCAP_OUT_OF_DATE &&
            f->status != DCAP_OUT_OF_DATE_CONFIGURATION_NEEDED))
        return false;
    const struct dcap_level *now = dcap_platform_level(j->info, &f->pck, s->svn2);
    return now != NULL && now == &j->info->levels.list[0] &&
           now->status == DCAP_UP_TO_DATE &&
           module_level(j, s, s->svn2, &module, &ignored) == SELFSAME_OK &&
           (module == NULL || module->status == DCAP_UP_TO_DATE);
}

static enum selfsame_code
merge_levels(struct dcap_judged *j, const struct dcap_level *const level[static 3],
    struct selfsame_err *e)
{
    struct dcap_found *f = &j->found;
    struct dcap_advisories lists[3];
    size_t n = 0;

    for (size_t i = 0; i < 3; i++) {
        if (level[i] == NULL)
            continue;
        lists[n++] = level[i]->advisories;
        if (n == 1 || level[i]->date_s < f->tcb_date_s)
            f->tcb_date_s = level[i]->date_s;
    }
    if (!dcap_advisories_merge(lists, n, j->arena, &f->advisories))
        FAIL(e, SELFSAME_NOMEM, "out of memory for advisories");
    f->platform = level[0]->status;
    f->qe = level[1]->status;
    f->module = level[2] != NULL ? level[2]->status : DCAP_NO_STATUS;
    f->status = dcap_status_merge(f->platform, f->qe);
    if (level[2] != NULL)
        f->status = dcap_status_merge(f->status, f->module);
    f->evaluation = j->info->evaluation < j->identity->evaluation
                        ? j->info->evaluation
                        : j->identity->evaluation;
    return SELFSAME_OK;
}

static enum selfsame_code
judge_levels(struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_quote *q = &j->found.quote;
    const struct seam seam = seam_of(q);
    const struct dcap_level *level[3] = { NULL, NULL, NULL }; /* platform, QE, module */

    level[1] = dcap_svn_level(&j->identity->levels, q->qe.isv_svn);
    if (level[1] == NULL)
        FAIL(e, SELFSAME_TCB,
            "quoting enclave: expected a security version of one of its levels, got "
            "%u, below them all",
            q->qe.isv_svn);
    if (q->tee == DCAP_TDX)
        TRY(module_level(j, &seam, seam.svn, &level[2], e));
    level[0] = dcap_platform_level(j->info, &j->found.pck, seam.svn);
    if (level[0] == NULL)
        return no_level(j, seam.svn, e);
    TRY(merge_levels(j, level, e));
    j->found.relaunch_advised = is_relaunch(j, &seam);
    if (j->found.status == DCAP_REVOKED)
        FAIL(e, SELFSAME_REVOKED,
            "TCB level: expected one that holds, got Revoked (or a word that this "
            "program does not know)");
    return SELFSAME_OK;
}

/* ---- all checks, in order ---- */

enum step { CHAIN, REVOCATION, SIGNATURE, TCB, STEPS };
struct outcome {
    bool looked;
    enum selfsame_code code;
    struct selfsame_err err;
};

/* Signed JSON is looked for early: its signers are subject to revocation. */
static enum selfsame_code
find_collateral(struct dcap_judged *j, struct outcome *tcb)
{
    struct selfsame_err err = { 0 };

    tcb->looked = true;
    tcb->code = dcap_find_info(j, &tcb->err);
    enum selfsame_code code = dcap_find_identity(j, &err);
    if (tcb->code == SELFSAME_OK) {
        tcb->code = code;
        tcb->err = err;
    }
    return tcb->code == SELFSAME_NOMEM || code == SELFSAME_NOMEM ? SELFSAME_NOMEM
                                                                 : SELFSAME_OK;
}

static void
run(struct outcome *o, enum selfsame_code code)
{
    o->looked = true;
    o->code = code;
}

/* Every step is looked at even when an earlier one failed, so that all are listed. */
static enum selfsame_code
judge(struct dcap_judged *j, struct outcome step[static STEPS])
{
    struct outcome *chain = &step[CHAIN], *tcb = &step[TCB];

    run(chain, dcap_chain_find(j, &chain->err));
    const bool found = chain->code == SELFSAME_OK;
    if (found) {
        run(chain, dcap_chain_verify(j, &chain->err));
        TRY(find_collateral(j, tcb));
        run(&step[REVOCATION], dcap_revocation_verify(j, &step[REVOCATION].err));
    }
    if (j->leaf != NULL)
        run(&step[SIGNATURE], verify_signature(j, &step[SIGNATURE].err));
    if (found && tcb->code == SELFSAME_OK)
        run(tcb, judge_levels(j, &tcb->err));
    for (size_t i = 0; i < STEPS; i++)
        if (step[i].code == SELFSAME_NOMEM)
            return SELFSAME_NOMEM;
    return SELFSAME_OK;
}

static void
put(struct checks *checks, enum check_name name, struct check passed,
    const struct outcome *o, struct arena *arena)
{
    passed.outcome = CHECK_PASS;
    if (!o->looked)
        passed = (struct check){
            .outcome = CHECK_SKIPPED,
            .spec = passed.spec,
            .detail = "not looked at: there is no certificate chain to a root key",
        };
    checks_put_outcome(checks, name, passed, o->code, &o->err, arena);
}

static const char *
say_parse(const struct dcap_judged *j, const struct dcap_kind *kind)
{
    const struct dcap_quote *q = &j->found.quote;

    return q->trailer == 0
               ? arena_printf(j->arena, "a quote of version %u and %zu bytes of %s",
                     q->version, q->raw.len, kind->name)
               : arena_printf(j->arena,
                     "a quote of version %u and %zu bytes of %s; the %zu bytes behind "
                     "are no part of it",
                     q->version, q->raw.len, kind->name, q->trailer);
}

static const char *
say_tcb(const struct dcap_judged *j)
{
    const struct dcap_found *f = &j->found;

    if (f->status == DCAP_NO_STATUS)
        return NULL;
    return arena_printf(j->arena,
        "platform %s, quoting enclave %s%s%s by collateral with evaluation number "
        "%u%s",
        dcap_status_word(f->platform), dcap_status_word(f->qe),
        f->module != DCAP_NO_STATUS ? ", TDX module " : "",
        f->module != DCAP_NO_STATUS ? dcap_status_word(f->module) : "", f->evaluation,
        f->relaunch_advised ? "; a relaunch would bring it up to date" : "");
}

static void
put_checks(const struct dcap_judged *j, const struct dcap_kind *kind,
    const struct outcome step[static STEPS], struct checks *checks)
{
    const struct outcome fine = { .looked = true };

    put(checks, CHECK_PARSE,
        (struct check){ .spec = kind->spec, .detail = say_parse(j, kind) }, &fine,
        j->arena);
    put(checks, CHECK_CHAIN,
        (struct check){
            .spec = spec_chain,
            .source = j->trust->any_anchor ? "trust anchor of the caller"
                                           : "root key pinned in this program",
            .detail = "PCK certificate, its CA and the root, each by its name",
        },
        &step[CHAIN], j->arena);
    put(checks, CHECK_REVOCATION,
        (struct check){ .spec = spec_crl,
            .detail = "current CRLs of root and CA name no certificate in use" },
        &step[REVOCATION], j->arena);
    put(checks, CHECK_SIGNATURE,
        (struct check){ .spec = spec_signature,
            .detail = "the PCK key signed for the quoting enclave, that enclave for "
                      "the attestation key, and that key the quote" },
        &step[SIGNATURE], j->arena);
    put(checks, CHECK_TCB, (struct check){ .spec = spec_tcb, .detail = say_tcb(j) },
        &step[TCB], j->arena);
}

/* ---- parse, and the whole ---- */

static enum selfsame_code
parse(struct selfsame_bytes evidence, const struct dcap_kind *kind,
    struct dcap_quote *ret, struct selfsame_err *e)
{
    TRY(dcap_quote_parse(evidence, ret, e));
    if (ret->tee != kind->tee)
        FAIL(e, SELFSAME_MALFORMED, "expected a quote of %s, got one of %s", kind->name,
            ret->tee == DCAP_TDX ? "TDX" : "SGX");
    return kind->body(ret, e);
}

static enum selfsame_code
refuse_parse(enum selfsame_code code, const struct dcap_kind *kind, struct arena *arena,
    struct checks *checks, struct selfsame_err *e)
{
    static const enum check_name rest[] = { CHECK_CHAIN, CHECK_REVOCATION,
        CHECK_SIGNATURE, CHECK_TCB };

    checks_fail(checks, CHECK_PARSE, e, arena);
    checks->at[CHECK_PARSE].spec = kind->spec;
    for (size_t i = 0; i < COUNT(rest); i++)
        checks_put(checks, rest[i],
            (struct check){
                .outcome = CHECK_SKIPPED, .detail = "the quote does not parse" });
    return code;
}

/* DER of what was used, root first, for printing. */
static enum selfsame_code
list_chain(struct dcap_judged *j, struct selfsame_err *e)
{
    struct selfsame_bytes *list = ARENA_NEW(
        j->arena, struct selfsame_bytes, DCAP_CHAIN);
    size_t n = 0;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the certificates");
    if (j->anchor != NULL)
        list[n++] = j->root.der;
    if (j->ca != NULL)
        list[n++] = j->ca->der;
    if (j->leaf != NULL)
        list[n++] = j->leaf->der;
    j->found.chain = list;
    j->found.chain_count = n;
    return SELFSAME_OK;
}

enum selfsame_code
dcap_verify(const struct dcap_kind *kind, struct selfsame_bytes evidence,
    const struct tee_trust *trust, struct arena *arena, struct checks *checks,
    struct dcap_found *ret, struct selfsame_err *e)
{
    struct outcome step[STEPS] = { 0 };
    struct dcap_judged *j = ARENA_NEW(arena, struct dcap_judged, 1);

    if (j == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    j->trust = trust;
    j->arena = arena;
    enum selfsame_code code = parse(evidence, kind, &j->found.quote, e);
    if (code != SELFSAME_OK)
        return refuse_parse(code, kind, arena, checks, e);
    for (size_t i = 0; i < trust->collateral_count; i++)
        TRY(dcap_bundle_add(&j->bundle, trust->collateral[i], arena, e));
    if (judge(j, step) != SELFSAME_OK)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(list_chain(j, e));
    put_checks(j, kind, step, checks);
    j->found.log = j->bundle.log;
    j->found.info = j->info;
    j->found.identity = j->identity;
    j->found.simulated = j->anchor != NULL && j->anchor->simulated;
    j->found.authentic = step[CHAIN].code == SELFSAME_OK && step[SIGNATURE].looked &&
                         step[SIGNATURE].code == SELFSAME_OK;
    *ret = j->found;
    for (size_t i = 0; i < STEPS; i++)
        if (step[i].code != SELFSAME_OK) {
            *e = step[i].err;
            return step[i].code;
        }
    return SELFSAME_OK;
}
