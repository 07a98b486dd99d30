/* SPDX-License-Identifier: Apache-2.0 */
#ifndef SELFSAME_TEST_RATLS_H
#define SELFSAME_TEST_RATLS_H

/* Certificates with evidence as others make them: every form, and every mistake on request. */
#include "test.h"

#include "appraise/appraise.h"
#include "appraise/ratls.h"
#include "codec/cbor.h"
#include "codec/pem.h"
#include "crypto/crypto.h"

#define RATLS_OE_REPORT_OLD BYTES_LIT("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x01")
#define RATLS_OE_REPORT_NEW BYTES_LIT("\x2b\x06\x01\x04\x01\x82\x37\x69\x01")
#define RATLS_OE_EVIDENCE_OLD BYTES_LIT("\x2a\x86\x48\x86\xf7\x14\x0a\x01\x02")
#define RATLS_OE_EVIDENCE_NEW BYTES_LIT("\x2b\x06\x01\x04\x01\x82\x37\x69\x02")
#define RATLS_OID_DSTACK BYTES_LIT("\x2b\x06\x01\x04\x01\x83\xe7\x3d\x01\x01")
#define RATLS_OID_GRAMINE BYTES_LIT("\x06\x09\x2a\x86\x48\x86\xf8\x4d\x8a\x39\x06")
#define RATLS_OID_INTEL BYTES_LIT("\x2a\x86\x48\x86\xf8\x4d\x01\x0d\x01")

struct maker {
    struct key *key, *other; /* the certificate's, and somebody else's */
    struct selfsame_bytes spki, other_spki;
    struct arena arena;
};

static inline void
maker_start(struct maker *m, enum key_type type)
{
    struct selfsame_err e = { 0 };

    *m = (struct maker){ .arena = arena_new(64 << 20) };
    assert_code(key_generate(type, &m->key, &e), SELFSAME_OK, &e);
    assert_code(key_generate(type, &m->other, &e), SELFSAME_OK, &e);
    assert_code(key_spki(m->key, &m->arena, &m->spki, &e), SELFSAME_OK, &e);
    assert_code(key_spki(m->other, &m->arena, &m->other_spki, &e), SELFSAME_OK, &e);
}

static inline void
maker_stop(struct maker *m)
{
    key_free(&m->key);
    key_free(&m->other);
    arena_free(&m->arena);
}

static inline struct selfsame_bytes
maker_room(struct maker *m, struct writer *w, size_t size)
{
    uint8_t *buf = arena_alloc(&m->arena, 1, size);

    assert_non_null(buf);
    *w = writer_of(buf, size);
    return BYTES(buf, size);
}

/* Self-signed, with these extensions. */
static inline struct selfsame_bytes
maker_cert(struct maker *m, const struct cert_extension *list, size_t count)
{
    const struct cert_request r = { .common_name = "RATLS",
        .not_before = 978307200,
        .not_after = 1925078399,
        .path_len = -1,
        .extensions = list,
        .extension_count = count };
    struct selfsame_err e = { 0 };
    struct selfsame_bytes der;

    assert_code(cert_make(&r, m->key, BYTES_NONE, m->key, &m->arena, &der, &e),
        SELFSAME_OK, &e);
    return der;
}

static inline struct selfsame_bytes
maker_cert_one(struct maker *m, struct selfsame_bytes oid, struct selfsame_bytes value)
{
    const struct cert_extension x = { .oid = oid, .value = value };

    return maker_cert(m, &x, 1);
}

/* ---- DICE ---- */

struct claims_spec {
    struct selfsame_bytes spki;  /* absent: no pubkey-hash */
    uint64_t alg;                /* 0: 1 */
    struct selfsame_bytes nonce; /* absent: none */
    bool more;                   /* claims that nobody knows, before and behind */
    size_t short_by;             /* bytes cut off the hash */
};

