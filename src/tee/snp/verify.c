/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/snp.h"

#include <stdio.h>

static const char spec_report[] = "AMD 56860, ATTESTATION_REPORT";
static const char spec_chain[] = "AMD 57230 §3, RFC 5280 §6.1";
static const char spec_crl[] = "AMD 57230 §4, RFC 5280 §6.3";
static const char spec_signature[] = "AMD 56860, signature of ATTESTATION_REPORT";
static const char spec_tcb[] = "AMD 56860, TCB_VERSION";

/* A report together with what judges it. */
struct judged {
    struct snp_report report;
    struct tee_bundle bundle;
    struct snp_cert_claims leaf_claims;
    const struct cert *leaf, *issuer; /* NULL: not found */
    const struct tee_anchor *anchor;  /* NULL: not ours */
    struct cert root, builtin;
    enum snp_product product; /* SNP_UNKNOWN until the chain tells */
    const struct tee_trust *trust;
    struct arena *arena;
    struct checks *checks;
};

static bool
fits_chip(const struct snp_report *r, const struct snp_cert_claims *c)
{
    return c->hwid.ptr != NULL && c->hwid.len <= r->chip_id.len &&
           bytes_eq(c->hwid, BYTES(r->chip_id.ptr, c->hwid.len));
}

static bool
same_tcb(struct snp_tcb a, struct snp_tcb b)
{
    return a.fmc == b.fmc && a.bootloader == b.bootloader && a.tee == b.tee &&
           a.snp == b.snp && a.microcode == b.microcode;
}

/* Of several certificates of the right kind the one for this chip and TCB; else any. */
static const struct cert *
pick_leaf(const struct judged *j)
{
    const struct snp_report *r = &j->report;
    const struct cert *any = NULL;

    for (size_t i = 0; i < j->bundle.cert_count; i++) {
        const struct cert *c = &j->bundle.cert[i];
        struct snp_cert_claims x;
        struct selfsame_err ignored;

        if (snp_cert_claims(c, &x, &ignored) != SELFSAME_OK || x.kind != r->signer)
            continue;
        if (same_tcb(x.tcb, snp_tcb_of(r->reported_tcb, x.product)) &&
            (x.kind == SNP_VLEK || fits_chip(r, &x) || bytes_is_zero(r->chip_id)))
            return c;
        any = any != NULL ? any : c;
    }
    return any;
}

/* What came along, or else one of AMD's that this program has. */
static const struct cert *
pick_issuer(struct judged *j)
{
    struct selfsame_err ignored;

    for (size_t i = 0; i < j->bundle.cert_count; i++)
        if (bytes_eq(j->bundle.cert[i].subject, j->leaf->issuer))
            return &j->bundle.cert[i];
    for (size_t i = 0; i < COUNT(snp_intermediates); i++)
        if (cert_parse(snp_intermediates[i], &j->builtin, &ignored) == SELFSAME_OK &&
            bytes_eq(j->builtin.subject, j->leaf->issuer))
            return &j->builtin;
    return NULL;
}

/* A root in the bundle only names a pinned one; it is never trusted itself. */
static enum selfsame_code
pick_anchor(struct judged *j, struct selfsame_err *e)
{
    for (size_t i = 0; i < j->trust->anchor_count; i++) {
        struct cert root;

        TRY_WHILE(
            e, cert_parse(j->trust->anchors[i].der, &root, e), "the trust anchor");
        if (!bytes_eq(root.subject, j->issuer->issuer))
            continue;
        j->anchor = &j->trust->anchors[i];
        j->root = root;
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_BAD_CHAIN,
        "expected an intermediate below one of %zu %s roots, got one of another root",
        j->trust->anchor_count, j->trust->any_anchor ? "given" : "pinned");
}

/* What was given and cannot be used, behind a sentence about what is missing. */
static const char *
aside(const struct judged *j)
{
    const struct tee_bundle *b = &j->bundle;

    if (b->aside == 0)
        return "";
    const char *text = arena_printf(j->arena, "; %zu cannot be used: %s", b->aside,
        b->why != NULL ? b->why : "unknown");
    return text != NULL ? text : "";
}

