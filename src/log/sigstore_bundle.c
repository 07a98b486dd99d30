/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

/*
 * Bundles (sigstore/protobuf-specs, sigstore_bundle.proto), in the JSON that all clients
 * write. Other members than those of the version are refused, as Go's parser does: what
 * nobody reads, nobody verifies.
 */
static const char what[] = "Sigstore bundle";

#define LIT(s)                              \
    {                                       \
        (const uint8_t *)(s), sizeof(s) - 1 \
    }
/* extendedKeyUsage and subjectAltName: both are read here. */
static const struct selfsame_bytes critical[] = { LIT("\x55\x1d\x25"),
    LIT("\x55\x1d\x11") };
const struct cert_profile sigstore_profile = {
    .handled = critical, .handled_count = COUNT(critical), .ed25519 = true
};

static const struct {
    const char *media;
    unsigned minor;
} versions[] = {
    { "application/vnd.dev.sigstore.bundle+json;version=0.1", 1 },
    { "application/vnd.dev.sigstore.bundle+json;version=0.2", 2 },
    { "application/vnd.dev.sigstore.bundle+json;version=0.3", 3 },
    { "application/vnd.dev.sigstore.bundle.v0.3+json", 3 },
};

static enum selfsame_code
parse_version(const json_t *j, struct sigstore_bundle *b, struct selfsame_err *e)
{
    struct selfsame_bytes media;
    char brief[SJ_BRIEF];

    TRY(sj_text(j, "mediaType", what, &media, e));
    for (size_t i = 0; i < COUNT(versions); i++)
        if (bytes_eq(media, bytes_str(versions[i].media))) {
            b->minor = versions[i].minor;
            return SELFSAME_OK;
        }
    FAIL(e, SELFSAME_UNSUPPORTED, "%s: expected mediaType of v0.1 to v0.3, got \"%s\"",
        what, sj_brief(media, brief));
}

/* ---- certificates ---- */

static enum selfsame_code
parse_certificate(
    const json_t *j, struct arena *arena, struct cert *ret, struct selfsame_err *e)
{
    struct selfsame_bytes der;

    TRY(sj_only(j, "rawBytes", what, e));
    TRY(sj_base64(j, "rawBytes", what, arena, &der, e));
    return cert_parse_as(der, &sigstore_profile, ret, e);
}

/* The leaf comes first; the others are the log's and ours to know, and no root may be among them. */
static enum selfsame_code
parse_chain(const json_t *j, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *list;
    size_t count = 0;

    TRY(sj_only(j, "certificates", what, e));
    TRY(sj_array(j, "certificates", SIGSTORE_CHAIN, what, &list, &count, e));
    if (count == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected certificates, got an empty chain",
            what);
    for (size_t i = 0; i < count; i++) {
        struct cert c;

        TRY_WHILE(e, parse_certificate(json_array_get(list, i), arena, &c, e),
            "%s: certificate %zu", what, i);
        if (bytes_eq(c.issuer, c.subject))
            FAIL(e, SELFSAME_LOG,
                "%s: expected no root among its certificates, got one", what);
        if (i == 0)
            b->cert = c;
    }
    return SELFSAME_OK;
}

static enum selfsame_code
parse_signer(const json_t *material, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *one, *chain, *key;

    TRY(sj_object(material, "certificate", what, &one, e));
    TRY(sj_object(material, "x509CertificateChain", what, &chain, e));
    TRY(sj_object(material, "publicKey", what, &key, e));
    if ((one != NULL) + (chain != NULL) + (key != NULL) != 1)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected one of certificate, x509CertificateChain and publicKey",
            what);
    b->by_key = key != NULL;
    if (key != NULL)
        return sj_only(key, "hint", what, e);
    if ((b->minor >= 3) != (one != NULL))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a %s in v0.%u, got another", what,
            b->minor >= 3 ? "certificate" : "x509CertificateChain", b->minor);
    if (chain != NULL)
        return parse_chain(chain, arena, b, e);
    TRY_WHILE(e, parse_certificate(one, arena, &b->cert, e), "%s: certificate", what);
    if (bytes_eq(b->cert.issuer, b->cert.subject))
        FAIL(e, SELFSAME_LOG, "%s: expected no root as its certificate, got one", what);
    return SELFSAME_OK;
}

/* ---- log entries ---- */

static enum selfsame_code
parse_path(const json_t *j, struct arena *arena, struct sigstore_entry *n,
    struct selfsame_err *e)
{
    const json_t *list;
    size_t count = 0;

