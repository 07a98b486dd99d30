/* SPDX-License-Identifier: Apache-2.0 */
#include "tee/snp/id_block.h"

enum { VERSION = 1, ECDSA_P384_SHA384 = 1, CURVE_P384 = 2, COORDINATE = 72 };
enum { AUTH_HEAD = 64, KEY_PAD = 60, AUTH_END = SNP_ID_AUTH_SIZE - 0xC84 };
static const char spec[] = "AMD 56860, ID_BLOCK and ID_AUTH_INFO";

/* ---- reading ---- */

enum selfsame_code
snp_id_block_parse(
    struct selfsame_bytes in, struct snp_id_block *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct snp_id_block b = { .raw = in };

    if (in.len != SNP_ID_BLOCK_SIZE)
        FAIL(e, SELFSAME_MALFORMED, "ID block: expected %d bytes, got %zu",
            (int)SNP_ID_BLOCK_SIZE, in.len);
    b.measurement = get_bytes(&r, SNP_DIGEST_SIZE);
    b.family_id = get_bytes(&r, 16);
    b.image_id = get_bytes(&r, 16);
    uint32_t version = get_le32(&r);
    b.guest_svn = get_le32(&r);
    b.policy = get_le64(&r);
    if (version != VERSION)
        FAIL(e, SELFSAME_UNSUPPORTED, "ID block: expected version %d, got %u",
            (int)VERSION, version);
    *ret = b;
    return SELFSAME_OK;
}

/* curve, X and Y little-endian in 72 bytes each, zeros. */
static enum selfsame_code
check_key(struct selfsame_bytes key, const char *whose, struct selfsame_err *e)
{
    struct reader r = reader_of(key);
    uint32_t curve = get_le32(&r);

    if (curve != CURVE_P384)
        FAIL(e, SELFSAME_UNSUPPORTED, "%s key: expected curve 2 (P-384), got %u", whose,
            curve);
    for (int i = 0; i < 2; i++) {
        (void)get_bytes(&r, 48);
        get_zeros(&r, COORDINATE - 48);
    }
    get_zeros(&r, SNP_KEY_SIZE - 4 - 2 * COORDINATE);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "%s key: expected zeros outside its two coordinates, got others", whose);
    return SELFSAME_OK;
}

enum selfsame_code
snp_id_auth_parse(
    struct selfsame_bytes in, struct snp_id_auth *ret, struct selfsame_err *e)
{
    struct reader r = reader_of(in);
    struct snp_id_auth a = { .raw = in };

    if (in.len != SNP_ID_AUTH_SIZE)
        FAIL(e, SELFSAME_MALFORMED, "ID authentication: expected %d bytes, got %zu",
            (int)SNP_ID_AUTH_SIZE, in.len);
    uint32_t id_algo = get_le32(&r), author_algo = get_le32(&r);
    get_zeros(&r, AUTH_HEAD - 8);
    a.block_signature = get_bytes(&r, 512);
    a.id_key = get_bytes(&r, SNP_KEY_SIZE);
    get_zeros(&r, KEY_PAD);
    a.key_signature = get_bytes(&r, 512);
    a.author_key = get_bytes(&r, SNP_KEY_SIZE);
    get_zeros(&r, AUTH_END);
    if (!reader_done(&r))
        FAIL(e, SELFSAME_MALFORMED,
            "ID authentication: expected its reserved bytes to be zero, got others");
    a.has_author = author_algo != 0;
    if (id_algo != ECDSA_P384_SHA384 ||
        (a.has_author && author_algo != ECDSA_P384_SHA384))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "ID authentication: expected algorithm 1 (ECDSA P-384 with SHA-384), got "
            "%u and %u",
            id_algo, author_algo);
    TRY(check_key(a.id_key, "ID", e));
    if (a.has_author)
        TRY(check_key(a.author_key, "author", e));
    else if (!bytes_is_zero(a.author_key) || !bytes_is_zero(a.key_signature))
        FAIL(e, SELFSAME_MALFORMED,
            "ID authentication: expected no author key without its algorithm, got one");
    *ret = a;
    return SELFSAME_OK;
}

/* ---- checking ---- */

