/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/objects.h"

#include <stddef.h>

enum { OBJECT_ARENA = 8 << 20, LIST_MAX = 64 };

/* ---- one reader for all of them ---- */

enum kind { K_BOOL, K_TEXT, K_NUMBER, K_HASH, K_TEXTS, K_BASE64, K_WORD };
struct member {
    const char *name;
    enum kind kind;
    bool required;
    int64_t max;                   /* K_NUMBER: from 0 */
    size_t at;                     /* offset of where it goes */
    int (*word)(const char *text); /* K_WORD: its value, below 0: none */
};
struct reading {
    struct selfsame_bytes body;
    const char *what;
    const struct member *m;
    struct arena *arena;
    struct selfsame_err *e;
};

static enum selfsame_code
wrong(const struct reading *r, const char *member, const char *expected)
{
    FAIL(r->e, SELFSAME_USAGE, "%s, line %d: %.60s: expected %s", r->what,
        json_line_of(r->body, member), member, expected);
}

static enum selfsame_code
nomem(const struct reading *r)
{
    FAIL(r->e, SELFSAME_NOMEM, "no memory for a %s", r->what);
}

static enum selfsame_code
read_text(const struct reading *r, const json_t *v, const char **ret)
{
    const char *text = json_string_value(v);

    if (text == NULL || text[0] == '\0' || strlen(text) > 2048)
        return wrong(r, r->m->name, "a text of 1 to 2048 bytes");
    *ret = arena_str(r->arena, bytes_str(text));
    return *ret != NULL ? SELFSAME_OK : nomem(r);
}

static enum selfsame_code
read_texts(const struct reading *r, const json_t *v, const char *const **ret)
{
    const size_t count = json_array_size(v);
    const char **list = ARENA_NEW(r->arena, const char *, count + 1);

    if (!json_is_array(v) || count > LIST_MAX)
        return wrong(r, r->m->name, "a list of at most 64 texts");
    if (list == NULL)
        return nomem(r);
    for (size_t i = 0; i < count; i++)
        TRY(read_text(r, json_array_get(v, i), &list[i]));
    *ret = list;
    return SELFSAME_OK;
}

static enum selfsame_code
read_base64(const struct reading *r, const json_t *v, struct selfsame_bytes *ret)
{
    const char *text = json_string_value(v);
    const size_t len = text != NULL ? strlen(text) : 0;
    uint8_t *out = arena_alloc(r->arena, 1, len + 1);
    size_t got;

    if (out == NULL)
        return nomem(r);
    if (text == NULL || !base64_decode(text, len, false, out, len + 1, &got))
        return wrong(r, r->m->name, "base64");
    *ret = BYTES(out, got);
    return SELFSAME_OK;
}

static enum selfsame_code
read_number(const struct reading *r, const json_t *v, int64_t *ret)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 ||
        json_integer_value(v) > r->m->max)
        return wrong(r, r->m->name, "a whole number within its bounds");
    *ret = (int64_t)json_integer_value(v);
    return SELFSAME_OK;
}

static enum selfsame_code
read_member(const struct reading *r, const json_t *v, void *base)
{
    void *to = (uint8_t *)base + r->m->at;
    const char *text = json_string_value(v);
    size_t len;
    int word;

    switch (r->m->kind) {
    case K_BOOL:
        if (!json_is_boolean(v))
            return wrong(r, r->m->name, "true or false");
        *(bool *)to = json_is_true(v);
        return SELFSAME_OK;
    case K_TEXT: return read_text(r, v, to);
    case K_NUMBER: return read_number(r, v, to);
    case K_HASH:
        if (text == NULL || !hex_decode(text, strlen(text), to, 32, &len) || len != 32)
            return wrong(r, r->m->name, "a SHA-256, 64 digits of lower-case hex");
        return SELFSAME_OK;
    case K_TEXTS: return read_texts(r, v, to);
    case K_BASE64: return read_base64(r, v, to);
    case K_WORD:
        word = text != NULL ? r->m->word(text) : -1;
        if (word < 0)
            return wrong(r, r->m->name, "one of the words of the documentation");
        *(int *)to = word;
        return SELFSAME_OK;
    }
    return wrong(r, r->m->name, "nothing");
}

static enum selfsame_code
read_members(struct reading *r, json_t *root, const struct member *members,
    size_t count, void *base)
{
    for (size_t i = 0; i < count; i++) {
        const json_t *v = json_object_get(root, members[i].name);

        r->m = &members[i];
        if (v == NULL || json_is_null(v)) {
            if (members[i].required)
                FAIL(r->e, SELFSAME_USAGE, "%s: expected a member \"%s\", got none",
                    r->what, members[i].name);
        } else
            TRY(read_member(r, v, base));
    }
    return SELFSAME_OK;
}

