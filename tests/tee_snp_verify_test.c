/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_snp.h"

#include "codec/pem.h"

struct judgement {
    enum selfsame_code code;
    struct checks checks;
    struct selfsame_claims claims;
    struct selfsame_err err;
};

/* What comes along; NULL-terminated by absence. */
struct along {
    struct selfsame_bytes at[6];
    size_t count;
};

static struct along
usual(const struct world *w)
{
    return (struct along){ .at = { w->vcek, w->ask, w->crl }, .count = 3 };
}

static struct judgement
judge_within(const struct world *w, struct selfsame_bytes report,
    const struct along *along, int64_t now, struct cert_cache *cache,
    struct arena *arena)
{
    const struct tee_anchor anchor = { .tee = "snp", .der = w->ark };
    const struct tee_trust trust = {
        .now_s = now,
        .anchors = &anchor,
        .anchor_count = 1,
        .any_anchor = true,
        .collateral = along->at,
        .collateral_count = along->count,
        .cache = cache,
    };
    struct judgement j = { .code = SELFSAME_INTERNAL };

    j.code = snp_verifier.verify(report, &trust, arena, &j.checks, &j.claims, &j.err);
    return j;
}

/* The verdict of the checks alone; claims live in an arena that is gone then. */
static struct judgement
judge(const struct world *w, const struct along *along)
{
    auto_arena arena = arena_new(1 << 20);
    struct judgement j = judge_within(
        w, BYTES_ARR(w->report), along, WORLD_NOW, NULL, &arena);

    j.claims.list = NULL;
    return j;
}

#define expect(j, want) assert_code((j).code, want, &(j).err)

static void
a_genuine_report_passes_every_check(void **state)
{
    const struct world *w = *state;
    const struct along along = usual(w);
    struct judgement j = judge(w, &along);

    expect(j, SELFSAME_OK);
    assert_true(j.claims.authentic);
    assert_false(j.claims.debug || j.claims.simulated);
    static const enum check_name names[] = { CHECK_PARSE, CHECK_CHAIN, CHECK_REVOCATION,
        CHECK_SIGNATURE, CHECK_TCB };
    for (size_t i = 0; i < COUNT(names); i++)
        assert_int_equal(j.checks.at[names[i]].outcome, CHECK_PASS);
}

/* ---- reports, changed and signed again ---- */

static const struct {
    const char *what;
    size_t at, size;
    uint64_t value;
    enum selfsame_code want;
} changes[] = {
    { "version 0", 0x00, 4, 0, SELFSAME_UNSUPPORTED },
    { "version 1", 0x00, 4, 1, SELFSAME_UNSUPPORTED },
    { "version 6", 0x00, 4, 6, SELFSAME_UNSUPPORTED },
    { "a v3 report that says v2 has CPUID in reserved bytes", 0x00, 4, 2,
        SELFSAME_MALFORMED },
    { "version 5", 0x00, 4, 5, SELFSAME_OK },
    { "policy without bit 17", 0x08, 8, 0x10000, SELFSAME_MALFORMED },
    { "policy with reserved bits", 0x08, 8, UINT64_C(1) << 26 | 0x30000,
        SELFSAME_MALFORMED },
    { "another algorithm", 0x34, 4, 2, SELFSAME_UNSUPPORTED },
    { "key information with reserved bits", 0x48, 4, 0x20, SELFSAME_MALFORMED },
    { "a reserved signing key", 0x48, 4, 2 << 2, SELFSAME_MALFORMED },
    { "nobody signed it", 0x48, 4, 7 << 2, SELFSAME_BAD_CHAIN },
    { "signed by VLEK, with a VCEK beside it", 0x48, 4, 1 << 2, SELFSAME_BAD_CHAIN },
    { "reserved bytes behind the key information", 0x4c, 4, 1, SELFSAME_MALFORMED },
    { "an author key digest without author key", 0x110, 1, 1, SELFSAME_MALFORMED },
    { "reserved bytes behind CPUID", 0x18b, 1, 1, SELFSAME_MALFORMED },
    { "reserved byte behind the version", 0x1eb, 1, 1, SELFSAME_MALFORMED },
    { "a mitigation vector before version 5", 0x1f8, 1, 1, SELFSAME_MALFORMED },
    { "reserved bytes at the end", 0x29f, 1, 1, SELFSAME_MALFORMED },
    { "platform bits nobody knows", 0x41, 1, 1, SELFSAME_MALFORMED },
    { "a processor nobody knows", 0x188, 1, 0x18, SELFSAME_UNSUPPORTED },
    { "a Genoa with Milan's certificates", 0x189, 1, 0x11, SELFSAME_BAD_CHAIN },
    { "another chip", 0x1a0, 1, 0x05, SELFSAME_TCB },
    { "another chip, in the last byte", 0x1df, 1, 0x05, SELFSAME_TCB },
    { "REPORTED_TCB above the certificate's", 0x186, 1, 0x19, SELFSAME_TCB },
    { "REPORTED_TCB below it: lower boot loader", 0x180, 1, 3, SELFSAME_TCB },
    { "lower COMMITTED_TCB, higher microcode", 0x1e0, 8, UINT64_C(0xff17000000000004),
        SELFSAME_TCB },
    { "CURRENT_TCB below committed", 0x38, 8, UINT64_C(0xd818000000000004),
        SELFSAME_TCB },
    { "LAUNCH_TCB above current", 0x1f0, 8, UINT64_C(0xda18000000000004),
        SELFSAME_TCB },
    { "reserved bytes in CURRENT_TCB", 0x3a, 1, 1, SELFSAME_TCB },
    { "the last byte of report data: other claims, same verdict", 0x8f, 1, 0,
        SELFSAME_OK },
    { "VMPL 3: the policy's business", 0x30, 4, 3, SELFSAME_OK },
};

