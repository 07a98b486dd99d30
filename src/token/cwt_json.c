/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Claims by name and by number: RFC 8392 §3.1, RFC 8747, RFC 9711 §4 and
 * draft-ietf-rats-ear §3; COSE keys of RFC 9052 §7 and RFC 9053 §7. One table serves the
 * claims and those of each submod.
 */
#include "token/token.h"

#include "codec/cbor.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

enum form {
    FORM_ANY = 0,
    FORM_BYTES,      /* base64url in JSON; a list of them likewise */
    FORM_TEXT_BYTES, /* text in JSON, the same bytes in CBOR */
    FORM_STATUS,
    FORM_VECTOR,
    FORM_VERIFIER,
    FORM_SUBMODS,
    FORM_CLAIMS,
    FORM_KEY, /* cnf */
};

struct name {
    int64_t key;
    const char *name;
    enum form form;
};

static const struct name claim_names[] = {
    { 1, "iss", FORM_ANY },
    { 2, "sub", FORM_ANY },
    { 3, "aud", FORM_ANY },
    { 4, "exp", FORM_ANY },
    { 5, "nbf", FORM_ANY },
    { 6, "iat", FORM_ANY },
    { 7, "jti", FORM_TEXT_BYTES },
    { 8, "cnf", FORM_KEY },
    { 10, "eat_nonce", FORM_BYTES },
    { 256, "ueid", FORM_BYTES },
    { 257, "sueids", FORM_ANY },
    { 258, "oemid", FORM_ANY },
    { 259, "hwmodel", FORM_ANY },
    { 260, "hwversion", FORM_ANY },
    { 261, "uptime", FORM_ANY },
    { 262, "oemboot", FORM_ANY },
    { 263, "dbgstat", FORM_ANY },
    { 264, "location", FORM_ANY },
    { 265, "eat_profile", FORM_ANY },
    { 266, "submods", FORM_SUBMODS },
    { 267, "bootcount", FORM_ANY },
    { 268, "bootseed", FORM_ANY },
    { 269, "dloas", FORM_ANY },
    { 270, "swname", FORM_ANY },
    { 271, "swversion", FORM_ANY },
    { 272, "manifests", FORM_ANY },
    { 273, "measurements", FORM_ANY },
    { 274, "measres", FORM_ANY },
    { 275, "intuse", FORM_ANY },
    { 1000, "ear_status", FORM_STATUS },
    { 1001, "ear_trustworthiness_vector", FORM_VECTOR },
    { 1002, "ear_raw_evidence", FORM_BYTES },
    { 1003, "ear_appraisal_policy_ids", FORM_ANY },
    { 1004, "ear_verifier_id", FORM_VERIFIER },
    { -70000, "ear_veraison_annotated_evidence", FORM_ANY },
    { -70001, "ear_veraison_policy_claims", FORM_ANY },
    { -70002, "ear_veraison_key_attestation", FORM_ANY },
};
static const struct name verifier_names[] = {
    { 0, "developer", FORM_ANY },
    { 1, "build", FORM_ANY },
};
static const struct name vector_names[] = {
    { 0, "instance-identity", FORM_ANY },
    { 1, "configuration", FORM_ANY },
    { 2, "executables", FORM_ANY },
    { 3, "file-system", FORM_ANY },
    { 4, "hardware", FORM_ANY },
    { 5, "runtime-opaque", FORM_ANY },
    { 6, "storage-opaque", FORM_ANY },
    { 7, "sourced-data", FORM_ANY },
};

struct names {
    const struct name *at;
    size_t count;
};

static struct names
names_in(enum form f)
{
    switch (f) {
    case FORM_CLAIMS: return (struct names){ claim_names, COUNT(claim_names) };
    case FORM_VERIFIER: return (struct names){ verifier_names, COUNT(verifier_names) };
    case FORM_VECTOR: return (struct names){ vector_names, COUNT(vector_names) };
    case FORM_ANY:
    case FORM_BYTES:
    case FORM_TEXT_BYTES:
    case FORM_STATUS:
    case FORM_SUBMODS:
    case FORM_KEY: break;
    }
    return (struct names){ NULL, 0 };
}

/* What stands in a map of this form under a name that is in no table. */
static enum form
inner_form(enum form f)
{
    return f == FORM_SUBMODS ? FORM_CLAIMS : FORM_ANY;
}

/* ---- COSE keys ---- */

static const struct curve {
    const char *kty, *crv;
    int64_t type, curve;
    const char *first, *second; /* members of the JWK, in the order of their labels */
} curves[] = {
    { "EC", "P-256", 2, 1, "x", "y" },
    { "EC", "P-384", 2, 2, "x", "y" },
    { "OKP", "Ed25519", 1, 6, "x", NULL },
    { "RSA", NULL, 3, 0, "n", "e" },
};

