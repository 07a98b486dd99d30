/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

#include "log/statement.h"

/*
 * The order: shape, digest, time stamps, promises, entries and what they say, certificate,
 * its timestamp, identity, signature, statement. What is cheap and what names the fault
 * best comes first; nothing of a bundle is handed out before all of it holds.
 */

/* ---- shared by the parts ---- */

enum selfsame_code
sigstore_as_log(enum selfsame_code code, const char *what, struct selfsame_err *e)
{
    if (code == SELFSAME_OK)
        return SELFSAME_OK;
    if (code != SELFSAME_NOMEM && code != SELFSAME_UNSUPPORTED) {
        code = SELFSAME_LOG;
        e->code = code;
    }
    return err_wrap(e, code, __FILE__, __LINE__, "%s", what);
}

enum selfsame_code
sigstore_add_time(
    struct sigstore_work *w, int64_t time_s, const char *who, struct selfsame_err *e)
{
    char at[TIME_TEXT];

    time_format(time_s, at);
    if (w->time_count == SIGSTORE_TIMES)
        FAIL(
            e, SELFSAME_LOG, "%s: expected at most %d times", who, (int)SIGSTORE_TIMES);
    if (time_s - SIGSTORE_SKEW_S > w->expect->now_s)
        FAIL(e, SELFSAME_LOG, "%s: expected a time in the past, got %s", who, at);
    w->time_s[w->time_count++] = time_s;
    return SELFSAME_OK;
}

/* `digest`: of a message, SHA-256; absent: the message itself is there. */
static enum selfsame_code
check_with(const struct sigstore_key *k, struct selfsame_bytes message,
    struct selfsame_bytes digest, struct selfsame_bytes signature,
    struct selfsame_err *e)
{
    uint8_t store[HASH_MAX], rs[2 * 66];
    struct sig_check check = {
        .alg = k->alg, .hash = HASH_SHA256, .key = k->key, .signature = signature
    };

    if (k->alg == SIG_P384)
        check.hash = HASH_SHA384;
    if (k->alg == SIG_P521)
        check.hash = HASH_SHA512;
    if (digest.ptr != NULL && (check.hash != HASH_SHA256 || k->alg == SIG_ED25519))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "expected a P-256 or RSA key for a plain signature, got another");
    check.digest = digest.ptr != NULL ? digest : message;
    if (k->alg != SIG_ED25519 && digest.ptr == NULL) {
        if (!hash_bytes(check.hash, message, store))
            FAIL(e, SELFSAME_NOMEM, "out of memory");
        check.digest = BYTES(store, hash_size(check.hash));
    }
    if (k->alg == SIG_P256 || k->alg == SIG_P384 || k->alg == SIG_P521) {
        size_t half = k->key.len / 2;

        if (!sig_ecdsa_from_der(signature, half, rs))
            FAIL(e, SELFSAME_BAD_SIGNATURE,
                "expected a DER ECDSA-Sig-Value, got other bytes");
        check.signature = BYTES(rs, 2 * half);
    }
    return sig_verify(&check, e);
}

enum selfsame_code
sigstore_signed(const struct sigstore_key *k, struct selfsame_bytes message,
    struct selfsame_bytes signature, const char *what, struct selfsame_err *e)
{
    return sigstore_as_log(check_with(k, message, BYTES_NONE, signature, e), what, e);
}

/* ---- the steps ---- */

static enum selfsame_code
check_expectations(const struct sigstore_expect *x, struct selfsame_err *e)
{
    bool names = x->identity != NULL || x->identity_pattern != NULL;

    if (x->key.ptr != NULL && !names && x->issuer == NULL)
        return SELFSAME_OK;
    if (x->key.ptr != NULL || x->issuer == NULL ||
        (x->identity != NULL) == (x->identity_pattern != NULL))
        FAIL(e, SELFSAME_USAGE,
            "Sigstore: expected a key, or an issuer and one of identity and pattern");
    if (x->identity_pattern != NULL &&
        (strlen(x->identity_pattern) > SIGSTORE_PATTERN_MAX ||
            x->identity_pattern[0] == '\0'))
        FAIL(e, SELFSAME_USAGE, "Sigstore: expected a pattern of 1 to %d bytes",
            (int)SIGSTORE_PATTERN_MAX);
    return SELFSAME_OK;
}

static enum selfsame_code
pick_signer(struct sigstore_work *w, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;
    bool want_key = w->expect->key.ptr != NULL;

    if (want_key != b->by_key)
        FAIL(e, SELFSAME_DENIED, "signer: expected a %s, got a %s",
            want_key ? "public key" : "certificate",
            want_key ? "certificate" : "public key");
    if (want_key) {
        w->signer.spki = w->expect->key;
        return spki_parse(w->signer.spki, &w->signer.alg, &w->signer.key, e);
    }
    w->signer = (struct sigstore_key){
        .spki = b->cert.spki, .alg = b->cert.key_alg, .key = b->cert.key
    };
    return SELFSAME_OK;
}

