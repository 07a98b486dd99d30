/* SPDX-License-Identifier: Apache-2.0 */
#include "codec/cbor.h"
#include "codec/cose.h"
#include "codec/json.h"
#include "log/export.h"

#include <assert.h>
#include <stdio.h>

/* draft-ietf-rats-corim: the frame round the triples of corim_triples.c. */
enum {
    TAG_URI = 32,
    TAG_CORIM = 501,
    TAG_COMID = 506,
    TAG_EPOCH = 1,
    REPLACES = 1, /* of a linked tag */
    ID_SIZE = 128,
};

struct frame {
    const struct statement *s;
    struct selfsame_bytes comid[COUNT(corim_tees)];
    size_t count;
};

/* One name for the release and one for each TEE's part of it, from its hash alone. */
static void
put_id(struct writer *w, const uint8_t sha256[static 32], const char *tee)
{
    char hex[65], id[ID_SIZE];

    hex_encode(BYTES(sha256, 32), hex);
    (void)snprintf(id, sizeof(id), "sha256:%s%s%s", hex, tee != NULL ? "/" : "",
        tee != NULL ? tee : "");
    cbor_put_str(w, id);
}

static void
put_validity(struct writer *w, const struct release *r)
{
    cbor_put_map(w, 2);
    cbor_put_uint(w, 0);
    cbor_put_tag(w, TAG_EPOCH);
    cbor_put_int(w, r->not_before_s);
    cbor_put_uint(w, 1);
    cbor_put_tag(w, TAG_EPOCH);
    cbor_put_int(w, r->not_after_s);
}

/* ---- CoMID ---- */

static void
put_comid(struct writer *w, const struct statement *s, const char *tee,
    struct selfsame_bytes triples)
{
    const struct release *r = &s->release;

    cbor_put_map(w, r->supersedes_count > 0 ? 3 : 2);
    cbor_put_uint(w, 1); /* tag-identity */
    cbor_put_map(w, 1);
    cbor_put_uint(w, 0);
    put_id(w, s->sha256, tee);
    if (r->supersedes_count > 0) {
        cbor_put_uint(w, 3); /* linked-tags */
        cbor_put_array(w, r->supersedes_count);
    }
    for (size_t i = 0; i < r->supersedes_count; i++) {
        cbor_put_map(w, 2);
        cbor_put_uint(w, 0);
        put_id(w, r->supersedes[i], tee);
        cbor_put_uint(w, 1);
        cbor_put_uint(w, REPLACES);
    }
    cbor_put_uint(w, 4); /* triples: reference */
    cbor_put_map(w, 1);
    cbor_put_uint(w, 0);
    put_bytes(w, triples);
}

static enum selfsame_code
room(size_t need, struct arena *arena, struct writer *ret, struct selfsame_err *e)
{
    uint8_t *buf = arena_alloc(arena, 1, need + 1);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "CoRIM: out of memory");
    *ret = writer_of(buf, need);
    return SELFSAME_OK;
}

static enum selfsame_code
add_comid(struct frame *f, const json_t *items, const char *tee, struct arena *arena,
    struct selfsame_err *e)
{
    struct writer w = writer_of(NULL, 0);
    struct selfsame_bytes triples;

    TRY_WHILE(
        e, corim_triples(items, tee, arena, &triples, e), "measurements of %s", tee);
    if (triples.ptr == NULL)
        return SELFSAME_OK;
    put_comid(&w, f->s, tee, triples);
    TRY(room(w.need, arena, &w, e));
    put_comid(&w, f->s, tee, triples);
    f->comid[f->count++] = writer_bytes(&w);
    return SELFSAME_OK;
}

/* ---- CoRIM ---- */

static void
put_corim(struct writer *w, const struct frame *f)
{
    cbor_put_tag(w, TAG_CORIM);
    cbor_put_map(w, 4);
    cbor_put_uint(w, 0);
    put_id(w, f->s->sha256, NULL);
    cbor_put_uint(w, 1); /* tags */
    cbor_put_array(w, f->count);
    for (size_t i = 0; i < f->count; i++) {
        cbor_put_tag(w, TAG_COMID);
        cbor_put_bytes(w, f->comid[i]);
    }
    cbor_put_uint(w, 3);
    cbor_put_tag(w, TAG_URI);
    cbor_put_str(w, CORIM_PROFILE);
    cbor_put_uint(w, 4);
    put_validity(w, &f->s->release);
}

