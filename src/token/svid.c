/* SPDX-License-Identifier: Apache-2.0 */
#include "token/svid.h"

#include "codec/der.h"

#include <inttypes.h>

/* ---- ids (SPIFFE-ID.md §2) ---- */

static bool
is_lower(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
}

bool
spiffe_domain_valid(struct selfsame_bytes d)
{
    for (size_t i = 0; i < d.len; i++)
        if (!is_lower(d.ptr[i]))
            return false;
    return d.len >= 1 && d.len <= SPIFFE_DOMAIN_MAX;
}

static bool
is_dots(struct selfsame_bytes s)
{
    return bytes_eq(s, BYTES_LIT(".")) || bytes_eq(s, BYTES_LIT(".."));
}

/* §2.2: segments of letters, numbers, dots, dashes, underscores; none empty, "." or "..". */
static bool
path_valid(struct selfsame_bytes p)
{
    size_t from = 1;

    if (p.len == 0)
        return true;
    for (size_t i = 1; i <= p.len; i++) {
        if (i < p.len && p.ptr[i] != '/') {
            if (!is_lower(p.ptr[i]) && (p.ptr[i] < 'A' || p.ptr[i] > 'Z'))
                return false;
            continue;
        }
        if (i == from || is_dots(BYTES(p.ptr + from, i - from)))
            return false;
        from = i + 1;
    }
    return true;
}

enum selfsame_code
spiffe_id_parse(
    struct selfsame_bytes text, struct spiffe_id *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes scheme = BYTES_LIT("spiffe://");
    size_t at = scheme.len;

    if (text.len > SPIFFE_ID_MAX)
        FAIL(e, SELFSAME_MALFORMED, "SPIFFE id: expected at most 2048 bytes, got %zu",
            text.len);
    if (!bytes_has_prefix(text, scheme))
        FAIL(e, SELFSAME_MALFORMED,
            "SPIFFE id: expected \"spiffe://\" at its start, got something else");
    while (at < text.len && text.ptr[at] != '/')
        at++;
    const struct spiffe_id id = {
        .domain = BYTES(text.ptr + scheme.len, at - scheme.len),
        .path = BYTES(text.ptr + at, text.len - at),
    };
    if (!spiffe_domain_valid(id.domain))
        FAIL(e, SELFSAME_MALFORMED,
            "SPIFFE id: expected a trust domain of 1 to 255 characters a-z, 0-9, '.', "
            "'-' and '_', got another");
    if (!path_valid(id.path))
        FAIL(e, SELFSAME_MALFORMED,
            "SPIFFE id: expected a path of segments of letters, numbers, '.', '-' and "
            "'_', none empty, \".\" or \"..\", got another");
    *ret = id;
    return SELFSAME_OK;
}

/* ---- X.509-SVID ---- */

/* The one URI among the names (X509-SVID.md §2); how many there are. */
static size_t
read_uris(struct selfsame_bytes value, struct selfsame_bytes *ret)
{
    struct der d = der_of(value);
    struct der names = der_enter(&d, DER_SEQUENCE);
    size_t count = 0;

    while (!names.r.bad && !der_done(&names)) {
        unsigned tag = 0;
        struct selfsame_bytes name = der_get_any(&names, &tag);

        if (tag == DER_CONTEXT_PRIMITIVE(6)) {
            *ret = name;
            count++;
        }
    }
    der_absorb(&d, &names);
    return der_done(&d) ? count : 0;
}

enum selfsame_code
svid_x509_read(const struct cert *c, struct spiffe_id *ret, struct selfsame_err *e)
{
    const struct selfsame_bytes server = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x01"),
                                client = BYTES_LIT("\x2b\x06\x01\x05\x05\x07\x03\x02");
    struct selfsame_bytes uri = BYTES_NONE;
    struct spiffe_id id = { .domain = BYTES_NONE };

    size_t uris = read_uris(cert_extension(c, OID_EXT_ALT_NAME), &uri);
    if (uris != 1)
        FAIL(e, SELFSAME_MALFORMED, "X.509-SVID: expected exactly one URI, got %zu",
            uris);
    TRY_WHILE(e, spiffe_id_parse(uri, &id, e), "X.509-SVID");
    if (id.path.len == 0)
        FAIL(e, SELFSAME_MALFORMED,
            "X.509-SVID: expected an id with a path, got that of a trust domain");
    if (c->is_ca)
        FAIL(e, SELFSAME_MALFORMED, "X.509-SVID: expected a leaf, got a CA");
    if (!c->has_usage || (c->usage & KU_DIGITAL_SIGNATURE) == 0 ||
        (c->usage & (KU_KEY_CERT_SIGN | KU_CRL_SIGN)) != 0 ||
        !cert_extension_critical(c, BYTES_LIT("\x55\x1d\x0f")))
        FAIL(e, SELFSAME_MALFORMED,
            "X.509-SVID: expected a critical keyUsage with digitalSignature, without "
            "keyCertSign and cRLSign");
    if (cert_extension(c, OID_EXT_PURPOSE).ptr != NULL &&
        (cert_purpose_of(c, server) != PURPOSE_AMONG ||
            cert_purpose_of(c, client) != PURPOSE_AMONG))
        FAIL(e, SELFSAME_MALFORMED,
            "X.509-SVID: expected serverAuth and clientAuth in extendedKeyUsage");
    *ret = id;
    return SELFSAME_OK;
}

