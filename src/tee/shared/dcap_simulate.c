/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/shared/dcap_simulate.h"
#include "codec/pem.h"

#include <stdlib.h>

const struct sim_word dcap_sim_words[] = {
    { DCAP_SIM_FOREIGN_QE, "foreign-qe" },
    { DCAP_SIM_QE_HASH, "qe-hash" },
    { DCAP_SIM_FOREIGN_KEY, "foreign-key" },
    { DCAP_SIM_DEBUG_QE, "debug-qe" },
    { DCAP_SIM_OTHER_VENDOR, "other-vendor" },
    { DCAP_SIM_NESTED_LENGTH, "nested-length" },
    { DCAP_SIM_BODY_SIZE, "body-size" },
    { DCAP_SIM_SIGNER_AS_LEAF, "signer-as-leaf" },
    { DCAP_SIM_LEAF_AS_SIGNER, "leaf-as-signer" },
    { DCAP_SIM_REVOKED_LEAF, "revoked-leaf" },
    { DCAP_SIM_REVOKED_SIGNER, "revoked-signer" },
    { DCAP_SIM_FOREIGN_CRL, "foreign-crl" },
    { DCAP_SIM_ENDLESS_CRL, "endless-crl" },
    { DCAP_SIM_NO_ROOT_CRL, "no-root-crl" },
    { DCAP_SIM_STALE_ROOT_CRL, "stale-root-crl" },
    { DCAP_SIM_FOREIGN_ROOT_CRL, "foreign-root-crl" },
    { DCAP_SIM_NO_TCB_INFO, "no-tcb-info" },
    { DCAP_SIM_STALE_TCB_INFO, "stale-tcb-info" },
    { DCAP_SIM_FUTURE_TCB_INFO, "future-tcb-info" },
    { DCAP_SIM_BAD_TCB_SIGNATURE, "bad-tcb-signature" },
    { DCAP_SIM_EDITED_JSON, "edited-json" },
    { DCAP_SIM_OTHER_FMSPC, "other-fmspc" },
    { DCAP_SIM_OTHER_PCEID, "other-pceid" },
    { DCAP_SIM_OTHER_TEE, "other-tee" },
    { DCAP_SIM_NO_LEVEL, "no-level" },
    { DCAP_SIM_NO_QE_IDENTITY, "no-qe-identity" },
    { DCAP_SIM_STALE_QE_IDENTITY, "stale-qe-identity" },
    { DCAP_SIM_PROVISION_KEY, "provision-key" },
    { DCAP_SIM_NO_SEPT_VE, "no-sept-ve" },
    { DCAP_SIM_MIGRATABLE, "migratable" },
    { DCAP_SIM_UNKNOWN_MODULE, "unknown-module" },
    { DCAP_SIM_SEAM_SIGNER, "seam-signer" },
    { 0, NULL },
};

/* ---- keys ---- */

/* Where the next private key of the text begins; NULL: nowhere. */
static const char *
find_key(const char *text)
{
    return text != NULL ? strstr(text, "-----BEGIN PRIVATE KEY-----") : NULL;
}

static enum selfsame_code
read_key(const char *pem, struct key **ret, struct selfsame_err *e)
{
    if (pem == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "the simulator's root: expected the keys of root, PCK CA, TCB Signing and "
            "PCK, got fewer");
    TRY(key_from_pem(bytes_str(pem), ret, e));
    if (key_type_of(*ret) != KEY_P256)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "the simulator's root: expected keys of P-256, got another");
    return SELFSAME_OK;
}

