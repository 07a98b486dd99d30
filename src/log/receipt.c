/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "codec/cose.h"
#include "log/export.h"

#include <assert.h>

/*
 * draft-ietf-cose-merkle-tree-proofs §5: a COSE_Sign1 over the root, which is detached,
 * with the proof beside it. Leaves and nodes are RFC 9162's, so the path is our own.
 */
enum {
    TAG_SIGN1 = 18,
    LABEL_ALG = 1,
    LABEL_VDS = 395, /* verifiable data structure: */
    VDS_RFC9162_SHA256 = 1,
    LABEL_VDP = 396, /* its proofs: */
    VDP_INCLUSION = -1,
    PROTECTED_MAX = 16,
    PROOF_BYTES = 64 + (2 + LOG_HASH) * LOG_PATH_MAX,
};

/* ---- making ---- */

static void
put_protected(struct writer *w)
{
    cbor_put_map(w, 2);
    cbor_put_int(w, LABEL_ALG);
    cbor_put_int(w, COSE_EDDSA);
    cbor_put_int(w, LABEL_VDS);
    cbor_put_int(w, VDS_RFC9162_SHA256);
}

static void
put_proof(struct writer *w, uint64_t index, uint64_t size, struct merkle_path path)
{
    cbor_put_array(w, 3);
    cbor_put_uint(w, size);
    cbor_put_uint(w, index);
    cbor_put_array(w, path.count);
    for (size_t i = 0; i < path.count; i++)
        cbor_put_bytes(w, BYTES(path.hashes + i * LOG_HASH, LOG_HASH));
}

static void
put_receipt(struct writer *w, struct selfsame_bytes protected_,
    struct selfsame_bytes proof, struct selfsame_bytes signature)
{
    cbor_put_tag(w, TAG_SIGN1);
    cbor_put_array(w, 4);
    cbor_put_bytes(w, protected_);
    cbor_put_map(w, 1);
    cbor_put_int(w, LABEL_VDP);
    cbor_put_map(w, 1);
    cbor_put_int(w, VDP_INCLUSION);
    cbor_put_array(w, 1);
    cbor_put_bytes(w, proof);
    cbor_put_null(w);
    cbor_put_bytes(w, signature);
}

