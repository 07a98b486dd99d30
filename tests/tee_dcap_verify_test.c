/* SPDX-License-Identifier: Apache-2.0 */
#include "tee_dcap_judge.h"

/*
 * What verifiers of SGX and TDX got wrong, each as a test, with evidence that our own
 * simulator has no part in. Policies are no matter here: see vectors/sgx and vectors/tdx.
 */

/* ---- sound evidence ---- */

static void
sound_quotes_of_every_version_are_up_to_date(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);
        struct judgement j = judge(w);

        assert_code(j.code, SELFSAME_OK, &j.err);
        assert_true(j.found.authentic);
        assert_false(j.found.simulated);
        assert_int_equal(j.found.status, DCAP_UP_TO_DATE);
        assert_int_equal(j.found.advisories.count, 0);
        assert_int_equal(j.found.evaluation, 18);
        assert_int_equal(j.found.chain_count, 3);
        /* The PCK CRL is the first to end. */
        assert_int_equal(j.found.earliest_expiry_s, 1781827200);
        assert_int_equal(j.found.module,
            worlds[k].tee == DCAP_TDX ? DCAP_UP_TO_DATE : DCAP_NO_STATUS);
        arena_free(&j.arena);
        world_free(w);
    }
}

/* ---- what may differ ---- */

static void
platform_ca(struct dcap_world *w)
{
    w->pck_spec.platform = true;
    w->pck_spec.sgx_type = 1;
}
static void
nul_behind(struct dcap_world *w)
{
    w->quote_spec.chain_nul = true;
}
static void
root_first(struct dcap_world *w)
{
    w->quote_spec.chain_reversed = true;
}
static void
no_auth(struct dcap_world *w)
{
    w->quote_spec.auth_len = 0;
}
static void
other_hex_case(struct dcap_world *w)
{
    w->tcb.fmspc = "50806f000000";
}
static void
tcb_info_of_version_2(struct dcap_world *w)
{
    w->tcb.version = 2;
}
static void
twin_signatures(struct dcap_world *w)
{
    world_twin(world_at(w->quote, w->signature_at));
    world_twin(world_at(w->quote, w->qe_at + DCAP_REPORT_SIZE));
}
static void
text_behind(struct dcap_world *w)
{
    w->quote = world_append(w, w->quote, BYTES_LIT("and more that nobody signed\n"));
}
static void
many_zeros_behind(struct dcap_world *w)
{
    static const uint8_t zeros[3065];

    w->quote = world_append(w, w->quote, BYTES_ARR(zeros));
}
static void
outer_member(struct dcap_world *w)
{
    w->tcb_info = world_swap(w, w->tcb_info, "{\"tcbInfo\":", "{\n  \"tcbInfo\": ");
}
static void
other_serials_revoked(struct dcap_world *w)
{
    w->root_crl_spec.revoked = 77;
    w->pck_crl_spec.revoked = 78;
}

static void
harmless_differences_are_accepted(void **state)
{
    static const struct row rows[] = {
        { .what = "below the Platform CA", .before = platform_ca },
        { .what = "a NUL behind the certificates", .before = nul_behind },
        { .what = "root, CA, leaf", .before = root_first },
        { .what = "no authentication data", .before = no_auth },
        { .what = "FMSPC in lower case", .before = other_hex_case },
        { .what = "TCB info of version 2",
            .before = tcb_info_of_version_2,
            .worlds = SGX },
        { .what = "(r, n - s)", .after = twin_signatures },
        { .what = "text behind the quote", .after = text_behind },
        { .what = "zeros behind the quote", .after = many_zeros_behind },
        { .what = "whitespace outside what is signed", .after = outer_member },
        { .what = "others are revoked", .before = other_serials_revoked },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_OK, CHECK_COUNT);
}

