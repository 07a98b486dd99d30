/* SPDX-License-Identifier: Apache-2.0 */
#include "log/sigstore_internal.h"

/*
 * trusted_root.json (sigstore/protobuf-specs, sigstore_trustroot.proto). It is pinned, so
 * members that we do not know are for others; what we use must be right.
 */
static const char what[] = "trusted root";

/* ---- periods ---- */

/*
 * A time of a root counts to the second. `up`: a start with a fraction begins with the next
 * second, so that rounding never widens a period.
 */
static enum selfsame_code
parse_time(const json_t *j, const char *name, bool up, bool *ret_has, int64_t *ret_s,
    struct selfsame_err *e)
{
    struct selfsame_bytes text;

    TRY(sj_text(j, name, what, &text, e));
    *ret_has = text.ptr != NULL;
    if (text.ptr == NULL)
        return SELFSAME_OK;
    /* jansson's strings end with a NUL, and our parser refuses others within. */
    const char *s = (const char *)text.ptr;
    if (strchr(s, 'T') == NULL || !time_parse(s, ret_s))
        FAIL(e, SELFSAME_MALFORMED, "%s: expected a time (RFC 3339) in \"%s\"", what,
            name);
    const char *dot = strchr(s, '.');
    if (up && dot != NULL && dot[1 + strspn(dot + 1, "0")] >= '1' &&
        dot[1 + strspn(dot + 1, "0")] <= '9')
        *ret_s += 1;
    return SELFSAME_OK;
}

static enum selfsame_code
parse_period(const json_t *owner, struct sigstore_period *ret, struct selfsame_err *e)
{
    const json_t *j;

    TRY(sj_object(owner, "validFor", what, &j, e));
    if (j == NULL)
        return SELFSAME_OK;
    TRY(parse_time(j, "start", true, &ret->has_start, &ret->start_s, e));
    return parse_time(j, "end", false, &ret->has_end, &ret->end_s, e);
}

enum selfsame_code
sigstore_period_check(const struct sigstore_period *p, int64_t time_s, const char *who,
    struct selfsame_err *e)
{
    char at[TIME_TEXT], limit[TIME_TEXT];

    if (!p->has_start)
        FAIL(e, SELFSAME_LOG,
            "%s: expected validFor.start in the trusted root, got none", who);
    bool early = time_s < p->start_s;
    if (!early && (!p->has_end || time_s <= p->end_s))
        return SELFSAME_OK;
    time_format(time_s, at);
    time_format(early ? p->start_s : p->end_s, limit);
    FAIL(e, SELFSAME_LOG, "%s: trusted %s %s, used at %s", who,
        early ? "not before" : "until", limit, at);
}

/* ---- logs ---- */

/*
 * A kind of key that we do not know may belong to a log that nobody asks for; one without
 * a SubjectPublicKeyInfo ("PKCS1_...") is an RSA key of old.
 */
static enum selfsame_code
parse_key(struct selfsame_bytes spki, struct selfsame_bytes details,
    struct sigstore_key *ret, struct selfsame_err *e)
{
    ret->spki = spki;
    if (bytes_has_prefix(details, BYTES_LIT("PKCS1_")))
        return SELFSAME_OK;
    enum selfsame_code code = spki_parse(spki, &ret->alg, &ret->key, e);
    if (code == SELFSAME_OK || code == SELFSAME_UNSUPPORTED) {
        if (code != SELFSAME_OK)
            ret->alg = SIG_NONE;
        *e = (struct selfsame_err){ .code = SELFSAME_OK };
        return SELFSAME_OK;
    }
    return err_wrap(e, code, __FILE__, __LINE__, "%s", what);
}

/* "https://rekor.sigstore.dev/" → "rekor.sigstore.dev": the name in its checkpoints. */
static struct selfsame_bytes
host_of(struct selfsame_bytes url)
{
    for (size_t i = 0; i + 3 <= url.len; i++)
        if (bytes_has_prefix(BYTES(url.ptr + i, url.len - i), BYTES_LIT("://"))) {
            url = BYTES(url.ptr + i + 3, url.len - i - 3);
            break;
        }
    while (url.len > 0 && url.ptr[url.len - 1] == '/')
        url.len--;
    return url;
}

static enum selfsame_code
parse_log(const json_t *j, struct arena *arena, struct sigstore_log *ret,
    struct selfsame_err *e)
{
    const json_t *key, *id;
    struct selfsame_bytes spki, url, details;
    uint8_t digest[HASH_MAX];

