/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "base/checks.h"
#include "codec/pem.h"
#include "tee/sgx/sgx.h"
#include "tee/tdx/tdx.h"

/*
 * Quotes of real machines with the collateral of their day: what each of them is worth,
 * as others found out before (../shared/vectors/MANIFEST.tsv).
 */
enum { FILES = 10, MEMORY = 1 << 20 };
#define SIGNING "sgx/Phala-Network+dcap-qvl/sgx-v3/tcb_issuer_chain.pem"
#define COLLATERAL                                                              \
    "tcb_info.json", "qe_identity.json", "tcb_issuer_chain.pem", "pck_crl.der", \
        "root_crl.der"

struct vector {
    const char *name; /* below vectors/ */
    const struct tee_verifier *v;
    const char *now;
    const char *files[FILES]; /* of the same folder, or "/" and below vectors/ */
    const char *anchor;       /* PEM of the same folder; NULL: the pinned root */
    enum selfsame_code chain, revocation, signature, tcb;
    const char *status, *advisories, *date;
    uint64_t evaluation;
    bool debug;
};

static const struct vector vectors[] = {
    { .name = "sgx/Phala-Network+dcap-qvl/sgx-v3",
        .v = &sgx_verifier,
        .now = "2025-06-20T00:00:00Z",
        .files = { COLLATERAL },
        .status = "ConfigurationAndSWHardeningNeeded",
        .advisories = "INTEL-SA-00289,INTEL-SA-00615",
        .date = "2024-03-13T00:00:00Z",
        .evaluation = 17 },
    { .name = "sgx/fortanix+rust-sgx/pcs-v3-debug",
        .v = &sgx_verifier,
        .now = "2021-01-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB,
        .debug = true },
    { .name = "sgx/fortanix+rust-sgx/ql-v3-corrupted",
        .v = &sgx_verifier,
        .now = "2021-01-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .signature = SELFSAME_BAD_SIGNATURE,
        .tcb = SELFSAME_TCB,
        .debug = true },
    { .name =
            "sgx/fortanix+rust-sgx/ql-v3-debug", /* leaf, root of 2033, intermediate */
        .v = &sgx_verifier,
        .now = "2021-01-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB,
        .debug = true },
    { .name = "sgx/fortanix+rust-sgx/ql-v3-raw-tcb", /* PPID alone */
        .v = &sgx_verifier,
        .now = "2021-01-01T00:00:00Z",
        .chain = SELFSAME_BAD_CHAIN,
        .debug = true },
    { .name = "sgx/oasisprotocol+oasis-core/v3-eppid",
        .v = &sgx_verifier,
        .now = "2022-12-20T00:00:00Z",
        .chain = SELFSAME_BAD_CHAIN },
    { .name = "sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample",
        .v = &sgx_verifier,
        .now = "2022-01-01T00:00:00Z",
        .files = { "pckCert.pem", "pckSignChain.pem", "tcbSignChain.pem",
            "tcbInfo.json", "qeIdentity.json", "intermediateCaCrl.der",
            "rootCaCrl.der" },
        .anchor = "trustedRootCaCert.pem",
        .status = "UpToDate",
        .advisories = "",
        .date = "2019-09-01T00:00:00Z",
        .debug = true }, /* all of it is zero */
    { .name = "sgx/intel+SGX-TDX-DCAP-QuoteVerificationLibrary/sample",
        .v = &sgx_verifier,
        .now = "2022-01-01T00:00:00Z",
        .files = { "pckCert.pem", "pckSignChain.pem", "tcbSignChain.pem",
            "tcbInfo.json", "qeIdentity.json", "intermediateCaCrl.der",
            "rootCaCrl.der" },
        .chain = SELFSAME_BAD_CHAIN, /* below Intel's own root */
        .debug = true },
    { .name = "sgx/matter-labs+teepot/v3-outofdate", /* TCB info of version 2 */
        .v = &sgx_verifier,
        .now = "2023-05-20T00:00:00Z",
        .files = { COLLATERAL },
        .status = "OutOfDate",
        .advisories = "",
        .date = "2021-11-10T00:00:00Z",
        .evaluation = 15 },
    { .name = "sgx/mobilecoinfoundation+attestation/hw-v3", /* its PCK CRL is over */
        .v = &sgx_verifier,
        .now = "2023-07-13T00:00:00Z",
        .files = { COLLATERAL },
        .revocation = SELFSAME_REVOKED,
        .status = "SWHardeningNeeded",
        .advisories = "INTEL-SA-00334,INTEL-SA-00615",
        .date = "2023-02-15T00:00:00Z",
        .evaluation = 15 },
    { .name = "sgx/mobilecoinfoundation+attestation/hw-v3", /* before the others */
        .v = &sgx_verifier,
        .now = "2023-05-20T00:00:00Z",
        .files = { COLLATERAL },
        .chain = SELFSAME_BAD_CHAIN,
        .tcb = SELFSAME_TCB },
    { .name = "sgx/oasisprotocol+oasis-core/v3-pck-chain", /* without CRLs */
        .v = &sgx_verifier,
        .now = "2022-12-20T00:00:00Z",
        .files = { "tcb_info.json", "qe_identity.json", "tcb_issuer_chain.pem" },
        .revocation = SELFSAME_REVOKED,
        .status = "SWHardeningNeeded",
        .advisories = "INTEL-SA-00615,INTEL-SA-00657",
        .date = "2022-08-10T00:00:00Z",
        .evaluation = 13 },
    { .name = "sgx/oasisprotocol+oasis-core/v3-pck-chain", /* another's chain */
        .v = &sgx_verifier,
        .now = "2022-12-20T00:00:00Z",
        .files = { "tcb_info.json", "qe_identity.json", "tcb_issuer_chain_bad.pem" },
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/Phala-Network+dcap-qvl/tdx-v4",
        .v = &tdx_verifier,
        .now = "2025-06-20T00:00:00Z",
        .files = { COLLATERAL },
        .status = "UpToDate",
        .advisories = "",
        .date = "2024-03-13T00:00:00Z",
        .evaluation = 17 },
    { .name = "tdx/Phala-Network+dcap-qvl/tdx-v5-outdated",
        .v = &tdx_verifier,
        .now = "2026-02-20T00:00:00Z",
        .files = { COLLATERAL },
        .tcb = SELFSAME_TCB },
    { .name = "tdx/automata-network+automata-dcap-attestation/v4-solana",
        .v = &tdx_verifier,
        .now = "2025-07-10T00:00:00Z",
        .files = { "tcb_info.json", "qe_identity.json", "pck_crl.der", "root_crl.der",
            "/tdx/Phala-Network+dcap-qvl/tdx-v4/tcb_issuer_chain.pem" },
        .status = "OutOfDate",
        .advisories = "INTEL-SA-00960,INTEL-SA-00982,INTEL-SA-00986",
        .date = "2023-08-09T00:00:00Z",
        .evaluation = 17 },
    { .name = "tdx/confidential-containers+trustee/az-td-quote",
        .v = &tdx_verifier,
        .now = "2024-01-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/confidential-containers+trustee/v4-debug",
        .v = &tdx_verifier,
        .now = "2024-01-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB,
        .debug = true },
    { .name = "tdx/confidential-containers+trustee/v4-gnr",
        .v = &tdx_verifier,
        .now = "2025-05-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/confidential-containers+trustee/v5-td15",
        .v = &tdx_verifier,
        .now = "2025-05-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/google+go-tdx-guest/v4-cos113",
        .v = &tdx_verifier,
        .now = "2025-05-01T00:00:00Z",
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/google+go-tdx-guest/v4-spr", /* below every level */
        .v = &tdx_verifier,
        .now = "2023-07-01T00:00:00Z",
        .files = { COLLATERAL },
        .tcb = SELFSAME_TCB },
    { .name = "tdx/google+go-tdx-guest/v5", /* TCB info expired before the PCK began */
        .v = &tdx_verifier,
        .now = "2026-02-03T00:00:00Z",
        .files = { "tcb_info.json", "/" SIGNING },
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
    { .name = "tdx/oasisprotocol+oasis-core/v4",
        .v = &tdx_verifier,
        .now = "2024-09-10T00:00:00Z",
        .files = { "tcb_info.json", "qe_identity.json",
            "/sgx/oasisprotocol+oasis-core/v3-pck-chain/tcb_issuer_chain.pem" },
        .revocation = SELFSAME_REVOKED,
        .status = "UpToDate",
        .advisories = "",
        .date = "2024-03-13T00:00:00Z",
        .evaluation = 17 },
    { .name = "tdx/oasisprotocol+oasis-core/v4-out-of-date",
        .v = &tdx_verifier,
        .now = "2023-07-01T00:00:00Z",
        .files = { "tcb_info.json", "qe_identity.json",
            "/sgx/oasisprotocol+oasis-core/v3-pck-chain/tcb_issuer_chain.pem" },
        .revocation = SELFSAME_REVOKED,
        .tcb = SELFSAME_TCB },
};

static struct selfsame_bytes
file_of(const struct vector *x, const char *name, struct arena *arena)
{
    char path[256];

    if (name[0] == '/')
        (void)snprintf(path, sizeof(path), "vectors%s", name);
    else
        (void)snprintf(path, sizeof(path), "vectors/%s/%s", x->name, name);
    return shared_file(path, arena);
}

static void
expect(const struct vector *x, const struct checks *checks, enum check_name name,
    enum selfsame_code want)
{
    const struct check *k = &checks->at[name];
    const bool failed = k->outcome == CHECK_FAIL;

    if ((failed ? k->code : SELFSAME_OK) != want)
        fail_msg("%s at %s: %s: expected %s, got %s: %s", x->name, x->now,
            check_word(name), selfsame_code_name(want),
            failed ? selfsame_code_name(k->code) : check_outcome_word(k->outcome),
            k->detail != NULL ? k->detail : "");
}

static const char *
text_of(const struct selfsame_claims *c, const char *path, struct arena *arena)
{
    const struct claim *x = claims_find(c, path);

    return x == NULL || x->kind != CLAIM_TEXT ? NULL : arena_str(arena, x->bytes);
}

static const char *
advisories_of(const struct selfsame_claims *c, struct arena *arena)
{
    const struct claim *x = claims_find(c, "advisories");
    const char *all = "";

    assert_non_null(x);
    for (; x != NULL && x->kind == CLAIM_TEXT; x = claims_next(c, x))
        all = arena_printf(
            arena, "%s%s%s", all, *all != '\0' ? "," : "", arena_str(arena, x->bytes));
    return all;
}

static void
check_claims(const struct vector *x, const struct selfsame_claims *c)
{
    auto_arena arena = arena_new(MEMORY);

    assert_int_equal(c->debug, x->debug);
    assert_int_equal(
        c->authentic, x->chain == SELFSAME_OK && x->signature == SELFSAME_OK);
    assert_int_equal(c->report_data.len, 64);
    if (x->status == NULL) {
        assert_null(claims_find(c, "tcb_status"));
        return;
    }
    assert_string_equal(text_of(c, "tcb_status", &arena), x->status);
    assert_string_equal(advisories_of(c, &arena), x->advisories);
    assert_string_equal(text_of(c, "tcb_date", &arena), x->date);
    if (x->evaluation != 0)
        assert_int_equal(claims_find(c, "tcb_evaluation")->number, x->evaluation);
}

static void
judge(const struct vector *x, struct cert_cache *cache)
{
    auto_arena arena = arena_new(MEMORY), files = arena_new(MEMORY);
    struct selfsame_bytes along[FILES];
    struct tee_anchor anchor = { .tee = x->v->name };
    struct tee_trust trust = { .anchors = x->v->anchors,
        .anchor_count = x->v->anchor_count,
        .collateral = along,
        .cache = cache };
    struct checks checks = { 0 };
    struct selfsame_claims claims = { 0 };
    struct selfsame_err e = { 0 };

    assert_true(time_parse(x->now, &trust.now_s));
    for (; trust.collateral_count < FILES && x->files[trust.collateral_count] != NULL;
         trust.collateral_count++)
        along[trust.collateral_count] = file_of(
            x, x->files[trust.collateral_count], &files);
    if (x->anchor != NULL) {
        struct selfsame_bytes pem = file_of(x, x->anchor, &files);

        assert_code(
            pem_next(&pem, "CERTIFICATE", &files, &anchor.der, &e), SELFSAME_OK, &e);
        trust.anchors = &anchor;
        trust.anchor_count = 1;
        trust.any_anchor = true;
    }
    enum selfsame_code code = x->v->verify(
        file_of(x, "quote.dat", &files), &trust, &arena, &checks, &claims, &e);
    expect(x, &checks, CHECK_PARSE, SELFSAME_OK);
    expect(x, &checks, CHECK_CHAIN, x->chain);
    expect(x, &checks, CHECK_REVOCATION, x->revocation);
    expect(x, &checks, CHECK_SIGNATURE, x->signature);
    expect(x, &checks, CHECK_TCB, x->tcb);
    const enum selfsame_code order[] = { x->chain, x->revocation, x->signature,
        x->tcb };
    size_t first = 0;
    while (first + 1 < COUNT(order) && order[first] == SELFSAME_OK)
        first++;
    assert_int_equal(code, order[first]);
    check_claims(x, &claims);
}

static void
every_vector_is_worth_what_the_manifest_says(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(vectors); i++)
        judge(&vectors[i], NULL);
}