/* A quote's bytes are no identity: trailers and twins change them. */
static void
trailing_bytes_are_counted_and_change_nothing(void **state)
{
    struct dcap_world *w = world_new(DCAP_TDX, 4);
    const size_t len = w->quote.len;

    (void)state;
    many_zeros_behind(w);
    struct judgement j = judge(w);
    assert_code(j.code, SELFSAME_OK, &j.err);
    assert_int_equal(j.found.quote.trailer, 3065);
    assert_int_equal(j.found.quote.raw.len, len);
    arena_free(&j.arena);
    world_free(w);
}

/* ---- header and lengths ---- */

static void
version_2(struct dcap_world *w)
{
    *world_at(w->quote, 0) = 2;
}
static void
version_6(struct dcap_world *w)
{
    *world_at(w->quote, 0) = 6;
}
static void
p384(struct dcap_world *w)
{
    w->quote_spec.header[2] = 3;
}
static void
other_vendor(struct dcap_world *w)
{
    w->quote_spec.header[12] ^= 1;
}
static void
other_tee(struct dcap_world *w)
{
    w->quote_spec.tee = DCAP_SGX;
}
static void
unknown_tee(struct dcap_world *w)
{
    *world_at(w->quote, 4) = 0x80;
}
static void
plain_ppid(struct dcap_world *w)
{
    static const uint8_t data[36];

    w->quote_spec.cert_type = 1;
    w->quote_spec.cert_data = BYTES_ARR(data);
}
static void
nested_twice(struct dcap_world *w)
{
    w->quote_spec.cert_type = 6;
}
static void
manifest(struct dcap_world *w)
{
    w->quote_spec.cert_type = 7;
}
static void
outer_is_chain(struct dcap_world *w)
{
    w->quote_spec.outer_type = 5;
}
static void
longer_outer(struct dcap_world *w)
{
    uint8_t *at = world_at(w->quote, w->outer_at + 2);

    put_le(at, w->quote.len - w->outer_at - 6 + 1, 4);
}
static void
shorter_outer(struct dcap_world *w)
{
    uint8_t *at = world_at(w->quote, w->outer_at + 2);

    put_le(at, w->quote.len - w->outer_at - 6 - 1, 4);
}
static void
longer_inner(struct dcap_world *w)
{
    put_le(world_at(w->quote, w->cert_at + 2), w->pck_chain.len + 1, 4);
}
static void
huge_inner(struct dcap_world *w)
{
    put_le(world_at(w->quote, w->cert_at + 2), UINT32_MAX, 4);
}
static void
shorter_inner(struct dcap_world *w)
{
    put_le(world_at(w->quote, w->cert_at + 2), w->pck_chain.len - 1, 4);
}
static void
huge_auth(struct dcap_world *w)
{
    put_le(world_at(w->quote, w->qe_at + DCAP_REPORT_SIZE + 64), 65535, 2);
}
static void
longer_signature_data(struct dcap_world *w)
{
    uint8_t *at = world_at(w->quote, w->signature_at - 4);

    put_le(at, w->quote.len - w->signature_at + 1, 4);
}
static void
shorter_signature_data(struct dcap_world *w)
{
    uint8_t *at = world_at(w->quote, w->signature_at - 4);

    put_le(at, w->quote.len - w->signature_at - 1, 4);
}
static void
size_of_another_body(struct dcap_world *w)
{
    w->quote_spec.body_size = w->quote_spec.kind == DCAP_BODY_TD15 ? DCAP_TD10_SIZE
                                                                   : DCAP_TD15_SIZE;
}
static void
huge_body(struct dcap_world *w)
{
    put_le(world_at(w->quote, 50), UINT32_MAX, 4);
}
static void
body_of_type_9(struct dcap_world *w)
{
    w->quote_spec.body_type = 9;
}
static void
body_of_type_0(struct dcap_world *w)
{
    w->quote_spec.body_type = 0;
}
static void
reserved_of_qe(struct dcap_world *w)
{
    w->quote_spec.qe[100] = 1;
}

