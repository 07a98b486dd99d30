/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Nitro documents per second on one core, as ratios measured in the same run to
 *   bare   only the P-384 verifications the protocol needs, by OpenSSL, keys parsed
 *   naive  d2i_X509 + X509_verify_cert + EVP_DigestVerify, what a user would write
 * Rounds of all contestants are interleaved; each figure is the median round.
 */
#include <selfsame/selfsame.h>

#include "bench.h"
#include "codec/cbor.h"
#include "codec/cose.h"
#include "tee/simulate.h"

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>

enum { LEAVES = 7, ROUNDS = 9, CERTS = 8 };
static const int64_t three_hours_ms = (3 * 3600 + 60) * 1000;

struct document {
    struct selfsame_bytes bytes;
    int64_t at_ms;
    struct selfsame_bytes cert[CERTS]; /* root first, leaf last */
    size_t count;
};

/* The certificates of a document, for the contestants that do not use our parser. */
static void
collect_certificates(struct document *d)
{
    struct cose_sign1 s;
    struct selfsame_err e;

    NEED(cose_sign1_parse(d->bytes, &s, &e) == SELFSAME_OK);
    struct cbor c = cbor_of(s.payload, CBOR_INDEFINITE_OK);
    struct cbor_seq map = cbor_get_map(&c);
    struct selfsame_bytes leaf = BYTES_NONE;
    while (cbor_more(&c, &map)) {
        struct selfsame_bytes key = cbor_get_text(&c);

        if (bytes_eq(key, BYTES_LIT("certificate"))) {
            leaf = cbor_get_bytes(&c);
        } else if (bytes_eq(key, BYTES_LIT("cabundle"))) {
            struct cbor_seq list = cbor_get_array(&c);

            while (cbor_more(&c, &list) && d->count < CERTS - 1)
                d->cert[d->count++] = cbor_get_bytes(&c);
        } else {
            (void)cbor_get_any(&c);
        }
    }
    NEED(cbor_done(&c) && leaf.ptr != NULL);
    d->cert[d->count++] = leaf;
}

static void
make_documents(struct document *d, struct arena *arena)
{
    const struct tee_simulator *sim = tee_simulator_find("nitro");
    struct sim_pki *pki;
    struct selfsame_err e;
    uint8_t pcr[3][48];
    struct claim measured[3];
    const char *const names[] = { "pcr.0", "pcr.1", "pcr.2" };
    int64_t start = 1790000000000;

    for (size_t i = 0; i < 3; i++) {
        memset(pcr[i], (int)i + 1, sizeof(pcr[i]));
        measured[i] = (struct claim){
            .path = names[i], .kind = CLAIM_BYTES, .bytes = BYTES_ARR(pcr[i])
        };
    }
    NEED(sim != NULL && sim->pki(BYTES_NONE, start, &pki, &e) == SELFSAME_OK);
    for (size_t i = 0; i < LEAVES; i++) {
        struct sim_quote_request q = {
            .now_ms = start + (int64_t)i * three_hours_ms,
            .subject.measured = measured,
            .subject.measured_count = 3,
            .nonce = BYTES_LIT("0123456789abcdef0123456789abcdef"),
        };

        d[i].at_ms = q.now_ms;
        struct tee_collected made = { .evidence = BYTES_NONE };
        NEED(sim->quote(pki, &q, arena, &made, &e) == SELFSAME_OK);
        d[i].bytes = made.evidence;
        collect_certificates(&d[i]);
    }
    sim->pki_free(pki);
}

static struct selfsame_policy *
make_policy(void)
{
    struct selfsame_policy *p;
    struct selfsame_err e;

    NEED(selfsame_policy_new(&p, &e) == SELFSAME_OK);
    NEED(selfsame_policy_accept_tee(p, "nitro", &e) == SELFSAME_OK);
    selfsame_policy_require_nonce(p);
    selfsame_policy_insecure_any_measurement(p);
    selfsame_policy_insecure_unbound(p);
    selfsame_policy_insecure_simulated(p);
    return p;
}