/* ---- JWT-SVID ---- */

json_t *
svid_jwt_header(const char *kid)
{
    return json_pack("{s:s, s:s}", "kid", kid, "typ", "JWT");
}

json_t *
svid_jwt_claims(const char *spiffe_id, const char *const *audiences, size_t count,
    int64_t now_s, int64_t life_s)
{
    auto_json *aud = json_array();

    for (size_t i = 0; aud != NULL && i < count; i++)
        if (json_array_append_new(aud, json_string(audiences[i])) != 0)
            return NULL;
    return aud == NULL
               ? NULL
               : json_pack("{s:s, s:O, s:I, s:I}", "sub", spiffe_id, "aud", aud, "iat",
                     (json_int_t)now_s, "exp", (json_int_t)(now_s + life_s));
}

/* JWT-SVID.md §2: alg, kid, typ and nothing else. */
static enum selfsame_code
check_header(const json_t *header, struct selfsame_err *e)
{
    static const char *const algs[] = { "RS256", "RS384", "RS512", "ES256", "ES384",
        "ES512", "PS256", "PS384", "PS512" };
    const char *alg = json_string_value(json_object_get(header, "alg"));
    const json_t *typ = json_object_get(header, "typ");
    bool known = false;
    const char *name;
    json_t *v;

    for (size_t i = 0; alg != NULL && i < COUNT(algs); i++)
        known = known || strcmp(alg, algs[i]) == 0;
    if (!known)
        FAIL(e, SELFSAME_UNSUPPORTED,
            "JWT-SVID: expected \"alg\" RS, ES or PS with 256, 384 or 512, got "
            "\"%.20s\"",
            alg != NULL ? alg : "");
    json_object_foreach((json_t *)(uintptr_t)header, name, v)
    {
        if (strcmp(name, "alg") != 0 && strcmp(name, "kid") != 0 &&
            strcmp(name, "typ") != 0)
            FAIL(e, SELFSAME_MALFORMED,
                "JWT-SVID: expected a header with alg, kid and typ alone, got "
                "\"%.40s\"",
                name);
        if (!json_is_string(v))
            FAIL(e, SELFSAME_MALFORMED, "JWT-SVID: expected a text for \"%s\"", name);
    }
    if (typ != NULL && strcmp(json_string_value(typ), "JWT") != 0 &&
        strcmp(json_string_value(typ), "JOSE") != 0)
        FAIL(e, SELFSAME_MALFORMED, "JWT-SVID: expected \"typ\" JWT or JOSE");
    return SELFSAME_OK;
}

/* A lone text, or a list of texts that has it. */
static bool
has_audience(const json_t *aud, const char *want)
{
    const size_t count = json_is_array(aud) ? json_array_size(aud) : 0;
    bool found = json_is_string(aud) && strcmp(json_string_value(aud), want) == 0;

    for (size_t i = 0; i < count; i++) {
        const char *one = json_string_value(json_array_get(aud, i));

        found = found || (one != NULL && strcmp(one, want) == 0);
    }
    return found;
}

static enum selfsame_code
read_expiry(const json_t *exp, int64_t now_s, int64_t *ret, struct selfsame_err *e)
{
    enum { LEEWAY_S = 60 };
    const double real = json_number_value(exp);

    if (!json_is_number(exp) || real < 0 || real > 1e15)
        FAIL(e, SELFSAME_MALFORMED, "JWT-SVID: expected a time \"exp\"");
    const int64_t at = (int64_t)real;
    if (now_s > at + LEEWAY_S)
        FAIL(e, SELFSAME_STALE,
            "JWT-SVID: expected a time before %" PRId64 ", got %" PRId64, at, now_s);
    *ret = at;
    return SELFSAME_OK;
}