static void
bad_headers_and_lengths_are_refused(void **state)
{
    static const struct row rows[] = {
        { .what = "version 2", .after = version_2, .code = SELFSAME_UNSUPPORTED },
        { .what = "version 6", .after = version_6, .code = SELFSAME_UNSUPPORTED },
        { .what = "P-384 attestation key",
            .before = p384,
            .code = SELFSAME_UNSUPPORTED },
        { .what = "QE of another vendor",
            .before = other_vendor,
            .code = SELFSAME_UNSUPPORTED },
        { .what = "unknown TEE type",
            .after = unknown_tee,
            .code = SELFSAME_UNSUPPORTED,
            .worlds = SGX_4 | TDX_4 },
        { .what = "certification data of type 6 twice",
            .before = nested_twice,
            .code = SELFSAME_UNSUPPORTED },
        { .what = "platform manifest",
            .before = manifest,
            .code = SELFSAME_UNSUPPORTED },
        { .what = "outer type 5",
            .before = outer_is_chain,
            .code = SELFSAME_UNSUPPORTED,
            .worlds = (unsigned)ALL & ~(unsigned)SGX_3 },
        { .what = "outer length one more",
            .after = longer_outer,
            .worlds = (unsigned)ALL & ~(unsigned)SGX_3 },
        { .what = "outer length one less",
            .after = shorter_outer,
            .worlds = (unsigned)ALL & ~(unsigned)SGX_3 },
        { .what = "inner length one more", .after = longer_inner },
        { .what = "inner length over everything", .after = huge_inner },
        { .what = "inner length one less", .after = shorter_inner },
        { .what = "65535 bytes of authentication data", .after = huge_auth },
        { .what = "signature data one more", .after = longer_signature_data },
        { .what = "signature data one less", .after = shorter_signature_data },
        { .what = "size of another body",
            .before = size_of_another_body,
            .worlds = SGX_5 | TDX_10 | TDX_15 },
        { .what = "body over everything",
            .after = huge_body,
            .worlds = SGX_5 | TDX_10 | TDX_15 },
        { .what = "body of type 9",
            .before = body_of_type_9,
            .code = SELFSAME_UNSUPPORTED,
            .worlds = SGX_5 | TDX_10 | TDX_15 },
        { .what = "body of type 0",
            .before = body_of_type_0,
            .code = SELFSAME_UNSUPPORTED,
            .worlds = SGX_5 | TDX_10 | TDX_15 },
        { .what = "reserved byte of the QE report", .before = reserved_of_qe },
        { .what = "a TD's body said to be an enclave's",
            .before = other_tee,
            .worlds = TDX_4 },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_MALFORMED, CHECK_PARSE);
}

static void
quotes_of_the_other_tee_are_refused(void **state)
{
    (void)state;
    for (size_t k = 0; k < COUNT(worlds); k++) {
        struct dcap_world *w = world_new_of(
            worlds[k].tee, worlds[k].version, worlds[k].body);
        const struct tee_trust trust = world_trust(w);
        struct judgement j = judge_by(
            worlds[k].tee == DCAP_TDX ? &sgx_kind : &tdx_kind, w->quote, &trust, 0);

        assert_judged("the other verifier", worlds[k].name, &j, SELFSAME_MALFORMED,
            CHECK_PARSE, NULL);
        world_free(w);
    }
}

/* A TDREPORT is MACed for its own machine and proves nothing elsewhere. */
static void
local_reports_are_no_evidence(void **state)
{
    struct dcap_world *w = world_new(DCAP_TDX, 4);
    uint8_t td_report[1024] = { 0x81 };
    const struct tee_trust trust = world_trust(w);

    (void)state;
    memcpy(td_report + 528, w->quote_spec.body + 136, 48);
    struct judgement j = judge_by(&tdx_kind, BYTES_ARR(td_report), &trust, 0);
    assert_judged("TDREPORT", "TDX", &j, SELFSAME_UNSUPPORTED, CHECK_PARSE, NULL);
    j = judge_by(&sgx_kind, BYTES(td_report, 432), &trust, 0);
    assert_int_not_equal(j.code, SELFSAME_OK);
    arena_free(&j.arena);
    world_free(w);
}

