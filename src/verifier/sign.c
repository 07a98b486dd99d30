/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/sign.h"

#include "os/os.h"
#include "service/key_file.h"

#include <stdio.h>
#include <stdlib.h>

enum { SIGN_ARENA = 1 << 20, LIST_MAX = 64 << 10 };

void
signing_free(struct signing **g)
{
    if (*g == NULL)
        return;
    for (size_t i = 0; i < (*g)->count; i++)
        key_free(&(*g)->owned[i]);
    arena_free(&(*g)->arena);
    free(*g);
    *g = NULL;
}

static int64_t
time_member(const json_t *j, const char *name)
{
    const json_t *v = json_object_get(j, name);

    return json_is_integer(v) ? (int64_t)json_integer_value(v) : 0;
}

static bool
plain_name(const char *s)
{
    return s != NULL && s[0] != '\0' && s[0] != '.' && strchr(s, '/') == NULL;
}

static enum selfsame_code
read_one(struct signing *g, const char *dir, const json_t *j, struct selfsame_err *e)
{
    const char *file = json_string_value(json_object_get(j, "file"));
    const char *alg = json_string_value(json_object_get(j, "alg"));
    struct signing_key *k = &g->keys[g->count];
    const char *path;
    struct jwk jwk;

    *k = (struct signing_key){
        .alg = alg != NULL ? jose_alg_of(bytes_str(alg)) : JOSE_NONE,
        .use_s = time_member(j, "use"),
        .stop_s = time_member(j, "stop"),
        .drop_s = time_member(j, "drop"),
    };
    if (k->alg == JOSE_NONE || !plain_name(file))
        FAIL(e, SELFSAME_USAGE,
            "keys.json: expected keys of {kid, alg, file, use, stop, drop}");
    TRY(path_join(dir, file, &g->arena, &path, e));
    TRY(key_file_read(path, &g->owned[g->count], e));
    k->key = g->owned[g->count++];
    TRY_WHILE(e, jwk_of_key(k->key, k->alg, &g->arena, &jwk, e), "%.80s", file);
    memcpy(k->kid, jwk.thumbprint, sizeof(k->kid));
    return SELFSAME_OK;
}

/* What is served: keys that sign, will sign, or did so while tokens of theirs may live. */
static enum selfsame_code
make_jwks(struct signing *g, int64_t now_s, struct selfsame_err *e)
{
    auto_json *root = json_pack("{s:[]}", "keys");
    json_t *list = json_object_get(root, "keys");

    for (size_t i = 0; i < g->count; i++) {
        struct jwk jwk;

        if (g->keys[i].drop_s != 0 && g->keys[i].drop_s <= now_s)
            continue;
        TRY(jwk_of_key(g->keys[i].key, g->keys[i].alg, &g->arena, &jwk, e));
        if (json_array_append_new(list, jwk_json(&jwk)) != 0)
            FAIL(e, SELFSAME_NOMEM, "no memory for the keys");
    }
    char *text = json_compact(root);
    g->jwks = text != NULL ? arena_str(&g->arena, bytes_str(text)) : NULL;
    free(text);
    if (g->jwks == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for the keys");
    return SELFSAME_OK;
}

static enum selfsame_code
read_list(struct signing *g, const char *dir, int64_t now_s, struct selfsame_err *e)
{
    struct selfsame_bytes text;
    const char *path;
    auto_json *root = NULL;
    const json_t *list, *j;
    size_t i;

    TRY(path_join(dir, "keys.json", &g->arena, &path, e));
    TRY(file_read(path, LIST_MAX, &g->arena, &text, e));
    TRY(json_parse(text, "keys.json", &root, e));
    list = json_object_get(root, "keys");
    if (!json_is_array(list) || json_array_size(list) == 0 ||
        json_array_size(list) > SIGN_KEYS)
        FAIL(e, SELFSAME_USAGE, "keys.json: expected 1 to %d keys", (int)SIGN_KEYS);
    json_array_foreach(list, i, j) TRY(read_one(g, dir, j, e));
    return make_jwks(g, now_s, e);
}

enum selfsame_code
signing_read(
    const char *dir, int64_t now_s, struct signing **ret, struct selfsame_err *e)
{
    struct signing *g = calloc(1, sizeof(*g));

    if (g == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for keys");
    g->arena = arena_new(SIGN_ARENA);
    enum selfsame_code code = read_list(g, dir, now_s, e);
    if (code != SELFSAME_OK) {
        signing_free(&g);
        return code;
    }
    *ret = g;
    return SELFSAME_OK;
}

/* How far this key's time is from now; 0: it signs. */
static int64_t
distance(const struct signing_key *k, int64_t now_s)
{
    if (now_s < k->use_s)
        return k->use_s - now_s;
    return k->stop_s != 0 && now_s >= k->stop_s ? now_s - k->stop_s + 1 : 0;
}

const struct signing_key *
signing_pick(const struct signing *g, enum jose_alg alg, int64_t now_s)
{
    const struct signing_key *best = NULL;

    for (size_t i = 0; i < g->count; i++) {
        const struct signing_key *k = &g->keys[i];

        if (k->alg != alg)
            continue;
        if (best == NULL || distance(k, now_s) < distance(best, now_s) ||
            (distance(k, now_s) == distance(best, now_s) && k->use_s > best->use_s))
            best = k;
    }
    return best;
}

bool
signing_has(const struct signing *g, enum jose_alg alg)
{
    return signing_pick(g, alg, 0) != NULL;
}