/* No one time suits all of this vector: each part at its own. */
static void
a_td_of_version_5_is_at_its_level(void **state)
{
    static const struct vector x = { .name = "tdx/google+go-tdx-guest/v5" };
    auto_arena arena = arena_new(MEMORY);
    const struct dcap_identity *module = NULL;
    struct selfsame_err e = { 0 };
    struct dcap_tcb_info info;
    struct dcap_quote q;
    struct dcap_pck pck;
    struct selfsame_bytes der, pem;
    struct cert leaf;

    (void)state;
    need_shared();
    assert_code(
        dcap_quote_parse(file_of(&x, "quote.dat", &arena), &q, &e), SELFSAME_OK, &e);
    pem = q.cert_data;
    assert_code(pem_next(&pem, "CERTIFICATE", &arena, &der, &e), SELFSAME_OK, &e);
    assert_code(cert_parse(der, &leaf, &e), SELFSAME_OK, &e);
    assert_code(dcap_pck_parse(&leaf, &pck, &e), SELFSAME_OK, &e);
    assert_code(
        dcap_tcb_info_parse(file_of(&x, "tcb_info.json", &arena), &arena, &info, &e),
        SELFSAME_OK, &e);
    const struct selfsame_bytes svn = BYTES(q.body.ptr, 16);
    const struct dcap_level *level = dcap_platform_level(&info, &pck, svn);
    assert_non_null(level);
    assert_int_equal(level->status, DCAP_UP_TO_DATE);
    assert_int_equal(level->advisories.count, 0);
    assert_code(dcap_module_of(&info, svn, &module, &e), SELFSAME_OK, &e);
    assert_non_null(module);
    assert_int_equal(module->module, 1);
    assert_int_equal(
        dcap_svn_level(&module->levels, svn.ptr[0])->status, DCAP_UP_TO_DATE);
}

static void
a_cache_changes_no_verdict(void **state)
{
    struct cert_cache *cache = cert_cache_new(256);

    (void)state;
    need_shared();
    for (int round = 0; round < 2; round++)
        for (size_t i = 0; i < COUNT(vectors); i++)
            judge(&vectors[i], cache);
    assert_true(cert_cache_stats(cache).hits > 0);
    cert_cache_free(cache);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_vector_is_worth_what_the_manifest_says),
        cmocka_unit_test(a_td_of_version_5_is_at_its_level),
        cmocka_unit_test(a_cache_changes_no_verdict),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
