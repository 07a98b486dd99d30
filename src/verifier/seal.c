/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/seal.h"

#include "codec/json.h"
#include "crypto/envelope.h"

#include <stdlib.h>

enum { FORM = 1, KEY_ID = 8, HEAD = 1 + KEY_ID + AEAD_NONCE, LOAD_ARENA = 1 << 30 };

static MUST bool
key_id(const uint8_t key[static SEAL_KEY], uint8_t ret[static KEY_ID])
{
    uint8_t digest[HASH_MAX];
    const struct selfsame_bytes part[] = { BYTES_LIT("selfsame secrets key v1"),
        { key, SEAL_KEY } };

    if (!hash_parts(HASH_SHA256, part, COUNT(part), digest))
        return false;
    memcpy(ret, digest, KEY_ID);
    return true;
}

/* Tenant and name have no control characters, so a NUL ends them. */
static enum selfsame_code
about(const struct seal_name *n, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const size_t tenant = strlen(n->tenant) + 1, name = strlen(n->name) + 1;
    const struct selfsame_bytes form = BYTES_LIT("selfsame secret v1\0");
    const size_t size = form.len + tenant + name + 8;
    uint8_t *buf = arena_alloc(arena, 1, size);

    if (buf == NULL)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    struct writer w = writer_of(buf, size);
    put_bytes(&w, form);
    put_bytes(&w, BYTES((const uint8_t *)n->tenant, tenant));
    put_bytes(&w, BYTES((const uint8_t *)n->name, name));
    put_be64(&w, n->version);
    *ret = writer_bytes(&w);
    return SELFSAME_OK;
}

enum selfsame_code
secret_seal(const uint8_t key[static SEAL_KEY], const struct seal_name *n,
    struct selfsame_bytes plain, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct aead a = { .key = BYTES(key, SEAL_KEY) };

    if (plain.len > SECRET_MAX)
        FAIL(e, SELFSAME_USAGE, "secret: expected at most %d bytes, got %zu",
            (int)SECRET_MAX, plain.len);
    uint8_t *out = arena_alloc(arena, 1, plain.len + SEAL_EXTRA);
    TRY(about(n, arena, &a.aad, e));
    if (out == NULL || !key_id(key, out + 1))
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    out[0] = FORM;
    if (!rng_bytes(out + 1 + KEY_ID, AEAD_NONCE))
        FAIL(e, SELFSAME_INTERNAL, "secret: no random bytes");
    a.nonce = BYTES(out + 1 + KEY_ID, AEAD_NONCE);
    TRY_WHILE(e, aead_seal(&a, plain, out + HEAD, e), "sealing a secret");
    *ret = BYTES(out, plain.len + SEAL_EXTRA);
    return SELFSAME_OK;
}

/* The key that a sealed secret names; NULL: none of these. */
static const uint8_t *
pick(const struct seal_keys *keys, struct selfsame_bytes sealed)
{
    const uint8_t *all[] = { keys->now, keys->old };
    uint8_t id[KEY_ID];

    for (size_t i = 0; i < COUNT(all); i++)
        if (all[i] != NULL && key_id(all[i], id) &&
            bytes_eq(BYTES_ARR(id), BYTES(sealed.ptr + 1, KEY_ID)))
            return all[i];
    return NULL;
}

enum selfsame_code
secret_open(const struct seal_keys *keys, const struct seal_name *n,
    struct selfsame_bytes sealed, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    struct aead a = { .key = BYTES_NONE };

    if (sealed.len < SEAL_EXTRA || sealed.ptr[0] != FORM)
        FAIL(e, SELFSAME_MALFORMED, "secret: expected a sealed one of form 1");
    const uint8_t *key = pick(keys, sealed);
    if (key == NULL) {
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "secret: it was sealed with another key than secrets.key");
        err_remedy(e, "Put the key it was sealed with into secrets.key.old.");
        return SELFSAME_USAGE;
    }
    a.key = BYTES(key, SEAL_KEY);
    a.nonce = BYTES(sealed.ptr + 1 + KEY_ID, AEAD_NONCE);
    TRY(about(n, arena, &a.aad, e));
    uint8_t *out = arena_alloc(arena, 1, sealed.len - SEAL_EXTRA + 1);
    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    TRY_WHILE(e, aead_open(&a, BYTES(sealed.ptr + HEAD, sealed.len - HEAD), out, e),
        "opening a sealed secret");
    *ret = BYTES(out, sealed.len - SEAL_EXTRA);
    return SELFSAME_OK;
}

/* ---- the registry's object ---- */

static json_t *
texts(const char *const *list)
{
    json_t *j = json_array();

    for (size_t i = 0; j != NULL && list[i] != NULL; i++)
        if (json_array_append_new(j, json_string(list[i])) != 0) {
            json_decref(j);
            return NULL;
        }
    return j;
}

/* What is said of it without the secret itself. */
static enum selfsame_code
conditions(const struct secret_said *s, json_t **ret, struct selfsame_err *e)
{
    auto_json *j = json_object();
    const char *type = s->type != NULL ? s->type : "application/octet-stream";

    if (j == NULL || json_object_set_new(j, "policies", texts(s->policies)) != 0 ||
        (s->releases != NULL &&
            json_object_set_new(j, "releases", texts(s->releases)) != 0) ||
        (s->warning && json_object_set_new(j, "warning", json_true()) != 0) ||
        json_object_set_new(j, "type", json_string(type)) != 0)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    *ret = j;
    j = NULL;
    return SELFSAME_OK;
}