static void
changed_reports_have_their_class(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);

    for (size_t i = 0; i < COUNT(changes); i++) {
        fill_report(w->report);
        put_le(w->report + changes[i].at, changes[i].value, changes[i].size);
        sign_report(w->leaf_key, w->report);
        struct judgement j = judge(w, &along);

        if (j.code != changes[i].want)
            print_error("%s\n", changes[i].what);
        expect(j, changes[i].want);
        /* Signed as it is: nothing of it may be called a bad signature. */
        assert_true(j.checks.at[CHECK_SIGNATURE].outcome != CHECK_FAIL ||
                    changes[i].value == 7 << 2);
    }
    fill_report(w->report);
    sign_report(w->leaf_key, w->report);
}

static void
debug_is_told_by_the_policy_bit(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);

    put_le(w->report + 0x08, 0xb0000, 8);
    sign_report(w->leaf_key, w->report);
    struct judgement j = judge(w, &along);
    expect(j, SELFSAME_OK);
    assert_true(j.claims.debug);
    fill_report(w->report);
    memcpy(w->report + 0x10, "SIMULATED", 9);
    sign_report(w->leaf_key, w->report);
    j = judge(w, &along);
    expect(j, SELFSAME_OK);
    assert_true(j.claims.simulated);
    fill_report(w->report);
    sign_report(w->leaf_key, w->report);
}

static void
a_masked_chip_needs_the_mask_bit(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);

    memset(w->report + 0x1a0, 0, 64);
    sign_report(w->leaf_key, w->report);
    struct judgement j = judge(w, &along);
    expect(j, SELFSAME_TCB);
    put_le(w->report + 0x48, 2, 4);
    sign_report(w->leaf_key, w->report);
    j = judge(w, &along);
    expect(j, SELFSAME_OK);
    fill_report(w->report);
    sign_report(w->leaf_key, w->report);
}

/* ---- signatures ---- */

static void
broken_signatures_are_refused(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);
    uint8_t good[512];

    memcpy(good, w->report + SNP_SIGNED_SIZE, sizeof(good));
    static const struct {
        size_t at, size;
        int fill;
    } bent[] = {
        { 0, 48, 0 },                /* r = 0 */
        { SNP_SIG_HALF, 48, 0 },     /* s = 0 */
        { 0, 48, 0xff },             /* r ≥ n */
        { SNP_SIG_HALF, 48, 0xff },  /* s ≥ n */
        { 48, 1, 1 },                /* padding of r */
        { SNP_SIG_HALF + 71, 1, 1 }, /* of s */
        { 144, 1, 1 },               /* behind both */
        { 511, 1, 1 },
    };
    for (size_t i = 0; i < COUNT(bent); i++) {
        memcpy(w->report + SNP_SIGNED_SIZE, good, sizeof(good));
        memset(w->report + SNP_SIGNED_SIZE + bent[i].at, bent[i].fill, bent[i].size);
        struct judgement j = judge(w, &along);
        assert_false(j.claims.authentic);
        assert_int_equal(j.checks.at[CHECK_SIGNATURE].outcome, CHECK_FAIL);
        assert_true(j.code == SELFSAME_BAD_SIGNATURE || j.code == SELFSAME_MALFORMED);
    }
    memcpy(w->report + SNP_SIGNED_SIZE, good, sizeof(good));
}

