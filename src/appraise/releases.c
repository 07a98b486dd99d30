/* SPDX-License-Identifier: Apache-2.0 */
/* `releases` of a policy: whose statements are believed, in which log. docs/policy.md */
#include "appraise/internal.h"
#include "codec/pem.h"
#include "crypto/x509.h"

enum { KEY_MAX = 2048, TEXT_MAX = 1 << 20 };

/* One entry while it is read. */
struct entry {
    const struct policy_reader *r;
    const char *at; /* "releases[0]" */
    const json_t *j;
    struct release_demand *d;
};

static const char *
path_of(const struct entry *x, const char *member)
{
    const char *path = arena_printf(x->r->arena, "%s.%s", x->at, member);

    return path != NULL ? path : x->at;
}

/* ---- kinds of values ---- */

static enum selfsame_code
string_of(const struct entry *x, const json_t *from, const char *member,
    const char *expected, const char **ret)
{
    const json_t *j = json_object_get(from, member);

    if (!json_is_string(j) || json_string_length(j) == 0 ||
        json_string_length(j) > TEXT_MAX)
        return policy_bad(x->r, path_of(x, member), "expected %s", expected);
    *ret = arena_str(x->r->arena, bytes_str(json_string_value(j)));
    return *ret != NULL ? SELFSAME_OK : policy_nomem(x->r);
}

/* The text itself where it has lines, else the name of a file that the caller reads. */
static enum selfsame_code
text_of(const struct entry *x, const json_t *from, const char *member,
    const char *expected, struct policy_text *ret)
{
    const char *s;

    TRY(string_of(x, from, member, expected, &s));
    *ret = strchr(s, '\n') != NULL || s[0] == '{'
               ? (struct policy_text){ .text = bytes_str(s) }
               : (struct policy_text){ .name = s };
    return SELFSAME_OK;
}

static enum selfsame_code
uint_of(const struct entry *x, const char *member, uint64_t max, uint64_t *ret)
{
    const json_t *j = json_object_get(x->j, member);

    if (j == NULL)
        return SELFSAME_OK;
    if (!json_is_integer(j) || json_integer_value(j) < 1 ||
        (uint64_t)json_integer_value(j) > max)
        return policy_bad(x->r, path_of(x, member),
            "expected a whole number from 1 to %llu", (unsigned long long)max);
    *ret = (uint64_t)json_integer_value(j);
    return SELFSAME_OK;
}

/* A public key: PEM, or base64 of its SubjectPublicKeyInfo. */
static enum selfsame_code
key_of(const struct entry *x, const json_t *j, const char *path,
    struct selfsame_bytes *ret)
{
    const char *text = json_string_value(j);
    uint8_t raw[KEY_MAX];
    size_t len = 0;
    struct selfsame_bytes rest, der = BYTES_NONE, bare;
    enum sig_alg alg = SIG_NONE;
    struct selfsame_err ignored;

    if (text == NULL)
        return policy_bad(x->r, path, "expected a public key as PEM or base64");
    rest = bytes_str(text);
    if (pem_looks_like(rest)) {
        if (pem_next(&rest, "PUBLIC KEY", x->r->arena, &der, &ignored) != SELFSAME_OK)
            der = BYTES_NONE;
    } else if (base64_decode(text, rest.len, false, raw, sizeof(raw), &len) &&
               !arena_dup(x->r->arena, BYTES(raw, len), &der))
        return policy_nomem(x->r);
    if (der.len == 0 || spki_parse(der, &alg, &bare, &ignored) != SELFSAME_OK ||
        (alg != SIG_ED25519 && alg != SIG_P256 && alg != SIG_P384))
        return policy_bad(x->r, path,
            "expected an Ed25519, P-256 or P-384 public key as PEM or base64 of its "
            "SubjectPublicKeyInfo");
    *ret = der;
    return SELFSAME_OK;
}

/* One key or a list of different ones. */
static enum selfsame_code
keys_of(const struct entry *x, const char *member, const struct selfsame_bytes **ret,
    size_t *ret_count)
{
    const json_t *j = json_object_get(x->j, member);
    const bool list = json_is_array(j);
    const size_t n = list ? json_array_size(j) : 1;
    struct selfsame_bytes *keys = ARENA_NEW(x->r->arena, struct selfsame_bytes, n + 1);

    if (j == NULL)
        return SELFSAME_OK;
    if (keys == NULL)
        return policy_nomem(x->r);
    if (n == 0 || n > RELEASE_KEYS_MAX)
        return policy_bad(
            x->r, path_of(x, member), "expected 1 to %d keys", (int)RELEASE_KEYS_MAX);
    for (size_t i = 0; i < n; i++) {
        const char *path = list ? arena_printf(
                                      x->r->arena, "%s.%s[%zu]", x->at, member, i)
                                : path_of(x, member);

        if (path == NULL)
            return policy_nomem(x->r);
        TRY(key_of(x, list ? json_array_get(j, i) : j, path, &keys[i]));
        for (size_t k = 0; k < i; k++)
            if (bytes_eq(keys[k], keys[i]))
                return policy_bad(x->r, path, "this key stands there already");
    }
    *ret = keys;
    *ret_count = n;
    return SELFSAME_OK;
}

/* ---- members ---- */

static enum selfsame_code
index_age_parse(const struct entry *x)
{
    const json_t *j = json_object_get(x->j, "max_index_age");

    if (j == NULL)
        return SELFSAME_OK;
    if (!json_is_string(j) ||
        !duration_parse(json_string_value(j), &x->d->max_index_age_ms) ||
        x->d->max_index_age_ms < 1000)
        return policy_bad(x->r, path_of(x, "max_index_age"),
            "expected a duration such as \"24h\" or \"7d\"");
    return SELFSAME_OK;
}

