/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/manage_parts.h"

#include "verifier/seal.h"
#include "verifier/verifier.h"

#include <stdlib.h>

static enum selfsame_code
nomem(struct manage *m)
{
    FAIL(m->e, SELFSAME_NOMEM, "no memory for a secret");
}

enum selfsame_code
manage_json(struct manage *m, struct selfsame_bytes body, json_t **ret)
{
    enum selfsame_code code = json_parse(body, "the request", ret, m->e);

    if (code == SELFSAME_OK && !json_is_object(*ret)) {
        json_decref(*ret);
        *ret = NULL;
        FAIL(m->e, SELFSAME_USAGE, "expected a JSON object");
    }
    if (code == SELFSAME_MALFORMED)
        code = m->e->code = SELFSAME_USAGE;
    return code;
}

/* ---- API keys ---- */

struct key_wish {
    const char *role;
    json_int_t expires;
};

static enum selfsame_code
read_wish(struct manage *m, json_t *j, struct key_wish *ret)
{
    const char *name, *role = json_string_value(json_object_get(j, "role"));
    const json_t *expires = json_object_get(j, "expires");
    json_t *v;

    json_object_foreach(j, name, v)
    {
        if (strcmp(name, "role") != 0 && strcmp(name, "expires") != 0)
            FAIL(m->e, SELFSAME_USAGE, "no such member: %.60s", name);
    }
    if (role == NULL || role_of(role) == ROLE_NONE)
        FAIL(m->e, SELFSAME_USAGE,
            "role: expected attester, relying-party, auditor or admin");
    if (expires != NULL && !json_is_null(expires) &&
        (!json_is_integer(expires) || json_integer_value(expires) > INT64_MAX / 1000 ||
            json_integer_value(expires) <= m->now_ms / 1000))
        FAIL(m->e, SELFSAME_USAGE, "expires: expected seconds since 1970, to come");
    *ret = (struct key_wish){ role_word(role_of(role)), json_integer_value(expires) };
    return SELFSAME_OK;
}

static enum selfsame_code
put_key(
    struct manage *m, const struct key_wish *w, const char *hash, uint64_t *ret_version)
{
    const char *expires = w->expires != 0 ? arena_printf(m->arena, ",\"expires\":%lld",
                                                (long long)w->expires)
                                          : "";
    const char *body = expires != NULL ? arena_printf(m->arena,
                                             "{\"role\":\"%s\",\"sha256\":\"%s\"%s}",
                                             w->role, hash, expires)
                                       : NULL;

    if (body == NULL)
        return nomem(m);
    const struct registry_object o = { .tenant = m->tenant,
        .kind = m->kind,
        .name = m->name,
        .created_ms = m->now_ms,
        .author = m->author,
        .body = bytes_str(body) };
    return registry_put(m->r, &o, 0, ret_version, m->e);
}

enum selfsame_code
manage_new_key(struct manage *m, struct selfsame_bytes wish, struct managed *ret)
{
    auto_json *j = NULL;
    struct key_wish w = { 0 };
    uint64_t version;
    char hash[65];
    char *text;

    TRY(manage_json(m, wish, &j));
    TRY(read_wish(m, j, &w));
    TRY(manage_need_tenant(m));
    TRY(verifier_key_new(m->arena, &text, hash, m->e));
    TRY(put_key(m, &w, hash, &version));
    if (version == 0) {
        m->problem = MANAGE_THERE;
        FAIL(m->e, SELFSAME_USAGE, "there is a key \"%.80s\" already", m->name);
    }
    auto_json *more = json_pack("{s:s,s:o,s:s}", "role", w.role, "expires",
        w.expires != 0 ? json_integer(w.expires) : json_null(), "key", text);
    secret_wipe(text, strlen(text));
    if (more == NULL)
        return nomem(m);
    return manage_written(m, version, true, more, ret);
}

/* ---- secrets ---- */

/* The request without its value is an object of the registry without what is sealed. */
static enum selfsame_code
read_conditions(struct manage *m, json_t *j, struct snap_secret *ret)
{
    auto_json *rest = json_copy(j);
    enum selfsame_code code = SELFSAME_NOMEM;
    char *text = NULL;

    if (json_object_get(j, "sealed") != NULL)
        FAIL(m->e, SELFSAME_USAGE, "no such member: sealed");
    (void)json_object_del(rest, "value");
    if (rest != NULL && json_object_set_new(rest, "sealed", json_string("")) == 0)
        text = json_compact(rest);
    if (text == NULL)
        return nomem(m);
    code = object_read_secret(bytes_str(text), m->arena, ret, m->e);
    free(text);
    return code;
}

static enum selfsame_code
read_value(struct manage *m, const json_t *j, struct selfsame_bytes *ret)
{
    const char *text = json_string_value(json_object_get(j, "value"));
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(m->arena, 1, len + 1);
    size_t got;

    if (out == NULL)
        return nomem(m);
    if (text == NULL || !base64_decode(text, len, false, out, len + 1, &got) ||
        got == 0 || got > SECRET_MAX)
        FAIL(m->e, SELFSAME_USAGE, "value: expected 1 to %d bytes in base64",
            (int)SECRET_MAX);
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

static enum selfsame_code
put_secret(struct manage *m, json_t *j, struct secret_said *s, uint64_t expect,
    uint64_t *ret_version)
{
    struct snap_secret conditions = { .name = m->name };

    TRY(manage_need_tenant(m));
    TRY(read_conditions(m, j, &conditions));
    TRY(read_value(m, j, &s->plain));
    s->policies = conditions.policies;
    s->releases = conditions.releases;
    s->type = conditions.type;
    s->warning = conditions.warning;
    return secret_put(m->r, m->secrets_key, s, expect, ret_version, m->e);
}

enum selfsame_code
manage_put_secret(
    struct manage *m, struct selfsame_bytes body, uint64_t expect, struct managed *ret)
{
    struct secret_said s = {
        .tenant = m->tenant, .name = m->name, .author = m->author, .now_ms = m->now_ms
    };
    struct registry_object before;
    uint64_t version = 0;
    auto_json *j = NULL;

    if (m->secrets_key == NULL)
        FAIL(m->e, SELFSAME_USAGE, "secrets cannot be sealed without secrets.key");
    TRY(manage_json(m, body, &j));
    TRY(manage_current(m, &before));
    const enum selfsame_code code = put_secret(m, j, &s, expect, &version);
    const char *text = json_string_value(json_object_get(j, "value"));
    if (text != NULL)
        secret_wipe((void *)(uintptr_t)text, strlen(text));
    if (s.plain.len > 0)
        secret_wipe((void *)(uintptr_t)s.plain.ptr, s.plain.len);
    TRY(code);
    return manage_written(m, version, before.name == NULL, NULL, ret);
}
