/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

#include "codec/pem.h"

/*
 * What was logged must be what is in the bundle: digest, signature, and key or certificate.
 * The formats are Rekor's (pkg/types of v1, pb/rekor/v2 of v2). Members that are not
 * compared say nothing to us.
 */
static const char what[] = "log entry";

/* ---- comparing ---- */

static const struct {
    const char *v1, *v2;
    enum hash_alg hash;
} digests[] = {
    { "sha256", "SHA2_256", HASH_SHA256 },
    { "sha384", "SHA2_384", HASH_SHA384 },
    { "sha512", "SHA2_512", HASH_SHA512 },
};

/* Of the message (whose SHA-256 alone is known) or the PAE, or of the payload. */
static enum selfsame_code
digest_of(const struct sigstore_work *w, bool payload, struct selfsame_bytes name,
    uint8_t store[static HASH_MAX], struct selfsame_bytes *ret, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;

    for (size_t i = 0; i < COUNT(digests); i++) {
        if (!bytes_eq(name, bytes_str(digests[i].v1)) &&
            !bytes_eq(name, bytes_str(digests[i].v2)))
            continue;
        if (!b->is_dsse && digests[i].hash != HASH_SHA256)
            break;
        *ret = w->expect->artifact;
        if (!b->is_dsse)
            return SELFSAME_OK;
        if (!hash_bytes(digests[i].hash, payload ? b->payload : b->pae, store))
            FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
        *ret = BYTES(store, hash_size(digests[i].hash));
        return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_UNSUPPORTED,
        "%s: expected a digest by SHA-256 (or -384 or -512 of an envelope), got "
        "another",
        what);
}

/* {"algorithm": name, member: digest}, in hexadecimal (v1) or base64 (v2). */
static enum selfsame_code
check_digest(const struct sigstore_work *w, const json_t *j, bool payload,
    struct selfsame_err *e)
{
    struct selfsame_bytes name, text, got = BYTES_NONE, want;
    uint8_t store[HASH_MAX], raw[HASH_MAX];
    size_t len = 0;

    TRY(sj_text(j, "algorithm", what, &name, e));
    TRY(digest_of(w, payload, name, store, &want, e));
    TRY(sj_text(j, "value", what, &text, e));
    if (text.ptr != NULL &&
        hex_decode((const char *)text.ptr, text.len, raw, sizeof(raw), &len))
        got = BYTES(raw, len);
    else
        TRY(sj_base64(j, "digest", what, w->arena, &got, e));
    if (!bytes_eq(got, want))
        FAIL(e, SELFSAME_LOG, "%s: expected the digest of the bundle's %s, got another",
            what, payload ? "payload" : "message");
    return SELFSAME_OK;
}

static enum selfsame_code
check_signature(
    const struct sigstore_work *w, struct selfsame_bytes got, struct selfsame_err *e)
{
    if (!bytes_eq(got, w->bundle->signature))
        FAIL(e, SELFSAME_LOG, "%s: expected the bundle's signature, got another", what);
    return SELFSAME_OK;
}

static enum selfsame_code
check_signer(
    const struct sigstore_work *w, struct selfsame_bytes der, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;

    if (!bytes_eq(der, b->by_key ? w->signer.spki : b->cert.der))
        FAIL(e, SELFSAME_LOG, "%s: expected the bundle's %s, got another", what,
            b->by_key ? "public key" : "certificate");
    return SELFSAME_OK;
}

/* v1: a member with PEM in base64. */
static enum selfsame_code
check_pem(const struct sigstore_work *w, const json_t *j, const char *name,
    struct selfsame_err *e)
{
    struct selfsame_bytes pem, der = BYTES_NONE;

    TRY(sj_base64(j, name, what, w->arena, &pem, e));
    TRY_WHILE(e,
        pem_next(
            &pem, w->bundle->by_key ? "PUBLIC KEY" : "CERTIFICATE", w->arena, &der, e),
        "%s: \"%s\"", what, name);
    return check_signer(w, der, e);
}

/* v2: {"content", "verifier": {"x509Certificate" | "publicKey": {"rawBytes"}}} */
static enum selfsame_code
check_v2_signature(
    const struct sigstore_work *w, const json_t *j, struct selfsame_err *e)
{
    struct selfsame_bytes content, der;
    const json_t *verifier, *signer;

    TRY(sj_base64(j, "content", what, w->arena, &content, e));
    TRY(check_signature(w, content, e));
    TRY(sj_object(j, "verifier", what, &verifier, e));
    TRY(sj_object(verifier, w->bundle->by_key ? "publicKey" : "x509Certificate", what,
        &signer, e));
    TRY(sj_base64(signer, "rawBytes", what, w->arena, &der, e));
    return check_signer(w, der, e);
}

/* The one element of an array of signatures. */
static enum selfsame_code
only_signature(const json_t *j, const json_t **ret, struct selfsame_err *e)
{
    const json_t *list;
    size_t count = 0;

    TRY(sj_array(j, "signatures", SIGSTORE_ENTRIES, what, &list, &count, e));
    if (count != 1)
        FAIL(e, SELFSAME_LOG, "%s: expected one signature, got %zu", what, count);
    *ret = json_array_get(list, 0);
    return SELFSAME_OK;
}