enum selfsame_code
svid_jwt_read(const json_t *header, const json_t *claims, const char *audience,
    int64_t now_s, struct svid_jwt *ret, struct selfsame_err *e)
{
    const json_t *sub = json_object_get(claims, "sub");
    struct svid_jwt s = { .expires_s = 0 };

    TRY(check_header(header, e));
    if (!json_is_string(sub))
        FAIL(e, SELFSAME_MALFORMED, "JWT-SVID: expected a text \"sub\"");
    const struct selfsame_bytes id = BYTES(
        (const uint8_t *)json_string_value(sub), json_string_length(sub));
    TRY_WHILE(e, spiffe_id_parse(id, &s.id, e), "JWT-SVID");
    if (s.id.path.len == 0)
        FAIL(e, SELFSAME_MALFORMED, "JWT-SVID: expected an id with a path");
    TRY(read_expiry(json_object_get(claims, "exp"), now_s, &s.expires_s, e));
    if (!has_audience(json_object_get(claims, "aud"), audience))
        FAIL(e, SELFSAME_MISMATCH,
            "JWT-SVID: expected the audience \"%.100s\", got others", audience);
    *ret = s;
    return SELFSAME_OK;
}

/* ---- the bundle (SPIFFE_Trust_Domain_and_Bundle.md §4, X509-SVID.md §6) ---- */

static bool
set_url(json_t *j, const char *name, struct selfsame_bytes value)
{
    char text[BASE64_SIZE(1024 + 16)];

    if (value.len > 1024)
        return false;
    (void)base64_encode(value, true, text);
    return json_object_set_new(j, name, json_string(text)) == 0;
}

/* kty and the members of the public key; the certificate is what counts. */
static bool
set_key(json_t *j, const struct cert *c)
{
    const size_t half = c->key.len / 2;
    const char *crv = c->key_alg == SIG_P256   ? "P-256"
                      : c->key_alg == SIG_P384 ? "P-384"
                                               : NULL;

    if (crv == NULL)
        return false;
    return json_object_set_new(j, "kty", json_string("EC")) == 0 &&
           json_object_set_new(j, "crv", json_string(crv)) == 0 &&
           set_url(j, "x", BYTES(c->key.ptr, half)) &&
           set_url(j, "y", BYTES(c->key.ptr + half, half));
}

static enum selfsame_code
put_authority(json_t *keys, struct selfsame_bytes der, struct selfsame_err *e)
{
    static const struct selfsame_bytes names = { (const uint8_t *)"\x55\x1d\x11", 3 };
    const struct cert_profile profile = { .handled = &names, .handled_count = 1 };
    auto_arena arena = arena_new(BASE64_SIZE(64 << 10));
    char *text = arena_alloc(&arena, 1, BASE64_SIZE(der.len));
    auto_json *j = json_object();
    struct cert c;

    TRY_WHILE(e, cert_parse_as(der, &profile, &c, e), "SPIFFE authority");
    if (text == NULL || j == NULL)
        FAIL(e, SELFSAME_NOMEM, "SPIFFE bundle: out of memory");
    (void)base64_encode(der, false, text);
    if (!set_key(j, &c))
        FAIL(e, SELFSAME_UNSUPPORTED,
            "SPIFFE authority: expected a key of P-256 or P-384, got another");
    if (json_object_set_new(j, "use", json_string("x509-svid")) != 0 ||
        json_object_set_new(j, "x5c", json_pack("[s]", text)) != 0 ||
        json_array_append(keys, j) != 0)
        FAIL(e, SELFSAME_NOMEM, "SPIFFE bundle: out of memory");
    return SELFSAME_OK;
}

/* "use" and "kid" are what tells what it is for; others' members stay. */
static enum selfsame_code
put_jwt_key(json_t *keys, const json_t *jwk, struct selfsame_err *e)
{
    auto_json *j = json_copy((json_t *)(uintptr_t)jwk);

    if (!json_is_string(json_object_get(jwk, "kid")))
        FAIL(e, SELFSAME_USAGE, "SPIFFE bundle: a key of JWT-SVIDs needs a \"kid\"");
    if (j == NULL || json_object_set_new(j, "use", json_string("jwt-svid")) != 0 ||
        json_array_append(keys, j) != 0)
        FAIL(e, SELFSAME_NOMEM, "SPIFFE bundle: out of memory");
    return SELFSAME_OK;
}

enum selfsame_code
spiffe_bundle_json(const struct spiffe_bundle *b, json_t **ret, struct selfsame_err *e)
{
    auto_json *keys = json_array();

    if (keys == NULL)
        FAIL(e, SELFSAME_NOMEM, "SPIFFE bundle: out of memory");
    for (size_t i = 0; i < b->authority_count; i++)
        TRY(put_authority(keys, b->authorities[i], e));
    for (size_t i = 0; i < b->jwt_key_count; i++)
        TRY(put_jwt_key(keys, b->jwt_keys[i], e));
    json_t *j = json_pack("{s:I, s:I, s:O}", "spiffe_sequence", (json_int_t)b->sequence,
        "spiffe_refresh_hint", (json_int_t)b->refresh_s, "keys", keys);
    if (j == NULL)
        FAIL(e, SELFSAME_NOMEM, "SPIFFE bundle: out of memory");
    *ret = j;
    return SELFSAME_OK;
}
