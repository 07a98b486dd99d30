/* SPDX-License-Identifier: Apache-2.0 */
/*
 * usage: make_vectors_dcap FOLDER
 * Writes the vectors of FOLDER/sgx and FOLDER/tdx anew: evidence, and behind it the
 * collateral. They are committed and not made during a build: what stands there must go
 * on meaning the same.
 */
#include "test.h"

#include "appraise/appraise.h"
#include "codec/cmw.h"
#include "crypto/crypto.h"
#include "tee/shared/dcap_simulate.h"

static const char *folder;
static struct arena scratch;
static struct sim_pki *pki;
static struct selfsame_bytes spki;
static const int64_t now_s = 1780272000; /* 2026-06-01T00:00:00Z */

#define NONCE_HEX "30313233343536373839616263646566"
#define OTHER_HEX "30313233343536373839616263646567"
#define QUOTE "Intel DCAP, sgx_quote_3.h, _4.h, _5.h"
#define PCK "Intel PCK Certificate and CRL Profile"
#define CRL "Intel PCK Certificate and CRL Profile, RFC 5280 §6.3"
#define PCS "Intel PCS API v4, TCB info and QE identity"
#define SDM "Intel SDM vol. 3D, ATTRIBUTES"
#define TDX "Intel TDX module ABI, ATTRIBUTES"

enum { FOR_SGX = 1, FOR_TDX = 2, FOR_BOTH = 3 };
struct vector {
    unsigned tees;
    const char *name, *expect, *spec, *note;
    uint64_t defects;
    const char *settings[4];
    const char *options;      /* of the policy for this TEE; NULL: none */
    const char *freshness;    /* instead of a nonce */
    const char *insecure;     /* instead of ["simulated"] */
    const char *measurements; /* an entry; NULL: the right one; "": none */
    const char *nonce;        /* sent; NULL: the one answered; "": none */
    int64_t later;            /* seconds */
    bool raw, unbound;        /* the quote alone; no key is expected */
    bool alone;               /* without collateral */
};

/* ---- evidence ---- */

#define HEX16(b) b b b b b b b b b b b b b b b b
#define HEX32(b) HEX16(b) HEX16(b)
#define HEX48(b) HEX32(b) HEX16(b)
#define ENCLAVE HEX32("a1")
#define SIGNER HEX32("a2")
#define MRTD HEX48("b0")
#define RTMR(b) HEX48(b)

static void
measured(bool tdx, struct claim list[static 4], uint8_t bytes[static 4][48])
{
    static const char *const tdx_paths[] = { "mrtd", "rtmr.0", "rtmr.1", "rtmr.2" };
    static const char *const sgx_paths[] = { "mrenclave", "mrsigner", "isv_prod_id",
        "isv_svn" };

    for (size_t i = 0; i < 4; i++) {
        memset(bytes[i], (tdx ? 0xb0 : 0xa1) + (int)i, 48);
        list[i] = (struct claim){ .path = tdx ? tdx_paths[i] : sgx_paths[i],
            .kind = tdx || i < 2 ? CLAIM_BYTES : CLAIM_UINT,
            .bytes = BYTES(bytes[i], tdx ? 48 : 32),
            .number = 3 + i };
    }
}

struct made {
    struct selfsame_bytes evidence;
    struct sim_file *files;
    size_t count;
};

