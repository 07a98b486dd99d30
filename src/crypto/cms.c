/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/der.h"
#include "crypto/envelope.h"
#include "crypto/internal.h"

#include <limits.h>

/*
 * Written from its end to its start, where every length is known when its head is put.
 * RFC 5652 §6 and RFC 5083 §2; RFC 5084 for GCM, RFC 4055 §4.1 for OAEP.
 */
struct back {
    uint8_t *buf;
    size_t at; /* what is written stands from here on */
    bool bad;
};

static void
put(struct back *b, struct selfsame_bytes in)
{
    if (b->at < in.len) {
        b->bad = true;
        return;
    }
    b->at -= in.len;
    if (in.len > 0)
        memcpy(b->buf + b->at, in.ptr, in.len);
}

static void
put_byte(struct back *b, size_t v)
{
    const uint8_t byte = (uint8_t)v;

    put(b, BYTES(&byte, 1));
}

/* A head before all that stands before `end`. */
static void
put_head(struct back *b, unsigned tag, size_t end)
{
    size_t len = end - b->at, n = 0;

    if (len >= 0x80) {
        for (size_t rest = len; rest > 0; rest >>= 8, n++)
            put_byte(b, rest & 0xff);
        put_byte(b, 0x80 | n);
    } else {
        put_byte(b, len);
    }
    put_byte(b, tag);
}

static void
put_element(struct back *b, unsigned tag, struct selfsame_bytes content)
{
    size_t end = b->at;

    put(b, content);
    put_head(b, tag, end);
}

#define OID_DATA BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x01")
#define OID_ENVELOPED BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03")
#define OID_AUTH_ENVELOPED BYTES_LIT("\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x17")
#define OID_CBC BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x01\x2a")
#define OID_GCM BYTES_LIT("\x60\x86\x48\x01\x65\x03\x04\x01\x2e")

/* AlgorithmIdentifier of RSAES-OAEP with SHA-256 and MGF1-SHA-256, no label. */
static const uint8_t oaep_alg[] = {
    0x30, 0x3c, /* SEQUENCE */
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01,
    0x07,                   /* id-RSAES-OAEP */
    0x30, 0x2f,             /* parameters */
    0xa0, 0x0f, 0x30, 0x0d, /* [0] hash */
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, /* SHA-256 */
    0x05, 0x00,                                                       /* NULL */
    0xa1, 0x1c, 0x30, 0x1a,                                           /* [1] mask */
    0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x08, /* MGF1 */
    0x30, 0x0d,                                                       /* its hash */
    0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01, /* SHA-256 */
    0x05, 0x00,                                                       /* NULL */
};

struct sealed {
    uint8_t key[32], iv[16];
    struct selfsame_bytes text, tag; /* tag: GCM */
};

static void
sealed_wipe(struct sealed *s)
{
    secret_wipe(s->key, sizeof(s->key));
}
#define auto_sealed __attribute__((cleanup(sealed_wipe))) struct sealed

/* PKCS #7 padding; `ret` has room for a block more than the text. */
static bool
seal_cbc(
    const struct sealed *s, struct selfsame_bytes plain, uint8_t *ret, size_t *ret_len)
{
    EVP_CIPHER *cbc = EVP_CIPHER_fetch(crypto_context(), "AES-256-CBC", NULL);
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, last = 0;
    bool ok = cbc != NULL && ctx != NULL && plain.len <= INT_MAX / 2 &&
              EVP_EncryptInit_ex2(ctx, cbc, s->key, s->iv, NULL) == 1 &&
              (plain.len == 0 ||
                  EVP_EncryptUpdate(ctx, ret, &n, plain.ptr, (int)plain.len) == 1) &&
              EVP_EncryptFinal_ex(ctx, ret + n, &last) == 1;

    *ret_len = (size_t)n + (size_t)last;
    EVP_CIPHER_CTX_free(ctx);
    EVP_CIPHER_free(cbc);
    return ok;
}