/* ---- kinds ---- */

static enum selfsame_code
hashedrekord_v1(
    const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e)
{
    const json_t *data, *hash, *signature, *key;
    struct selfsame_bytes content;

    TRY(sj_object(spec, "data", what, &data, e));
    TRY(sj_object(data, "hash", what, &hash, e));
    TRY(check_digest(w, hash, false, e));
    TRY(sj_object(spec, "signature", what, &signature, e));
    TRY(sj_base64(signature, "content", what, w->arena, &content, e));
    TRY(check_signature(w, content, e));
    TRY(sj_object(signature, "publicKey", what, &key, e));
    return check_pem(w, key, "content", e);
}

static enum selfsame_code
hashedrekord_v2(
    const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e)
{
    const json_t *inner, *data, *signature;

    TRY(sj_object(spec, "hashedRekordV002", what, &inner, e));
    TRY(sj_object(inner, "data", what, &data, e));
    TRY(check_digest(w, data, false, e));
    TRY(sj_object(inner, "signature", what, &signature, e));
    return check_v2_signature(w, signature, e);
}

/* Its envelopeHash is of an envelope as JSON, which no two clients write alike. */
static enum selfsame_code
dsse_v1(const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e)
{
    const json_t *hash, *one = NULL;
    struct selfsame_bytes signature;

    TRY(sj_object(spec, "payloadHash", what, &hash, e));
    TRY(check_digest(w, hash, true, e));
    TRY(only_signature(spec, &one, e));
    TRY(sj_base64(one, "signature", what, w->arena, &signature, e));
    TRY(check_signature(w, signature, e));
    return check_pem(w, one, "verifier", e);
}

static enum selfsame_code
dsse_v2(const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e)
{
    const json_t *inner, *hash, *one = NULL;

    TRY(sj_object(spec, "dsseV002", what, &inner, e));
    TRY(sj_object(inner, "payloadHash", what, &hash, e));
    TRY(check_digest(w, hash, true, e));
    TRY(only_signature(inner, &one, e));
    return check_v2_signature(w, one, e);
}

/* A kind of v1, whose signature is in base64 twice. */
static enum selfsame_code
intoto_v1(const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e)
{
    const json_t *content, *hash, *envelope, *one = NULL;
    struct selfsame_bytes text, signature;

    TRY(sj_object(spec, "content", what, &content, e));
    TRY(sj_object(content, "payloadHash", what, &hash, e));
    TRY(check_digest(w, hash, true, e));
    TRY(sj_object(content, "envelope", what, &envelope, e));
    TRY(only_signature(envelope, &one, e));
    TRY(sj_base64(one, "sig", what, w->arena, &text, e));
    TRY(sj_decode(text, "sig", what, w->arena, &signature, e));
    TRY(check_signature(w, signature, e));
    return check_pem(w, one, "publicKey", e);
}

static const struct kind {
    const char *kind, *version;
    bool v2, dsse_alone;
    enum selfsame_code (*check)(
        const struct sigstore_work *w, const json_t *spec, struct selfsame_err *e);
} kinds[] = {
    { "hashedrekord", "0.0.1", false, false, hashedrekord_v1 },
    { "hashedrekord", "0.0.2", true, false, hashedrekord_v2 },
    { "dsse", "0.0.1", false, true, dsse_v1 },
    { "dsse", "0.0.2", true, true, dsse_v2 },
    { "intoto", "0.0.2", false, true, intoto_v1 },
};

static const struct kind *
kind_of(const struct sigstore_entry *n)
{
    for (size_t i = 0; i < COUNT(kinds); i++)
        if (bytes_eq(n->kind, bytes_str(kinds[i].kind)) &&
            bytes_eq(n->version, bytes_str(kinds[i].version)))
            return &kinds[i];
    return NULL;
}

bool
sigstore_entry_is_v2(const struct sigstore_entry *n)
{
    const struct kind *k = kind_of(n);

    return k != NULL && k->v2;
}

enum selfsame_code
sigstore_check_body(
    struct sigstore_work *w, const struct sigstore_entry *n, struct selfsame_err *e)
{
    const struct kind *k = kind_of(n);
    struct selfsame_bytes kind, version;
    char brief[2][SJ_BRIEF];
    auto_json *j = NULL;
    const json_t *spec;

    if (k == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%s: expected hashedrekord, dsse or intoto 0.0.2, got %.40s %.20s", what,
            sj_brief(n->kind, brief[0]), sj_brief(n->version, brief[1]));
    TRY(json_parse(n->body, what, &j, e));
    TRY(sj_text(j, "kind", what, &kind, e));
    TRY(sj_text(j, "apiVersion", what, &version, e));
    if (!bytes_eq(kind, n->kind) || !bytes_eq(version, n->version))
        FAIL(e, SELFSAME_LOG,
            "%s: expected a body of the kind that is said beside it, got another",
            what);
    if (k->dsse_alone && !w->bundle->is_dsse)
        FAIL(e, SELFSAME_LOG,
            "%s: expected one of a plain signature, got one of an envelope", what);
    TRY(sj_object(j, "spec", what, &spec, e));
    return k->check(w, spec, e);
}
