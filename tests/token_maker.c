/* SPDX-License-Identifier: Apache-2.0 */
/* token_maker DIR: keys and tokens of each algorithm for tests/token.sh. */
#include "os/os.h"
#include "token_made.h"

#include <sys/stat.h>

static const struct {
    const char *name;
    enum key_type type;
    enum jose_alg alg;
} kinds[] = {
    { "ES256", KEY_P256, JOSE_ES256 },
    { "ES384", KEY_P384, JOSE_ES384 },
    { "RS256", KEY_RSA2048, JOSE_RS256 },
    { "PS256", KEY_RSA2048, JOSE_PS256 },
    { "EdDSA", KEY_ED25519, JOSE_EDDSA },
};

static void
save(const char *dir, const char *name, const char *suffix, struct selfsame_bytes b)
{
    char path[512];

    (void)snprintf(path, sizeof(path), "%s/%s.%s", dir, name, suffix);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b.ptr, 1, b.len, f), b.len);
    assert_int_equal(fclose(f), 0);
}

static void
make(const char *dir, size_t i, json_t *set)
{
    auto_arena a = arena_new(1 << 20);
    struct verdict v = made_accepted();
    struct ear_subject s = made_subject();
    struct selfsame_err e = { 0 };
    struct selfsame_bytes spki, cwt;
    auto_key *k = NULL;
    struct jwk jwk;
    char *text;

    assert_code(key_generate(kinds[i].type, &k, &e), SELFSAME_OK, &e);
    assert_code(key_spki(k, &a, &spki, &e), SELFSAME_OK, &e);
    assert_code(jwk_of_key(k, kinds[i].alg, &a, &jwk, &e), SELFSAME_OK, &e);
    auto_json *j = jwk_json(&jwk);
    text = json_compact(j);
    save(dir, kinds[i].name, "jwk", bytes_str(text));
    free(text);
    assert_int_equal(json_array_append(set, j), 0);
    save(dir, kinds[i].name, "der", spki);
    s.key = spki;
    assert_code(ear_jwt(&v, &s, k, kinds[i].alg, &a, &text, &e), SELFSAME_OK, &e);
    save(dir, kinds[i].name, "jwt", bytes_str(text));
    assert_code(ear_cwt(&v, &s, k, kinds[i].alg, &a, &cwt, &e), SELFSAME_OK, &e);
    save(dir, kinds[i].name, "cwt", cwt);
    v = made_refused(CHECK_MEASUREMENT, SELFSAME_MISMATCH);
    assert_code(ear_jwt(&v, &s, k, kinds[i].alg, &a, &text, &e), SELFSAME_OK, &e);
    save(dir, kinds[i].name, "refused", bytes_str(text));
    if (i > 0)
        return;
    v = made_accepted();
    auto_json *claims = NULL;
    assert_code(ear_claims(&v, &s, &claims, &e), SELFSAME_OK, &e);
    text = json_compact(claims);
    save(dir, "payload", "json", bytes_str(text));
    free(text);
}

int
main(int argc, char **argv)
{
    auto_json *set = json_pack("{s:[]}", "keys");

    if (argc != 2)
        return 2;
    for (size_t i = 0; i < COUNT(kinds); i++)
        make(argv[1], i, json_object_get(set, "keys"));
    char *text = json_compact(set);
    save(argv[1], "all", "jwks", bytes_str(text));
    free(text);
    return 0;
}