    TRY(sj_text(j, "baseUrl", what, &url, e));
    TRY(sj_object(j, "publicKey", what, &key, e));
    TRY(sj_object(j, "logId", what, &id, e));
    TRY(sj_base64(key, "rawBytes", what, arena, &spki, e));
    TRY(sj_text(key, "keyDetails", what, &details, e));
    TRY(sj_base64(id, "keyId", what, arena, &ret->id, e));
    if (spki.ptr == NULL || ret->id.ptr == NULL)
        FAIL(e, SELFSAME_MALFORMED,
            "%s: expected publicKey.rawBytes and logId.keyId of a log, got none", what);
    if (!hash_bytes(HASH_SHA256, spki, digest) || !arena_dup(arena, url, &ret->url))
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    memcpy(ret->key_sha256, digest, sizeof(ret->key_sha256));
    ret->host = host_of(ret->url);
    TRY(parse_key(spki, details, &ret->key, e));
    return parse_period(key, &ret->valid, e);
}

static enum selfsame_code
parse_logs(const json_t *root, const char *name, struct arena *arena,
    struct sigstore_log **ret, size_t *ret_count, struct selfsame_err *e)
{
    const json_t *list;

    TRY(sj_array(root, name, SIGSTORE_LOGS, what, &list, ret_count, e));
    *ret = ARENA_NEW(arena, struct sigstore_log, *ret_count + 1);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    for (size_t i = 0; i < *ret_count; i++)
        TRY_WHILE(e, parse_log(json_array_get(list, i), arena, &(*ret)[i], e),
            "%s[%zu]", name, i);
    return SELFSAME_OK;
}

/* ---- authorities ---- */

static enum selfsame_code
parse_authority(const json_t *j, const struct cert_profile *profile,
    struct arena *arena, struct sigstore_authority *ret, struct selfsame_err *e)
{
    const json_t *chain, *list;
    struct selfsame_bytes der;

    TRY(sj_object(j, "certChain", what, &chain, e));
    TRY(sj_array(chain, "certificates", SIGSTORE_CHAIN, what, &list, &ret->count, e));
    if (ret->count == 0)
        FAIL(e, SELFSAME_MALFORMED, "%s: expected certificates, got none", what);
    for (size_t i = 0; i < ret->count; i++) {
        TRY(sj_base64(json_array_get(list, i), "rawBytes", what, arena, &der, e));
        TRY(cert_parse_as(der, profile, &ret->cert[i], e));
    }
    return parse_period(j, &ret->valid, e);
}

static enum selfsame_code
parse_authorities(const json_t *root, const char *name,
    const struct cert_profile *profile, struct arena *arena,
    struct sigstore_authority **ret, size_t *ret_count, struct selfsame_err *e)
{
    const json_t *list;

    TRY(sj_array(root, name, SIGSTORE_AUTHORITIES, what, &list, ret_count, e));
    *ret = ARENA_NEW(arena, struct sigstore_authority, *ret_count + 1);
    if (*ret == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    for (size_t i = 0; i < *ret_count; i++)
        TRY_WHILE(e,
            parse_authority(json_array_get(list, i), profile, arena, &(*ret)[i], e),
            "%s[%zu]", name, i);
    return SELFSAME_OK;
}

static enum selfsame_code
check_media(const json_t *j, struct selfsame_err *e)
{
    static const char *const known[] = {
        "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
        "application/vnd.dev.sigstore.trustedroot.v0.1+json",
        "application/vnd.dev.sigstore.trustedroot.v0.2+json",
    };
    struct selfsame_bytes media;
    char brief[SJ_BRIEF];

    TRY(sj_text(j, "mediaType", what, &media, e));
    for (size_t i = 0; i < COUNT(known); i++)
        if (bytes_eq(media, bytes_str(known[i])))
            return SELFSAME_OK;
    FAIL(e, SELFSAME_UNSUPPORTED, "%s: expected mediaType %s, got \"%.50s\"", what,
        known[0], sj_brief(media, brief));
}

enum selfsame_code
sigstore_root_parse(struct selfsame_bytes json, struct arena *arena,
    const struct sigstore_root **ret, struct selfsame_err *e)
{
    struct sigstore_root *r = ARENA_NEW(arena, struct sigstore_root, 1);
    auto_json *j = NULL;

    if (r == NULL)
        FAIL(e, SELFSAME_NOMEM, "%s: out of memory", what);
    TRY(json_parse(json, what, &j, e));
    TRY(check_media(j, e));
    TRY(parse_logs(j, "tlogs", arena, &r->logs, &r->log_count, e));
    TRY(parse_logs(j, "ctlogs", arena, &r->ct_logs, &r->ct_log_count, e));
    TRY(parse_authorities(j, "certificateAuthorities", &sigstore_profile, arena,
        &r->authorities, &r->authority_count, e));
    TRY(parse_authorities(j, "timestampAuthorities", &timestamp_profile, arena,
        &r->tsas, &r->tsa_count, e));
    *ret = r;
    return SELFSAME_OK;
}
