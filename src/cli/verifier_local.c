/* SPDX-License-Identifier: Apache-2.0 */
/* The registry of a verifier on this machine. */
#include "cli/verifier_admin.h"

#include "os/os.h"
#include "service/key_file.h"

enum { SETTINGS_MAX = 256 << 10, PLACE_ARENA = 512 << 20 };

static struct manage
manage_of(struct place *p)
{
    return (struct manage){ .r = p->registry,
        .secrets_key = p->secrets_key,
        .now_ms = os_now_ms(),
        .author = "command",
        .tenant = p->tenant,
        .kind = p->kind,
        .name = p->name,
        .arena = &p->arena,
        .e = p->e };
}

static enum selfsame_code
local_list(struct place *p, json_t **ret)
{
    struct manage m = manage_of(p);

    if (p->kind == REGISTRY_TENANT)
        return manage_tenants(&m, p->name, MANAGE_MAX, NULL, ret);
    return manage_list(&m, MANAGE_MAX, NULL, ret);
}

static enum selfsame_code
local_history(struct place *p, json_t **ret)
{
    struct manage m = manage_of(p);

    return manage_history(&m, ret);
}

static enum selfsame_code
local_get(struct place *p, struct selfsame_bytes *ret)
{
    struct manage m = manage_of(p);
    struct registry_object o;
    auto_json *j = NULL;

    TRY(manage_get(&m, 0, &o));
    *ret = o.body;
    if (p->kind != REGISTRY_KEY && p->kind != REGISTRY_SECRET)
        return SELFSAME_OK;
    TRY(manage_describe(&m, &o, &j));
    char *text = json_compact(j);
    const bool kept = text != NULL && arena_dup(&p->arena, bytes_str(text), ret);
    selfsame_free(text);
    if (!kept)
        FAIL(p->e, SELFSAME_NOMEM, "no memory for an object");
    return SELFSAME_OK;
}

/* As the service reads it; only who may read it may seal. */
static enum selfsame_code
read_secrets_key(struct place *p)
{
    struct selfsame_bytes b;
    const char *path;

    TRY(path_join(p->dir, "secrets.key", &p->arena, &path, p->e));
    TRY(key_file_check(path, p->e));
    TRY(file_read(path, 64, &p->arena, &b, p->e));
    if (b.len != sizeof(p->secrets_key))
        FAIL(p->e, SELFSAME_USAGE, "%.100s: expected 32 bytes, got %zu", path, b.len);
    memcpy(p->secrets_key, b.ptr, sizeof(p->secrets_key));
    secret_wipe((void *)(uintptr_t)b.ptr, b.len);
    return SELFSAME_OK;
}

static enum selfsame_code
local_put(struct place *p, struct selfsame_bytes body, json_t **ret)
{
    struct manage m = manage_of(p);
    auto_managed d = { .about = NULL };

    if (p->kind == REGISTRY_SECRET) {
        TRY(read_secrets_key(p));
        TRY(manage_put_secret(&m, body, p->expect, &d));
    } else
        TRY(manage_put(&m, body, p->expect, &d));
    *ret = json_incref(d.about);
    return SELFSAME_OK;
}

static enum selfsame_code
local_new_key(struct place *p, struct selfsame_bytes wish, json_t **ret)
{
    struct manage m = manage_of(p);
    auto_managed d = { .about = NULL };

    TRY(manage_new_key(&m, wish, &d));
    *ret = json_incref(d.about);
    return SELFSAME_OK;
}

/* ---- dry runs: with the pinned roots and the collateral that is given ---- */

static enum selfsame_code
verify(void *ctx, const struct trial *t, const struct selfsame_policy *policy,
    const struct selfsame_request *q, struct selfsame_result **ret,
    struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct selfsame_verifier *v = NULL;

    (void)ctx;
    TRY(selfsame_verifier_new(&v, e));
    enum selfsame_code code = SELFSAME_OK;
    for (size_t i = 0; i < t->collateral_count && code == SELFSAME_OK; i++)
        code = selfsame_verifier_add_collateral(v, t->collateral[i], &why);
    if (code == SELFSAME_OK)
        code = selfsame_verify(v, policy, q, t->evidence, ret, &why);
    selfsame_verifier_free(v);
    if (*ret != NULL)
        return SELFSAME_OK;
    *e = why;
    return code;
}

static enum selfsame_code
local_try(struct place *p, struct selfsame_bytes form, json_t **ret)
{
    const struct trial_verifier v = { verify, NULL };
    struct manage m = manage_of(p);
    struct trial t;

    TRY(manage_trial_read(&m, form, &t));
    return manage_try(&m, &t, &v, ret);
}

static enum selfsame_code
local_remove(struct place *p)
{
    struct manage m = manage_of(p);

    return manage_remove(&m, p->expect);
}

static void
local_close(struct place *p)
{
    registry_close(&p->registry);
    secret_wipe(p->secrets_key, sizeof(p->secrets_key));
    arena_free(&p->arena);
}

enum selfsame_code
place_local(struct place *p, const char *dir)
{
    static const struct place_calls calls = { local_list, local_history, local_get,
        local_put, local_new_key, local_try, local_remove, local_close };
    auto_json *settings = NULL;
    struct selfsame_bytes text;
    const char *path, *url;

    p->calls = &calls;
    p->dir = dir;
    p->arena = arena_new(PLACE_ARENA);
    TRY(path_join(dir, "verifier.json", &p->arena, &path, p->e));
    TRY(file_read(path, SETTINGS_MAX, &p->arena, &text, p->e));
    TRY(json_parse(text, "verifier.json", &settings, p->e));
    TRY(path_join(dir, "registry.sqlite", &p->arena, &path, p->e));
    url = json_string_value(json_object_get(settings, "registry"));
    return registry_open(url != NULL ? url : path, false, &p->registry, p->e);
}