/* Big-endian numbers that begin with zeros or a set top bit are signatures like others. */
static void
signatures_of_any_first_byte_are_accepted(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);
    unsigned top = 0, short_ones = 0;

    for (unsigned i = 0; i < 600 && (top == 0 || short_ones == 0); i++) {
        sign_report(w->leaf_key, w->report);
        uint8_t first = w->report[SNP_SIGNED_SIZE + 47];

        if (first != 0 && (first & 0x80) == 0)
            continue;
        top += first >> 7;
        short_ones += first == 0;
        struct judgement j = judge(w, &along);
        expect(j, SELFSAME_OK);
    }
    assert_true(top > 0);
}

/* ---- certificates ---- */

static const struct {
    const char *what;
    struct amd_spec leaf;
    enum selfsame_code want;
} leaves[] = {
    { "hardware id in an OCTET STRING",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=0440" HWID_04 } }, SELFSAME_OK },
    { "no hardware id", { .cn = "SEV-VCEK", .extensions = { SPLS } },
        SELFSAME_BAD_CHAIN },
    { "a hardware id of 8 bytes on Milan",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=0404040404040404" } },
        SELFSAME_BAD_CHAIN },
    { "a hardware id of 63 bytes",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=043f" HWID_04 } },
        SELFSAME_BAD_CHAIN },
    { "a provider in a VCEK",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04, "5=16014d" } },
        SELFSAME_BAD_CHAIN },
    { "called VCEK only", { .cn = "VCEK", .extensions = { SPLS, "4=" HWID_04 } },
        SELFSAME_BAD_CHAIN },
    { "a VLEK where the report says VCEK",
        { .cn = "SEV-VLEK", .extensions = { SPLS, "5=16014d" } }, SELFSAME_BAD_CHAIN },
    { "without a microcode level",
        { .cn = "SEV-VCEK",
            .extensions = { "3.1=020104", "3.2=020100", "3.3=020118", "4=" HWID_04 } },
        SELFSAME_BAD_CHAIN },
    { "of another TCB",
        { .cn = "SEV-VCEK",
            .extensions = { "3.1=020104", "3.2=020100", "3.3=020117", "3.8=020200d9",
                "4=" HWID_04 } },
        SELFSAME_TCB },
    { "with Turin's FMC level on Milan",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "3.9=020101", "4=" HWID_04 } },
        SELFSAME_BAD_CHAIN },
    { "expired",
        { .cn = "SEV-VCEK",
            .extensions = { SPLS, "4=" HWID_04 },
            .from = -9,
            .to = -1 },
        SELFSAME_BAD_CHAIN },
    { "not valid yet",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04 }, .from = 1, .to = 9 },
        SELFSAME_BAD_CHAIN },
    { "signed with PKCS#1",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04 }, .pkcs1 = true },
        SELFSAME_BAD_CHAIN },
    { "signed with SHA-256",
        { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04 }, .sha256 = true },
        SELFSAME_BAD_CHAIN },
    { "a CA", { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04 }, .ca = true },
        SELFSAME_BAD_CHAIN },
};

static void
certificates_of_another_shape_are_refused(void **state)
{
    struct world *w = *state;

    for (size_t i = 0; i < COUNT(leaves); i++) {
        struct along along = usual(w);

        along.at[0] = make_cert(
            w, &leaves[i].leaf, w->leaf_key, "SEV-Milan", w->ask_key);
        struct judgement j = judge(w, &along);
        if (j.code != leaves[i].want)
            print_error("%s\n", leaves[i].what);
        expect(j, leaves[i].want);
    }
}

/* Names are AMD's, keys are not: nothing that comes along is a root. */
static void
a_chain_of_somebody_else_is_refused(void **state)
{
    struct world *w = *state;
    static const struct amd_spec ark = { .cn = "ARK-Milan", .ca = true, .serial = 1 };
    static const struct amd_spec ask = { .cn = "SEV-Milan", .ca = true, .serial = 7 };
    struct along along = usual(w);

    along.at[along.count++] = make_cert(
        w, &ark, w->other_key, "ARK-Milan", w->other_key);
    along.at[1] = make_cert(w, &ask, w->ask_key, "ARK-Milan", w->other_key);
    struct judgement j = judge(w, &along);
    expect(j, SELFSAME_BAD_CHAIN);
    assert_false(j.claims.authentic);
    /* Without any, and with the wrong one alone. */
    along = (struct along){ .count = 0 };
    j = judge(w, &along);
    expect(j, SELFSAME_BAD_CHAIN);
    along = (struct along){ .at = { w->vcek, w->crl }, .count = 2 };
    j = judge(w, &along);
    expect(j, SELFSAME_BAD_CHAIN);
}

