/* SPDX-License-Identifier: Apache-2.0 */
#include "verifier/objects.h"

#include "codec/pem.h"
#include "crypto/x509.h"
#include "token/svid.h"

#include <stddef.h>
#include <stdio.h>

enum { LIST_MAX = 64, TEXT_MAX = 2048, TRUST_MAX = 64 << 10 };

/* ---- one reader for all of them ---- */

enum kind { K_BOOL, K_TEXT, K_LINES, K_NUMBER, K_HASH, K_TEXTS, K_BASE64, K_WORD };
struct member {
    const char *name;
    enum kind kind;
    bool required;
    int64_t min, max;              /* K_NUMBER; K_TEXTS: how many */
    size_t at;                     /* offset of where it goes */
    bool lines;                    /* K_TEXTS: each may have several */
    int (*word)(const char *text); /* K_WORD: its value, below 0: none */
    const char *words;             /* K_WORD: which there are, for the error */
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

/* They stand in logs, headers and terminals later: nothing in them may do anything there. */
static bool
is_plain(const char *text, bool lines)
{
    struct selfsame_bytes rest = bytes_str(text);

    while (rest.len > 0) {
        bool plain;
        const size_t n = text_char(rest, &plain);

        if (!plain && !(lines && (rest.ptr[0] == '\n' || rest.ptr[0] == '\t' ||
                                     rest.ptr[0] == '\r')))
            return false;
        rest = BYTES(rest.ptr + n, rest.len - n);
    }
    return true;
}

static enum selfsame_code
read_text(const struct reading *r, const json_t *v, bool lines, const char **ret)
{
    const char *text = json_string_value(v);
    const size_t max = lines ? TRUST_MAX : TEXT_MAX;

    if (text == NULL || text[0] == '\0' || strlen(text) > max)
        return wrong(r, r->m->name,
            lines ? "a text of 1 to 65536 bytes" : "a text of 1 to 2048 bytes");
    if (!is_plain(text, lines))
        return wrong(r, r->m->name, "a text without control characters");
    *ret = arena_str(r->arena, bytes_str(text));
    return *ret != NULL ? SELFSAME_OK : nomem(r);
}

static enum selfsame_code
read_texts(const struct reading *r, const json_t *v, const char *const **ret)
{
    const size_t count = json_array_size(v);

    if (!json_is_array(v) || count > LIST_MAX || (int64_t)count < r->m->min)
        return wrong(r, r->m->name,
            r->m->min > 0 ? "a list of 1 to 64 texts" : "a list of at most 64 texts");
    const char **list = ARENA_NEW(r->arena, const char *, count + 1);
    if (list == NULL)
        return nomem(r);
    for (size_t i = 0; i < count; i++)
        TRY(read_text(r, json_array_get(v, i), r->m->lines, &list[i]));
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
    char expected[80];

    if (!json_is_integer(v) || json_integer_value(v) < r->m->min ||
        json_integer_value(v) > r->m->max) {
        (void)snprintf(expected, sizeof(expected), "a whole number from %lld to %lld",
            (long long)r->m->min, (long long)r->m->max);
        return wrong(r, r->m->name, expected);
    }
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
    case K_TEXT: return read_text(r, v, false, to);
    case K_LINES: return read_text(r, v, true, to);
    case K_NUMBER: return read_number(r, v, to);
    case K_HASH:
        if (text == NULL || !hex_decode(text, strlen(text), to, 32, &len) || len != 32)
            return wrong(r, r->m->name, "a SHA-256, 64 digits of hex");
        return SELFSAME_OK;
    case K_TEXTS: return read_texts(r, v, to);
    case K_BASE64: return read_base64(r, v, to);
    case K_WORD:
        word = text != NULL ? r->m->word(text) : -1;
        if (word < 0)
            return wrong(r, r->m->name, r->m->words);
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
    json_object_foreach(root, key, v) if (!is_known(key, members, count))
        FAIL(e, SELFSAME_USAGE, "%s, line %d: no such member: %.60s", what,
            json_line_of(body, key), key);
    return read_members(&r, root, members, count, base);
}

/* ---- words ---- */

#define DIALECTS "deployed or draft"
#define ALGS "RS256, ES256, ES384, PS256 or EdDSA"
#define ROLES "attester, relying-party, auditor or admin"

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
        { "token_life_s", K_NUMBER, .min = 1, .max = TOKEN_LIFE_MAX_S,
            .at = offsetof(struct tenant_body, life_s) },
        { "stale_collateral_s", K_NUMBER, .max = STALE_MAX_S,
            .at = offsetof(struct tenant_body, stale_s) },
        { "dialect", K_WORD, .at = offsetof(struct tenant_body, dialect),
            .word = dialect_of, .words = DIALECTS },
    };
    struct tenant_body got = { .life_s = 300, .dialect = EAR_DEPLOYED };

    TRY(read_object(body, "tenant", members, COUNT(members), arena, &got, e));
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
            .word = role_number, .words = ROLES },
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

