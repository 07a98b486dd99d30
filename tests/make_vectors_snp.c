/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: make_vectors_snp FOLDER
 * Writes the vectors of vectors/snp/ anew, with new keys below the simulator's roots.
 * They are committed and not made during a build: what stands there must go on meaning
 * the same.
 */
#include "test.h"

#include "appraise/appraise.h"
#include "codec/cmw.h"
#include "crypto/crypto.h"
#include "tee/simulate.h"

static const char *folder;
static struct arena scratch;
static struct sim_pki *pki;
static struct selfsame_bytes spki;
static const struct tee_simulator *sim;
static const int64_t now_s = 1780272000; /* 2026-06-01T00:00:00Z */

#define NONCE_HEX "30313233343536373839616263646566"
#define OTHER_HEX "30313233343536373839616263646567"
#define ABI "AMD 56860, ATTESTATION_REPORT"
#define KDS "AMD 57230"
#define CRL "AMD 57230, RFC 5280 §6.3"
static const uint8_t measurement[48] = { 0xa0, 0xa1, 0xa2 };

struct vector {
    const char *name, *expect, *spec, *note;
    uint64_t defects;
    const char *settings[4];
    const char *options;      /* of the policy for snp; NULL: none */
    const char *freshness;    /* instead of a nonce */
    const char *insecure;     /* instead of ["simulated"] */
    const char *measurements; /* hex or an entry; NULL: the right one; "": none */
    const char *nonce;        /* sent; NULL: the one answered; "": none */
    int64_t later;            /* seconds */
    bool alone, unbound;      /* without certificates; no key is expected */
};

static struct selfsame_bytes
quote(const struct vector *v)
{
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected made = { .evidence = BYTES_NONE };
    struct claim measured = {
        .path = "measurement", .kind = CLAIM_BYTES, .bytes = BYTES_ARR(measurement)
    };
    struct selfsame_bytes cmw;
    struct binder b;
    uint8_t data[64];
    size_t count = 0;

    while (count < COUNT(v->settings) && v->settings[count] != NULL)
        count++;
    assert_true(
        binder_http(&b, unhex(NONCE_HEX, &scratch), spki) && binder64(&b, data));
    const struct sim_quote_request q = {
        .now_ms = now_s * 1000,
        .subject = { .measured = &measured,
            .measured_count = 1,
            .defects = v->defects,
            .settings = v->settings,
            .setting_count = count },
        .report_data = BYTES_ARR(data),
    };
    assert_code(sim->quote(pki, &q, &scratch, &made, &e), SELFSAME_OK, &e);
    assert_code(cmw_encode_evidence("application/vnd.attest.snp", made.evidence,
                    "application/vnd.attest.snp-certs",
                    v->alone ? BYTES_NONE : made.endorsement, &scratch, &cmw, &e),
        SELFSAME_OK, &e);
    return cmw;
}

static const char *
measurements_of(const struct vector *v)
{
    char hex[97];

    hex_encode(BYTES_ARR(measurement), hex);
    if (v->measurements != NULL && *v->measurements == '\0')
        return "";
    if (v->measurements != NULL && *v->measurements == '{')
        return v->measurements;
    return arena_printf(&scratch, "{\"tee\":\"snp\",\"measurement\":[\"%s\"]}",
        v->measurements != NULL ? v->measurements : hex);
}