/* ---- attributes, each bit of them ---- */

static const struct {
    unsigned at;
    const char *tdx, *sgx; /* the claim about it; NULL: reserved */
} attributes[] = {
    { 0, "td_attribute_bits.debug", "attribute_bits.init" },
    { 1, NULL, "attribute_bits.debug" },
    { 2, NULL, "attribute_bits.mode64bit" },
    { 4, "td_attribute_bits.hgs_plus_prof", "attribute_bits.provision_key" },
    { 5, "td_attribute_bits.perf_prof", "attribute_bits.einittoken_key" },
    { 6, "td_attribute_bits.pmt_prof", "attribute_bits.cet" },
    { 7, NULL, "attribute_bits.kss" },
    { 10, NULL, "attribute_bits.aex_notify" },
    { 16, "td_attribute_bits.icssd", NULL },
    { 27, "td_attribute_bits.lass", NULL },
    { 28, "td_attribute_bits.sept_ve_disable", NULL },
    { 29, "td_attribute_bits.migratable", NULL },
    { 30, "td_attribute_bits.pks", NULL },
    { 31, "td_attribute_bits.kl", NULL },
    { 62, "td_attribute_bits.tpa", NULL },
    { 63, "td_attribute_bits.perfmon", NULL },
};

/* The claims about attributes that are true, and which it is. */
static size_t
true_attributes(const struct selfsame_claims *c, const char **ret)
{
    size_t n = 0;

    for (size_t i = 0; i < c->count; i++)
        if (c->list[i].kind == CLAIM_BOOL && c->list[i].number != 0 &&
            strstr(c->list[i].path, "attribute_bits.") != NULL) {
            *ret = c->list[i].path;
            n++;
        }
    return n;
}

static void
try_attribute(struct dcap_world *w, unsigned bit)
{
    const bool tdx = w->quote_spec.tee == DCAP_TDX;
    const struct tee_trust trust = world_trust(w);
    auto_arena arena = arena_new((size_t)4 << 20);
    struct selfsame_err e = { .depth = 0 };
    struct selfsame_claims claims = { .tee = NULL };
    struct checks checks = { 0 };
    const char *want = NULL, *got = NULL;

    for (size_t i = 0; i < COUNT(attributes); i++)
        if (attributes[i].at == bit)
            want = tdx ? attributes[i].tdx : attributes[i].sgx;
    enum selfsame_code code = tee_verifier_find(tdx ? "tdx" : "sgx")
                                  ->verify(
                                      w->quote, &trust, &arena, &checks, &claims, &e);
    if (code != (want != NULL ? SELFSAME_OK : SELFSAME_MALFORMED))
        fail_msg("bit %u of %s: got %s: %s", bit, tdx ? "TDX" : "SGX",
            selfsame_code_name(code), err_text(&e));
    if (want == NULL)
        return;
    assert_int_equal(true_attributes(&claims, &got), 1);
    assert_string_equal(got, want);
    assert_int_equal(claims.debug, strstr(want, ".debug") != NULL);
}

static void
each_attribute_is_told_and_reserved_ones_are_refused(void **state)
{
    (void)state;
    for (unsigned tdx = 0; tdx < 2; tdx++)
        for (unsigned bit = 0; bit < 64; bit++) {
            struct dcap_world *w = world_new(tdx ? DCAP_TDX : DCAP_SGX, 4);

            put_le(w->quote_spec.body + (tdx ? 120 : 48), UINT64_C(1) << bit, 8);
            world_make_quote(w);
            try_attribute(w, bit);
            world_free(w);
        }
}