/*
 * Those of the clouds' token exchanges, as their documents give them: AWS IAM and Google's
 * workload identity federation verify RS256 and ES256, Azure's RS256 (and takes no other
 * today, which is for Azure to say).
 */
static bool
audience_is_cloud(const char *name)
{
    static const char *const clouds[] = { "sts.amazonaws.com",
        "https://sts.amazonaws.com", "//iam.googleapis.com/",
        "https://iam.googleapis.com/", "https://sts.googleapis.com",
        "api://AzureADTokenExchange" };

    for (size_t i = 0; i < COUNT(clouds); i++)
        if (strncmp(name, clouds[i], strlen(clouds[i])) == 0)
            return true;
    return false;
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
        { "alg", K_WORD, .at = offsetof(struct audience_body, alg), .word = alg_of,
            .words = ALGS },
        { "dialect", K_WORD, .at = offsetof(struct audience_body, dialect),
            .word = dialect_of, .words = DIALECTS },
        { "life_s", K_NUMBER, .min = 1, .max = TOKEN_LIFE_MAX_S,
            .at = offsetof(struct audience_body, life_s) },
    };
    struct audience_body got = { .alg = JOSE_ES256, .dialect = -1 };

    TRY(read_object(body, "audience", members, COUNT(members), arena, &got, e));
    ret->alg = (enum jose_alg)got.alg;
    ret->dialect = got.dialect;
    ret->life_s = got.life_s;
    if (ret->name != NULL && audience_is_cloud(ret->name) && ret->alg != JOSE_RS256 &&
        ret->alg != JOSE_ES256)
        FAIL(e, SELFSAME_USAGE,
            "audience %.80s: alg: expected RS256 or ES256, which are all that it "
            "takes, "
            "got %s",
            ret->name, jose_alg_word(ret->alg));
    return SELFSAME_OK;
}

enum selfsame_code
object_read_secret(struct selfsame_bytes body, struct arena *arena,
    struct snap_secret *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "policies", K_TEXTS, true, .min = 1,
            .at = offsetof(struct snap_secret, policies) },
        { "releases", K_TEXTS, .at = offsetof(struct snap_secret, releases) },
        { "type", K_TEXT, .at = offsetof(struct snap_secret, type) },
        { "sealed", K_BASE64, true, .at = offsetof(struct snap_secret, sealed) },
        { "warning", K_BOOL, .at = offsetof(struct snap_secret, warning) },
    };

    return read_object(body, "secret", members, COUNT(members), arena, ret, e);
}

static enum selfsame_code
check_release_name(const char *name, struct selfsame_err *e)
{
    if (!release_name_ok(name))
        FAIL(e, SELFSAME_USAGE,
            "expected the name of a release such as example.com/hello, got \"%.60s\"",
            name);
    return SELFSAME_OK;
}