/* ---- revocation ---- */

static void
revocation_is_known_or_the_report_is_refused(void **state)
{
    struct world *w = *state;
    const struct crl_spec bad[] = {
        { "ARK-Milan", w->ark_key, -1, 1, 7 },   /* the ASK is revoked */
        { "ARK-Milan", w->ark_key, -9, -1, 0 },  /* stale */
        { "ARK-Milan", w->ark_key, 1, 9, 0 },    /* of the future */
        { "ARK-Milan", w->ark_key, -1, 0, 0 },   /* no nextUpdate */
        { "ARK-Milan", w->other_key, -1, 1, 0 }, /* signed by somebody else */
        { "ARK-Genoa", w->ark_key, -1, 1, 0 },   /* of another root */
        { "ARK-Milan", w->ark_key, -1, 1, 8 },   /* another is revoked: fine */
        { "ARK-Milan", w->ark_key, -1, 1, 70 },
    };

    for (size_t i = 0; i < COUNT(bad); i++) {
        struct along along = usual(w);

        along.at[2] = make_crl(w, &bad[i]);
        struct judgement j = judge(w, &along);
        expect(j, i < 6 ? SELFSAME_REVOKED : SELFSAME_OK);
        assert_int_equal(j.checks.at[CHECK_SIGNATURE].outcome, CHECK_PASS);
    }
    struct along along = usual(w);
    along.count = 2;
    struct judgement j = judge(w, &along);
    expect(j, SELFSAME_REVOKED);
    /* One that is stale beside one that is current: somebody is confused. */
    along = usual(w);
    along.at[along.count++] = make_crl(w, &bad[0]);
    j = judge(w, &along);
    expect(j, SELFSAME_REVOKED);
}

/* ---- tables of the host ---- */

static const uint8_t guid_vcek[16] = { 0x63, 0xda, 0x75, 0x8d, 0xe6, 0x64, 0x45, 0x64,
    0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };
static const uint8_t guid_vcek_mixed[16] = { 0x8d, 0x75, 0xda, 0x63, 0x64, 0xe6, 0x64,
    0x45, 0xad, 0xc5, 0xf4, 0xb9, 0x3b, 0xe8, 0xac, 0xcd };

static struct selfsame_bytes
table(struct world *w, const uint8_t *guid, struct selfsame_bytes cert, uint32_t offset,
    uint32_t size, bool ended)
{
    uint8_t *t = arena_alloc(&w->arena, 1, 48 + cert.len);

    memcpy(t, guid, 16);
    put_le(t + 16, offset, 4);
    put_le(t + 20, size, 4);
    if (!ended)
        memset(t + 24, 0x55, 24);
    memcpy(t + 48, cert.ptr, cert.len);
    return BYTES(t, 48 + cert.len);
}

static void
tables_are_read_in_both_orders_and_within_bounds(void **state)
{
    struct world *w = *state;
    struct along along = usual(w);
    const uint32_t len = (uint32_t)w->vcek.len;
    const struct {
        const uint8_t *guid;
        uint32_t offset, size;
        bool ended;
        enum selfsame_code want;
    } tables[] = {
        { guid_vcek, 48, len, true, SELFSAME_OK },
        { guid_vcek_mixed, 48, len, true, SELFSAME_OK },
        /* Without an end: what stands before is used. */
        { guid_vcek, 48, len, false, SELFSAME_OK },
        { guid_vcek, 48, len + 1, true, SELFSAME_BAD_CHAIN },
        { guid_vcek, 0, 24, true, SELFSAME_BAD_CHAIN },
        { guid_vcek, 0xffffffff, 2, true, SELFSAME_BAD_CHAIN },
        { guid_vcek, 2, 0xffffffff, true, SELFSAME_BAD_CHAIN },
        { guid_vcek, 48, 0, true, SELFSAME_BAD_CHAIN },
    };

    for (size_t i = 0; i < COUNT(tables); i++) {
        along.at[0] = table(w, tables[i].guid, w->vcek, tables[i].offset,
            tables[i].size, tables[i].ended);
        struct judgement j = judge(w, &along);
        expect(j, tables[i].want);
        if (j.code != SELFSAME_OK)
            assert_non_null(strstr(
                err_text(&j.err), "; 1 cannot be used: certificate table: expected"));
    }
}