static enum selfsame_code
no_leaf(const struct judged *j, struct selfsame_err *e)
{
    const char *want = j->report.signer == SNP_VLEK ? "VLEK" : "VCEK";

    if (j->report.signer == SNP_UNSIGNED)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected a report signed by VCEK or VLEK, got one that says nobody did");
    if (j->bundle.cert_count == 0)
        (void)err_set(e, SELFSAME_BAD_CHAIN, __FILE__, __LINE__,
            "expected the %s that signed this report, got no certificate%s", want,
            aside(j));
    else
        (void)err_set(e, SELFSAME_BAD_CHAIN, __FILE__, __LINE__,
            "expected the %s that signed this report, got %zu certificates of others%s",
            want, j->bundle.cert_count, aside(j));
    err_remedy(
        e, j->report.signer == SNP_VLEK
               ? "Give it with --collateral; the provider of the machine has it, and "
                 "guests find it in the host's certificate table."
               : "Give it with --collateral: AMD's key server has it, asked by "
                 "--fetch, or "
                 "by `selfsame collateral fetch --out` where there is a network.");
    return SELFSAME_BAD_CHAIN;
}

/* ---- chain ---- */

/* Every link is of AMD's kind: RSA-4096 signs with PSS and SHA-384, the leaf is P-384. */
static enum selfsame_code
check_algorithms(const struct judged *j, struct selfsame_err *e)
{
    const struct cert *both[] = { j->leaf, j->issuer };

    for (size_t i = 0; i < COUNT(both); i++)
        if (both[i]->sig_alg != SIG_RSA_PSS || both[i]->sig_hash != HASH_SHA384)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "%s: expected RSASSA-PSS with SHA-384, got another signature algorithm",
                i == 0 ? "leaf" : "intermediate");
    if (j->leaf->key_alg != SIG_P384)
        FAIL(e, SELFSAME_BAD_CHAIN, "leaf: expected a P-384 key, got another");
    return SELFSAME_OK;
}

/* Leaf, intermediate, root and processor are of one product line. */
static enum selfsame_code
check_product(struct judged *j, struct selfsame_err *e)
{
    const struct snp_report *r = &j->report;
    enum snp_product line = j->leaf_claims.product;
    char root[16];

    (void)snprintf(root, sizeof(root), "ARK-%s", snp_product_name(line));
    if (!bytes_eq(name_cn(j->root.subject), bytes_str(root)))
        FAIL(e, SELFSAME_BAD_CHAIN, "root: expected %s for a leaf of %s, got another",
            root, snp_product_name(line));
    if (r->version >= 3 &&
        snp_product_of_cpuid(r->cpuid_family, r->cpuid_model) != line)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected certificates of %s, as the report names its processor, got %s",
            snp_product_name(snp_product_of_cpuid(r->cpuid_family, r->cpuid_model)),
            snp_product_name(line));
    if (r->version < 3 && line == SNP_TURIN)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a report of version 3 or later from Turin, got version %u",
            r->version);
    j->product = line;
    return SELFSAME_OK;
}

/*
 * The certificate is about this chip at this TCB. A chip id of zeros is masked: by
 * the host (MASK_CHIP_KEY), or since a VLEK is of no chip.
 */
