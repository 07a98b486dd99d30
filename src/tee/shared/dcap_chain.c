/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/pem.h"
#include "tee/shared/dcap_judge.h"

/*
 * The way from a PCK certificate to the pinned root, and what has been revoked of it.
 * The shape never varies: leaf, one of two intermediates, root, all P-256.
 */

enum dcap_role
dcap_role_of(const struct cert *c)
{
    static const struct {
        const char *cn;
        enum dcap_role role;
    } names[] = {
        { "Intel SGX Root CA", DCAP_ROLE_ROOT },
        { "Intel SGX PCK Processor CA", DCAP_ROLE_CA },
        { "Intel SGX PCK Platform CA", DCAP_ROLE_CA },
        { "Intel SGX PCK Certificate", DCAP_ROLE_PCK },
        { "Intel SGX TCB Signing", DCAP_ROLE_SIGNING },
    };
    const struct selfsame_bytes cn = name_cn(c->subject);

    for (size_t i = 0; i < COUNT(names); i++)
        if (bytes_eq(cn, bytes_str(names[i].cn)))
            return names[i].role;
    return DCAP_ROLE_NONE;
}

const char *
dcap_aside(const struct dcap_judged *j)
{
    const struct tee_bundle *b = &j->bundle.pki;

    if (b->aside == 0)
        return "";
    const char *text = arena_printf(j->arena, "; %zu cannot be used: %s", b->aside,
        b->why != NULL ? b->why : "unknown");
    return text != NULL ? text : "";
}

void
dcap_expires(struct dcap_judged *j, int64_t at_s)
{
    int64_t *earliest = &j->found.earliest_expiry_s;

    if (*earliest == 0 || at_s < *earliest)
        *earliest = at_s;
}

enum selfsame_code
dcap_p256_verify(struct selfsame_bytes key, const struct selfsame_bytes *part,
    size_t count, struct selfsame_bytes signature, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];

    if (!hash_parts(HASH_SHA256, part, count, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory for a digest");
    const struct sig_check check = {
        .alg = SIG_P256,
        .hash = HASH_SHA256,
        .key = key,
        .digest = BYTES(digest, hash_size(HASH_SHA256)),
        .signature = signature,
    };
    return sig_verify(&check, e);
}

/* ---- what the quote brings ---- */

static enum selfsame_code
own_pem(struct selfsame_bytes rest, struct arena *arena,
    struct cert ret[static DCAP_CHAIN], size_t *ret_count, struct selfsame_err *e)
{
    struct selfsame_bytes der;

    for (*ret_count = 0;; ++*ret_count) {
        TRY(pem_next(&rest, "CERTIFICATE", arena, &der, e));
        if (der.ptr == NULL)
            return SELFSAME_OK;
        if (*ret_count == DCAP_CHAIN)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "expected %d certificates in the quote, got more", (int)DCAP_CHAIN);
        TRY(cert_parse(der, &ret[*ret_count], e));
    }
}

enum selfsame_code
dcap_own_certs(const struct dcap_quote *q, struct arena *arena,
    struct cert ret[static DCAP_CHAIN], size_t *ret_count, struct selfsame_err *e)
{
    *ret_count = 0;
    if (q->cert_type < DCAP_CERT_PCK_LEAF)
        return SELFSAME_OK;
    if (q->cert_type == DCAP_CERT_PCK_LEAF && !pem_looks_like(q->cert_data)) {
        TRY(cert_parse(q->cert_data, &ret[0], e));
        *ret_count = 1;
        return SELFSAME_OK;
    }
    return own_pem(q->cert_data, arena, ret, ret_count, e);
}

static const struct cert *
own_role(const struct dcap_judged *j, enum dcap_role role)
{
    for (size_t i = 0; i < j->own_count; i++)
        if (j->own_role[i] == role)
            return &j->own[i];
    return NULL;
}

static enum selfsame_code
note_roles(struct dcap_judged *j, struct selfsame_err *e)
{
    const struct tee_bundle *b = &j->bundle.pki;

    for (size_t i = 0; i < j->own_count; i++)
        j->own_role[i] = dcap_role_of(&j->own[i]);
    j->role = ARENA_NEW(j->arena, enum dcap_role, b->cert_count + 1);
    if (j->role == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory for certificates");
    for (size_t i = 0; i < b->cert_count; i++)
        j->role[i] = dcap_role_of(&b->cert[i]);
    return SELFSAME_OK;
}

/*
 * Three, each once; their order is the sender's: leaf, root, intermediate occurs. Names
 * tell them apart, and the links between them are verified later.
 */
static enum selfsame_code
sort_own(struct dcap_judged *j, struct selfsame_err *e)
{
    j->leaf = own_role(j, DCAP_ROLE_PCK);
    j->ca = own_role(j, DCAP_ROLE_CA);
    j->embedded_root = own_role(j, DCAP_ROLE_ROOT);
    if (j->own_count != DCAP_CHAIN)
        FAIL(e, SELFSAME_BAD_CHAIN, "expected %d certificates in the quote, got %zu",
            (int)DCAP_CHAIN, j->own_count);
    if (j->leaf == NULL || j->ca == NULL || j->embedded_root == NULL)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected a PCK certificate, its Processor or Platform CA and the root in "
            "the quote, got no %s",
            j->leaf == NULL ? "PCK certificate"
            : j->ca == NULL ? "such CA"
                            : "root");
    return SELFSAME_OK;
}

