/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/nitro/image_signature.h"

#include "codec/cbor.h"
#include "codec/der.h"
#include "codec/pem.h"
#include "image/eif.h"

/* OID content bytes: SEC 1 §C.3 and SEC 2 §A.2. */
static const uint8_t oid_ec[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01 };
static const uint8_t oid_p256[] = { 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07 };
static const uint8_t oid_p384[] = { 0x2b, 0x81, 0x04, 0x00, 0x22 };
static const uint8_t oid_p521[] = { 0x2b, 0x81, 0x04, 0x00, 0x23 };

/* Which algorithm goes with which key: aws-nitro-enclaves-cose src/crypto. */
static const struct scheme {
    struct selfsame_bytes curve;
    size_t key_size; /* X||Y */
    int64_t alg;
    enum sig_alg sig;
    enum hash_alg hash;
} schemes[] = {
    { { oid_p256, sizeof(oid_p256) }, 64, COSE_ES256, SIG_P256, HASH_SHA256 },
    { { oid_p384, sizeof(oid_p384) }, 96, COSE_ES384, SIG_P384, HASH_SHA384 },
    { { oid_p521, sizeof(oid_p521) }, 132, COSE_ES512, SIG_P521, HASH_SHA512 },
};

/*
 * Only the key is wanted: image signers make certificates by hand, v1 ones too,
 * which the profile of cert_parse() refuses. Nothing else of it is believed.
 */
static enum selfsame_code
read_key(struct selfsame_bytes certificate, const struct scheme **ret,
    struct selfsame_bytes *ret_key, struct selfsame_err *e)
{
    struct der top = der_of(certificate);
    struct der cert = der_enter(&top, DER_SEQUENCE);
    struct der tbs = der_enter(&cert, DER_SEQUENCE);

    if (der_is(&tbs, DER_CONTEXT(0)))
        (void)der_get(&tbs, DER_CONTEXT(0)); /* version */
    (void)der_get(&tbs, DER_INTEGER);        /* serialNumber */
    for (unsigned i = 0; i < 4; i++)         /* signature, issuer, validity, subject */
        (void)der_get(&tbs, DER_SEQUENCE);
    struct der spki = der_enter(&tbs, DER_SEQUENCE);
    struct der alg = der_enter(&spki, DER_SEQUENCE);
    struct selfsame_bytes type = der_get(&alg, DER_OID);
    struct selfsame_bytes curve = BYTES_NONE;
    if (bytes_cmp(type, BYTES_ARR(oid_ec)) == 0)
        curve = der_get(&alg, DER_OID);
    struct selfsame_bytes point = der_get_bits(&spki);
    if (type.len == 0 || point.len == 0 || !der_done(&top))
        FAIL(e, SELFSAME_MALFORMED,
            "image signature: signing_certificate is not an X.509 certificate");
    for (size_t i = 0; i < COUNT(schemes); i++) {
        if (bytes_cmp(curve, schemes[i].curve) != 0)
            continue;
        if (point.len != schemes[i].key_size + 1 || point.ptr[0] != 4)
            FAIL(e, SELFSAME_MALFORMED,
                "image signature: expected an uncompressed point of %zu bytes, got %zu",
                schemes[i].key_size + 1, point.len);
        *ret = &schemes[i];
        *ret_key = BYTES(point.ptr + 1, point.len - 1);
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_UNSUPPORTED,
        "image signature: expected a P-256, P-384 or P-521 key, got another");
}

/* {"register_index": 0, "register_value": [48 integers]}: image-format src/utils. */
static struct selfsame_bytes
expected_payload(
    const uint8_t pcr0[static NITRO_PCR_SIZE], uint8_t *store, size_t store_size)
{
    struct writer w = writer_of(store, store_size);

    cbor_put_map(&w, 2);
    cbor_put_str(&w, "register_index");
    cbor_put_uint(&w, 0);
    cbor_put_str(&w, "register_value");
    cbor_put_array(&w, NITRO_PCR_SIZE);
    for (size_t i = 0; i < NITRO_PCR_SIZE; i++)
        cbor_put_uint(&w, pcr0[i]);
    return writer_bytes(&w);
}

static enum selfsame_code
check_signature(const struct cose_sign1 *s, const struct scheme *scheme,
    struct selfsame_bytes key, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct cose_tbs tbs;

    if (!s->has_alg || s->alg != scheme->alg)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "image signature: expected alg %lld as the certificate's key, got %lld",
            (long long)scheme->alg, s->has_alg ? (long long)s->alg : 0LL);
    cose_sign1_tbs(s, BYTES_NONE, &tbs);
    if (!hash_parts(scheme->hash, tbs.part, tbs.count, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    struct sig_check check = {
        .alg = scheme->sig,
        .hash = scheme->hash,
        .key = key,
        .digest = BYTES(digest, hash_size(scheme->hash)),
        .signature = s->signature,
    };
    TRY_WHILE(e, sig_verify(&check, e), "the image's signature section");
    return SELFSAME_OK;
}

enum selfsame_code
nitro_image_signature(struct selfsame_bytes section,
    const uint8_t pcr0[static NITRO_PCR_SIZE], struct arena *arena,
    uint8_t ret_pcr8[static NITRO_PCR_SIZE], struct selfsame_err *e)
{
    struct eif_signature sig;
    struct selfsame_bytes der, key = BYTES_NONE;
    struct cose_sign1 cose;
    const struct scheme *scheme = NULL;
    uint8_t store[256], digest[HASH_MAX], pcr8[NITRO_PCR_SIZE] = { 0 };

    TRY(eif_signature_parse(section, arena, &sig, e));
    struct selfsame_bytes pem = sig.certificate_pem;
    TRY(pem_next(&pem, "CERTIFICATE", arena, &der, e));
    if (der.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "image signature: expected a PEM certificate as signing_certificate");
    TRY(read_key(der, &scheme, &key, e));
    TRY_WHILE(e, cose_sign1_parse(sig.cose, &cose, e), "the image's signature section");
    TRY(check_signature(&cose, scheme, key, e));
    if (bytes_cmp(cose.payload, expected_payload(pcr0, store, sizeof(store))) != 0)
        FAIL(e, SELFSAME_MISMATCH,
            "image signature: expected it over PCR0 of this image, got another "
            "payload");
    if (!hash_bytes(HASH_SHA384, der, digest) ||
        !nitro_pcr_extend(pcr8, BYTES(digest, NITRO_PCR_SIZE)))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    memcpy(ret_pcr8, pcr8, sizeof(pcr8));
    return SELFSAME_OK;
}