static enum selfsame_code
read_keys(struct sim_pki *p, struct selfsame_bytes pem, struct selfsame_err *e)
{
    const char *at = pem.ptr != NULL ? find_key(arena_str(&p->arena, pem)) : NULL;

    for (size_t i = 0; i < DCAP_SIM_KEYS; i++) {
        TRY(read_key(pem.ptr != NULL ? at : dcap_sim_keys[i], &p->key[i], e));
        at = at != NULL ? find_key(at + 1) : NULL;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
read_root(struct sim_pki *p, struct selfsame_bytes pem, struct selfsame_err *e)
{
    struct selfsame_bytes rest = pem;

    p->root = dcap_root_simulated;
    if (pem.ptr == NULL)
        return SELFSAME_OK;
    TRY_WHILE(e, pem_next(&rest, "CERTIFICATE", &p->arena, &p->root, e),
        "the simulator's root");
    if (p->root.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED, "the simulator's root: expected its certificate");
    return SELFSAME_OK;
}

static enum selfsame_code
fill(struct sim_pki *p, struct selfsame_bytes pem, struct selfsame_err *e)
{
    TRY(read_root(p, pem, e));
    TRY(read_keys(p, pem, e));
    TRY(key_generate(KEY_P256, &p->attestation, e));
    return key_generate(KEY_P256, &p->stranger, e);
}

enum selfsame_code
dcap_sim_pki_new(struct selfsame_bytes pem, int64_t now_ms, struct sim_pki **ret,
    struct selfsame_err *e)
{
    struct sim_pki *p = calloc(1, sizeof(*p));

    (void)now_ms;
    if (p == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    p->arena = arena_new(256 * 1024);
    enum selfsame_code code = fill(p, pem, e);
    if (code != SELFSAME_OK) {
        dcap_sim_pki_free(p);
        return code;
    }
    *ret = p;
    return SELFSAME_OK;
}

void
dcap_sim_pki_free(struct sim_pki *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < DCAP_SIM_KEYS; i++)
        key_free(&p->key[i]);
    key_free(&p->attestation);
    key_free(&p->stranger);
    arena_free(&p->arena);
    free(p);
}

enum selfsame_code
dcap_sim_root_make(
    int64_t now_ms, struct arena *arena, char **ret_pem, struct selfsame_err *e)
{
    struct selfsame_bytes root;
    char *all = NULL;

    (void)now_ms;
    for (size_t i = 0; i < DCAP_SIM_KEYS; i++) {
        auto_key *key = NULL;
        char *pem = NULL;

        TRY(key_generate(KEY_P256, &key, e));
        if (i == DCAP_SIM_ROOT) {
            TRY(dcap_sim_root_cert(key, arena, &root, e));
            all = pem_encode("CERTIFICATE", root, arena);
        }
        TRY(key_to_pem(key, arena, &pem, e));
        all = all != NULL ? arena_printf(arena, "%s%s", all, pem) : NULL;
    }
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    *ret_pem = all;
    return SELFSAME_OK;
}

/* ---- collateral, in files named as other tools name what PCS answers ---- */

enum { FILES_MAX = 8 };
struct files {
    struct sim_file *at;
    size_t count;
    struct arena *arena;
};

static void
add_file(struct files *f, const char *name, struct selfsame_bytes bytes)
{
    f->at[f->count++] = (struct sim_file){ name, bytes };
}

/* The certificates as PEM, the signer's first. */
static enum selfsame_code
add_chain(struct files *f, const char *name, const struct selfsame_bytes *der,
    size_t count, struct selfsame_err *e)
{
    char *all = arena_printf(f->arena, "%s", "");

    for (size_t i = 0; i < count; i++) {
        const char *pem = pem_encode("CERTIFICATE", der[i], f->arena);

        all = pem != NULL && all != NULL ? arena_printf(f->arena, "%s%s", all, pem)
                                         : NULL;
    }
    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    add_file(f, name, bytes_str(all));
    return SELFSAME_OK;
}

static enum selfsame_code
add_json(struct files *f, const struct sim_pki *p, const struct dcap_setup *s,
    const struct dcap_sim_chain *c, int64_t now_s, struct selfsame_err *e)
{
    const struct selfsame_bytes usual[] = { c->signing, c->root },
                                leaf[] = { c->pck, c->ca, c->root };
    struct selfsame_bytes json;

    if ((s->defects & DCAP_SIM_NO_TCB_INFO) == 0) {
        TRY(dcap_sim_tcb_info(p, s, now_s, f->arena, &json, e));
        add_file(f, "tcb_info.json", json);
        if (s->defects & DCAP_SIM_LEAF_AS_SIGNER)
            TRY(add_chain(f, "tcb_issuer_chain.pem", leaf, COUNT(leaf), e));
        else
            TRY(add_chain(f, "tcb_issuer_chain.pem", usual, COUNT(usual), e));
    }
    if (s->defects & DCAP_SIM_NO_QE_IDENTITY)
        return SELFSAME_OK;
    TRY(dcap_sim_identity(p, s, now_s, f->arena, &json, e));
    add_file(f, "qe_identity.json", json);
    return add_chain(f, "qe_issuer_chain.pem", usual, COUNT(usual), e);
}

static enum selfsame_code
add_lists(struct files *f, const struct sim_pki *p, const struct dcap_setup *s,
    const struct dcap_sim_chain *c, int64_t now_s, struct selfsame_err *e)
{
    const struct selfsame_bytes above[] = { c->ca, c->root };
    struct selfsame_bytes der;

    if ((s->defects & SIM_NO_CRL) == 0) {
        TRY(dcap_sim_pck_crl(p, s, c, now_s, f->arena, &der, e));
        add_file(f, "pck_crl.der", der);
        TRY(add_chain(f, "pck_crl_issuer_chain.pem", above, COUNT(above), e));
    }
    if (s->defects & DCAP_SIM_NO_ROOT_CRL)
        return SELFSAME_OK;
    TRY(dcap_sim_root_crl(p, s, c, now_s, f->arena, &der, e));
    add_file(f, "root_crl.der", der);
    return SELFSAME_OK;
}

enum selfsame_code
dcap_sim_collateral(enum dcap_tee tee, const struct sim_pki *p, int64_t now_ms,
    const struct sim_subject *subject, struct arena *arena, struct sim_file **ret,
    size_t *ret_count, struct selfsame_err *e)
{
    struct files f = { .at = ARENA_NEW(arena, struct sim_file, FILES_MAX),
        .arena = arena };
    struct dcap_sim_chain chain;
    struct dcap_setup s;

    if (f.at == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(dcap_sim_setup(tee, subject, &s, e));
    s.defects &= ~(uint64_t)SIM_OTHER_ROOT; /* of the evidence: the service is sound */
    TRY(dcap_sim_chain_make(p, &s, now_ms / 1000, arena, &chain, e));
    TRY(add_json(&f, p, &s, &chain, now_ms / 1000, e));
    TRY(add_lists(&f, p, &s, &chain, now_ms / 1000, e));
    if (s.cert_type != DCAP_CERT_PCK_CHAIN) {
        /* The quote has no certificates: a PCK caching service would know them. */
        const struct selfsame_bytes pck[] = { chain.pck, chain.ca, chain.root };

        TRY(add_chain(&f, "pck_chain.pem", pck, COUNT(pck), e));
    }
    *ret = f.at;
    *ret_count = f.count;
    return SELFSAME_OK;
}