static inline struct selfsame_bytes
maker_claims(struct maker *m, const struct claims_spec *c)
{
    const uint64_t alg = c->alg > 0 ? c->alg : 1;
    const enum hash_alg hash = alg == 7   ? HASH_SHA384
                               : alg == 8 ? HASH_SHA512
                                          : HASH_SHA256;
    uint8_t digest[HASH_MAX], entry[80];
    struct writer in = writer_of(entry, sizeof(entry)), w;

    (void)maker_room(m, &w, 512);
    assert_true(hash_bytes(hash, c->spki, digest));
    cbor_put_array(&in, 2);
    cbor_put_uint(&in, alg);
    cbor_put_bytes(&in, BYTES(digest, hash_size(hash) - c->short_by));
    const int pairs = (c->spki.ptr != NULL) + (c->nonce.ptr != NULL) + 2 * c->more;
    cbor_put_map(&w, (uint64_t)pairs);
    if (c->more) {
        cbor_put_str(&w, "a");
        cbor_put_array(&w, 1);
        cbor_put_int(&w, -7);
    }
    if (c->nonce.ptr != NULL) {
        cbor_put_str(&w, "nonce");
        cbor_put_bytes(&w, c->nonce);
    }
    if (c->spki.ptr != NULL) {
        cbor_put_str(&w, "pubkey-hash");
        cbor_put_bytes(&w, writer_bytes(&in));
    }
    if (c->more) {
        cbor_put_uint(&w, 4);
        cbor_put_bytes(&w, BYTES_LIT("value"));
    }
    assert_false(w.bad);
    return writer_bytes(&w);
}

static inline struct selfsame_bytes
maker_dice(struct maker *m, uint64_t tag, struct selfsame_bytes quote,
    struct selfsame_bytes claims)
{
    struct writer w;

    (void)maker_room(m, &w, quote.len + claims.len + 64);
    cbor_put_tag(&w, tag);
    cbor_put_array(&w, 2);
    cbor_put_bytes(&w, quote);
    cbor_put_bytes(&w, claims);
    assert_false(w.bad);
    return writer_bytes(&w);
}

/* SHA-256 of it and 32 zero bytes. */
static inline struct selfsame_bytes
maker_sha256_data(struct maker *m, struct selfsame_bytes b)
{
    struct writer w;
    uint8_t digest[HASH_MAX];

    struct selfsame_bytes ret = maker_room(m, &w, 64);
    assert_true(hash_bytes(HASH_SHA256, b, digest));
    put_bytes(&w, BYTES(digest, 32));
    return ret;
}

/* ---- Open Enclave ---- */

static inline struct selfsame_bytes
maker_pem(struct maker *m, struct selfsame_bytes spki)
{
    const char *pem = pem_encode("PUBLIC KEY", spki, &m->arena);

    assert_non_null(pem);
    return BYTES((const uint8_t *)pem, strlen(pem) + 1);
}

static inline struct selfsame_bytes
maker_oe_report(
    struct maker *m, uint32_t version, uint32_t type, struct selfsame_bytes quote)
{
    struct writer w;

    (void)maker_room(m, &w, quote.len + 16);
    put_le32(&w, version);
    put_le32(&w, type);
    put_le64(&w, quote.len);
    put_bytes(&w, quote);
    return writer_bytes(&w);
}

/* `list`: serialised as one custom claim, else the buffer is the claim. */
static inline struct selfsame_bytes
maker_oe_claims(struct maker *m, struct selfsame_bytes pem, bool list)
{
    struct writer w;

    if (!list)
        return pem;
    (void)maker_room(m, &w, pem.len + 64);
    put_le64(&w, 1);
    put_le64(&w, 1);
    put_le64(&w, 11);
    put_le64(&w, pem.len);
    put_bytes(&w, BYTES_LIT("public-key\0"));
    put_bytes(&w, pem);
    return writer_bytes(&w);
}

static inline struct selfsame_bytes
maker_oe_evidence(
    struct maker *m, struct selfsame_bytes quote, struct selfsame_bytes claims)
{
    static const uint8_t format[16] = { 0xa3, 0xa2, 0x1e, 0x87, 0x1b, 0x4d, 0x40, 0x14,
        0xb7, 0x0a, 0xa1, 0x25, 0xd2, 0xfb, 0xcd, 0x8c };
    struct writer w;

    (void)maker_room(m, &w, quote.len + claims.len + 28);
    put_le32(&w, 3);
    put_bytes(&w, BYTES_ARR(format));
    put_le64(&w, quote.len + claims.len);
    put_bytes(&w, quote);
    put_bytes(&w, claims);
    return writer_bytes(&w);
}

/* An OCTET STRING around it, as dstack and CMW have. */
static inline struct selfsame_bytes
maker_octets(struct maker *m, struct selfsame_bytes b)
{
    struct writer w;

    (void)maker_room(m, &w, b.len + 4);
    put_u8(&w, 0x04);
    if (b.len > 0xff)
        put_u8(&w, 0x82);
    else if (b.len > 0x7f)
        put_u8(&w, 0x81);
    if (b.len > 0xff)
        put_be16(&w, (uint16_t)b.len);
    else
        put_u8(&w, (uint8_t)b.len);
    put_bytes(&w, b);
    assert_false(w.bad);
    return writer_bytes(&w);
}

#endif