/* ---- what comes along ---- */

/* Is this the key that signed for the quoting enclave? */
static bool
signed_qe(const struct dcap_judged *j, const struct cert *leaf)
{
    const struct dcap_quote *q = &j->found.quote;
    struct selfsame_err ignored;

    return dcap_p256_verify(leaf->key, &q->qe.raw, 1, q->qe_signature, &ignored) ==
           SELFSAME_OK;
}

/*
 * Quotes of certification types 1 to 3 name their PCK certificate only, and mostly in
 * a form that nobody but Intel can read; the signature tells which of several it is.
 */
static const struct cert *
leaf_along(const struct dcap_judged *j)
{
    enum { TRIES = 16 };
    const struct cert *first = NULL;
    size_t tried = 0;

    for (size_t i = 0; i < j->bundle.pki.cert_count; i++) {
        const struct cert *c = &j->bundle.pki.cert[i];

        if (j->role[i] != DCAP_ROLE_PCK)
            continue;
        if (first == NULL)
            first = c;
        else if (tried == 0 && signed_qe(j, first))
            return first;
        else if (++tried <= TRIES && signed_qe(j, c))
            return c;
    }
    return first;
}

static const struct cert *
issuer_along(const struct dcap_judged *j)
{
    for (size_t i = 0; i < j->bundle.pki.cert_count; i++) {
        const struct cert *c = &j->bundle.pki.cert[i];

        if (j->role[i] == DCAP_ROLE_CA && bytes_eq(c->subject, j->leaf->issuer) &&
            (c->ski.ptr == NULL || j->leaf->aki.ptr == NULL ||
                bytes_eq(c->ski, j->leaf->aki)))
            return c;
    }
    return NULL;
}

static enum selfsame_code
find_along(struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_quote *q = &j->found.quote;

    j->leaf = q->cert_type == DCAP_CERT_PCK_LEAF ? own_role(j, DCAP_ROLE_PCK)
                                                 : leaf_along(j);
    if (j->leaf == NULL) {
        (void)err_set(e, SELFSAME_BAD_CHAIN, __FILE__, __LINE__,
            "expected the PCK certificate that this quote names (certification type "
            "%u) but does not bring, got none%s",
            q->cert_type, dcap_aside(j));
        err_remedy(e, "Give it and its CA with --collateral: who runs the machine has "
                      "it from Intel's PCS or from a PCCS.");
        return SELFSAME_BAD_CHAIN;
    }
    j->ca = issuer_along(j);
    if (j->ca == NULL)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "expected the certificate of the PCK certificate's issuer among %zu, got "
            "none%s",
            j->bundle.pki.cert_count, dcap_aside(j));
    return SELFSAME_OK;
}

/* ---- the root ---- */

/* A key of 64 bytes stands nowhere by chance. */
static bool
contains(struct selfsame_bytes hay, struct selfsame_bytes needle)
{
    for (size_t i = 0; i + needle.len <= hay.len; i++)
        if (hay.ptr[i] == needle.ptr[0] &&
            bytes_has_prefix(BYTES(hay.ptr + i, hay.len - i), needle))
            return true;
    return false;
}

static bool
is_anchor(const struct dcap_judged *j, const struct cert *root)
{
    return bytes_eq(root->subject, j->ca->issuer) &&
           (root->ski.ptr == NULL || j->ca->aki.ptr == NULL ||
               bytes_eq(root->ski, j->ca->aki)) &&
           (j->embedded_root == NULL ||
               (bytes_eq(j->embedded_root->subject, root->subject) &&
                   bytes_eq(j->embedded_root->spki, root->spki)));
}

/*
 * A root in the quote only names a pinned one, by its key: Intel issued its root anew
 * with another end, and quotes with the old one are as good. It is never trusted itself.
 */
static enum selfsame_code
find_anchor(struct dcap_judged *j, struct selfsame_err *e)
{
    for (size_t i = 0; i < j->trust->anchor_count; i++) {
        struct cert root;

        TRY_WHILE(
            e, cert_parse(j->trust->anchors[i].der, &root, e), "the trust anchor");
        if (!is_anchor(j, &root))
            continue;
        j->anchor = &j->trust->anchors[i];
        j->root = root;
        j->intel = contains(dcap_root_intel, root.key);
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_BAD_CHAIN,
        "expected a chain below one of %zu %s root keys, got one of another root",
        j->trust->anchor_count, j->trust->any_anchor ? "given" : "pinned");
}