/* What is signed, in one piece: its parts are small. */
static enum selfsame_code
message_of(struct selfsame_bytes protected_, const uint8_t root[static LOG_HASH],
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct cose_sign1 s = { .protected_ = protected_,
        .payload = BYTES(root, LOG_HASH) };
    struct cose_tbs tbs;
    size_t len = 0;

    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    for (size_t i = 0; i < tbs.count; i++)
        len += tbs.part[i].len;
    struct writer w = writer_of(arena_alloc(arena, 1, len), len);
    if (w.ptr == NULL)
        FAIL(e, SELFSAME_NOMEM, "receipt: out of memory");
    for (size_t i = 0; i < tbs.count; i++)
        put_bytes(&w, tbs.part[i]);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
receipt_make(uint64_t index, uint64_t size, const uint8_t leaf[static LOG_HASH],
    struct merkle_path path, const struct key *log, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t head[PROTECTED_MAX], body[PROOF_BYTES], root[LOG_HASH];
    struct writer h = writer_of(head, sizeof(head)), p = writer_of(body, sizeof(body));
    struct selfsame_bytes message, signature;

    if (key_type_of(log) != KEY_ED25519)
        FAIL(e, SELFSAME_USAGE, "log key: expected Ed25519, got another");
    TRY(merkle_climb(index, size, leaf, path, root, e));
    put_protected(&h);
    put_proof(&p, index, size, path);
    if (h.bad || p.bad)
        FAIL(e, SELFSAME_USAGE,
            "receipt: expected a path of at most %d hashes, got %zu", (int)LOG_PATH_MAX,
            path.count);
    TRY(message_of(writer_bytes(&h), root, arena, &message, e));
    TRY(key_sign(log, HASH_SHA256, message, arena, &signature, e));
    size_t cap = h.len + p.len + signature.len + 32;
    struct writer w = writer_of(arena_alloc(arena, 1, cap), cap);
    if (w.ptr == NULL)
        FAIL(e, SELFSAME_NOMEM, "receipt: out of memory");
    put_receipt(&w, writer_bytes(&h), writer_bytes(&p), signature);
    assert(!w.bad);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- verifying ---- */

struct parsed {
    struct cose_sign1 sign1;
    uint64_t index, size;
    uint8_t hashes[LOG_PATH_MAX * LOG_HASH];
    size_t count;
};

/* EdDSA, and RFC 9162's trees. */
static enum selfsame_code
check_protected(const struct cose_sign1 *s, struct selfsame_err *e)
{
    struct cbor c = cbor_of(s->protected_, CBOR_STRICT);
    int64_t vds = 0;

    if (!s->has_alg || s->alg != COSE_EDDSA)
        FAIL(e, SELFSAME_UNSUPPORTED, "receipt: expected EdDSA (-8), got another");
    struct cbor_seq map = cbor_get_map(&c);
    while (cbor_more(&c, &map)) {
        bool number = cbor_peek(&c) != CBOR_TEXT;
        int64_t label = number ? cbor_get_int(&c) : 0;

        if (!number)
            (void)cbor_get_text(&c);
        if (label == LABEL_VDS)
            vds = cbor_get_int(&c);
        else
            (void)cbor_get_any(&c);
    }
    TRY(cbor_end(&c, s->protected_, "receipt's protected header", e));
    if (vds != VDS_RFC9162_SHA256)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "receipt: expected a tree of RFC 9162 (395: 1), got %lld", (long long)vds);
    return SELFSAME_OK;
}

/* The value of an integer label of a map, as its bytes; absent when it is not there. */
static enum selfsame_code
member(struct selfsame_bytes in, int64_t want, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct cbor_seq map = cbor_get_map(&c);

    *ret = BYTES_NONE;
    while (cbor_more(&c, &map)) {
        bool number = cbor_peek(&c) != CBOR_TEXT;
        int64_t label = number ? cbor_get_int(&c) : 0;

        if (!number)
            (void)cbor_get_text(&c);
        struct selfsame_bytes value = cbor_get_any(&c);
        if (number && label == want)
            *ret = value;
    }
    return cbor_end(&c, in, "receipt", e);
}

static enum selfsame_code
take_proof(struct selfsame_bytes in, struct parsed *p, struct selfsame_err *e)
{
    struct cbor c = cbor_of(in, CBOR_STRICT);
    struct cbor_seq all = cbor_get_array(&c);

    if (all.left != 3)
        cbor_fail(&c, "expected size, index and path");
    p->size = cbor_get_uint(&c);
    p->index = cbor_get_uint(&c);
    struct cbor_seq path = cbor_get_array(&c);
    while (cbor_more(&c, &path)) {
        struct selfsame_bytes one = cbor_get_bytes(&c);

        if (one.len != LOG_HASH || p->count == LOG_PATH_MAX)
            cbor_fail(&c, "expected at most 63 hashes of 32 bytes");
        if (!c.r.bad)
            memcpy(p->hashes + p->count++ * LOG_HASH, one.ptr, LOG_HASH);
    }
    return cbor_end(&c, in, "receipt's proof", e);
}

static enum selfsame_code
parse(struct selfsame_bytes in, struct parsed *p, struct selfsame_err *e)
{
    struct selfsame_bytes proofs, list;

    TRY(cose_sign1_parse_detached(in, &p->sign1, e));
    TRY(check_protected(&p->sign1, e));
    TRY(member(p->sign1.unprotected, LABEL_VDP, &proofs, e));
    if (proofs.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED, "receipt: expected proofs (396), got none");
    TRY(member(proofs, VDP_INCLUSION, &list, e));
    if (list.ptr == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "receipt: expected a proof of inclusion (-1), got others");
    struct cbor c = cbor_of(list, CBOR_STRICT);
    struct cbor_seq all = cbor_get_array(&c);
    if (all.left != 1)
        cbor_fail(&c, "expected one proof");
    struct selfsame_bytes proof = cbor_get_bytes(&c);
    TRY(cbor_end(&c, list, "receipt's proofs", e));
    return take_proof(proof, p, e);
}

enum selfsame_code
receipt_peek(struct selfsame_bytes in, struct receipt *ret, size_t *ret_path,
    struct selfsame_err *e)
{
    struct parsed p = { .count = 0 };

    TRY(parse(in, &p, e));
    *ret = (struct receipt){ .index = p.index, .size = p.size };
    *ret_path = p.count;
    return SELFSAME_OK;
}

enum selfsame_code
receipt_verify(struct selfsame_bytes in, const uint8_t leaf[static LOG_HASH],
    const struct note_key *log, struct arena *arena, struct receipt *ret,
    struct selfsame_err *e)
{
    struct parsed p = { .count = 0 };
    struct receipt r = { .index = 0 };
    struct selfsame_bytes message;

    if (log->type != NOTE_ED25519)
        FAIL(e, SELFSAME_UNSUPPORTED, "log key: expected Ed25519, got another");
    TRY(parse(in, &p, e));
    r.index = p.index;
    r.size = p.size;
    TRY(merkle_climb(
        p.index, p.size, leaf, (struct merkle_path){ p.hashes, p.count }, r.root, e));
    TRY(message_of(p.sign1.protected_, r.root, arena, &message, e));
    const struct sig_check check = { .alg = SIG_ED25519,
        .key = log->key,
        .digest = message,
        .signature = p.sign1.signature };
    enum selfsame_code code = sig_verify(&check, e);
    if (code == SELFSAME_NOMEM)
        return code;
    if (code != SELFSAME_OK)
        FAIL(e, SELFSAME_LOG,
            "receipt: expected the log's signature over the root that this entry leads "
            "to, got one that does not verify");
    *ret = r;
    return SELFSAME_OK;
}