/* corim-meta: who signs, and for how long. */
static void
put_meta(struct writer *w, const struct release *r)
{
    char signer[STATEMENT_NAME + 32];

    (void)snprintf(signer, sizeof(signer), "publisher of %s", r->name);
    cbor_put_map(w, 2);
    cbor_put_uint(w, 0);
    cbor_put_map(w, 1);
    cbor_put_uint(w, 0);
    cbor_put_str(w, signer);
    cbor_put_uint(w, 1);
    put_validity(w, r);
}

static enum selfsame_code
protected_of(const struct release *r, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    uint8_t meta[STATEMENT_NAME + 96], keyid[HASH_MAX];
    struct writer m = writer_of(meta, sizeof(meta)), w;
    struct selfsame_bytes spki;

    TRY(key_spki(key, arena, &spki, e));
    if (!hash_bytes(HASH_SHA256, spki, keyid))
        FAIL(e, SELFSAME_NOMEM, "CoRIM: out of memory");
    put_meta(&m, r);
    TRY(room(m.len + 128, arena, &w, e));
    cbor_put_map(&w, 4);
    cbor_put_int(&w, 1);
    cbor_put_int(&w, COSE_EDDSA);
    cbor_put_int(&w, 3);
    cbor_put_str(&w, "application/rim+cbor");
    cbor_put_int(&w, 4); /* kid: as in the release's envelope */
    cbor_put_bytes(&w, BYTES(keyid, 32));
    cbor_put_int(&w, 8);
    cbor_put_bytes(&w, writer_bytes(&m));
    if (m.bad || w.bad)
        FAIL(e, SELFSAME_MALFORMED, "CoRIM: expected a name of at most %d bytes",
            (int)STATEMENT_NAME);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

static enum selfsame_code
sign(const struct release *r, const struct key *key, struct arena *arena,
    struct selfsame_bytes *corim, struct selfsame_err *e)
{
    struct cose_sign1 s = { .payload = *corim };
    struct selfsame_bytes signature;
    struct cose_tbs tbs;
    struct writer w;

    if (key_type_of(key) != KEY_ED25519)
        FAIL(e, SELFSAME_USAGE, "publisher key: expected Ed25519, got another");
    TRY(protected_of(r, key, arena, &s.protected_, e));
    cose_sign1_tbs(&s, BYTES_NONE, &tbs);
    TRY(room(s.payload.len + s.protected_.len + 64, arena, &w, e));
    for (size_t i = 0; i < tbs.count; i++)
        put_bytes(&w, tbs.part[i]);
    assert(!w.bad);
    TRY(key_sign(key, HASH_SHA256, writer_bytes(&w), arena, &signature, e));
    TRY(room(s.payload.len + s.protected_.len + signature.len + 64, arena, &w, e));
    cose_sign1_put(&w, true, s.protected_, s.payload, signature);
    assert(!w.bad);
    *corim = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
corim_of_release(const struct statement *s, const struct key *key, struct arena *arena,
    struct selfsame_bytes *ret, struct selfsame_err *e)
{
    struct frame f = { .s = s };
    struct writer w = writer_of(NULL, 0);
    auto_json *items = NULL;

    if (s->kind != STATEMENT_RELEASE)
        FAIL(e, SELFSAME_USAGE, "CoRIM: expected a release, got another statement");
    TRY(json_parse(s->release.measurements, "measurements", &items, e));
    for (size_t i = 0; i < COUNT(corim_tees); i++)
        TRY(add_comid(&f, items, corim_tees[i], arena, e));
    if (f.count == 0)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "CoRIM: expected a measurement of a known TEE, got none");
    put_corim(&w, &f);
    TRY(room(w.need, arena, &w, e));
    put_corim(&w, &f);
    struct selfsame_bytes corim = writer_bytes(&w);
    if (key != NULL)
        TRY(sign(&s->release, key, arena, &corim, e));
    *ret = corim;
    return SELFSAME_OK;
}