    TRY(sj_array(j, "hashes", LOG_PATH_MAX, what, &list, &count, e));
    uint8_t *hashes = arena_alloc(arena, LOG_HASH, count + 1);
    if (hashes == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    for (size_t i = 0; i < count; i++) {
        const json_t *h = json_array_get(list, i);
        size_t len = 0;

        if (!json_is_string(h) ||
            !base64_decode(json_string_value(h), json_string_length(h), false,
                hashes + i * LOG_HASH, LOG_HASH, &len) ||
            len != LOG_HASH)
            FAIL(e, SELFSAME_MALFORMED,
                "%s: expected hashes of 32 bytes in canonical base64", what);
    }
    n->path = (struct merkle_path){ hashes, count };
    return SELFSAME_OK;
}

static enum selfsame_code
parse_proof(const json_t *j, struct arena *arena, struct sigstore_entry *n,
    struct selfsame_err *e)
{
    const json_t *point;

    TRY(sj_only(j, "logIndex rootHash treeSize hashes checkpoint", what, e));
    TRY(sj_int(j, "logIndex", what, &n->proof_index, e));
    TRY(sj_int(j, "treeSize", what, &n->proof_size, e));
    TRY(sj_base64(j, "rootHash", what, arena, &n->root, e));
    TRY(parse_path(j, arena, n, e));
    TRY(sj_object(j, "checkpoint", what, &point, e));
    if (point != NULL) {
        TRY(sj_only(point, "envelope", what, e));
        TRY(sj_text(point, "envelope", what, &n->checkpoint, e));
    }
    n->has_proof = true;
    return SELFSAME_OK;
}

static enum selfsame_code
parse_entry(const json_t *j, struct arena *arena, struct sigstore_entry *n,
    struct selfsame_err *e)
{
    const json_t *id, *kind, *promise, *proof;