static enum selfsame_code
seal_content(enum cms_content content, struct selfsame_bytes plain, struct arena *arena,
    struct sealed *s, struct selfsame_err *e)
{
    uint8_t *text = arena_alloc(arena, 1, plain.len + 16);
    size_t len = plain.len;

    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "CMS: out of memory");
    if (!rng_bytes(s->key, sizeof(s->key)) || !rng_bytes(s->iv, sizeof(s->iv)))
        FAIL(e, SELFSAME_INTERNAL, "CMS: no random bytes");
    if (content == CMS_AES256_CBC) {
        if (!seal_cbc(s, plain, text, &len))
            FAIL(e, SELFSAME_NOMEM, "CMS: libcrypto is out of memory");
    } else {
        const struct aead a = { .key = BYTES_ARR(s->key),
            .nonce = BYTES(s->iv, AEAD_NONCE) };

        TRY_WHILE(e, aead_seal(&a, plain, text, e), "CMS");
        s->tag = BYTES(text + len, AEAD_TAG);
    }
    s->text = BYTES(text, len);
    return SELFSAME_OK;
}

/* EncryptedContentInfo, the encrypted text primitive [0]. */
static void
put_content(struct back *b, enum cms_content content, const struct sealed *s)
{
    const bool gcm = content == CMS_AES256_GCM;
    size_t end = b->at;

    put_element(b, DER_CONTEXT_PRIMITIVE(0), s->text);
    size_t alg = b->at;
    if (gcm) { /* GCMParameters: the tag is 16 bytes, 12 being the default */
        put_element(b, DER_INTEGER, BYTES_LIT("\x10"));
        put_element(b, DER_OCTET_STRING, BYTES(s->iv, AEAD_NONCE));
        put_head(b, DER_SEQUENCE, alg);
    } else {
        put_element(b, DER_OCTET_STRING, BYTES_ARR(s->iv));
    }
    put_element(b, DER_OID, gcm ? OID_GCM : OID_CBC);
    put_head(b, DER_SEQUENCE, alg);
    put_element(b, DER_OID, OID_DATA);
    put_head(b, DER_SEQUENCE, end);
}

/* SET OF one KeyTransRecipientInfo, version 2: named by its key. */
static void
put_recipient(struct back *b, struct selfsame_bytes key_id, struct selfsame_bytes key)
{
    size_t end = b->at;

    put_element(b, DER_OCTET_STRING, key);
    put(b, BYTES_ARR(oaep_alg));
    put_element(b, DER_CONTEXT_PRIMITIVE(0), key_id);
    put_element(b, DER_INTEGER, BYTES_LIT("\x02"));
    put_head(b, DER_SEQUENCE, end);
    put_head(b, DER_SET, end);
}

enum selfsame_code
cms_seal(enum cms_content content, const struct envelope_to *to,
    struct selfsame_bytes plain, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    enum { HEADS = 256 };
    const bool gcm = content == CMS_AES256_GCM;
    uint8_t key_id[HASH_MAX], key[OAEP_MAX];
    auto_sealed s = { .tag = BYTES_NONE };
    size_t key_len = 0;

    if (to->kind != ENVELOPE_RSA)
        FAIL(e, SELFSAME_UNSUPPORTED, "CMS: expected an RSA key, got another");
    TRY(seal_content(content, plain, arena, &s, e));
    TRY_WHILE(e, oaep_seal(to->key, BYTES_ARR(s.key), key, &key_len, e), "CMS");
    if (!hash_bytes(HASH_SHA256, to->key, key_id))
        FAIL(e, SELFSAME_NOMEM, "CMS: out of memory");
    size_t size = s.text.len + key_len + AEAD_TAG + HEADS;
    struct back b = { .buf = arena_alloc(arena, 1, size), .at = size };
    if (b.buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "CMS: out of memory");
    if (gcm)
        put_element(&b, DER_OCTET_STRING, s.tag);
    put_content(&b, content, &s);
    put_recipient(&b, BYTES(key_id, 20), BYTES(key, key_len));
    /* RFC 5652 §6.1: 2 for a recipient of version 2; RFC 5083 §2.1: 0. */
    put_element(&b, DER_INTEGER, gcm ? BYTES_LIT("\x00") : BYTES_LIT("\x02"));
    put_head(&b, DER_SEQUENCE, size);
    put_head(&b, DER_CONTEXT(0), size);
    put_element(&b, DER_OID, gcm ? OID_AUTH_ENVELOPED : OID_ENVELOPED);
    put_head(&b, DER_SEQUENCE, size);
    if (b.bad)
        FAIL(
            e, SELFSAME_INTERNAL, "CMS: its heads need more than %d bytes", (int)HEADS);
    *ret = BYTES(b.buf + b.at, size - b.at);
    return SELFSAME_OK;
}