static enum selfsame_code
check_signature(struct selfsame_bytes message, struct selfsame_bytes key,
    struct selfsame_bytes sig512, const char *what, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX], signature[96], xy[96];

    TRY_WHILE(e, snp_signature(sig512, signature, e), "%s", what);
    for (size_t i = 0; i < 96; i++)
        xy[i] = key.ptr[4 + i / 48 * COORDINATE + 47 - i % 48];
    if (!hash_bytes(HASH_SHA384, message, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    const struct sig_check check = {
        .alg = SIG_P384,
        .hash = HASH_SHA384,
        .key = BYTES_ARR(xy),
        .digest = BYTES(digest, 48),
        .signature = BYTES_ARR(signature),
    };
    enum selfsame_code code = sig_verify(&check, e);
    if (code == SELFSAME_BAD_SIGNATURE)
        FAIL(e, SELFSAME_BAD_SIGNATURE, "%s: it does not verify (%s)", what, spec);
    return code;
}

enum selfsame_code
snp_id_check(
    const struct snp_id_block *b, const struct snp_id_auth *a, struct selfsame_err *e)
{
    TRY(check_signature(b->raw, a->id_key, a->block_signature,
        "signature of the ID block by the ID key", e));
    if (!a->has_author)
        return SELFSAME_OK;
    return check_signature(a->id_key, a->author_key, a->key_signature,
        "signature of the ID key by the author key", e);
}

bool
snp_id_digests(const struct snp_id_auth *a, uint8_t ret_id[static SNP_DIGEST_SIZE],
    uint8_t ret_author[static SNP_DIGEST_SIZE])
{
    uint8_t id[HASH_MAX], author[HASH_MAX] = { 0 };

    if (!hash_bytes(HASH_SHA384, a->id_key, id) ||
        (a->has_author && !hash_bytes(HASH_SHA384, a->author_key, author)))
        return false;
    memcpy(ret_id, id, SNP_DIGEST_SIZE);
    memcpy(ret_author, author, SNP_DIGEST_SIZE);
    return true;
}

/* ---- making ---- */

/* Two numbers of 48 bytes, big-endian, into two of 72, little-endian. */
static void
put_pair(struct writer *w, struct selfsame_bytes pair)
{
    for (size_t half = 0; half < 2; half++) {
        for (size_t i = 0; i < 48; i++)
            put_u8(w, pair.ptr[48 * half + 47 - i]);
        put_zeros(w, COORDINATE - 48);
    }
}

/* r and s over the message, and zeros up to 512 bytes. */
static enum selfsame_code
put_signature(struct writer *w, const struct key *key, struct selfsame_bytes message,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX];
    struct selfsame_bytes rs;

    if (!hash_bytes(HASH_SHA384, message, digest))
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    TRY(key_sign(key, HASH_SHA384, BYTES(digest, 48), arena, &rs, e));
    put_pair(w, rs);
    put_zeros(w, 512 - 2 * COORDINATE);
    return SELFSAME_OK;
}

static enum selfsame_code
public_key(const struct key *key, const char *whose, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, SNP_KEY_SIZE);
    struct writer w = writer_of(buf, SNP_KEY_SIZE);
    struct selfsame_bytes spki;

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (key_type_of(key) != KEY_P384)
        FAIL(e, SELFSAME_USAGE, "%s key: expected P-384, got another", whose);
    TRY(key_spki(key, arena, &spki, e));
    put_le32(&w, CURVE_P384);
    /* X and Y are the end of every SubjectPublicKeyInfo of an EC key. */
    put_pair(&w, BYTES(spki.ptr + spki.len - 96, 96));
    put_zeros(&w, SNP_KEY_SIZE - 4 - 2 * COORDINATE);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

static struct selfsame_bytes
put_block(const struct snp_id_block *b, struct writer *w)
{
    put_bytes(w, b->measurement);
    put_bytes(w, b->family_id);
    put_bytes(w, b->image_id);
    put_le32(w, VERSION);
    put_le32(w, b->guest_svn);
    put_le64(w, b->policy);
    return writer_bytes(w);
}

static enum selfsame_code
put_auth(struct writer *w, struct selfsame_bytes block, const struct key *id,
    const struct key *author, struct arena *arena, struct selfsame_err *e)
{
    struct selfsame_bytes id_key, author_key;

    TRY(public_key(id, "ID", arena, &id_key, e));
    put_le32(w, ECDSA_P384_SHA384);
    put_le32(w, author != NULL ? ECDSA_P384_SHA384 : 0);
    put_zeros(w, AUTH_HEAD - 8);
    TRY(put_signature(w, id, block, arena, e));
    put_bytes(w, id_key);
    put_zeros(w, KEY_PAD);
    if (author == NULL) {
        put_zeros(w, 512 + SNP_KEY_SIZE + AUTH_END);
        return SELFSAME_OK;
    }
    TRY(public_key(author, "author", arena, &author_key, e));
    TRY(put_signature(w, author, id_key, arena, e));
    put_bytes(w, author_key);
    put_zeros(w, AUTH_END);
    return SELFSAME_OK;
}

enum selfsame_code
snp_id_make(const struct snp_id_block *b, const struct key *id,
    const struct key *author, struct arena *arena, struct selfsame_bytes *ret_block,
    struct selfsame_bytes *ret_auth, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, SNP_ID_BLOCK_SIZE + SNP_ID_AUTH_SIZE);
    struct writer block = writer_of(buf, SNP_ID_BLOCK_SIZE);
    struct writer auth = writer_of(
        buf != NULL ? buf + SNP_ID_BLOCK_SIZE : NULL, SNP_ID_AUTH_SIZE);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "out of memory");
    if (b->measurement.len != SNP_DIGEST_SIZE || b->family_id.len != 16 ||
        b->image_id.len != 16)
        FAIL(e, SELFSAME_USAGE,
            "ID block: expected a launch digest of 48 bytes and ids of 16, got %zu, "
            "%zu "
            "and %zu",
            b->measurement.len, b->family_id.len, b->image_id.len);
    *ret_block = put_block(b, &block);
    TRY(put_auth(&auth, *ret_block, id, author, arena, e));
    if (block.bad || auth.bad || auth.len != SNP_ID_AUTH_SIZE)
        FAIL(e, SELFSAME_INTERNAL, "ID block: it does not fill its pages");
    *ret_auth = writer_bytes(&auth);
    return SELFSAME_OK;
}