/* ---- writing ---- */

struct put {
    struct writer w;
    struct arena *arena;
    bool nomem;
    unsigned depth;
};

struct entry {
    struct selfsame_bytes key; /* encoded */
    const json_t *value;
    enum form form;
};

static void put_value(struct put *p, const json_t *j, enum form f);

static void
put_base64(struct put *p, const json_t *j)
{
    const char *text = json_string_value(j);
    const size_t len = json_string_length(j);
    uint8_t *out = arena_alloc(p->arena, 1, len + 1);
    size_t got;

    if (out == NULL)
        p->nomem = true;
    else if (base64_decode(text, len, true, out, len, &got))
        cbor_put_bytes(&p->w, BYTES(out, got));
    else
        cbor_put_text(&p->w, BYTES((const uint8_t *)text, len));
}

static int
by_key(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    const size_t n = x->key.len < y->key.len ? x->key.len : y->key.len;

    /* RFC 8949 §4.2.1: bytewise; no encoded key is a prefix of another. */
    return bytes_cmp(BYTES(x->key.ptr, n), BYTES(y->key.ptr, n));
}

static struct entry
entry_of(struct put *p, const char *name, const json_t *value, enum form f)
{
    const struct names names = names_in(f);
    struct entry e = { .value = value, .form = inner_form(f) };
    const size_t room = strlen(name) + 9;
    uint8_t *out = arena_alloc(p->arena, 1, room);
    struct writer w = writer_of(out, out != NULL ? room : 0);
    size_t i = 0;

    if (out == NULL)
        p->nomem = true;
    while (i < names.count && strcmp(names.at[i].name, name) != 0)
        i++;
    if (i < names.count) {
        cbor_put_int(&w, names.at[i].key);
        e.form = names.at[i].form;
    } else
        cbor_put_str(&w, name);
    e.key = writer_bytes(&w);
    return e;
}

static void
put_object(struct put *p, const json_t *j, enum form f)
{
    const size_t count = json_object_size(j);
    struct entry *list = ARENA_NEW(p->arena, struct entry, count + 1);
    const char *name;
    json_t *value;
    size_t n = 0;

    if (list == NULL) {
        p->nomem = true;
        return;
    }
    json_object_foreach((json_t *)(uintptr_t)j, name, value)
        list[n++] = entry_of(p, name, value, f);
    qsort(list, n, sizeof(*list), by_key);
    cbor_put_map(&p->w, n);
    for (size_t i = 0; i < n; i++) {
        put_bytes(&p->w, list[i].key);
        put_value(p, list[i].value, list[i].form);
    }
}

static const struct curve *
curve_of(const json_t *jwk)
{
    const char *kty = json_string_value(json_object_get(jwk, "kty"));
    const char *crv = json_string_value(json_object_get(jwk, "crv"));

    for (size_t i = 0; kty != NULL && i < COUNT(curves); i++)
        if (strcmp(curves[i].kty, kty) == 0 &&
            (curves[i].crv == NULL || (crv != NULL && strcmp(curves[i].crv, crv) == 0)))
            return &curves[i];
    return NULL;
}

/* {1: COSE_Key} of RFC 8747 §3.2; what has no COSE key stays as it is in JSON. */
static void
put_key(struct put *p, const json_t *j)
{
    const json_t *jwk = json_object_get(j, "jwk");
    const struct curve *c = curve_of(jwk);

    if (c == NULL) {
        put_object(p, j, FORM_ANY);
        return;
    }
    cbor_put_map(&p->w, 1);
    cbor_put_int(&p->w, 1);
    cbor_put_map(&p->w, 2u + (c->crv != NULL) + (c->second != NULL));
    cbor_put_int(&p->w, 1);
    cbor_put_int(&p->w, c->type);
    if (c->crv != NULL) {
        cbor_put_int(&p->w, -1);
        cbor_put_int(&p->w, c->curve);
    }
    cbor_put_int(&p->w, c->crv != NULL ? -2 : -1);
    put_base64(p, json_object_get(jwk, c->first));
    if (c->second != NULL) {
        cbor_put_int(&p->w, c->crv != NULL ? -3 : -2);
        put_base64(p, json_object_get(jwk, c->second));
    }
}

static void
put_string(struct put *p, const json_t *j, enum form f)
{
    const struct selfsame_bytes text = BYTES(
        (const uint8_t *)json_string_value(j), json_string_length(j));
    const char *word = json_string_value(j);
    const enum ear_status status = ear_status_of(word);

    if (f == FORM_BYTES)
        put_base64(p, j);
    else if (f == FORM_TEXT_BYTES)
        cbor_put_bytes(&p->w, text);
    else if (f == FORM_STATUS && (status != EAR_NONE || strcmp(word, "none") == 0))
        cbor_put_uint(&p->w, status);
    else
        cbor_put_text(&p->w, text);
}