enum selfsame_code
dcap_chain_find(struct dcap_judged *j, struct selfsame_err *e)
{
    const struct dcap_quote *q = &j->found.quote;

    TRY_WHILE(e, dcap_own_certs(q, j->arena, j->own, &j->own_count, e),
        "certificates of the quote");
    TRY(note_roles(j, e));
    if (q->cert_type == DCAP_CERT_PCK_CHAIN)
        TRY(sort_own(j, e));
    else
        TRY(find_along(j, e));
    TRY(dcap_pck_parse(j->leaf, &j->found.pck, e));
    j->found.has_pck = true;
    return find_anchor(j, e);
}

/* ---- chain ---- */

static enum selfsame_code
check_algorithms(const struct dcap_judged *j, struct selfsame_err *e)
{
    const struct cert *all[] = { j->leaf, j->ca, &j->root };
    static const char *const names[] = { "PCK certificate", "its CA", "root" };

    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i]->key_alg != SIG_P256 || all[i]->sig_hash != HASH_SHA256)
            FAIL(e, SELFSAME_BAD_CHAIN,
                "%s: expected a P-256 key and ECDSA with SHA-256, got others",
                names[i]);
    return SELFSAME_OK;
}

enum selfsame_code
dcap_chain_verify(struct dcap_judged *j, struct selfsame_err *e)
{
    struct chain chain = { .anchor = j->root, .count = 2 };
    const struct cert *used[] = { j->leaf, j->ca, &j->root };

    for (size_t i = 0; i < COUNT(used); i++)
        dcap_expires(j, used[i]->not_after);
    if (dcap_role_of(&j->root) != DCAP_ROLE_ROOT)
        FAIL(e, SELFSAME_BAD_CHAIN,
            "root: expected the name Intel SGX Root CA, got another");
    TRY(check_algorithms(j, e));
    chain.cert[0] = *j->ca;
    chain.cert[1] = *j->leaf;
    return chain_verify(&chain, j->trust->now_s, j->trust->cache, e);
}

/* ---- revocation ---- */

/* What one issuer has revoked: its name for people, whom it must not list. */
struct lists {
    const struct cert *issuer;
    const char *name;
    const struct cert *subject[6];
    const char *what[6];
    size_t count;
};

static enum selfsame_code
lists_none(const struct crl *crl, const struct lists *l, struct selfsame_err *e)
{
    for (size_t i = 0; i < l->count; i++)
        if (crl_lists(crl, l->subject[i]->serial))
            FAIL(e, SELFSAME_REVOKED, "the %s is on the list of what %s revoked",
                l->what[i], l->name);
    return SELFSAME_OK;
}

/*
 * One current list is enough, and no current one may name what is used. Others that
 * came along, of last year or of the other CA, neither help nor harm.
 */
static enum selfsame_code
ask_lists(struct dcap_judged *j, const struct lists *l, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    enum selfsame_code unfit = SELFSAME_OK;
    int64_t until = 0;

    for (size_t i = 0; i < j->bundle.pki.crl_count; i++) {
        const struct crl *crl = &j->bundle.pki.crl[i];

        if (!bytes_eq(crl->issuer, l->issuer->subject))
            continue;
        enum selfsame_code code = crl_verify(
            crl, l->issuer, j->trust->now_s, j->trust->cache, &why);
        if (code != SELFSAME_OK) {
            unfit = err_wrap(&why, code, __FILE__, __LINE__, "list of %s", l->name);
            *e = why;
            if (code == SELFSAME_NOMEM)
                return code;
            continue;
        }
        TRY(lists_none(crl, l, e));
        if (crl->next_update > until)
            until = crl->next_update;
    }
    if (until != 0) {
        dcap_expires(j, until);
        *e = (struct selfsame_err){ 0 };
        return SELFSAME_OK;
    }
    if (unfit != SELFSAME_OK)
        return unfit;
    (void)err_set(e, SELFSAME_REVOKED, __FILE__, __LINE__,
        "expected a CRL of %s, got none: revocation is unknown%s", l->name,
        dcap_aside(j));
    err_remedy(e, "Give it with --collateral: --fetch asks Intel for it, and so does "
                  "`selfsame collateral fetch --out` where there is a network.");
    return SELFSAME_REVOKED;
}

enum selfsame_code
dcap_revocation_verify(struct dcap_judged *j, struct selfsame_err *e)
{
    struct lists root = {
        .issuer = &j->root,
        .name = "Intel SGX Root CA",
        .subject = { j->ca },
        .what = { "CA of the PCK certificate" },
        .count = 1,
    };
    const struct lists ca = {
        .issuer = j->ca,
        .name = j->found.pck.ca == DCAP_CA_PLATFORM ? "Intel SGX PCK Platform CA"
                                                    : "Intel SGX PCK Processor CA",
        .subject = { j->leaf },
        .what = { "PCK certificate" },
        .count = 1,
    };

    for (size_t i = 0; i < j->signer_count; i++) {
        root.subject[root.count] = j->signers[i];
        root.what[root.count++] = "certificate that signed the TCB info or QE identity";
    }
    TRY(ask_lists(j, &root, e));
    return ask_lists(j, &ca, e);
}
