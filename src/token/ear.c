/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A verdict as an attestation result (draft-ietf-rats-ear), in the dialect that is
 * deployed (veraison/ear) or that of the draft; flat members beside it for policies that
 * compare strings at the top level only.
 */
#include "token/token.h"

#include <stdlib.h>

#define PROFILE_DEPLOYED "tag:github.com,2023:veraison/ear"
#define PROFILE_DRAFT "tag:ietf.org,2026:rats/ear#03"
enum {
    EAR_SIZE = 5500, /* of the claims: with header, RSA-4096 and base64url 8 KiB */
    TOLERATED = -33, /* a warning of our own: the policy tolerates what is worse */
};

/* ---- statuses ---- */

enum ear_status
ear_tier(int value)
{
    if (value >= -1 && value <= 1)
        return EAR_NONE;
    if (value >= 96 || value <= -97)
        return EAR_CONTRAINDICATED;
    return value >= 32 || value <= -33 ? EAR_WARNING : EAR_AFFIRMING;
}

static const struct {
    enum ear_status status;
    const char *word;
} statuses[] = {
    { EAR_NONE, "none" },
    { EAR_AFFIRMING, "affirming" },
    { EAR_WARNING, "warning" },
    { EAR_CONTRAINDICATED, "contraindicated" },
};

const char *
ear_status_word(enum ear_status s)
{
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (statuses[i].status == s)
            return statuses[i].word;
    return "none";
}

enum ear_status
ear_status_of(const char *word)
{
    for (size_t i = 0; i < COUNT(statuses); i++)
        if (strcmp(statuses[i].word, word) == 0)
            return statuses[i].status;
    return EAR_NONE;
}

/*
 * A status is never better than the worst claim (AR4SI §3.2). Where the policy tolerates
 * what the vector condemns (a simulated TEE in tests), the claim says that it does.
 */
static void
vector_of(const struct verdict *v, int ret[static TRUST_COUNT])
{
    trust_vector_of(v, ret);
    for (size_t i = 0; i < TRUST_COUNT && v->accepted; i++)
        if (ear_tier(ret[i]) == EAR_CONTRAINDICATED)
            ret[i] = TOLERATED;
}

/* ---- an object under construction; after the first failure nothing is added ---- */

struct build {
    json_t *root;
    bool bad;
};

static void
put(struct build *b, const char *name, json_t *value)
{
    if (b->bad || json_object_set_new(b->root, name, value) != 0) {
        if (b->bad)
            json_decref(value);
        b->bad = true;
    }
}

static void
put_text(struct build *b, const char *name, const char *text)
{
    if (text != NULL)
        put(b, name, json_string(text));
}

static json_t *
hex_json(struct selfsame_bytes v)
{
    char text[2 * 64 + 1];

    if (v.len > 64)
        return json_string("");
    hex_encode(v, text);
    return json_string(text);
}

static json_t *
base64_json(struct selfsame_bytes v)
{
    char *text = malloc(BASE64_SIZE(v.len));

    if (text == NULL)
        return NULL;
    (void)base64_encode(v, true, text);
    json_t *j = json_string(text);
    free(text);
    return j;
}

/* ---- parts ---- */

static json_t *
vector_json(const struct verdict *v)
{
    struct build b = { json_object(), false };
    int vector[TRUST_COUNT];

    vector_of(v, vector);
    for (enum trust_claim i = 0; i < TRUST_COUNT; i++)
        put(&b, trust_word(i), json_integer(vector[i]));
    if (!b.bad)
        return b.root;
    json_decref(b.root);
    return NULL;
}