/* SGX: what KSS alone can set says nothing without it, whoever put it there. */
static void
values_of_kss_without_it_are_refused(void **state)
{
    static const size_t at[] = { 32, 47, 192, 255, 260, 261, 304, 319 };

    (void)state;
    for (size_t i = 0; i < COUNT(at); i++)
        for (unsigned kss = 0; kss < 2; kss++) {
            struct dcap_world *w = world_new(DCAP_SGX, 3);
            auto_arena arena = arena_new((size_t)4 << 20);
            struct selfsame_err e = { .depth = 0 };
            struct selfsame_claims claims = { .tee = NULL };
            struct checks checks = { 0 };

            w->quote_spec.body[at[i]] = 1;
            w->quote_spec.body[48] |= kss ? DCAP_FLAG_KSS : 0;
            world_make_quote(w);
            const struct tee_trust trust = world_trust(w);
            assert_int_equal(tee_verifier_find("sgx")->verify(
                                 w->quote, &trust, &arena, &checks, &claims, &e),
                kss ? SELFSAME_OK : SELFSAME_MALFORMED);
            world_free(w);
        }
}

/* ---- certificates ---- */

static void
no_certificates(struct dcap_world *w)
{
    w->quote_spec.chain_count = 0;
}
static void
one_certificate(struct dcap_world *w)
{
    w->quote_spec.chain_count = 1;
}
static void
two_certificates(struct dcap_world *w)
{
    w->quote_spec.chain_count = 2;
}
static void
four_certificates(struct dcap_world *w)
{
    w->quote_spec.chain_count = 4;
}
static void
leaf_by_another_key(struct dcap_world *w)
{
    w->pck_spec.cert.signer = w->other_key;
}
static void
ca_by_another_key(struct dcap_world *w)
{
    w->ca_spec.signer = w->other_key;
}
static void
leaf_expired(struct dcap_world *w)
{
    w->pck_spec.cert.from = -100;
    w->pck_spec.cert.to = -1;
}
static void
leaf_of_tomorrow(struct dcap_world *w)
{
    w->pck_spec.cert.from = 1;
    w->pck_spec.cert.to = 100;
}
static void
ca_expired(struct dcap_world *w)
{
    w->ca_spec.from = -100;
    w->ca_spec.to = -1;
}
static void
leaf_named_otherwise(struct dcap_world *w)
{
    w->pck_spec.cert.cn = "Intel SGX Certificate";
}
static void
leaf_named_signing(struct dcap_world *w)
{
    w->pck_spec.cert.cn = "Intel SGX TCB Signing";
}
static void
ca_is_none(struct dcap_world *w)
{
    w->ca_spec.ca = false;
}
static void
leaf_is_ca(struct dcap_world *w)
{
    w->pck_spec.cert.ca = true;
}
static void
leaf_without_usage(struct dcap_world *w)
{
    w->pck_spec.cert.no_usage = true;
}
/* Everything sound, and the root made by somebody else under the same name. */
static void
rerooted(struct dcap_world *w)
{
    struct dcap_world *stranger = world_new(w->quote_spec.tee, w->quote_spec.version);

    w->anchor.der = world_keep(&w->arena, stranger->root.ptr, stranger->root.len);
    world_free(stranger);
}
/* The TCB Signing certificate, which the root signed, in the place of the leaf. */
static void
signer_as_leaf(struct dcap_world *w)
{
    struct selfsame_bytes pem = world_append(w, world_pem(w, w->signing), w->ca_chain);

    w->quote_spec.cert_data = pem;
    w->quote_spec.qe_signer = w->signing_key;
    world_make_quote(w);
}
static void
no_extension(struct dcap_world *w)
{
    static const uint8_t null[] = { 5, 0 };

    w->pck_spec.raw = BYTES_ARR(null);
}
static void
no_fmspc(struct dcap_world *w)
{
    w->pck_spec.skip = 1u << 4;
}
static void
two_fmspcs(struct dcap_world *w)
{
    w->pck_spec.twice = 1u << 4;
}
static void
no_component_9(struct dcap_world *w)
{
    w->pck_spec.component[8] = -1;
}
static void
component_of_256(struct dcap_world *w)
{
    w->pck_spec.component[4] = 256;
}
static void
text_for_certificates(struct dcap_world *w)
{
    w->quote_spec.cert_data = BYTES_LIT("no PEM at all");
}