static struct made
quote(const struct vector *v, const struct tee_simulator *sim)
{
    const bool tdx = strcmp(sim->name, "tdx") == 0;
    struct selfsame_err e = { .depth = 0 };
    struct tee_collected collected = { .evidence = BYTES_NONE };
    struct claim list[4];
    uint8_t bytes[4][48], data[64];
    struct binder b;
    struct made m = { .files = NULL };
    size_t count = 0;

    while (count < COUNT(v->settings) && v->settings[count] != NULL)
        count++;
    measured(tdx, list, bytes);
    assert_true(
        binder_http(&b, unhex(NONCE_HEX, &scratch), spki) && binder64(&b, data));
    const struct sim_quote_request q = {
        .now_ms = now_s * 1000,
        .subject = { .measured = list,
            .measured_count = 4,
            .defects = v->defects,
            .settings = v->settings,
            .setting_count = count },
        .report_data = BYTES_ARR(data),
    };
    assert_code(sim->quote(pki, &q, &scratch, &collected, &e), SELFSAME_OK, &e);
    assert_code(sim->collateral(
                    pki, now_s * 1000, &q.subject, &scratch, &m.files, &m.count, &e),
        SELFSAME_OK, &e);
    m.evidence = collected.evidence;
    if (!v->raw)
        assert_code(
            cmw_encode_evidence(
                tdx ? "application/vnd.attest.tdx" : "application/vnd.attest.sgx",
                collected.evidence, NULL, BYTES_NONE, &scratch, &m.evidence, &e),
            SELFSAME_OK, &e);
    return m;
}

/* ---- files ---- */

static const char *
measurements_of(const struct vector *v, bool tdx)
{
    if (v->measurements != NULL)
        return v->measurements;
    return tdx ? "{\"tee\":\"tdx\",\"mrtd\":[\"" MRTD "\"],\"rtmr\":{\"0\":[\"" RTMR(
                     "b1") "\"],\"1\":[\"" RTMR("b2") "\"],\"2\":[\"" RTMR("b3") "\"]}}"
               : "{\"tee\":\"sgx\",\"mrenclave\":[\"" ENCLAVE "\"]}";
}

static void
put_base64(FILE *f, struct selfsame_bytes b)
{
    char *text = arena_alloc(&scratch, 1, BASE64_SIZE(b.len));

    assert_non_null(text);
    const size_t n = base64_encode(b, false, text);
    (void)fprintf(f, "\n");
    for (size_t i = 0; i < n; i += 76)
        (void)fprintf(f, "%.*s\n", (int)(n - i < 76 ? n - i : 76), text + i);
}