/* `body` with the text sealed for this version, written as such. */
static enum selfsame_code
put_sealed(struct registry *r, const uint8_t key[static SEAL_KEY], json_t *body,
    struct selfsame_bytes plain, struct registry_object *o, uint64_t current,
    uint64_t expect, uint64_t *ret_version, struct selfsame_err *e)
{
    auto_arena arena = arena_new(8 << 20);
    const struct seal_name n = { o->tenant, o->name, current + 1 };
    struct selfsame_bytes sealed = BYTES_NONE;

    TRY(secret_seal(key, &n, plain, &arena, &sealed, e));
    char *text = arena_alloc(&arena, 1, BASE64_SIZE(sealed.len));
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    (void)base64_encode(sealed, false, text);
    if (json_object_set_new(body, "sealed", json_string(text)) != 0)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    char *whole = json_compact(body);
    if (whole == NULL)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    o->body = bytes_str(whole);
    enum selfsame_code code = registry_put(r, o, expect, ret_version, e);
    free(whole);
    return code;
}

/* The newest version there ever was: a removal counts as one. 0: none. */
static enum selfsame_code
newest(struct registry *r, const char *tenant, const char *name, uint64_t *ret,
    bool *ret_there, struct selfsame_err *e)
{
    auto_arena arena = arena_new(64 << 20);
    struct registry_object *list = NULL;
    size_t count = 0;

    TRY(registry_history(r, tenant, REGISTRY_SECRET, name, &arena, &list, &count, e));
    struct registry_object o = { .name = NULL };
    TRY(registry_get(r, tenant, REGISTRY_SECRET, name, 0, &arena, &o, e));
    *ret = count > 0 ? list[0].version : 0;
    *ret_there = o.name != NULL && o.body.ptr != NULL;
    return SELFSAME_OK;
}

enum selfsame_code
secret_put(struct registry *r, const uint8_t key[static SEAL_KEY],
    const struct secret_said *s, uint64_t expect, uint64_t *ret_version,
    struct selfsame_err *e)
{
    struct registry_object o = { .tenant = s->tenant,
        .kind = REGISTRY_SECRET,
        .name = s->name,
        .created_ms = s->now_ms,
        .author = s->author };
    auto_json *body = NULL;
    uint64_t version = 0;

    TRY(conditions(s, &body, e));
    /* The version is sealed in: whoever is faster makes us seal again. */
    for (unsigned i = 0; version == 0 && i < 16; i++) {
        uint64_t current = 0;
        bool there = false;

        TRY(newest(r, s->tenant, s->name, &current, &there, e));
        const uint64_t now = there ? current : 0;
        if (expect != REGISTRY_ANY && expect != now)
            break;
        TRY(put_sealed(r, key, body, s->plain, &o, current, now, &version, e));
    }
    *ret_version = version;
    return SELFSAME_OK;
}

static enum selfsame_code
read_sealed(const json_t *body, struct arena *arena, struct selfsame_bytes *ret,
    struct selfsame_err *e)
{
    const char *text = json_string_value(json_object_get(body, "sealed"));
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(arena, 1, len + 1);
    size_t n = 0;

    if (out == NULL)
        FAIL(e, SELFSAME_NOMEM, "secret: out of memory");
    if (text == NULL || !base64_decode(text, len, false, out, len + 1, &n))
        FAIL(e, SELFSAME_MALFORMED, "secret: expected \"sealed\" in base64");
    *ret = BYTES(out, n);
    return SELFSAME_OK;
}

/* One of them under the new key, unless it is already. */
static enum selfsame_code
reseal(struct registry *r, const struct seal_keys *keys, struct registry_object *o,
    size_t *count, struct selfsame_err *e)
{
    auto_arena arena = arena_new(8 << 20);
    const struct seal_name n = { o->tenant, o->name, o->version };
    struct selfsame_bytes sealed = BYTES_NONE, plain = BYTES_NONE;
    auto_json *body = NULL;
    uint64_t version = 0;

    TRY(json_parse(o->body, "secret", &body, e));
    TRY(read_sealed(body, &arena, &sealed, e));
    if (sealed.len >= SEAL_EXTRA && pick(keys, sealed) == keys->now)
        return SELFSAME_OK;
    TRY_WHILE(e, secret_open(keys, &n, sealed, &arena, &plain, e), "%s/%s", o->tenant,
        o->name);
    enum selfsame_code code = put_sealed(
        r, keys->now, body, plain, o, o->version, o->version, &version, e);
    secret_wipe((void *)(uintptr_t)plain.ptr, plain.len);
    TRY(code);
    /* Perhaps by a replica that has the former key alone: that must not go now. */
    if (version == 0)
        FAIL(e, SELFSAME_IO, "%s/%s: somebody else changed it meanwhile: try again",
            o->tenant, o->name);
    ++*count;
    return SELFSAME_OK;
}

enum selfsame_code
secrets_reseal(struct registry *r, const struct seal_keys *keys, const char *author,
    int64_t now_ms, size_t *ret_count, struct selfsame_err *e)
{
    auto_arena arena = arena_new(LOAD_ARENA);
    struct registry_object *objects = NULL;
    uint64_t revision = 0;
    size_t count = 0, done = 0;

    TRY(registry_load(r, &arena, &objects, &count, &revision, e));
    for (size_t i = 0; i < count; i++) {
        if (objects[i].kind != REGISTRY_SECRET)
            continue;
        objects[i].author = author;
        objects[i].created_ms = now_ms;
        TRY(reseal(r, keys, &objects[i], &done, e));
    }
    *ret_count = done;
    return SELFSAME_OK;
}