static void
chains_that_do_not_hold_are_refused(void **state)
{
    static const struct row rows[] = {
        { .what = "no certificates", .before = no_certificates },
        { .what = "PPID alone, and no certificate given", .before = plain_ppid },
        { .what = "the leaf alone", .before = one_certificate },
        { .what = "leaf and CA", .before = two_certificates },
        { .what = "four certificates", .before = four_certificates },
        { .what = "text", .before = text_for_certificates },
        { .what = "leaf signed by another key", .before = leaf_by_another_key },
        { .what = "CA signed by another key", .before = ca_by_another_key },
        { .what = "expired leaf", .before = leaf_expired },
        { .what = "leaf of tomorrow", .before = leaf_of_tomorrow },
        { .what = "expired CA", .before = ca_expired },
        { .what = "leaf of another name", .before = leaf_named_otherwise },
        { .what = "leaf named as the signer", .before = leaf_named_signing },
        { .what = "a CA that is none", .before = ca_is_none },
        { .what = "a leaf that is a CA", .before = leaf_is_ca },
        { .what = "a leaf for anything", .before = leaf_without_usage },
        { .what = "a root of the same name", .after = rerooted },
        { .what = "TCB Signing as PCK certificate", .after = signer_as_leaf },
        { .what = "SGX extension of another type",
            .before = no_extension,
            .code = SELFSAME_MALFORMED },
        { .what = "without FMSPC", .before = no_fmspc, .code = SELFSAME_MALFORMED },
        { .what = "with two FMSPCs", .before = two_fmspcs, .code = SELFSAME_MALFORMED },
        { .what = "without component 9",
            .before = no_component_9,
            .code = SELFSAME_MALFORMED },
        { .what = "component of 256",
            .before = component_of_256,
            .code = SELFSAME_MALFORMED },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_BAD_CHAIN, CHECK_CHAIN);
}

/* ---- revocation ---- */

static void
leaf_revoked(struct dcap_world *w)
{
    w->pck_crl_spec.revoked = w->pck_spec.cert.serial;
}
static void
ca_revoked(struct dcap_world *w)
{
    w->root_crl_spec.revoked = w->ca_spec.serial;
}
static void
signing_revoked(struct dcap_world *w)
{
    w->root_crl_spec.revoked = w->signing_spec.serial;
}
static void
endless_pck_crl(struct dcap_world *w)
{
    w->pck_crl_spec.to = 0;
}
static void
endless_root_crl(struct dcap_world *w)
{
    w->root_crl_spec.to = 0;
}
static void
stale_pck_crl(struct dcap_world *w)
{
    w->pck_crl_spec.to = -1;
}
static void
stale_root_crl(struct dcap_world *w)
{
    w->root_crl_spec.to = -1;
}
static void
pck_crl_of_tomorrow(struct dcap_world *w)
{
    w->pck_crl_spec.from = 1;
}
static void
pck_crl_by_another_key(struct dcap_world *w)
{
    w->pck_crl_spec.signer = w->other_key;
}
static void
root_crl_by_another_key(struct dcap_world *w)
{
    w->root_crl_spec.signer = w->other_key;
}
static void
pck_crl_of_the_other_ca(struct dcap_world *w)
{
    w->pck_crl_spec.cn = "Intel SGX PCK Platform CA";
}
static void
no_pck_crl(struct dcap_world *w)
{
    w->pck_crl = BYTES_LIT("nothing");
}
static void
no_root_crl(struct dcap_world *w)
{
    w->root_crl = BYTES_LIT("nothing");
}
static void
swapped_crls(struct dcap_world *w)
{
    w->root_crl = w->pck_crl;
}

