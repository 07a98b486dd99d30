/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/json.h"
#include "crypto/x509.h"
#include "log/log.h"

#include <stdlib.h>

/* DSSE (secure-systems-lab/dsse, protocol.md), as one leaf of a log. */

/* ---- reading ---- */

static enum selfsame_code
decode(const json_t *from, const char *name, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const json_t *j = json_object_get(from, name);
    size_t n = json_string_length(j), len = 0;
    uint8_t *raw = arena_alloc(arena, 1, n + 1);

    if (raw == NULL)
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    if (!json_is_string(j) ||
        !base64_decode(json_string_value(j), n, false, raw, n + 1, &len))
        FAIL(e, SELFSAME_MALFORMED, "envelope: expected base64 in \"%s\"", name);
    *ret = BYTES(raw, len);
    return SELFSAME_OK;
}

static enum selfsame_code
take_text(const json_t *from, const char *name, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const json_t *j = json_object_get(from, name);

    if (!json_is_string(j))
        FAIL(e, SELFSAME_MALFORMED, "envelope: expected a string in \"%s\"", name);
    if (!arena_dup(arena,
            BYTES((const uint8_t *)json_string_value(j), json_string_length(j)), ret))
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    return SELFSAME_OK;
}

/* ---- the usual form, read without a parser of JSON ---- */

static bool
eat(struct selfsame_bytes *rest, const char *text)
{
    const size_t n = strlen(text);

    if (!bytes_has_prefix(*rest, bytes_str(text)))
        return false;
    *rest = BYTES(rest->ptr + n, rest->len - n);
    return true;
}

/* A string without escapes up to its quote, which is left. */
static bool
eat_string(struct selfsame_bytes *rest, struct selfsame_bytes *ret)
{
    size_t n = 0;

    while (n < rest->len && rest->ptr[n] != '"') {
        if (rest->ptr[n] < ' ' || rest->ptr[n] == '\\')
            return false;
        n++;
    }
    *ret = BYTES(rest->ptr, n);
    *rest = BYTES(rest->ptr + n, rest->len - n);
    return true;
}

static bool
eat_base64(struct selfsame_bytes *rest, struct arena *arena, struct selfsame_bytes *ret)
{
    struct selfsame_bytes text;
    size_t len = 0;

    if (!eat_string(rest, &text))
        return false;
    uint8_t *raw = arena_alloc(arena, 1, text.len + 1);
    if (raw == NULL || !base64_decode((const char *)text.ptr, text.len, false, raw,
                           text.len + 1, &len))
        return false;
    *ret = BYTES(raw, len);
    return true;
}

/*
 * Names in their order and no space: the canonical form of an envelope has one frame,
 * and what stands in it as it is has no other form either. A log reads thousands of
 * these a second. False: with escapes, or wrong; the parser below knows which.
 */
static bool
parse_plain(struct selfsame_bytes in, struct arena *arena, struct envelope *v)
{
    struct selfsame_bytes rest = in;

    return eat(&rest, "{\"payload\":\"") && eat_base64(&rest, arena, &v->payload) &&
           eat(&rest, "\",\"payloadType\":\"") && eat_string(&rest, &v->payload_type) &&
           eat(&rest, "\",\"signatures\":[{\"keyid\":\"") &&
           eat_string(&rest, &v->keyid) && eat(&rest, "\",\"sig\":\"") &&
           eat_base64(&rest, arena, &v->signature) && eat(&rest, "\"}]}") &&
           rest.len == 0 && utf8_valid(v->payload_type) && utf8_valid(v->keyid);
}

enum selfsame_code
envelope_parse(struct selfsame_bytes in, struct arena *arena, struct envelope *ret,
    struct selfsame_err *e)
{
    struct envelope v = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
    auto_json *j = NULL;

    if (in.len > ENTRY_MAX)
        FAIL(e, SELFSAME_MALFORMED, "envelope: expected at most %d bytes, got %zu",
            (int)ENTRY_MAX, in.len);
    if (parse_plain(in, arena, &v)) {
        *ret = v;
        return SELFSAME_OK;
    }
    TRY(canonical_check(in, "envelope", e));
    TRY(json_parse(in, "envelope", &j, e));
    const json_t *all = json_object_get(j, "signatures");
    const json_t *one = json_array_get(all, 0);
    if (json_object_size(j) != 3 || json_array_size(all) != 1 ||
        json_object_size(one) != 2)
        FAIL(e, SELFSAME_MALFORMED,
            "envelope: expected payload, payloadType and one signature, got others");
    TRY(decode(j, "payload", arena, &v.payload, e));
    TRY(take_text(j, "payloadType", arena, &v.payload_type, e));
    TRY(take_text(one, "keyid", arena, &v.keyid, e));
    TRY(decode(one, "sig", arena, &v.signature, e));
    *ret = v;
    return SELFSAME_OK;
}