static enum selfsame_code
check_fit(const struct judged *j, struct selfsame_err *e)
{
    const struct snp_report *r = &j->report;
    const struct snp_cert_claims *c = &j->leaf_claims;
    size_t len = j->product == SNP_TURIN ? SNP_CHIP_ID_TURIN : SNP_CHIP_ID_SIZE;

    if (!same_tcb(c->tcb, snp_tcb_of(r->reported_tcb, j->product)))
        FAIL(e, SELFSAME_TCB,
            "certificate: expected the security patch levels of REPORTED_TCB, got "
            "others");
    if (!bytes_is_zero(BYTES(r->chip_id.ptr + len, r->chip_id.len - len)))
        FAIL(e, SELFSAME_MALFORMED,
            "CHIP_ID: expected zeros behind %zu bytes on Turin, got others", len);
    if (c->kind == SNP_VLEK)
        return SELFSAME_OK;
    if (c->hwid.len != len)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "VCEK: expected a hardware id of %zu bytes, got %zu", len, c->hwid.len);
    if (bytes_is_zero(r->chip_id) && r->mask_chip_key)
        return SELFSAME_OK;
    if (!fits_chip(r, c))
        FAIL(e, SELFSAME_TCB,
            "certificate: expected the one of the report's chip, got another chip's");
    return SELFSAME_OK;
}

static enum selfsame_code
verify_chain(struct judged *j, struct selfsame_err *e)
{
    struct chain chain = { .count = 2, .leaf_may_lack_usage = true };

    for (size_t i = 0; i < j->trust->collateral_count; i++)
        TRY(snp_bundle_add(&j->bundle, j->trust->collateral[i], j->arena, e));
    j->leaf = pick_leaf(j);
    if (j->leaf == NULL)
        return no_leaf(j, e);
    TRY(snp_cert_claims(j->leaf, &j->leaf_claims, e));
    j->issuer = pick_issuer(j);
    if (j->issuer == NULL)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected the certificate of the leaf's issuer among %zu, got none%s",
            j->bundle.cert_count, aside(j));
    TRY(pick_anchor(j, e));
    TRY(check_algorithms(j, e));
    chain.anchor = j->root;
    chain.cert[0] = *j->issuer;
    chain.cert[1] = *j->leaf;
    TRY(chain_verify(&chain, j->trust->now_s, j->trust->cache, e));
    TRY(check_product(j, e));
    return check_fit(j, e);
}

/* ---- revocation ---- */

/*
 * One current list of the root is enough, and no current one may name the intermediate.
 * Others that came along (a host's table of last year) neither help nor harm. VCEKs and
 * VLEKs are never listed: all have the serial number 0.
 */
static enum selfsame_code
verify_revocation(const struct judged *j, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    enum selfsame_code unfit = SELFSAME_OK;
    bool found = false;

    for (size_t i = 0; i < j->bundle.crl_count; i++) {
        const struct crl *crl = &j->bundle.crl[i];

        if (!bytes_eq(crl->issuer, j->root.subject))
            continue;
        enum selfsame_code code = crl_verify(
            crl, &j->root, j->trust->now_s, j->trust->cache, &why);
        if (code == SELFSAME_NOMEM) {
            *e = why;
            return code;
        }
        if (code != SELFSAME_OK) {
            *e = why;
            unfit = code;
            continue;
        }
        if (crl_lists(crl, j->issuer->serial))
            FAIL(e, SELFSAME_REVOKED,
                "the intermediate %s is on the root's list of revoked certificates",
                j->leaf_claims.kind == SNP_VLEK ? "ASVK" : "ASK");
        found = true;
    }
    if (found) {
        *e = (struct selfsame_err){ 0 };
        return SELFSAME_OK;
    }
    if (unfit != SELFSAME_OK)
        return unfit;
    (void)err_set(e, SELFSAME_REVOKED, __FILE__, __LINE__,
        "expected a CRL of ARK-%s, got none: revocation is unknown%s",
        snp_product_name(j->product), aside(j));
    err_remedy(e,
        "Give AMD's CRL with --collateral: its key server has it, asked by --fetch, or "
        "by `selfsame collateral fetch --out` where there is a network.");
    return SELFSAME_REVOKED;
}

/* ---- signature ---- */