static struct selfsame_bytes
cert_of_ed25519(struct world *w)
{
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
    X509 *x = X509_new();
    uint8_t *der = NULL;

    assert_true(key != NULL && x != NULL);
    set_name(X509_get_subject_name(x), "somebody");
    set_name(X509_get_issuer_name(x), "somebody");
    assert_int_equal(X509_set_version(x, 2), 1);
    assert_non_null(X509_gmtime_adj(X509_getm_notBefore(x), -60));
    assert_non_null(X509_gmtime_adj(X509_getm_notAfter(x), 86400));
    assert_int_equal(X509_set_pubkey(x, key), 1);
    assert_true(X509_sign(x, key, NULL) > 0);
    const int len = i2d_X509(x, &der);
    struct selfsame_bytes ret = keep(&w->arena, der, len);
    X509_free(x);
    EVP_PKEY_free(key);
    return ret;
}

static void
what_cannot_be_used_refuses_nothing(void **state)
{
    struct world *w = *state;
    const char *vcek = pem_encode("CERTIFICATE", w->vcek, &w->arena);
    const char *other = pem_encode("CERTIFICATE", cert_of_ed25519(w), &w->arena);
    assert_true(vcek != NULL && other != NULL);
    const char *mixed = arena_printf(&w->arena, "%s%s", other, vcek);
    const char *broken = arena_printf(
        &w->arena, "%s-----BEGIN CERTIFICATE-----\n!\n", vcek);
    assert_true(mixed != NULL && broken != NULL);
    const struct {
        const char *what;
        struct selfsame_bytes piece;
        bool has_leaf;
    } pieces[] = {
        { "a certificate of an unknown algorithm", cert_of_ed25519(w), false },
        { "neither DER nor PEM nor a table",
            BYTES_LIT("neither DER nor PEM nor a table"), false },
        { "PEM of something else",
            BYTES_LIT("-----BEGIN LETTER-----\nAA==\n-----END LETTER-----\n"), false },
        { "PEM of an unknown algorithm before the leaf", bytes_str(mixed), true },
        { "PEM that is cut behind the leaf", bytes_str(broken), true },
        { "a table that is cut", table(w, guid_vcek, w->vcek, 48, 9999, true), false },
    };

    for (size_t i = 0; i < COUNT(pieces); i++) {
        struct along along = usual(w);

        /* In front of all, then in place of the leaf. */
        for (size_t k = along.count++; k > 0; k--)
            along.at[k] = along.at[k - 1];
        along.at[0] = pieces[i].piece;
        struct judgement j = judge(w, &along);
        if (j.code != SELFSAME_OK)
            print_error("%s\n", pieces[i].what);
        expect(j, SELFSAME_OK);
        along.at[1] = w->ask;
        j = judge(w, &along);
        expect(j, pieces[i].has_leaf ? SELFSAME_OK : SELFSAME_BAD_CHAIN);
        if (!pieces[i].has_leaf)
            assert_non_null(strstr(err_text(&j.err), "; 1 cannot be used: "));
    }
    /* It is told where a list is missing, too. */
    struct along along = usual(w);
    along.at[2] = pieces[0].piece;
    struct judgement j = judge(w, &along);
    expect(j, SELFSAME_REVOKED);
    assert_non_null(strstr(err_text(&j.err), "; 1 cannot be used: "));
}

/* A fleet's collateral: a hundred leaves and lists given twice, and this chip's the last. */
static void
collateral_of_a_fleet_is_searched(void **state)
{
    enum { FLEET = 100 };
    struct world *w = *state;
    struct amd_spec other = { .cn = "SEV-VCEK",
        .extensions = { "3.1=020104", "3.2=020100", "3.3=020117", "3.8=020200d9",
            "4=" HWID_04 } }; /* of another TCB */
    struct along along = usual(w);
    struct selfsame_bytes all[2 * FLEET + 3];
    size_t n = 0;

    for (long i = 0; i < FLEET; i++) {
        other.serial = i;
        all[n] = make_cert(w, &other, w->other_key, "SEV-Milan", w->ask_key);
        all[n + FLEET] = all[n];
        n++;
    }
    n += FLEET;
    memcpy(all + n, along.at, 3 * sizeof(all[0]));
    const struct tee_anchor anchor = { .tee = "snp", .der = w->ark };
    const struct tee_trust trust = {
        .now_s = WORLD_NOW,
        .anchors = &anchor,
        .anchor_count = 1,
        .any_anchor = true,
        .collateral = all,
        .collateral_count = n + 3,
    };
    auto_arena arena = arena_new(2 << 20);
    struct judgement j = { .code = SELFSAME_INTERNAL };
    j.code = snp_verifier.verify(
        BYTES_ARR(w->report), &trust, &arena, &j.checks, &j.claims, &j.err);
    expect(j, SELFSAME_OK);
}