static enum selfsame_code
check_artifact(const struct sigstore_work *w, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;
    struct selfsame_bytes artifact = w->expect->artifact;

    if (artifact.ptr != NULL && artifact.len != 32)
        FAIL(e, SELFSAME_USAGE, "Sigstore: expected a SHA-256 of the artifact");
    if (b->is_dsse)
        return SELFSAME_OK;
    if (artifact.ptr == NULL)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "Sigstore bundle: expected a DSSE envelope, got a plain signature");
    if (b->digest.ptr != NULL && !bytes_eq(b->digest, artifact))
        FAIL(e, SELFSAME_MISMATCH,
            "Sigstore bundle: expected the digest of this artifact, got another");
    return SELFSAME_OK;
}

static enum selfsame_code
check_stamp_by(const struct sigstore_work *w, const struct timestamp *t,
    const struct sigstore_authority *a, struct selfsame_err *e)
{
    const char *who = "time-stamping authority";

    TRY(timestamp_verify(t, w->bundle->signature, a->cert, a->count, w->arena, e));
    TRY(sigstore_period_check(&a->valid, t->time_s, who, e));
    return t->fraction ? sigstore_period_check(&a->valid, t->time_s + 1, who, e)
                       : SELFSAME_OK;
}

/* The same authority may be there for several periods. */
static enum selfsame_code
check_stamp(
    const struct sigstore_work *w, const struct timestamp *t, struct selfsame_err *e)
{
    const struct sigstore_root *r = w->root;
    enum selfsame_code code = SELFSAME_LOG;
    bool known = false;

    for (size_t i = 0; i < r->tsa_count; i++) {
        const struct sigstore_authority *a = &r->tsas[i];

        if (!timestamp_names(t, a->cert, a->count))
            continue;
        known = true;
        *e = (struct selfsame_err){ .code = SELFSAME_OK };
        code = check_stamp_by(w, t, a, e);
        if (code == SELFSAME_OK)
            return SELFSAME_OK;
    }
    if (known)
        return code;
    FAIL(e, SELFSAME_LOG,
        "time stamp: expected a signer of an authority of the trusted root, got "
        "another");
}