/* Why not, in the words of the verdict: which checks failed, and the class. */
static json_t *
policy_claims(const struct verdict *v)
{
    struct build b = { json_object(), false };
    json_t *failed = json_array(), *insecure = json_array();

    for (enum check_name i = 0; i < CHECK_COUNT; i++)
        if (v->checks.at[i].outcome == CHECK_FAIL &&
            json_array_append_new(failed, json_string(check_word(i))) != 0)
            b.bad = true;
    for (unsigned bit = 1; bit <= INSECURE_ANY_TCB; bit <<= 1)
        if ((v->insecure & bit) &&
            json_array_append_new(insecure, json_string(insecure_word(bit))) != 0)
            b.bad = true;
    put(&b, "class", json_string(selfsame_code_name(verdict_code(v))));
    put(&b, "failed", failed);
    put(&b, "insecure", insecure);
    if (!b.bad)
        return b.root;
    json_decref(b.root);
    return NULL;
}

static json_t *
claims_json(const struct verdict *v)
{
    json_t *root = json_object();

    for (size_t i = 0; root != NULL && v->claims.authentic && i < v->claims.count; i++)
        if (!claim_put_json(root, &v->claims.list[i])) {
            json_decref(root);
            return NULL;
        }
    return root;
}

struct names {
    const char *status, *vector, *policy, *claims, *policy_claims, *key;
};
static const struct names deployed_names = { "ear.status", "ear.trustworthiness-vector",
    "ear.appraisal-policy-id", "ear.veraison.annotated-evidence",
    "ear.veraison.policy-claims", "ear.veraison.key-attestation" };
static const struct names draft_names = { "ear_status", "ear_trustworthiness_vector",
    "ear_appraisal_policy_ids", "ear_veraison_annotated_evidence",
    "ear_veraison_policy_claims", "ear_veraison_key_attestation" };

static const struct names *
names_of(const struct ear_subject *s)
{
    return s->dialect == EAR_DRAFT ? &draft_names : &deployed_names;
}

/*
 * Whoever asks names the key; only where the binding held is the evidence about it, also
 * where the policy accepts evidence that is about nothing.
 */
static bool
is_about_key(const struct verdict *v, const struct ear_subject *s)
{
    return s->key.len > 0 && v->checks.at[CHECK_BINDING].outcome == CHECK_PASS;
}

static json_t *
submod_json(const struct verdict *v, const struct ear_subject *s)
{
    const struct names *n = names_of(s);
    struct build b = { json_object(), false };

    put(&b, n->status, json_string(verdict_status(v)));
    put(&b, n->vector, vector_json(v));
    if (s->policy_id != NULL)
        put(&b, n->policy,
            s->dialect == EAR_DRAFT ? json_pack("[s]", s->policy_id)
                                    : json_string(s->policy_id));
    put(&b, n->policy_claims, policy_claims(v));
    put(&b, n->claims, claims_json(v));
    if (is_about_key(v, s)) {
        json_t *spki = base64_json(s->key);
        put(&b, n->key, spki != NULL ? json_pack("{s:o}", "akpub", spki) : NULL);
    }
    if (!b.bad)
        return b.root;
    json_decref(b.root);
    return NULL;
}

/* RFC 7800: the key as a JWK where it is of a kind that has one here, else by its hash. */
static void
put_key(struct build *b, const struct verdict *v, const struct ear_subject *s)
{
    auto_arena arena = arena_new(64 << 10);
    struct selfsame_err ignored;
    uint8_t digest[HASH_MAX];
    struct jwk k;

    if (!is_about_key(v, s))
        return;
    const enum selfsame_code code = jwk_of_spki(
        s->key, JOSE_NONE, &arena, &k, &ignored);
    b->bad |= code == SELFSAME_NOMEM;
    if (code == SELFSAME_OK) {
        k.use = NULL;
        json_t *jwk = jwk_json(&k);
        if (jwk != NULL)
            (void)json_object_del(jwk, "alg");
        put(b, "cnf", jwk != NULL ? json_pack("{s:o}", "jwk", jwk) : NULL);
    }
    if (hash_bytes(HASH_SHA256, s->key, digest))
        put(b, "key_sha256", hex_json(BYTES(digest, 32)));
    else
        b->bad = true;
}

/* ---- flat members ---- */

/*
 * What identifies the code, in one string: the pin that covers everything, or where none
 * does (TDX: firmware, kernel and the rest apart) the SHA-384 of all of them, in order.
 */
