/* SPDX-License-Identifier: Apache-2.0 */
/*
 * SEV-SNP reports per second on one core, as ratios measured in the same run to the
 * bare cryptography: cold, three RSA-4096 by OpenSSL (VCEK, ASK, CRL) and one P-384 by
 * nettle; with cached certificates one P-384; of a chip not seen before below a chain
 * that is cached one RSA-4096 and one P-384. Keys are parsed before in all.
 * Rounds are interleaved; each figure is the median round.
 */
#define WORLD_RSA_BITS 4096
#include "../tests/tee_snp.h"
#include "bench.h"

enum { TIMES = 40, ROUNDS = 9 };

/* The signature of one certificate, verified by OpenSSL, everything parsed before. */
static double
bare_rsa(const struct world *w)
{
    struct selfsame_err e = { 0 };
    struct cert vcek, ask;
    struct sig_check check;
    uint8_t store[256];

    assert_code(cert_parse(w->vcek, &vcek, &e), SELFSAME_OK, &e);
    assert_code(cert_parse(w->ask, &ask, &e), SELFSAME_OK, &e);
    assert_code(cert_sig_check(&vcek, &ask, store, &check, &e), SELFSAME_OK, &e);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(w->ask_key, NULL);
    assert_int_equal(EVP_PKEY_verify_init(ctx), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_PSS_PADDING), 1);
    assert_int_equal(EVP_PKEY_CTX_set_signature_md(ctx, EVP_sha384()), 1);
    assert_int_equal(EVP_PKEY_CTX_set_rsa_pss_saltlen(ctx, RSA_PSS_SALTLEN_DIGEST), 1);
    double t = processor_us();
    for (int i = 0; i < TIMES; i++)
        assert_int_equal(EVP_PKEY_verify(ctx, check.signature.ptr, check.signature.len,
                             check.digest.ptr, check.digest.len),
            1);
    t = (processor_us() - t) / TIMES;
    EVP_PKEY_CTX_free(ctx);
    return t;
}

static double
bare_p384(const struct world *w)
{
    struct selfsame_err e = { 0 };
    struct cert vcek;
    uint8_t digest[HASH_MAX], signature[96];
    struct selfsame_bytes sig = BYTES(w->report + SNP_SIGNED_SIZE, 512);

    assert_code(cert_parse(w->vcek, &vcek, &e), SELFSAME_OK, &e);
    assert_code(snp_signature(sig, signature, &e), SELFSAME_OK, &e);
    assert_true(hash_bytes(HASH_SHA384, BYTES(w->report, SNP_SIGNED_SIZE), digest));
    const struct sig_check check = { .alg = SIG_P384,
        .hash = HASH_SHA384,
        .key = vcek.key,
        .digest = BYTES(digest, 48),
        .signature = BYTES_ARR(signature) };
    double t = processor_us();
    for (int i = 0; i < TIMES; i++)
        assert_code(sig_nettle.verify(&check, &e), SELFSAME_OK, &e);
    return (processor_us() - t) / TIMES;
}

/* With the first of the VCEKs always, or another one each time. */
static double
ours(const struct world *w, const struct selfsame_bytes *vcek, bool each,
    struct cert_cache *cache)
{
    const struct tee_anchor anchor = { .tee = "snp", .der = w->ark };
    struct selfsame_bytes along[] = { vcek[0], w->ask, w->crl };
    const struct tee_trust trust = { .now_s = WORLD_NOW,
        .anchors = &anchor,
        .anchor_count = 1,
        .any_anchor = true,
        .collateral = along,
        .collateral_count = COUNT(along),
        .cache = cache };
    double t = processor_us();

    for (int i = 0; i < TIMES; i++) {
        along[0] = vcek[each ? i : 0];
        auto_arena arena = arena_new(1 << 20);
        struct checks checks = { 0 };
        struct selfsame_claims claims;
        struct selfsame_err e = { 0 };

        assert_code(snp_verifier.verify(
                        BYTES_ARR(w->report), &trust, &arena, &checks, &claims, &e),
            SELFSAME_OK, &e);
    }
    return (processor_us() - t) / TIMES;
}

/* Certificates of the chip that differ in their serial numbers. */
static void
make_vceks(struct world *w, struct selfsame_bytes ret[static TIMES])
{
    struct amd_spec vcek = { .cn = "SEV-VCEK", .extensions = { SPLS, "4=" HWID_04 } };

    for (int i = 0; i < TIMES; i++) {
        vcek.serial = 1000 + i;
        ret[i] = make_cert(w, &vcek, w->leaf_key, "SEV-Milan", w->ask_key);
    }
}

/* The cache knows the chain and has not seen these. */
static double
of_new_chips(const struct world *w, const struct selfsame_bytes *vceks)
{
    struct cert_cache *cache = cert_cache_new(64);

    (void)ours(w, &w->vcek, false, cache);
    double t = ours(w, vceks, true, cache);
    cert_cache_free(cache);
    return t;
}

int
main(void)
{
    double rsa[ROUNDS], p384[ROUNDS], cold[ROUNDS], known[ROUNDS], new[ROUNDS];
    struct cert_cache *cache = cert_cache_new(64);
    struct selfsame_bytes vceks[TIMES];
    void *state = NULL;

    (void)world_set_up(&state);
    make_vceks(state, vceks);
    const struct selfsame_bytes *vcek = &((struct world *)state)->vcek;
    (void)ours(state, vcek, false, cache);
    for (size_t i = 0; i < ROUNDS; i++) {
        rsa[i] = bare_rsa(state);
        cold[i] = ours(state, vcek, false, NULL);
        p384[i] = bare_p384(state);
        known[i] = ours(state, vcek, false, cache);
        new[i] = of_new_chips(state, vceks);
    }
    double r = median(rsa, ROUNDS), p = median(p384, ROUNDS), c = median(cold, ROUNDS),
           k = median(known, ROUNDS);
    double n = median(new, ROUNDS);
    (void)printf("\nSEV-SNP reports, one core, with VCEK, ASK and CRL\n");
    (void)printf("  %-34s %8.0f/s %8.0f us\n", "bare RSA-4096 (OpenSSL)", 1e6 / r, r);
    (void)printf("  %-34s %8.0f/s %8.0f us\n", "bare P-384 (nettle)", 1e6 / p, p);
    (void)printf(
        "  %-34s %8.0f/s %8.0f us   %5.2f of bare (3 RSA + P-384)   (aim 0.9)\n",
        "selfsame, cold", 1e6 / c, c, (3 * r + p) / c);
    (void)printf("  %-34s %8.0f/s %8.0f us   %5.2f of bare (RSA + P-384)   (aim 0.9)\n",
        "selfsame, known chain, new VCEK", 1e6 / n, n, (r + p) / n);
    (void)printf("  %-34s %8.0f/s %8.0f us   %5.2f of bare (P-384)   (aim 0.9)\n",
        "selfsame, known certificates", 1e6 / k, k, p / k);
    (void)world_tear_down(&state);
    cert_cache_free(cache);
    return 0;
}