/* ---- signatures ---- */

enum selfsame_code
envelope_pae(struct selfsame_bytes type, struct selfsame_bytes body,
    struct arena *arena, struct selfsame_bytes *ret, struct selfsame_err *e)
{
    char *head = arena_printf(arena, "DSSEv1 %zu %.*s %zu ", type.len, (int)type.len,
        (const char *)type.ptr, body.len);
    size_t len = head != NULL ? strlen(head) : 0;
    uint8_t *all = head != NULL ? arena_alloc(arena, 1, len + body.len + 1) : NULL;

    if (all == NULL)
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    memcpy(all, head, len);
    if (body.len > 0)
        memcpy(all + len, body.ptr, body.len);
    *ret = BYTES(all, len + body.len);
    return SELFSAME_OK;
}

/* ECDSA signs the digest of the curve's strength. */
static enum selfsame_code
as_check(const struct envelope *v, struct selfsame_bytes spki,
    struct selfsame_bytes pae, uint8_t digest[static HASH_MAX], uint8_t rs[static 96],
    struct sig_check *ret, struct selfsame_err *e)
{
    TRY(spki_parse(spki, &ret->alg, &ret->key, e));
    ret->digest = pae;
    ret->signature = v->signature;
    if (ret->alg == SIG_ED25519)
        return SELFSAME_OK;
    if (ret->alg != SIG_P256 && ret->alg != SIG_P384)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "publisher key: expected Ed25519, P-256 or P-384, got another");
    ret->hash = ret->alg == SIG_P256 ? HASH_SHA256 : HASH_SHA384;
    if (!hash_bytes(ret->hash, pae, digest))
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    size_t half = ret->key.len / 2;
    /* Both forms are written: DER, and r||s as JWS has it. */
    if (v->signature.len == 2 * half)
        memcpy(rs, v->signature.ptr, 2 * half);
    else if (!sig_ecdsa_from_der(v->signature, half, rs))
        FAIL(e, SELFSAME_LOG, "envelope: expected an ECDSA signature, got another");
    ret->digest = BYTES(digest, hash_size(ret->hash));
    ret->signature = BYTES(rs, 2 * half);
    return SELFSAME_OK;
}

enum selfsame_code
envelope_verify(const struct envelope *v, struct selfsame_bytes spki,
    struct arena *arena, struct selfsame_err *e)
{
    uint8_t digest[HASH_MAX], rs[96];
    struct sig_check check = { .alg = SIG_NONE };
    struct selfsame_bytes pae = BYTES_NONE;

    TRY(envelope_pae(v->payload_type, v->payload, arena, &pae, e));
    TRY(as_check(v, spki, pae, digest, rs, &check, e));
    enum selfsame_code code = sig_verify(&check, e);
    if (code == SELFSAME_OK || code == SELFSAME_NOMEM)
        return code;
    FAIL(e, SELFSAME_LOG,
        "envelope: expected a signature by the publisher's key, got one that does not "
        "verify under it");
}

/* ---- making ---- */

enum selfsame_code
envelope_make(struct selfsame_bytes payload_type, struct selfsame_bytes payload,
    const struct key *key, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct selfsame_bytes pae, spki, signature;
    uint8_t digest[HASH_MAX];
    char keyid[65], sig[BASE64_SIZE(64)];
    char *body = arena_alloc(arena, 1, BASE64_SIZE(payload.len));

    if (key_type_of(key) != KEY_ED25519)
        FAIL(e, SELFSAME_USAGE, "publisher key: expected Ed25519, got another");
    TRY(canonical_check(payload, "statement", e));
    TRY(envelope_pae(payload_type, payload, arena, &pae, e));
    TRY(key_sign(key, HASH_SHA256, pae, arena, &signature, e));
    TRY(key_spki(key, arena, &spki, e));
    if (body == NULL || !hash_bytes(HASH_SHA256, spki, digest))
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    hex_encode(BYTES(digest, 32), keyid);
    (void)base64_encode(signature, false, sig);
    (void)base64_encode(payload, false, body);
    char *text = arena_printf(arena,
        "{\"payload\":\"%s\",\"payloadType\":\"%.*s\",\"signatures\":[{\"keyid\":\"%"
        "s\","
        "\"sig\":\"%s\"}]}",
        body, (int)payload_type.len, (const char *)payload_type.ptr, keyid, sig);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "envelope: out of memory");
    *ret = bytes_str(text);
    if (ret->len > ENTRY_MAX)
        FAIL(e, SELFSAME_USAGE,
            "envelope: expected at most %d bytes, as an entry of a log holds, got %zu",
            (int)ENTRY_MAX, ret->len);
    return SELFSAME_OK;
}