static void
verify_one(struct selfsame_verifier *v, const struct selfsame_policy *p,
    const struct document *d)
{
    struct selfsame_request *q;
    struct selfsame_result *r = NULL;
    struct selfsame_err e;

    NEED(selfsame_request_new(&q, &e) == SELFSAME_OK);
    selfsame_request_set_time(q, d->at_ms);
    selfsame_request_set_nonce(q, BYTES_LIT("0123456789abcdef0123456789abcdef"));
    NEED(selfsame_verify(v, p, q, d->bytes, &r, &e) == SELFSAME_OK);
    selfsame_result_free(r);
    selfsame_request_free(q);
}

static struct selfsame_verifier *
make_verifier(size_t cache)
{
    struct selfsame_verifier *v;
    struct selfsame_err e;

    NEED(selfsame_verifier_new(&v, &e) == SELFSAME_OK);
    NEED(selfsame_verifier_set_cache(v, cache, &e) == SELFSAME_OK);
    return v;
}

static double
ours_cold(const struct document *d, const struct selfsame_policy *p)
{
    struct selfsame_verifier *v = make_verifier(0);
    double t = processor_us();

    for (size_t i = 0; i < LEAVES; i++)
        verify_one(v, p, &d[i]);
    t = (processor_us() - t) / (int)LEAVES;
    selfsame_verifier_free(v);
    return t;
}

/* Chain known from another document, leaf never seen: a fresh cache per document. */
static double
ours_new_leaf(const struct document *d, const struct selfsame_policy *p)
{
    double sum = 0;

    for (size_t i = 1; i < LEAVES; i++) {
        struct selfsame_verifier *v = make_verifier(64);

        verify_one(v, p, &d[0]);
        double t = processor_us();
        verify_one(v, p, &d[i]);
        sum += processor_us() - t;
        selfsame_verifier_free(v);
    }
    return sum / (LEAVES - 1);
}

static double
ours_known_leaf(const struct document *d, const struct selfsame_policy *p)
{
    struct selfsame_verifier *v = make_verifier(64);

    for (size_t i = 0; i < LEAVES; i++)
        verify_one(v, p, &d[i]);
    double t = processor_us();
    for (size_t i = 0; i < LEAVES; i++)
        verify_one(v, p, &d[i]);
    t = (processor_us() - t) / (int)LEAVES;
    selfsame_verifier_free(v);
    return t;
}

/* COSE signature r||s as the DER that OpenSSL wants. */
static int
der_signature(struct selfsame_bytes raw, unsigned char **ret)
{
    ECDSA_SIG *sig = ECDSA_SIG_new();

    NEED(sig != NULL && raw.len == 96);
    NEED(ECDSA_SIG_set0(
        sig, BN_bin2bn(raw.ptr, 48, NULL), BN_bin2bn(raw.ptr + 48, 48, NULL)));
    *ret = NULL;
    int n = i2d_ECDSA_SIG(sig, ret);
    ECDSA_SIG_free(sig);
    NEED(n > 0);
    return n;
}

static void
naive_one(const struct document *d)
{
    X509_STORE *store = X509_STORE_new();
    X509_STORE_CTX *ctx = X509_STORE_CTX_new();
    STACK_OF(X509) *untrusted = sk_X509_new_null();
    X509 *cert[CERTS];
    struct cose_sign1 s;
    struct cose_tbs tbs;
    struct selfsame_err e;
    unsigned char *sig;

    for (size_t i = 0; i < d->count; i++) {
        const unsigned char *p = d->cert[i].ptr;

        cert[i] = d2i_X509(NULL, &p, (long)d->cert[i].len);
        NEED(cert[i] != NULL);
        if (i > 0 && i + 1 < d->count)
            NEED(sk_X509_push(untrusted, cert[i]) > 0);
    }
    NEED(X509_STORE_add_cert(store, cert[0]) == 1);
    NEED(X509_STORE_CTX_init(ctx, store, cert[d->count - 1], untrusted) == 1);
    X509_VERIFY_PARAM_set_time(
        X509_STORE_CTX_get0_param(ctx), (time_t)(d->at_ms / 1000));
    NEED(X509_verify_cert(ctx) == 1);
    NEED(cose_sign1_parse(d->bytes, &s, &e) == SELFSAME_OK);
    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    int n = der_signature(s.signature, &sig);
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    NEED(EVP_DigestVerifyInit(
             md, NULL, EVP_sha384(), NULL, X509_get0_pubkey(cert[d->count - 1])) == 1);
    for (size_t i = 0; i < tbs.count; i++)
        NEED(EVP_DigestVerifyUpdate(md, tbs.part[i].ptr, tbs.part[i].len) == 1);
    NEED(EVP_DigestVerifyFinal(md, sig, (size_t)n) == 1);
    EVP_MD_CTX_free(md);
    OPENSSL_free(sig);
    sk_X509_free(untrusted);
    for (size_t i = 0; i < d->count; i++)
        X509_free(cert[i]);
    X509_STORE_CTX_free(ctx);
    X509_STORE_free(store);
}