static enum selfsame_code
check_stamps(struct sigstore_work *w, struct selfsame_err *e)
{
    for (size_t i = 0; i < w->bundle->stamp_count; i++) {
        struct timestamp t = { .fraction = false };

        TRY(timestamp_parse(w->bundle->stamps[i], &t, e));
        TRY(sigstore_as_log(check_stamp(w, &t, e), "verifying a time stamp", e));
        TRY(sigstore_add_time(w, t.time_s, "time stamp", e));
        if (t.fraction)
            TRY(sigstore_add_time(w, t.time_s + 1, "time stamp", e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_entries(struct sigstore_work *w, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;

    TRY(check_stamps(w, e));
    for (size_t i = 0; i < b->entry_count; i++)
        TRY(sigstore_check_promise(w, &b->entries[i], e));
    if (w->time_count == 0)
        FAIL(e, SELFSAME_LOG,
            "Sigstore bundle: expected a time stamp or a promise of a log, got no time "
            "that anybody signed");
    for (size_t i = 0; i < b->entry_count; i++) {
        TRY(sigstore_check_entry(w, &b->entries[i], e));
        TRY(sigstore_check_body(w, &b->entries[i], e));
    }
    return SELFSAME_OK;
}

static enum selfsame_code
check_signer(
    struct sigstore_work *w, struct sigstore_claims *ret, struct selfsame_err *e)
{
    if (w->bundle->by_key)
        return SELFSAME_OK;
    TRY(sigstore_check_chain(w, e));
    TRY(sigstore_check_sct(w, e));
    return sigstore_check_identity(w, ret, e);
}

static enum selfsame_code
check_signature(const struct sigstore_work *w, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;

    return sigstore_as_log(
        check_with(&w->signer, b->pae, b->is_dsse ? BYTES_NONE : w->expect->artifact,
            b->signature, e),
        "signature of the bundle", e);
}

/* ---- the statement (in-toto v1, and v0.1, of which the same members are used) ---- */

static enum selfsame_code
check_subjects(
    const json_t *statement, struct selfsame_bytes artifact, struct selfsame_err *e)
{
    const json_t *list, *digest;
    struct selfsame_bytes text;
    size_t count = 0;
    char hex[65];

    TRY(sj_array(statement, "subject", STATEMENT_LIST, "statement", &list, &count, e));
    hex_encode(artifact, hex);
    for (size_t i = 0; i < count; i++) {
        TRY(sj_object(json_array_get(list, i), "digest", "statement", &digest, e));
        TRY(sj_text(digest, "sha256", "statement", &text, e));
        if (bytes_eq(text, bytes_str(hex)))
            return SELFSAME_OK;
    }
    FAIL(e, SELFSAME_MISMATCH,
        "statement: expected this artifact among %zu subjects, got others", count);
}

static enum selfsame_code
check_statement(
    const struct sigstore_work *w, struct sigstore_claims *ret, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;
    const struct sigstore_expect *x = w->expect;
    struct selfsame_bytes type, predicate;
    auto_json *j = NULL;

    if (!bytes_eq(b->payload_type, bytes_str(STATEMENT_PAYLOAD)))
        FAIL(e, SELFSAME_UNSUPPORTED, "Sigstore bundle: expected payloadType %s",
            STATEMENT_PAYLOAD);
    TRY(json_parse(b->payload, "statement", &j, e));
    TRY(sj_text(j, "_type", "statement", &type, e));
    TRY(sj_text(j, "predicateType", "statement", &predicate, e));
    if (!bytes_eq(type, bytes_str(STATEMENT_TYPE)) &&
        !bytes_eq(type, BYTES_LIT("https://in-toto.io/Statement/v0.1")))
        FAIL(e, SELFSAME_UNSUPPORTED, "statement: expected _type %s", STATEMENT_TYPE);
    if (x->predicate_type != NULL && !bytes_eq(predicate, bytes_str(x->predicate_type)))
        FAIL(e, SELFSAME_DENIED, "statement: expected predicateType %.60s, got another",
            x->predicate_type);
    if (x->artifact.ptr != NULL)
        TRY(check_subjects(j, x->artifact, e));
    ret->predicate_type = arena_str(w->arena, predicate);
    if (ret->predicate_type == NULL ||
        !arena_dup(w->arena, b->payload_type, &ret->payload_type))
        FAIL(e, SELFSAME_NOMEM, "statement: out of memory");
    ret->payload = b->payload;
    return SELFSAME_OK;
}

static enum selfsame_code
fill_claims(
    const struct sigstore_work *w, struct sigstore_claims *c, struct selfsame_err *e)
{
    const struct sigstore_bundle *b = w->bundle;
    const struct sigstore_log *log = sigstore_log_of(w->root, &b->entries[0]);

    c->log = arena_str(w->arena, log->url);
    if (c->log == NULL)
        FAIL(e, SELFSAME_NOMEM, "Sigstore bundle: out of memory");
    /* The number of a shard's entry is the one of the log only by the log's promise. */
    c->log_index = b->entries[0].promise.ptr != NULL ? b->entries[0].index
                                                     : b->entries[0].proof_index;
    c->included = true;
    for (size_t i = 0; i < b->entry_count; i++)
        c->included = c->included && b->entries[i].checkpoint.ptr != NULL;
    c->signed_s = c->signed_until_s = w->time_s[0];
    for (size_t i = 1; i < w->time_count; i++) {
        if (w->time_s[i] < c->signed_s)
            c->signed_s = w->time_s[i];
        if (w->time_s[i] > c->signed_until_s)
            c->signed_until_s = w->time_s[i];
    }
    return SELFSAME_OK;
}

enum selfsame_code
sigstore_verify(struct selfsame_bytes bundle, const struct sigstore_expect *expect,
    const struct sigstore_root *root, struct arena *arena, struct sigstore_claims *ret,
    struct selfsame_err *e)
{
    struct sigstore_claims claims = { .included = false };
    struct sigstore_bundle b = { .minor = 0 };
    struct sigstore_work w = {
        .bundle = &b, .expect = expect, .root = root, .arena = arena
    };
    auto_json *j = NULL;

    TRY(check_expectations(expect, e));
    if (bundle.len > SIGSTORE_BUNDLE_MAX)
        FAIL(e, SELFSAME_MALFORMED,
            "Sigstore bundle: expected at most %d bytes, got %zu",
            (int)SIGSTORE_BUNDLE_MAX, bundle.len);
    TRY(json_parse(bundle, "Sigstore bundle", &j, e));
    TRY(sigstore_bundle_parse(j, arena, &b, e));
    TRY(pick_signer(&w, e));
    TRY(check_artifact(&w, e));
    TRY(check_entries(&w, e));
    TRY(check_signer(&w, &claims, e));
    TRY(check_signature(&w, e));
    if (b.is_dsse)
        TRY(check_statement(&w, &claims, e));
    TRY(fill_claims(&w, &claims, e));
    *ret = claims;
    return SELFSAME_OK;
}
