/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/nitro.h"

static const char spec_document[] = "AWS attestation_process.md §3.1, RFC 9052 §4.2";
static const char spec_chain[] = "AWS attestation_process.md §3.2.3, RFC 5280 §6.1";
static const char spec_signature[] = "RFC 9052 §4.4, RFC 9053 §2.1 (ES384)";

/* A document together with what judges it. */
struct judged {
    const struct nitro_doc *doc;
    const struct tee_trust *trust;
    const struct tee_anchor *anchor; /* NULL: the root is not ours */
    struct arena *arena;
    struct checks *checks;
};

/* The root in the document only names a pinned one; it is never trusted itself. */
static const struct tee_anchor *
pick_anchor(const struct tee_trust *trust, struct selfsame_bytes root)
{
    for (size_t i = 0; i < trust->anchor_count; i++)
        if (bytes_cmp(trust->anchors[i].der, root) == 0)
            return &trust->anchors[i];
    return NULL;
}

static enum selfsame_code
refuse_root(const struct judged *j, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    char got[17];

    if (!hash_bytes(HASH_SHA256, j->doc->root, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    hex_encode(BYTES(digest, 8), got);
    if (j->trust->anchor_count == 0)
        FAIL(e, SELFSAME_BAD_CHAIN, "expected a trust anchor for nitro, got none");
    FAIL(e, SELFSAME_BAD_CHAIN,
        "cabundle[0]: expected one of %zu %s roots, got a certificate with SHA-256 %s…",
        j->trust->anchor_count, j->trust->any_anchor ? "given" : "pinned", got);
}

/*
 * A root below itself is a path RFC 5280 allows (self-issued, signed by itself), but
 * no genuine bundle has it.
 */
static enum selfsame_code
check_root_once(const struct nitro_doc *doc, struct selfsame_err *e)
{
    for (size_t i = 0; i < doc->chain_count; i++)
        if (bytes_cmp(doc->chain[i].der, doc->root) == 0)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "cabundle: expected the root once, got it again as certificate %zu",
                i + 1);
    return SELFSAME_OK;
}

/* P-384 and SHA-384 all the way (README.md, "Trust chain"). */
static enum selfsame_code
check_algorithms(const struct nitro_doc *doc, struct selfsame_err *e)
{
    for (size_t i = 0; i < doc->chain_count; i++) {
        const struct cert *c = &doc->chain[i];

        if (c->sig_alg != SIG_P384 || c->sig_hash != HASH_SHA384)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "certificate %zu below the root: expected ecdsa-with-SHA384, got "
                "another signature algorithm",
                i + 1);
        if (c->key_alg != SIG_P384)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "certificate %zu below the root: expected a P-384 key, got another",
                i + 1);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_timestamp(const struct nitro_doc *doc, struct selfsame_err *e)
{
    const struct cert *leaf = &doc->chain[doc->chain_count - 1];
    int64_t at = (int64_t)(doc->timestamp_ms / 1000);
    char got[TIME_TEXT], from[TIME_TEXT], to[TIME_TEXT];

    if (at >= leaf->not_before && at <= leaf->not_after)
        return SELFSAME_OK;
    time_format(at, got);
    time_format(leaf->not_before, from);
    time_format(leaf->not_after, to);
    FAIL(e, SELFSAME_BAD_CHAIN,
        "timestamp: expected it inside the leaf's validity %s to %s, got %s", from, to,
        got);
}

static bool
cn_is_host(struct selfsame_bytes cn, struct selfsame_bytes host)
{
    return bytes_has_prefix(cn, host) && cn.len > host.len && cn.ptr[host.len] == '.';
}

/* "i-0123-enc4567" → "i-0123" */
static struct selfsame_bytes
instance_of(struct selfsame_bytes module_id)
{
    for (size_t i = 0; i + 4 <= module_id.len; i++)
        if (bytes_has_prefix(
                BYTES(module_id.ptr + i, module_id.len - i), BYTES_LIT("-enc")))
            return BYTES(module_id.ptr, i);
    return module_id;
}

/*
 * All genuine documents agree in these names. Roots of a caller's own PKI may
 * name certificates as they like.
 */
static enum selfsame_code
check_names(const struct nitro_doc *doc, struct selfsame_err *e)
{
    const struct cert *leaf = &doc->chain[doc->chain_count - 1];
    struct selfsame_bytes cn = name_cn(leaf->subject), id = doc->module_id;
    char want[NITRO_QUOTED], got[NITRO_QUOTED];

    if (!cn_is_host(cn, id))
        FAIL(e, SELFSAME_BAD_CHAIN, "leaf: expected common name %s.…, got %s",
            nitro_quoted(id, want), nitro_quoted(cn, got));
    if (doc->chain_count < 2)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected an instance certificate above the leaf, got none");
    cn = name_cn(doc->chain[doc->chain_count - 2].subject);
    id = instance_of(id);
    if (!cn_is_host(cn, id))
        FAIL(e, SELFSAME_BAD_CHAIN,
            "instance certificate: expected common name %s.…, got %s",
            nitro_quoted(id, want), nitro_quoted(cn, got));
    return SELFSAME_OK;
}

static enum selfsame_code
verify_chain(const struct judged *j, struct selfsame_err *e)
{
    struct chain chain = { .count = j->doc->chain_count };

    if (j->anchor == NULL)
        return refuse_root(j, e);
    TRY_WHILE(e, cert_parse(j->anchor->der, &chain.anchor, e), "the trust anchor");
    memcpy(chain.cert, j->doc->chain, chain.count * sizeof(chain.cert[0]));
    TRY(check_root_once(j->doc, e));
    TRY(check_algorithms(j->doc, e));
    TRY(chain_verify(&chain, j->trust->now_s, j->trust->cache, e));
    TRY(check_timestamp(j->doc, e));
    return j->trust->any_anchor ? SELFSAME_OK : check_names(j->doc, e);
}

/* The bytes signed are the bytes received: nothing is encoded anew. */
static enum selfsame_code
verify_signature(const struct nitro_doc *doc, struct selfsame_err *e)
{
    const struct cert *leaf = &doc->chain[doc->chain_count - 1];
    uint8_t digest[HASH_MAX];
    struct cose_tbs tbs;

    if (leaf->key_alg != SIG_P384)
        FAIL(e, SELFSAME_UNSUPPORTED, "leaf: expected a P-384 key, got another");
    cose_sign1_tbs(&doc->cose, BYTES_NONE, &tbs);
    if (!hash_parts(HASH_SHA384, tbs.part, tbs.count, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    struct sig_check check = {
        .alg = SIG_P384,
        .hash = HASH_SHA384,
        .key = leaf->key,
        .digest = BYTES(digest, NITRO_PCR_SIZE),
        .signature = doc->cose.signature,
    };
    TRY_WHILE(e, sig_verify(&check, e), "the document's signature by the leaf's key");
    return SELFSAME_OK;
}

static struct claim
claim_bytes(const char *path, struct selfsame_bytes b)
{
    return (struct claim){
        .path = path, .kind = b.ptr != NULL ? CLAIM_BYTES : CLAIM_NULL, .bytes = b
    };
}

static enum selfsame_code
list_claims(const struct nitro_doc *doc, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct claim *list = ARENA_NEW(arena, struct claim, NITRO_PCRS + 6);
    size_t n = 0;

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the claims");
    list[n++] = (struct claim){
        .path = "module_id", .kind = CLAIM_TEXT, .bytes = doc->module_id
    };
    list[n++] = (struct claim){
        .path = "timestamp_ms", .kind = CLAIM_UINT, .number = doc->timestamp_ms
    };
    list[n++] = (struct claim){
        .path = "digest", .kind = CLAIM_TEXT, .bytes = BYTES_LIT("SHA384")
    };
    for (unsigned i = 0; i < NITRO_PCRS; i++)
        if (doc->pcr_mask & 1u << i)
            list[n++] = claim_bytes(nitro_pcr_path(i), doc->pcr[i]);
    list[n++] = claim_bytes("nonce", doc->nonce);
    list[n++] = claim_bytes("user_data", doc->user_data);
    list[n++] = claim_bytes("public_key", doc->public_key);
    ret->list = list;
    ret->count = n;
    return SELFSAME_OK;
}

/* Views only: they are decoded by whoever prints them, not in every verification. */
static enum selfsame_code
list_chain(const struct nitro_doc *doc, struct arena *arena,
    struct selfsame_claims *ret, struct selfsame_err *e)
{
    struct selfsame_bytes *list = ARENA_NEW(
        arena, struct selfsame_bytes, doc->chain_count + 1);

    if (list == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for the certificates");
    list[0] = doc->root;
    for (size_t i = 0; i < doc->chain_count; i++)
        list[i + 1] = doc->chain[i].der;
    ret->chain = list;
    ret->chain_count = doc->chain_count + 1;
    return SELFSAME_OK;
}

/*
 * There is no debug flag: a debug enclave has PCR0-2 zero and the others real, so
 * a zero or missing PCR0, 1 or 2 is enough (nsm-api issues 11 and 18).
 */
static bool
is_debug(const struct nitro_doc *doc)
{
    for (unsigned i = 0; i < 3; i++)
        if (doc->pcr[i].ptr == NULL || bytes_is_zero(doc->pcr[i]))
            return true;
    return false;
}

static const char *const pins[] = { "pcr.0", "pcr.1", "pcr.2", NULL };

static enum selfsame_code
fill_claims(const struct judged *j, struct selfsame_claims *ret, struct selfsame_err *e)
{
    const struct nitro_doc *doc = j->doc;

    *ret = (struct selfsame_claims){
        .tee = "nitro",
        .simulated = (j->anchor != NULL && j->anchor->simulated) ||
                     bytes_has_prefix(doc->module_id, BYTES_LIT("sim-")),
        .debug = is_debug(doc),
        .any_anchor = j->trust->any_anchor,
        .has_time = true,
        .time_ms = (int64_t)doc->timestamp_ms,
        .has_nonce_field = true,
        .nonce = doc->nonce,
        .report_data = doc->user_data,
        .public_key = doc->public_key,
        .pins = pins,
    };
    TRY(list_claims(doc, j->arena, ret, e));
    return list_chain(doc, j->arena, ret, e);
}

/* What no document can say; the reasons are part of the verdict. */
static void
put_not_applicable(struct checks *checks)
{
    checks_put(checks, CHECK_REVOCATION,
        (struct check){
            .outcome = CHECK_NA,
            .spec = spec_chain,
            .detail = "AWS disables CRLs for Nitro attestation; leaves live 3 hours",
        });
    checks_put(checks, CHECK_TCB,
        (struct check){
            .outcome = CHECK_NA,
            .detail = "Nitro documents name no firmware version; AWS updates the hosts",
        });
}

static enum selfsame_code
refuse_parse(enum selfsame_code code, struct arena *arena, struct checks *checks,
    struct selfsame_err *e)
{
    static const struct check skipped = {
        .outcome = CHECK_SKIPPED,
        .detail = "the document does not parse",
    };

    if (code == SELFSAME_NOMEM)
        return code;
    checks_fail(checks, CHECK_PARSE, e, arena);
    checks->at[CHECK_PARSE].spec = spec_document;
    checks_put(checks, CHECK_CHAIN, skipped);
    checks_put(checks, CHECK_SIGNATURE, skipped);
    put_not_applicable(checks);
    return code;
}

static void
put_checks(const struct judged *j, enum selfsame_code chain,
    const struct selfsame_err *chain_err, enum selfsame_code signature,
    const struct selfsame_err *signature_err)
{
    checks_put_outcome(j->checks, CHECK_PARSE,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_document,
            .detail = "a signed document, well formed to its last byte" },
        SELFSAME_OK, NULL, j->arena);
    checks_put_outcome(j->checks, CHECK_CHAIN,
        (struct check){
            .outcome = CHECK_PASS,
            .spec = spec_chain,
            .source = j->trust->any_anchor ? "trust anchor of the caller"
                                           : "root pinned in this program",
            .detail = "every certificate holds, from the root to the leaf",
        },
        chain, chain_err, j->arena);
    checks_put_outcome(j->checks, CHECK_SIGNATURE,
        (struct check){ .outcome = CHECK_PASS,
            .spec = spec_signature,
            .detail = "made by the key of the leaf, over the bytes received" },
        signature, signature_err, j->arena);
    put_not_applicable(j->checks);
}

static enum selfsame_code
verify(struct selfsame_bytes evidence, const struct tee_trust *trust,
    struct arena *arena, struct checks *checks, struct selfsame_claims *ret,
    struct selfsame_err *e)
{
    struct selfsame_err later = { .depth = 0 };
    struct selfsame_claims claims;
    struct nitro_doc doc;
    struct judged j = { .doc = &doc, .trust = trust, .arena = arena, .checks = checks };

    enum selfsame_code code = nitro_parse(evidence, &doc, e);
    if (code != SELFSAME_OK)
        return refuse_parse(code, arena, checks, e);
    j.anchor = pick_anchor(trust, doc.root);
    TRY(fill_claims(&j, &claims, e));
    code = verify_chain(&j, e);
    if (code == SELFSAME_NOMEM)
        return code;
    /* Looked at even when the chain failed, so that the verdict lists both. */
    enum selfsame_code signature = verify_signature(&doc, &later);
    if (signature == SELFSAME_NOMEM) {
        *e = later;
        return signature;
    }
    put_checks(&j, code, e, signature, &later);
    claims.authentic = code == SELFSAME_OK && signature == SELFSAME_OK;
    *ret = claims;
    if (code == SELFSAME_OK && signature != SELFSAME_OK)
        *e = later;
    return code != SELFSAME_OK ? code : signature;
}

/* Everything a document needs travels in it. */
static enum selfsame_code
needs(struct selfsame_bytes evidence, struct arena *arena, struct tee_need **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    (void)evidence;
    (void)arena;
    (void)e;
    *ret = NULL;
    *ret_count = 0;
    return SELFSAME_OK;
}

/*
 * No type is registered. We write the one that attest-tls v1 uses in its vectors
 * (docs/formats/attest-messages.md) and read what others write as well.
 */
static const char *const media_types[] = { "application/vnd.attest.nitro+cbor",
    "application/aws-nitro-document", "application/cose; cose-type=\"cose-sign1\"",
    NULL };

static const struct tee_anchor anchors[] = {
    { .tee = "nitro", .der = { nitro_root_aws_g1, sizeof(nitro_root_aws_g1) } },
    {
        .tee = "nitro",
        .der = { nitro_root_simulated, sizeof(nitro_root_simulated) },
        .simulated = true,
    },
};

const struct tee_verifier nitro_verifier = {
    .name = "nitro",
    .media_types = media_types,
    .pins = pins,
    .anchors = anchors,
    .anchor_count = COUNT(anchors),
    .recognise = nitro_recognise,
    .needs = needs,
    .verify = verify,
};
