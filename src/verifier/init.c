/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/service.h"

#include "os/os.h"
#include "service/key_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { KEY_BYTES = 32 };

struct making {
    const struct verifier_make *m;
    struct arena *arena;
    int64_t now_ms;
    struct selfsame_err *e;
};

static enum selfsame_code
at(const struct making *k, const char *name, const char **ret)
{
    return path_join(k->m->dir, name, k->arena, ret, k->e);
}

static enum selfsame_code
write_secret(const struct making *k, const char *name)
{
    uint8_t secret[KEY_BYTES];
    const char *path;

    TRY(at(k, name, &path));
    if (!rng_bytes(secret, sizeof(secret)))
        FAIL(k->e, SELFSAME_INTERNAL, "cannot make a secret");
    enum selfsame_code code = file_write(path, BYTES_ARR(secret), true, k->e);
    secret_wipe(secret, sizeof(secret));
    return code;
}

static enum selfsame_code
write_settings(const struct making *k)
{
    auto_json *j = json_pack(
        "{s:s,s:s}", "issuer", k->m->issuer, "listen", "127.0.0.1:7390");
    auto_json *checked = NULL;
    const char *path;

    if (j == NULL || (k->m->registry != NULL && json_object_set_new(j, "registry",
                                                    json_string(k->m->registry)) != 0))
        FAIL(k->e, SELFSAME_NOMEM, "no memory for settings");
    char *text = json_pretty(j);
    if (text == NULL)
        FAIL(k->e, SELFSAME_NOMEM, "no memory for settings");
    enum selfsame_code code = settings_read(bytes_str(text), &checked, k->e);
    if (code == SELFSAME_OK)
        code = at(k, "verifier.json", &path);
    if (code == SELFSAME_OK)
        code = file_write(
            path, bytes_str(text), true, k->e); /* a URL may have a password */
    free(text);
    return code;
}

static enum selfsame_code
write_keys(const struct making *k)
{
    const char *dir;
    char *kid;

    TRY(at(k, "keys", &dir));
    TRY(dir_make(dir, true, k->e));
    TRY(signing_rotate(dir, JOSE_ES256, k->now_ms / 1000, 0, k->arena, &kid, k->e));
    return signing_rotate(dir, JOSE_RS256, k->now_ms / 1000, 0, k->arena, &kid, k->e);
}

enum selfsame_code
verifier_key_new(struct arena *arena, char **ret_text, char ret_hash[static 65],
    struct selfsame_err *e)
{
    uint8_t secret[KEY_BYTES], digest[HASH_MAX];
    char text[BASE64_SIZE(KEY_BYTES)];

    if (!rng_bytes(secret, sizeof(secret)))
        FAIL(e, SELFSAME_INTERNAL, "cannot make an API key");
    (void)base64_encode(BYTES_ARR(secret), true, text);
    secret_wipe(secret, sizeof(secret));
    *ret_text = arena_printf(arena, "ssk_%s", text);
    secret_wipe(text, sizeof(text));
    if (*ret_text == NULL || !hash_bytes(HASH_SHA256, bytes_str(*ret_text), digest))
        FAIL(e, SELFSAME_NOMEM, "no memory for an API key");
    hex_encode(BYTES(digest, 32), ret_hash);
    return SELFSAME_OK;
}

static enum selfsame_code
put(const struct making *k, struct registry *r, const char *tenant,
    enum registry_kind kind, const char *name, const char *body)
{
    const struct registry_object o = { .tenant = tenant,
        .kind = kind,
        .name = name,
        .created_ms = k->now_ms,
        .author = "verifier init",
        .body = bytes_str(body) };
    uint64_t version;

    return registry_put(r, &o, REGISTRY_ANY, &version, k->e);
}

/* A tenant that lets nobody in without a key, and the key of who runs the service. */
static enum selfsame_code
fill_registry(const struct making *k, char **ret_admin_key)
{
    auto_registry *r = NULL;
    const char *path;
    char hash[65];

    TRY(at(k, "registry.sqlite", &path));
    TRY(registry_open(k->m->registry != NULL ? k->m->registry : path, true, &r, k->e));
    TRY(put(k, r, "default", REGISTRY_TENANT, "default", "{\"public\":false}"));
    TRY(verifier_key_new(k->arena, ret_admin_key, hash, k->e));
    const char *body = arena_printf(
        k->arena, "{\"role\":\"admin\",\"sha256\":\"%s\"}", hash);
    if (body == NULL)
        FAIL(k->e, SELFSAME_NOMEM, "no memory for an API key");
    return put(k, r, "", REGISTRY_KEY, "admin", body);
}

enum selfsame_code
verifier_init(const struct verifier_make *m, struct arena *arena, char **ret_admin_key,
    struct selfsame_err *e)
{
    const struct making k = { m, arena, os_now_ms(), e };
    const char *settings, *audit;

    TRY(at(&k, "verifier.json", &settings));
    if (access(settings, F_OK) == 0)
        FAIL(e, SELFSAME_USAGE, "%.100s: there is a verifier already", m->dir);
    TRY(dir_make(m->dir, true, e));
    TRY(write_keys(&k));
    TRY(write_secret(&k, "nonce.key"));
    TRY(write_secret(&k, "secrets.key"));
    TRY(at(&k, "audit", &audit));
    const char *scheme = strstr(m->issuer, "://");
    const char *origin = arena_printf(
        arena, "%s/audit", scheme != NULL ? scheme + 3 : m->issuer);
    if (origin == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a name");
    TRY(audit_init(audit, origin, e));
    TRY(fill_registry(&k, ret_admin_key));
    return write_settings(&k); /* the last: with it the directory is one */
}