static bool
is_known(const char *key, const struct member *members, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(key, members[i].name) == 0)
            return true;
    return false;
}

static enum selfsame_code
read_object(struct selfsame_bytes body, const char *what, const struct member *members,
    size_t count, struct arena *arena, void *base, struct selfsame_err *e)
{
    struct reading r = { body, what, NULL, arena, e };
    auto_json *root = NULL;
    const char *key;
    json_t *v;

    enum selfsame_code code = json_parse(body, what, &root, e);
    if (code == SELFSAME_MALFORMED)
        code = e->code = SELFSAME_USAGE;
    TRY(code);
    if (!json_is_object(root))
        FAIL(e, SELFSAME_USAGE, "%s: expected an object", what);
    json_object_foreach(root, key, v) if (!is_known(key, members, count)) return wrong(
        &r, key, "no such member");
    return read_members(&r, root, members, count, base);
}

/* ---- words ---- */

static int
dialect_of(const char *word)
{
    if (strcmp(word, "deployed") == 0)
        return EAR_DEPLOYED;
    return strcmp(word, "draft") == 0 ? EAR_DRAFT : -1;
}

static int
alg_of(const char *word)
{
    const enum jose_alg a = jose_alg_of(bytes_str(word));

    return a != JOSE_NONE ? (int)a : -1;
}

static int
role_number(const char *word)
{
    const enum role r = role_of(word);

    return r != ROLE_NONE ? (int)r : -1;
}

static const char *const role_words[] = {
    [ROLE_NONE] = "none",
    [ROLE_ATTESTER] = "attester",
    [ROLE_RELYING_PARTY] = "relying-party",
    [ROLE_AUDITOR] = "auditor",
    [ROLE_ADMIN] = "admin",
};

const char *
role_word(enum role r)
{
    return (size_t)r < COUNT(role_words) ? role_words[r] : "none";
}

enum role
role_of(const char *word)
{
    for (size_t i = 1; i < COUNT(role_words); i++)
        if (strcmp(word, role_words[i]) == 0)
            return (enum role)i;
    return ROLE_NONE;
}

/* ---- each kind ---- */

struct tenant_body {
    bool public, caller_nonces;
    const char *policy;
    int64_t life_s, stale_s;
    int dialect;
};

enum selfsame_code
object_read_tenant(struct selfsame_bytes body, struct arena *arena,
    struct snap_tenant *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "public", K_BOOL, .at = offsetof(struct tenant_body, public) },
        { "caller_nonces", K_BOOL, .at = offsetof(struct tenant_body, caller_nonces) },
        { "policy", K_TEXT, .at = offsetof(struct tenant_body, policy) },
        { "token_life_s", K_NUMBER, .max = TOKEN_LIFE_MAX_S,
            .at = offsetof(struct tenant_body, life_s) },
        { "stale_collateral_s", K_NUMBER, .max = STALE_MAX_S,
            .at = offsetof(struct tenant_body, stale_s) },
        { "dialect", K_WORD, .at = offsetof(struct tenant_body, dialect),
            .word = dialect_of },
    };
    struct tenant_body got = { .life_s = 300, .dialect = EAR_DEPLOYED };

    TRY(read_object(body, "tenant", members, COUNT(members), arena, &got, e));
    if (got.life_s < 1)
        FAIL(e, SELFSAME_USAGE, "tenant: token_life_s: expected at least 1");
    ret->public = got.public;
    ret->caller_nonces = got.caller_nonces;
    ret->policy = got.policy;
    ret->token_life_s = got.life_s;
    ret->stale_collateral_s = got.stale_s;
    ret->dialect = (enum ear_dialect)got.dialect;
    return SELFSAME_OK;
}

struct key_body {
    int role;
    uint8_t sha256[32], certificate[32];
    int64_t expires_s;
};

enum selfsame_code
object_read_key(struct selfsame_bytes body, struct arena *arena, struct snap_key *ret,
    struct selfsame_err *e)
{
    static const struct member members[] = {
        { "role", K_WORD, true, .at = offsetof(struct key_body, role),
            .word = role_number },
        { "sha256", K_HASH, .at = offsetof(struct key_body, sha256) },
        { "certificate", K_HASH, .at = offsetof(struct key_body, certificate) },
        { "expires", K_NUMBER, .max = INT64_MAX / 1000,
            .at = offsetof(struct key_body, expires_s) },
    };
    struct key_body got = { .role = ROLE_NONE };

