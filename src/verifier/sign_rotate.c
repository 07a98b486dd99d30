/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/sign.h"

#include "os/os.h"
#include "service/key_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

enum { LIST_MAX = 64 << 10 };

static enum key_type
type_of(enum jose_alg alg)
{
    switch (alg) {
    case JOSE_ES256: return KEY_P256;
    case JOSE_ES384: return KEY_P384;
    case JOSE_RS256:
    case JOSE_PS256: return KEY_RSA2048;
    case JOSE_EDDSA: return KEY_ED25519;
    case JOSE_NONE: break;
    }
    return (enum key_type)0;
}

/* Of one process at a time; whoever reads sees the former list or the new one. */
static enum selfsame_code
lock(const char *dir, struct arena *arena, int *ret_fd, struct selfsame_err *e)
{
    const char *path;

    TRY(path_join(dir, ".lock", arena, &path, e));
    *ret_fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*ret_fd < 0 || flock(*ret_fd, LOCK_EX) != 0)
        return file_error(e, "cannot lock", path);
    return SELFSAME_OK;
}

static enum selfsame_code
read_list(const char *path, struct arena *arena, json_t **ret, struct selfsame_err *e)
{
    struct selfsame_bytes text;

    if (access(path, F_OK) != 0) {
        *ret = json_pack("{s:[]}", "keys");
        if (*ret == NULL)
            FAIL(e, SELFSAME_NOMEM, "no memory for a list of keys");
        return SELFSAME_OK;
    }
    TRY(file_read(path, LIST_MAX, arena, &text, e));
    TRY(json_parse(text, "keys.json", ret, e));
    if (!json_is_array(json_object_get(*ret, "keys")))
        FAIL(e, SELFSAME_USAGE, "keys.json: expected a list \"keys\"");
    return SELFSAME_OK;
}

static bool
is_null(const json_t *v)
{
    return v == NULL || json_is_null(v);
}

static bool
same_alg(const json_t *j, enum jose_alg alg)
{
    const char *word = json_string_value(json_object_get(j, "alg"));

    return word != NULL && strcmp(word, jose_alg_word(alg)) == 0;
}

/* Whether a key of this algorithm signs: then the next one waits until it is known. */
static bool
is_served(const json_t *list, enum jose_alg alg)
{
    const json_t *j;
    size_t i;

    json_array_foreach(list, i,
        j) if (same_alg(j, alg) && is_null(json_object_get(j, "stop"))) return true;
    return false;
}

static bool
set_times(json_t *j, int64_t stop_s)
{
    return json_object_set_new(j, "stop", json_integer((json_int_t)stop_s)) == 0 &&
           json_object_set_new(
               j, "drop", json_integer((json_int_t)(stop_s + SIGN_KEEP_S))) == 0;
}

/* The others of this algorithm stop when the new one has begun; what is past goes. */
static enum selfsame_code
end_others(const char *dir, json_t *list, enum jose_alg alg, int64_t use_s,
    int64_t now_s, struct arena *arena, struct selfsame_err *e)
{
    for (size_t i = json_array_size(list); i-- > 0;) {
        json_t *j = json_array_get(list, i);
        const json_t *drop = json_object_get(j, "drop");
        const char *file = json_string_value(json_object_get(j, "file"));

        if (same_alg(j, alg) && is_null(json_object_get(j, "stop")) &&
            !set_times(j, use_s + SIGN_OVERLAP_S))
            FAIL(e, SELFSAME_NOMEM, "no memory for a list of keys");
        if (!json_is_integer(drop) || (int64_t)json_integer_value(drop) > now_s)
            continue;
        const char *path;
        if (file != NULL && strchr(file, '/') == NULL) {
            TRY(path_join(dir, file, arena, &path, e));
            (void)unlink(path); /* its secret is of no use any more */
        }
        (void)json_array_remove(list, i);
    }
    return SELFSAME_OK;
}

static enum selfsame_code
add_key(const char *dir, json_t *list, enum jose_alg alg, int64_t use_s,
    struct arena *arena, char **ret_kid, struct selfsame_err *e)
{
    auto_key *k = NULL;
    struct jwk jwk;
    const char *path;

    TRY(key_generate(type_of(alg), &k, e));
    TRY(jwk_of_key(k, alg, arena, &jwk, e));
    char *file = arena_printf(arena, "%s.pem", jwk.thumbprint);
    *ret_kid = arena_str(arena, bytes_str(jwk.thumbprint));
    if (file == NULL || *ret_kid == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a key");
    if (file[0] == '-') /* a thumbprint may begin so, a file should not */
        file[0] = '_';
    TRY(path_join(dir, file, arena, &path, e));
    TRY(key_file_write(path, k, e));
    if (json_array_append_new(
            list, json_pack("{s:s,s:s,s:s,s:I,s:n,s:n}", "kid", jwk.thumbprint, "alg",
                      jose_alg_word(alg), "file", file, "use", (json_int_t)use_s,
                      "stop", "drop")) != 0)
        FAIL(e, SELFSAME_NOMEM, "no memory for a list of keys");
    return SELFSAME_OK;
}

enum selfsame_code
signing_rotate(const char *dir, enum jose_alg alg, int64_t now_s, int64_t lead_s,
    struct arena *arena, char **ret_kid, struct selfsame_err *e)
{
    auto_fd fd = -1;
    auto_json *root = NULL;
    const char *path;

    if (type_of(alg) == 0)
        FAIL(e, SELFSAME_USAGE,
            "no such algorithm: expected ES256, ES384, RS256, "
            "PS256 or EdDSA");
    TRY(lock(dir, arena, &fd, e));
    TRY(path_join(dir, "keys.json", arena, &path, e));
    TRY(read_list(path, arena, &root, e));
    json_t *list = json_object_get(root, "keys");
    const int64_t use_s = is_served(list, alg) ? now_s + lead_s : now_s;
    TRY(end_others(dir, list, alg, use_s, now_s, arena, e));
    if (json_array_size(list) >= SIGN_KEYS)
        FAIL(e, SELFSAME_USAGE, "there are %d keys already: wait until one is dropped",
            (int)SIGN_KEYS);
    TRY(add_key(dir, list, alg, use_s, arena, ret_kid, e));
    char *text = json_pretty(root);
    if (text == NULL)
        FAIL(e, SELFSAME_NOMEM, "no memory for a list of keys");
    enum selfsame_code code = file_write(path, bytes_str(text), false, e);
    free(text);
    return code;
}