static void
put_measurement(struct build *b, const struct verdict *v)
{
    enum { PINS = 8 };
    const struct selfsame_claims *c = &v->claims;
    struct selfsame_bytes pin[PINS];
    uint8_t digest[HASH_MAX];
    size_t count = 0;

    for (size_t i = 0; c->authentic && c->pins != NULL && c->pins[i] != NULL; i++) {
        const struct claim *found = claims_find(c, c->pins[i]);

        if (strcmp(c->pins[i], PINS_OR) == 0)
            break;
        if (found == NULL || found->kind != CLAIM_BYTES || count == PINS)
            return;
        pin[count++] = found->bytes;
    }
    if (count == 0)
        return;
    if (count == 1 || strcmp(c->tee, "nitro") == 0) /* PCR0 covers PCR1 and PCR2 */
        put(b, "measurement", hex_json(pin[0]));
    else if (hash_parts(HASH_SHA384, pin, count, digest))
        put(b, "measurement", hex_json(BYTES(digest, hash_size(HASH_SHA384))));
    else
        b->bad = true;
}

/* SHA-256 of the evidence's claims, members sorted, also where they are left out. */
static void
put_digest(struct build *b, const json_t *claims)
{
    char *text = json_sorted(claims);
    uint8_t digest[HASH_MAX];

    if (text != NULL && hash_bytes(HASH_SHA256, bytes_str(text), digest))
        put(b, "claims_digest", hex_json(BYTES(digest, 32)));
    else
        b->bad = true;
    free(text);
}

/*
 * Strings that are compared as a whole: only of evidence that was accepted does "sub" say
 * a release, so that whoever looks at nothing else is not misled.
 */
static void
put_flat(struct build *b, const struct verdict *v, const struct ear_subject *s)
{
    const char *tee = v->claims.tee != NULL ? v->claims.tee : "unknown";
    const struct identity *id = v->accepted ? v->identity : NULL;

    if (s->spiffe_id != NULL && v->accepted)
        put_text(b, "spiffe_id", s->spiffe_id);
    if (id != NULL)
        put(b, "sub", json_sprintf("release:%s:%s:%s", id->release, id->version, tee));
    else
        put(b, "sub", json_sprintf("%s:%s", v->accepted ? "tee" : "refused", tee));
    put_text(b, "tee", tee);
    if (id != NULL) {
        put_text(b, "release_name", id->release);
        put_text(b, "release_version", id->version);
        put(b, "release_sequence", json_integer((json_int_t)id->sequence));
    }
    put_measurement(b, v);
    put(b, "debug", json_boolean(v->claims.debug));
    put(b, "simulated", json_boolean(v->claims.simulated));
    put_text(b, "ear_status", verdict_status(v));
    put_text(b, "verdict_class", selfsame_code_name(verdict_code(v)));
    if (v->as_of) { /* of another time than iat: with collateral that is over */
        char at[TIME_TEXT];

        time_format(v->at_ms / 1000, at);
        put_text(b, "as_of", at);
    }
    if (s->evidence_sha256.len > 0)
        put(b, "evidence_sha256", hex_json(s->evidence_sha256));
}

static void
put_registered(struct build *b, const struct ear_subject *s)
{
    put_text(b, "iss", s->issuer);
    put_text(b, "aud", s->audience);
    put(b, "iat", json_integer((json_int_t)s->now_s));
    put(b, "nbf", json_integer((json_int_t)s->now_s));
    put(b, "exp", json_integer((json_int_t)(s->now_s + s->life_s)));
    put_text(b, "jti", s->token_id);
    if (s->nonce.len > 0) {
        put(b, "eat_nonce", base64_json(s->nonce));
        put_text(b, "nonce_origin", s->caller_nonce ? "caller" : "verifier");
    }
}

static const char *
submod_name(const struct verdict *v, const struct ear_subject *s)
{
    if (s->submod != NULL)
        return s->submod;
    return v->claims.tee != NULL ? v->claims.tee : "unknown";
}