static void
put(struct vector v)
{
    struct selfsame_bytes doc = quote(&v);
    char path[512], now[TIME_TEXT];
    char *text = arena_alloc(&scratch, 1, BASE64_SIZE(doc.len));

    assert_non_null(text);
    size_t n = base64_encode(doc, false, text);
    (void)snprintf(path, sizeof(path), "%s/%s.vec", folder, v.name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    time_format(now_s + v.later, now);
    (void)fprintf(f, "expect: %s\nspec: %s\nnote: %s\ntee: snp\nnow: %s\n", v.expect,
        v.spec, v.note, now);
    if (v.nonce == NULL || *v.nonce != '\0')
        (void)fprintf(f, "nonce: %s\n", v.nonce != NULL ? v.nonce : NONCE_HEX);
    if (!v.unbound)
        (void)fprintf(f, "key: %s\n", hex_dup(&scratch, spki));
    (void)fprintf(f,
        "policy: {\"selfsame_policy\":1,\"tee\":{\"snp\":%s},\"measurements\":[%s],"
        "\"freshness\":%s,\"binding\":\"key\",\"insecure\":%s}\n\n",
        v.options != NULL ? v.options : "{}", measurements_of(&v),
        v.freshness != NULL ? v.freshness : "{\"nonce\":true}",
        v.insecure != NULL ? v.insecure : "[\"simulated\"]");
    for (size_t i = 0; i < n; i += 76)
        (void)fprintf(f, "%.*s\n", (int)(n - i < 76 ? n - i : 76), text + i);
    assert_int_equal(fclose(f), 0);
}

/* name, expect, spec, note and what is special, by name */
#define PUT(n, x, s, ...) \
    put((struct vector){ .name = n, .expect = x, .spec = s, .note = __VA_ARGS__ })

static void
put_happy(void)
{
    PUT("100-milan", "ok", ABI, "version 3, Milan, VCEK, table of the host");
    PUT("101-version-2", "ok", ABI, "version 2: no CPUID", .settings = { "version=2" });
    PUT("102-genoa", "ok", ABI, "Genoa", .settings = { "product=Genoa" });
    PUT("103-turin", "ok", ABI, "version 5, Turin: another TCB, 8 bytes of chip id",
        .settings = { "product=Turin", "tcb.fmc=2" });
    PUT("104-vlek", "ok", KDS, "signed by a VLEK, chip id of zeros",
        .settings = { "signer=vlek" });
    PUT("105-minimum", "ok", ABI, "exactly the levels that the policy asks for",
        .options = "{\"min_tcb\":{\"milan\":{\"bootloader\":4,\"tee\":0,\"snp\":24,"
                   "\"microcode\":219}}}");
    PUT("106-level-over-127", "ok", KDS, "an INTEGER of two bytes",
        .settings = { "tcb.microcode=255" });
    PUT("107-no-revocation", "ok", CRL, "no CRL, and the policy does without",
        .defects = SIM_NO_CRL, .insecure = "[\"simulated\",\"no-revocation\"]");
}

/* Settings and entries of an author (ID block) instead of a launch digest. */
#define A48                                            \
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1" \
    "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1"
#define F16 "f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1f1"
#define I16 "1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e"
#define J16 "1f1e1e1e1e1e1e1e1e1e1e1e1e1e1e1e"
#define BLOCK(key)                                     \
    {                                                  \
        key "=" A48, "family_id=" F16, "image_id=" I16 \
    }
#define ENTRY(key, image)                                              \
    "{\"tee\":\"snp\",\"" key "\":[\"" A48 "\"],\"family_id\":[\"" F16 \
    "\"],\"image_id\":[\"" image "\"]}"

static void
put_authors(void)
{
    PUT("108-id-key", "ok", ABI, "an ID key and its ids stand for the launch digest",
        .settings = BLOCK("id_key_digest"),
        .measurements = ENTRY("id_key_digest", I16));
    PUT("109-author-key", "ok", ABI, "an author key and its ids do",
        .settings = BLOCK("author_key_digest"),
        .measurements = ENTRY("author_key_digest", I16));
    PUT("706-other-image-id", "mismatch", ABI, "another image of the same author",
        .settings = BLOCK("id_key_digest"),
        .measurements = ENTRY("id_key_digest", J16));
    PUT("707-no-id-block", "mismatch", ABI, "an author is wanted, and none signed",
        .measurements = ENTRY("id_key_digest", I16));
    PUT("708-author-alone", "usage", "docs/policy.md",
        "an author without the ids of an image would accept all its images",
        .settings = BLOCK("id_key_digest"),
        .measurements = "{\"tee\":\"snp\",\"id_key_digest\":[\"" A48 "\"]}");
    PUT("709-other-guest-svn", "denied", ABI, "an older release of the right image",
        .settings = { "id_key_digest=" A48, "family_id=" F16, "image_id=" I16,
            "guest_svn=2" },
        .measurements = ENTRY("id_key_digest", I16),
        .options = "{\"min_guest_svn\":3}");
}

static void
put_malformed(void)
{
    PUT("200-truncated", "malformed", ABI, "one byte is missing",
        .defects = SIM_TRUNCATED);
    PUT("201-trailing-byte", "malformed", ABI, "one byte more",
        .defects = SIM_TRAILING_BYTE);
    PUT("202-reserved", "malformed", ABI, "a reserved byte is set",
        .defects = SIM_RESERVED);
    PUT("203-policy-bit-17", "malformed", ABI,
        "POLICY without the bit that is always 1", .settings = { "policy=0x10000" });
    PUT("204-policy-bit-63", "malformed", ABI, "POLICY with a bit nobody knows",
        .settings = { "policy=0x8000000000030000" });
    PUT("205-platform-info", "malformed", ABI, "PLATFORM_INFO with such a bit",
        .settings = { "platform_info=0x100" });
    PUT("206-algorithm", "unsupported", ABI, "SIGNATURE_ALGO 2",
        .defects = SIM_WRONG_ALG);
    PUT("207-turin-version-2", "unsupported", ABI, "Turin has no such report",
        .settings = { "product=Turin", "version=2" });
}

static void
put_chain(void)
{
    PUT("300-other-root", "bad-chain", KDS, "an ARK nobody pinned",
        .defects = SIM_OTHER_ROOT);
    PUT("301-expired", "bad-chain", "RFC 5280 §4.1.2.5", "the VCEK ended an hour ago",
        .defects = SIM_EXPIRED);
    PUT("302-future", "bad-chain", "RFC 5280 §4.1.2.5", "the VCEK begins tomorrow",
        .defects = SIM_FUTURE);
    PUT("303-chain-signature", "bad-chain", "RFC 5280 §6.1.3",
        "the VCEK is signed by the ARK's key", .defects = SIM_BAD_CHAIN_SIGNATURE);
    PUT("304-no-leaf", "bad-chain", KDS, "the table lacks the VCEK",
        .defects = SIM_NO_LEAF);
    PUT("305-report-alone", "bad-chain", KDS, "no certificates at all", .alone = true);
    PUT("306-unsigned", "bad-chain", ABI, "SIGNING_KEY says that nobody signed",
        .defects = SIM_UNSIGNED);
    PUT("310-revoked", "revoked", CRL, "the CRL names the ASK", .defects = SIM_REVOKED);
    PUT("311-revoked-asvk", "revoked", CRL, "the CRL names the ASVK",
        .defects = SIM_REVOKED, .settings = { "signer=vlek" });
    PUT("312-no-crl", "revoked", CRL, "nothing is known of revocation",
        .defects = SIM_NO_CRL);
    PUT("313-stale-crl", "revoked", CRL, "a CRL that was superseded",
        .defects = SIM_STALE_CRL);
    PUT("314-future-crl", "revoked", CRL, "a CRL of tomorrow",
        .defects = SIM_FUTURE_CRL);
    PUT("315-crl-ran-out", "revoked", CRL, "a good one, half a year later",
        .later = 200 * 24 * 3600);
}

static void
put_signature(void)
{
    PUT("400-bad-signature", "bad-signature", ABI, "a bit of r flipped",
        .defects = SIM_BAD_SIGNATURE);
}

static void
put_appraisal(void)
{
    static const char others[] =
        "0102030405060708090a0b0c0d0e0f100102030405060708090a0b"
        "0c0d0e0f100102030405060708090a0b0c0d0e0f10";

    PUT("500-other-nonce", "unbound", "attest-tls v1", "answers another challenge",
        .nonce = OTHER_HEX);
    PUT("501-wrong-binding", "unbound", "attest-tls v1", "report data with another bit",
        .defects = SIM_WRONG_BINDING);
    PUT("502-no-key", "stale", "attest-tls v1",
        "nothing to compare with, so the nonce is not covered", .unbound = true);
    PUT("503-no-time", "stale", "RFC 9334 §10", "reports carry no time", .nonce = "",
        .freshness = "{\"max_age\":\"5m\"}");
    PUT("600-debug", "debug", ABI, "POLICY.DEBUG", .defects = SIM_DEBUG);
    PUT("601-other-chip", "tcb", KDS, "the VCEK of another chip",
        .defects = SIM_OTHER_CHIP);
    PUT("602-other-tcb", "tcb", KDS, "the VCEK of another TCB",
        .defects = SIM_OTHER_TCB);
    PUT("603-below-minimum", "tcb", ABI, "one component one below",
        .settings = { "tcb.snp=23" },
        .options = "{\"min_tcb\":{\"milan\":{\"snp\":24}}}");
    PUT("604-minimum-of-others", "tcb", ABI, "minima for another product line alone",
        .options = "{\"min_tcb\":{\"genoa\":{\"snp\":1}}}");
    PUT("700-other-measurement", "mismatch", ABI, "another launch digest is wanted",
        .measurements = others);
    PUT("701-simulated", "denied", "docs/policy.md", "hardware is wanted",
        .insecure = "[]");
    PUT("702-no-measurement", "mismatch", "docs/policy.md",
        "a policy that demands no code", .measurements = "");
    PUT("703-vmpl", "denied", ABI, "made at VMPL 1", .settings = { "vmpl=1" });
    PUT("704-migration", "denied", ABI, "a migration agent may move it",
        .settings = { "policy=0x70000" });
    PUT("705-host-data", "denied", ABI, "other HOST_DATA than wanted",
        .options = "{\"host_data\":[\"0102030405060708090a0b0c0d0e0f10"
                   "0102030405060708090a0b0c0d0e0f10\"]}");
}

static void
make(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    auto_key *key = NULL;

    (void)state;
    scratch = arena_new(256 << 20);
    sim = tee_simulator_find("snp");
    assert_non_null(sim);
    assert_code(sim->pki(BYTES_NONE, now_s * 1000, &pki, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    assert_code(key_spki(key, &scratch, &spki, &e), SELFSAME_OK, &e);
    put_happy();
    put_malformed();
    put_chain();
    put_signature();
    put_appraisal();
    put_authors();
    sim->pki_free(pki);
    arena_free(&scratch);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest all[] = { cmocka_unit_test(make) };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_vectors_snp FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return cmocka_run_group_tests(all, NULL, NULL);
}