static enum selfsame_code
log_parse(const struct entry *x)
{
    struct release_demand *d = x->d;
    uint64_t threshold = 1, rebuilders = 0;

    TRY(keys_of(x, "publisher", &d->publishers, &d->publisher_count));
    if (d->publisher_count == 0)
        return policy_bad(x->r, path_of(x, "publisher"),
            json_object_get(x->j, "sigstore") == NULL
                ? "mandatory: the publisher's key, unless \"sigstore\" says who it is"
                : "mandatory beside the other members about logs");
    TRY(text_of(x, x->j, "trust",
        "a trust policy (logs, witnesses, quorum) or its file", &d->trust));
    TRY(uint_of(x, "threshold", d->publisher_count, &threshold));
    TRY(index_age_parse(x));
    TRY(keys_of(x, "rebuilders", &d->rebuilders, &d->rebuilder_count));
    if (json_object_get(x->j, "min_rebuilders") != NULL && d->rebuilder_count == 0)
        return policy_bad(x->r, path_of(x, "min_rebuilders"),
            "expected their keys in \"rebuilders\", got none");
    TRY(uint_of(x, "min_rebuilders", d->rebuilder_count, &rebuilders));
    d->threshold = (size_t)threshold;
    d->min_rebuilders = (size_t)rebuilders;
    return SELFSAME_OK;
}

static enum selfsame_code
sigstore_parse(const struct entry *x)
{
    static const char *const members[] = { "identity", "issuer", "trusted_root" };
    const json_t *s = json_object_get(x->j, "sigstore");
    const char *key;
    json_t *value;

    if (!json_is_object(s))
        return policy_bad(x->r, path_of(x, "sigstore"),
            "expected {\"identity\", \"issuer\", \"trusted_root\"}");
    json_object_foreach((json_t *)(uintptr_t)s, key, value)
    {
        size_t i = 0;

        while (i < COUNT(members) && strcmp(key, members[i]) != 0)
            i++;
        if (i == COUNT(members))
            return policy_bad(x->r, path_of(x, "sigstore"),
                "unknown member \"%.24s\"; there are identity, issuer, trusted_root",
                key);
    }
    TRY(string_of(x, s, "identity", "sigstore.identity: who signs", &x->d->identity));
    TRY(string_of(x, s, "issuer", "sigstore.issuer: who vouches for that identity",
        &x->d->issuer));
    return text_of(x, s, "trusted_root", "sigstore.trusted_root: trusted_root.json",
        &x->d->trusted_root);
}

static enum selfsame_code
known_members(const struct entry *x)
{
    static const char *const members[] = { "name", "publisher", "threshold", "trust",
        "min_sequence", "max_index_age", "rebuilders", "min_rebuilders", "sigstore" };
    static const char *const of_logs[] = { "publisher", "threshold", "trust",
        "max_index_age", "rebuilders", "min_rebuilders" };
    const char *key;
    json_t *value;

    json_object_foreach((json_t *)(uintptr_t)x->j, key, value)
    {
        size_t i = 0;

        while (i < COUNT(members) && strcmp(key, members[i]) != 0)
            i++;
        if (i == COUNT(members))
            return policy_bad(x->r, path_of(x, key), "unknown member");
    }
    if (json_object_get(x->j, "sigstore") == NULL)
        return log_parse(x);
    TRY(sigstore_parse(x));
    /* Both may stand there; then either will do. */
    for (size_t i = 0; i < COUNT(of_logs); i++)
        if (json_object_get(x->j, of_logs[i]) != NULL)
            return log_parse(x);
    return SELFSAME_OK;
}

static enum selfsame_code
release_parse(const struct entry *x)
{
    if (!json_is_object(x->j))
        return policy_bad(x->r, x->at, "expected an object with \"name\"");
    TRY(string_of(x, x->j, "name", "the name of a release", &x->d->name));
    TRY(uint_of(x, "min_sequence", UINT64_C(1) << 53, &x->d->min_sequence));
    return known_members(x);
}

enum selfsame_code
releases_parse(const struct policy_reader *r, const json_t *array, const char *path,
    struct policy *p)
{
    if (!json_is_array(array))
        return policy_bad(r, path, "expected a list of releases");
    const size_t n = json_array_size(array), old = p->release_count;
    struct release_demand *all = ARENA_NEW(
        r->arena, struct release_demand, old + n + 1);

    if (n > RELEASES_MAX || old > RELEASES_MAX - n)
        return policy_bad(r, path, "expected at most %d releases", (int)RELEASES_MAX);
    if (all == NULL)
        return policy_nomem(r);
    if (old > 0)
        memcpy(all, p->releases, old * sizeof(*all));
    for (size_t i = 0; i < n; i++) {
        struct entry x = { .r = r, .j = json_array_get(array, i), .d = &all[old + i] };

        x.at = arena_printf(r->arena, "%s[%zu]", path, i);
        if (x.at == NULL)
            return policy_nomem(r);
        TRY(release_parse(&x));
        for (size_t k = 0; k < old + i; k++)
            if (strcmp(all[k].name, all[old + i].name) == 0)
                return policy_bad(
                    r, x.at, "the release \"%.60s\" stands there already", all[k].name);
    }
    p->releases = all;
    p->release_count = old + n;
    return SELFSAME_OK;
}
