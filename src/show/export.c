/* SPDX-License-Identifier: Apache-2.0 */
/* Keys as they are given to others, and what is exported: COSE receipts, CoRIM. */
#include "log/export.h"
#include "codec/cbor.h"
#include "codec/cose.h"
#include "codec/pem.h"
#include "show/show.h"

#include <stdio.h>

enum { ITEMS = 1 << 20, TAG_COMID = 506, VKEY_ID = 8 };
#define CORIM_HEAD BYTES_LIT("\xd9\x01\xf5") /* tag 501 */
#define KEY_HEAD BYTES_LIT("-----BEGIN PUBLIC KEY-----")

static enum selfsame_code
append(json_t *list, json_t *one, struct selfsame_err *e)
{
    if (one == NULL || json_array_append_new(list, one) != 0)
        FAIL(e, SELFSAME_NOMEM, "the output");
    return SELFSAME_OK;
}

static char *
base64_of(struct selfsame_bytes b, struct arena *arena)
{
    char *text = arena_alloc(arena, 1, BASE64_SIZE(b.len));

    if (text != NULL)
        (void)base64_encode(b, false, text);
    return text;
}

/* ---- verifier keys ---- */

/* The next line that is no comment; false: there is none. The last needs no newline. */
static bool
next_key(struct selfsame_bytes *rest, struct selfsame_bytes *ret)
{
    while (rest->len > 0) {
        if (!bytes_line(rest, ret)) {
            *ret = *rest;
            *rest = BYTES(rest->ptr + rest->len, 0);
        }
        if (ret->len > 0 && ret->ptr[0] != '#')
            return true;
    }
    return false;
}

/* "NAME+hhhhhhhh+BASE64" */
bool
show_is_vkey(struct selfsame_bytes in)
{
    struct selfsame_bytes rest = in, line;
    size_t plus = 0;

    if (!next_key(&rest, &line) || line.len > NOTE_NAME_MAX + 4096)
        return false;
    while (plus < line.len && line.ptr[plus] != '+' && line.ptr[plus] > ' ')
        plus++;
    if (plus == 0 || plus + VKEY_ID + 2 >= line.len || line.ptr[plus] != '+' ||
        line.ptr[plus + VKEY_ID + 1] != '+')
        return false;
    for (size_t i = 1; i <= VKEY_ID; i++) {
        const uint8_t c = line.ptr[plus + i];

        if (!((c >= '0' && c <= '9') || (c >= 'a' && c <= 'f')))
            return false;
    }
    return true;
}

static const char *
note_type_word(enum note_type t)
{
    switch (t) {
    case NOTE_ED25519: return "Ed25519, of a log";
    case NOTE_ECDSA: return "ECDSA, of a log";
    case NOTE_COSIGNATURE: return "Ed25519 cosignatures, of a witness";
    case NOTE_MLDSA_COSIGNATURE: return "ML-DSA cosignatures, of a witness";
    }
    return "unknown";
}

enum selfsame_code
show_vkey(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_bytes rest = in, line;
    json_t *list = json_array();
    struct note_key k;
    char id[9];

    TRY(show_put(into, "keys", list, e));
    while (next_key(&rest, &line)) {
        TRY(note_key_parse(line, arena, &k, e));
        (void)snprintf(id, sizeof(id), "%08x", k.id);
        TRY(append(list,
            json_pack("{s:s%, s:s, s:s, s:s}", "name", (const char *)k.name.ptr,
                k.name.len, "key_id", id, "type", note_type_word(k.type), "public",
                base64_of(k.key, arena)),
            e));
    }
    return SELFSAME_OK;
}

/* ---- public keys ---- */

bool
show_is_public_key(struct selfsame_bytes in)
{
    for (size_t i = 0; i < in.len; i++)
        if (in.ptr[i] == '-' &&
            bytes_has_prefix(BYTES(in.ptr + i, in.len - i), KEY_HEAD))
            return true;
    return false;
}