/* The bytes signed are the bytes received: nothing is encoded anew. */
static enum selfsame_code
verify_signature(const struct judged *j, struct selfsame_err *e)
{
    struct selfsame_bytes raw = j->report.raw;
    uint8_t digest[HASH_MAX], signature[96];

    if (j->report.signer == SNP_UNSIGNED)
        FAIL(e, SELFSAME_BAD_SIGNATURE,
            "expected a report signed by VCEK or VLEK, got one that nobody signed");
    TRY(snp_signature(
        BYTES(raw.ptr + SNP_SIGNED_SIZE, raw.len - SNP_SIGNED_SIZE), signature, e));
    if (!hash_bytes(HASH_SHA384, BYTES(raw.ptr, SNP_SIGNED_SIZE), digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    struct sig_check check = {
        .alg = SIG_P384,
        .hash = HASH_SHA384,
        .key = j->leaf->key,
        .digest = BYTES(digest, 48),
        .signature = BYTES_ARR(signature),
    };
    TRY_WHILE(e, sig_verify(&check, e), "the report's signature by the leaf's key");
    return SELFSAME_OK;
}

/* ---- tcb ---- */

/* Component by component; as one number a TCB means nothing. */
static bool
tcb_at_most(struct snp_tcb a, struct snp_tcb b)
{
    return a.fmc <= b.fmc && a.bootloader <= b.bootloader && a.tee <= b.tee &&
           a.snp <= b.snp && a.microcode <= b.microcode;
}

/* What the firmware guarantees of its own numbers; minima are the policy's. */
static enum selfsame_code
verify_tcb(const struct judged *j, struct selfsame_err *e)
{
    const struct snp_report *r = &j->report;
    struct snp_tcb reported = snp_tcb_of(r->reported_tcb, j->product),
                   committed = snp_tcb_of(r->committed_tcb, j->product),
                   current = snp_tcb_of(r->current_tcb, j->product),
                   launch = snp_tcb_of(r->launch_tcb, j->product);
    uint64_t reserved = r->reported_tcb | r->committed_tcb | r->current_tcb |
                        r->launch_tcb;

    if (snp_tcb_reserved(reserved, j->product) != 0)
        FAIL(e, SELFSAME_TCB,
            "TCB_VERSION: expected the reserved bytes of %s to be zero, got others",
            snp_product_name(j->product));
    if (!tcb_at_most(reported, committed))
        FAIL(e, SELFSAME_TCB,
            "expected REPORTED_TCB at most COMMITTED_TCB in every component, got more");
    if (!tcb_at_most(committed, current))
        FAIL(e, SELFSAME_TCB,
            "expected COMMITTED_TCB at most CURRENT_TCB in every component, got more");
    if (!tcb_at_most(launch, current))
        FAIL(e, SELFSAME_TCB,
            "expected LAUNCH_TCB at most CURRENT_TCB in every component, got more");
    return SELFSAME_OK;
}

/* ---- all checks, in order ---- */

enum { STEPS = 4 };
struct outcome {
    enum selfsame_code code;
    struct selfsame_err err;
};

static void
put(const struct judged *j, enum check_name name, struct check passed,
    const struct outcome *o)
{
    if (o == NULL)
        passed = (struct check){
            .outcome = CHECK_SKIPPED,
            .spec = passed.spec,
            .detail = "not looked at: the certificate chain does not hold",
        };
    checks_put_outcome(j->checks, name, passed, o != NULL ? o->code : SELFSAME_OK,
        o != NULL ? &o->err : NULL, j->arena);
}

static void
put_checks(const struct judged *j, const struct outcome step[static STEPS])
{
    const struct outcome fine = { 0 };
    const bool leaf = j->leaf != NULL, chain = step[0].code == SELFSAME_OK;

    put(j, CHECK_PARSE,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_report,
            .detail = "a report of 1184 bytes, reserved ones zero" },
        &fine);
    put(j, CHECK_CHAIN,
        (struct check){
            .outcome = CHECK_PASS,
            .spec = spec_chain,
            .source = j->trust->any_anchor ? "trust anchor of the caller"
                                           : "root pinned in this program",
            .detail =
                "every certificate holds, and the leaf is this chip's at this TCB",
        },
        &step[0]);
    put(j, CHECK_REVOCATION,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_crl,
            .detail = "a current CRL of the root does not name the intermediate" },
        chain ? &step[1] : NULL);
    put(j, CHECK_SIGNATURE,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_signature,
            .detail = "made by the key of the leaf, over the bytes received" },
        leaf ? &step[2] : NULL);
    put(j, CHECK_TCB,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_tcb,
            .detail = "reported, committed, launch and current TCB fit each other" },
        chain ? &step[3] : NULL);
}