static void
lists_given_often_count_once(void **state)
{
    const struct world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct tee_bundle b = { .cert_count = 0 };
    struct selfsame_err e = { 0 };

    for (size_t i = 0; i < 2 * TEE_BUNDLE_CRLS; i++) {
        assert_code(snp_bundle_add(&b, w->crl, &arena, &e), SELFSAME_OK, &e);
        assert_code(snp_bundle_add(&b, w->ask, &arena, &e), SELFSAME_OK, &e);
    }
    assert_int_equal(b.crl_count, 1);
    assert_int_equal(b.cert_count, 1);
    assert_int_equal(b.aside, 0);
}

/* ---- sweeps ---- */

static void
no_flipped_bit_is_accepted(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);
    struct cert_cache *cache = cert_cache_new(64);

    assert_non_null(cache);
    for (size_t bit = 0; bit < sizeof(w->report) * 8; bit++) {
        auto_arena arena = arena_new(1 << 20);

        w->report[bit / 8] ^= (uint8_t)(1u << bit % 8);
        struct judgement j = judge_within(
            w, BYTES_ARR(w->report), &along, WORLD_NOW, cache, &arena);
        if (j.code == SELFSAME_OK || j.claims.authentic)
            fail_msg("bit %zu flipped, and still accepted", bit);
        w->report[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    cert_cache_free(cache);
}

static void
no_other_length_is_accepted(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);
    uint8_t longer[SNP_REPORT_SIZE + 1] = { 0 };

    memcpy(longer, w->report, sizeof(w->report));
    for (size_t len = 0; len <= sizeof(longer); len++) {
        auto_arena arena = arena_new(1 << 20);
        uint8_t *exact = malloc(len > 0 ? len : 1); /* for the address sanitizer */

        memcpy(exact, longer, len);
        struct judgement j = judge_within(
            w, BYTES(exact, len), &along, WORLD_NOW, NULL, &arena);
        assert_int_equal(j.code == SELFSAME_OK, len == SNP_REPORT_SIZE);
        free(exact);
    }
}