    TRY(sj_only(j,
        "logIndex logId kindVersion integratedTime inclusionPromise inclusionProof "
        "canonicalizedBody",
        what, e));
    TRY(sj_int(j, "logIndex", what, &n->index, e));
    TRY(sj_int(j, "integratedTime", what, &n->integrated_s, e));
    TRY(sj_object(j, "logId", what, &id, e));
    TRY(sj_object(j, "kindVersion", what, &kind, e));
    TRY(sj_object(j, "inclusionPromise", what, &promise, e));
    TRY(sj_object(j, "inclusionProof", what, &proof, e));
    TRY(sj_text(j, "canonicalizedBody", what, &n->body_text, e));
    TRY(sj_decode(n->body_text, "canonicalizedBody", what, arena, &n->body, e));
    if (id == NULL || kind == NULL || n->body.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected logId, kindVersion and canonicalizedBody, got fewer", what);
    TRY(sj_only(id, "keyId", what, e));
    TRY(sj_only(kind, "kind version", what, e));
    TRY(sj_base64(id, "keyId", what, arena, &n->log_id, e));
    TRY(sj_text(kind, "kind", what, &n->kind, e));
    TRY(sj_text(kind, "version", what, &n->version, e));
    if (promise != NULL) {
        TRY(sj_only(promise, "signedEntryTimestamp", what, e));
        TRY(sj_base64(promise, "signedEntryTimestamp", what, arena, &n->promise, e));
    }
    return proof != NULL ? parse_proof(proof, arena, n, e) : SELFSAME_OK;
}

static enum selfsame_code
parse_entries(const json_t *material, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *list;

    TRY(sj_array(
        material, "tlogEntries", SIGSTORE_ENTRIES, what, &list, &b->entry_count, e));
    if (b->entry_count == 0)
        FAIL(e, SELFSAME_LOG, "%s: expected an entry of a transparency log, got none",
            what);
    b->entries = ARENA_NEW(arena, struct sigstore_entry, b->entry_count);
    if (b->entries == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    for (size_t i = 0; i < b->entry_count; i++) {
        struct sigstore_entry *n = &b->entries[i];

        TRY_WHILE(
            e, parse_entry(json_array_get(list, i), arena, n, e), "log entry %zu", i);
        if (b->minor == 1 && n->promise.ptr == NULL)
            FAIL(e, SELFSAME_LOG,
                "log entry %zu: expected a promise (inclusionPromise) in v0.1, got "
                "none",
                i);
        if (b->minor > 1 && n->checkpoint.ptr == NULL)
            FAIL(e, SELFSAME_LOG,
                "log entry %zu: expected an inclusion proof with a checkpoint in "
                "v0.%u, got none",
                i, b->minor);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
parse_stamps(const json_t *material, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *data, *list;

    TRY(sj_object(material, "timestampVerificationData", what, &data, e));
    if (data != NULL)
        TRY(sj_only(data, "rfc3161Timestamps", what, e));
    TRY(sj_array(
        data, "rfc3161Timestamps", SIGSTORE_STAMPS, what, &list, &b->stamp_count, e));
    b->stamps = ARENA_NEW(arena, struct selfsame_bytes, b->stamp_count + 1);
    if (b->stamps == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    for (size_t i = 0; i < b->stamp_count; i++) {
        const json_t *one = json_array_get(list, i);

        TRY(sj_only(one, "signedTimestamp", what, e));
        TRY(sj_base64(one, "signedTimestamp", what, arena, &b->stamps[i], e));
    }
    return SELFSAME_OK;
}

/* ---- what is signed ---- */

static enum selfsame_code
parse_dsse(const json_t *j, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *list;
    size_t count = 0;

    TRY(sj_only(j, "payload payloadType signatures", what, e));
    TRY(sj_base64(j, "payload", what, arena, &b->payload, e));
    TRY(sj_text(j, "payloadType", what, &b->payload_type, e));
    TRY(sj_array(j, "signatures", SIGSTORE_ENTRIES, what, &list, &count, e));
    if (count != 1)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected one signature in its DSSE envelope, got %zu", what, count);
    TRY(sj_only(json_array_get(list, 0), "sig keyid", what, e));
    TRY(sj_base64(json_array_get(list, 0), "sig", what, arena, &b->signature, e));
    b->is_dsse = true;
    return envelope_pae(b->payload_type, b->payload, arena, &b->pae, e);
}

static enum selfsame_code
parse_message(const json_t *j, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    struct selfsame_bytes alg;
    const json_t *digest;

    TRY(sj_only(j, "messageDigest signature", what, e));
    TRY(sj_base64(j, "signature", what, arena, &b->signature, e));
    TRY(sj_object(j, "messageDigest", what, &digest, e));
    if (digest == NULL)
        return SELFSAME_OK;
    TRY(sj_only(digest, "algorithm digest", what, e));
    TRY(sj_text(digest, "algorithm", what, &alg, e));
    TRY(sj_base64(digest, "digest", what, arena, &b->digest, e));
    if (!bytes_eq(alg, BYTES_LIT("SHA2_256")))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "%s: expected a messageDigest of SHA2_256, got another", what);
    if (b->digest.len != 32)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a messageDigest of 32 bytes, got %zu",
            what, b->digest.len);
    return SELFSAME_OK;
}

static enum selfsame_code
parse_content(const json_t *j, struct arena *arena, struct sigstore_bundle *b,
    struct selfsame_err *e)
{
    const json_t *message, *dsse;

    TRY(sj_object(j, "messageSignature", what, &message, e));
    TRY(sj_object(j, "dsseEnvelope", what, &dsse, e));
    if ((message != NULL) == (dsse != NULL))
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected one of messageSignature and dsseEnvelope", what);
    TRY(dsse != NULL ? parse_dsse(dsse, arena, b, e)
                     : parse_message(message, arena, b, e));
    if (b->signature.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a signature, got none", what);
    return SELFSAME_OK;
}

enum selfsame_code
sigstore_bundle_parse(const json_t *j, struct arena *arena, struct sigstore_bundle *ret,
    struct selfsame_err *e)
{
    struct sigstore_bundle b = { .minor = 0 };
    const json_t *material;

    if (!json_is_object(j))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a JSON object", what);
    TRY(parse_version(j, &b, e));
    TRY(sj_only(
        j, "mediaType verificationMaterial messageSignature dsseEnvelope", what, e));
    TRY(sj_object(j, "verificationMaterial", what, &material, e));
    if (material == NULL)
        FAIL(
            e, SELFSAME_MALFORMED, "%s: expected verificationMaterial, got none", what);
    TRY(sj_only(material,
        "certificate x509CertificateChain publicKey tlogEntries "
        "timestampVerificationData",
        what, e));
    TRY(parse_content(j, arena, &b, e));
    TRY(parse_signer(material, arena, &b, e));
    TRY(parse_entries(material, arena, &b, e));
    TRY(parse_stamps(material, arena, &b, e));
    *ret = b;
    return SELFSAME_OK;
}

bool
sigstore_looks_like(struct selfsame_bytes in)
{
    struct selfsame_bytes media = BYTES_LIT("application/vnd.dev.sigstore.bundle");
    size_t at = 0;

    while (at < in.len && (in.ptr[at] == ' ' || in.ptr[at] == '\n' ||
                              in.ptr[at] == '\r' || in.ptr[at] == '\t'))
        at++;
    if (in.len > SIGSTORE_BUNDLE_MAX || at == in.len || in.ptr[at] != '{')
        return false;
    for (; at + media.len <= in.len; at++)
        if (in.ptr[at] == 'a' &&
            bytes_has_prefix(BYTES(in.ptr + at, in.len - at), media))
            return true;
    return false;
}