static void
revocation_data_that_does_not_hold_is_refused(void **state)
{
    static const struct row rows[] = {
        { .what = "revoked leaf", .before = leaf_revoked },
        { .what = "revoked CA", .before = ca_revoked },
        { .what = "revoked TCB Signing", .before = signing_revoked },
        { .what = "PCK CRL without an end", .before = endless_pck_crl },
        { .what = "root CRL without an end", .before = endless_root_crl },
        { .what = "stale PCK CRL", .before = stale_pck_crl },
        { .what = "stale root CRL", .before = stale_root_crl },
        { .what = "PCK CRL of tomorrow", .before = pck_crl_of_tomorrow },
        { .what = "PCK CRL by another key", .before = pck_crl_by_another_key },
        { .what = "root CRL by another key", .before = root_crl_by_another_key },
        { .what = "PCK CRL of the other CA", .before = pck_crl_of_the_other_ca },
        { .what = "no PCK CRL", .after = no_pck_crl },
        { .what = "no root CRL", .after = no_root_crl },
        { .what = "the PCK CRL for both", .after = swapped_crls },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_REVOKED, CHECK_REVOCATION);
}

/* ---- signatures ---- */

static void
foreign_qe(struct dcap_world *w)
{
    w->quote_spec.qe[128] ^= 1;
}
static void
other_product_of_the_signer(struct dcap_world *w)
{
    w->quote_spec.qe[256]++;
}
static void
qe_in_debug_mode(struct dcap_world *w)
{
    w->quote_spec.qe[48] |= DCAP_FLAG_DEBUG;
}
/* As before, and its identity does not look at the bit. */
static void
qe_in_debug_mode_unlooked(struct dcap_world *w)
{
    qe_in_debug_mode(w);
    w->identity.attributes_mask = "F9FFFFFFFFFFFFFF0000000000000000";
}
/* A policy may do without collateral, and without this it would take any such QE. */
static void
no_identity(struct dcap_world *w)
{
    w->qe_identity = BYTES_LIT("{}");
}
static void
qe_with_other_misc(struct dcap_world *w)
{
    w->quote_spec.qe[16] = 1;
}
static void
qe_with_other_attributes(struct dcap_world *w)
{
    w->quote_spec.qe[48] |= DCAP_FLAG_KSS;
}
static void
attestation_key_of_a_stranger(struct dcap_world *w)
{
    uint8_t key[64];

    world_point(w->att_key, key);
    memset(w->quote_spec.qe + 320, 0, 64);
    world_sha256(
        key, 64, w->quote_spec.auth, w->quote_spec.auth_len, w->quote_spec.qe + 320);
    w->quote_spec.keep_qe_data = true;
    w->quote_spec.signer = w->other_key;
}
static void
qe_vouches_for_nothing(struct dcap_world *w)
{
    memset(w->quote_spec.qe + 320, 0, 64);
    w->quote_spec.keep_qe_data = true;
}
static void
more_in_the_hash(struct dcap_world *w)
{
    attestation_key_of_a_stranger(w);
    w->quote_spec.signer = NULL;
    w->quote_spec.qe[383] = 1;
}
static void
hash_without_auth_data(struct dcap_world *w)
{
    uint8_t key[64];

    world_point(w->att_key, key);
    memset(w->quote_spec.qe + 320, 0, 64);
    world_sha256(key, 64, "", 0, w->quote_spec.qe + 320);
    w->quote_spec.keep_qe_data = true;
}
static void
qe_by_another_key(struct dcap_world *w)
{
    w->quote_spec.qe_signer = w->other_key;
}
static void
qe_by_the_ca(struct dcap_world *w)
{
    w->quote_spec.qe_signer = w->ca_key;
}
static void
r_of_zero(struct dcap_world *w)
{
    memset(world_at(w->quote, w->signature_at), 0, 32);
}
static void
s_of_zero(struct dcap_world *w)
{
    memset(world_at(w->quote, w->signature_at + 32), 0, 32);
}
static void
all_of_zero(struct dcap_world *w)
{
    memset(world_at(w->quote, w->signature_at), 0, 64);
}
static void
s_of_the_order(struct dcap_world *w)
{
    uint8_t *rs = world_at(w->quote, w->signature_at);

    memset(rs + 32, 0, 32);
    world_twin(rs);
}
static void
key_off_the_curve(struct dcap_world *w)
{
    *world_at(w->quote, w->signature_at + 127) ^= 1;
}
static void
key_of_zero(struct dcap_world *w)
{
    memset(world_at(w->quote, w->signature_at + 64), 0, 64);
}
static void
body_changed(struct dcap_world *w)
{
    *world_at(w->quote, w->signature_at - 5) ^= 0x80; /* the last byte of the body */
}