static json_t *
build_claims(const struct verdict *v, const struct ear_subject *s)
{
    const bool draft = s->dialect == EAR_DRAFT;
    struct build b = { json_object(), false };
    json_t *submod = submod_json(v, s);

    put_text(&b, "eat_profile", draft ? PROFILE_DRAFT : PROFILE_DEPLOYED);
    put_registered(&b, s);
    put(&b, draft ? "ear_verifier_id" : "ear.verifier-id",
        json_pack("{s:s,s:s}", "developer", s->developer != NULL ? s->developer : "",
            "build", s->build != NULL ? s->build : ""));
    put_digest(&b, json_object_get(submod, names_of(s)->claims));
    put(&b, "submods",
        submod != NULL ? json_pack("{s:o}", submod_name(v, s), submod) : NULL);
    put_flat(&b, v, s);
    put_key(&b, v, s);
    if (s->extra != NULL && !b.bad && json_object_update(b.root, s->extra) != 0)
        b.bad = true;
    if (!b.bad)
        return b.root;
    json_decref(b.root);
    return NULL;
}

/* ---- the size: headers of the world take 8 KiB ---- */

/* The claims of the evidence go first, then the reasons, and that is said. */
static enum selfsame_code
text_of(json_t *root, const struct ear_subject *s, const char *name, char **ret,
    struct selfsame_err *e)
{
    const struct names *n = names_of(s);
    const char *const drop[] = { n->claims, n->policy_claims };
    json_t *submod = json_object_get(json_object_get(root, "submods"), name);

    for (size_t i = 0;; i++) {
        char *text = json_compact(root);
        const size_t len = text != NULL ? strlen(text) : 0;

        if (text == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for the claims of a token");
        if (len <= EAR_SIZE) {
            *ret = text;
            return SELFSAME_OK;
        }
        free(text);
        if (i == COUNT(drop))
            FAIL(e, SELFSAME_USAGE,
                "claims of a token: expected at most %d bytes, got %zu", (int)EAR_SIZE,
                len);
        (void)json_object_del(submod, drop[i]);
        if (json_object_set_new(root, "claims_left_out", json_true()) != 0)
            FAIL(e, SELFSAME_NOMEM, "no memory for the claims of a token");
    }
}

/* The claims, and as text. */
static enum selfsame_code
make(const struct verdict *v, const struct ear_subject *s, json_t **ret,
    char **ret_text, struct selfsame_err *e)
{
    auto_json *root = build_claims(v, s);

    if (root == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the claims of a token");
    TRY(text_of(root, s, submod_name(v, s), ret_text, e));
    *ret = json_incref(root);
    return SELFSAME_OK;
}

enum selfsame_code
ear_claims(const struct verdict *v, const struct ear_subject *s, json_t **ret,
    struct selfsame_err *e)
{
    char *text;

    TRY(make(v, s, ret, &text, e));
    free(text);
    return SELFSAME_OK;
}

static enum selfsame_code
sign_text(const char *text, const char *kid, const struct key *k, enum jose_alg alg,
    struct arena *arena, char **ret, struct selfsame_err *e)
{
    struct jwk jwk = { .kid = kid };

    if (kid == NULL)
        TRY(jwk_of_key(k, alg, arena, &jwk, e));
    auto_json *header = json_pack("{s:s,s:s}", "kid", jwk.kid, "typ", "JWT");
    if (header == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a token");
    return jws_sign(k, alg, header, bytes_str(text), arena, ret, e);
}

enum selfsame_code
ear_jwt(const struct verdict *v, const struct ear_subject *s, const struct key *k,
    enum jose_alg alg, struct arena *arena, char **ret, struct selfsame_err *e)
{
    json_t *claims = NULL;
    char *text;

    TRY(make(v, s, &claims, &text, e));
    json_decref(claims);
    enum selfsame_code code = sign_text(text, s->kid, k, alg, arena, ret, e);
    free(text);
    return code;
}