static void
put_one(const struct vector *v, const char *tee)
{
    const struct tee_simulator *sim = tee_simulator_find(tee);
    char path[512], now[TIME_TEXT];

    assert_non_null(sim);
    struct made m = quote(v, sim);
    (void)snprintf(path, sizeof(path), "%s/%s/%s.vec", folder, tee, v->name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    time_format(now_s + v->later, now);
    (void)fprintf(f, "expect: %s\nspec: %s\nnote: %s\ntee: %s\nnow: %s\n", v->expect,
        v->spec, v->note, tee, now);
    if (v->nonce == NULL || *v->nonce != '\0')
        (void)fprintf(f, "nonce: %s\n", v->nonce != NULL ? v->nonce : NONCE_HEX);
    if (!v->unbound)
        (void)fprintf(f, "key: %s\n", hex_dup(&scratch, spki));
    (void)fprintf(f,
        "policy: {\"selfsame_policy\":1,\"tee\":{\"%s\":%s},\"measurements\":[%s],"
        "\"freshness\":%s,\"binding\":\"key\",\"insecure\":%s}\n",
        tee, v->options != NULL ? v->options : "{}",
        measurements_of(v, strcmp(tee, "tdx") == 0),
        v->freshness != NULL ? v->freshness : "{\"nonce\":true}",
        v->insecure != NULL ? v->insecure : "[\"simulated\"]");
    put_base64(f, m.evidence);
    for (size_t i = 0; i < m.count && !v->alone; i++)
        put_base64(f, m.files[i].bytes);
    assert_int_equal(fclose(f), 0);
}

static void
put(struct vector v)
{
    if (v.tees & FOR_SGX)
        put_one(&v, "sgx");
    if (v.tees & FOR_TDX)
        put_one(&v, "tdx");
}

/* for whom, name, expect, spec, note and what is special, by name */
#define PUT(t, n, x, s, ...) \
    put((struct vector){     \
        .tees = t, .name = n, .expect = x, .spec = s, .note = __VA_ARGS__ })

/* ---- what is accepted ---- */

static void
put_happy_sgx(void)
{
    PUT(FOR_SGX, "100-version-3", "ok", QUOTE, "version 3, Processor CA");
    PUT(FOR_SGX, "101-version-4", "ok", QUOTE, "version 4 with the body of an enclave",
        .settings = { "version=4" });
    PUT(FOR_SGX, "102-version-5", "ok", QUOTE, "version 5, body of type 1",
        .settings = { "version=5" });
    PUT(FOR_SGX, "109-tcb-info-2", "ok", PCS, "TCB info of version 2",
        .settings = { "tcb_version=2" });
    PUT(FOR_SGX, "110-ppid", "ok", QUOTE,
        "certification data of type 3: the certificates come with the collateral",
        .settings = { "cert_type=3" });
    PUT(FOR_SGX, "111-signer", "ok", "docs/policy.md",
        "signer, product and security version stand for the enclave",
        .measurements = "{\"tee\":\"sgx\",\"mrsigner\":[\"" SIGNER
                        "\"],\"isv_prod_id\":[5],\"min_isv_svn\":6}");
    PUT(FOR_SGX, "112-config-id", "ok", SDM, "CONFIGID with KSS, as the policy wants",
        .settings = { "attributes=0x85", "config_id=" HEX32("c0") HEX32("c1") },
        .options = "{\"config_id\":[\"" HEX32("c0") HEX32("c1") "\"]}");
}

static void
put_happy_tdx(void)
{
    PUT(FOR_TDX, "100-version-4", "ok", QUOTE, "version 4, TDX 1.0");
    PUT(FOR_TDX, "101-version-5", "ok", QUOTE, "version 5, body of type 3, TDX 1.5",
        .settings = { "version=5" });
    PUT(FOR_TDX, "102-version-5-body-2", "ok", QUOTE, "version 5, body of type 2",
        .settings = { "version=5", "body=1.0" });
    PUT(FOR_TDX, "109-old-module", "ok", PCS,
        "tee_tcb_svn[1] = 0: the module that tdxModule describes",
        .settings = { "tee_tcb_svn=030004" });
    PUT(FOR_TDX, "110-module-0a", "ok", PCS, "tee_tcb_svn[1] = 10: identity TDX_0A",
        .settings = { "tee_tcb_svn=010a04" });
    PUT(FOR_TDX, "111-newer-now", "ok", QUOTE,
        "tee_tcb_svn2 is higher than tee_tcb_svn, which alone counts",
        .settings = { "version=5", "tee_tcb_svn2=090106" });
    PUT(FOR_TDX, "112-rtmr3", "ok", QUOTE, "RTMR3 is the guest's own",
        .settings = { "rtmr.3=" RTMR("b4") });
    PUT(FOR_TDX, "113-owner", "ok", QUOTE, "MRCONFIGID as the policy wants",
        .settings = { "mr_config_id=" HEX48("c0") },
        .options = "{\"mr_config_id\":[\"" HEX48("c0") "\"]}");
}

static void
put_happy(void)
{
    PUT(FOR_BOTH, "103-platform-ca", "ok", PCK, "PCK certificate of the Platform CA",
        .settings = { "ca=platform" });
    PUT(FOR_BOTH, "104-trailer", "ok", QUOTE,
        "3065 zeros behind the quote, which are "
        "no part of it",
        .settings = { "trailer=3065" });
    PUT(FOR_BOTH, "105-raw", "ok", QUOTE, "the quote alone, in no wrapper",
        .raw = true);
    PUT(FOR_BOTH, "106-root-first", "ok", PCK,
        "root, CA, PCK certificate, and a NUL behind them",
        .settings = { "root_first=1", "nul=1" });
    PUT(FOR_BOTH, "107-twin", "ok", "SEC 1 §4.1.4", "signature (r, n - s)",
        .settings = { "twin=1" });
    PUT(FOR_BOTH, "108-auth-data", "ok", QUOTE, "no authentication data of the QE",
        .settings = { "auth_size=0" });
    PUT(FOR_BOTH, "120-status", "ok", PCS,
        "SWHardeningNeeded and its advisory, both of which the policy takes",
        .settings = { "tcb_status=SWHardeningNeeded", "advisories=INTEL-SA-00615" },
        .options = "{\"tcb_status\":[\"UpToDate\",\"SWHardeningNeeded\"],"
                   "\"allowed_advisories\":[\"INTEL-SA-00615\"]}");
    PUT(FOR_SGX, "121-grace", "ok", PCS,
        "out of date, the oldest level is of ten days ago, and thirty are given",
        .settings = { "tcb_status=OutOfDate", "tcb_date=2026-05-22T00:00:00Z",
            "qe_date=2026-05-22T00:00:00Z" },
        .options = "{\"grace_days\":30}");
    PUT(FOR_TDX, "121-grace", "ok", PCS,
        "out of date, the oldest level is of ten days ago, and thirty are given",
        .settings = { "tcb_status=OutOfDate", "tcb_date=2026-05-22T00:00:00Z",
            "qe_date=2026-05-22T00:00:00Z", "module_date=2026-05-22T00:00:00Z" },
        .options = "{\"grace_days\":30}");
    PUT(FOR_BOTH, "122-evaluation", "ok", PCS, "exactly the evaluation number wanted",
        .options = "{\"min_tcb_evaluation\":18}");
    PUT(FOR_BOTH, "123-no-revocation", "ok", CRL,
        "no CRLs, and the policy does without",
        .defects = SIM_NO_CRL | DCAP_SIM_NO_ROOT_CRL,
        .insecure = "[\"simulated\",\"no-revocation\"]");
    put_happy_sgx();
    put_happy_tdx();
}

/* ---- what is not read ---- */

static void
put_malformed(void)
{
    PUT(FOR_BOTH, "200-truncated", "malformed", QUOTE, "one byte is missing",
        .defects = SIM_TRUNCATED);
    PUT(FOR_BOTH, "201-nested-length", "malformed", QUOTE,
        "certification data of one byte more than there is",
        .defects = DCAP_SIM_NESTED_LENGTH);
    PUT(FOR_BOTH, "202-body-size", "malformed", QUOTE,
        "version 5: the size of the body is not that of its type",
        .defects = DCAP_SIM_BODY_SIZE, .settings = { "version=5" });
    PUT(FOR_SGX, "203-reserved", "malformed", SDM, "a reserved byte is set",
        .defects = SIM_RESERVED);
    PUT(FOR_SGX, "204-reserved-attribute", "malformed", SDM, "bit 40 of ATTRIBUTES",
        .settings = { "attributes=0x10000000005" });
    PUT(FOR_SGX, "205-config-id-without-kss", "malformed", SDM,
        "CONFIGID is set, and the enclave has no KSS",
        .settings = { "config_id=" HEX32("c0") HEX32("c1") });
    PUT(FOR_TDX, "203-reserved-attribute", "malformed", TDX, "bit 40 of ATTRIBUTES",
        .defects = SIM_RESERVED);
    PUT(FOR_BOTH, "210-algorithm", "unsupported", QUOTE, "key of type 3, P-384",
        .defects = SIM_WRONG_ALG);
    PUT(FOR_BOTH, "211-vendor", "unsupported", QUOTE, "a QE of another vendor",
        .defects = DCAP_SIM_OTHER_VENDOR);
    PUT(FOR_BOTH, "212-manifest", "unsupported", QUOTE, "certification data of type 7",
        .settings = { "cert_type=7" });
}

/* ---- chain and revocation ---- */

static void
put_chain(void)
{
    PUT(FOR_BOTH, "300-other-root", "bad-chain", PCK,
        "a root of the same name that nobody pinned", .defects = SIM_OTHER_ROOT);
    PUT(FOR_BOTH, "301-expired", "bad-chain", "RFC 5280 §4.1.2.5",
        "the PCK certificate ended an hour ago", .defects = SIM_EXPIRED);
    PUT(FOR_BOTH, "302-future", "bad-chain", "RFC 5280 §4.1.2.5",
        "the PCK certificate begins tomorrow", .defects = SIM_FUTURE);
    PUT(FOR_BOTH, "303-chain-signature", "bad-chain", "RFC 5280 §6.1.3",
        "the PCK certificate is signed by another key",
        .defects = SIM_BAD_CHAIN_SIGNATURE);
    PUT(FOR_BOTH, "304-no-leaf", "bad-chain", PCK, "CA and root alone",
        .defects = SIM_NO_LEAF);
    PUT(FOR_BOTH, "305-signer-as-leaf", "bad-chain", PCK,
        "the TCB Signing certificate in the place of the PCK certificate",
        .defects = DCAP_SIM_SIGNER_AS_LEAF);
    PUT(FOR_BOTH, "306-ppid-alone", "bad-chain", QUOTE,
        "certification data of type 1, and nobody gives the certificates",
        .settings = { "cert_type=1" }, .alone = true);
    PUT(FOR_BOTH, "310-revoked-ca", "revoked", CRL, "the CA is on the root's CRL",
        .defects = SIM_REVOKED);
    PUT(FOR_BOTH, "311-revoked-leaf", "revoked", CRL,
        "the PCK certificate is on its CA's CRL", .defects = DCAP_SIM_REVOKED_LEAF);
    PUT(FOR_BOTH, "312-revoked-signer", "revoked", CRL,
        "TCB Signing is on the root's CRL", .defects = DCAP_SIM_REVOKED_SIGNER);
    PUT(FOR_BOTH, "313-no-crl", "revoked", CRL, "no CRL of the CA",
        .defects = SIM_NO_CRL);
    PUT(FOR_BOTH, "314-stale-crl", "revoked", CRL, "the CA's CRL was superseded",
        .defects = SIM_STALE_CRL);
    PUT(FOR_BOTH, "315-future-crl", "revoked", CRL, "the CA's CRL is of tomorrow",
        .defects = SIM_FUTURE_CRL);
    PUT(FOR_BOTH, "316-foreign-crl", "revoked", CRL, "the CA's CRL by another key",
        .defects = DCAP_SIM_FOREIGN_CRL);
    PUT(FOR_BOTH, "317-endless-crl", "revoked", CRL, "the CA's CRL has no nextUpdate",
        .defects = DCAP_SIM_ENDLESS_CRL);
    PUT(FOR_BOTH, "318-no-root-crl", "revoked", CRL, "no CRL of the root",
        .defects = DCAP_SIM_NO_ROOT_CRL);
    PUT(FOR_BOTH, "319-stale-root-crl", "revoked", CRL, "the root's CRL was superseded",
        .defects = DCAP_SIM_STALE_ROOT_CRL);
    PUT(FOR_BOTH, "320-foreign-root-crl", "revoked", CRL,
        "the root's CRL by another key", .defects = DCAP_SIM_FOREIGN_ROOT_CRL);
    PUT(FOR_BOTH, "321-no-collateral", "revoked", CRL,
        "the quote alone, nothing with it", .alone = true);
    PUT(FOR_BOTH, "322-a-month-later", "revoked", CRL, "the collateral is over",
        .later = 30 * 86400);
}

static void
put_signature(void)
{
    PUT(FOR_BOTH, "400-bad-signature", "bad-signature", QUOTE, "a bit of r flipped",
        .defects = SIM_BAD_SIGNATURE);
    PUT(FOR_BOTH, "401-foreign-key", "bad-signature", QUOTE,
        "signed by a key that the QE does not vouch for",
        .defects = DCAP_SIM_FOREIGN_KEY);
    PUT(FOR_BOTH, "402-qe-hash", "bad-signature", QUOTE, "the QE vouches for no key",
        .defects = DCAP_SIM_QE_HASH);
    PUT(FOR_BOTH, "403-foreign-qe", "bad-signature", PCS,
        "an enclave of another signer in the place of the QE",
        .defects = DCAP_SIM_FOREIGN_QE);
    PUT(FOR_BOTH, "404-debug-qe", "bad-signature", PCS, "the QE runs in debug mode",
        .defects = DCAP_SIM_DEBUG_QE);
    PUT(FOR_BOTH, "405-ca-signs", "bad-signature", QUOTE,
        "the report of the QE is signed by the CA", .defects = SIM_CA_SIGNS);
}

/* ---- what policies look at ---- */

static void
put_binding(void)
{
    PUT(FOR_BOTH, "500-other-nonce", "unbound", "attest-tls v1", "another challenge",
        .nonce = OTHER_HEX);
    PUT(FOR_BOTH, "501-wrong-binding", "unbound", "attest-tls v1",
        "the last of the 64 bytes differs", .defects = SIM_WRONG_BINDING);
    PUT(FOR_BOTH, "502-no-key", "stale", "attest-tls v1",
        "nothing to compare with, so the nonce is not covered", .unbound = true);
    PUT(FOR_BOTH, "503-no-time", "stale", "RFC 9334 §10", "quotes carry no time",
        .nonce = "", .freshness = "{\"max_age\":\"5m\"}");
}

static void
put_collateral(void)
{
    PUT(FOR_BOTH, "610-no-tcb-info", "tcb", PCS, "no TCB info",
        .defects = DCAP_SIM_NO_TCB_INFO);
    PUT(FOR_BOTH, "611-no-qe-identity", "tcb", PCS, "no QE identity",
        .defects = DCAP_SIM_NO_QE_IDENTITY);
    PUT(FOR_BOTH, "612-stale-tcb-info", "tcb", PCS, "the TCB info was superseded",
        .defects = DCAP_SIM_STALE_TCB_INFO);
    PUT(FOR_BOTH, "613-future-tcb-info", "tcb", PCS, "the TCB info is of tomorrow",
        .defects = DCAP_SIM_FUTURE_TCB_INFO);
    PUT(FOR_BOTH, "614-stale-qe-identity", "tcb", PCS, "the QE identity was superseded",
        .defects = DCAP_SIM_STALE_QE_IDENTITY);
    PUT(FOR_BOTH, "615-tcb-signature", "tcb", PCS, "signature of the TCB info",
        .defects = DCAP_SIM_BAD_TCB_SIGNATURE);
    PUT(FOR_BOTH, "616-edited", "tcb", PCS, "a blank inside the signed object",
        .defects = DCAP_SIM_EDITED_JSON);
    PUT(FOR_BOTH, "617-member-twice", "tcb", PCS, "pceId stands twice, truly signed",
        .defects = SIM_DUPLICATE_KEY);
    PUT(FOR_BOTH, "618-leaf-as-signer", "tcb", PCS,
        "the TCB info is signed by the PCK key", .defects = DCAP_SIM_LEAF_AS_SIGNER);
    PUT(FOR_BOTH, "619-other-fmspc", "tcb", PCS, "TCB info of another FMSPC",
        .defects = DCAP_SIM_OTHER_FMSPC);
    PUT(FOR_BOTH, "620-other-pceid", "tcb", PCS, "TCB info of another PCEID",
        .defects = DCAP_SIM_OTHER_PCEID);
    PUT(FOR_BOTH, "621-other-tee", "tcb", PCS, "the collateral of the other TEE",
        .defects = DCAP_SIM_OTHER_TEE);
    PUT(FOR_BOTH, "622-no-level", "tcb", PCS, "below every level",
        .defects = DCAP_SIM_NO_LEVEL);
    PUT(FOR_TDX, "623-unknown-module", "tcb", PCS,
        "no identity has the module's number", .defects = DCAP_SIM_UNKNOWN_MODULE);
    PUT(FOR_TDX, "624-seam-signer", "tcb", PCS, "MRSIGNERSEAM is not zero",
        .defects = DCAP_SIM_SEAM_SIGNER);
}

static void
put_status(void)
{
    PUT(FOR_BOTH, "600-debug", "debug", SDM, "ATTRIBUTES.DEBUG", .defects = SIM_DEBUG);
    PUT(FOR_BOTH, "630-sw-hardening", "tcb", PCS,
        "SWHardeningNeeded, and UpToDate wanted",
        .settings = { "tcb_status=SWHardeningNeeded", "advisories=INTEL-SA-00615" });
    PUT(FOR_BOTH, "631-configuration", "tcb", PCS, "ConfigurationNeeded",
        .settings = { "tcb_status=ConfigurationNeeded" });
    PUT(FOR_BOTH, "632-both", "tcb", PCS, "ConfigurationAndSWHardeningNeeded",
        .settings = { "tcb_status=ConfigurationAndSWHardeningNeeded" });
    PUT(FOR_BOTH, "633-out-of-date", "tcb", PCS, "OutOfDate",
        .settings = { "tcb_status=OutOfDate" });
    PUT(FOR_BOTH, "634-out-of-date-configuration", "tcb", PCS,
        "OutOfDateConfigurationNeeded",
        .settings = { "tcb_status=OutOfDateConfigurationNeeded" });
    PUT(FOR_BOTH, "635-revoked", "revoked", PCS, "a level that is Revoked",
        .settings = { "tcb_status=Revoked" });
    PUT(FOR_BOTH, "636-unknown", "revoked", PCS, "a word that nobody knows",
        .settings = { "tcb_status=Splendid" });
    PUT(FOR_BOTH, "637-qe-out-of-date", "tcb", PCS, "the QE is out of date",
        .settings = { "qe_status=OutOfDate" });
    PUT(FOR_BOTH, "638-qe-revoked", "revoked", PCS, "the QE is revoked",
        .settings = { "qe_status=Revoked" });
    PUT(FOR_TDX, "639-module-out-of-date", "tcb", PCS, "the TDX module is out of date",
        .settings = { "module_status=OutOfDate" });
    PUT(FOR_BOTH, "640-other-advisory", "tcb", PCS,
        "an advisory that the policy does not take",
        .settings = { "tcb_status=SWHardeningNeeded",
            "advisories=INTEL-SA-00615,INTEL-SA-00657" },
        .options = "{\"tcb_status\":[\"UpToDate\",\"SWHardeningNeeded\"],"
                   "\"allowed_advisories\":[\"INTEL-SA-00615\"]}");
    PUT(FOR_BOTH, "641-denied-advisory", "tcb", PCS,
        "an advisory that the policy denies",
        .settings = { "advisories=INTEL-SA-00657" },
        .options = "{\"denied_advisories\":[\"INTEL-SA-00657\"]}");
    PUT(FOR_BOTH, "642-grace-is-over", "tcb", PCS,
        "out of date by a level of 200 days ago, and thirty are given",
        .settings = { "tcb_status=OutOfDate" }, .options = "{\"grace_days\":30}");
    PUT(FOR_BOTH, "643-old-evaluation", "tcb", PCS,
        "collateral of an evaluation number before the one wanted",
        .options = "{\"min_tcb_evaluation\":19}");
    PUT(FOR_BOTH, "644-tcb-date", "tcb", PCS, "a level of before the date wanted",
        .options = "{\"min_tcb_date\":\"2025-11-13T00:00:00Z\"}");
}

static void
put_policy(void)
{
    PUT(FOR_SGX, "700-other-measurement", "mismatch", SDM, "another enclave is wanted",
        .measurements = "{\"tee\":\"sgx\",\"mrenclave\":[\"" HEX32("a0") "\"]}");
    PUT(FOR_SGX, "701-other-product", "mismatch", SDM, "another product of the signer",
        .measurements = "{\"tee\":\"sgx\",\"mrsigner\":[\"" SIGNER
                        "\"],\"isv_prod_id\":[4],\"min_isv_svn\":6}");
    PUT(FOR_SGX, "702-older", "mismatch", SDM,
        "a security version below the one wanted",
        .measurements = "{\"tee\":\"sgx\",\"mrsigner\":[\"" SIGNER
                        "\"],\"isv_prod_id\":[5],\"min_isv_svn\":7}");
    PUT(FOR_SGX, "703-signer-alone", "usage", "docs/policy.md",
        "a signer without product and version stands for all it ever signed",
        .measurements = "{\"tee\":\"sgx\",\"mrsigner\":[\"" SIGNER "\"]}");
    PUT(FOR_SGX, "704-provision-key", "denied", SDM, "the provisioning key",
        .defects = DCAP_SIM_PROVISION_KEY);
    PUT(FOR_SGX, "705-launch-key", "denied", SDM, "the launch key",
        .settings = { "attributes=0x25" });
    PUT(FOR_SGX, "706-config-id", "denied", SDM, "another CONFIGID than wanted",
        .settings = { "attributes=0x85", "config_id=" HEX32("c0") HEX32("c0") },
        .options = "{\"config_id\":[\"" HEX32("c0") HEX32("c1") "\"]}");
    PUT(FOR_SGX, "707-xfrm", "denied", SDM, "an extended feature that nobody knows",
        .settings = { "xfrm=0x1000000e7" });
    PUT(FOR_TDX, "700-other-firmware", "mismatch", QUOTE, "another MRTD is wanted",
        .settings = { "mrtd=" HEX48("bf") });
    PUT(FOR_TDX, "701-other-rtmr", "mismatch", QUOTE, "another RTMR2 is wanted",
        .settings = { "rtmr.2=" RTMR("bf") });
    PUT(FOR_TDX, "702-firmware-alone", "usage", "docs/policy.md",
        "firmware without what it started stands for anything it starts",
        .measurements = "{\"tee\":\"tdx\",\"mrtd\":[\"" MRTD "\"]}");
    PUT(FOR_TDX, "703-no-sept-ve", "denied", TDX, "SEPT_VE_DISABLE is off",
        .defects = DCAP_SIM_NO_SEPT_VE);
    PUT(FOR_TDX, "704-migratable", "denied", TDX, "it may be migrated",
        .defects = DCAP_SIM_MIGRATABLE);
    PUT(FOR_TDX, "705-service-td", "denied", QUOTE, "a service TD is bound",
        .settings = { "version=5", "mr_service_td=" HEX48("c5") });
    PUT(FOR_TDX, "706-config-in-owner", "denied", QUOTE,
        "the MRCONFIGID that is wanted stands in MROWNER",
        .settings = { "mr_owner=" HEX48("c0") },
        .options = "{\"mr_config_id\":[\"" HEX48("c0") "\"]}");
    PUT(FOR_TDX, "707-xfam", "denied", TDX, "an extended feature that nobody knows",
        .settings = { "xfam=0x10000602e7" });
    PUT(FOR_TDX, "708-tud", "denied", TDX, "performance profiling of the TD",
        .settings = { "td_attributes=0x10000020" });
    PUT(FOR_BOTH, "710-simulated", "denied", "docs/policy.md", "hardware is wanted",
        .insecure = "[]");
    PUT(FOR_BOTH, "711-no-measurement", "mismatch", "docs/policy.md",
        "a policy that demands no code", .measurements = "");
    PUT(FOR_BOTH, "712-other-platform", "denied", PCS, "another FMSPC is wanted",
        .options = "{\"fmspcs\":[\"00906ed50000\"]}");
}

static void
make(void **state)
{
    struct selfsame_err e = { .depth = 0 };
    auto_key *key = NULL;

    (void)state;
    scratch = arena_new((size_t)512 << 20);
    assert_code(dcap_sim_pki_new(BYTES_NONE, now_s * 1000, &pki, &e), SELFSAME_OK, &e);
    assert_code(key_generate(KEY_P256, &key, &e), SELFSAME_OK, &e);
    assert_code(key_spki(key, &scratch, &spki, &e), SELFSAME_OK, &e);
    put_happy();
    put_malformed();
    put_chain();
    put_signature();
    put_binding();
    put_collateral();
    put_status();
    put_policy();
    dcap_sim_pki_free(pki);
    arena_free(&scratch);
}

int
main(int argc, char **argv)
{
    const struct CMUnitTest all[] = { cmocka_unit_test(make) };

    if (argc != 2) {
        (void)fprintf(stderr, "usage: make_vectors_dcap FOLDER\n");
        return 2;
    }
    folder = argv[1];
    return cmocka_run_group_tests(all, NULL, NULL);
}