static void
signatures_that_do_not_hold_are_refused(void **state)
{
    static const struct row rows[] = {
        { .what = "enclave of another signer",
            .before = foreign_qe,
            .says = "another signer" },
        { .what = "another product of the signer",
            .before = other_product_of_the_signer },
        { .what = "QE in debug mode", .before = qe_in_debug_mode },
        { .what = "QE in debug mode, not looked at",
            .before = qe_in_debug_mode_unlooked },
        { .what = "QE in debug mode, no identity",
            .before = qe_in_debug_mode,
            .after = no_identity },
        { .what = "QE with MISCSELECT", .before = qe_with_other_misc },
        { .what = "QE with KSS", .before = qe_with_other_attributes },
        { .what = "attestation key of a stranger",
            .before = attestation_key_of_a_stranger,
            .says = "attestation key" },
        { .what = "QE that vouches for nothing",
            .before = qe_vouches_for_nothing,
            .says = "attestation key" },
        { .what = "more than the hash",
            .before = more_in_the_hash,
            .says = "attestation key" },
        { .what = "hash without authentication data",
            .before = hash_without_auth_data,
            .says = "attestation key" },
        { .what = "QE report by another key", .before = qe_by_another_key },
        { .what = "QE report by the CA", .before = qe_by_the_ca },
        { .what = "r = 0", .after = r_of_zero },
        { .what = "s = 0", .after = s_of_zero },
        { .what = "r = s = 0", .after = all_of_zero },
        { .what = "s = n", .after = s_of_the_order },
        { .what = "key off the curve", .after = key_off_the_curve },
        { .what = "key (0, 0)", .after = key_of_zero },
        { .what = "last byte of report data", .after = body_changed },
    };

    (void)state;
    try_rows(rows, COUNT(rows), SELFSAME_BAD_SIGNATURE, CHECK_SIGNATURE);
}

/* r || s has no lengths: zeros in front are digits like others. */
static void
signatures_with_leading_zeros_verify(void **state)
{
    struct dcap_world *w = world_new(DCAP_SGX, 3);
    bool r = false, s = false;

    (void)state;
    for (size_t i = 0; i < 20000 && !(r && s); i++) {
        world_make_quote(w);
        const bool zero_r = *world_at(w->quote, w->signature_at) == 0,
                   zero_s = *world_at(w->quote, w->signature_at + 32) == 0;
        if (zero_r || zero_s)
            assert_int_equal(class_of(w), SELFSAME_OK);
        r = r || zero_r;
        s = s || zero_s;
        if (i % 200 == 199) { /* 128 KiB each: begin anew */
            world_free(w);
            w = world_new(DCAP_SGX, 3);
        }
    }
    assert_true(r && s);
    world_free(w);
}

int
main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sound_quotes_of_every_version_are_up_to_date),
        cmocka_unit_test(harmless_differences_are_accepted),
        cmocka_unit_test(trailing_bytes_are_counted_and_change_nothing),
        cmocka_unit_test(bad_headers_and_lengths_are_refused),
        cmocka_unit_test(quotes_of_the_other_tee_are_refused),
        cmocka_unit_test(local_reports_are_no_evidence),
        cmocka_unit_test(each_attribute_is_told_and_reserved_ones_are_refused),
        cmocka_unit_test(values_of_kss_without_it_are_refused),
        cmocka_unit_test(chains_that_do_not_hold_are_refused),
        cmocka_unit_test(revocation_data_that_does_not_hold_is_refused),
        cmocka_unit_test(signatures_that_do_not_hold_are_refused),
        cmocka_unit_test(signatures_with_leading_zeros_verify),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