static enum selfsame_code
refuse_parse(enum selfsame_code code, struct arena *arena, struct checks *checks,
    struct selfsame_err *e)
{
    static const enum check_name rest[] = { CHECK_CHAIN, CHECK_REVOCATION,
        CHECK_SIGNATURE, CHECK_TCB };

    if (code == SELFSAME_NOMEM)
        return code;
    checks_fail(checks, CHECK_PARSE, e, arena);
    checks->at[CHECK_PARSE].spec = spec_report;
    for (size_t i = 0; i < COUNT(rest); i++)
        checks_put(checks, rest[i],
            (struct check){
                .outcome = CHECK_SKIPPED,
                .detail = "the report does not parse",
            });
    return code;
}

/* DER of what was used, root first, for printing. */
static enum selfsame_code
list_chain(const struct judged *j, struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct selfsame_bytes *list = ARENA_NEW(j->arena, struct selfsame_bytes, 3);
    size_t n = 0;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the certificates");
    if (j->anchor != NULL)
        list[n++] = j->root.der;
    if (j->issuer != NULL)
        list[n++] = j->issuer->der;
    if (j->leaf != NULL)
        list[n++] = j->leaf->der;
    ret->chain = list;
    ret->chain_count = n;
    return SELFSAME_OK;
}

/* Every step is looked at even when an earlier one failed, so that all are listed. */
static enum selfsame_code
judge(struct judged *j, struct outcome step[static STEPS])
{
    step[0].code = verify_chain(j, &step[0].err);
    if (step[0].code == SELFSAME_OK)
        step[1].code = verify_revocation(j, &step[1].err);
    if (j->leaf != NULL)
        step[2].code = verify_signature(j, &step[2].err);
    if (step[0].code == SELFSAME_OK)
        step[3].code = verify_tcb(j, &step[3].err);
    for (size_t i = 0; i < STEPS; i++)
        if (step[i].code == SELFSAME_NOMEM)
            return SELFSAME_NOMEM;
    return SELFSAME_OK;
}

static enum selfsame_code
verify(struct selfsame_bytes evidence, const struct tee_trust *trust,
    struct arena *arena, struct checks *checks, struct selfsame_claims *ret,
    struct selfsame_err *e)
{
    struct outcome step[STEPS] = { 0 };
    struct selfsame_claims claims;
    struct judged *j = ARENA_NEW(arena, struct judged, 1);