static void
put_array(struct put *p, const json_t *j, enum form f)
{
    json_t *one;
    size_t i;

    cbor_put_array(&p->w, json_array_size(j));
    json_array_foreach((json_t *)(uintptr_t)j, i, one)
        put_value(p, one, f == FORM_BYTES ? f : FORM_ANY);
}

static void
put_value(struct put *p, const json_t *j, enum form f)
{
    if (++p->depth > CBOR_DEPTH)
        p->w.bad = true;
    switch (p->w.bad ? JSON_NULL : json_typeof(j)) {
    case JSON_OBJECT:
        if (f == FORM_KEY)
            put_key(p, j);
        else
            put_object(p, j, f);
        break;
    case JSON_ARRAY: put_array(p, j, f); break;
    case JSON_STRING: put_string(p, j, f); break;
    case JSON_INTEGER: cbor_put_int(&p->w, json_integer_value(j)); break;
    case JSON_TRUE:
    case JSON_FALSE: cbor_put_bool(&p->w, json_is_true(j)); break;
    case JSON_REAL: p->w.bad = true; break;
    case JSON_NULL: cbor_put_null(&p->w); break;
    }
    p->depth--;
}

enum selfsame_code
cwt_claims_put(const json_t *claims, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    enum {
        ROOM = 16 << 10
    }; /* claims are at most 8 KiB as text, and shorter in CBOR */
    uint8_t *out = arena_alloc(arena, 1, ROOM);
    struct put p = { .w = writer_of(out, ROOM), .arena = arena };

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
    put_value(&p, claims, FORM_CLAIMS);
    if (p.nomem)
        FAIL(e, SELFSAME_NOMEM, "no memory for a CWT");
    if (p.w.bad)
        FAIL(e, SELFSAME_USAGE,
            "claims that have no place in a CWT: over 16 KiB, floats, or deep nesting");
    *ret = writer_bytes(&p.w);
    return SELFSAME_OK;
}

/* ---- reading ---- */

struct get {
    struct cbor c;
    bool nomem;
};

static json_t *get_value(struct get *g, enum form f);

static json_t *
text_json(struct get *g, struct selfsame_bytes b)
{
    if (b.len > 0 && memchr(b.ptr, 0, b.len) != NULL) {
        cbor_fail(&g->c, "a text with NUL");
        return NULL;
    }
    json_t *j = json_stringn(b.len > 0 ? (const char *)b.ptr : "", b.len);
    g->nomem |= j == NULL;
    return j;
}

static json_t *
bytes_json(struct get *g, struct selfsame_bytes b)
{
    char *text = malloc(BASE64_SIZE(b.len));

    if (text != NULL)
        (void)base64_encode(b, true, text);
    json_t *j = text != NULL ? json_string(text) : NULL;
    free(text);
    g->nomem |= j == NULL;
    return j;
}

static bool
is_text(struct selfsame_bytes b)
{
    return b.len > 0 && utf8_valid(b) && memchr(b.ptr, 0, b.len) == NULL;
}

static json_t *
number_json(struct get *g, enum form f)
{
    const int64_t n = cbor_get_int(&g->c);
    json_t *j = NULL;

    if (f == FORM_STATUS && (n == EAR_NONE || n == EAR_AFFIRMING || n == EAR_WARNING ||
                                n == EAR_CONTRAINDICATED))
        j = json_string(ear_status_word((enum ear_status)n));
    else
        j = json_integer(n);
    g->nomem |= j == NULL;
    return j;
}

/* A member under its name; two keys of the same name are refused. */
static void
set(struct get *g, json_t *into, const char *name, json_t *value)
{
    if (json_object_get(into, name) != NULL) {
        cbor_fail(&g->c, "a claim twice, by number and by name");
        json_decref(value);
    } else if (value == NULL) {
        if (g->c.why == NULL)
            g->nomem = true;
    } else if (json_object_set_new(into, name, value) != 0)
        g->nomem = true;
}

static void
get_numbered(struct get *g, json_t *into, enum form f)
{
    const int64_t key = cbor_get_int(&g->c);
    const struct names names = names_in(f);
    char text[32];

    for (size_t i = 0; i < names.count; i++)
        if (names.at[i].key == key) {
            set(g, into, names.at[i].name, get_value(g, names.at[i].form));
            return;
        }
    (void)snprintf(text, sizeof(text), "%" PRId64, key);
    set(g, into, text, get_value(g, inner_form(f)));
}