static void
no_flipped_bit_of_a_certificate_or_crl_is_accepted(void **state)
{
    struct world *w = *state;

    for (size_t which = 0; which < 3; which++) {
        struct along along = usual(w);
        struct selfsame_bytes copy;

        assert_true(arena_dup(&w->arena, along.at[which], &copy));
        uint8_t *p = (uint8_t *)(uintptr_t)copy.ptr;
        along.at[which] = copy;
        for (size_t bit = 0; bit < copy.len * 8; bit++) {
            auto_arena arena = arena_new(1 << 20);

            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
            struct judgement j = judge_within(
                w, BYTES_ARR(w->report), &along, WORLD_NOW, NULL, &arena);
            if (j.code == SELFSAME_OK)
                fail_msg("bit %zu of collateral %zu flipped, and accepted", bit, which);
            p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
}

static void
every_failed_allocation_is_no_memory(void **state)
{
    struct world *w = *state;
    const struct along along = usual(w);

    for (long n = 1; n < 100; n++) {
        auto_arena arena = arena_new(1 << 20);

        arena.fail_at = n;
        struct judgement j = judge_within(
            w, BYTES_ARR(w->report), &along, WORLD_NOW, NULL, &arena);
        if (j.code == SELFSAME_OK)
            return;
        expect(j, SELFSAME_NOMEM);
        assert_false(j.claims.authentic);
    }
    fail_msg("it never got through");
}

/* ---- real reports ---- */

static const struct {
    const char *dir, *leaf;
    int64_t at;
    bool debug;
    const char *product;
} real[] = {
    { "confidential-containers+trustee/milan-v2", "vcek.der", 1700000000, false,
        "Milan" },
    { "confidential-containers+trustee/milan-v2-az-hcl", "vcek.der", 1700000000, false,
        "Milan" },
    { "confidential-containers+trustee/milan-v3-vlek", "vlek.der", 1740000000, false,
        "Milan" },
    { "confidential-containers+trustee/genoa-v3-az-hcl", "vcek.der", 1740000000, false,
        "Genoa" },
    { "google+go-sev-guest/milan-v2-debug", "vcek.der", 1700000000, true, "Milan" },
    { "microsoft+TEE-Attestation-Verification/genoa-v3", "vcek.der", 1780000000, false,
        "Genoa" },
    { "microsoft+TEE-Attestation-Verification/turin-v5", "vcek.der", 1780000000, false,
        "Turin" },
    { "veraison+services/genoa-v3-tsm", "vcek.der", 1750000000, false, "Genoa" },
    { "virtee+sev/milan-v2", "vcek.der", 1700000000, false, "Milan" },
};

static void
real_files(size_t i, struct arena *arena, struct selfsame_bytes *ret_report,
    struct selfsame_bytes *ret_leaf)
{
    char path[160];

    (void)snprintf(path, sizeof(path), "vectors/snp/%s/report.bin", real[i].dir);
    *ret_report = shared_file(path, arena);
    (void)snprintf(path, sizeof(path), "vectors/snp/%s/%s", real[i].dir, real[i].leaf);
    *ret_leaf = shared_file(path, arena);
}

static struct judgement
judge_real(size_t i, struct selfsame_bytes report, struct selfsame_bytes leaf,
    struct cert_cache *cache, struct arena *arena)
{
    struct judgement j = { .code = SELFSAME_INTERNAL };
    const struct tee_trust trust = {
        .now_s = real[i].at,
        .anchors = snp_verifier.anchors,
        .anchor_count = snp_verifier.anchor_count,
        .collateral = &leaf,
        .collateral_count = 1,
        .cache = cache,
    };

    j.code = snp_verifier.verify(report, &trust, arena, &j.checks, &j.claims, &j.err);
    return j;
}

/* No CRL of these days is published: without one a report is authentic, and refused. */
static bool
real_is_believed(size_t i, struct selfsame_bytes report, struct selfsame_bytes leaf,
    struct cert_cache *cache)
{
    auto_arena arena = arena_new(1 << 20);
    struct judgement j = judge_real(i, report, leaf, cache, &arena);

    assert_int_not_equal(j.code, SELFSAME_OK);
    return j.claims.authentic;
}

/* Bits, lengths and a byte more, as of reports of our own. */
static void
nothing_but_a_real_report_is_believed(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(real); i++) {
        auto_arena arena = arena_new(4 << 20);
        struct cert_cache *cache = cert_cache_new(64);
        struct selfsame_bytes report, leaf;
        uint8_t copy[SNP_REPORT_SIZE + 1] = { 0 };

        real_files(i, &arena, &report, &leaf);
        assert_int_equal(report.len, SNP_REPORT_SIZE);
        memcpy(copy, report.ptr, report.len);
        assert_true(real_is_believed(i, report, leaf, cache));
        /* Every bit of one report of each product line; of the others every ninth. */
        const bool all = strstr(real[i].dir, "virtee") != NULL ||
                         strstr(real[i].dir, "microsoft") != NULL;
        for (size_t bit = 0; bit < report.len * 8; bit += all ? 1 : 9) {
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (real_is_believed(i, BYTES(copy, report.len), leaf, cache))
                fail_msg("%s: bit %zu flipped, and believed", real[i].dir, bit);
            copy[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t len = 0; len <= sizeof(copy); len++)
            assert_int_equal(
                real_is_believed(i, BYTES(copy, len), leaf, cache), len == report.len);
        cert_cache_free(cache);
    }
}

/* What others ship as AMD's is what is pinned and built in here, to the byte. */
static void
bundles_of_others_hold_what_is_known(void **state)
{
    static const struct {
        const char *path;
        size_t count;
    } bundles[] = {
        { "confidential-containers+trustee/milan_ask_ark_asvk.pem", 3 },
        { "confidential-containers+trustee/genoa_ask_ark_asvk.pem", 3 },
        { "confidential-containers+trustee/turin_ask_ark_asvk.pem", 3 },
        { "google+go-sev-guest/chain/milan-asvk-ark.pem", 2 },
        { "google+go-sev-guest/chain/genoa-asvk-ark.pem", 2 },
        { "google+go-sev-guest/chain/turin-asvk-ark.pem", 2 },
    };

    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(bundles); i++) {
        auto_arena arena = arena_new(1 << 20);
        struct selfsame_err e = { 0 };
        struct tee_bundle b = { .cert_count = 0 };
        char path[160];

        (void)snprintf(path, sizeof(path), "vectors/snp/%s", bundles[i].path);
        assert_code(
            snp_bundle_add(&b, shared_file(path, &arena), &arena, &e), SELFSAME_OK, &e);
        assert_int_equal(b.cert_count, bundles[i].count);
        for (size_t k = 0; k < b.cert_count; k++) {
            bool known = false;

            for (size_t n = 0; n < COUNT(snp_intermediates); n++)
                known = known || bytes_eq(b.cert[k].der, snp_intermediates[n]);
            for (size_t n = 0; n < snp_verifier.anchor_count; n++)
                known = known || bytes_eq(b.cert[k].der, snp_verifier.anchors[n].der);
            if (!known)
                fail_msg("%s: certificate %zu is not known here", bundles[i].path, k);
        }
    }
}

static void
real_reports_verify_but_for_missing_crls(void **state)
{
    (void)state;
    need_shared();
    for (size_t i = 0; i < COUNT(real); i++) {
        auto_arena arena = arena_new(4 << 20);
        struct selfsame_bytes report, leaf;

        real_files(i, &arena, &report, &leaf);
        struct judgement j = judge_real(i, report, leaf, NULL, &arena);
        expect(j, SELFSAME_REVOKED);
        assert_true(j.claims.authentic);
        assert_int_equal(j.checks.at[CHECK_TCB].outcome, CHECK_PASS);
        assert_int_equal(j.claims.debug, real[i].debug);
        const struct claim *product = claims_find(&j.claims, "product");
        assert_bytes(product->bytes, bytes_str(real[i].product));
    }
}

static void
a_hosts_table_with_pem_inside_is_read(void **state)
{
    auto_arena arena = arena_new(4 << 20);
    struct tee_bundle b = { .cert_count = 0 };
    struct selfsame_err e = { 0 };

    (void)state;
    need_shared();
    struct selfsame_bytes aux = shared_file(
        "vectors/snp/veraison+services/tsm/auxblob.bin", &arena);
    assert_code(snp_bundle_add(&b, aux, &arena, &e), SELFSAME_OK, &e);
    assert_int_equal(b.cert_count, 3);
}

/* AMD 57230: the addresses of what is wanted. */
static void
needs_name_the_key_server(void **state)
{
    const struct world *w = *state;
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_err e = { 0 };
    struct tee_need *list = NULL;
    size_t count = 0;

    assert_code(snp_verifier.needs(BYTES_ARR(w->report), &arena, &list, &count, &e),
        SELFSAME_OK, &e);
    assert_int_equal(count, 3);
    assert_string_equal(list[0].name, "vcek");
    assert_string_equal(list[0].url, "https://kdsintf.amd.com/vcek/v1/Milan/" HWID_04
                                     "?blSPL=04&teeSPL=00&snpSPL=24&ucodeSPL=217");
    assert_string_equal(list[2].url, "https://kdsintf.amd.com/vcek/v1/Milan/crl");
}

/* STYLE.md: a root that is about to expire is noticed while there is time. */
static void
roots_live_for_years(void **state)
{
    (void)state;
    for (size_t i = 0; i < snp_verifier.anchor_count; i++) {
        struct selfsame_err e = { 0 };
        struct cert c;

        assert_code(cert_parse(snp_verifier.anchors[i].der, &c, &e), SELFSAME_OK, &e);
        assert_true(c.not_after > (int64_t)WORLD_NOW + 90 * 86400);
    }
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_genuine_report_passes_every_check),
        cmocka_unit_test(changed_reports_have_their_class),
        cmocka_unit_test(debug_is_told_by_the_policy_bit),
        cmocka_unit_test(a_masked_chip_needs_the_mask_bit),
        cmocka_unit_test(broken_signatures_are_refused),
        cmocka_unit_test(signatures_of_any_first_byte_are_accepted),
        cmocka_unit_test(certificates_of_another_shape_are_refused),
        cmocka_unit_test(a_chain_of_somebody_else_is_refused),
        cmocka_unit_test(revocation_is_known_or_the_report_is_refused),
        cmocka_unit_test(tables_are_read_in_both_orders_and_within_bounds),
        cmocka_unit_test(what_cannot_be_used_refuses_nothing),
        cmocka_unit_test(collateral_of_a_fleet_is_searched),
        cmocka_unit_test(lists_given_often_count_once),
        cmocka_unit_test(no_flipped_bit_is_accepted),
        cmocka_unit_test(no_other_length_is_accepted),
        cmocka_unit_test(no_flipped_bit_of_a_certificate_or_crl_is_accepted),
        cmocka_unit_test(every_failed_allocation_is_no_memory),
        cmocka_unit_test(real_reports_verify_but_for_missing_crls),
        cmocka_unit_test(nothing_but_a_real_report_is_believed),
        cmocka_unit_test(bundles_of_others_hold_what_is_known),
        cmocka_unit_test(a_hosts_table_with_pem_inside_is_read),
        cmocka_unit_test(needs_name_the_key_server),
        cmocka_unit_test(roots_live_for_years),
    };

    return cmocka_run_group_tests(tests, world_set_up, world_tear_down);
}