    if (j == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    j->trust = trust;
    j->arena = arena;
    j->checks = checks;
    enum selfsame_code code = snp_parse(evidence, &j->report, e);
    if (code != SELFSAME_OK)
        return refuse_parse(code, arena, checks, e);
    if (judge(j, step) != SELFSAME_OK)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (j->product == SNP_UNKNOWN) /* for printing alone: nothing is authentic then */
        j->product = snp_product_of_cpuid(
            j->report.cpuid_family, j->report.cpuid_model);
    TRY(snp_claims(&j->report, j->product, &j->leaf_claims, arena, &claims, e));
    TRY(list_chain(j, &claims, e));
    put_checks(j, step);
    claims.any_anchor = trust->any_anchor;
    claims.simulated = claims.simulated || (j->anchor != NULL && j->anchor->simulated);
    claims.authentic = step[0].code == SELFSAME_OK && step[2].code == SELFSAME_OK &&
                       j->leaf != NULL;
    *ret = claims;
    for (size_t i = 0; i < STEPS; i++)
        if (step[i].code != SELFSAME_OK) {
            *e = step[i].err;
            return step[i].code;
        }
    return SELFSAME_OK;
}

/* ---- what else is wanted ---- */

static const char *
vcek_url(const struct snp_report *r, enum snp_product p, struct arena *arena)
{
    struct snp_tcb t = snp_tcb_of(r->reported_tcb, p);
    bool turin = p == SNP_TURIN;
    const char *id = hex_dup(
        arena, BYTES(r->chip_id.ptr, turin ? SNP_CHIP_ID_TURIN : SNP_CHIP_ID_SIZE));
    const char *fmc = turin ? arena_printf(arena, "fmcSPL=%02u&", t.fmc) : "";

    if (id == NULL || fmc == NULL)
        return NULL;
    return arena_printf(arena,
        "https://kdsintf.amd.com/vcek/v1/%s/%s?%sblSPL=%02u&teeSPL=%02u&snpSPL=%02u&"
        "ucodeSPL=%02u",
        snp_product_name(p), id, fmc, t.bootloader, t.tee, t.snp, t.microcode);
}

/*
 * A report of version 2 does not say which processor made it: Milan and Genoa are
 * both named then, and the one that the key server has is the right one.
 */
static enum selfsame_code
needs(struct selfsame_bytes evidence, struct arena *arena, struct tee_need **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    struct snp_report r;
    enum { PER_PRODUCT = 3 };
    struct tee_need *list = ARENA_NEW(arena, struct tee_need, 2 * PER_PRODUCT);
    size_t n = 0;
    bool made = list != NULL;

    TRY(snp_parse(evidence, &r, e));
    const enum snp_product known = snp_product_of_cpuid(r.cpuid_family, r.cpuid_model);
    const char *kind = r.signer == SNP_VLEK ? "vlek" : "vcek";
    for (enum snp_product p = SNP_MILAN; made && p <= SNP_TURIN; p++) {
        if (known != SNP_UNKNOWN ? p != known : p == SNP_TURIN)
            continue;
        const char *name = snp_product_name(p);
        const char *base = arena_printf(
            arena, "https://kdsintf.amd.com/%s/v1/%s", kind, name);
        const char *leaf = r.signer == SNP_VLEK ? NULL : vcek_url(&r, p, arena);

        list[n++] = (struct tee_need){ .name = kind, .url = leaf };
        list[n++] = (struct tee_need){ .name = "cert-chain",
            .url = base == NULL ? NULL : arena_printf(arena, "%s/cert_chain", base) };
        list[n++] = (struct tee_need){ .name = "crl",
            .url = base == NULL ? NULL : arena_printf(arena, "%s/crl", base) };
        made = list[n - 1].url != NULL && list[n - 2].url != NULL &&
               (leaf != NULL || r.signer == SNP_VLEK);
    }
    if (!made)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the names of the collateral");
    *ret = list;
    *ret_count = n;
    return SELFSAME_OK;
}

static const char *const media_types[] = { "application/vnd.attest.snp", NULL };

static const struct tee_anchor anchors[] = {
    { .tee = "snp", .der = { snp_ark_milan, sizeof(snp_ark_milan) } },
    { .tee = "snp", .der = { snp_ark_genoa, sizeof(snp_ark_genoa) } },
    { .tee = "snp", .der = { snp_ark_turin, sizeof(snp_ark_turin) } },
    { .tee = "snp",
        .der = { snp_ark_simulated_milan, SNP_ARK_SIMULATED },
        .simulated = true },
    { .tee = "snp",
        .der = { snp_ark_simulated_genoa, SNP_ARK_SIMULATED },
        .simulated = true },
    { .tee = "snp",
        .der = { snp_ark_simulated_turin, SNP_ARK_SIMULATED },
        .simulated = true },
};

const struct tee_verifier snp_verifier = {
    .name = "snp",
    .media_types = media_types,
    .pins = snp_pins,
    .anchors = anchors,
    .anchor_count = COUNT(anchors),
    .rules = snp_rules,
    .rule_count = SNP_RULES,
    .recognise = snp_recognise,
    .needs = needs,
    .verify = verify,
};