static const char *
key_word(struct selfsame_bytes spki)
{
    struct selfsame_err ignored;
    struct selfsame_bytes key;
    enum sig_alg alg = SIG_NONE;

    if (spki_parse(spki, &alg, &key, &ignored) != SELFSAME_OK)
        return "unknown";
    switch (alg) {
    case SIG_P256: return "P-256";
    case SIG_P384: return "P-384";
    case SIG_P521: return "P-521";
    case SIG_ED25519: return "Ed25519";
    case SIG_RSA_PSS:
    case SIG_RSA_PKCS1: return "RSA";
    case SIG_NONE: break;
    }
    return "unknown";
}

enum selfsame_code
show_public_key(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct selfsame_bytes rest = in, spki;
    json_t *list = json_array();
    uint8_t digest[HASH_MAX];

    TRY(show_put(into, "keys", list, e));
    for (;;) {
        TRY(pem_next(&rest, "PUBLIC KEY", arena, &spki, e));
        if (spki.ptr == NULL)
            return SELFSAME_OK;
        if (!hash_bytes(HASH_SHA256, spki, digest))
            FAIL(e, SELFSAME_NOMEM, "the output");
        TRY(append(list,
            json_pack("{s:s, s:s, s:s}", "type", key_word(spki), "key_id",
                hex_dup(arena, BYTES(digest, 32)), "publisher", base64_of(spki, arena)),
            e));
    }
}

/* ---- receipts ---- */

bool
show_is_receipt(struct selfsame_bytes in)
{
    struct selfsame_err ignored;
    struct cose_sign1 s;

    return in.len > 1 && (in.ptr[0] == 0x84 || in.ptr[0] == 0xd2) &&
           cose_sign1_parse_detached(in, &s, &ignored) == SELFSAME_OK;
}

enum selfsame_code
show_receipt(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct receipt r;
    size_t path = 0;

    (void)arena;
    TRY(receipt_peek(in, &r, &path, e));
    TRY(show_put(into, "index", json_integer((json_int_t)r.index), e));
    TRY(show_put(into, "size", json_integer((json_int_t)r.size), e));
    TRY(show_put(into, "path", json_integer((json_int_t)path), e));
    return show_put(into, "algorithm", json_string("EdDSA, RFC 9162 with SHA-256"), e);
}

/* ---- CoRIM ---- */

static struct cbor
open_cbor(struct selfsame_bytes in)
{
    struct cbor c = cbor_of(in, CBOR_INDEFINITE_OK);

    c.item_limit = ITEMS;
    return c;
}

/* The value of an integer label of a map, as its bytes; absent where there is none. */
static struct selfsame_bytes
member(struct selfsame_bytes in, int64_t want)
{
    struct cbor c = open_cbor(in);
    struct selfsame_bytes found = BYTES_NONE;
    struct cbor_seq map = cbor_get_map(&c);

    while (cbor_more(&c, &map)) {
        const bool number = cbor_peek(&c) == CBOR_UINT || cbor_peek(&c) == CBOR_NINT;
        const int64_t label = number ? cbor_get_int(&c) : 0;

        if (!number)
            (void)cbor_get_any(&c);
        const struct selfsame_bytes value = cbor_get_any(&c);
        if (number && label == want)
            found = value;
    }
    return cbor_done(&c) ? found : BYTES_NONE;
}

/* Text, or bytes in hex, whatever tags stand before; null where it is neither. */
static json_t *
words_of(struct selfsame_bytes in, struct arena *arena)
{
    struct cbor c = open_cbor(in);

    while (cbor_peek(&c) == CBOR_TAG)
        (void)cbor_get_tag(&c);
    if (cbor_peek(&c) == CBOR_TEXT) {
        const struct selfsame_bytes b = cbor_get_text(&c);

        return b.ptr != NULL ? json_stringn((const char *)b.ptr, b.len) : json_null();
    }
    if (cbor_peek(&c) == CBOR_BYTES) {
        char *hex = hex_dup(arena, cbor_get_bytes(&c));

        return hex != NULL ? json_string(hex) : NULL;
    }
    return json_null();
}

static json_t *
time_of(struct selfsame_bytes in)
{
    struct cbor c = open_cbor(in);
    char text[TIME_TEXT];

    while (cbor_peek(&c) == CBOR_TAG)
        (void)cbor_get_tag(&c);
    const int64_t s = cbor_get_int(&c);
    if (!cbor_done(&c) || s < 0 || s > INT64_C(253402300799))
        return json_null();
    time_format(s, text);
    return json_string(text);
}