static double
naive(const struct document *d)
{
    double t = processor_us();

    for (size_t i = 0; i < LEAVES; i++)
        naive_one(&d[i]);
    return (processor_us() - t) / (int)LEAVES;
}

/* One P-384 verification by OpenSSL with everything parsed before. */
static double
bare_one(const struct document *d)
{
    enum { TIMES = 20 };
    const unsigned char *p = d->cert[d->count - 1].ptr;
    X509 *leaf = d2i_X509(NULL, &p, (long)d->cert[d->count - 1].len);
    struct cose_sign1 s;
    struct cose_tbs tbs;
    struct selfsame_err e;
    unsigned char *sig;
    uint8_t digest[HASH_MAX];

    NEED(cose_sign1_parse(d->bytes, &s, &e) == SELFSAME_OK);
    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    NEED(hash_parts(HASH_SHA384, tbs.part, tbs.count, digest));
    int n = der_signature(s.signature, &sig);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(X509_get0_pubkey(leaf), NULL);
    NEED(EVP_PKEY_verify_init(ctx) == 1);
    double t = processor_us();
    for (int i = 0; i < TIMES; i++)
        NEED(EVP_PKEY_verify(ctx, sig, (size_t)n, digest, 48) == 1);
    t = (processor_us() - t) / (int)TIMES;
    EVP_PKEY_CTX_free(ctx);
    OPENSSL_free(sig);
    X509_free(leaf);
    return t;
}

static void
row(const char *what, double us, double bare, unsigned count, double naive_us,
    double aim)
{
    (void)printf("  %-34s %8.0f/s %8.0f us   %5.2f x bare(%u)   %5.2f x naive   (aim "
                 "%.1f x naive)\n",
        what, 1e6 / us, us, bare * count / us, count, naive_us / us, aim);
}

int
main(void)
{
    static struct document d[LEAVES];
    double cold[ROUNDS], fresh[ROUNDS], known[ROUNDS], slow[ROUNDS], bare[ROUNDS];
    auto_arena arena = arena_new(1 << 20);
    struct selfsame_policy *p = make_policy();

    make_documents(d, &arena);
    for (size_t i = 0; i < ROUNDS; i++) {
        bare[i] = bare_one(&d[0]);
        cold[i] = ours_cold(d, p);
        slow[i] = naive(d);
        fresh[i] = ours_new_leaf(d, p);
        known[i] = ours_known_leaf(d, p);
    }
    double b = median(bare, ROUNDS), n = median(slow, ROUNDS);
    (void)printf("Nitro documents, one core, %zu-byte document, %zu certificates\n",
        d[0].bytes.len, d[0].count);
    (void)printf(
        "  %-34s %8.0f/s %8.0f us\n", "bare OpenSSL P-384 verification", 1e6 / b, b);
    (void)printf(
        "  %-34s %8.0f/s %8.0f us\n", "naive d2i + X509_verify_cert", 1e6 / n, n);
    row("selfsame, cold", median(cold, ROUNDS), b, 5, n, 2);
    row("selfsame, cached chain, new leaf", median(fresh, ROUNDS), b, 2, n, 4.5);
    row("selfsame, known leaf", median(known, ROUNDS), b, 1, n, 9);
    selfsame_policy_free(p);
    return 0;
}