static void
get_named(struct get *g, json_t *into, enum form f)
{
    enum { NAME_LONGEST = 255 };
    const struct names names = names_in(f);
    const struct selfsame_bytes key = cbor_get_text(&g->c);
    enum form inner = inner_form(f);
    char name[NAME_LONGEST + 1];

    if (key.len > NAME_LONGEST ||
        (key.len > 0 && memchr(key.ptr, 0, key.len) != NULL)) {
        cbor_fail(&g->c, "a key that is too long or has NUL");
        return;
    }
    if (key.len > 0)
        memcpy(name, key.ptr, key.len);
    name[key.len] = '\0';
    for (size_t i = 0; i < names.count; i++)
        if (strcmp(names.at[i].name, name) == 0)
            inner = names.at[i].form;
    set(g, into, name, get_value(g, inner));
}

static json_t *
get_map(struct get *g, enum form f)
{
    struct cbor_seq map = cbor_get_map(&g->c);
    json_t *into = json_object();

    g->nomem |= into == NULL;
    while (cbor_more(&g->c, &map) && !g->nomem)
        if (cbor_peek(&g->c) == CBOR_TEXT)
            get_named(g, into, f);
        else
            get_numbered(g, into, f);
    return into;
}

static json_t *
get_array(struct get *g, enum form f)
{
    struct cbor_seq list = cbor_get_array(&g->c);
    json_t *into = json_array();

    g->nomem |= into == NULL;
    while (cbor_more(&g->c, &list) && !g->nomem) {
        json_t *value = get_value(g, f == FORM_BYTES ? f : FORM_ANY);

        if (value != NULL && json_array_append_new(into, value) != 0)
            g->nomem = true;
    }
    return into;
}

/* {"1": {"1": kty, "-1": …}} as it was read becomes {"jwk": {…}}. */
static json_t *
key_json(struct get *g, json_t *cnf)
{
    const json_t *key = json_object_get(cnf, "1");
    const json_int_t type = json_integer_value(json_object_get(key, "1"));
    const json_t *crv = json_object_get(key, "-1");

    for (size_t i = 0; key != NULL && i < COUNT(curves); i++) {
        const struct curve *c = &curves[i];
        const bool rsa = c->crv == NULL;

        if (type != c->type || (!rsa && json_integer_value(crv) != c->curve))
            continue;
        json_t *jwk = json_pack("{s:s,s:s*,s:O*,s:O*}", "kty", c->kty, "crv", c->crv,
            c->first, json_object_get(key, rsa ? "-1" : "-2"),
            c->second != NULL ? c->second : "y",
            c->second != NULL ? json_object_get(key, rsa ? "-2" : "-3") : NULL);
        json_decref(cnf);
        json_t *out = jwk != NULL ? json_pack("{s:o}", "jwk", jwk) : NULL;
        g->nomem |= out == NULL;
        return out;
    }
    return cnf;
}

static json_t *
get_value(struct get *g, enum form f)
{
    struct selfsame_bytes b;
    json_t *j = NULL;

    while (cbor_peek(&g->c) == CBOR_TAG) /* of an OID, a time: the value says enough */
        (void)cbor_get_tag(&g->c);
    switch (cbor_peek(&g->c)) {
    case CBOR_UINT:
    case CBOR_NINT: return number_json(g, f);
    case CBOR_BYTES:
        b = cbor_get_bytes(&g->c);
        return f == FORM_TEXT_BYTES && is_text(b) ? text_json(g, b) : bytes_json(g, b);
    case CBOR_TEXT: return text_json(g, cbor_get_text(&g->c));
    case CBOR_ARRAY: return get_array(g, f);
    case CBOR_MAP:
        j = get_map(g, f == FORM_KEY ? FORM_ANY : f);
        return f == FORM_KEY && j != NULL ? key_json(g, j) : j;
    case CBOR_BOOL: return json_boolean(cbor_get_bool(&g->c));
    case CBOR_NULL: (void)cbor_get_null(&g->c); return json_null();
    case CBOR_TAG:
    case CBOR_BAD: (void)cbor_get_int(&g->c); break; /* says why */
    }
    cbor_fail(&g->c, "a claim that is no value");
    return NULL;
}

enum selfsame_code
cwt_claims_read(struct selfsame_bytes cbor, json_t **ret, struct selfsame_err *e)
{
    struct get g = { .c = cbor_of(cbor, CBOR_INDEFINITE_OK) };

    if (cbor_peek(&g.c) != CBOR_MAP)
        FAIL(e, SELFSAME_MALFORMED, "CWT: expected a map of claims");
    auto_json *claims = get_value(&g, FORM_CLAIMS);
    TRY(cbor_end(&g.c, cbor, "CWT", e));
    if (g.nomem || claims == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the claims of a CWT");
    *ret = json_incref(claims);
    return SELFSAME_OK;
}