    TRY(read_object(body, "key", members, COUNT(members), arena, &got, e));
    const bool bearer = !bytes_is_zero(BYTES_ARR(got.sha256));
    if (bearer == !bytes_is_zero(BYTES_ARR(got.certificate)))
        FAIL(e, SELFSAME_USAGE,
            "key: expected either \"sha256\" of a bearer key or \"certificate\"");
    *ret = (struct snap_key){ .name = ret->name,
        .role = (enum role)got.role,
        .certificate = !bearer,
        .expires_s = got.expires_s };
    memcpy(ret->sha256, bearer ? got.sha256 : got.certificate, sizeof(ret->sha256));
    return SELFSAME_OK;
}

struct audience_body {
    int alg, dialect;
    int64_t life_s;
};

enum selfsame_code
object_read_audience(struct selfsame_bytes body, struct arena *arena,
    struct snap_audience *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "alg", K_WORD, .at = offsetof(struct audience_body, alg), .word = alg_of },
        { "dialect", K_WORD, .at = offsetof(struct audience_body, dialect),
            .word = dialect_of },
        { "life_s", K_NUMBER, .max = TOKEN_LIFE_MAX_S,
            .at = offsetof(struct audience_body, life_s) },
    };
    struct audience_body got = { .alg = JOSE_ES256, .dialect = -1 };

    TRY(read_object(body, "audience", members, COUNT(members), arena, &got, e));
    ret->alg = (enum jose_alg)got.alg;
    ret->dialect = got.dialect;
    ret->life_s = got.life_s;
    return SELFSAME_OK;
}

enum selfsame_code
object_read_secret(struct selfsame_bytes body, struct arena *arena,
    struct snap_secret *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "policies", K_TEXTS, true, .at = offsetof(struct snap_secret, policies) },
        { "releases", K_TEXTS, .at = offsetof(struct snap_secret, releases) },
        { "type", K_TEXT, .at = offsetof(struct snap_secret, type) },
        { "sealed", K_BASE64, true, .at = offsetof(struct snap_secret, sealed) },
    };

    return read_object(body, "secret", members, COUNT(members), arena, ret, e);
}

enum selfsame_code
object_read_identity(struct selfsame_bytes body, struct arena *arena,
    struct snap_identity *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "release", K_TEXT, true, .at = offsetof(struct snap_identity, release) },
        { "version", K_TEXT, .at = offsetof(struct snap_identity, version) },
        { "policy", K_TEXT, .at = offsetof(struct snap_identity, policy) },
        { "spiffe_id", K_TEXT, true, .at = offsetof(struct snap_identity, spiffe_id) },
    };

    return read_object(body, "identity", members, COUNT(members), arena, ret, e);
}

static enum selfsame_code
check_policy(struct selfsame_bytes body, struct selfsame_err *e)
{
    struct selfsame_policy *p = NULL;

    TRY(selfsame_policy_parse(body, &p, e));
    const char *wanted = selfsame_policy_file_wanted(p, 0);
    if (wanted != NULL)
        (void)err_set(e, SELFSAME_USAGE, __FILE__, __LINE__,
            "the policy refers to the file %.80s: expected its text in the policy",
            wanted);
    selfsame_policy_free(p);
    return wanted == NULL ? SELFSAME_OK : SELFSAME_USAGE;
}

enum selfsame_code
object_check(
    enum registry_kind kind, struct selfsame_bytes body, struct selfsame_err *e)
{
    auto_arena arena = arena_new(OBJECT_ARENA);
    struct snap_tenant tenant = { 0 };
    struct snap_key key = { 0 };
    struct snap_audience audience = { 0 };
    struct snap_secret secret = { 0 };
    struct snap_identity identity = { 0 };

    switch (kind) {
    case REGISTRY_TENANT: return object_read_tenant(body, &arena, &tenant, e);
    case REGISTRY_KEY: return object_read_key(body, &arena, &key, e);
    case REGISTRY_AUDIENCE: return object_read_audience(body, &arena, &audience, e);
    case REGISTRY_SECRET: return object_read_secret(body, &arena, &secret, e);
    case REGISTRY_IDENTITY: return object_read_identity(body, &arena, &identity, e);
    case REGISTRY_POLICY: return check_policy(body, e);
    case REGISTRY_RELEASE:
    case REGISTRY_FOLLOW:
    case REGISTRY_KINDS: break;
    }
    return SELFSAME_OK;
}
