/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/envelope.h"

/*
 * RFC 9180 base mode. Names of labels and the order of what is hashed are those of §4
 * and §5.1; libcrypto has HPKE from 3.2 on alone.
 */
static const uint8_t kem_suite[] = { 'K', 'E', 'M', 0x00, 0x20 };
struct suite {
    uint8_t id[10]; /* "HPKE" || kem || kdf || aead */
};

static struct suite
suite_of(enum hpke_aead aead)
{
    struct suite s = { { 'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x00 } };

    s.id[9] = (uint8_t)aead;
    return s;
}

static bool
labeled_extract(struct selfsame_bytes suite, struct selfsame_bytes salt,
    const char *label, struct selfsame_bytes ikm, uint8_t ret[static HKDF_PRK])
{
    const struct selfsame_bytes part[] = { BYTES_LIT("HPKE-v1"), suite,
        bytes_str(label), ikm };

    return hkdf_extract(salt, part, COUNT(part), ret);
}

static bool
labeled_expand(struct selfsame_bytes suite, const uint8_t prk[static HKDF_PRK],
    const char *label, struct selfsame_bytes info, uint8_t *ret, size_t len)
{
    const uint8_t size[2] = { (uint8_t)(len >> 8), (uint8_t)len };
    const struct selfsame_bytes part[] = { BYTES_ARR(size), BYTES_LIT("HPKE-v1"), suite,
        bytes_str(label), info };

    return hkdf_expand(prk, part, COUNT(part), ret, len);
}

/* ExtractAndExpand of §4.1: kem_context = enc || pkR */
static bool
kem_shared(struct selfsame_bytes dh, struct selfsame_bytes enc,
    struct selfsame_bytes to, uint8_t ret[static 32])
{
    const struct selfsame_bytes suite = BYTES_ARR(kem_suite);
    uint8_t prk[HKDF_PRK], context[2 * HPKE_ENC];

    memcpy(context, enc.ptr, HPKE_ENC);
    memcpy(context + HPKE_ENC, to.ptr, HPKE_ENC);
    bool ok = labeled_extract(suite, BYTES_NONE, "eae_prk", dh, prk) &&
              labeled_expand(suite, prk, "shared_secret", BYTES_ARR(context), ret, 32);
    secret_wipe(prk, sizeof(prk));
    return ok;
}

/* KeySchedule of §5.1, mode 0, no PSK. */
static bool
schedule(enum hpke_aead aead, const uint8_t shared[static 32],
    struct selfsame_bytes info, struct hpke *ret)
{
    const struct suite s = suite_of(aead);
    const struct selfsame_bytes suite = BYTES_ARR(s.id), none = BYTES_NONE;
    uint8_t context[1 + 2 * HKDF_PRK] = { 0 }, secret[HKDF_PRK];
    struct hpke h = { .aead = aead };
    const struct selfsame_bytes about = BYTES_ARR(context);

    bool ok = labeled_extract(suite, none, "psk_id_hash", none, context + 1) &&
              labeled_extract(suite, none, "info_hash", info, context + 1 + HKDF_PRK) &&
              labeled_extract(suite, BYTES(shared, 32), "secret", none, secret) &&
              labeled_expand(suite, secret, "key", about, h.key,
                  aead == HPKE_AES128_GCM ? 16 : 32) &&
              labeled_expand(
                  suite, secret, "base_nonce", about, h.base_nonce, AEAD_NONCE) &&
              labeled_expand(suite, secret, "exp", about, h.exporter, 32);
    if (ok)
        *ret = h;
    secret_wipe(secret, sizeof(secret));
    hpke_wipe(&h);
    return ok;
}

static enum selfsame_code
begin(enum hpke_aead aead, const struct agree_key *own, struct selfsame_bytes peer,
    struct selfsame_bytes enc, struct selfsame_bytes to, struct selfsame_bytes info,
    struct hpke *ret, struct selfsame_err *e)
{
    uint8_t dh[AGREE_SECRET], shared[32];
    size_t len = 0;

    if (aead != HPKE_AES128_GCM && aead != HPKE_AES256_GCM)
        FAIL(e, SELFSAME_UNSUPPORTED, "HPKE: expected AEAD 1 or 2, got %d", (int)aead);
    if (agree_alg_of(own) != AGREE_X25519)
        FAIL(e, SELFSAME_UNSUPPORTED, "HPKE: expected an X25519 key, got another");
    TRY_WHILE(e, agree_secret(own, peer, dh, &len, e), "HPKE");
    bool ok = kem_shared(BYTES(dh, len), enc, to, shared) &&
              schedule(aead, shared, info, ret);
    secret_wipe(dh, sizeof(dh));
    secret_wipe(shared, sizeof(shared));
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "HPKE: out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
hpke_send(enum hpke_aead aead, struct selfsame_bytes to, struct selfsame_bytes info,
    const struct agree_key *ephemeral, uint8_t ret_enc[static HPKE_ENC],
    struct hpke *ret, struct selfsame_err *e)
{
    auto_agree_key *fresh = NULL;
    struct hpke h;

    if (to.len != HPKE_ENC)
        FAIL(e, SELFSAME_MALFORMED,
            "HPKE: expected an X25519 public key of 32 bytes, got %zu", to.len);
    if (ephemeral == NULL) {
        TRY_WHILE(e, agree_generate(AGREE_X25519, &fresh, e), "HPKE");
        ephemeral = fresh;
    }
    struct selfsame_bytes enc = agree_public(ephemeral);
    TRY(begin(aead, ephemeral, to, enc, to, info, &h, e));
    memcpy(ret_enc, enc.ptr, HPKE_ENC);
    *ret = h;
    hpke_wipe(&h);
    return SELFSAME_OK;
}

enum selfsame_code
hpke_receive(enum hpke_aead aead, const struct agree_key *own,
    struct selfsame_bytes enc, struct selfsame_bytes info, struct hpke *ret,
    struct selfsame_err *e)
{
    if (enc.len != HPKE_ENC)
        FAIL(e, SELFSAME_MALFORMED, "HPKE: expected `enc` of 32 bytes, got %zu",
            enc.len);
    return begin(aead, own, enc, enc, agree_public(own), info, ret, e);
}

/* base_nonce XOR the number of the message, which is counted on. */
static struct aead
message(struct hpke *h, struct selfsame_bytes aad, uint8_t nonce[static AEAD_NONCE])
{
    struct writer w = writer_of(nonce, AEAD_NONCE);

    put_zeros(&w, AEAD_NONCE - 8);
    put_be64(&w, h->next);
    for (size_t i = 0; i < AEAD_NONCE; i++)
        nonce[i] ^= h->base_nonce[i];
    return (struct aead){
        .key = BYTES(h->key, h->aead == HPKE_AES128_GCM ? 16 : 32),
        .nonce = BYTES(nonce, AEAD_NONCE),
        .aad = aad,
    };
}

/* §5.2: a context ends before a nonce comes again. */
static enum selfsame_code
check_count(const struct hpke *h, struct selfsame_err *e)
{
    if (h->next == UINT64_MAX)
        FAIL(e, SELFSAME_USAGE, "HPKE: this context has no messages left");
    return SELFSAME_OK;
}

enum selfsame_code
hpke_seal(struct hpke *h, struct selfsame_bytes aad, struct selfsame_bytes plain,
    uint8_t *ret, struct selfsame_err *e)
{
    uint8_t nonce[AEAD_NONCE];

    TRY(check_count(h, e));
    const struct aead a = message(h, aad, nonce);
    TRY_WHILE(e, aead_seal(&a, plain, ret, e), "HPKE");
    h->next++;
    return SELFSAME_OK;
}

enum selfsame_code
hpke_open(struct hpke *h, struct selfsame_bytes aad, struct selfsame_bytes sealed,
    uint8_t *ret, struct selfsame_err *e)
{
    uint8_t nonce[AEAD_NONCE];

    TRY(check_count(h, e));
    const struct aead a = message(h, aad, nonce);
    TRY_WHILE(e, aead_open(&a, sealed, ret, e), "HPKE");
    h->next++;
    return SELFSAME_OK;
}

enum selfsame_code
hpke_export(const struct hpke *h, struct selfsame_bytes context, uint8_t *ret,
    size_t len, struct selfsame_err *e)
{
    const struct suite s = suite_of(h->aead);

    if (len > HPKE_EXPORT_MAX)
        FAIL(e, SELFSAME_USAGE, "HPKE: expected at most %d bytes to export, got %zu",
            (int)HPKE_EXPORT_MAX, len);
    if (!labeled_expand(BYTES_ARR(s.id), h->exporter, "sec", context, ret, len))
        FAIL(e, SELFSAME_NOMEM, "HPKE: out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
hpke_derive(struct selfsame_bytes ikm, struct agree_key **ret, struct selfsame_err *e)
{
    const struct selfsame_bytes suite = BYTES_ARR(kem_suite);
    uint8_t prk[HKDF_PRK], sk[32];

    if (ikm.len < 32)
        FAIL(e, SELFSAME_USAGE, "HPKE: expected at least 32 bytes to derive from");
    bool ok = labeled_extract(suite, BYTES_NONE, "dkp_prk", ikm, prk) &&
              labeled_expand(suite, prk, "sk", BYTES_NONE, sk, sizeof(sk));
    enum selfsame_code code = ok ? agree_from_private(
                                       AGREE_X25519, BYTES_ARR(sk), ret, e)
                                 : SELFSAME_NOMEM;
    secret_wipe(prk, sizeof(prk));
    secret_wipe(sk, sizeof(sk));
    if (!ok)
        FAIL(e, SELFSAME_NOMEM, "HPKE: out of memory");
    return code;
}

void
hpke_wipe(struct hpke *h)
{
    secret_wipe(h, sizeof(*h));
}