static enum selfsame_code
check_spiffe_id(const char *text, struct selfsame_err *e)
{
    struct selfsame_err why = { 0 };
    struct spiffe_id id;

    if (spiffe_id_parse(bytes_str(text), &id, &why) != SELFSAME_OK)
        FAIL(e, SELFSAME_USAGE, "identity: spiffe_id: %.120s", err_text(&why));
    if (id.path.len == 0)
        FAIL(e, SELFSAME_USAGE,
            "identity: spiffe_id: expected an id with a path, got a trust domain "
            "alone");
    return SELFSAME_OK;
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
        { "warning", K_BOOL, .at = offsetof(struct snap_identity, warning) },
    };

    TRY(read_object(body, "identity", members, COUNT(members), arena, ret, e));
    TRY_WHILE(e, check_release_name(ret->release, e), "identity: release");
    return check_spiffe_id(ret->spiffe_id, e);
}

/* ---- what is followed ---- */

/* What the log is asked over a network: as `selfsame monitor` takes it, and no directory. */
static enum selfsame_code
check_log_url(const char *url, struct selfsame_err *e)
{
    const bool https = strncmp(url, "https://", 8) == 0;

    if ((!https && strncmp(url, "http://", 7) != 0) ||
        strpbrk(url, " \"<>\\#?@") != NULL || strlen(url) > FOLLOW_URL_MAX)
        FAIL(e, SELFSAME_USAGE,
            "follow: log: expected an https URL without user, query and fragment");
    return SELFSAME_OK;
}

static enum selfsame_code
read_publishers(const char *const *texts, struct arena *arena,
    struct object_follow *ret, struct selfsame_err *e)
{
    for (size_t i = 0; texts[i] != NULL; i++) {
        struct selfsame_bytes rest = bytes_str(texts[i]), more, key;
        enum sig_alg alg;

        if (ret->publisher_count == FOLLOW_KEYS)
            FAIL(e, SELFSAME_USAGE, "follow: publishers: expected at most %d",
                (int)FOLLOW_KEYS);
        struct selfsame_bytes *spki = &ret->publishers[ret->publisher_count];
        enum selfsame_code code = pem_next(&rest, "PUBLIC KEY", arena, spki, e);
        if (code == SELFSAME_OK && spki->ptr != NULL)
            code = pem_next(&rest, "PUBLIC KEY", arena, &more, e);
        if (code == SELFSAME_NOMEM)
            return code;
        if (code != SELFSAME_OK || spki->ptr == NULL || more.ptr != NULL ||
            spki_parse(*spki, &alg, &key, e) != SELFSAME_OK ||
            (alg != SIG_ED25519 && alg != SIG_P256 && alg != SIG_P384))
            FAIL(e, SELFSAME_USAGE,
                "follow: publishers[%zu]: expected one PEM block PUBLIC KEY of "
                "Ed25519, "
                "P-256 or P-384",
                i);
        ret->publisher_count++;
    }
    return SELFSAME_OK;
}

struct follow_body {
    const char *log, *trust, *release;
    const char *const *publishers;
    int64_t keep;
};

enum selfsame_code
object_read_follow(struct selfsame_bytes body, struct arena *arena,
    struct object_follow *ret, struct selfsame_err *e)
{
    static const struct member members[] = {
        { "log", K_TEXT, true, .at = offsetof(struct follow_body, log) },
        { "trust", K_LINES, true, .at = offsetof(struct follow_body, trust) },
        { "release", K_TEXT, true, .at = offsetof(struct follow_body, release) },
        { "publishers", K_TEXTS, true, .min = 1, .lines = true,
            .at = offsetof(struct follow_body, publishers) },
        { "keep", K_NUMBER, .min = 1, .max = FOLLOW_KEEP_MAX,
            .at = offsetof(struct follow_body, keep) },
    };
    struct follow_body got = { .keep = FOLLOW_KEEP };

    TRY(read_object(body, "follow", members, COUNT(members), arena, &got, e));
    TRY(check_log_url(got.log, e));
    TRY_WHILE(e, check_release_name(got.release, e), "follow: release");
    *ret = (struct object_follow){
        .log = got.log, .release = got.release, .keep = (size_t)got.keep
    };
    TRY_WHILE(e, log_policy_parse(bytes_str(got.trust), arena, &ret->trust, e),
        "follow: trust");
    return read_publishers(got.publishers, arena, ret, e);
}