static size_t
count_of(struct selfsame_bytes in)
{
    struct cbor c = open_cbor(in);
    struct cbor_seq all = cbor_get_array(&c);
    size_t n = 0;

    while (cbor_more(&c, &all)) {
        (void)cbor_get_any(&c);
        n++;
    }
    return cbor_done(&c) ? n : 0;
}

static bool
is_signed_corim(struct selfsame_bytes in, struct cose_sign1 *ret)
{
    struct selfsame_err ignored;

    return in.len > 1 && (in.ptr[0] == 0x84 || in.ptr[0] == 0xd2) &&
           cose_sign1_parse(in, ret, &ignored) == SELFSAME_OK &&
           bytes_has_prefix(ret->payload, CORIM_HEAD);
}

bool
show_is_corim(struct selfsame_bytes in)
{
    struct cose_sign1 s;

    return bytes_has_prefix(in, CORIM_HEAD) || is_signed_corim(in, &s);
}

/* A CoMID: its name, and how many triples of reference values. Others: their tag. */
static enum selfsame_code
put_tag(
    json_t *list, struct selfsame_bytes in, struct arena *arena, struct selfsame_err *e)
{
    struct cbor c = open_cbor(in);
    const uint64_t tag = cbor_get_tag(&c);
    const struct selfsame_bytes body = cbor_get_bytes(&c);

    TRY(cbor_end(&c, in, "a tag of a CoRIM", e));
    if (tag != TAG_COMID)
        return append(list,
            json_pack(
                "{s:I, s:I}", "tag", (json_int_t)tag, "bytes", (json_int_t)body.len),
            e);
    return append(list,
        json_pack("{s:o, s:I}", "comid", words_of(member(member(body, 1), 0), arena),
            "reference_triples", (json_int_t)count_of(member(member(body, 4), 0))),
        e);
}

static enum selfsame_code
put_signer(json_t *into, const struct cose_sign1 *s, struct arena *arena,
    struct selfsame_err *e)
{
    struct cbor c = open_cbor(member(s->protected_, 8));
    const struct selfsame_bytes meta = cbor_get_bytes(&c);

    TRY(show_put(into, "algorithm",
        s->has_alg ? json_integer((json_int_t)s->alg) : json_null(), e));
    TRY(show_put(into, "key_id", words_of(member(s->protected_, 4), arena), e));
    return show_put(into, "signer", words_of(member(member(meta, 0), 0), arena), e);
}

enum selfsame_code
show_corim(
    struct selfsame_bytes in, struct arena *arena, json_t *into, struct selfsame_err *e)
{
    struct cose_sign1 s = { .payload = in };
    const bool is_signed = is_signed_corim(in, &s);
    const struct selfsame_bytes whole = is_signed ? s.payload : in;
    struct cbor c = open_cbor(whole);

    (void)cbor_get_tag(&c);
    const struct selfsame_bytes map = cbor_get_any(&c);
    TRY(cbor_end(&c, whole, "CoRIM", e));
    const struct selfsame_bytes valid = member(map, 4), tags = member(map, 1);
    TRY(show_put(into, "signed", json_boolean(is_signed), e));
    if (is_signed)
        TRY(put_signer(into, &s, arena, e));
    TRY(show_put(into, "id", words_of(member(map, 0), arena), e));
    TRY(show_put(into, "profile", words_of(member(map, 3), arena), e));
    TRY(show_put(into, "not_before", time_of(member(valid, 0)), e));
    TRY(show_put(into, "not_after", time_of(member(valid, 1)), e));
    json_t *list = json_array();
    TRY(show_put(into, "tags", list, e));
    c = open_cbor(tags);
    struct cbor_seq all = cbor_get_array(&c);
    while (cbor_more(&c, &all)) {
        const struct selfsame_bytes one = cbor_get_any(&c);

        if (one.ptr != NULL)
            TRY(put_tag(list, one, arena, e));
    }
    return cbor_end(&c, tags, "the tags of a CoRIM", e);
}
